/* A small world for swims: a wire that loses and delays, streams that can be cut, disks that survive a kill, and one
 * clock. Everything that happens follows from one seed. */
#ifndef TEST_UNIT_GOSSIP_WORLD_H
#define TEST_UNIT_GOSSIP_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/heap.h"
#include "core/limits.h"
#include "core/rng.h"
#include "gossip/swim.h"

#define SECOND UINT64_C(1000000)

struct parcel {
	uint64_t at_us;
	uint64_t order;
	uint32_t to;
	uint32_t life; /* of the receiver: what was on its way to an earlier one is lost */
	struct event event;
	uint8_t *body;
};

struct node {
	struct identity me;
	struct facts facts;
	struct swim *swim; /* NULL: not running */
	uint64_t boot;
	uint64_t frozen_us; /* runs no step before */
	uint32_t life;
	struct buffer disk;
	uint64_t disk_token; /* of the last PUT */
	char *block;         /* the last member block */
	uint32_t blocks;
	uint32_t isolated;
	uint32_t failures;        /* lines `member failed` */
	uint32_t damaged, cloned; /* lines that say so */
	uint32_t joined;          /* TELL_JOINED */
	uint64_t last_version;    /* shown */
};

struct world {
	struct node *node;
	uint32_t count;
	enum view view;
	struct cards *cards;
	bool own_cards; /* each swim keeps facts, and has them verified, for itself */
	struct outbox *out;
	struct heap due; /* when each node is to be woken */
	struct rng rng;
	uint64_t now_us;
	struct parcel *heap;
	uint32_t parcels, room;
	uint64_t order;
	uint32_t loss_permille;
	uint64_t delay_min_us, delay_max_us;
	uint32_t mute; /* its datagrams are lost, both ways; streams work. UINT32_MAX: nobody */
	bool *cut;     /* [from * count + to] */
	uint64_t hash;
	uint64_t datagrams, frames, bytes, verifies;
	uint32_t alpha;
	uint32_t dead_keep_ms;
	uint32_t log_members_max;
	bool (*forge)(struct world *w, uint32_t to, struct event *e); /* false: drop */
};

static inline void world_hash(struct world *w, const void *at, size_t len)
{
	const uint8_t *b = at;

	for (size_t i = 0; i < len; i++)
		w->hash = (w->hash ^ b[i]) * 0x100000001b3u;
}

/* --- the queue of what is on its way --- */

static inline bool parcel_before(const struct parcel *a, const struct parcel *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static inline void parcel_put(struct world *w, struct parcel p)
{
	if (w->parcels == w->room) {
		w->room = w->room == 0 ? 64 : 2 * w->room;
		w->heap = realloc(w->heap, w->room * sizeof(*w->heap));
		assert_non_null(w->heap);
	}
	p.order = w->order++;
	uint32_t i = w->parcels++;
	while (i > 0 && parcel_before(&p, &w->heap[(i - 1) / 2])) {
		w->heap[i] = w->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	w->heap[i] = p;
}

static inline struct parcel parcel_take(struct world *w)
{
	struct parcel first = w->heap[0];
	struct parcel last = w->heap[--w->parcels];
	uint32_t i = 0;

	for (;;) {
		uint32_t child = 2 * i + 1;
		if (child >= w->parcels)
			break;
		if (child + 1 < w->parcels && parcel_before(&w->heap[child + 1], &w->heap[child]))
			child++;
		if (!parcel_before(&w->heap[child], &last))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	if (w->parcels > 0)
		w->heap[i] = last;
	return first;
}

/* --- making it --- */

static inline struct addr world_addr(uint32_t i)
{
	return addr_v4(10, 0, (uint8_t)(i >> 8), (uint8_t)(i & 255), 8081);
}

static inline uint32_t world_at(const struct world *w, struct addr a)
{
	uint32_t i = (uint32_t)a.ip[2] << 8 | a.ip[3];

	return i < w->count ? i : UINT32_MAX;
}

static inline struct world *world_open(uint32_t count, uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->count = count;
	w->view = VIEW_ALL;
	w->mute = UINT32_MAX;
	w->node = calloc(count, sizeof(*w->node));
	w->cut = calloc((size_t)count * count, sizeof(*w->cut));
	w->cards = cards_open();
	w->out = outbox_open();
	heap_init(&w->due, count);
	rng_init(&w->rng, seed);
	w->now_us = 1000 * SECOND;
	w->delay_min_us = 200;
	w->delay_max_us = 2000;
	w->hash = 0xcbf29ce484222325u;
	for (uint32_t i = 0; i < count; i++) {
		uint8_t key[32] = {0};

		put_u64(key, i + 1);
		identity_make(&w->node[i].me, key);
		buffer_init(&w->node[i].disk, 1 << 20);
		w->node[i].facts = (struct facts){
			.id = w->node[i].me.id, .addr = world_addr(i), .roles = ROLE_WORKER};
		memcpy(w->node[i].facts.key, w->node[i].me.public_key, 32);
		snprintf(w->node[i].facts.name, sizeof(w->node[i].facts.name), "n%u", (unsigned)i);
	}
	return w;
}

static inline void world_close(struct world *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		swim_close(w->node[i].swim);
		buffer_fini(&w->node[i].disk);
		free(w->node[i].block);
	}
	while (w->parcels > 0)
		free(parcel_take(w).body);
	cards_close(w->cards);
	outbox_close(w->out);
	heap_fini(&w->due);
	free(w->heap);
	free(w->cut);
	free(w->node);
	free(w);
}

/* --- what a swim asks for --- */

static inline void send_to(struct world *w, uint32_t to, uint64_t delay_us, struct event e,
			   struct bytes body)
{
	struct parcel p = {.at_us = w->now_us + delay_us, .to = to, .life = w->node[to].life};

	p.body = malloc(body.len + 1);
	memcpy(p.body, body.at, body.len);
	if (e.kind == EVENT_DATAGRAM)
		e.datagram.body = bytes_of(p.body, body.len);
	else if (e.kind == EVENT_FRAME)
		e.frame.body = bytes_of(p.body, body.len);
	p.event = e;
	parcel_put(w, p);
}

static inline uint64_t world_delay(struct world *w)
{
	return rng_between(&w->rng, w->delay_min_us, w->delay_max_us);
}

static inline void carry_datagram(struct world *w, uint32_t from, const struct effect *e)
{
	uint32_t to = world_at(w, e->send.to);
	uint64_t delay = world_delay(w);
	bool lost = rng_below(&w->rng, 1000) < w->loss_permille;
	struct event event = {.kind = EVENT_DATAGRAM};

	assert_true(e->send.body.len <= DATAGRAM_BODY_MAX);
	w->datagrams++;
	w->bytes += e->send.body.len;
	world_hash(w, e->send.body.at, e->send.body.len);
	if (to == UINT32_MAX || lost || w->cut[from * w->count + to] || from == w->mute ||
	    to == w->mute || w->node[to].swim == NULL)
		return;
	event.datagram.view = e->send.view;
	event.datagram.from =
		addr_with_port(world_addr(from), (uint16_t)(8081 + (e->send.view + 1) * 1000));
	event.datagram.sender = w->node[from].me.id;
	event.datagram.boot = w->node[from].boot;
	send_to(w, to, delay, event, e->send.body);
}

static inline void carry_post(struct world *w, uint32_t from, const struct effect *e)
{
	uint32_t to = e->post.peer.link != 0 ? (uint32_t)e->post.peer.link - 1
					     : world_at(w, e->post.peer.addr);
	struct event event = {.kind = EVENT_FRAME};

	assert_true(e->post.body.len <= FRAME_MAX);
	w->frames++;
	w->bytes += e->post.body.len;
	world_hash(w, e->post.body.at, e->post.body.len);
	if (to == UINT32_MAX || w->node[to].swim == NULL || w->cut[from * w->count + to] ||
	    w->cut[to * w->count + from]) {
		event.kind = EVENT_LINK;
		event.link.peer = e->post.peer;
		event.link.purpose = e->post.purpose;
		send_to(w, from, SECOND, event, (struct bytes){(const uint8_t *)"", 0});
		return;
	}
	event.frame.peer = (struct peer){w->node[from].me.id,
					 addr_with_port(world_addr(from), 40000), from + 1};
	if (e->post.peer.link == 0)
		event.frame.peer.addr.port = 40000;
	else
		event.frame.peer.addr = addr_with_port(world_addr(from), 10081);
	event.frame.purpose = e->post.purpose;
	event.frame.type = e->post.type;
	event.frame.request = e->post.request;
	send_to(w, to, 3 * world_delay(w), event, e->post.body);
}

static inline void carry_log(struct node *n, const struct effect *e)
{
	if (strncmp(e->log.text, "isolated", 8) == 0)
		n->isolated++;
	if (strncmp(e->log.text, "member failed", 13) == 0)
		n->failures++;
	if (strstr(e->log.text, "is damaged") != NULL)
		n->damaged++;
	if (strncmp(e->log.text, "another node", 12) == 0)
		n->cloned++;
	const char *block = strstr(e->log.text, "\nMembers {");
	if (block == NULL)
		return;
	free(n->block);
	n->block = strdup(e->log.text);
	n->blocks++;
	uint64_t version = strtoull(strstr(block, "ver:") + 4, NULL, 10);
	assert_true(version >= n->last_version); /* invariant 5 */
	n->last_version = version;
}

static inline void carry(struct world *w, uint32_t from, const struct effect *e)
{
	struct node *n = &w->node[from];
	struct event answer = {0};
	struct bytes nothing = {(const uint8_t *)"", 0};

	switch ((int)e->kind) {
	case EFFECT_DATAGRAM:
		carry_datagram(w, from, e);
		break;
	case EFFECT_POST:
		carry_post(w, from, e);
		break;
	case EFFECT_PUT:
		buffer_clear(&n->disk);
		assert_int_equal(buffer_add(&n->disk, e->disk.body), OK);
		answer.kind = EVENT_DISK;
		answer.disk.token = e->disk.token;
		send_to(w, from, 1000, answer, nothing);
		break;
	case EFFECT_VERIFY:
		w->verifies++;
		answer.kind = EVENT_VERIFIED;
		answer.verified.token = e->verify.token;
		answer.verified.good =
			identity_check(e->verify.key, e->verify.body, e->verify.signature);
		send_to(w, from, 100, answer, nothing);
		break;
	case EFFECT_LOG:
		world_hash(w, e->log.text, strlen(e->log.text));
		carry_log(n, e);
		break;
	case EFFECT_TELL:
		n->joined += e->tell.kind == TELL_JOINED;
		break;
	default:
		fail();
	}
}

static inline void world_wake(struct world *w, uint32_t i)
{
	const struct node *n = &w->node[i];
	uint64_t due = n->swim ? swim_deadline_us(n->swim) : UINT64_MAX;

	if (due != UINT64_MAX && due < n->frozen_us)
		due = n->frozen_us;
	assert_int_equal(heap_set(&w->due, i, due), OK);
}

static inline void world_carry(struct world *w, uint32_t i)
{
	for (size_t k = 0; k < outbox_count(w->out); k++) {
		struct effect e = *outbox_at(w->out, k);
		carry(w, i, &e);
	}
	outbox_clear(w->out);
	world_wake(w, i);
}

static inline void world_tell(struct world *w, uint32_t i, struct event e)
{
	e.now_us = w->now_us;
	swim_step(w->node[i].swim, &e, w->out);
	world_carry(w, i);
}

/* --- acts --- */

static inline void world_start(struct world *w, uint32_t i)
{
	struct node *n = &w->node[i];
	struct buffer packed;

	assert_null(n->swim);
	n->boot++;
	n->life++;
	n->facts.boot = n->boot;
	buffer_init(&packed, FACTS_MAX);
	assert_int_equal(facts_sign(&n->facts, n->me.secret_key, BYTES("test")), OK);
	buffer_fini(&packed);
	struct swim_config config = {.view = w->view,
				     .identity = &n->me,
				     .facts = &n->facts,
				     .cluster = BYTES("test"),
				     .seed = rng_next(&w->rng),
				     .alpha = w->alpha,
				     .dead_keep_ms = w->dead_keep_ms,
				     .log_members_max = w->log_members_max,
				     .cards = w->own_cards ? NULL : w->cards};
	n->swim = swim_open(&config, buffer_bytes(&n->disk), w->now_us);
	world_tell(w, i, (struct event){.kind = EVENT_WAKE});
}

static inline void world_join(struct world *w, uint32_t i, uint32_t with)
{
	struct event e = {.kind = EVENT_TELL};

	e.tell.kind = TELL_CANDIDATE;
	e.tell.candidate.view = w->view;
	e.tell.candidate.addr = world_addr(with);
	world_tell(w, i, e);
}

static inline void world_kill(struct world *w, uint32_t i)
{
	swim_close(w->node[i].swim);
	w->node[i].swim = NULL;
	w->node[i].life++;
	world_wake(w, i);
}

/* Its process dies and its streams break: whoever has one sees it. */
static inline void world_break(struct world *w, uint32_t i)
{
	struct event e = {.kind = EVENT_LINK};

	world_kill(w, i);
	e.link.peer.id = w->node[i].me.id;
	e.link.peer.addr = addr_with_port(world_addr(i), 40000);
	e.link.purpose = PURPOSE_RPC;
	e.link.broken = true;
	for (uint32_t k = 0; k < w->count; k++)
		if (w->node[k].swim != NULL)
			world_tell(w, k, e);
}

static inline void world_freeze(struct world *w, uint32_t i, uint64_t for_us)
{
	w->node[i].frozen_us = w->now_us + for_us;
	world_wake(w, i);
}

static inline void world_cut(struct world *w, uint32_t from, uint32_t to, bool cut)
{
	w->cut[from * w->count + to] = cut;
}

/* The two sides of a partition: [0, at) and [at, count). */
static inline void world_split(struct world *w, uint32_t at, bool cut)
{
	for (uint32_t a = 0; a < at; a++)
		for (uint32_t b = at; b < w->count; b++) {
			world_cut(w, a, b, cut);
			world_cut(w, b, a, cut);
		}
}

static inline void deliver(struct world *w, struct parcel p)
{
	struct node *n = &w->node[p.to];

	if (n->swim != NULL && n->life == p.life && n->frozen_us > w->now_us) {
		p.at_us = n->frozen_us + 1000; /* its timers run first */
		parcel_put(w, p);
		return;
	}
	if (n->swim != NULL && n->life == p.life &&
	    (w->forge == NULL || w->forge(w, p.to, &p.event)))
		world_tell(w, p.to, p.event);
	free(p.body);
}

static inline void world_run(struct world *w, uint64_t for_us)
{
	uint64_t end = w->now_us + for_us;

	for (;;) {
		uint64_t next = heap_deadline_us(&w->due);
		uint32_t who;

		if (w->parcels > 0 && w->heap[0].at_us <= next && w->heap[0].at_us < end) {
			struct parcel p = parcel_take(w);

			w->now_us = p.at_us > w->now_us ? p.at_us : w->now_us;
			deliver(w, p);
		} else if (next < end) {
			w->now_us = next > w->now_us ? next : w->now_us;
			assert_true(heap_take(&w->due, w->now_us, &who));
			world_tell(w, who, (struct event){.kind = EVENT_WAKE});
		} else {
			break;
		}
	}
	w->now_us = end;
}

/* --- what can be seen --- */

/* -1: unknown. */
static inline int world_state(struct world *w, uint32_t at, uint32_t of)
{
	const struct member *m = swim_find(w->node[at].swim, w->node[of].me.id);

	return m == NULL ? -1 : m->state;
}

/* Every running node sees exactly the running ones, all alive. */
static inline bool world_agrees(struct world *w)
{
	uint32_t up = 0;

	for (uint32_t i = 0; i < w->count; i++)
		up += w->node[i].swim != NULL;
	for (uint32_t i = 0; i < w->count; i++) {
		if (w->node[i].swim == NULL)
			continue;
		if (swim_size(w->node[i].swim) != up)
			return false;
		for (uint32_t k = 0; k < w->count; k++)
			if (w->node[k].swim != NULL && world_state(w, i, k) != MEMBER_ALIVE)
				return false;
	}
	return true;
}

/* Virtual milliseconds until they agree; UINT64_MAX: not within the limit. */
static inline uint64_t world_settle(struct world *w, uint64_t limit_us)
{
	uint64_t began = w->now_us;

	while (w->now_us - began < limit_us) {
		if (world_agrees(w))
			return (w->now_us - began) / 1000;
		world_run(w, 20000);
	}
	return world_agrees(w) ? (w->now_us - began) / 1000 : UINT64_MAX;
}

static inline struct world *world_grown(uint32_t count, uint64_t seed)
{
	struct world *w = world_open(count, seed);

	for (uint32_t i = 0; i < count; i++) {
		world_start(w, i);
		if (i > 0)
			world_join(w, i, 0);
		world_run(w, SECOND / 2);
	}
	assert_true(world_settle(w, 20 * SECOND) != UINT64_MAX);
	world_run(w, 5 * SECOND);
	return w;
}

#endif
