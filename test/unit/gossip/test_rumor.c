#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gossip/rumor.h"

static struct rumors r;

static int set_up(void **state)
{
	(void)state;
	rumors_init(&r);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rumors_fini(&r);
	return 0;
}

/* The slot of the one picked, which is sent too; or -1. */
static int tell(enum rumor_kind kind, uint32_t limit)
{
	uint32_t x = rumor_pick(&r, kind);

	if (x == RUMOR_NONE)
		return -1;
	int slot = (int)rumor_slot(&r, x);
	rumor_sent(&r, x, limit);
	return slot;
}

static void nothing_is_told_twice_in_one_packet(void **state)
{
	(void)state;
	rumor_add(&r, 3, RUMOR_GOOD);
	rumor_packet(&r);
	assert_int_equal(tell(RUMOR_GOOD, 4), 3);
	assert_int_equal(tell(RUMOR_GOOD, 4), -1);
	rumor_packet(&r);
	assert_int_equal(tell(RUMOR_GOOD, 4), 3);
}

static void what_did_not_fit_waits_for_more_room_and_counts_as_untold(void **state)
{
	(void)state;
	rumor_add(&r, 3, RUMOR_FACTS);
	rumor_packet(&r);
	uint32_t x = rumor_pick(&r, RUMOR_FACTS);
	assert_int_equal(rumor_pick(&r, RUMOR_FACTS), RUMOR_NONE);
	rumor_unpick(&r, x);
	assert_int_equal(tell(RUMOR_FACTS, 1), 3);
	assert_true(rumors_empty(&r));
}

static void the_one_told_least_often_goes_first(void **state)
{
	(void)state;
	rumor_add(&r, 1, RUMOR_GOOD);
	rumor_packet(&r);
	assert_int_equal(tell(RUMOR_GOOD, 9), 1);
	rumor_add(&r, 2, RUMOR_GOOD);
	rumor_packet(&r);
	assert_int_equal(tell(RUMOR_GOOD, 9), 2);
	assert_int_equal(tell(RUMOR_GOOD, 9), 1);
}

static void it_is_told_so_often_and_no_more(void **state)
{
	(void)state;
	rumor_add(&r, 1, RUMOR_BAD);
	for (uint32_t i = 0; i < 5; i++) {
		assert_true(rumor_is_told(&r, 1));
		rumor_packet(&r);
		assert_int_equal(tell(RUMOR_BAD, 5), 1);
	}
	assert_false(rumor_is_told(&r, 1));
	assert_true(rumors_empty(&r));
	assert_null(r.at); /* memory is given back */
}

static void news_of_a_member_replaces_the_older_news_of_it(void **state)
{
	(void)state;
	rumor_add(&r, 1, RUMOR_GOOD);
	rumor_add(&r, 1, RUMOR_FACTS);
	rumor_add(&r, 1, RUMOR_BAD);
	rumor_packet(&r);
	assert_int_equal(tell(RUMOR_GOOD, 4), -1);
	assert_int_equal(tell(RUMOR_BAD, 4), 1);
	assert_int_equal(tell(RUMOR_FACTS, 4), 1);
	rumor_drop(&r, 1);
	assert_true(rumors_empty(&r));
	rumor_drop(&r, 77);
}

static void many_are_told_each_as_often_as_the_others(void **state)
{
	uint32_t told[500] = {0};
	(void)state;

	for (uint32_t i = 0; i < 500; i++)
		rumor_add(&r, i, i % 2 ? RUMOR_GOOD : RUMOR_BAD);
	while (!rumors_empty(&r)) {
		rumor_packet(&r);
		for (int i = 0; i < 7; i++) {
			int slot = tell(i % 2 ? RUMOR_GOOD : RUMOR_BAD, 6);
			if (slot >= 0)
				told[slot]++;
		}
	}
	for (uint32_t i = 0; i < 500; i++)
		assert_int_equal(told[i], 6);
}

static void tellings_grow_with_the_logarithm_of_the_view(void **state)
{
	(void)state;
	assert_int_equal(rumor_limit(1), 4);
	assert_int_equal(rumor_limit(9), 4);
	assert_int_equal(rumor_limit(10), 8);
	assert_int_equal(rumor_limit(99), 8);
	assert_int_equal(rumor_limit(100), 12);
	assert_int_equal(rumor_limit(20000), 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_told_twice_in_one_packet),
		TEST(what_did_not_fit_waits_for_more_room_and_counts_as_untold),
		TEST(the_one_told_least_often_goes_first),
		TEST(it_is_told_so_often_and_no_more),
		TEST(news_of_a_member_replaces_the_older_news_of_it),
		TEST(many_are_told_each_as_often_as_the_others),
		TEST(tellings_grow_with_the_logarithm_of_the_view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
