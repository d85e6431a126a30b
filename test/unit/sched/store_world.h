/* A small world of stores: their disks, which survive, and their net, which does not. One seed is one life.
 *
 * After every step it checks the invariants numbered in sched/store.h. What it breaks: messages are lost, doubled,
 * delayed and cut off; nodes lose power, and with it any unsynced sector; syncs take their time; removed files come
 * back. */
#ifndef TEST_STORE_WORLD_H
#define TEST_STORE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/facts.h"
#include "core/must.h"
#include "core/outbox.h"
#include "core/rng.h"
#include "sched/store.h"
#include "sched/store/crc.h"
#include "sched/store/inside.h"
#include "test/unit/sched/store_shelf.h"

enum { NODES_MAX = 7, INDEX_MAX = 100000, TERMS_MAX = 5000 };
#define MS 1000ull

struct wnode {
	struct id id;
	struct store *store; /* NULL: down */
	struct shelf shelf;
	uint32_t life;
	uint64_t wake_us;
	uint64_t down_us; /* since when; 0: up */
	bool told_down;   /* the others' views say so */
	bool scheduler, founder, wiped, full;
	uint64_t checked; /* commit index checked */
	uint64_t applied; /* last APPLIED */
	uint64_t highest_term, highest_boot;
	struct id highest_voter;
	bool serving;
	struct epoch epoch;
	uint32_t faults, exits;
	char *logs; /* all lines */
	size_t logs_len;
};

enum wkind { W_FRAME, W_DISK, W_READ, W_LINK };
struct wevent {
	uint64_t at, order;
	enum wkind kind;
	uint32_t from, to, life;
	uint64_t token, offset;
	enum err err;
	char name[64];
	uint8_t *body;
	size_t len;
};

struct wcommitted {
	uint64_t term;
	uint32_t crc;
	uint32_t kind;
};

struct world {
	struct rng rng;
	uint64_t seed, now, order, steps;
	uint32_t count;
	struct wnode node[NODES_MAX];
	struct wevent **queue; /* a heap */
	uint32_t queued, queue_room;
	bool cut[NODES_MAX][NODES_MAX];
	uint32_t loss, twice; /* of 1000 */
	uint64_t delay_min, delay_max, sync_min, sync_max;
	struct keyring keys;
	struct store_config base;
	struct outbox *outbox;
	struct wcommitted *committed; /* by index */
	uint64_t committed_max;
	struct id leader_of[TERMS_MAX];
	uint32_t *map_crc; /* by position; 0: not known */
	uint64_t next_token, acked, unknown;
	uint64_t *acked_at; /* by token: position, 0 none */
	struct {
		struct id voter, candidate;
		uint64_t term;
	} vote[4096];
	uint32_t votes;
	uint64_t fenced; /* token of the last fence answered */
	enum err fenced_err, committed_err;
	bool (*drop)(struct world *w, uint32_t from, uint32_t to, const struct message *m);
	bool wiped; /* a disk was lost */
	bool apart; /* several stores, and each is right */
	bool quiet; /* a breach is counted, not asserted: for mutations */
	const char *breach;
};

static inline void world_breach(struct world *w, const char *what)
{
	if (w->breach == NULL) {
		w->breach = what;
		if (!w->quiet)
			print_error("seed %llu step %llu t=%llums: %s\n",
				    (unsigned long long)w->seed, (unsigned long long)w->steps,
				    (unsigned long long)(w->now / 1000), what);
	}
}

/* ---- the queue ---- */

static inline bool world_before(const struct wevent *a, const struct wevent *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static inline void world_put(struct world *w, const struct wevent *e, struct bytes body)
{
	struct wevent *copy = malloc(sizeof(*copy));
	uint32_t i;

	*copy = *e;
	copy->order = w->order++;
	copy->body = malloc(body.len + 1);
	copy->len = body.len;
	if (body.len > 0)
		memcpy(copy->body, body.at, body.len);
	if (w->queued == w->queue_room) {
		w->queue_room = w->queue_room == 0 ? 256 : w->queue_room * 2;
		w->queue = realloc(w->queue, w->queue_room * sizeof(*w->queue));
	}
	for (i = w->queued++; i > 0 && world_before(copy, w->queue[(i - 1) / 2]); i = (i - 1) / 2)
		w->queue[i] = w->queue[(i - 1) / 2];
	w->queue[i] = copy;
}

static inline struct wevent *world_take(struct world *w)
{
	struct wevent *top = w->queue[0], *last = w->queue[--w->queued];
	uint32_t i = 0;

	for (;;) {
		uint32_t c = 2 * i + 1;

		if (c >= w->queued)
			break;
		if (c + 1 < w->queued && world_before(w->queue[c + 1], w->queue[c]))
			c++;
		if (!world_before(w->queue[c], last))
			break;
		w->queue[i] = w->queue[c];
		i = c;
	}
	if (w->queued > 0)
		w->queue[i] = last;
	return top;
}

/* ---- checks ---- */

static inline uint32_t world_map_crc(const struct store *s)
{
	struct bytes key = {NULL, 0}, value;
	uint32_t crc = 1;

	while (kv_next(store_map(s), key, &key, &value) == OK)
		crc = crc32c(crc32c(crc, key), value);
	return crc == 0 ? 1 : crc;
}

static inline void check_commit(struct world *w, struct wnode *n)
{
	const struct raft *r = &n->store->raft;

	if (r->commit < n->checked)
		n->checked = r->log.base; /* a new start */
	if (n->checked < r->log.base)
		n->checked = r->log.base;
	for (; n->checked < r->commit && !w->apart; n->checked++) {
		uint64_t i = n->checked + 1;
		struct entry e = log_at(&r->log, i);
		struct wcommitted c = {e.term, crc32c(0, e.body), e.kind};

		assert_true(i < INDEX_MAX);
		if (w->committed[i].term == 0)
			w->committed[i] = c;
		else if (memcmp(&w->committed[i], &c, sizeof(c)) != 0)
			world_breach(w, "state machine safety: two entries committed at one index");
		if (i > w->committed_max)
			w->committed_max = i;
	}
}

static inline void check_leader(struct world *w, struct wnode *n)
{
	const struct raft *r = &n->store->raft;
	uint64_t term = raft_term(r);

	if (!raft_leads(r) || w->apart)
		return;
	assert_true(term < TERMS_MAX);
	if (id_same(w->leader_of[term], n->id))
		return;
	if (!id_is_none(w->leader_of[term])) {
		world_breach(w, "election safety: two leaders in one term");
		return;
	}
	w->leader_of[term] = n->id;
	for (uint64_t i = r->log.base + 1; i <= w->committed_max; i++)
		if (w->committed[i].term != 0 && w->committed[i].term < term &&
		    log_term(&r->log, i) != w->committed[i].term) {
			world_breach(w, "leader completeness: a committed entry is missing");
			return;
		}
}

static inline void check_logs(struct world *w)
{
	for (uint32_t a = 0; a < w->count && !w->apart; a++) {
		for (uint32_t b = a + 1; b < w->count; b++) {
			const struct log *x, *y;
			uint64_t low, at;
			bool same = false;

			if (w->node[a].store == NULL || w->node[b].store == NULL)
				continue;
			x = &w->node[a].store->raft.log;
			y = &w->node[b].store->raft.log;
			low = x->base > y->base ? x->base : y->base;
			at = log_last(x) < log_last(y) ? log_last(x) : log_last(y);
			for (; at > low; at--) {
				struct entry e, f;

				if (log_term(x, at) != log_term(y, at)) {
					if (same) {
						world_breach(w, "log matching");
						return;
					}
					continue;
				}
				same = true;
				e = log_at(x, at);
				f = log_at(y, at);
				if (e.kind != f.kind || !bytes_same(e.body, f.body)) {
					world_breach(w, "log matching: two bodies");
					return;
				}
			}
		}
	}
}

static inline void check_node(struct world *w, struct wnode *n)
{
	const struct store *s = n->store;
	const struct wal_state *state = &s->wal.state;

	check_commit(w, n);
	check_leader(w, n);
	if (id_same(n->highest_voter, s->wal.voter) && s->awake) {
		if (state->term < n->highest_term)
			world_breach(w, "a term went back");
		if (state->boot < n->highest_boot)
			world_breach(w, "a boot count went back");
	}
	if (s->awake && s->raft.state_synced == s->raft.state_puts) {
		n->highest_voter = s->wal.voter;
		n->highest_term = state->term;
		n->highest_boot = state->boot;
	}
	if (w->steps % 64 == 0 && store_is_scheduler(s) && s->applied > 0 && s->fault == OK) {
		uint32_t crc = world_map_crc(s);

		if (w->map_crc[s->applied] == 0)
			w->map_crc[s->applied] = crc;
		else if (w->map_crc[s->applied] != crc)
			world_breach(w, "two maps at one position");
	}
	if (w->steps % 256 == 0)
		check_logs(w);
}

/* A granted vote is a promise: one for each voter and term, over all starts. */
static inline void check_vote(struct world *w, const struct message *m)
{
	if (m->kind != MESSAGE_VOTED || !m->voted.granted)
		return;
	for (uint32_t i = 0; i < w->votes; i++)
		if (id_same(w->vote[i].voter, m->from) && w->vote[i].term == m->term) {
			if (!id_same(w->vote[i].candidate, m->to))
				world_breach(w, "two votes in one term");
			return;
		}
	if (w->votes == 4096)
		return;
	w->vote[w->votes].voter = m->from;
	w->vote[w->votes].candidate = m->to;
	w->vote[w->votes++].term = m->term;
}

/* ---- effects ---- */

static inline uint32_t world_who(const struct world *w, struct id id)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (id_same(w->node[i].id, id))
			return i;
	return NODES_MAX;
}

static inline void do_post(struct world *w, uint32_t from, const struct effect *e)
{
	struct wevent v = {.kind = W_FRAME, .from = from, .to = world_who(w, e->post.peer.id)};
	struct message m;
	int copies = 1;

	assert_true(v.to < NODES_MAX);
	assert_int_equal(message_get(e->post.body, &m), OK);
	check_vote(w, &m);
	if (w->cut[from][v.to] || rng_below(&w->rng, 1000) < w->loss ||
	    (w->drop != NULL && w->drop(w, from, v.to, &m)))
		return;
	if (rng_below(&w->rng, 1000) < w->twice)
		copies = 2;
	while (copies-- > 0) {
		v.at = w->now + rng_between(&w->rng, w->delay_min, w->delay_max);
		world_put(w, &v, e->post.body);
	}
}

static inline void do_disk(struct world *w, uint32_t at, const struct effect *e)
{
	struct wnode *n = &w->node[at];
	struct wevent v = {.kind = W_DISK, .to = at, .life = n->life, .token = e->disk.token};
	struct wfile *f = shelf_find(&n->shelf, e->disk.file,
				     e->kind == EFFECT_APPEND || e->kind == EFFECT_PUT);

	snprintf(v.name, sizeof(v.name), "%s", e->disk.file);
	v.at = w->now + rng_between(&w->rng, w->sync_min, w->sync_max);
	switch ((int)e->kind) {
	case EFFECT_APPEND:
		if (!n->full)
			shelf_write(f, e->disk.at, e->disk.body);
		return;
	case EFFECT_SYNC:
		v.offset = 1;
		if (n->full)
			v.err = ERR_NO_SPACE;
		break;
	case EFFECT_PUT:
		f->len = 0;
		shelf_write(f, 0, e->disk.body);
		shelf_sync(f);
		break;
	case EFFECT_CUT:
		assert_non_null(f);
		memset(f->cache + e->disk.at, 0, f->room - e->disk.at);
		f->len = (size_t)e->disk.at;
		memcpy(f->safe, f->cache, f->room);
		f->safe_len = f->len;
		break;
	case EFFECT_DROP:
		if (f != NULL)
			f->removed = true;
		break;
	case EFFECT_READ: {
		size_t from = (size_t)e->disk.at, len = 0;

		v.kind = W_READ;
		if (f != NULL && from < f->len)
			len = f->len - from < e->disk.len ? f->len - from : e->disk.len;
		v.err = f == NULL ? ERR_NOT_FOUND : OK;
		world_put(w, &v, bytes_of(f == NULL ? NULL : f->cache + from, len));
		return;
	}
	default:
		break;
	}
	if (v.token != 0)
		world_put(w, &v, bytes_of(NULL, 0));
}

static inline void do_tell(struct world *w, struct wnode *n, const struct tell *t)
{
	uint64_t token = t->batch.token;

	if (t->kind == TELL_LEAD) {
		n->serving = t->lead.serving;
		n->epoch = t->lead.epoch;
	} else if (t->kind == TELL_COMMITTED && t->batch.err == OK) {
		struct wcommitted *c = &w->committed[t->batch.position];

		w->acked++;
		w->acked_at[token % INDEX_MAX] = t->batch.position;
		if (c->term == 0)
			world_breach(w, "acknowledged before it was committed");
	} else if (t->kind == TELL_COMMITTED && t->batch.err == ERR_UNKNOWN) {
		w->unknown++;
		w->committed_err = t->batch.err;
	} else if (t->kind == TELL_COMMITTED) {
		w->committed_err = t->batch.err;
	} else if (t->kind == TELL_FENCED) {
		w->fenced = token;
		w->fenced_err = t->batch.err;
	} else if (t->kind == TELL_APPLIED) {
		if (t->batch.position <= n->applied)
			world_breach(w, "applied twice or out of order");
		n->applied = t->batch.position;
	} else if (t->kind == TELL_RESTORED) {
		n->applied = t->batch.position;
	} else if (t->kind == TELL_FAULT) {
		n->faults++;
	}
}

static inline void world_keep_log(struct wnode *n, const char *text)
{
	size_t len = strlen(text);

	n->logs = realloc(n->logs, n->logs_len + len + 2);
	memcpy(n->logs + n->logs_len, text, len);
	n->logs_len += len + 1;
	n->logs[n->logs_len - 1] = '\n';
	n->logs[n->logs_len] = '\0';
}

static inline bool world_said(const struct wnode *n, const char *text)
{
	return n->logs != NULL && strstr(n->logs, text) != NULL;
}

static inline void world_drain(struct world *w, uint32_t at)
{
	struct wnode *n = &w->node[at];

	for (size_t i = 0; i < outbox_count(w->outbox); i++) {
		const struct effect *e = outbox_at(w->outbox, i);

		switch ((int)e->kind) {
		case EFFECT_POST:
			do_post(w, at, e);
			break;
		case EFFECT_TELL:
			/* What it applied is committed: it is checked before it is believed. */
			check_commit(w, n);
			do_tell(w, n, &e->tell);
			break;
		case EFFECT_LOG:
			world_keep_log(n, e->log.text);
			if (getenv("WORLD_LOG") != NULL)
				printf("[%8.3f] %u %s\n", (double)w->now / 1e6, at, e->log.text);
			break;
		case EFFECT_EXIT:
			n->exits++;
			break;
		default:
			do_disk(w, at, e);
			break;
		}
	}
	outbox_clear(w->outbox);
}

/* ---- life ---- */

static inline void world_step(struct world *w, uint32_t at, struct event *e)
{
	struct wnode *n = &w->node[at];

	w->steps++;
	e->now_us = w->now;
	store_step(n->store, e, w->outbox);
	/* Some turns gather more than one step. */
	if (rng_below(&w->rng, 8) == 0) {
		world_drain(w, at);
		n->wake_us = w->now + rng_below(&w->rng, 50);
		return;
	}
	store_turn(n->store, w->now, w->now, w->outbox);
	world_drain(w, at);
	check_node(w, n);
	n->wake_us = store_deadline_us(n->store);
}

static inline void world_tell_member(struct world *w, uint32_t to, uint32_t about,
				     enum member_state state)
{
	struct event e = {.kind = EVENT_TELL};
	struct wnode *n = &w->node[about];
	struct facts facts = {.id = n->id};

	if (w->node[to].store == NULL)
		return;
	facts.roles = n->scheduler ? ROLE_SCHEDULER : ROLE_WORKER;
	facts.machine[0] = (uint8_t)(about + 1);
	facts.addr = addr_v4(10, 0, 0, (uint8_t)(about + 1), 8081);
	e.tell.kind = TELL_MEMBER;
	e.tell.member.state = state;
	e.tell.member.facts = &facts;
	e.tell.member.view = VIEW_ALL;
	world_step(w, to, &e);
	if (n->scheduler && w->node[to].scheduler) {
		e.tell.member.view = VIEW_SCHEDULERS;
		world_step(w, to, &e);
	}
}

/* False: it refused to start, with `why`. */
static inline bool world_start(struct world *w, uint32_t at, char why[200])
{
	struct wnode *n = &w->node[at];
	struct store_config cfg = w->base;
	struct disk disk = {&n->shelf, shelf_read, shelf_list};

	assert_null(n->store);
	cfg.self = n->id;
	cfg.roles = n->scheduler ? ROLE_SCHEDULER : ROLE_WORKER;
	cfg.founder = n->founder;
	cfg.machine[0] = (uint8_t)(at + 1);
	cfg.keyring = &w->keys;
	cfg.seed = rng_next(&w->rng);
	n->life++;
	n->down_us = 0;
	n->told_down = false;
	n->applied = 0;
	n->checked = 0;
	n->serving = false;
	n->store = store_open(&cfg, &disk, w->now, why);
	if (n->store == NULL) {
		n->down_us = w->now;
		return false;
	}
	n->wake_us = w->now;
	for (uint32_t i = 0; i < w->count; i++) {
		if (i == at)
			continue;
		world_tell_member(w, at, i, w->node[i].store == NULL ? MEMBER_DEAD : MEMBER_ALIVE);
		world_tell_member(w, i, at, MEMBER_ALIVE);
	}
	return true;
}

static inline void world_up(struct world *w, uint32_t at)
{
	char why[200] = "";

	if (w->node[at].store == NULL && !world_start(w, at, why)) {
		print_error("seed %llu: node %u did not start: %s\n", (unsigned long long)w->seed,
			    at, why);
		world_breach(w, "a node did not start");
	}
}

static inline void world_kill(struct world *w, uint32_t at)
{
	struct wnode *n = &w->node[at];

	if (n->store == NULL)
		return;
	store_close(n->store);
	n->store = NULL;
	n->serving = false;
	n->down_us = w->now;
	shelf_crash(&n->shelf, &w->rng);
}

static inline void world_wipe(struct world *w, uint32_t at)
{
	world_kill(w, at);
	for (int i = 0; i < FILES_MAX; i++)
		if (strcmp(w->node[at].shelf.file[i].name, "store-born") != 0)
			shelf_clear(&w->node[at].shelf.file[i]);
	w->node[at].wiped = true;
}

static inline void world_deliver(struct world *w, struct wevent *v)
{
	struct wnode *n = &w->node[v->to];
	struct event e = {.kind = EVENT_WAKE};

	if (n->store == NULL || (v->kind != W_FRAME && v->life != n->life))
		return;
	if (v->kind == W_FRAME) {
		if (w->cut[v->from][v->to])
			return;
		e.kind = EVENT_FRAME;
		e.frame.peer.id = w->node[v->from].id;
		e.frame.purpose = PURPOSE_STORE;
		e.frame.type = FRAME_STORE;
		e.frame.body = bytes_of(v->body, v->len);
	} else if (v->kind == W_READ) {
		e.kind = EVENT_READ;
		e.read.token = v->token;
		e.read.err = v->err;
		e.read.body = bytes_of(v->body, v->len);
	} else {
		if (v->offset == 1 && v->err == OK) {
			struct wfile *f = shelf_find(&n->shelf, v->name, false);

			if (f != NULL)
				shelf_sync(f);
		}
		e.kind = EVENT_DISK;
		e.disk.token = v->token;
		e.disk.err = v->err;
	}
	world_step(w, v->to, &e);
}

/* The views notice after two seconds. */
static inline void world_views(struct world *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		struct wnode *n = &w->node[i];

		if (n->store != NULL || n->told_down || n->life == 0 ||
		    n->down_us + 2000 * MS > w->now)
			continue;
		n->told_down = true;
		for (uint32_t k = 0; k < w->count; k++)
			if (k != i)
				world_tell_member(w, k, i, MEMBER_DEAD);
	}
}

static inline void world_run(struct world *w, uint64_t us)
{
	uint64_t until = w->now + us, views = 0;

	while (w->breach == NULL) {
		uint64_t at = w->queued > 0 ? w->queue[0]->at : UINT64_MAX;
		uint32_t who = NODES_MAX;

		for (uint32_t i = 0; i < w->count; i++)
			if (w->node[i].store != NULL && w->node[i].wake_us < at) {
				at = w->node[i].wake_us;
				who = i;
			}
		if (at > until)
			break;
		/* A deadline in the past means now; time always moves. */
		w->now = at > w->now ? at : w->now + (who < NODES_MAX);
		if (who < NODES_MAX) {
			struct event e = {.kind = EVENT_WAKE};

			world_step(w, who, &e);
		} else {
			struct wevent *v = world_take(w);

			world_deliver(w, v);
			free(v->body);
			free(v);
		}
		if (w->now > views) {
			world_views(w);
			views = w->now + 100 * MS;
		}
	}
	if (w->now < until)
		w->now = until;
	world_views(w);
}

/* A batch of the director's to the node, with a value of `len` bytes; its token, whatever becomes of it. */
static inline uint64_t world_commit_of(struct world *w, uint32_t at, size_t len)
{
	struct wnode *n = &w->node[at];
	struct event e = {.kind = EVENT_TELL};
	struct batch b;
	struct buffer packed;
	uint64_t token = ++w->next_token;
	char key[16], *value = calloc(1, len + 64);

	if (n->store != NULL) {
		batch_init(&b);
		buffer_init(&packed, BATCH_MAX);
		snprintf(key, sizeof(key), "k%02u", (unsigned)rng_below(&w->rng, 40));
		snprintf(value, 64, "value %llu of this long life", (unsigned long long)token);
		assert_int_equal(batch_put(&b, bytes_str(key), bytes_of(value, len)), OK);
		assert_int_equal(batch_pack(&b, w->now, &packed), OK);
		e.tell.kind = TELL_COMMIT;
		e.tell.batch.token = token;
		e.tell.batch.epoch = n->epoch;
		e.tell.batch.batch = buffer_bytes(&packed);
		world_step(w, at, &e);
		batch_fini(&b);
		buffer_fini(&packed);
	}
	free(value);
	return token;
}

static inline uint64_t world_commit(struct world *w, uint32_t at)
{
	return world_commit_of(w, at, 40);
}

/* A message as if from the voter of node `from`, in its start `boot` and `nonce`. */
static inline void world_inject(struct world *w, uint32_t from, uint32_t to, struct message *m)
{
	const struct store *s = w->node[to].store;
	struct wevent v = {.kind = W_FRAME, .from = from, .to = to, .at = w->now};
	uint32_t seat = voters_find_node(&s->raft.voters, w->node[from].id);
	struct buffer body;

	m->store = s->wal.store;
	m->generation = s->wal.state.generation;
	m->from = s->raft.voters.seat[seat].voter;
	m->to = s->wal.voter;
	buffer_init(&body, FRAME_MAX);
	assert_int_equal(message_put(m, &body), OK);
	world_put(w, &v, buffer_bytes(&body));
	buffer_fini(&body);
}

static inline uint64_t world_fence(struct world *w, uint32_t at)
{
	struct event e = {.kind = EVENT_TELL};

	e.tell.kind = TELL_FENCE;
	e.tell.batch.token = ++w->next_token;
	world_step(w, at, &e);
	return e.tell.batch.token;
}

static inline uint32_t world_server(const struct world *w)
{
	uint32_t best = NODES_MAX;

	for (uint32_t i = 0; i < w->count; i++)
		if (w->node[i].store != NULL && w->node[i].serving &&
		    (best == NODES_MAX || epoch_cmp(w->node[i].epoch, w->node[best].epoch) > 0))
			best = i;
	return best;
}

static inline bool world_is_acked(const struct world *w, uint64_t token)
{
	return w->acked_at[token % INDEX_MAX] != 0;
}

static inline struct world *world_open(uint64_t seed, uint32_t count, uint32_t schedulers)
{
	struct world *w = calloc(1, sizeof(*w));
	uint8_t secret[32] = {7};

	w->seed = seed;
	rng_init(&w->rng, seed);
	w->now = 1000000;
	w->count = count;
	w->delay_min = 100;
	w->delay_max = 1000;
	w->sync_min = 50;
	w->sync_max = 300;
	w->outbox = outbox_open();
	w->committed = calloc(INDEX_MAX, sizeof(*w->committed));
	w->map_crc = calloc(INDEX_MAX, sizeof(*w->map_crc));
	w->acked_at = calloc(INDEX_MAX, sizeof(*w->acked_at));
	assert_int_equal(keyring_make(&w->keys, "test", secret), OK);
	for (uint32_t i = 0; i < count; i++) {
		w->node[i].id.b[0] = (uint8_t)(i + 1);
		w->node[i].id.b[15] = 1;
		w->node[i].scheduler = i < schedulers;
	}
	w->base.heartbeat_ms = 50;
	w->base.wal_file = 16384;
	w->base.snapshot_every = 6000;
	return w;
}

static inline void world_close(struct world *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		store_close(w->node[i].store);
		free(w->node[i].logs);
		for (int k = 0; k < FILES_MAX; k++)
			shelf_clear(&w->node[i].shelf.file[k]);
	}
	while (w->queued > 0) {
		struct wevent *v = world_take(w);

		free(v->body);
		free(v);
	}
	free(w->queue);
	free(w->committed);
	free(w->map_crc);
	free(w->acked_at);
	outbox_close(w->outbox);
	free(w);
}

#endif
