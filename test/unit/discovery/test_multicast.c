#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/pack.h"
#include "test/unit/discovery/world.h"

static struct world w;

static int worker(void **state)
{
	(void)state;
	world_open(&w, "", true, ROLE_WORKER);
	return 0;
}

static int scheduler(void **state)
{
	(void)state;
	world_open(&w, "", true, ROLE_SCHEDULER);
	return 0;
}

static int done(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

static const struct addr other = {.family = ADDR_V4, .ip = {10, 0, 0, 2}, .port = 8081};

static void member_now(void)
{
	world_joined(&w, addr_v4(10, 0, 0, 9, 8081), id_number(9));
}

static void the_own_beacon_looped_back_gives_nothing(void **state)
{
	(void)state;
	world_beacon(&w, id_number(1), other, ROLE_WORKER, true);
	assert_int_equal(outbox_count(w.out), 0);
	world_beacon(&w, id_number(2), w.config.self, ROLE_WORKER, true);
	assert_int_equal(outbox_count(w.out), 0);
}

static void a_beacon_that_is_no_beacon_gives_nothing(void **state)
{
	struct event e = {.kind = EVENT_BEACON};

	(void)state;
	e.beacon.sender = id_number(2);
	e.beacon.from = other;
	e.beacon.body = BYTES("\x94\x01\x02\x03");
	world_step(&w, e);
	assert_int_equal(outbox_count(w.out), 0);
}

static void candidates_of_one_window_are_few_and_none_comes_twice(void **state)
{
	uint32_t given = 0;

	(void)state;
	for (uint8_t i = 0; i < 200; i++) {
		world_beacon(&w, id_number(3), addr_v4(10, 0, 1, i % 100, 8081), ROLE_WORKER, true);
		given += world_count(&w, EFFECT_TELL);
	}
	assert_int_equal(given, 8);
	w.now_us += SECOND;
	world_beacon(&w, id_number(3), addr_v4(10, 0, 1, 50, 8081), ROLE_WORKER, true);
	assert_int_equal(world_count(&w, EFFECT_TELL), 1);
	world_beacon(&w, id_number(3), addr_v4(10, 0, 1, 50, 8081), ROLE_WORKER, true);
	assert_int_equal(world_count(&w, EFFECT_TELL), 0);
}

static void who_is_alone_dials_whoever_is_heard(void **state)
{
	(void)state;
	world_beacon(&w, id_number(2), other, ROLE_WORKER | ROLE_SCHEDULER, false);
	assert_int_equal(outbox_count(w.out), 1);
	assert_true(world_given(&w, VIEW_ALL, other));
}

static void a_scheduler_dials_a_scheduler_for_both_views_and_a_worker_for_one(void **state)
{
	(void)state;
	world_beacon(&w, id_number(2), other, ROLE_SCHEDULER, true);
	assert_true(world_given(&w, VIEW_ALL, other));
	assert_true(world_given(&w, VIEW_SCHEDULERS, other));
	world_beacon(&w, id_number(3), addr_v4(10, 0, 0, 3, 8081), ROLE_WORKER, true);
	assert_int_equal(outbox_count(w.out), 1);
	assert_true(world_given(&w, VIEW_ALL, addr_v4(10, 0, 0, 3, 8081)));
}

static void a_link_local_address_is_dialled_through_the_interface_it_came_by(void **state)
{
	struct addr a = {.family = ADDR_V6, .ip = {0xfe, 0x80, [15] = 2}, .port = 8081};
	struct beacon b = {.roles = ROLE_WORKER, .addr = a};
	struct event e = {.kind = EVENT_BEACON};
	struct buffer body;

	(void)state;
	buffer_init(&body, BEACON_MAX_LEN);
	assert_int_equal(beacon_put(&b, &body), OK);
	e.beacon.sender = id_number(2);
	e.beacon.from = a;
	e.beacon.from.scope = 3;
	e.beacon.body = buffer_bytes(&body);
	world_step(&w, e);
	a.scope = 3;
	assert_true(world_given(&w, VIEW_ALL, a));
	buffer_fini(&body);
}

static void a_beacon_says_where_and_whether_alone(void **state)
{
	struct beacon b;

	(void)state;
	world_wake(&w);
	assert_int_equal(outbox_count(w.out), 1);
	assert_int_equal(outbox_at(w.out, 0)->kind, EFFECT_BEACON);
	assert_int_equal(beacon_get(outbox_at(w.out, 0)->send.body, &b), OK);
	assert_true(addr_same(b.addr, w.config.self));
	assert_int_equal(b.roles, ROLE_WORKER);
	assert_true(b.alone);
	member_now();
	world_wake(&w);
	assert_int_equal(beacon_get(outbox_at(w.out, 0)->send.body, &b), OK);
	assert_false(b.alone);
}

static void who_stays_alone_is_fast_then_eases_then_slow_for_ever(void **state)
{
	uint64_t last;

	(void)state;
	world_wake(&w);
	assert_true(w.now_us - 100 * SECOND <= 200000);
	last = w.now_us;
	for (int i = 0; i < 28; i++) {
		world_wake(&w);
		assert_true(w.now_us - last >= 50000);
		assert_true(w.now_us - last <= 200000);
		last = w.now_us;
	}
	for (int i = 0; i < 10; i++)
		world_wake(&w);
	last = w.now_us;
	for (int i = 0; i < 100; i++) {
		world_wake(&w);
		assert_int_equal(world_count(&w, EFFECT_BEACON), 1);
		assert_true(w.now_us - last >= 5 * SECOND);
		assert_true(w.now_us - last <= 15 * SECOND);
		last = w.now_us;
	}
}

static void a_join_makes_it_slow_at_once(void **state)
{
	(void)state;
	world_wake(&w);
	member_now();
	assert_true(discovery_deadline_us(w.d) >= w.now_us + 5 * SECOND);
}

static void a_join_with_oneself_changes_nothing(void **state)
{
	(void)state;
	world_wake(&w);
	world_joined(&w, addr_v4(10, 0, 0, 9, 8081), id_number(1));
	assert_true(discovery_deadline_us(w.d) <= w.now_us + 200000);
}

static void a_member_answers_a_newcomer_once_after_a_random_moment(void **state)
{
	uint64_t heard;

	(void)state;
	member_now();
	heard = w.now_us;
	world_beacon(&w, id_number(2), other, ROLE_WORKER, true);
	assert_int_equal(outbox_count(w.out), 0);
	world_beacon(&w, id_number(2), other, ROLE_WORKER, true);
	world_wake(&w);
	assert_true(w.now_us <= heard + 200000);
	assert_int_equal(world_count(&w, EFFECT_BEACON), 1);
	assert_true(world_given(&w, VIEW_ALL, other));
	assert_true(discovery_deadline_us(w.d) > w.now_us + SECOND);
}

static void a_member_does_not_answer_when_another_was_quicker(void **state)
{
	(void)state;
	member_now();
	world_beacon(&w, id_number(2), other, ROLE_WORKER, true);
	assert_true(discovery_deadline_us(w.d) <= w.now_us + 200000);
	world_beacon(&w, id_number(3), addr_v4(10, 0, 0, 3, 8081), ROLE_WORKER, false);
	assert_true(discovery_deadline_us(w.d) > w.now_us + 200000);
}

static void answers_are_a_second_apart(void **state)
{
	uint64_t first;

	(void)state;
	member_now();
	world_beacon(&w, id_number(2), other, ROLE_WORKER, true);
	world_wake(&w);
	first = w.now_us;
	world_beacon(&w, id_number(3), addr_v4(10, 0, 0, 3, 8081), ROLE_WORKER, true);
	world_wake(&w);
	assert_true(w.now_us >= first + SECOND);
	assert_true(world_given(&w, VIEW_ALL, addr_v4(10, 0, 0, 3, 8081)));
}

static void a_member_of_another_island_is_given(void **state)
{
	(void)state;
	member_now();
	world_beacon(&w, id_number(2), other, ROLE_WORKER, false);
	assert_true(world_given(&w, VIEW_ALL, other));
}

static void in_a_crowd_the_own_beacons_get_rarer_within_a_bound(void **state)
{
	uint64_t last;

	(void)state;
	member_now();
	world_wake(&w);
	for (int i = 0; i < 80; i++)
		world_beacon(&w, id_number(2), other, ROLE_WORKER, false);
	world_wake(&w);
	last = w.now_us;
	assert_true(discovery_deadline_us(w.d) - last >= 50 * SECOND);
	for (int i = 0; i < 100000; i++)
		world_beacon(&w, id_number(2), other, ROLE_WORKER, false);
	world_wake(&w);
	last = w.now_us;
	assert_true(discovery_deadline_us(w.d) - last <= 480 * SECOND);
	world_wake(&w);
	assert_true(discovery_deadline_us(w.d) - w.now_us <= 15 * SECOND);
}

static void a_late_wake_up_sends_one_beacon(void **state)
{
	(void)state;
	w.now_us += 3600 * SECOND;
	world_step(&w, (struct event){.kind = EVENT_WAKE});
	assert_int_equal(world_count(&w, EFFECT_BEACON), 1);
	assert_true(discovery_deadline_us(w.d) > w.now_us);
	world_step(&w, (struct event){.kind = EVENT_WAKE});
	assert_int_equal(outbox_count(w.out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_own_beacon_looped_back_gives_nothing, worker,
						done),
		cmocka_unit_test_setup_teardown(a_beacon_that_is_no_beacon_gives_nothing, worker,
						done),
		cmocka_unit_test_setup_teardown(
			candidates_of_one_window_are_few_and_none_comes_twice, worker, done),
		cmocka_unit_test_setup_teardown(who_is_alone_dials_whoever_is_heard, worker, done),
		cmocka_unit_test_setup_teardown(
			a_scheduler_dials_a_scheduler_for_both_views_and_a_worker_for_one,
			scheduler, done),
		cmocka_unit_test_setup_teardown(
			a_link_local_address_is_dialled_through_the_interface_it_came_by, worker,
			done),
		cmocka_unit_test_setup_teardown(a_beacon_says_where_and_whether_alone, worker,
						done),
		cmocka_unit_test_setup_teardown(
			who_stays_alone_is_fast_then_eases_then_slow_for_ever, worker, done),
		cmocka_unit_test_setup_teardown(a_join_makes_it_slow_at_once, worker, done),
		cmocka_unit_test_setup_teardown(a_join_with_oneself_changes_nothing, worker, done),
		cmocka_unit_test_setup_teardown(
			a_member_answers_a_newcomer_once_after_a_random_moment, worker, done),
		cmocka_unit_test_setup_teardown(a_member_does_not_answer_when_another_was_quicker,
						worker, done),
		cmocka_unit_test_setup_teardown(answers_are_a_second_apart, worker, done),
		cmocka_unit_test_setup_teardown(a_member_of_another_island_is_given, worker, done),
		cmocka_unit_test_setup_teardown(in_a_crowd_the_own_beacons_get_rarer_within_a_bound,
						worker, done),
		cmocka_unit_test_setup_teardown(a_late_wake_up_sends_one_beacon, worker, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
