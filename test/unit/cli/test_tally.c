#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/tally.h"
#include "core/must.h"
#include "core/sheet.h"

struct line {
	const char *id, *state;
	uint64_t attempt;
	int code; /* -1: none */
};

static struct buffer sheet_of(const struct line *lines, size_t count)
{
	static const char *const names[] = {"ID", "NAME", "STATE", "ATTEMPT", "CODE", "+UID", NULL};
	struct sheet s;
	struct buffer b;

	sheet_init(&s, names, 64u << 10);
	for (size_t i = 0; i < count; i++) {
		sheet_text(&s, lines[i].id);
		sheet_text(&s, "");
		sheet_text(&s, lines[i].state);
		sheet_u64(&s, lines[i].attempt);
		if (lines[i].code < 0)
			sheet_nil(&s);
		else
			sheet_u64(&s, (uint64_t)lines[i].code);
		sheet_u64(&s, 0);
	}
	buffer_init(&b, 64u << 10);
	must(sheet_put(&s, &b) == OK);
	sheet_fini(&s);
	return b;
}

static struct tally tally(const struct line *before, size_t n, const struct line *after, size_t m)
{
	struct buffer was = sheet_of(before, n), is = sheet_of(after, m);
	struct tally t = tally_of(buffer_bytes(&was), buffer_bytes(&is));

	buffer_fini(&was);
	buffer_fini(&is);
	return t;
}

static const struct line one[] = {{"a", "executing", 1, -1}};

static void what_is_no_listing_counts_nothing(void **state)
{
	struct tally t = tally_of(BYTES("\xff"), BYTES(""));

	(void)state;
	assert_int_equal(t.ran_on + t.lost + t.twice + t.unknown, 0);
}

static void one_that_nobody_knows_any_more_is_lost(void **state)
{
	(void)state;
	assert_int_equal(tally(one, 1, NULL, 0).lost, 1);
}

static void one_that_was_given_up_is_lost_and_one_that_failed_by_itself_is_not(void **state)
{
	const struct line given_up[] = {{"a", "failed", 1, -1}}, failed[] = {{"a", "failed", 1, 3}};

	(void)state;
	assert_int_equal(tally(one, 1, given_up, 1).lost, 1);
	assert_int_equal(tally(one, 1, failed, 1).lost, 0);
	assert_int_equal(tally(one, 1, failed, 1).ran_on, 1);
}

static void one_that_begins_again_counts_twice(void **state)
{
	const struct line again[] = {{"a", "executing", 2, -1}},
			  queued[] = {{"a", "queued", 0, -1}},
			  first[] = {{"a", "executing", 1, -1}};

	(void)state;
	assert_int_equal(tally(one, 1, again, 1).twice, 1);
	assert_int_equal(tally(one, 1, queued, 1).twice, 1); /* it ran, and waits anew */
	assert_int_equal(tally(queued, 1, first, 1).twice, 0);
}

static void one_whose_worker_is_not_back_is_not_yet_known(void **state)
{
	const struct line unknown[] = {{"a", "executing (unknown)", 1, -1}};

	(void)state;
	assert_int_equal(tally(one, 1, unknown, 1).unknown, 1);
	assert_int_equal(tally(unknown, 1, one, 1).ran_on, 1);
}

static void each_is_counted_once_whatever_the_order(void **state)
{
	const struct line before[] = {{"a", "executing", 1, -1},
				      {"b", "executing", 2, -1},
				      {"c", "queued", 0, -1},
				      {"d", "executing", 1, -1}},
			  after[] = {{"x", "executing", 1, -1},
				     {"d", "done", 1, 0},
				     {"c", "executing", 1, -1},
				     {"b", "executing", 2, -1},
				     {"a", "executing", 1, -1}};
	struct tally t = tally(before, 4, after, 5);

	(void)state;
	assert_int_equal(t.ran_on, 3);
	assert_int_equal(t.lost + t.twice + t.unknown, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_listing_counts_nothing),
		cmocka_unit_test(one_that_nobody_knows_any_more_is_lost),
		cmocka_unit_test(
			one_that_was_given_up_is_lost_and_one_that_failed_by_itself_is_not),
		cmocka_unit_test(one_that_begins_again_counts_twice),
		cmocka_unit_test(one_whose_worker_is_not_back_is_not_yet_known),
		cmocka_unit_test(each_is_counted_once_whatever_the_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
