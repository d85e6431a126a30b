/* A worker in a small world: a disk that keeps what was put, a keeper core with children that are not there, and
 * directors played by hand. */
#ifndef TEST_WORKER_WORLD_H
#define TEST_WORKER_WORLD_H

/* Each program uses of it what it needs. */
#pragma GCC diagnostic ignored "-Wunused-function"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>

#include "core/call.h"
#include "core/must.h"
#include "sched/keeper.h"
#include "sched/order.h"
#include "sched/worker.h"

#define FILES_MAX 64
#define QUEUE_MAX 256
#define POSTS_MAX 256
#define SECOND    UINT64_C(1000000)
#define LEASE_MS  10000u

struct file {
	char name[FILE_NAME_MAX + 1];
	struct buffer bytes;
};

struct said {
	struct id to;
	uint8_t type;
	uint64_t request;
	struct buffer body;
};

struct world {
	struct worker *worker;
	struct keeper *keeper; /* NULL: dead */
	struct outbox *outbox;
	struct outbox *keeper_outbox;
	uint64_t now_us;
	uint8_t machine_boot;
	struct file file[FILES_MAX];
	uint32_t files;
	struct event queue[QUEUE_MAX];
	struct buffer body[QUEUE_MAX];
	uint32_t first, last;
	bool disk_holds; /* completions wait */
	struct event held[QUEUE_MAX];
	uint32_t held_count;
	struct said post[POSTS_MAX];
	uint32_t posts;
	uint32_t unlinks;
	uint64_t serial[16]; /* of the last ATTACH to whom, by the first byte of the id */
	uint32_t keepers;    /* started so far */
	bool keeper_mute;    /* its words wait for nobody: they are dropped */
	uint32_t spawns;
	char epoch[32]; /* that the last child was told */
	int32_t pid;    /* of the last child */
	int signal;     /* the last sent to it */
	char log[65536];
};

static const struct id self = {{9}}, anna = {{1}}, bert = {{2}};
static const struct id store = {{77}}, other_store = {{78}};

/* --- the world's works --- */

static void queue(struct world *w, const struct event *e, struct bytes body)
{
	uint32_t i = w->last++ % QUEUE_MAX;

	must(w->last - w->first < QUEUE_MAX);
	w->queue[i] = *e;
	buffer_init(&w->body[i], FRAME_MAX);
	must(buffer_add(&w->body[i], body) == OK);
}

static struct file *file_find(struct world *w, const char *name)
{
	for (uint32_t i = 0; i < w->files; i++)
		if (strcmp(w->file[i].name, name) == 0)
			return &w->file[i];
	return NULL;
}

static struct file *file_make(struct world *w, const char *name)
{
	struct file *f = file_find(w, name);

	if (f == NULL) {
		must(w->files < FILES_MAX);
		f = &w->file[w->files++];
		snprintf(f->name, sizeof(f->name), "%s", name);
		buffer_init(&f->bytes, FRAME_MAX);
	}
	return f;
}

static void file_drop(struct world *w, const char *name)
{
	size_t len = strlen(name);

	for (uint32_t i = 0; i < w->files; i++)
		if (strncmp(w->file[i].name, name, len) == 0) {
			buffer_fini(&w->file[i].bytes);
			w->file[i] = w->file[--w->files];
			i--;
		}
}

static enum err disk_read(void *with, const char *name, struct buffer *out)
{
	struct file *f = file_find(with, name);

	return f == NULL ? ERR_NOT_FOUND : buffer_add(out, buffer_bytes(&f->bytes));
}

static enum err disk_list(void *with, const char *directory,
			  void (*each)(void *with, const char *name), void *to)
{
	struct world *w = with;
	char seen[FILE_NAME_MAX + 1] = "", name[FILE_NAME_MAX + 1];

	must(strcmp(directory, "spool") == 0);
	for (uint32_t i = 0; i < w->files; i++) {
		snprintf(name, sizeof(name), "%s", w->file[i].name + strlen("spool/"));
		name[strcspn(name, "/")] = '\0';
		if (strcmp(seen, name) == 0)
			continue;
		memcpy(seen, name, sizeof(seen));
		bool before = false;
		for (uint32_t j = 0; j < i; j++)
			before |= strncmp(w->file[j].name + 6, name, strlen(name)) == 0;
		if (!before)
			each(to, name);
	}
	return OK;
}

static void keeper_gets(struct world *w, const struct event *e);

static void keeper_does(struct world *w)
{
	struct event back[16];
	uint32_t count = 0;

	for (size_t i = 0; i < outbox_count(w->keeper_outbox); i++) {
		const struct effect *f = outbox_at(w->keeper_outbox, i);

		must(count < 16);
		if (f->kind == EFFECT_AGENT && w->keeper_mute) {
			continue;
		} else if (f->kind == EFFECT_AGENT) {
			queue(w, &(struct event){.kind = EVENT_KEEPER, .keeper.up = true},
			      f->send.body);
		} else if (f->kind == EFFECT_SPAWN) {
			w->spawns++;
			for (const char *const *v = f->spawn.env; *v; v++)
				if (!strncmp(*v, "WITAN_EPOCH=", 12))
					snprintf(w->epoch, sizeof(w->epoch), "%s", *v + 12);
			w->pid++;
			back[count++] =
				(struct event){.kind = EVENT_SPAWNED,
					       .spawned = {.token = f->spawn.token, .pid = w->pid}};
		} else if (f->kind == EFFECT_KILL) {
			w->signal = f->kill.signal;
			back[count++] = (struct event){
				.kind = EVENT_EXITED,
				.exited = {.pid = f->kill.pid, .status = f->kill.signal}};
		}
	}
	outbox_clear(w->keeper_outbox);
	for (uint32_t i = 0; i < count; i++)
		keeper_gets(w, &back[i]);
}

static void keeper_gets(struct world *w, const struct event *e)
{
	struct event now = *e;

	now.now_us = w->now_us;
	now.wall_us = w->now_us;
	keeper_step(w->keeper, &now, w->keeper_outbox);
	keeper_does(w);
}

static void to_keeper(struct world *w, struct bytes body)
{
	struct event e = {.kind = EVENT_AGENT};

	if (body.len == 0) {                        /* it is let go */
		must(keeper_count(w->keeper) == 0); /* so it ends */
		keeper_close(w->keeper);
		w->keeper = NULL;
		return;
	}
	if (w->keeper == NULL) {
		w->keepers++;
		w->keeper = keeper_open(&(struct keeper_config){.now_us = w->now_us, .cgroup = ""});
		e.agent.up = true;
		keeper_gets(w, &e);
	}
	e.agent.up = true;
	e.agent.body = body;
	keeper_gets(w, &e);
}

static void complete(struct world *w, uint64_t token)
{
	struct event e = {.kind = EVENT_DISK, .disk.token = token};

	if (token == 0)
		return;
	if (w->disk_holds)
		w->held[w->held_count++] = e;
	else
		queue(w, &e, BYTES(""));
}

static void read_for(struct world *w, const struct effect *f)
{
	struct file *file = file_find(w, f->disk.file);
	struct event e = {.kind = EVENT_READ, .read.token = f->disk.token};
	struct bytes all = file == NULL ? BYTES("") : buffer_bytes(&file->bytes);
	size_t at = f->disk.at < all.len ? (size_t)f->disk.at : all.len;
	size_t len = all.len - at < f->disk.len ? all.len - at : f->disk.len;

	e.read.err = file == NULL ? ERR_NOT_FOUND : OK;
	queue(w, &e, bytes_of(all.at + at, len));
}

static void note_serial(struct world *w, const struct said *s)
{
	struct attach a;

	if (s->type != FRAME_ATTACH)
		return;
	must(attach_get(buffer_bytes(&s->body), &a) == OK);
	w->serial[s->to.b[0]] = a.serial;
}

static void worker_does(struct world *w)
{
	for (size_t i = 0; i < outbox_count(w->outbox); i++) {
		const struct effect *f = outbox_at(w->outbox, i);

		if (f->kind == EFFECT_POST) {
			must(w->posts < POSTS_MAX);
			struct said *s = &w->post[w->posts++];
			*s = (struct said){.to = f->post.peer.id,
					   .type = f->post.type,
					   .request = f->post.request};
			buffer_init(&s->body, FRAME_MAX);
			must(buffer_add(&s->body, f->post.body) == OK);
			note_serial(w, s);
		} else if (f->kind == EFFECT_PUT) {
			struct file *file = file_make(w, f->disk.file);
			buffer_clear(&file->bytes);
			must(buffer_add(&file->bytes, f->disk.body) == OK);
			complete(w, f->disk.token);
		} else if (f->kind == EFFECT_DROP) {
			file_drop(w, f->disk.file);
			complete(w, f->disk.token);
		} else if (f->kind == EFFECT_UNLINK) {
			w->unlinks++;
		} else if (f->kind == EFFECT_READ) {
			read_for(w, f);
		} else if (f->kind == EFFECT_KEEPER) {
			to_keeper(w, f->send.body);
		} else if (f->kind == EFFECT_LOG) {
			size_t used = strlen(w->log);
			snprintf(w->log + used, sizeof(w->log) - used, "%s\n", f->log.text);
		}
	}
	outbox_clear(w->outbox);
}

static void step(struct world *w, const struct event *e)
{
	struct event now = *e;

	now.now_us = w->now_us;
	now.wall_us = w->now_us;
	worker_step(w->worker, &now, w->outbox);
	worker_does(w);
}

/* All that follows from what has happened. */
static void settle(struct world *w)
{
	while (w->first != w->last) {
		uint32_t i = w->first++ % QUEUE_MAX;
		struct event e = w->queue[i];
		struct buffer body = w->body[i];

		if (e.kind == EVENT_KEEPER)
			e.keeper.body = buffer_bytes(&body);
		if (e.kind == EVENT_READ)
			e.read.body = buffer_bytes(&body);
		step(w, &e);
		buffer_fini(&body);
	}
}

static void release_disk(struct world *w)
{
	w->disk_holds = false;
	for (uint32_t i = 0; i < w->held_count; i++)
		queue(w, &w->held[i], BYTES(""));
	w->held_count = 0;
	settle(w);
}

/* Time goes on to `until`, with every wake-up on the way. */
static void pass(struct world *w, uint64_t us)
{
	uint64_t until = w->now_us + us;

	for (uint32_t i = 0; i < 10000; i++) {
		uint64_t due = worker_deadline_us(w->worker);
		uint64_t keeper = w->keeper == NULL ? UINT64_MAX : keeper_deadline_us(w->keeper);

		if (keeper < due)
			due = keeper;
		if (due > until)
			break;
		if (due > w->now_us)
			w->now_us = due;
		if (w->keeper != NULL)
			keeper_gets(w, &(struct event){.kind = EVENT_WAKE});
		step(w, &(struct event){.kind = EVENT_WAKE});
		settle(w);
	}
	must(worker_deadline_us(w->worker) > w->now_us);
	w->now_us = until;
}

static void begin(struct world *w)
{
	struct worker_config c = {.self = self,
				  .boot = 1,
				  .seed = 3,
				  .offers = true,
				  .slots = 2,
				  .lease_ms = LEASE_MS,
				  .kill_after_ms = 1000,
				  .root = "/data"};
	struct disk disk = {.self = w, .read = disk_read, .list = disk_list};
	char why[200];

	memset(c.machine_boot, w->machine_boot, sizeof(c.machine_boot));
	w->worker = worker_open(&c, &disk, w->now_us, why);
	must(w->worker != NULL);
}

static struct world *world_make(void)
{
	struct world *w = calloc(1, sizeof(*w));

	must(w != NULL);
	w->now_us = 100 * SECOND;
	w->pid = 100;
	w->outbox = outbox_open();
	w->keeper_outbox = outbox_open();
	begin(w);
	return w;
}

static void forget_posts(struct world *w)
{
	while (w->posts > 0)
		buffer_fini(&w->post[--w->posts].body);
}

static void world_end(struct world *w)
{
	forget_posts(w);
	for (; w->first != w->last; w->first++)
		buffer_fini(&w->body[w->first % QUEUE_MAX]);
	while (w->files > 0)
		buffer_fini(&w->file[--w->files].bytes);
	worker_close(w->worker);
	keeper_close(w->keeper);
	outbox_close(w->outbox);
	outbox_close(w->keeper_outbox);
	free(w);
}

/* The agent dies and comes again; what it had asked of the disk is done. */
static void restart(struct world *w)
{
	struct event gone = {.kind = EVENT_AGENT};

	worker_close(w->worker);
	for (; w->first != w->last; w->first++)
		buffer_fini(&w->body[w->first % QUEUE_MAX]);
	w->held_count = 0;
	if (w->keeper != NULL)
		keeper_gets(w, &gone);
	w->now_us += SECOND;
	begin(w);
	if (w->keeper != NULL) {
		gone.agent.up = true;
		keeper_gets(w, &gone);
	}
}

static void keeper_dies(struct world *w)
{
	keeper_close(w->keeper);
	w->keeper = NULL;
	step(w, &(struct event){.kind = EVENT_KEEPER});
	settle(w);
}

/* --- what directors say --- */

static struct fence fence_of(uint64_t term)
{
	return (struct fence){.store = store, .epoch = {.generation = 1, .term = term}};
}

static void meet(struct world *w, struct id who, const char *name)
{
	struct facts f = {
		.id = who, .roles = ROLE_SCHEDULER, .addr = addr_v4(10, 0, 0, who.b[0], 81)};
	struct event e = {
		.kind = EVENT_TELL,
		.tell = {.kind = TELL_MEMBER,
			 .member = {.view = VIEW_ALL, .state = MEMBER_ALIVE, .facts = &f}}};

	snprintf(f.name, sizeof(f.name), "%s", name);
	step(w, &e);
	settle(w);
}

static void frame(struct world *w, struct id from, uint8_t type, struct buffer *body)
{
	step(w, &(struct event){.kind = EVENT_FRAME,
				.frame = {.peer = {.id = from, .link = from.b[0]},
					  .purpose = PURPOSE_RPC,
					  .type = type,
					  .request = 5,
					  .body = buffer_bytes(body)}});
	buffer_fini(body);
	settle(w);
}

#define SAY(w, from, type, put, ...)                                                               \
	do {                                                                                       \
		struct buffer body_;                                                               \
		buffer_init(&body_, FRAME_MAX);                                                    \
		must(put(__VA_ARGS__, &body_) == OK);                                              \
		frame(w, from, type, &body_);                                                      \
	} while (0)

static void say_attached(struct world *w, struct id from, uint64_t term)
{
	SAY(w, from, FRAME_ATTACHED, attached_put,
	    &(struct attached){.fence = fence_of(term),
			       .serial = w->serial[from.b[0]],
			       .accepted = true,
			       .registered = true,
			       .lease_ms = LEASE_MS});
}

static const struct said *last_post(struct world *w, uint8_t type)
{
	for (uint32_t i = w->posts; i > 0; i--)
		if (w->post[i - 1].type == type)
			return &w->post[i - 1];
	return NULL;
}

static uint32_t count_posts(struct world *w, uint8_t type)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w->posts; i++)
		count += w->post[i].type == type;
	return count;
}

static void say_lease(struct world *w, struct id from, uint64_t term)
{
	struct lease_ask ask;
	const struct said *s = last_post(w, FRAME_LEASE_ASK);

	must(s != NULL);
	must(lease_ask_get(buffer_bytes(&s->body), &ask) == OK);
	SAY(w, from, FRAME_LEASE, lease_put,
	    &(struct lease){.fence = fence_of(term), .sent_us = ask.sent_us, .lease_ms = LEASE_MS});
}

static struct attempt job(uint8_t number)
{
	return (struct attempt){.job = {{200, number}}, .number = 1};
}

static void say_order(struct world *w, struct id from, uint64_t term, uint8_t number)
{
	SAY(w, from, FRAME_ORDER, order_put,
	    &(struct order){.fence = fence_of(term),
			    .serial = w->serial[from.b[0]],
			    .attempt = job(number),
			    .command = BYTES("\x91\xa4true"),
			    .env = BYTES("\x91\xa3"
					 "A=1")});
}

static void say_end(struct world *w, struct id from, uint64_t term, uint8_t number)
{
	SAY(w, from, FRAME_END, end_put,
	    &(struct end){.fence = fence_of(term), .attempt = job(number), .why = "cancelled"});
}

static void say_reported(struct world *w, struct id from, uint64_t term, uint8_t number)
{
	SAY(w, from, FRAME_REPORTED, reported_put,
	    &(struct reported){.fence = fence_of(term), .attempt = job(number)});
}

static void say_direct(struct world *w, struct id from, uint64_t term)
{
	SAY(w, from, FRAME_DIRECT, direct_put, &(struct direct){.fence = fence_of(term)});
}

static struct attach last_attach(struct world *w)
{
	struct attach a;
	const struct said *s = last_post(w, FRAME_ATTACH);

	must(s != NULL);
	must(attach_get(buffer_bytes(&s->body), &a) == OK);
	return a;
}

/* The last report of a job; kind -1: none. */
static int reported_kind(struct world *w, uint8_t number, struct report *out)
{
	for (uint32_t i = w->posts; i > 0; i--) {
		const struct said *s = &w->post[i - 1];

		if (s->type == FRAME_REPORT && report_get(buffer_bytes(&s->body), out) == OK &&
		    attempt_same(out->attempt, job(number)))
			return (int)out->kind;
	}
	return -1;
}

static void child_exits(struct world *w, int32_t pid, int code)
{
	keeper_gets(w, &(struct event){.kind = EVENT_EXITED,
				       .exited = {.pid = pid, .status = code << 8, .out_size = 3}});
	settle(w);
}

/* Anna directs in epoch `term`, and the lease runs. */
static void join(struct world *w, uint64_t term)
{
	meet(w, anna, "anna");
	pass(w, SECOND);
	say_attached(w, anna, term);
	say_lease(w, anna, term);
}

/* --- tests --- */

#endif
