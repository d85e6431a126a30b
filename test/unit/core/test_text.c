#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/rng.h"
#include "core/text.h"

static void what_is_no_number_is_refused(void **state)
{
	static const char *const bad[] = {"",   " 1",  "1 ",  "+1",  "-1",   "01",
					  "00", "1.5", "0x1", "1e3", "1,000"};
	uint64_t v = 42;
	uint32_t v32 = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(text_to_u64(bad[i], &v), ERR_MALFORMED);
		assert_int_equal(text_to_u32(bad[i], &v32), ERR_MALFORMED);
	}
	assert_int_equal(text_to_u64("18446744073709551616", &v), ERR_TOO_BIG);
	assert_int_equal(text_to_u64("99999999999999999999999", &v), ERR_TOO_BIG);
	assert_int_equal(text_to_u32("4294967296", &v32), ERR_TOO_BIG);
	assert_int_equal(v, 42);
	assert_int_equal(v32, 42);
	assert_int_equal(text_to_u64("18446744073709551615", &v), OK);
	assert_true(v == UINT64_MAX);
	assert_int_equal(text_to_u32("4294967295", &v32), OK);
	assert_true(v32 == UINT32_MAX);
	assert_int_equal(text_to_u64("0", &v), OK);
	assert_int_equal(v, 0);
}

static void only_six_words_are_truths(void **state)
{
	static const char *const bad[] = {"", "1", "0", "Yes", "YES", "y", "yes ", "truely"};
	bool v = true;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_to_bool(bad[i], &v), ERR_MALFORMED);
	assert_true(v);
	assert_int_equal(text_to_bool("no", &v), OK);
	assert_false(v);
	assert_int_equal(text_to_bool("on", &v), OK);
	assert_true(v);
	assert_int_equal(text_to_bool("false", &v), OK);
	assert_false(v);
	assert_int_equal(text_to_bool("true", &v), OK);
	assert_true(v);
	assert_int_equal(text_to_bool("off", &v), OK);
	assert_false(v);
	assert_int_equal(text_to_bool("yes", &v), OK);
	assert_true(v);
}

static void a_duration_needs_its_unit(void **state)
{
	static const char *const bad[] = {"",     "5",     "s",   "5S",   "5 s",
					  "5sec", "1h30m", "-1s", "1.5s", "01s"};
	uint64_t us = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_to_duration(bad[i], &us), ERR_MALFORMED);
	assert_int_equal(text_to_duration("213503983d", &us), ERR_TOO_BIG);
	assert_int_equal(us, 42);
	assert_int_equal(text_to_duration("500ms", &us), OK);
	assert_int_equal(us, 500000);
	assert_int_equal(text_to_duration("2s", &us), OK);
	assert_int_equal(us, 2000000);
	assert_int_equal(text_to_duration("10m", &us), OK);
	assert_int_equal(us, 600000000);
	assert_int_equal(text_to_duration("1d", &us), OK);
	assert_int_equal(us, 86400000000);
	assert_int_equal(text_to_duration("0s", &us), OK);
	assert_int_equal(us, 0);
}

static void a_size_has_only_units_of_1024(void **state)
{
	static const char *const bad[] = {"",      "MiB",    "64MB",   "64M",
					  "64mib", "64 MiB", "1.5GiB", "-1"};
	uint64_t v = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_to_size(bad[i], &v), ERR_MALFORMED);
	assert_int_equal(text_to_size("16777216TiB", &v), ERR_TOO_BIG);
	assert_int_equal(v, 42);
	assert_int_equal(text_to_size("64MiB", &v), OK);
	assert_int_equal(v, 64 << 20);
	assert_int_equal(text_to_size("1000", &v), OK);
	assert_int_equal(v, 1000);
}

static void what_is_printed_is_read_again(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 3);
	for (int i = 0; i < 2000; i++) {
		uint64_t v = rng_next(&r) >> rng_below(&r, 64);
		uint64_t step = (uint64_t)1 << rng_below(&r, 41);
		uint64_t again;

		assert_int_equal(text_to_duration(text_duration(v).s, &again), OK);
		assert_true(again == v);
		v = v / step * step;
		assert_int_equal(text_to_size(text_size(v).s, &again), OK);
		assert_true(again == v);
	}
	assert_string_equal(text_duration(0).s, "0s");
	assert_string_equal(text_duration(1500000).s, "1500ms");
	assert_string_equal(text_duration(90000000).s, "90s");
	assert_string_equal(text_duration(7200000000).s, "2h");
	assert_string_equal(text_duration(UINT64_MAX).s, "18446744073709551615us");
	assert_string_equal(text_size(0).s, "0");
	assert_string_equal(text_size(1000).s, "1000");
	assert_string_equal(text_size(64 << 20).s, "64MiB");
}

static void cleaned(const char *from, const char *to, bool lines)
{
	char text[64];

	strcpy(text, from);
	text_clean(text, lines);
	assert_string_equal(text, to);
}

static void what_could_drive_a_terminal_is_shown_as_question_marks(void **state)
{
	(void)state;
	cleaned("", "", false);
	cleaned("plain text", "plain text", false);
	cleaned("\x1b[2Jx\x7f", "?[2Jx?", false);
	cleaned("a\nb\tc\r", "a?b?c?", false);
	cleaned("a\nb\tc\r", "a\nb?c?", true);
	cleaned("\xc2\x9b"
		"x",
		"??x", false); /* C1: control sequence introducer */
	cleaned("\xe2\x80\xae"
		"x",
		"???x", false); /* right-to-left override */
	cleaned("\xe2\x81\xa7"
		"x",
		"???x", false);
	cleaned("\xe2\x80\xa8"
		"x",
		"???x", true); /* line separator */
}

static void bytes_that_are_no_utf_8_become_question_marks(void **state)
{
	(void)state;
	cleaned("gr\xc3\xbc\xc3\x9f"
		"e \xe2\x82\xac \xf0\x9f\x8c\x8d",
		"gr\xc3\xbc\xc3\x9f"
		"e \xe2\x82\xac \xf0\x9f\x8c\x8d",
		false);
	cleaned("\x80x", "?x", false);
	cleaned("\xc3", "?", false);
	cleaned("\xe2\x82", "??", false);
	cleaned("\xc0\xaf", "??", false);           /* overlong */
	cleaned("\xe0\x80\xaf", "???", false);      /* overlong */
	cleaned("\xf0\x80\x80\xaf", "????", false); /* overlong */
	cleaned("\xed\xa0\x80", "???", false);      /* surrogate */
	cleaned("\xf4\x90\x80\x80", "????", false); /* beyond Unicode */
	cleaned("\xff"
		"a\xfe",
		"?a?", false);
}

static void a_time_is_written_in_utc_to_the_second(void **state)
{
	(void)state;
	assert_string_equal(text_time(0).s, "1970-01-01T00:00:00Z");
	assert_string_equal(text_time(951782399999999).s, "2000-02-28T23:59:59Z");
	assert_string_equal(text_time(1795305306000000).s, "2026-11-21T23:55:06Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_number_is_refused),
		cmocka_unit_test(only_six_words_are_truths),
		cmocka_unit_test(a_duration_needs_its_unit),
		cmocka_unit_test(a_size_has_only_units_of_1024),
		cmocka_unit_test(what_is_printed_is_read_again),
		cmocka_unit_test(what_could_drive_a_terminal_is_shown_as_question_marks),
		cmocka_unit_test(bytes_that_are_no_utf_8_become_question_marks),
		cmocka_unit_test(a_time_is_written_in_utc_to_the_second),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
