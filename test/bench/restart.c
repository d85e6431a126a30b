/* A store as a voter that was killed leaves it: a log with a million entries that no snapshot holds, sealed and summed as
 * ever, written here by the same code that writes it there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "net/shelf.h"
#include "sched/batch.h"
#include "sched/store/voters.h"
#include "sched/store/wal.h"
#include "sched/store/wrap.h"
#include "test/bench/bench.h"

enum { VALUE_LEN = 60, RUN_LEN = 256 << 10, KEYS = 100000 };

struct writer {
	struct shelf shelf;
	struct opened opened;
	struct wal wal;
	struct outbox *outbox;
	const struct keyring *ring;
};

static void flush(struct writer *w)
{
	must(wal_flush(&w->wal, 1, w->outbox));
	for (size_t i = 0; i < outbox_count(w->outbox); i++) {
		const struct effect *e = outbox_at(w->outbox, i);

		if (e->kind == EFFECT_APPEND)
			shelf_append(&w->shelf, &w->opened, e->disk.file, e->disk.at, e->disk.body,
				     e->disk.reserve);
		else if (shelf_sync(&w->shelf, &w->opened, e->disk.file) != OK)
			bench_fail("the log can not be written");
	}
	outbox_clear(w->outbox);
}

static void put(struct writer *w, uint64_t index, enum entry_kind kind, struct bytes body)
{
	struct entry e = {index, 1, kind, body};

	wal_put_entry(&w->wal, &e);
	if (wal_gathered(&w->wal) > RUN_LEN)
		flush(w);
}

static void put_voters(struct writer *w, struct id node)
{
	struct voters v = {0};
	struct buffer body;

	voters_add(&v,
		   (struct seat){
			   .voter = w->wal.voter, .node = node, .scheduler = true, .votes = true});
	buffer_init(&body, FRAME_MAX);
	must(voters_put(&v, &body) == OK);
	put(w, 1, ENTRY_VOTERS, buffer_bytes(&body));
	buffer_fini(&body);
}

static void put_batch(struct writer *w, uint64_t index, struct buffer *plain, struct buffer *sealed)
{
	struct wrap_place at = {w->wal.store, {1, 1}, index, 0};
	uint8_t value[VALUE_LEN] = {0};
	struct batch batch;
	uint8_t key[BENCH_KEY_LEN];

	put_u64(value, index);
	batch_init(&batch);
	must(batch_put(&batch, bench_key(index % KEYS, key), bytes_of(value, sizeof(value))) == OK);
	buffer_clear(plain);
	buffer_clear(sealed);
	must(batch_pack(&batch, index, plain) == OK);
	must(wrap_put(w->ring->store_key, &at, buffer_bytes(plain), sealed) == OK);
	put(w, index, ENTRY_BATCH, buffer_bytes(sealed));
	batch_fini(&batch);
}

void restart_prepare(const char *root, const struct keyring *ring, struct id node, uint64_t entries)
{
	struct writer w = {.ring = ring};
	struct buffer plain, sealed;
	char why[SHELF_WHY_MAX];

	if (shelf_open(&w.shelf, root, why) != OK)
		bench_fail("%s", why);
	opened_init(&w.opened);
	w.outbox = outbox_open();
	wal_init(&w.wal);
	wal_make(&w.wal, (struct id){{1}}, (struct id){{2}});
	w.wal.state.term = 1;
	wal_put_state(&w.wal);
	buffer_init(&plain, BATCH_MAX);
	buffer_init(&sealed, FRAME_MAX);
	put_voters(&w, node);
	for (uint64_t i = 2; i <= entries; i++)
		put_batch(&w, i, &plain, &sealed);
	flush(&w);
	buffer_fini(&plain);
	buffer_fini(&sealed);
	wal_fini(&w.wal);
	outbox_close(w.outbox);
	opened_fini(&w.opened);
	shelf_close(&w.shelf);
}
