#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/journal.h"

#define STAMP 1795299003123456u /* 2026-11-21T22:10:03.123456Z */

static struct buffer b;
static char folder[] = "/tmp/witan-journal-XXXXXX";
static char to[64];

static int fresh(void **state)
{
	(void)state;
	buffer_init(&b, 65536);
	return 0;
}

static int done(void **state)
{
	(void)state;
	buffer_fini(&b);
	return 0;
}

static const char *formatted(bool json, enum log_level level, const char *fields, const char *text)
{
	buffer_clear(&b);
	assert_int_equal(journal_format(json, level, STAMP, fields, text, &b), OK);
	assert_int_equal(buffer_add(&b, bytes_of("", 1)), OK);
	return (const char *)b.at;
}

static void a_line_has_time_level_and_message(void **state)
{
	(void)state;
	assert_string_equal(formatted(false, LOG_LEVEL_INFO, "", "member failed: id=3"),
			    "2026-11-21T22:10:03.123Z info  member failed: id=3\n");
	assert_string_equal(formatted(false, LOG_LEVEL_ERROR, "NODE=a\n", "x"),
			    "2026-11-21T22:10:03.123Z error x\n");
}

static void the_lines_of_a_member_block_stand_unprefixed(void **state)
{
	(void)state;
	assert_string_equal(
		formatted(false, LOG_LEVEL_INFO, "",
			  "all: b joined\nMembers {size:1, ver:1} [\n        Member [::1]:1\n]"),
		"2026-11-21T22:10:03.123Z info  all: b joined\n"
		"Members {size:1, ver:1} [\n        Member [::1]:1\n]\n");
}

static void json_is_one_line_with_the_fields(void **state)
{
	(void)state;
	assert_string_equal(
		formatted(true, LOG_LEVEL_WARN, "WITAN_VIEW=all\nPATH=C:\\x\n", "a \"b\"\nc"),
		"{\"time\":\"2026-11-21T22:10:03.123Z\",\"level\":\"warn\",\"message\":\"a "
		"\\\"b\\\"\\nc\",\"WITAN_VIEW\":\"all\",\"PATH\":\"C:\\\\x\"}\n");
}

static void what_is_no_field_is_left_out(void **state)
{
	(void)state;
	assert_string_equal(
		formatted(true, LOG_LEVEL_DEBUG, "_PID=1\nlower=1\n=1\nNOTHING\nA B=1\nGOOD=1\n\n",
			  "m"),
		"{\"time\":\"2026-11-21T22:10:03.123Z\",\"level\":\"debug\",\"message\":"
		"\"m\",\"GOOD\":\"1\"}\n");
}

static int folder_make(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(to, sizeof(to), "file:%s/log", folder);
	return 0;
}

static int folder_drop(void **state)
{
	(void)state;
	(void)unlink(to + 5);
	return rmdir(folder);
}

static size_t slurp(char *out, size_t size)
{
	FILE *f = fopen(to + 5, "r");
	size_t len;

	assert_non_null(f);
	len = fread(out, 1, size - 1, f);
	out[len] = '\0';
	(void)fclose(f);
	return len;
}

static void a_file_that_can_not_be_opened_is_refused(void **state)
{
	struct journal j;
	char why[200];

	(void)state;
	assert_int_equal(journal_open(&j, "file:/nonexistent/x", false, LOG_LEVEL_INFO, why),
			 ERR_IO);
	assert_string_equal(why, "log = file:/nonexistent/x: No such file or directory");
}

static void a_file_gets_clean_entries_up_to_its_level(void **state)
{
	struct journal j;
	char why[200], text[256];

	(void)state;
	assert_int_equal(journal_open(&j, to, false, LOG_LEVEL_INFO, why), OK);
	journal_write(&j, LOG_LEVEL_INFO, STAMP, "", "a\033b");
	journal_write(&j, LOG_LEVEL_DEBUG, STAMP, "", "not this");
	journal_write(&j, LOG_LEVEL_WARN, STAMP, "", "last");
	assert_int_equal(j.lost, 0);
	journal_close(&j);
	(void)slurp(text, sizeof(text));
	assert_string_equal(text, "2026-11-21T22:10:03.123Z info  a?b\n"
				  "2026-11-21T22:10:03.123Z warn  last\n");
}

static void a_rotated_file_is_opened_anew(void **state)
{
	struct journal j;
	char why[200], text[256], old[80];

	(void)state;
	assert_int_equal(journal_open(&j, to, false, LOG_LEVEL_INFO, why), OK);
	(void)snprintf(old, sizeof(old), "%s.1", to + 5);
	assert_int_equal(rename(to + 5, old), 0);
	assert_int_equal(journal_reopen(&j), OK);
	journal_write(&j, LOG_LEVEL_INFO, STAMP, "", "new");
	journal_close(&j);
	(void)slurp(text, sizeof(text));
	assert_string_equal(text, "2026-11-21T22:10:03.123Z info  new\n");
	assert_int_equal(unlink(old), 0);
}

static void without_a_journal_auto_is_stderr_and_journal_is_refused(void **state)
{
	struct journal j;
	char why[200];

	(void)state;
	if (access("/run/systemd/journal/socket", F_OK) == 0) /* a machine that has one */
		skip();
	assert_int_equal(setenv("JOURNAL_STREAM", "1:2", 1), 0);
	assert_int_equal(journal_open(&j, "auto", false, LOG_LEVEL_INFO, why), OK);
	assert_int_equal(j.to, JOURNAL_FILE);
	assert_int_equal(j.fd, STDERR_FILENO);
	journal_close(&j);
	assert_int_equal(journal_open(&j, "journal", false, LOG_LEVEL_INFO, why), ERR_IO);
	assert_string_equal(why,
			    "log = journal, but there is no /run/systemd/journal/socket: use log "
			    "= stderr");
}

static void an_entry_nobody_takes_is_counted(void **state)
{
	struct journal j;
	char why[200];

	(void)state;
	assert_int_equal(journal_open(&j, "file:/dev/full", false, LOG_LEVEL_INFO, why), OK);
	journal_write(&j, LOG_LEVEL_INFO, STAMP, "", "x");
	assert_int_equal(j.lost, 1);
	journal_close(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_has_time_level_and_message, fresh, done),
		cmocka_unit_test_setup_teardown(the_lines_of_a_member_block_stand_unprefixed, fresh,
						done),
		cmocka_unit_test_setup_teardown(json_is_one_line_with_the_fields, fresh, done),
		cmocka_unit_test_setup_teardown(what_is_no_field_is_left_out, fresh, done),
		cmocka_unit_test(a_file_that_can_not_be_opened_is_refused),
		cmocka_unit_test(a_file_gets_clean_entries_up_to_its_level),
		cmocka_unit_test(a_rotated_file_is_opened_anew),
		cmocka_unit_test(without_a_journal_auto_is_stderr_and_journal_is_refused),
		cmocka_unit_test(an_entry_nobody_takes_is_counted),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_drop);
}
