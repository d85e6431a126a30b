#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "core/rng.h"

static void the_numbers_are_those_that_the_authors_publish(void **state)
{
	struct rng r = {{1, 2, 3, 4}};

	(void)state;
	assert_true(rng_next(&r) == 11520);
	assert_true(rng_next(&r) == 0);
	assert_true(rng_next(&r) == 1509978240);
	assert_true(rng_next(&r) == 1215971899390074240);
	rng_init(&r, 0);
	assert_true(r.s[0] == 0xe220a8397b1dcdaf);
	assert_true(r.s[1] == 0x6e789e6aa1b965f4);
}

static void the_same_seed_gives_the_same_life(void **state)
{
	struct rng a, b, other;
	bool differs = false;

	(void)state;
	rng_init(&a, 7);
	rng_init(&b, 7);
	rng_init(&other, 8);
	for (int i = 0; i < 100; i++) {
		uint64_t v = rng_next(&a);

		assert_true(v == rng_next(&b));
		differs |= v != rng_next(&other);
	}
	assert_true(differs);
}

static void below_a_bound_every_number_comes_about_as_often(void **state)
{
	uint32_t seen[7] = {0};
	struct rng r;

	(void)state;
	rng_init(&r, 1);
	for (int i = 0; i < 70000; i++) {
		uint64_t v = rng_below(&r, 7);

		assert_true(v < 7);
		seen[v]++;
	}
	for (int i = 0; i < 7; i++) {
		assert_true(seen[i] > 9500);
		assert_true(seen[i] < 10500);
	}
	assert_int_equal(rng_below(&r, 1), 0);
	/* Two thirds of 2^64: a plain remainder would give the lower half twice as often. */
	uint32_t low = 0;
	for (int i = 0; i < 3000; i++)
		low += rng_below(&r, 0xaaaaaaaaaaaaaaaa) < 0x5555555555555555;
	assert_true(low > 1350);
	assert_true(low < 1650);
}

static void between_holds_both_ends(void **state)
{
	bool low = false, high = false;
	struct rng r;

	(void)state;
	rng_init(&r, 2);
	for (int i = 0; i < 200; i++) {
		uint64_t v = rng_between(&r, 10, 12);

		assert_in_range(v, 10, 12);
		low |= v == 10;
		high |= v == 12;
	}
	assert_true(low);
	assert_true(high);
	assert_int_equal(rng_between(&r, 5, 5), 5);
	rng_between(&r, 0, UINT64_MAX);
	assert_true(rng_between(&r, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
}

static void filling_touches_all_bytes_and_no_more(void **state)
{
	uint8_t at[24];
	struct rng r, same;

	(void)state;
	for (size_t len = 0; len <= 17; len++) {
		memset(at, 0xa5, sizeof(at));
		rng_init(&r, len);
		rng_fill(&r, at, len);
		for (size_t i = len; i < sizeof(at); i++)
			assert_int_equal(at[i], 0xa5);
	}
	uint64_t first;
	rng_init(&same, 17);
	first = rng_next(&same);
	for (int i = 0; i < 8; i++)
		assert_int_equal(at[i], (uint8_t)(first >> (8 * i)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_numbers_are_those_that_the_authors_publish),
		cmocka_unit_test(the_same_seed_gives_the_same_life),
		cmocka_unit_test(below_a_bound_every_number_comes_about_as_often),
		cmocka_unit_test(between_holds_both_ends),
		cmocka_unit_test(filling_touches_all_bytes_and_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
