#include "net/disk_uv.h"

#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "net/alarm_uv.h"
#include "net/spare.h"

enum { LANE_STORE, LANE_SPOOL, LANE_OTHER, LANES };

struct task {
	struct task *next;
	enum effect_kind kind;
	enum err err;
	bool covered;     /* a SYNC that a later one answers for */
	uint64_t took_us; /* SYNC */
	uint64_t token;
	uint64_t at;
	uint32_t reserve;
	uint32_t len;   /* READ: asked for, then got */
	uint8_t *bytes; /* body; READ: what came */
	size_t size;    /* of the body */
	char file[FILE_NAME_MAX + 1];
	char to[FILE_NAME_MAX + 1]; /* MOVE */
};

struct lane {
	struct disk_door *door;
	struct opened opened; /* the worker thread's, while a piece is under way */
	struct task *first;   /* waiting */
	struct task **last;
	size_t queued;      /* bytes waiting */
	struct task *batch; /* under way; NULL: none */
	uv_work_t work;
};

/* What a file that was begun asks for: the room of the next one. */
struct spare {
	struct disk_door *door;
	bool busy;
	uint32_t size;
	char file[FILE_NAME_MAX + 1];
	uv_work_t work;
};

struct disk_door {
	uv_loop_t *loop;
	struct shelf *shelf;
	struct sink sink;
	struct lane lane[LANES];
	struct spare spare;
};

struct disk_door *disk_open(uv_loop_t *loop, struct shelf *shelf, struct sink sink)
{
	struct disk_door *d = calloc(1, sizeof *d);

	must(d != NULL);
	d->loop = loop;
	d->shelf = shelf;
	d->sink = sink;
	for (int i = 0; i < LANES; i++) {
		struct lane *lane = &d->lane[i];

		lane->door = d;
		lane->last = &lane->first;
		lane->work.data = lane;
		opened_init(&lane->opened);
	}
	d->spare.door = d;
	d->spare.work.data = &d->spare;
	return d;
}

bool disk_busy(const struct disk_door *d)
{
	for (int i = 0; i < LANES; i++)
		if (d->lane[i].batch != NULL)
			return true;
	return d->spare.busy;
}

void disk_close(struct disk_door *d)
{
	must(!disk_busy(d));
	for (int i = 0; i < LANES; i++) {
		must(d->lane[i].first == NULL);
		opened_fini(&d->lane[i].opened);
	}
	free(d);
}

static struct lane *lane_of(struct disk_door *d, const char *file)
{
	if (strncmp(file, "store", 5) == 0 && (file[5] == '/' || file[5] == 0))
		return &d->lane[LANE_STORE];
	if (strncmp(file, "spool", 5) == 0 && (file[5] == '/' || file[5] == 0))
		return &d->lane[LANE_SPOOL];
	return &d->lane[LANE_OTHER];
}

/* In the thread pool. */
static void task_run(struct shelf *shelf, struct opened *opened, struct task *t)
{
	switch ((int)t->kind) {
	case EFFECT_APPEND:
		shelf_append(shelf, opened, t->file, t->at, bytes_of(t->bytes, t->size),
			     t->reserve);
		return;
	case EFFECT_SYNC:
		t->took_us = clock_now_us();
		t->err = shelf_sync(shelf, opened, t->file);
		t->took_us = clock_now_us() - t->took_us;
		return;
	case EFFECT_PUT:
		t->err = shelf_put(shelf, opened, t->file, bytes_of(t->bytes, t->size));
		return;
	case EFFECT_CUT:
		t->err = shelf_cut(shelf, opened, t->file, t->at);
		return;
	case EFFECT_DROP:
		t->err = shelf_drop(shelf, opened, t->file);
		return;
	case EFFECT_MOVE:
		t->err = shelf_move(shelf, opened, t->file, t->to);
		return;
	case EFFECT_READ:
		t->err = shelf_read(shelf, t->file, t->at, t->bytes, t->len, &t->len);
		return;
	default:
		must(t->kind == EFFECT_READ);
	}
}

/* The next SYNC of the same file when only APPENDs stand between. */
static struct task *sync_after(const struct task *t)
{
	struct task *next = t->next;

	while (next != NULL && next->kind == EFFECT_APPEND)
		next = next->next;
	if (next != NULL && next->kind == EFFECT_SYNC && strcmp(next->file, t->file) == 0)
		return next;
	return NULL;
}

static void batch_run(uv_work_t *work)
{
	struct lane *lane = work->data;

	for (struct task *t = lane->batch; t != NULL; t = t->next) {
		if (t->kind == EFFECT_SYNC && sync_after(t) != NULL)
			t->covered = true;
		else
			task_run(lane->door->shelf, &lane->opened, t);
	}
}

/* Back in the loop. */
static void task_tell(const struct sink *sink, const struct task *t)
{
	struct event e = {.kind = EVENT_DISK};

	if (t->kind == EFFECT_SYNC && !t->covered)
		metrics_observe(sink->metrics, METRIC_SYNC, t->took_us);
	if (t->kind != EFFECT_READ && t->err != OK && !t->covered)
		metrics_add(sink->metrics, METRIC_DISK_ERRORS, 1);
	if (t->kind == EFFECT_READ) {
		e.kind = EVENT_READ;
		e.read.token = t->token;
		e.read.err = t->err;
		if (t->err == OK)
			e.read.body = bytes_of(t->bytes, t->len);
	} else {
		if (t->token == 0)
			return;
		e.disk.token = t->token;
		e.disk.err = t->err;
	}
	sink_tell(sink, &e);
}

static void spare_run(uv_work_t *work)
{
	struct spare *spare = work->data;

	spare_make(spare->door->shelf, spare->file, spare->size);
}

static void spare_done(uv_work_t *work, int status)
{
	struct spare *spare = work->data;

	must(status == 0);
	spare->busy = false;
}

static void spare_begin(struct spare *spare, const struct task *t)
{
	if (t->kind != EFFECT_APPEND || t->reserve == 0 || spare->busy)
		return;
	spare->busy = true;
	spare->size = t->reserve;
	memcpy(spare->file, t->file, sizeof(spare->file));
	int began = uv_queue_work(spare->door->loop, &spare->work, spare_run, spare_done);
	must(began == 0);
}

static void batch_begin(struct lane *lane);

static void batch_done(uv_work_t *work, int status)
{
	struct lane *lane = work->data;
	struct task *batch = lane->batch;

	must(status == 0);
	must(batch != NULL);
	for (struct task *t = batch; t != NULL; t = t->next) {
		if (t->covered) {
			const struct task *by = sync_after(t);

			while (by->covered)
				by = sync_after(by);
			t->err = by->err;
		}
	}
	/* The next piece starts before this one is told, so that the disk does not wait for the node. */
	lane->batch = NULL;
	batch_begin(lane);
	while (batch != NULL) {
		struct task *t = batch;

		batch = t->next;
		spare_begin(&lane->door->spare, t);
		task_tell(&lane->door->sink, t);
		free(t->bytes);
		free(t);
	}
}

static void batch_begin(struct lane *lane)
{
	struct task *t = lane->first;
	struct task *end = NULL;

	if (lane->batch != NULL || t == NULL)
		return;
	lane->batch = t;
	for (uint32_t i = 0; t != NULL && i < DISK_BATCH_MAX; i++, t = t->next) {
		lane->queued -= t->size;
		end = t;
	}
	end->next = NULL;
	lane->first = t;
	if (t == NULL)
		lane->last = &lane->first;
	int began = uv_queue_work(lane->door->loop, &lane->work, batch_run, batch_done);
	must(began == 0);
}

static struct task *task_make(const struct effect *e)
{
	struct task *t = calloc(1, sizeof *t);

	must(t != NULL);
	must(shelf_name_ok(e->disk.file));
	t->kind = e->kind;
	t->token = e->disk.token;
	t->at = e->disk.at;
	t->reserve = e->disk.reserve;
	memcpy(t->file, e->disk.file, strlen(e->disk.file) + 1);
	if (e->kind == EFFECT_MOVE) {
		must(shelf_name_ok(e->disk.to));
		memcpy(t->to, e->disk.to, strlen(e->disk.to) + 1);
	}
	if (e->kind == EFFECT_READ) {
		must(e->disk.len <= FRAME_MAX);
		t->len = e->disk.len;
		t->size = e->disk.len;
	} else if (e->kind == EFFECT_APPEND || e->kind == EFFECT_PUT) {
		t->size = e->disk.body.len;
	}
	if (t->size > 0) {
		t->bytes = malloc(t->size);
		must(t->bytes != NULL);
		if (e->kind != EFFECT_READ)
			memcpy(t->bytes, e->disk.body.at, t->size);
	}
	return t;
}

/* Too much waits: a PUT or READ is refused. An APPEND is not, for it has no answer: its core's window bounds it, and
 * without room here it would have none in memory either. */
static bool refuse(struct disk_door *d, const struct lane *lane, const struct effect *e)
{
	struct event no = {.kind = EVENT_DISK};

	if (lane->queued < DISK_QUEUE_MAX)
		return false;
	if (e->kind == EFFECT_READ) {
		no.kind = EVENT_READ;
		no.read.token = e->disk.token;
		no.read.err = ERR_FULL;
	} else if (e->kind == EFFECT_PUT && e->disk.token != 0) {
		no.disk.token = e->disk.token;
		no.disk.err = ERR_FULL;
	} else {
		return false;
	}
	sink_later(&d->sink, &no);
	return true;
}

void disk_effect(struct disk_door *d, const struct effect *e)
{
	struct lane *lane = lane_of(d, e->disk.file);

	if (refuse(d, lane, e))
		return;
	struct task *t = task_make(e);
	*lane->last = t;
	lane->last = &t->next;
	lane->queued += t->size;
}

void disk_flush(struct disk_door *d)
{
	for (int i = 0; i < LANES; i++)
		batch_begin(&d->lane[i]);
}
