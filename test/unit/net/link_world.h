/* Two tables of streams and the wire between them. */
#ifndef TEST_LINK_WORLD_H
#define TEST_LINK_WORLD_H

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
#include <sodium.h>

#include "core/facts.h"
#include "net/link.h"

/* Nodes and the wire between them: what one writes the other reads at once, in order. */
#define SIDES     3u
#define SEEN_MAX  64u
#define WIRES_MAX 64u
#define SECOND    UINT64_C(1000000)

struct seen {
	enum event_kind kind;
	struct peer peer;
	enum purpose purpose;
	bool up, broken;
	uint8_t type;
	uint64_t request;
	size_t len;
	uint32_t uid;
};

struct world;
struct side {
	struct world *world;
	struct identity identity;
	struct keyring ring;
	struct strangers strangers;
	struct links *links;
	struct outbox *outbox;
	struct addr addr;
	struct hello hello;
	uint8_t version_min, version_max; /* 0: as built */
	uint64_t accepted;
	struct seen seen[SEEN_MAX];
	uint32_t count;
	/* What it does in the middle of a delivery. */
	void (*reply)(struct side *s, const struct event *e);
	unsigned hangups;
	char log[2048];
};

struct wire {
	uint32_t side[2];
	uint64_t conn[2];
};

struct world {
	struct side side[SIDES];
	struct wire wire[WIRES_MAX];
	uint32_t wires;
	uint64_t now_us;
	bool corrupt; /* changes a bit of whatever passes */
};

static const uint8_t body_room[FRAME_MAX];

static void deliver(void *with, const struct event *e)
{
	struct side *s = with;
	struct seen *seen = &s->seen[s->count++];

	assert_true(s->count <= SEEN_MAX);
	seen->kind = e->kind;
	if (e->kind == EVENT_LINK) {
		seen->peer = e->link.peer;
		seen->purpose = e->link.purpose;
		seen->up = e->link.up;
		seen->broken = e->link.broken;
	} else {
		assert_int_equal(e->kind, EVENT_FRAME);
		seen->peer = e->frame.peer;
		seen->purpose = e->frame.purpose;
		seen->type = e->frame.type;
		seen->request = e->frame.request;
		seen->len = e->frame.body.len;
		seen->uid = e->frame.uid;
	}
	if (s->reply != NULL)
		s->reply(s, e);
}

static void fill_hello(void *with, struct hello *out)
{
	*out = ((struct side *)with)->hello;
}

static void open_side(struct world *w, uint32_t n, const char *cluster, uint8_t key)
{
	struct side *s = &w->side[n];
	uint8_t bytes[32];
	struct links_config c = {.identity = &s->identity,
				 .keyring = &s->ring,
				 .strangers = &s->strangers,
				 .with = s,
				 .version_min = s->version_min,
				 .version_max = s->version_max,
				 .hello = fill_hello,
				 .deliver = deliver};

	memset(bytes, (int)n + 1, sizeof(bytes));
	s->world = w;
	identity_make(&s->identity, bytes);
	memcpy(c.random, bytes, sizeof(bytes));
	memset(bytes, key, sizeof(bytes));
	assert_int_equal(keyring_make(&s->ring, cluster, bytes), OK);
	strangers_init(&s->strangers);
	s->addr = addr_v4(10, 0, 0, (uint8_t)(n + 1), 8080);
	s->hello = (struct hello){.roles = ROLE_SCHEDULER | ROLE_WORKER, .port = 8080, .boot = n};
	links_close(s->links);
	s->links = links_open(&c);
	assert_non_null(s->links);
	if (s->outbox == NULL)
		s->outbox = outbox_open();
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->now_us = 1000 * SECOND;
	for (uint32_t n = 0; n < SIDES; n++)
		open_side(w, n, "blue", 0x11);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	for (uint32_t n = 0; n < SIDES; n++) {
		links_close(w->side[n].links);
		outbox_close(w->side[n].outbox);
	}
	free(w);
	return 0;
}

static void raw(struct side *s, enum event_kind kind, uint64_t conn, enum err err,
		struct bytes body)
{
	struct event e = {.kind = kind, .now_us = s->world->now_us};

	e.stream.conn = conn;
	e.stream.err = err;
	e.stream.body = body;
	links_step(s->links, &e, s->outbox);
}

static uint64_t accept_from(struct side *s, struct addr from, enum door door, uint32_t uid)
{
	struct event e = {.kind = EVENT_ACCEPTED, .now_us = s->world->now_us};

	e.stream.conn = ++s->accepted;
	e.stream.door = door;
	e.stream.from = from;
	e.stream.uid = uid;
	links_step(s->links, &e, s->outbox);
	return e.stream.conn;
}

/* The other end of a connection; NULL when there is none (any more). */
static struct side *other_end(struct world *w, struct side *s, uint64_t conn, uint64_t *there)
{
	for (uint32_t i = 0; i < w->wires; i++) {
		struct wire *x = &w->wire[i];
		for (unsigned end = 0; end < 2; end++) {
			if (&w->side[x->side[end]] == s && x->conn[end] == conn) {
				*there = x->conn[!end];
				return &w->side[x->side[!end]];
			}
		}
	}
	return NULL;
}

static void cut(struct world *w, struct side *s, uint64_t conn)
{
	for (uint32_t i = 0; i < w->wires; i++)
		for (unsigned end = 0; end < 2; end++)
			if (&w->side[w->wire[i].side[end]] == s && w->wire[i].conn[end] == conn)
				w->wire[i].conn[0] = w->wire[i].conn[1] = 0;
}

static void connect_to(struct world *w, struct side *s, uint64_t conn, struct addr to)
{
	for (uint32_t n = 0; n < SIDES; n++) {
		if (!addr_same(w->side[n].addr, to))
			continue;
		struct wire *x = &w->wire[w->wires++];
		assert_true(w->wires <= WIRES_MAX);
		x->side[0] = (uint32_t)(s - w->side);
		x->side[1] = n;
		x->conn[0] = conn;
		x->conn[1] = accept_from(&w->side[n], addr_with_port(s->addr, 50000), DOOR_RPC, 0);
		raw(s, EVENT_DIALED, conn, OK, (struct bytes){0});
		return;
	}
	if (to.port != 9) /* at port 9 nobody ever answers */
		raw(s, EVENT_DIALED, conn, ERR_REFUSED, (struct bytes){0});
}

static void carry_output(struct world *w, struct side *s, const struct effect *e)
{
	uint64_t there = 0;
	struct side *peer = other_end(w, s, e->stream.conn, &there);
	uint8_t *copy = malloc(e->stream.body.len);

	memcpy(copy, e->stream.body.at, e->stream.body.len);
	if (w->corrupt)
		copy[e->stream.body.len / 2] ^= 4;
	if (peer != NULL)
		raw(peer, EVENT_INPUT, there, OK, bytes_of(copy, e->stream.body.len));
	free(copy);
}

static void carry(struct world *w, struct side *s, const struct effect *e)
{
	uint64_t there = 0;
	struct side *peer;

	if (e->kind == EFFECT_DIAL) {
		connect_to(w, s, e->stream.conn, e->stream.to);
	} else if (e->kind == EFFECT_OUTPUT) {
		carry_output(w, s, e);
	} else if (e->kind == EFFECT_HANGUP) {
		s->hangups++;
		peer = other_end(w, s, e->stream.conn, &there);
		cut(w, s, e->stream.conn);
		if (peer != NULL)
			raw(peer, EVENT_CLOSED, there, OK, (struct bytes){0});
	} else if (e->kind == EFFECT_LOG) {
		if (e->log.level < LOG_LEVEL_DEBUG) {
			strncat(s->log, e->log.text, sizeof(s->log) - strlen(s->log) - 2);
			strcat(s->log, "\n");
		}
	} else {
		fail_msg("effect %d", (int)e->kind);
	}
}

/* Until nobody wants anything. */
static void pump(struct world *w)
{
	for (bool more = true; more;) {
		more = false;
		for (uint32_t n = 0; n < SIDES; n++) {
			struct side *s = &w->side[n];
			for (size_t i = 0; i < outbox_count(s->outbox); i++, more = true)
				carry(w, s, outbox_at(s->outbox, i));
			outbox_clear(s->outbox);
		}
	}
}

static void wake(struct world *w)
{
	for (uint32_t n = 0; n < SIDES; n++) {
		struct event e = {.kind = EVENT_WAKE, .now_us = w->now_us};
		links_step(w->side[n].links, &e, w->side[n].outbox);
	}
	pump(w);
}

static void post_len(struct side *s, struct peer to, enum purpose purpose, uint8_t type,
		     uint64_t request, size_t len)
{
	struct effect e = {.kind = EFFECT_POST};

	e.post.peer = to;
	e.post.purpose = purpose;
	e.post.type = type;
	e.post.request = request;
	e.post.body = bytes_of(body_room, len);
	links_post(s->links, s->world->now_us, &e, s->outbox);
}

static void post(struct side *s, struct peer to, enum purpose purpose, uint8_t type,
		 uint64_t request)
{
	post_len(s, to, purpose, type, request, 4);
}

static void unlink_peer(struct side *s, struct peer to, enum purpose purpose)
{
	struct effect e = {.kind = EFFECT_UNLINK};

	e.post.peer = to;
	e.post.purpose = purpose;
	links_unlink(s->links, &e, s->outbox);
}

static struct peer peer_of(const struct side *s)
{
	return (struct peer){.id = s->identity.id, .addr = s->addr};
}

static struct peer at_addr(struct addr addr)
{
	return (struct peer){.addr = addr};
}

static void assert_link(const struct seen *seen, const struct side *peer, bool up)
{
	assert_int_equal(seen->kind, EVENT_LINK);
	assert_int_equal(seen->up, up);
	assert_true(id_same(seen->peer.id, peer->identity.id));
}

/* a and b have a stream of this purpose that a dialled; what was seen is forgotten. */
static void join(struct world *w, struct side *a, struct side *b, enum purpose purpose)
{
	post(a, peer_of(b), purpose, FRAME_CALL, 0);
	pump(w);
	assert_int_equal(a->count, 1);
	assert_link(&a->seen[0], b, true);
	assert_int_equal(b->count, 2);
	assert_link(&b->seen[0], a, true);
	a->count = b->count = 0;
}

/* --- refusals --- */

#endif
