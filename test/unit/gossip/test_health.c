#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gossip/health.h"

static void the_score_stays_between_well_and_worst(void **state)
{
	struct health h = {0};
	(void)state;

	health_better(&h);
	assert_int_equal(h.score, 0);
	health_worse(&h, 3);
	assert_int_equal(h.score, 3);
	health_worse(&h, UINT32_MAX);
	assert_int_equal(h.score, HEALTH_WORST);
	health_better(&h);
	assert_int_equal(h.score, HEALTH_WORST - 1);
}

static void the_sick_ask_rarely_and_wait_long(void **state)
{
	struct health h = {0};
	(void)state;

	assert_true(health_stretch_us(&h, 500) == 500000);
	health_worse(&h, HEALTH_WORST);
	assert_true(health_stretch_us(&h, 500) == 4500000);
}

static void coming_a_little_late_is_no_pause(void **state)
{
	struct health h = {0};
	(void)state;

	assert_false(health_gap(&h, UINT64_MAX, 5, 500));
	assert_false(health_gap(&h, 1000000, 900000, 500));
	assert_false(health_gap(&h, 1000000, 1499999, 500));
	assert_int_equal(h.score, 0);
}

static void a_pause_makes_us_doubt_ourselves_the_more_the_longer_it_was(void **state)
{
	struct health h = {0};
	(void)state;

	assert_true(health_gap(&h, 1000000, 1500000, 500));
	assert_int_equal(h.score, 1);
	assert_true(health_gap(&h, 1000000, 2600000, 500));
	assert_int_equal(h.score, 4);
	assert_true(health_gap(&h, 0, UINT64_MAX, 500));
	assert_int_equal(h.score, HEALTH_WORST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_score_stays_between_well_and_worst),
		cmocka_unit_test(the_sick_ask_rarely_and_wait_long),
		cmocka_unit_test(coming_a_little_late_is_no_pause),
		cmocka_unit_test(a_pause_makes_us_doubt_ourselves_the_more_the_longer_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
