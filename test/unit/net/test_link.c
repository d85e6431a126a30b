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

static void a_dial_that_fails_is_told_with_its_address(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0];
	struct peer nobody = {.id = {{9}}, .addr = addr_v4(10, 0, 0, 99, 8080)};

	post(a, nobody, PURPOSE_STORE, FRAME_STORE, 1);
	pump(w);
	assert_int_equal(a->count, 1);
	assert_false(a->seen[0].up);
	assert_true(a->seen[0].broken);
	assert_int_equal(a->seen[0].purpose, PURPOSE_STORE);
	assert_true(addr_same(a->seen[0].peer.addr, nobody.addr));
	assert_true(id_same(a->seen[0].peer.id, nobody.id));
	assert_int_equal(links_counts(a->links).streams, 0);
}

static void a_dial_that_nobody_answers_times_out(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0];

	post(a, at_addr(addr_v4(10, 0, 0, 99, 9)), PURPOSE_RPC, FRAME_CALL, 1);
	pump(w);
	assert_int_equal(links_deadline_us(a->links), w->now_us + HANDSHAKE_MAX_MS * 1000);
	w->now_us += HANDSHAKE_MAX_MS * 1000 - 1;
	wake(w);
	assert_int_equal(a->count, 0);
	w->now_us += 1;
	wake(w);
	assert_int_equal(a->count, 1);
	assert_false(a->seen[0].up);
	assert_false(a->seen[0].broken);
	assert_int_equal(a->seen[0].peer.addr.port, 9);
	assert_int_equal(a->hangups, 1);
	assert_int_equal(links_counts(a->links).timed_out, 1);
	assert_int_equal(links_deadline_us(a->links), UINT64_MAX);
}

static void a_slow_stranger_is_hung_up_and_nobody_hears_of_it(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0];
	uint64_t conn = accept_from(a, addr_v4(10, 0, 0, 50, 1), DOOR_RPC, 0);

	raw(a, EVENT_INPUT, conn, OK, BYTES("\x39"));
	w->now_us += HANDSHAKE_MAX_MS * 1000;
	wake(w);
	assert_int_equal(a->hangups, 1);
	assert_int_equal(a->count, 0);
	assert_int_equal(links_counts(a->links).timed_out, 1);
	raw(a, EVENT_CLOSED, conn, OK, (struct bytes){0}); /* late: ignored */
}

static void the_oldest_stranger_makes_room_for_the_newest(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0];

	for (uint32_t i = 0; i < LINKS_UNKNOWN_MAX; i++)
		accept_from(a, addr_v4(10, 0, 1, 1, 1), DOOR_RPC, 0);
	assert_int_equal(outbox_count(a->outbox), 0);
	accept_from(a, addr_v4(10, 0, 1, 1, 1), DOOR_RPC, 0);
	assert_int_equal(outbox_count(a->outbox), 1);
	assert_int_equal(outbox_at(a->outbox, 0)->kind, EFFECT_HANGUP);
	assert_int_equal(outbox_at(a->outbox, 0)->stream.conn, 1);
	assert_int_equal(links_counts(a->links).streams, LINKS_UNKNOWN_MAX);
	assert_int_equal(links_counts(a->links).crowded_out, 1);
}

static void noise_on_the_line_is_hung_up_at_once(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0];
	uint64_t conn = accept_from(a, addr_v4(10, 0, 0, 50, 1), DOOR_RPC, 0);

	raw(a, EVENT_INPUT, conn, OK, BYTES("GET / HTTP/1.1\r\n\r\n"));
	assert_int_equal(outbox_count(a->outbox), 1);
	assert_int_equal(outbox_at(a->outbox, 0)->kind, EFFECT_HANGUP);
	pump(w);
	assert_int_equal(a->count, 0);
	assert_int_equal(links_counts(a->links).streams, 0);
}

static void a_foreign_cluster_is_named_once_a_minute(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	open_side(w, 0, "green", 0x11);
	for (unsigned i = 0; i < 3; i++) {
		post(a, peer_of(b), PURPOSE_GOSSIP, FRAME_GOSSIP, 1);
		pump(w);
	}
	assert_string_equal(b->log, "10.0.0.1 belongs to another cluster\n");
	assert_int_equal(b->count, 0);
	assert_int_equal(a->count, 3);
	assert_false(a->seen[2].up);
	w->now_us += 60 * SECOND;
	post(a, peer_of(b), PURPOSE_GOSSIP, FRAME_GOSSIP, 1);
	pump(w);
	assert_string_equal(b->log, "10.0.0.1 belongs to another cluster\n"
				    "10.0.0.1 belongs to another cluster\n");
}

static void another_key_of_our_cluster_is_told_to_join_again(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	open_side(w, 0, "blue", 0x22);
	post(a, peer_of(b), PURPOSE_GOSSIP, FRAME_GOSSIP, 1);
	pump(w);
	assert_string_equal(b->log, "10.0.0.1 is of our cluster with another key: join it again\n");
	assert_int_equal(links_counts(b->links).streams, 0);
}

static void whoever_else_answers_gets_nothing(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1], *c = &w->side[2];
	struct peer wrong = {.id = c->identity.id, .addr = b->addr};

	post(a, wrong, PURPOSE_RPC, FRAME_CALL, 1);
	pump(w);
	assert_int_equal(a->count, 1);
	assert_link(&a->seen[0], c, false);
	for (uint32_t i = 0; i < b->count; i++)
		assert_int_not_equal(b->seen[i].kind, EVENT_FRAME);
}

static void we_find_out_that_an_address_is_our_own(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0];

	post(a, at_addr(a->addr), PURPOSE_GOSSIP, FRAME_GOSSIP, 1);
	pump(w);
	assert_int_equal(a->count, 1);
	assert_link(&a->seen[0], a, false);
	assert_true(addr_same(a->seen[0].peer.addr, a->addr));
	assert_int_equal(links_counts(a->links).streams, 0);
}

static void a_frame_its_sender_may_not_send_is_dropped(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	a->hello.roles = ROLE_WORKER;
	join(w, a, b, PURPOSE_RPC);
	post(a, peer_of(b), PURPOSE_RPC, FRAME_ORDER, 1);
	post(a, peer_of(b), PURPOSE_RPC, FRAME_REPORT, 2);
	pump(w);
	assert_int_equal(b->count, 1);
	assert_int_equal(b->seen[0].type, FRAME_REPORT);
	assert_int_equal(links_counts(b->links).refused_type, 1);
	post(b, peer_of(a), PURPOSE_RPC, FRAME_ORDER, 3);
	pump(w);
	assert_int_equal(a->count, 1);
	assert_int_equal(a->seen[0].type, FRAME_ORDER);
}

static void a_damaged_stream_ends_with_one_word(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	join(w, a, b, PURPOSE_RPC);
	w->corrupt = true;
	post_len(a, peer_of(b), PURPOSE_RPC, FRAME_CALL, 1, 100);
	pump(w);
	assert_int_equal(b->count, 1);
	assert_link(&b->seen[0], a, false);
	assert_false(b->seen[0].broken);
	assert_int_equal(b->hangups, 1);
	assert_int_equal(a->count, 1);
	assert_link(&a->seen[0], b, false);
	assert_true(a->seen[0].broken); /* to us it is a close */
}

static void what_goes_to_nobody_is_counted(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0];
	struct peer unknown = {.id = {{9}}};

	post(a, unknown, PURPOSE_RPC, FRAME_CALL, 1);
	post(a, (struct peer){.link = 77}, PURPOSE_LOCAL, FRAME_ANSWER, 1);
	post(a, (struct peer){.link = 77, .addr = a->addr}, PURPOSE_LOCAL, FRAME_ANSWER, 1);
	pump(w);
	assert_int_equal(links_counts(a->links).refused_peer, 3);
	assert_int_equal(links_counts(a->links).dialled, 0);
}

static void what_waits_for_a_handshake_is_bounded(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0];
	struct peer silent = at_addr(addr_v4(10, 0, 0, 99, 9));
	unsigned fit = CHANNEL_QUEUE_MAX / (FRAME_MAX + FRAME_HEAD);

	for (unsigned i = 0; i < fit + 2; i++)
		post_len(a, silent, PURPOSE_BULK, FRAME_ANSWER, i, FRAME_MAX);
	assert_int_equal(links_counts(a->links).frames_out, fit);
	assert_int_equal(links_counts(a->links).refused_queue, 2);
	assert_int_equal(links_counts(a->links).dialled, 1);
}

/* --- the happy way --- */

static void posts_before_the_handshake_ends_come_out_in_order_after_it(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	for (uint64_t i = 1; i <= 20; i++)
		post(a, at_addr(b->addr), PURPOSE_GOSSIP, FRAME_GOSSIP, i);
	pump(w);
	post(a, peer_of(b), PURPOSE_GOSSIP, FRAME_GOSSIP, 21);
	pump(w);
	assert_int_equal(b->count, 22);
	assert_link(&b->seen[0], a, true);
	for (uint32_t i = 1; i <= 21; i++)
		assert_int_equal(b->seen[i].request, i);
	assert_int_equal(links_counts(a->links).dialled, 1);
	assert_int_equal(a->count, 1);
	assert_link(&a->seen[0], b, true);
	assert_true(a->seen[0].peer.link & LINK_DIALLED);
	/* Who was accepted can be dialled back. */
	assert_true(addr_same(b->seen[0].peer.addr, a->addr));
	assert_int_equal(b->seen[5].uid, LINK_NO_UID);
}

static void post_when_up(struct side *s, const struct event *e)
{
	if (e->kind == EVENT_LINK && e->link.up)
		post(s, e->link.peer, e->link.purpose, FRAME_CALL, 100);
}

static void what_is_posted_at_the_news_comes_after_what_waited(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	a->reply = post_when_up;
	post(a, peer_of(b), PURPOSE_RPC, FRAME_CALL, 1);
	post(a, peer_of(b), PURPOSE_RPC, FRAME_CALL, 2);
	pump(w);
	assert_int_equal(b->count, 4);
	assert_int_equal(b->seen[1].request, 1);
	assert_int_equal(b->seen[2].request, 2);
	assert_int_equal(b->seen[3].request, 100);
}

static void a_mebibyte_passes_before_and_after(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	post_len(a, peer_of(b), PURPOSE_STORE, FRAME_STORE, 1, FRAME_MAX);
	post_len(a, peer_of(b), PURPOSE_STORE, FRAME_STORE, 2, FRAME_MAX);
	pump(w);
	post_len(a, peer_of(b), PURPOSE_STORE, FRAME_STORE, 3, FRAME_MAX);
	pump(w);
	assert_int_equal(b->count, 4);
	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(b->seen[i].request, i);
		assert_int_equal(b->seen[i].len, FRAME_MAX);
	}
}

static void an_answer_goes_back_on_the_stream_it_came_by(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	post(a, peer_of(b), PURPOSE_RPC, FRAME_CALL, 7);
	pump(w);
	post(b, b->seen[1].peer, PURPOSE_RPC, FRAME_ANSWER, 7);
	post(b, (struct peer){.id = a->identity.id}, PURPOSE_RPC, FRAME_ANSWER, 8);
	pump(w);
	assert_int_equal(a->count, 3);
	assert_int_equal(a->seen[1].request, 7);
	assert_int_equal(a->seen[2].request, 8);
	assert_int_equal(links_counts(b->links).dialled, 0);
}

static void when_both_dial_each_prefers_its_own(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	post(a, peer_of(b), PURPOSE_STORE, FRAME_STORE, 1);
	post(b, peer_of(a), PURPOSE_STORE, FRAME_STORE, 2);
	pump(w);
	assert_int_equal(links_counts(a->links).streams, 2);
	assert_int_equal(links_counts(b->links).streams, 2);
	a->count = b->count = 0;
	post(a, peer_of(b), PURPOSE_STORE, FRAME_STORE, 3);
	post(b, peer_of(a), PURPOSE_STORE, FRAME_STORE, 4);
	pump(w);
	assert_false(b->seen[0].peer.link & LINK_DIALLED); /* came by the one that a dialled */
	assert_false(a->seen[0].peer.link & LINK_DIALLED);
}

static void an_open_stream_is_used_before_one_that_waits(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];
	struct peer moved = {.id = a->identity.id, .addr = addr_v4(10, 0, 0, 99, 9)};

	post(b, moved, PURPOSE_RPC, FRAME_CALL, 1); /* nobody answers there */
	pump(w);
	post(a, peer_of(b), PURPOSE_RPC, FRAME_CALL, 2);
	pump(w);
	post(b, moved, PURPOSE_RPC, FRAME_CALL, 3);
	pump(w);
	assert_int_equal(a->count, 2);
	assert_int_equal(a->seen[1].request, 3);
}

static void each_purpose_has_a_stream_of_its_own(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	join(w, a, b, PURPOSE_RPC);
	join(w, a, b, PURPOSE_STORE);
	join(w, a, b, PURPOSE_GOSSIP);
	join(w, a, b, PURPOSE_BULK);
	assert_int_equal(links_counts(a->links).streams, 4);
}

static void an_idle_gossip_stream_is_closed_and_no_other(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	join(w, a, b, PURPOSE_RPC);
	join(w, a, b, PURPOSE_STORE);
	join(w, a, b, PURPOSE_GOSSIP);
	w->now_us += 50 * SECOND;
	post(a, peer_of(b), PURPOSE_GOSSIP, FRAME_GOSSIP, 1);
	pump(w);
	w->now_us += 50 * SECOND;
	wake(w);
	assert_int_equal(links_counts(a->links).streams, 3);
	assert_int_equal(links_deadline_us(a->links), w->now_us + 10 * SECOND);
	a->count = b->count = 0;
	w->now_us += 10 * SECOND;
	wake(w);
	assert_int_equal(a->count, 1);
	assert_link(&a->seen[0], b, false);
	assert_int_equal(a->seen[0].purpose, PURPOSE_GOSSIP);
	assert_false(a->seen[0].broken);
	assert_int_equal(links_counts(a->links).streams, 2);
	assert_int_equal(links_counts(b->links).streams, 2);
	assert_int_equal(links_deadline_us(a->links), UINT64_MAX);
}

static void a_reset_is_broken_and_a_timeout_is_not(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	join(w, a, b, PURPOSE_STORE);
	raw(a, EVENT_CLOSED, LINK_DIALLED | 1, ERR_CLOSED, (struct bytes){0});
	assert_link(&a->seen[0], b, false);
	assert_true(a->seen[0].broken);
	a->count = b->count = 0;
	join(w, a, b, PURPOSE_STORE);
	raw(a, EVENT_CLOSED, LINK_DIALLED | 2, ERR_TIMEOUT, (struct bytes){0});
	assert_link(&a->seen[0], b, false);
	assert_false(a->seen[0].broken);
}

static void unlinking_closes_all_to_that_peer_without_a_word(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	post(a, peer_of(b), PURPOSE_STORE, FRAME_STORE, 1);
	post(b, peer_of(a), PURPOSE_STORE, FRAME_STORE, 2);
	pump(w);
	a->count = b->count = 0;
	unlink_peer(a, (struct peer){.id = b->identity.id}, PURPOSE_STORE);
	pump(w);
	assert_int_equal(a->count, 0);
	assert_int_equal(links_counts(a->links).streams, 0);
	assert_int_equal(b->count, 2);
	assert_true(b->seen[0].broken && b->seen[1].broken);
	unlink_peer(a, (struct peer){.link = 12345}, PURPOSE_STORE); /* nothing there */
}

static void reply_and_unlink(struct side *s, const struct event *e)
{
	if (e->kind != EVENT_FRAME)
		return;
	post(s, e->frame.peer, PURPOSE_RPC, FRAME_ANSWER, e->frame.request);
	unlink_peer(s, e->frame.peer, PURPOSE_RPC);
	post(s, peer_of(&s->world->side[0]), PURPOSE_RPC, FRAME_ANSWER, 99); /* dials anew */
}

static void a_stream_may_end_in_the_middle_of_its_own_delivery(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	b->reply = reply_and_unlink;
	post(a, peer_of(b), PURPOSE_RPC, FRAME_CALL, 1);
	post(a, peer_of(b), PURPOSE_RPC, FRAME_CALL, 2); /* never delivered: the stream is gone */
	pump(w);
	assert_int_equal(b->count, 3); /* up, one frame, the new one up */
	assert_int_equal(a->count, 5); /* up, answer, down, up, 99 */
	assert_int_equal(a->seen[1].request, 1);
	assert_link(&a->seen[2], b, false);
	assert_int_equal(a->seen[4].request, 99);
}

static void redial(struct side *s, const struct event *e)
{
	if (e->kind == EVENT_LINK && !e->link.up && s->count < 5)
		post(s, e->link.peer, PURPOSE_RPC, FRAME_CALL, 1);
}

static void whoever_hears_of_an_end_may_dial_again(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0];

	a->reply = redial;
	post(a, at_addr(addr_v4(10, 0, 0, 99, 8080)), PURPOSE_RPC, FRAME_CALL, 1);
	pump(w);
	assert_int_equal(a->count, 5);
	assert_int_equal(links_counts(a->links).dialled, 5);
	assert_int_equal(links_counts(a->links).streams, 0);
}

static void what_the_peer_said_of_itself_can_be_asked(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	a->hello.epoch = (struct epoch){3, 44};
	a->hello.store.b[0] = 0x57;
	join(w, a, b, PURPOSE_STORE);
	const struct hello *h = links_hello(b->links, 1);
	assert_non_null(h);
	assert_int_equal(h->epoch.generation, 3);
	assert_int_equal(h->epoch.term, 44);
	assert_int_equal(h->store.b[0], 0x57);
	assert_true(id_same(h->id, a->identity.id));
	assert_null(links_hello(b->links, 2));
	raw(b, EVENT_CLOSED, 1, OK, (struct bytes){0});
	assert_null(links_hello(b->links, 1));
}

static void the_local_socket_is_a_client_with_its_uid(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0];
	struct buffer frames;
	struct frame call = {.type = FRAME_CALL, .request = 3, .body = BYTES("x")};
	struct frame store = {.type = FRAME_STORE, .request = 4, .body = BYTES("x")};

	buffer_init(&frames, 1024);
	assert_int_equal(frame_put(&store, &frames), OK);
	assert_int_equal(frame_put(&call, &frames), OK);
	uint64_t conn = accept_from(a, (struct addr){0}, DOOR_LOCAL, 1000);
	raw(a, EVENT_INPUT, conn, OK, buffer_bytes(&frames));
	assert_int_equal(a->count, 2);
	assert_true(a->seen[0].up);
	assert_int_equal(a->seen[0].purpose, PURPOSE_LOCAL);
	assert_int_equal(a->seen[1].uid, 1000);
	assert_int_equal(a->seen[1].purpose, PURPOSE_LOCAL);
	assert_int_equal(a->seen[1].request, 3);
	assert_int_equal(a->seen[1].peer.link, conn);
	assert_int_equal(links_counts(a->links).refused_type, 1);
	assert_null(links_hello(a->links, conn));

	post(a, (struct peer){.link = conn}, PURPOSE_LOCAL, FRAME_ANSWER, 3);
	assert_int_equal(outbox_count(a->outbox), 1);
	const struct effect *e = outbox_at(a->outbox, 0);
	assert_int_equal(e->kind, EFFECT_OUTPUT);
	assert_int_equal(e->stream.body.len, FRAME_HEAD + 4);
	assert_int_equal(e->stream.body.at[4], FRAME_ANSWER);

	raw(a, EVENT_CLOSED, conn, OK, (struct bytes){0});
	assert_int_equal(a->count, 3);
	assert_false(a->seen[2].up);
	buffer_fini(&frames);
}

/* The same seed, the same bytes; and no ephemeral key twice. */
static void one_seed_makes_one_life(void **state)
{
	struct world *w = *state;
	uint8_t first[3][64];
	size_t len[3];

	for (unsigned i = 0; i < 3; i++) {
		struct side *a = &w->side[0];
		if (i < 2)
			open_side(w, 0, "blue", 0x11);
		post(a, at_addr(addr_v4(10, 0, 0, 99, (uint16_t)(100 + i))), PURPOSE_RPC,
		     FRAME_CALL, 1);
		outbox_clear(a->outbox);
		raw(a, EVENT_DIALED, LINK_DIALLED | (i < 2 ? 1 : 2), OK, (struct bytes){0});
		len[i] = outbox_at(a->outbox, 0)->stream.body.len;
		assert_true(len[i] <= sizeof(first[i]));
		memcpy(first[i], outbox_at(a->outbox, 0)->stream.body.at, len[i]);
		outbox_clear(a->outbox);
	}
	assert_int_equal(len[0], len[1]);
	assert_memory_equal(first[0], first[1], len[0]);
	assert_memory_not_equal(first[1] + 11, first[2] + 11, 32);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_dial_that_fails_is_told_with_its_address),
		T(a_dial_that_nobody_answers_times_out),
		T(a_slow_stranger_is_hung_up_and_nobody_hears_of_it),
		T(the_oldest_stranger_makes_room_for_the_newest),
		T(noise_on_the_line_is_hung_up_at_once),
		T(a_foreign_cluster_is_named_once_a_minute),
		T(another_key_of_our_cluster_is_told_to_join_again),
		T(whoever_else_answers_gets_nothing),
		T(we_find_out_that_an_address_is_our_own),
		T(a_frame_its_sender_may_not_send_is_dropped),
		T(a_damaged_stream_ends_with_one_word),
		T(what_goes_to_nobody_is_counted),
		T(what_waits_for_a_handshake_is_bounded),
		T(posts_before_the_handshake_ends_come_out_in_order_after_it),
		T(what_is_posted_at_the_news_comes_after_what_waited),
		T(a_mebibyte_passes_before_and_after),
		T(an_answer_goes_back_on_the_stream_it_came_by),
		T(when_both_dial_each_prefers_its_own),
		T(an_open_stream_is_used_before_one_that_waits),
		T(each_purpose_has_a_stream_of_its_own),
		T(an_idle_gossip_stream_is_closed_and_no_other),
		T(a_reset_is_broken_and_a_timeout_is_not),
		T(unlinking_closes_all_to_that_peer_without_a_word),
		T(a_stream_may_end_in_the_middle_of_its_own_delivery),
		T(whoever_hears_of_an_end_may_dial_again),
		T(what_the_peer_said_of_itself_can_be_asked),
		T(the_local_socket_is_a_client_with_its_uid),
		T(one_seed_makes_one_life),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
