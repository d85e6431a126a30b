#include "sched/store/wal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "sched/store/crc.h"
#include "sched/store/voters.h"

static const uint8_t magic[8] = {'w', 'i', 't', 'a', 'n', 'w', 'a', 'l'};

struct wal_name wal_name(uint32_t file)
{
	struct wal_name n;

	snprintf(n.s, sizeof(n.s), "store/wal-%08" PRIx32, file);
	return n;
}

void wal_init(struct wal *w)
{
	*w = (struct wal){.run_first = UINT64_MAX, .next = 1, .file_max = WAL_FILE_MAX};
	buffer_init(&w->run, LOG_MEMORY_MAX + FRAME_MAX);
	buffer_init(&w->sent, LOG_MEMORY_MAX + FRAME_MAX);
}

void wal_fini(struct wal *w)
{
	buffer_fini(&w->run);
	buffer_fini(&w->sent);
}

bool wal_is_made(const struct wal *w)
{
	return w->first_file != 0;
}

void wal_make(struct wal *w, struct id store, struct id voter)
{
	must(!wal_is_made(w));
	must(!id_is_none(voter));
	w->store = store;
	w->voter = voter;
	w->state = (struct wal_state){.generation = 1, .boot = 1};
	w->generation = generation_first(store);
	w->first_file = w->file = 1;
	w->file_first = 1;
	w->end = 0;
	wal_put_state(w);
}

void wal_forget(struct wal *w, struct outbox *o)
{
	uint32_t file_max = w->file_max;

	wal_drop_before(w, w->file + 1, o);
	wal_fini(w);
	wal_init(w);
	w->file_max = file_max;
}

/* ---- writing ---- */

static void add(struct buffer *to, struct bytes more)
{
	enum err err = buffer_add(to, more);

	must(err == OK);
}

/* The run's offset and the crc are filled in when the run is handed over. */
static void put_head(struct buffer *to, enum wal_type type, size_t body)
{
	uint8_t head[WAL_RECORD_LEN] = {0};

	put_u32(head, (uint32_t)(5 + body));
	head[8] = (uint8_t)type;
	add(to, bytes_of(head, sizeof(head)));
}

static void put_state(struct buffer *to, const struct wal_state *s)
{
	uint8_t body[40];

	put_u64(body, s->generation);
	put_u64(body + 8, s->term);
	memcpy(body + 16, s->vote.b, 16);
	put_u64(body + 32, s->boot);
	put_head(to, WAL_STATE, sizeof(body));
	add(to, bytes_of(body, sizeof(body)));
}

static void put_proposal(struct buffer *to, const struct wal *w)
{
	put_head(to, WAL_PROPOSAL, (size_t)w->proposal_count * sizeof(struct id));
	add(to, bytes_of(w->proposal, (size_t)w->proposal_count * sizeof(struct id)));
}

static void put_generation(struct buffer *to, enum wal_type type, const struct generation *g)
{
	struct buffer body;

	buffer_init(&body, FRAME_MAX);
	if (g->number > 0) {
		enum err err = generation_put(g, &body);

		must(err == OK);
	}
	put_head(to, type, body.len);
	add(to, buffer_bytes(&body));
	buffer_fini(&body);
}

void wal_put_generation(struct wal *w)
{
	must(wal_is_made(w));
	put_generation(&w->run, WAL_GENERATION, &w->generation);
}

void wal_put_rival(struct wal *w)
{
	must(wal_is_made(w));
	put_generation(&w->run, WAL_RIVAL, &w->rival);
}

void wal_put_state(struct wal *w)
{
	must(wal_is_made(w));
	put_state(&w->run, &w->state);
}

void wal_put_proposal(struct wal *w)
{
	must(wal_is_made(w));
	put_proposal(&w->run, w);
}

#define ENTRY_HEAD_LEN 17u

void wal_put_entry(struct wal *w, const struct entry *e)
{
	uint8_t head[ENTRY_HEAD_LEN];

	must(wal_is_made(w));
	must(e->index > 0);
	put_u64(head, e->index);
	put_u64(head + 8, e->term);
	head[16] = (uint8_t)e->kind;
	put_head(&w->run, WAL_ENTRY, sizeof(head) + e->body.len);
	add(&w->run, bytes_of(head, sizeof(head)));
	add(&w->run, e->body);
	if (e->index < w->run_first)
		w->run_first = e->index;
	w->next = e->index + 1;
}

void wal_put_base(struct wal *w, uint64_t index, uint64_t term)
{
	uint8_t body[16];

	must(wal_is_made(w));
	put_u64(body, index);
	put_u64(body + 8, term);
	put_head(&w->run, WAL_BASE, sizeof(body));
	add(&w->run, bytes_of(body, sizeof(body)));
	if (index + 1 < w->run_first)
		w->run_first = index + 1;
	w->next = index + 1;
}

bool wal_has_run(const struct wal *w)
{
	return w->run.len > 0 || w->cut_due || w->read_back || w->torn_file != 0;
}

size_t wal_gathered(const struct wal *w)
{
	return w->run.len;
}

static void begin_file(struct wal *w)
{
	uint8_t head[WAL_HEAD_LEN];

	if (w->end > 0)
		w->file++;
	w->end = 0;
	w->file_first = w->run_first < w->next ? w->run_first : w->next;
	memcpy(head, magic, 8);
	put_u32(head + 8, WAL_VERSION);
	put_u32(head + 12, w->file);
	memcpy(head + 16, w->store.b, 16);
	memcpy(head + 32, w->voter.b, 16);
	put_u64(head + 48, w->file_first);
	put_u32(head + 56, 0);
	put_u32(head + 60, crc32c(0, bytes_of(head, 60)));
	buffer_clear(&w->sent);
	add(&w->sent, bytes_of(head, sizeof(head)));
	put_state(&w->sent, &w->state);
	if (w->proposal_count > 0)
		put_proposal(&w->sent, w);
	if (w->generation.number > 1)
		put_generation(&w->sent, WAL_GENERATION, &w->generation);
	if (w->rival.number > 0)
		put_generation(&w->sent, WAL_RIVAL, &w->rival);
	add(&w->sent, buffer_bytes(&w->run));
	buffer_clear(&w->run);
}

/* Fills in what each record could not know before: where its run begins, and its checksum. */
static void finish(struct buffer *run, size_t from, uint64_t begun)
{
	must(begun <= UINT32_MAX);
	for (size_t at = from; at < run->len;) {
		uint8_t *r = run->at + at;
		size_t len = get_u32(r);
		uint32_t crc;

		put_u32(r + 9, (uint32_t)begun);
		crc = crc32c(0, bytes_of(r, 4));
		put_u32(r + 4, crc32c(crc, bytes_of(r + 8, len)));
		at += 8 + len;
		must(at <= run->len);
	}
}

static void hand_over(struct wal *w, uint64_t token, struct outbox *o)
{
	struct wal_name name = wal_name(w->file);

	outbox_append(o, name.s, w->sent_at, buffer_bytes(&w->sent),
		      w->sent_at == 0 ? w->file_max : 0);
	outbox_sync(o, name.s, token);
}

bool wal_flush(struct wal *w, uint64_t token, struct outbox *o)
{
	must(wal_is_made(w));
	if (w->torn_file != 0) {
		outbox_drop(o, wal_name(w->torn_file).s, token);
		w->torn_file = 0;
		return false;
	}
	if (w->cut_due) {
		outbox_cut(o, wal_name(w->file).s, w->end, token);
		w->cut_due = false;
		w->read_back = false;
		return false;
	}
	if (w->read_back) {
		outbox_sync(o, wal_name(w->file).s, token);
		w->read_back = false;
		return false;
	}
	must(w->run.len > 0);
	if (w->end == 0 || w->run_first < w->file_first || w->end + w->run.len > w->file_max) {
		begin_file(w);
		finish(&w->sent, WAL_HEAD_LEN, 0);
	} else {
		struct buffer old = w->sent;

		w->sent = w->run;
		w->run = old;
		buffer_clear(&w->run);
		finish(&w->sent, 0, w->end);
	}
	w->sent_at = w->end;
	w->end += w->sent.len;
	w->run_first = UINT64_MAX;
	w->runs++;
	hand_over(w, token, o);
	return true;
}

void wal_repeat(struct wal *w, uint64_t token, struct outbox *o)
{
	/* Before the first run only the sync of what was read can have found no room. */
	if (w->sent.len == 0)
		outbox_sync(o, wal_name(w->file).s, token);
	else
		hand_over(w, token, o);
}

bool wal_sent_entry(const struct wal *w, size_t *at, uint64_t *index, uint32_t *place)
{
	if (*at == 0 && w->sent_at == 0)
		*at = WAL_HEAD_LEN;
	while (*at < w->sent.len) {
		const uint8_t *r = w->sent.at + *at;
		size_t here = *at;

		*at += 8 + get_u32(r);
		if (r[8] != WAL_ENTRY)
			continue;
		*index = get_u64(r + WAL_RECORD_LEN);
		*place = (uint32_t)(w->sent_at + here);
		return true;
	}
	return false;
}

size_t wal_entry_len(size_t len)
{
	return WAL_RECORD_LEN + ENTRY_HEAD_LEN + len;
}

void wal_drop_before(struct wal *w, uint32_t file, struct outbox *o)
{
	for (; w->first_file < file; w->first_file++)
		outbox_drop(o, wal_name(w->first_file).s, 0);
}

/* ---- reading ---- */

static bool is_known(uint8_t type)
{
	return (type >= WAL_STATE && type <= WAL_PROPOSAL) || type == WAL_GENERATION ||
	       type == WAL_RIVAL;
}

enum err wal_record_get(struct bytes file, size_t at, struct wal_record *out)
{
	const uint8_t *r = file.at + at;
	size_t len;
	uint32_t crc;

	if (at > file.len || file.len - at < WAL_RECORD_LEN)
		return ERR_SHORT;
	len = get_u32(r);
	if (len == 0)
		return ERR_SHORT;
	if (len < 5 || len > file.len - at - 8 || !is_known(r[8]) || get_u32(r + 9) > at)
		return ERR_CORRUPT;
	crc = crc32c(0, bytes_of(r, 4));
	if (crc32c(crc, bytes_of(r + 8, len)) != get_u32(r + 4))
		return ERR_CORRUPT;
	out->type = (enum wal_type)r[8];
	out->run = get_u32(r + 9);
	out->body = bytes_of(r + WAL_RECORD_LEN, len - 5);
	out->len = 8 + len;
	return OK;
}

enum err wal_take_entry(struct bytes *records, struct entry *out)
{
	const uint8_t *r = records->at;
	size_t len;
	uint32_t crc;

	if (records->len < WAL_RECORD_LEN)
		return ERR_SHORT;
	len = get_u32(r);
	if (len < 5 + ENTRY_HEAD_LEN || len > records->len - 8 || r[8] != WAL_ENTRY)
		return ERR_CORRUPT;
	crc = crc32c(0, bytes_of(r, 4));
	if (crc32c(crc, bytes_of(r + 8, len)) != get_u32(r + 4))
		return ERR_CORRUPT;
	r += WAL_RECORD_LEN;
	*out = (struct entry){get_u64(r), get_u64(r + 8), (enum entry_kind)r[16],
			      bytes_of(r + ENTRY_HEAD_LEN, len - 5 - ENTRY_HEAD_LEN)};
	*records = bytes_of(records->at + 8 + len, records->len - 8 - len);
	return OK;
}

/* A record of a run begun after `bad`: then what is bad had been synced. */
static bool has_later_run(struct bytes file, size_t bad)
{
	struct wal_record r;

	for (size_t at = bad + 1; at + WAL_RECORD_LEN <= file.len; at++)
		if (wal_record_get(file, at, &r) == OK && r.run > bad)
			return true;
	return false;
}

struct files {
	uint32_t number[WAL_FILES_MAX];
	uint32_t count;
	bool too_many;
};

static void note_file(void *with, const char *name)
{
	struct files *f = with;
	uint32_t number;
	int used = 0;

	if (sscanf(name, "wal-%8" SCNx32 "%n", &number, &used) != 1 || name[used] != '\0')
		return;
	if (f->count == WAL_FILES_MAX) {
		f->too_many = true;
		return;
	}
	f->number[f->count++] = number;
}

struct reader {
	struct wal *wal;
	struct log *log;
	uint64_t base;
	uint64_t base_term;
	bool void_tail; /* what follows the base in the wal is not what the snapshot holds */
	uint32_t file;
	char *why;
};

static enum err damaged(const struct reader *r, const char *what, size_t at)
{
	snprintf(r->why, 200,
		 "%s is damaged: %s at byte %zu; restore the disk, or remove store/ to "
		 "let this node join anew",
		 wal_name(r->file).s, what, at);
	return ERR_CORRUPT;
}

static enum err take_entry(struct reader *r, const struct wal_record *record, size_t at)
{
	struct log *log = r->log;
	struct entry e;

	if (record->body.len < 17)
		return damaged(r, "an entry is too short", at);
	e.index = get_u64(record->body.at);
	e.term = get_u64(record->body.at + 8);
	e.kind = (enum entry_kind)record->body.at[16];
	e.body = bytes_of(record->body.at + 17, record->body.len - 17);
	if (!entry_is_whole(record->body.at[16], e.body) || e.index == 0 || e.term == 0)
		return damaged(r, "an entry of unknown kind", at);
	if (e.index <= r->base) {
		log_reset(log, r->base, r->base_term);
		r->void_tail = e.index == r->base && e.term != r->base_term;
		return OK;
	}
	if (e.index > log_last(log) + 1) {
		if (r->void_tail)
			return OK;
		return damaged(r, "entries are missing", at);
	}
	log_truncate(log, e.index);
	if (r->void_tail)
		return OK;
	if (e.term < log_last_term(log))
		return damaged(r, "terms go back", at);
	log_append(log, &e, r->file);
	log_set_file(log, e.index, r->file, (uint32_t)at);
	return OK;
}

static enum err take_generation(struct reader *r, const struct wal_record *record, size_t at)
{
	struct wal *w = r->wal;
	struct generation g = {.number = 0};
	bool rival = record->type == WAL_RIVAL;

	if ((record->body.len > 0 || !rival) && generation_get(record->body, &g) != OK)
		return damaged(r, "a generation that can not be read", at);
	if (rival) {
		w->rival = g;
		return OK;
	}
	if (!id_same(g.store, w->store))
		return damaged(r, "a generation of another store", at);
	w->generation = g;
	return OK;
}

static enum err take_record(struct reader *r, const struct wal_record *record, size_t at)
{
	struct wal *w = r->wal;
	const uint8_t *body = record->body.at;

	switch (record->type) {
	case WAL_STATE:
		if (record->body.len < 40)
			return damaged(r, "a state is too short", at);
		w->state.generation = get_u64(body);
		w->state.term = get_u64(body + 8);
		memcpy(w->state.vote.b, body + 16, 16);
		w->state.boot = get_u64(body + 32);
		return OK;
	case WAL_ENTRY:
		return take_entry(r, record, at);
	case WAL_BASE:
		if (record->body.len < 16)
			return damaged(r, "a base is too short", at);
		if (get_u64(body) > r->base)
			return damaged(r, "the snapshot it builds on is missing", at);
		log_reset(r->log, r->base, r->base_term);
		r->void_tail = get_u64(body) == r->base && get_u64(body + 8) != r->base_term;
		return OK;
	case WAL_PROPOSAL:
		if (record->body.len > sizeof(w->proposal) || record->body.len % 16 != 0)
			return damaged(r, "a proposal of odd size", at);
		w->proposal_count = (uint32_t)(record->body.len / 16);
		if (record->body.len > 0)
			memcpy(w->proposal, body, record->body.len);
		return OK;
	case WAL_GENERATION:
	case WAL_RIVAL:
		return take_generation(r, record, at);
	}
	return damaged(r, "a record of unknown type", at);
}

static bool all_zero(struct bytes b, size_t from)
{
	for (size_t i = from; i < b.len; i++)
		if (b.at[i] != 0)
			return false;
	return true;
}

/* The head; ERR_SHORT when it is torn, ERR_NOT_FOUND when it builds on files that are gone, and another one follows. */
static enum err read_head(struct reader *r, struct bytes file, bool first, bool last)
{
	struct wal *w = r->wal;
	const uint8_t *h = file.at;

	if (file.len < WAL_HEAD_LEN || memcmp(h, magic, 8) != 0 ||
	    get_u32(h + 60) != crc32c(0, bytes_of(h, 60)))
		return ERR_SHORT;
	if (get_u32(h + 8) != WAL_VERSION) {
		snprintf(r->why, 200, "%s is of version %" PRIu32 ", this program knows %u",
			 wal_name(r->file).s, get_u32(h + 8), WAL_VERSION);
		return ERR_VERSION;
	}
	if (get_u32(h + 12) != r->file)
		return damaged(r, "it is another file", 12);
	if (!first && (memcmp(w->store.b, h + 16, 16) != 0 || memcmp(w->voter.b, h + 32, 16) != 0))
		return damaged(r, "it is of another store or voter", 16);
	memcpy(w->store.b, h + 16, 16);
	memcpy(w->voter.b, h + 32, 16);
	if (first)
		w->generation = generation_first(w->store);
	w->file_first = get_u64(h + 48);
	if (first && w->file_first > r->base + 1)
		return last ? damaged(r, "older files are missing before it", 48) : ERR_NOT_FOUND;
	return OK;
}

/* One file; ERR_SHORT when not even its first run is whole. */
static enum err read_file(struct reader *r, struct bytes file, bool first, bool last)
{
	struct wal *w = r->wal;
	struct wal_record record;
	enum err err = read_head(r, file, first, last);
	size_t at = WAL_HEAD_LEN;
	bool torn;

	if (err == ERR_SHORT) {
		if (!last || has_later_run(file, 0))
			return damaged(r, "its head", 0);
		return ERR_SHORT;
	}
	if (err != OK)
		return err;
	while (at < file.len) {
		err = wal_record_get(file, at, &record);
		if (err != OK)
			break;
		err = take_record(r, &record, at);
		if (err != OK)
			return err;
		at += record.len;
	}
	/* What was set aside and never written reads as zeros. */
	torn = !all_zero(file, at);
	if (torn && (!last || has_later_run(file, at)))
		return damaged(r, "a bad record is followed by good ones", at);
	/* Without its first state it never promised anything. */
	if (at == WAL_HEAD_LEN && last)
		return ERR_SHORT;
	w->file = r->file;
	w->end = at;
	w->cut_due = torn;
	return OK;
}

static enum err read_files(struct reader *r, const struct disk *disk, const struct files *files)
{
	uint32_t from = files->count - 1;
	struct wal *w = r->wal;
	enum err err = OK;

	/* Removing old files is not synced: after a power failure some may be back. What counts is
	 * the last unbroken row, from the first file in it that builds on nothing that is gone. */
	while (from > 0 && files->number[from - 1] + 1 == files->number[from])
		from--;
	for (uint32_t i = from; i < files->count && err == OK; i++) {
		struct buffer bytes;

		r->file = files->number[i];
		buffer_init(&bytes, WAL_FILE_MAX + LOG_MEMORY_MAX);
		err = disk->read(disk->self, wal_name(r->file).s, &bytes);
		if (err != OK)
			snprintf(r->why, 200, "%s can not be read: %s", wal_name(r->file).s,
				 err_text(err));
		else
			err = read_file(r, buffer_bytes(&bytes), i == from, i == files->count - 1);
		if (err == ERR_NOT_FOUND && i == from && i < files->count - 1) {
			from++;
			err = OK;
		}
		buffer_fini(&bytes);
	}
	if (err == ERR_SHORT) {
		w->torn_file = r->file;
		err = OK;
	}
	w->first_file = w->file == 0 ? 0 : files->number[0];
	w->read_back = w->end > 0;
	return err;
}

/* The state of a generation is written together with it, but a tear may come between. */
static void keep_state_with_generation(struct wal *w)
{
	uint64_t first = generation_first_term(w->generation.number);

	w->state.generation = w->generation.number;
	if (w->state.term >= first)
		return;
	w->state.term = first;
	w->state.vote = id_none;
}

enum err wal_read(struct wal *w, const struct disk *disk, struct log *log, uint64_t base,
		  uint64_t base_term, char why[200])
{
	struct reader r = {.wal = w, .log = log, .base = base, .base_term = base_term, .why = why};
	struct files *files = calloc(1, sizeof(*files));
	enum err err;

	must(files != NULL);
	log_reset(log, base, base_term);
	err = disk->list(disk->self, "store", note_file, files);
	if (err == ERR_NOT_FOUND)
		err = OK;
	if (err != OK)
		snprintf(why, 200, "store can not be listed: %s", err_text(err));
	if (err == OK && files->too_many) {
		snprintf(why, 200, "store holds more than %u files of the log", WAL_FILES_MAX);
		err = ERR_TOO_BIG;
	}
	if (err == OK && files->count > 0)
		err = read_files(&r, disk, files);
	free(files);
	if (err != OK || !wal_is_made(w))
		return err;
	keep_state_with_generation(w);
	w->next = log_last(log) + 1;
	if (r.void_tail)
		wal_put_base(w, base, base_term);
	return OK;
}
