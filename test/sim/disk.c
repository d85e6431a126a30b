/* A host's files. An operation is asked for, waits in its lane, and is done; SYNC makes durable what its file holds
 * then; a crash of the agent leaves some of what waited undone, in order; when the power goes, what was not synced is
 * gone, or stays in part: a torn tail is a thing that happens here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "test/sim/sim.h"

#define NAME_ROOM (FILE_NAME_MAX + 1)
#define LANES     4u

/* Bytes that were there before a write that is not synced yet. */
struct undo {
	uint64_t at;
	struct buffer was; /* what stood there; shorter at the end of the file */
	uint64_t length;   /* of the file before */
	size_t len;        /* bytes written */
};

struct file {
	char name[NAME_ROOM];
	struct buffer live;
	struct undo *undo;
	size_t undos;
	bool broken; /* an APPEND found no room: its SYNCs fail until that place is written, as the doors have it */
	uint64_t lost;
};

struct operation {
	enum effect_kind kind;
	char name[NAME_ROOM];
	char to[NAME_ROOM]; /* MOVE */
	uint64_t at, token;
	uint32_t len;
	uint8_t *bytes;
	size_t size;
};

struct lane {
	struct operation *op;
	size_t count, room;
};

struct files {
	struct file **file; /* sorted by name */
	size_t count, room;
	struct lane lane[LANES];
	bool full;
	uint64_t slow_us;
};

static const uint64_t file_limit = UINT64_C(1) << 30;

struct files *files_open(void)
{
	struct files *f = calloc(1, sizeof(*f));

	must(f);
	return f;
}

static void forget_undo(struct file *f)
{
	for (size_t i = 0; i < f->undos; i++)
		buffer_fini(&f->undo[i].was);
	free(f->undo);
	f->undo = NULL;
	f->undos = 0;
}

static void file_free(struct file *f)
{
	forget_undo(f);
	buffer_fini(&f->live);
	free(f);
}

static void lanes_clear(struct files *f)
{
	for (size_t l = 0; l < LANES; l++) {
		for (size_t i = 0; i < f->lane[l].count; i++)
			free(f->lane[l].op[i].bytes);
		f->lane[l].count = 0;
	}
}

void files_close(struct files *f)
{
	lanes_clear(f);
	for (size_t l = 0; l < LANES; l++)
		free(f->lane[l].op);
	for (size_t i = 0; i < f->count; i++)
		file_free(f->file[i]);
	free(f->file);
	free(f);
}

/* Where it is, or where it would be. */
static size_t place(const struct files *f, const char *name, bool *found)
{
	size_t low = 0, high = f->count;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (strcmp(f->file[mid]->name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*found = low < f->count && !strcmp(f->file[low]->name, name);
	return low;
}

static struct file *file_find(const struct files *f, const char *name)
{
	bool found;
	size_t i = place(f, name, &found);

	return found ? f->file[i] : NULL;
}

static struct file *file_make(struct files *f, const char *name)
{
	bool found;
	size_t i = place(f, name, &found);

	if (found)
		return f->file[i];
	if (f->count == f->room) {
		f->room = f->room ? f->room * 2 : 16;
		f->file = realloc(f->file, f->room * sizeof(*f->file));
		must(f->file);
	}
	memmove(f->file + i + 1, f->file + i, (f->count - i) * sizeof(*f->file));
	f->count++;
	f->file[i] = calloc(1, sizeof(struct file));
	must(f->file[i]);
	must(strlen(name) < NAME_ROOM);
	strcpy(f->file[i]->name, name);
	buffer_init(&f->file[i]->live, file_limit);
	return f->file[i];
}

static void file_remove(struct files *f, size_t i)
{
	file_free(f->file[i]);
	memmove(f->file + i, f->file + i + 1, (f->count - i - 1) * sizeof(*f->file));
	f->count--;
}

static void drop(struct files *f, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = f->count; i-- > 0;)
		if (!strncmp(f->file[i]->name, name, len) &&
		    (f->file[i]->name[len] == '\0' || f->file[i]->name[len] == '/'))
			file_remove(f, i);
}

static void move(struct files *f, const char *name, const char *to)
{
	size_t len = strlen(name);

	for (bool again = true; again;) {
		again = false;
		for (size_t i = f->count; i-- > 0 && !again;) {
			char next[2 * NAME_ROOM];
			struct file *file = f->file[i];
			bool found;

			if (strncmp(file->name, name, len) != 0 ||
			    (file->name[len] != '\0' && file->name[len] != '/'))
				continue;
			snprintf(next, sizeof(next), "%s%s", to, file->name + len);
			must(strlen(next) < NAME_ROOM);
			memmove(f->file + i, f->file + i + 1,
				(f->count - i - 1) * sizeof(*f->file));
			f->count--;
			size_t at = place(f, next, &found);
			must(!found);
			memmove(f->file + at + 1, f->file + at, (f->count - at) * sizeof(*f->file));
			f->count++;
			f->file[at] = file;
			strcpy(file->name, next);
			again = true; /* the places moved */
		}
	}
}

static void write_at(struct file *f, uint64_t at, struct bytes b, bool remember)
{
	uint64_t length = f->live.len;

	if (remember) {
		f->undo = realloc(f->undo, (f->undos + 1) * sizeof(*f->undo));
		must(f->undo);
		struct undo *u = &f->undo[f->undos++];
		*u = (struct undo){.at = at, .length = length, .len = b.len};
		buffer_init(&u->was, file_limit);
		if (at < length) {
			uint64_t have = length - at < b.len ? length - at : b.len;
			enum err err = buffer_add(&u->was, bytes_of(f->live.at + at, have));
			must(err == OK);
		}
	}
	if (at + b.len > length) {
		uint8_t *room = buffer_room(&f->live, (size_t)(at + b.len - length));
		must(room);
		memset(room, 0, (size_t)(at + b.len - length));
		f->live.len = (size_t)(at + b.len);
	}
	if (b.len)
		memcpy(f->live.at + at, b.at, b.len);
}

void files_append(struct files *f, const char *name, struct bytes body)
{
	struct file *file = file_make(f, name);

	write_at(file, file->live.len, body, false);
}

void files_put(struct files *f, const char *name, struct bytes body)
{
	struct file *file = file_make(f, name);

	forget_undo(file);
	buffer_clear(&file->live);
	write_at(file, 0, body, false);
}

void files_drop(struct files *f, const char *name)
{
	drop(f, name);
}

void disk_slow(struct host *h, uint64_t us)
{
	h->files->slow_us = us;
}

void disk_full(struct host *h, bool full)
{
	h->files->full = full;
	h->full = full;
	h->was_full |= full;
}

static enum err perform(struct files *f, const struct operation *op)
{
	struct file *file;

	if (f->full && op->kind == EFFECT_PUT)
		return ERR_NO_SPACE;
	switch ((int)op->kind) {
	case EFFECT_APPEND:
		file = file_make(f, op->name);
		if (f->full) {
			file->lost = file->broken && file->lost < op->at ? file->lost : op->at;
			file->broken = true;
			return OK;
		}
		if (op->at <= file->lost)
			file->broken = false;
		write_at(file, op->at, bytes_of(op->bytes, op->size), true);
		return OK;
	case EFFECT_SYNC:
		file = file_find(f, op->name);
		if (file && file->broken)
			return ERR_NO_SPACE;
		if (file)
			forget_undo(file);
		return OK;
	case EFFECT_PUT:
		files_put(f, op->name, bytes_of(op->bytes, op->size));
		return OK;
	case EFFECT_CUT:
		file = file_find(f, op->name);
		if (file)
			file->broken = false;
		if (file && file->live.len > op->at) {
			forget_undo(file);
			file->live.len = (size_t)op->at;
		}
		return OK;
	case EFFECT_DROP:
		drop(f, op->name);
		return OK;
	case EFFECT_MOVE:
		move(f, op->name, op->to);
		return OK;
	default:
		return OK; /* READ is answered apart */
	}
}

static size_t lane_of(const char *name)
{
	return !strncmp(name, "store/", 6) || !strcmp(name, "store") ? 0
	       : !strncmp(name, "spool/", 6)                         ? 1
								     : 2;
}

/* Durations: a write into the page cache, and what must reach the platter. */
static uint64_t takes(struct sim *s, const struct files *f, enum effect_kind kind)
{
	if (kind == EFFECT_APPEND || kind == EFFECT_READ)
		return 5;
	uint64_t slow = rng_below(&s->rng, 200) == 0 ? 20000 : 0;
	return rng_between(&s->rng, 60, 600) + slow + f->slow_us;
}

static void next_in_lane(struct sim *s, struct host *h, size_t lane)
{
	struct lane *l = &h->files->lane[lane];

	if (l->count)
		sim_later(
			s, takes(s, h->files, l->op[0].kind),
			(struct happening){
				.kind = HAPPEN_DISK, .host = h->index, .life = h->life, .a = lane});
}

void disk_effect(struct sim *s, struct host *h, const struct effect *e)
{
	size_t lane = lane_of(e->disk.file);
	struct lane *l = &h->files->lane[lane];

	must(strlen(e->disk.file) < NAME_ROOM);
	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 16;
		l->op = realloc(l->op, l->room * sizeof(*l->op));
		must(l->op);
	}
	struct operation *op = &l->op[l->count++];
	*op = (struct operation){
		.kind = e->kind, .at = e->disk.at, .token = e->disk.token, .len = e->disk.len};
	strcpy(op->name, e->disk.file);
	if (e->kind == EFFECT_MOVE)
		strcpy(op->to, e->disk.to);
	if (e->kind == EFFECT_APPEND || e->kind == EFFECT_PUT) {
		op->bytes = sim_copy(e->disk.body);
		op->size = e->disk.body.len;
	}
	if (l->count == 1)
		next_in_lane(s, h, lane);
}

static void answer_read(struct sim *s, struct host *h, const struct operation *op)
{
	struct file *f = file_find(h->files, op->name);
	struct event e = {.kind = EVENT_READ};
	uint8_t *copy = NULL;

	e.read.token = op->token;
	e.read.err = f ? OK : ERR_NOT_FOUND;
	if (f && op->at < f->live.len) {
		uint64_t have = f->live.len - op->at;
		e.read.body.len = have < op->len ? (size_t)have : op->len;
		copy = sim_copy(bytes_of(f->live.at + op->at, e.read.body.len));
		e.read.body.at = copy;
	}
	host_tell(s, h, &e);
	free(copy);
}

void disk_happens(struct sim *s, struct host *h, const struct happening *what)
{
	struct lane *l = &h->files->lane[what->a];

	must(l->count > 0);
	struct operation op = l->op[0];
	memmove(l->op, l->op + 1, --l->count * sizeof(*l->op));
	next_in_lane(s, h, what->a);
	enum err err = perform(h->files, &op);
	if (op.kind == EFFECT_READ) {
		answer_read(s, h, &op);
	} else if (op.token) {
		struct event e = {.kind = EVENT_DISK};
		e.disk.token = op.token;
		e.disk.err = err;
		host_tell(s, h, &e);
	}
	free(op.bytes);
}

void disk_killed(struct sim *s, struct host *h)
{
	struct files *f = h->files;

	/* What was handed to the kernel is done; how far that went, the dice say. */
	for (size_t l = 0; l < LANES; l++) {
		size_t done = (size_t)rng_below(&s->rng, f->lane[l].count + 1);
		for (size_t i = 0; i < done; i++)
			(void)!perform(f, &f->lane[l].op[i]);
		if (done < f->lane[l].count && f->lane[l].op[done].kind == EFFECT_APPEND) {
			struct operation *torn = &f->lane[l].op[done];
			torn->size = (size_t)rng_below(&s->rng, torn->size + 1);
			(void)!perform(f, torn);
		}
	}
	lanes_clear(f);
	for (size_t i = 0; i < f->count; i++)
		f->file[i]->broken = false; /* the doors' memory, which ends with them */
}

static void undo_one(struct sim *s, struct file *f, struct undo *u)
{
	uint64_t kept = rng_below(&s->rng, u->len + 1);
	uint32_t dice = (uint32_t)rng_below(&s->rng, 4);

	if (dice == 0)
		return; /* it had reached the disk after all */
	if (dice == 1 && f->live.len == u->at + u->len) {
		f->live.len = (size_t)(u->at + kept); /* torn */
		return;
	}
	if (u->was.len)
		memcpy(f->live.at + u->at, u->was.at, u->was.len);
	if (f->live.len == u->at + u->len)
		f->live.len = (size_t)u->length;
	else if (u->at + u->len <= f->live.len && u->at + u->was.len < u->at + u->len)
		memset(f->live.at + u->at + u->was.len, 0, u->len - u->was.len);
}

void disk_power_lost(struct sim *s, struct host *h)
{
	struct files *f = h->files;

	lanes_clear(f);
	for (size_t i = 0; i < f->count; i++) {
		f->file[i]->broken = false;
		for (size_t u = f->file[i]->undos; u-- > 0;)
			undo_one(s, f->file[i], &f->file[i]->undo[u]);
		forget_undo(f->file[i]);
	}
}

/* --- what a starting node reads --- */

static enum err read_whole(void *self, const char *name, struct buffer *out)
{
	struct host *h = self;
	struct file *f = file_find(h->files, name);

	return f ? buffer_add(out, buffer_bytes(&f->live)) : ERR_NOT_FOUND;
}

static enum err list(void *self, const char *directory, void (*each)(void *with, const char *name),
		     void *with)
{
	struct host *h = self;
	size_t len = strlen(directory);
	char last[NAME_ROOM] = "";

	for (size_t i = 0; i < h->files->count; i++) {
		const char *name = h->files->file[i]->name;
		char entry[NAME_ROOM];
		if (len && (strncmp(name, directory, len) != 0 || name[len] != '/'))
			continue;
		name += len ? len + 1 : 0;
		size_t n = strcspn(name, "/");
		memcpy(entry, name, n);
		entry[n] = '\0';
		if (!strcmp(entry, last))
			continue;
		strcpy(last, entry);
		each(with, entry);
	}
	return OK;
}

struct disk disk_of(struct host *h)
{
	return (struct disk){.self = h, .read = read_whole, .list = list};
}
