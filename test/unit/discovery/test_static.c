#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "core/limits.h"
#include "test/unit/discovery/world.h"

static struct world w;

static int done(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

static const struct effect *asked(void)
{
	for (size_t i = 0; i < outbox_count(w.out); i++)
		if (outbox_at(w.out, i)->kind == EFFECT_RESOLVE)
			return outbox_at(w.out, i);
	return NULL;
}

static uint64_t ask(void)
{
	for (int i = 0; i < 10; i++) {
		world_wake(&w);
		if (asked())
			return asked()->resolve.token;
	}
	fail_msg("nothing asked");
	return 0;
}

static void resolved(uint64_t token, enum err err, const struct addr *list, uint32_t count)
{
	struct event e = {.kind = EVENT_RESOLVED};

	e.resolved.token = token;
	e.resolved.err = err;
	e.resolved.list = list;
	e.resolved.count = count;
	world_step(&w, e);
}

static void the_own_address_is_never_given(void **state)
{
	(void)state;
	world_open(&w, "10.0.0.1,10.0.0.1:9081,10.0.0.1:10081", false, ROLE_WORKER);
	for (int i = 0; i < 20; i++) {
		world_wake(&w);
		assert_int_equal(world_count(&w, EFFECT_TELL), 0);
	}
}

static void another_node_on_this_machine_is_given(void **state)
{
	(void)state;
	world_open(&w, "10.0.0.1:8181", false, ROLE_WORKER);
	world_wake(&w);
	assert_true(world_given(&w, VIEW_ALL, addr_v4(10, 0, 0, 1, 8181)));
}

static void a_plain_address_is_given_at_once_with_the_port_left_out_filled_in(void **state)
{
	(void)state;
	world_open(&w, "10.0.0.2", false, ROLE_WORKER);
	world_wake(&w);
	assert_true(w.now_us <= 100 * SECOND + 50000);
	assert_int_equal(outbox_count(w.out), 1);
	assert_true(world_given(&w, VIEW_ALL, addr_v4(10, 0, 0, 2, 8081)));
}

static void a_scheduler_asks_for_both_views(void **state)
{
	(void)state;
	world_open(&w, "10.0.0.2:9081", false, ROLE_SCHEDULER);
	world_wake(&w);
	assert_int_equal(outbox_count(w.out), 2);
	assert_true(world_given(&w, VIEW_ALL, addr_v4(10, 0, 0, 2, 9081)));
	assert_true(world_given(&w, VIEW_SCHEDULERS, addr_v4(10, 0, 0, 2, 9081)));
}

static void a_seed_that_is_not_there_is_asked_for_ever_ever_more_rarely(void **state)
{
	uint64_t last;

	(void)state;
	world_open(&w, "10.0.0.2", false, ROLE_WORKER);
	world_wake(&w);
	last = w.now_us;
	for (int i = 0; i < 100; i++) {
		world_wake(&w);
		assert_true(world_given(&w, VIEW_ALL, addr_v4(10, 0, 0, 2, 8081)));
		assert_true(w.now_us - last >= 125000);
		assert_true(w.now_us - last <= 10 * SECOND);
		if (i > 8)
			assert_true(w.now_us - last >= 5 * SECOND);
		last = w.now_us;
	}
}

static void after_a_join_it_is_asked_slowly_for_ever(void **state)
{
	uint64_t last;

	(void)state;
	world_open(&w, "10.0.0.2", false, ROLE_WORKER);
	world_wake(&w);
	world_joined(&w, addr_v4(10, 0, 0, 2, 8081), id_number(2));
	last = w.now_us;
	for (int i = 0; i < 50; i++) {
		world_wake(&w);
		assert_true(world_given(&w, VIEW_ALL, addr_v4(10, 0, 0, 2, 8081)));
		assert_true(w.now_us - last >= 20 * SECOND);
		assert_true(w.now_us - last <= 40 * SECOND);
		last = w.now_us;
	}
}

static void a_seed_that_dialled_us_first_counts_as_joined(void **state)
{
	struct facts facts = {.id = id_number(2), .addr = addr_v4(10, 0, 0, 2, 8081)};
	struct event e = {.kind = EVENT_TELL};

	(void)state;
	world_open(&w, "10.0.0.2", false, ROLE_WORKER);
	world_wake(&w);
	e.tell.kind = TELL_MEMBER;
	e.tell.member.view = VIEW_ALL;
	e.tell.member.state = MEMBER_ALIVE;
	e.tell.member.facts = &facts;
	world_step(&w, e);
	assert_true(discovery_deadline_us(w.d) >= w.now_us + 20 * SECOND);
}

static void a_join_elsewhere_does_not_count_as_a_join_with_this_seed(void **state)
{
	uint64_t last;

	(void)state;
	world_open(&w, "10.0.0.2", false, ROLE_WORKER);
	world_wake(&w);
	last = w.now_us;
	world_joined(&w, addr_v4(10, 0, 0, 3, 8081), id_number(3));
	world_wake(&w);
	assert_true(w.now_us - last <= 1 * SECOND);
}

static void a_seed_that_turned_out_to_be_this_node_is_not_given_again(void **state)
{
	(void)state;
	world_open(&w, "192.168.0.9", false, ROLE_WORKER);
	world_wake(&w);
	assert_int_equal(world_count(&w, EFFECT_TELL), 1);
	world_joined(&w, addr_v4(192, 168, 0, 9, 8081), id_number(1));
	for (int i = 0; i < 10; i++) {
		world_wake(&w);
		assert_int_equal(world_count(&w, EFFECT_TELL), 0);
	}
}

static void a_name_is_resolved_before_each_try(void **state)
{
	struct addr one = addr_v4(10, 0, 0, 2, 7000), two = addr_v4(10, 0, 0, 3, 7000);

	(void)state;
	world_open(&w, "node-b.example:7000", false, ROLE_WORKER);
	resolved(ask(), OK, &one, 1);
	assert_true(world_given(&w, VIEW_ALL, one));
	resolved(ask(), OK, &two, 1);
	assert_true(world_given(&w, VIEW_ALL, two));
	assert_false(world_given(&w, VIEW_ALL, one));
}

static void a_name_is_asked_with_its_port(void **state)
{
	(void)state;
	world_open(&w, "node-b.example:7000,c", false, ROLE_WORKER);
	(void)ask();
	while (strcmp(asked()->resolve.name, "node-b.example") != 0)
		(void)ask();
	assert_int_equal(asked()->resolve.port, 7000);
	while (strcmp(asked()->resolve.name, "c") != 0)
		(void)ask();
	assert_int_equal(asked()->resolve.port, 8081);
}

static void a_failed_question_keeps_the_last_good_list_and_is_told_once(void **state)
{
	struct addr one = addr_v4(10, 0, 0, 2, 8081);

	(void)state;
	world_open(&w, "b", false, ROLE_WORKER);
	resolved(ask(), OK, &one, 1);
	assert_int_equal(world_count(&w, EFFECT_LOG), 0);
	resolved(ask(), ERR_TIMEOUT, NULL, 0);
	assert_true(world_given(&w, VIEW_ALL, one));
	assert_int_equal(world_count(&w, EFFECT_LOG), 1);
	for (int i = 0; i < 5; i++) {
		resolved(ask(), ERR_TIMEOUT, NULL, 0);
		assert_true(world_given(&w, VIEW_ALL, one));
		assert_int_equal(world_count(&w, EFFECT_LOG), 0);
	}
	resolved(ask(), OK, &one, 1);
	assert_int_equal(world_count(&w, EFFECT_LOG), 1);
}

static void an_empty_answer_is_a_failed_one(void **state)
{
	struct addr one = addr_v4(10, 0, 0, 2, 8081);

	(void)state;
	world_open(&w, "b", false, ROLE_WORKER);
	resolved(ask(), OK, &one, 1);
	resolved(ask(), OK, NULL, 0);
	assert_true(world_given(&w, VIEW_ALL, one));
	assert_int_equal(world_count(&w, EFFECT_LOG), 1);
}

static void a_resolver_that_never_answers_is_asked_anew_and_its_late_answer_ignored(void **state)
{
	struct addr one = addr_v4(10, 0, 0, 2, 8081);
	uint64_t token;

	(void)state;
	world_open(&w, "b", false, ROLE_WORKER);
	token = ask();
	assert_true(ask() != token);
	resolved(token, OK, &one, 1);
	assert_int_equal(outbox_count(w.out), 0);
}

static void a_stranger_s_token_is_ignored(void **state)
{
	struct addr one = addr_v4(10, 0, 0, 2, 8081);

	(void)state;
	world_open(&w, "b", false, ROLE_WORKER);
	resolved(ask() + 77, OK, &one, 1);
	assert_int_equal(outbox_count(w.out), 0);
}

static void of_many_addresses_a_few_are_given_and_in_time_all(void **state)
{
	struct addr list[40];
	bool given[16] = {false};
	uint32_t all = 0;

	(void)state;
	world_open(&w, "cluster.example", false, ROLE_WORKER);
	for (uint8_t i = 0; i < 40; i++)
		list[i] = addr_v4(10, 0, 1, i, 8081);
	for (int round = 0; round < 60; round++) {
		resolved(ask(), OK, list, 40);
		assert_int_equal(world_count(&w, EFFECT_TELL), 4);
		for (size_t i = 0; i < 16; i++)
			given[i] = given[i] || world_given(&w, VIEW_ALL, list[i]);
	}
	for (size_t i = 0; i < 16; i++)
		all += given[i];
	assert_int_equal(all, 16);
}

static void one_round_of_the_longest_list_stays_within_its_bound(void **state)
{
	char seeds[SEEDS_MAX * 16] = "";
	uint32_t most = 0;

	(void)state;
	for (unsigned i = 0; i < SEEDS_MAX; i++)
		(void)snprintf(seeds + strlen(seeds), 16, "%s10.0.2.%u", i ? "," : "", i + 1);
	world_open(&w, seeds, false, ROLE_SCHEDULER);
	w.now_us += 60 * SECOND; /* a paused node wakes late */
	for (int i = 0; i < 10; i++) {
		world_wake(&w);
		if (world_count(&w, EFFECT_TELL) > most)
			most = world_count(&w, EFFECT_TELL);
	}
	assert_int_equal(most, 2 * SEEDS_MAX);
}

static void equal_seeds_of_randomness_give_equal_lives(void **state)
{
	uint64_t times[20];

	(void)state;
	world_open(&w, "10.0.0.2,10.0.0.3", false, ROLE_WORKER);
	for (int i = 0; i < 20; i++) {
		world_wake(&w);
		times[i] = w.now_us;
	}
	world_close(&w);
	world_open(&w, "10.0.0.2,10.0.0.3", false, ROLE_WORKER);
	for (int i = 0; i < 20; i++) {
		world_wake(&w);
		assert_int_equal(times[i], w.now_us);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_own_address_is_never_given, done),
		cmocka_unit_test_teardown(another_node_on_this_machine_is_given, done),
		cmocka_unit_test_teardown(
			a_plain_address_is_given_at_once_with_the_port_left_out_filled_in, done),
		cmocka_unit_test_teardown(a_scheduler_asks_for_both_views, done),
		cmocka_unit_test_teardown(
			a_seed_that_is_not_there_is_asked_for_ever_ever_more_rarely, done),
		cmocka_unit_test_teardown(after_a_join_it_is_asked_slowly_for_ever, done),
		cmocka_unit_test_teardown(a_seed_that_dialled_us_first_counts_as_joined, done),
		cmocka_unit_test_teardown(a_join_elsewhere_does_not_count_as_a_join_with_this_seed,
					  done),
		cmocka_unit_test_teardown(a_seed_that_turned_out_to_be_this_node_is_not_given_again,
					  done),
		cmocka_unit_test_teardown(a_name_is_resolved_before_each_try, done),
		cmocka_unit_test_teardown(a_name_is_asked_with_its_port, done),
		cmocka_unit_test_teardown(
			a_failed_question_keeps_the_last_good_list_and_is_told_once, done),
		cmocka_unit_test_teardown(an_empty_answer_is_a_failed_one, done),
		cmocka_unit_test_teardown(
			a_resolver_that_never_answers_is_asked_anew_and_its_late_answer_ignored,
			done),
		cmocka_unit_test_teardown(a_stranger_s_token_is_ignored, done),
		cmocka_unit_test_teardown(of_many_addresses_a_few_are_given_and_in_time_all, done),
		cmocka_unit_test_teardown(one_round_of_the_longest_list_stays_within_its_bound,
					  done),
		cmocka_unit_test_teardown(equal_seeds_of_randomness_give_equal_lives, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
