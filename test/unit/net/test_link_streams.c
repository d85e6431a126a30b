/* What goes over streams that stand, which one it takes, and how they end. */
#include "test/unit/net/link_world.h"

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
