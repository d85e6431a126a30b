/* How a stream begins, and who is turned away. */
#include "test/unit/net/link_world.h"

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

static void two_that_share_no_version_both_say_so_once(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	b->version_min = 2;
	b->version_max = 3;
	open_side(w, 1, "blue", 0x11);
	for (unsigned i = 0; i < 3; i++) {
		post(a, peer_of(b), PURPOSE_GOSSIP, FRAME_GOSSIP, 1);
		pump(w);
		post(b, peer_of(a), PURPOSE_RPC, FRAME_CALL, 1);
		pump(w);
		w->now_us += 600 * SECOND;
	}
	assert_string_equal(a->log,
			    "10.0.0.2 speaks versions 2 to 3 of the protocol, this program 1 to 1: "
			    "nothing is said to it; upgrade the older one\n");
	assert_string_equal(b->log,
			    "10.0.0.1 speaks versions 1 to 1 of the protocol, this program 2 to 3: "
			    "nothing is said to it; upgrade the older one\n");
	for (uint32_t i = 0; i < a->count; i++)
		assert_false(a->seen[i].up);
	assert_int_equal(b->count, 3); /* its own dials that came to nothing */
	assert_int_equal(links_counts(a->links).streams + links_counts(b->links).streams, 0);
	w->now_us += 3600 * SECOND;
	post(a, peer_of(b), PURPOSE_GOSSIP, FRAME_GOSSIP, 1);
	pump(w);
	assert_non_null(strstr(a->log + 20, "10.0.0.2 speaks"));
}

static void two_that_share_a_version_speak_the_highest(void **state)
{
	struct world *w = *state;
	struct side *a = &w->side[0], *b = &w->side[1];

	b->version_min = 1;
	b->version_max = 3;
	open_side(w, 1, "blue", 0x11);
	join(w, a, b, PURPOSE_RPC);
	assert_string_equal(a->log, "");
	assert_string_equal(b->log, "");
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
		T(two_that_share_no_version_both_say_so_once),
		T(two_that_share_a_version_speak_the_highest),
		T(whoever_else_answers_gets_nothing),
		T(we_find_out_that_an_address_is_our_own),
		T(a_frame_its_sender_may_not_send_is_dropped),
		T(a_damaged_stream_ends_with_one_word),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
