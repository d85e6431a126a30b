#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/log.h"

static void cleaned(const char *from, const char *to)
{
	char text[64];

	strcpy(text, from);
	log_clean(text);
	assert_string_equal(text, to);
}

static void what_would_make_an_entry_a_blob_becomes_a_question_mark(void **state)
{
	(void)state;
	cleaned("a\tb\033[31m\rc\x7f", "a?b?[31m?c?");
	cleaned("\xff\xc0\xaf", "???");
	cleaned("\xed\xa0\x80", "???");
	cleaned("\xf4\x90\x80\x80", "????");
	cleaned("cut \xe2\x82", "cut ??");
	cleaned("\xc2\x85 C1", "?? C1");
}

static void lines_and_letters_of_all_people_stay(void **state)
{
	(void)state;
	cleaned("Members [\n        Member\n]", "Members [\n        Member\n]");
	cleaned("Bj\xc3\xb6rn \xe2\x82\xac \xf0\x9f\x8c\x8d",
		"Bj\xc3\xb6rn \xe2\x82\xac \xf0\x9f\x8c\x8d");
	cleaned("", "");
}

static void levels_have_names(void **state)
{
	(void)state;
	assert_string_equal(log_level_name(LOG_LEVEL_ERROR), "error");
	assert_string_equal(log_level_name(LOG_LEVEL_DEBUG), "debug");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_would_make_an_entry_a_blob_becomes_a_question_mark),
		cmocka_unit_test(lines_and_letters_of_all_people_stay),
		cmocka_unit_test(levels_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
