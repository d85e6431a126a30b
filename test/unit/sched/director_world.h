/* A small world around the director: two of them over one map, a store that is one function, three workers, clients,
 * and a clock that only the test moves. After every word that is delivered the promises are checked:
 *   - an order's assignment is committed, to that worker, with that number
 *   - no worker is ordered more than the slots it offered
 *   - no job runs at two workers at one moment */
#ifndef TEST_DIRECTOR_WORLD_H
#define TEST_DIRECTOR_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/call.h"
#include "core/must.h"
#include "core/outbox.h"
#include "core/sheet.h"
#include "sched/batch.h"
#include "sched/director.h"
#include "sched/job_pack.h"

enum { WORKERS = 3, DIRECTORS = 2, HELD_MAX = 16, ANSWERS = 64, NOTES = 4096 };

#define LEASE_MS      10000u
#define LEASE_OVER_US (LEASE_MS * 1100u + 200000u)
#define SECOND        1000000u
#define WALL          1700000000000000u

enum store_mode {
	STORE_GOOD,
	STORE_SLOW,    /* keeps what comes, until world_release */
	STORE_UNSURE,  /* says UNKNOWN, and applies it all the same */
	STORE_FORGETS, /* says UNKNOWN, and it is gone */
	STORE_FULL,
};

struct fake {
	struct id id;
	uint64_t boot, link, serial;
	uint8_t machine_boot[16];
	uint32_t slots;
	bool connected, attached, mute, whole, spool_lost;
	struct held held[HELD_MAX];
	uint32_t count;
	uint64_t lease_us; /* its own end */
	uint32_t leases, attaches, directs;
	char refused[128];
};

struct note {
	int from; /* director */
	struct effect effect;
	uint8_t *body;
};

struct heard_answer {
	bool came;
	uint8_t code;
	char why[200];
	uint8_t body[4096];
	size_t len;
};

struct world {
	struct kv *kv;
	struct director *director[DIRECTORS];
	struct outbox *outbox;
	uint64_t now_us, wall_us, position, term, link;
	int leader;
	enum store_mode store;
	bool fences_rest;
	bool leases; /* workers start nothing without one, and end all when it is over */
	struct fake worker[WORKERS];
	struct note note[NOTES];
	size_t first, last;
	struct note slow[64];
	size_t slow_count;
	uint32_t history_max;
	uint64_t request;
	struct heard_answer answer[ANSWERS];
	uint32_t commits, orders, reported, ends;
	bool nobody_takes; /* leadership that is offered */
	uint32_t offers, stopped, muted;
};

static struct id world_id(uint8_t n)
{
	struct id id = {{0}};

	memset(id.b, n, sizeof(id.b));
	return id;
}

static void world_collect(struct world *w, int from)
{
	for (size_t i = 0; i < outbox_count(w->outbox); i++) {
		const struct effect *e = outbox_at(w->outbox, i);
		struct note *n = &w->note[w->last % NOTES];
		struct bytes body = {0};

		if (e->kind == EFFECT_POST)
			body = e->post.body;
		else if (e->kind == EFFECT_TELL && e->tell.kind == TELL_COMMIT)
			body = e->tell.batch.batch;
		else if (e->kind == EFFECT_TELL)
			body = (struct bytes){0};
		else
			continue;
		*n = (struct note){.from = from, .effect = *e, .body = malloc(body.len + 1)};
		assert_non_null(n->body);
		if (body.len)
			memcpy(n->body, body.at, body.len);
		if (e->kind == EFFECT_POST)
			n->effect.post.body = bytes_of(n->body, body.len);
		else if (e->tell.kind == TELL_COMMIT)
			n->effect.tell.batch.batch = bytes_of(n->body, body.len);
		w->last++;
		assert_true(w->last - w->first < NOTES);
	}
	outbox_clear(w->outbox);
}

static void world_step(struct world *w, int to, struct event *e)
{
	if (!w->director[to])
		return;
	e->now_us = w->now_us;
	e->wall_us = w->wall_us;
	director_step(w->director[to], e, w->outbox);
	world_collect(w, to);
}

static void world_tell(struct world *w, int to, const struct tell *t)
{
	struct event e = {.kind = EVENT_TELL, .tell = *t};

	world_step(w, to, &e);
}

static void world_frame(struct world *w, int to, const struct peer *peer, uint8_t type,
			uint64_t request, const struct buffer *body)
{
	struct event e = {.kind = EVENT_FRAME,
			  .frame = {.peer = *peer,
				    .purpose = PURPOSE_RPC,
				    .type = type,
				    .request = request,
				    .body = buffer_bytes(body)}};

	world_step(w, to, &e);
}

/* --- workers --- */

static struct peer fake_peer(const struct fake *f)
{
	return (struct peer){.id = f->id, .link = f->link};
}

static void fake_say(struct world *w, struct fake *f, uint8_t type, enum err err,
		     struct buffer *body)
{
	struct peer peer = fake_peer(f);

	assert_int_equal(err, OK);
	if (f->connected && w->leader >= 0)
		world_frame(w, w->leader, &peer, type, 0, body);
	buffer_fini(body);
}

static void fake_attach(struct world *w, struct fake *f)
{
	struct attach a = {.node = f->id,
			   .boot = f->boot,
			   .serial = ++f->serial,
			   .slots = f->slots,
			   .whole = f->whole,
			   .count = f->spool_lost ? 0 : f->count};
	struct buffer b;
	enum err err;

	memcpy(a.machine_boot, f->machine_boot, 16);
	memcpy(a.held, f->held, a.count * sizeof(struct held));
	buffer_init(&b, FRAME_MAX);
	err = attach_put(&a, &b);
	fake_say(w, f, FRAME_ATTACH, err, &b);
	f->attaches++;
}

static struct held *fake_find(struct fake *f, struct attempt attempt)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (attempt_same(f->held[i].attempt, attempt))
			return &f->held[i];
	return NULL;
}

static void fake_report(struct world *w, struct fake *f, struct attempt attempt,
			enum report_kind kind, int32_t code)
{
	struct report r = {.node = f->id,
			   .attempt = attempt,
			   .kind = kind,
			   .code = code,
			   .out_size = 2,
			   .out_tail = BYTES("ok")};
	struct buffer b;
	enum err err;

	buffer_init(&b, FRAME_MAX);
	err = report_put(&r, &b);
	fake_say(w, f, FRAME_REPORT, err, &b);
}

static void fake_ask(struct world *w, struct fake *f)
{
	struct lease_ask ask = {.node = f->id, .sent_us = w->now_us};
	struct buffer b;
	enum err err;

	buffer_init(&b, FRAME_MAX);
	err = lease_ask_put(&ask, &b);
	fake_say(w, f, FRAME_LEASE_ASK, err, &b);
}

static void world_check_order(struct world *w, const struct fake *f, const struct order *o)
{
	struct state_key key = state_key_job(o->attempt.job);
	uint32_t running = 0;
	struct bytes value;
	struct job job;

	assert_int_equal(kv_get(w->kv, state_key_bytes(&key), &value), OK);
	assert_int_equal(job_get(value, &job), OK);
	assert_int_equal(job.state, JOB_EXECUTING);
	assert_int_equal(job.number, o->attempt.number);
	assert_true(id_same(job.worker, f->id));
	assert_int_equal(o->fence.epoch.term, w->term);
	for (uint32_t i = 0; i < f->count; i++)
		running += f->held[i].state != HELD_ENDED;
	assert_true(running <= f->slots);
}

static void fake_hear(struct world *w, struct fake *f, const struct effect *e)
{
	struct order order;
	struct reported reported;
	struct attached attached;
	struct lease lease;
	struct end end;
	struct held *held;

	if (!f->connected || (e->post.peer.link && e->post.peer.link != f->link))
		return;
	switch (e->post.type) {
	case FRAME_DIRECT:
		f->directs++;
		if (!f->mute)
			fake_attach(w, f);
		break;
	case FRAME_ATTACHED:
		assert_int_equal(attached_get(e->post.body, &attached), OK);
		assert_int_equal(attached.serial, f->serial);
		f->attached = attached.accepted;
		memcpy(f->refused, attached.why, sizeof(f->refused));
		break;
	case FRAME_ORDER:
		assert_int_equal(order_get(e->post.body, &order), OK);
		assert_true(f->attached);
		assert_int_equal(order.serial, f->serial);
		w->orders++;
		if (fake_find(f, order.attempt))
			break;
		assert_true(f->count < HELD_MAX);
		f->held[f->count++] = (struct held){
			order.attempt,
			w->leases && f->lease_us <= w->now_us ? HELD_TAKEN : HELD_RUNNING};
		world_check_order(w, f, &order);
		fake_report(w, f, order.attempt, REPORT_TAKEN, 0);
		break;
	case FRAME_REPORTED:
		assert_int_equal(reported_get(e->post.body, &reported), OK);
		w->reported++;
		held = fake_find(f, reported.attempt);
		if (held)
			*held = f->held[--f->count];
		break;
	case FRAME_LEASE:
		assert_int_equal(lease_get(e->post.body, &lease), OK);
		f->leases++;
		f->lease_us = lease.sent_us + lease.lease_ms * 1000u;
		for (uint32_t i = 0; i < f->count && f->lease_us > w->now_us; i++)
			if (f->held[i].state == HELD_TAKEN)
				f->held[i].state = HELD_RUNNING;
		break;
	case FRAME_END:
		assert_int_equal(end_get(e->post.body, &end), OK);
		w->ends++;
		held = fake_find(f, end.attempt);
		if (held && held->state != HELD_ENDED && !f->mute) {
			held->state = HELD_ENDED;
			fake_report(w, f, end.attempt, REPORT_ENDED, 143);
		}
		break;
	default:
		fail_msg("frame %u to a worker", e->post.type);
	}
}

/* No job runs at two workers at one moment. */
static void world_check(struct world *w)
{
	for (int a = 0; a < WORKERS; a++)
		for (uint32_t i = 0; i < w->worker[a].count; i++)
			for (int b = a + 1; b < WORKERS; b++)
				for (uint32_t j = 0; j < w->worker[b].count; j++)
					assert_false(w->worker[a].held[i].state == HELD_RUNNING &&
						     w->worker[b].held[j].state == HELD_RUNNING &&
						     id_same(w->worker[a].held[i].attempt.job,
							     w->worker[b].held[j].attempt.job));
}

/* --- the store --- */

static void world_commit(struct world *w, struct note *n, enum store_mode mode)
{
	struct tell t = {.kind = TELL_COMMITTED, .batch = {.token = n->effect.tell.batch.token}};
	struct tell applied = n->effect.tell;

	applied.kind = TELL_APPLIED;
	w->commits++;
	if (mode == STORE_GOOD && n->from != w->leader)
		t.batch.err = ERR_FENCED;
	else if (mode == STORE_FORGETS || mode == STORE_UNSURE)
		t.batch.err = ERR_UNKNOWN;
	else if (mode == STORE_FULL)
		t.batch.err = ERR_FULL;
	if (t.batch.err == OK || mode == STORE_UNSURE) {
		assert_int_equal(batch_apply(n->effect.tell.batch.batch, w->kv), OK);
		applied.batch.position = t.batch.position = ++w->position;
		if (t.batch.err != OK)
			world_tell(w, n->from, &t);
		for (int i = 0; i < DIRECTORS; i++)
			world_tell(w, i, &applied);
	}
	if (mode != STORE_UNSURE)
		world_tell(w, n->from, &t);
}

static void world_hear(struct world *w, const struct effect *e)
{
	struct heard_answer *a = &w->answer[e->post.request % ANSWERS];
	struct answer answer;

	assert_int_equal(e->post.type, FRAME_ANSWER);
	assert_int_equal(answer_get(e->post.body, &answer), OK);
	assert_false(a->came); /* a call is answered once */
	a->came = true;
	a->code = answer.code;
	a->len = answer.body.len;
	assert_true(a->len <= sizeof(a->body));
	if (a->len)
		memcpy(a->body, answer.body.at, a->len);
	snprintf(a->why, sizeof(a->why), "%.*s", (int)answer.why.len, (const char *)answer.why.at);
}

static void world_lead(struct world *w, int leader);

/* Leadership goes to the other one, when it may. */
static void world_offer(struct world *w, int from, struct id who)
{
	int other = from == 0 ? 1 : 0;

	w->offers++;
	if (w->nobody_takes || from != w->leader || !w->director[other])
		return;
	if (id_is_none(who) || id_same(who, world_id((uint8_t)(0xd0 + other))))
		world_lead(w, other);
}

static void world_deliver(struct world *w, struct note *n)
{
	const struct effect *e = &n->effect;

	if (e->kind == EFFECT_TELL && e->tell.kind == TELL_COMMIT && w->store == STORE_SLOW) {
		w->slow[w->slow_count++] = *n;
		assert_true(w->slow_count < 64);
		n->body = NULL;
	} else if (e->kind == EFFECT_TELL && e->tell.kind == TELL_COMMIT) {
		world_commit(w, n, w->store);
	} else if (e->kind == EFFECT_TELL && e->tell.kind == TELL_FENCE && !w->fences_rest) {
		struct tell t = {.kind = TELL_FENCED,
				 .batch = {.token = e->tell.batch.token,
					   .err = n->from == w->leader ? OK : ERR_FENCED}};
		world_tell(w, n->from, &t);
	} else if (e->kind == EFFECT_TELL && e->tell.kind == TELL_RESIGN) {
		world_offer(w, n->from, e->tell.lead.who);
	} else if (e->kind == EFFECT_TELL && e->tell.kind == TELL_STOPPED) {
		w->stopped++;
	} else if (e->kind == EFFECT_TELL && e->tell.kind == TELL_MUTE) {
		w->muted++;
	} else if (e->kind == EFFECT_POST) {
		bool found = false;

		for (int i = 0; i < WORKERS; i++) {
			if (!id_same(w->worker[i].id, e->post.peer.id))
				continue;
			found = true;
			fake_hear(w, &w->worker[i], e);
		}
		if (!found)
			world_hear(w, e);
	}
	free(n->body);
	world_check(w);
}

/* Until nobody has anything more to say at this moment. */
static void world_pump(struct world *w)
{
	for (int round = 0; round < 1000; round++) {
		while (w->first < w->last) {
			struct note n = w->note[w->first++ % NOTES];

			world_deliver(w, &n);
		}
		for (int i = 0; i < DIRECTORS; i++) {
			if (!w->director[i])
				continue;
			director_turn(w->director[i], w->now_us, w->wall_us, w->outbox);
			world_collect(w, i);
		}
		if (w->first == w->last)
			return;
	}
	fail_msg("it never comes to rest");
}

static void world_pass(struct world *w, uint64_t us)
{
	uint64_t end_us = w->now_us + us;

	while (w->now_us < end_us) {
		uint64_t at = end_us;

		for (int i = 0; i < DIRECTORS; i++)
			if (w->director[i] && director_deadline_us(w->director[i]) < at)
				at = director_deadline_us(w->director[i]);
		if (at <= w->now_us)
			at = w->now_us + 1;
		w->wall_us += at - w->now_us;
		w->now_us = at;
		world_pump(w);
	}
}

/* --- who is there --- */

static void world_link(struct world *w, struct fake *f, bool up)
{
	struct event e = {.kind = EVENT_LINK,
			  .link = {.peer = fake_peer(f), .purpose = PURPOSE_RPC, .up = up}};

	if (w->leader >= 0)
		world_step(w, w->leader, &e);
}

static void world_connect(struct world *w, int i)
{
	struct fake *f = &w->worker[i];

	f->connected = true;
	f->attached = false;
	f->link = ++w->link;
	world_link(w, f, true);
	world_pump(w);
	if (!f->attached) /* it was not asked to: nobody knew that it is a worker */
		fake_attach(w, f);
	world_pump(w);
}

static void world_cut(struct world *w, int i)
{
	struct fake *f = &w->worker[i];

	f->connected = false;
	world_link(w, f, false);
	world_pump(w);
}

static void world_lead(struct world *w, int leader)
{
	w->leader = leader;
	w->term++;
	for (int i = 0; i < DIRECTORS; i++) {
		struct tell t = {.kind = TELL_LEAD,
				 .lead = {.epoch = {1, w->term},
					  .who = world_id((uint8_t)(0xd0 + leader)),
					  .self = i == leader,
					  .serving = i == leader,
					  .store = world_id(0x55)}};

		world_tell(w, i, &t);
	}
	world_pump(w);
}

/* kill -9 of the acting one; the other leads, and the workers find it. */
static void world_fail_over(struct world *w)
{
	int next = w->leader == 0 ? 1 : 0;

	director_close(w->director[w->leader]);
	w->director[w->leader] = NULL;
	while (w->first < w->last)
		free(w->note[w->first++ % NOTES].body);
	while (w->slow_count)
		free(w->slow[--w->slow_count].body);
	w->store = STORE_GOOD;
	world_lead(w, next);
}

static struct director *world_director(struct world *w, uint8_t n, uint32_t jobs_max)
{
	struct director_config config = {.self = world_id((uint8_t)(0xd0 + n)),
					 .boot = 1,
					 .seed = 7,
					 .lease_ms = LEASE_MS,
					 .jobs_max = jobs_max,
					 .history_max = w->history_max,
					 .hold_timeout_s = 900};

	return director_open(&config, w->kv);
}

static struct world *world_open(uint32_t jobs_max)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->kv = kv_open(16u << 20);
	w->outbox = outbox_open();
	w->now_us = SECOND;
	w->wall_us = WALL;
	w->history_max = 20;
	for (uint8_t i = 0; i < DIRECTORS; i++)
		w->director[i] = world_director(w, i, jobs_max);
	for (uint8_t i = 0; i < WORKERS; i++)
		w->worker[i] = (struct fake){.id = world_id((uint8_t)(0x10 + i)),
					     .boot = 1,
					     .machine_boot = {i},
					     .slots = 2,
					     .whole = true};
	world_lead(w, 0);
	w->commits = 0; /* but for the row that says who directs */
	return w;
}

static void world_close(struct world *w)
{
	while (w->first < w->last)
		free(w->note[w->first++ % NOTES].body);
	while (w->slow_count)
		free(w->slow[--w->slow_count].body);
	for (int i = 0; i < DIRECTORS; i++)
		director_close(w->director[i]);
	outbox_close(w->outbox);
	kv_close(w->kv);
	free(w);
}

/* --- clients --- */

static uint64_t ask(struct world *w, uint8_t verb, uint32_t uid, enum err err,
		    struct buffer *arguments)
{
	struct peer peer = {.id = world_id(0xcc), .link = 900};
	struct call call = {.verb = verb, .uid = uid, .arguments = buffer_bytes(arguments)};
	uint64_t request = ++w->request;
	struct buffer b;

	assert_int_equal(err, OK);
	buffer_init(&b, FRAME_MAX);
	assert_int_equal(call_put(&call, &b), OK);
	w->answer[request % ANSWERS] = (struct heard_answer){0};
	world_frame(w, w->leader, &peer, FRAME_CALL, request, &b);
	buffer_fini(&b);
	buffer_fini(arguments);
	world_pump(w);
	return request;
}

static struct heard_answer *answer_of(struct world *w, uint64_t request)
{
	return &w->answer[request % ANSWERS];
}

struct wanted {
	const char *key, *program, *user;
	enum on_lost on_lost;
	uint32_t priority;
};

static uint64_t submit(struct world *w, struct wanted want)
{
	const char *argv[] = {want.program ? want.program : "true"};
	struct buffer command, b;
	struct submit s = {.task = {.on_lost = want.on_lost, .priority = want.priority}};
	enum err err;
	uint64_t request;

	buffer_init(&command, JOB_TEXT_MAX);
	buffer_init(&b, JOB_TEXT_MAX);
	assert_int_equal(texts_put(argv, 1, &command), OK);
	s.task.command = buffer_bytes(&command);
	snprintf(s.key, sizeof(s.key), "%s", want.key ? want.key : "");
	snprintf(s.task.user, sizeof(s.task.user), "%s", want.user ? want.user : "");
	err = submit_put(&s, &b);
	request = ask(w, CALL_SUBMIT, 1000, err, &b);
	buffer_fini(&command);
	return request;
}

static struct id submitted_id(struct world *w, uint64_t request)
{
	struct heard_answer *a = answer_of(w, request);
	struct submitted s;

	assert_true(a->came);
	assert_int_equal(a->code, EXIT_GOOD);
	assert_int_equal(submitted_get(bytes_of(a->body, a->len), &s), OK);
	return s.job;
}

static uint64_t by_prefix(struct world *w, uint8_t verb, const char *prefix)
{
	struct buffer b;
	enum err err;

	buffer_init(&b, 256);
	err = job_name_put(prefix, &b);
	return ask(w, verb, 0, err, &b);
}

static uint64_t cancel(struct world *w, struct id job)
{
	return by_prefix(w, CALL_JOB_CANCEL, id_text(job).s);
}

#endif
