#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gossip/suspect.h"

static struct id an_id(uint8_t n)
{
	struct id id = {{n}};
	return id;
}

static void an_echo_of_the_first_accuser_changes_nothing(void **state)
{
	struct suspicion *s = suspicion_open(doubt_of(100, 4, 6, 1000), an_id(1), 5);
	uint64_t before = suspicion_deadline_us(s);
	(void)state;

	assert_false(suspicion_confirm(s, an_id(1)));
	assert_true(suspicion_deadline_us(s) == before);
	assert_int_equal(suspicion_accusers(s), 1);
	suspicion_close(s);
}

static void each_new_accuser_brings_the_end_nearer_and_the_third_brings_it_to_the_shortest(
	void **state)
{
	struct doubt d = doubt_of(100, 4, 6, 1000);
	struct suspicion *s = suspicion_open(d, an_id(1), 0);
	(void)state;

	assert_int_equal(d.wanted, 3);
	assert_true(suspicion_deadline_us(s) == d.max_ms * UINT64_C(1000));
	for (uint8_t i = 2; i <= 4; i++) {
		uint64_t before = suspicion_deadline_us(s);

		assert_true(suspicion_confirm(s, an_id(i)));
		assert_true(suspicion_deadline_us(s) < before);
	}
	assert_true(suspicion_deadline_us(s) == d.min_ms * UINT64_C(1000));
	assert_false(suspicion_confirm(s, an_id(9)));
	assert_int_equal(suspicion_accusers(s), 4);
	assert_true(id_same(suspicion_last(s), an_id(4)));
	suspicion_close(s);
}

static void with_nobody_left_to_confirm_the_shortest_time_counts_at_once(void **state)
{
	struct doubt d = doubt_of(2, 4, 6, 1000);
	struct suspicion *s = suspicion_open(d, an_id(1), 0);
	(void)state;

	assert_int_equal(d.wanted, 0);
	assert_true(suspicion_deadline_us(s) == d.min_ms * UINT64_C(1000));
	assert_false(suspicion_confirm(s, an_id(2)));
	suspicion_close(s);
}

static void after_our_own_pause_there_is_time_again(void **state)
{
	struct doubt d = doubt_of(2, 4, 6, 1000);
	struct suspicion *s = suspicion_open(d, an_id(1), 0);
	uint64_t late = 10 * suspicion_deadline_us(s);
	(void)state;

	suspicion_extend(s, late);
	assert_true(suspicion_deadline_us(s) == late + d.min_ms * UINT64_C(1000));
	suspicion_close(s);
}

static void the_paper_s_figures_come_out(void **state)
{
	(void)state;
	/* alpha 5, 128 members, 1 s: 10.54 s. The line between powers of two has no error at 128. */
	assert_int_equal(doubt_of(128, 5, 1, 1000).min_ms, 10535);
	assert_int_equal(doubt_of(8, 5, 6, 1000).min_ms, 5000);
	assert_int_equal(doubt_of(128, 5, 6, 1000).max_ms, 6 * 10535);
	assert_int_equal(doubt_of(3, 4, 6, 1000).wanted, 1);
}

static void the_logarithm_is_right_within_three_percent_and_never_falls(void **state)
{
	static const struct {
		uint32_t n, log;
	} known[] = {{1, 0}, {2, 301}, {10, 1000}, {100, 2000}, {1000, 3000}, {20000, 4301}};
	(void)state;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_in_range(log10_milli(known[i].n) + 30, known[i].log, known[i].log + 60);
	for (uint32_t n = 1; n < 20000; n++)
		assert_true(log10_milli(n) <= log10_milli(n + 1));
	assert_true(log10_milli(UINT32_MAX) < 9700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_echo_of_the_first_accuser_changes_nothing),
		cmocka_unit_test(
			each_new_accuser_brings_the_end_nearer_and_the_third_brings_it_to_the_shortest),
		cmocka_unit_test(with_nobody_left_to_confirm_the_shortest_time_counts_at_once),
		cmocka_unit_test(after_our_own_pause_there_is_time_again),
		cmocka_unit_test(the_paper_s_figures_come_out),
		cmocka_unit_test(the_logarithm_is_right_within_three_percent_and_never_falls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
