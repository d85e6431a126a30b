#include "sched/store/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/must.h"
#include "sched/store/crc.h"
#include "sched/store/wrap.h"

enum { HEAD = 1, PIECE = 2, END = 3, RECORD_LEN = 9, HEAD_LEN = 52, VERSION = 1 };
/* What one turn writes, and how much the disk gets at one time: the loop is held for less than a millisecond. */
enum { WRITE_MAX = 64 << 10, SYNC_PIECES = 16 };
enum { ROW_LEN = 8, PLAIN_MAX = BATCH_MAX + SNAPSHOT_PIECE_MAX, RECORD_MAX = PLAIN_MAX + 64 };

struct snapshot_name snapshot_name(uint64_t index)
{
	struct snapshot_name n;

	snprintf(n.s, sizeof(n.s), "store/snapshot-%016" PRIx64, index);
	return n;
}

static struct wrap_place place(const struct snapshot_head *h, uint32_t piece)
{
	return (struct wrap_place){h->store, h->epoch, h->index, piece};
}

/* ---- writing ---- */

void snapshot_begin(struct snapshot_writer *w, const struct snapshot_head *head,
		    const struct kv *kv)
{
	must(w->frozen == NULL);
	*w = (struct snapshot_writer){.head = *head, .frozen = kv_freeze(kv)};
}

void snapshot_end(struct snapshot_writer *w)
{
	if (w->frozen == NULL)
		return;
	kv_close(w->frozen);
	w->frozen = NULL;
}

static void add(struct buffer *to, struct bytes more)
{
	enum err err = buffer_add(to, more);

	must(err == OK);
}

static void put_record(struct buffer *out, uint8_t type, struct bytes body)
{
	uint8_t head[RECORD_LEN];
	uint32_t crc;

	put_u32(head, (uint32_t)(1 + body.len));
	head[8] = type;
	crc = crc32c(0, bytes_of(head, 4));
	crc = crc32c(crc, bytes_of(head + 8, 1));
	put_u32(head + 4, crc32c(crc, body));
	add(out, bytes_of(head, sizeof(head)));
	add(out, body);
}

static void put_head(const struct snapshot_head *h, struct buffer *out)
{
	struct buffer body;
	uint8_t fixed[HEAD_LEN];
	enum err err;

	buffer_init(&body, FRAME_MAX);
	put_u32(fixed, VERSION);
	memcpy(fixed + 4, h->store.b, 16);
	put_u64(fixed + 20, h->epoch.generation);
	put_u64(fixed + 28, h->index);
	put_u64(fixed + 36, h->epoch.term);
	put_u64(fixed + 44, h->voters_index);
	add(&body, bytes_of(fixed, sizeof(fixed)));
	err = voters_put(&h->voters, &body);
	must(err == OK);
	put_record(out, HEAD, buffer_bytes(&body));
	buffer_fini(&body);
}

static void put_row(void *with, struct bytes key, struct bytes value)
{
	struct buffer *plain = with;
	uint8_t head[ROW_LEN];

	put_u32(head, (uint32_t)key.len);
	put_u32(head + 4, (uint32_t)value.len);
	add(plain, bytes_of(head, sizeof(head)));
	add(plain, key);
	add(plain, value);
}

/* Rows up to about one piece; false when there are no more. What is written is let go of at once: the map, which changes
 * meanwhile, then needs no second copy of it. */
static bool put_rows(struct snapshot_writer *w, struct buffer *plain)
{
	while (plain->len < WRITE_MAX)
		if (!kv_shift(w->frozen, put_row, plain))
			return false;
	return true;
}

void snapshot_write(struct snapshot_writer *w, const uint8_t key[32], uint64_t token,
		    struct outbox *o)
{
	struct snapshot_name name = snapshot_name(w->head.index);
	struct buffer plain, sealed, out;
	struct wrap_place at;
	bool more;
	enum err err;

	must(w->frozen != NULL);
	must(!w->ended);
	must(!w->waits);
	buffer_init(&plain, RECORD_MAX);
	buffer_init(&sealed, RECORD_MAX);
	buffer_init(&out, 2 * RECORD_MAX);
	if (w->offset == 0) {
		outbox_drop(o, name.s, 0);
		put_head(&w->head, &out);
	}
	more = put_rows(w, &plain);
	if (plain.len > 0) {
		at = place(&w->head, ++w->pieces);
		err = wrap_put(key, &at, buffer_bytes(&plain), &sealed);
		must(err == OK);
		put_record(&out, PIECE, buffer_bytes(&sealed));
	}
	if (!more) {
		uint8_t end[4];

		put_u32(end, w->pieces);
		put_record(&out, END, bytes_of(end, sizeof(end)));
		w->ended = true;
	}
	outbox_append(o, name.s, w->offset, buffer_bytes(&out), 0);
	w->offset += out.len;
	w->waits = w->ended || w->pieces % SYNC_PIECES == 0;
	if (w->waits)
		outbox_sync(o, name.s, token);
	buffer_fini(&plain);
	buffer_fini(&sealed);
	buffer_fini(&out);
}

/* ---- reading ---- */

void snapshot_reader_init(struct snapshot_reader *r, const uint8_t *key)
{
	*r = (struct snapshot_reader){.key = key};
	buffer_init(&r->left, RECORD_MAX + SNAPSHOT_PIECE_MAX + RECORD_LEN);
	if (key != NULL)
		r->kv = kv_open(STATE_MAX);
}

void snapshot_reader_fini(struct snapshot_reader *r)
{
	kv_close(r->kv);
	buffer_fini(&r->left);
	*r = (struct snapshot_reader){0};
}

static enum err take_head(struct snapshot_reader *r, struct bytes body)
{
	enum err err;

	if (r->begun || body.len < HEAD_LEN)
		return ERR_MALFORMED;
	if (get_u32(body.at) != VERSION)
		return ERR_VERSION;
	memcpy(r->head.store.b, body.at + 4, 16);
	r->head.epoch.generation = get_u64(body.at + 20);
	r->head.index = get_u64(body.at + 28);
	r->head.epoch.term = get_u64(body.at + 36);
	r->head.voters_index = get_u64(body.at + 44);
	err = voters_get(bytes_of(body.at + HEAD_LEN, body.len - HEAD_LEN), &r->head.voters);
	if (err == OK && r->head.index == 0)
		err = ERR_MALFORMED;
	r->begun = err == OK;
	return err;
}

static enum err take_rows(struct kv *kv, struct bytes plain)
{
	while (plain.len > 0) {
		size_t key_len, value_len;
		enum err err;

		if (plain.len < ROW_LEN)
			return ERR_SHORT;
		key_len = get_u32(plain.at);
		value_len = get_u32(plain.at + 4);
		if (key_len == 0 || key_len > plain.len - ROW_LEN ||
		    value_len > plain.len - ROW_LEN - key_len)
			return ERR_SHORT;
		err = kv_put(kv, bytes_of(plain.at + ROW_LEN, key_len),
			     bytes_of(plain.at + ROW_LEN + key_len, value_len));
		if (err != OK)
			return err;
		plain.at += ROW_LEN + key_len + value_len;
		plain.len -= ROW_LEN + key_len + value_len;
	}
	return OK;
}

static enum err take_piece(struct snapshot_reader *r, struct bytes sealed)
{
	struct wrap_place at = place(&r->head, ++r->pieces);
	struct buffer plain;
	enum err err;

	if (r->key == NULL)
		return OK;
	buffer_init(&plain, RECORD_MAX);
	err = wrap_get(r->key, &at, sealed, &plain);
	if (err == OK)
		err = take_rows(r->kv, buffer_bytes(&plain));
	buffer_fini(&plain);
	return err;
}

static enum err take_record(struct snapshot_reader *r, uint8_t type, struct bytes body)
{
	if (r->ended || (type != HEAD && !r->begun))
		return ERR_MALFORMED;
	switch (type) {
	case HEAD:
		return take_head(r, body);
	case PIECE:
		return take_piece(r, body);
	case END:
		if (body.len < 4 || get_u32(body.at) != r->pieces)
			return ERR_MALFORMED;
		r->ended = true;
		return OK;
	default:
		return ERR_MALFORMED;
	}
}

/* Whole records off the front of `all`; `*used` is how much they took. */
static enum err take_records(struct snapshot_reader *r, struct bytes all, size_t *used)
{
	*used = 0;
	while (all.len - *used >= RECORD_LEN) {
		const uint8_t *at = all.at + *used;
		size_t len = get_u32(at);
		uint32_t crc;
		enum err err;

		if (len == 0 || len > RECORD_MAX)
			return ERR_CORRUPT;
		if (all.len - *used - 8 < len)
			return OK;
		crc = crc32c(0, bytes_of(at, 4));
		if (crc32c(crc, bytes_of(at + 8, len)) != get_u32(at + 4))
			return ERR_CORRUPT;
		err = take_record(r, at[8], bytes_of(at + RECORD_LEN, len - 1));
		if (err != OK)
			return err;
		*used += 8 + len;
	}
	return OK;
}

enum err snapshot_read(struct snapshot_reader *r, struct bytes more)
{
	while (more.len > 0) {
		size_t take = more.len < SNAPSHOT_PIECE_MAX ? more.len : SNAPSHOT_PIECE_MAX, used;
		enum err err = buffer_add(&r->left, bytes_of(more.at, take));

		if (err == OK)
			err = take_records(r, buffer_bytes(&r->left), &used);
		if (err != OK)
			return err;
		buffer_skip(&r->left, used);
		more.at += take;
		more.len -= take;
	}
	return OK;
}

/* ---- at start ---- */

struct positions {
	uint64_t at[16];
	uint32_t count;
};

/* Names come in byte order, so positions rise; of too many the oldest is passed over. */
static void note(void *with, const char *name)
{
	struct positions *p = with;
	uint64_t index;
	int used = 0;

	if (sscanf(name, "snapshot-%16" SCNx64 "%n", &index, &used) != 1 || name[used] != '\0')
		return;
	if (p->count == 16) {
		memmove(p->at, p->at + 1, 15 * sizeof(p->at[0]));
		p->count--;
	}
	p->at[p->count++] = index;
}

enum err snapshot_find(const struct disk *disk, const uint8_t *key, struct snapshot_found *found,
		       char why[200])
{
	struct positions p = {.count = 0};
	enum err err = disk->list(disk->self, "store", note, &p);

	*found = (struct snapshot_found){.others = 0};
	if (err != OK && err != ERR_NOT_FOUND) {
		snprintf(why, 200, "store can not be listed: %s", err_text(err));
		return err;
	}
	for (uint32_t i = p.count; i-- > 0;) {
		struct snapshot_reader r;
		struct buffer bytes;

		if (found->head.index != 0) {
			found->other[found->others++] = p.at[i];
			continue;
		}
		buffer_init(&bytes, SNAPSHOT_FILE_MAX);
		snapshot_reader_init(&r, key);
		err = disk->read(disk->self, snapshot_name(p.at[i]).s, &bytes);
		if (err == OK)
			err = snapshot_read(&r, buffer_bytes(&bytes));
		if (err == ERR_FORGED) {
			snprintf(why, 200, "%s is sealed under another store key",
				 snapshot_name(p.at[i]).s);
			snapshot_reader_fini(&r);
			buffer_fini(&bytes);
			return err;
		}
		if (err == OK && r.ended && r.head.index == p.at[i]) {
			found->head = r.head;
			found->kv = r.kv;
			found->size = bytes.len;
			r.kv = NULL;
		} else {
			found->other[found->others++] = p.at[i];
		}
		snapshot_reader_fini(&r);
		buffer_fini(&bytes);
	}
	return OK;
}
