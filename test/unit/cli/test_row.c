#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/row.h"
#include "core/must.h"
#include "core/sheet.h"

static struct buffer two_rows(void)
{
	static const char *const names[] = {"name", "members", "+wide", "gone", NULL};
	struct sheet s;
	struct buffer b;

	sheet_init(&s, names, 4096);
	sheet_text(&s, "a");
	sheet_u64(&s, 2);
	sheet_bool(&s, true);
	sheet_nil(&s);
	sheet_text(&s, "b");
	sheet_u64(&s, UINT64_MAX);
	sheet_bool(&s, false);
	sheet_nil(&s);
	buffer_init(&b, 4096);
	must(sheet_put(&s, &b) == OK);
	sheet_fini(&s);
	return b;
}

static void what_is_no_sheet_has_no_cell(void **state)
{
	char out[8] = "x";

	(void)state;
	assert_false(row_text(BYTES("\xff"), 0, "name", out, sizeof(out)));
	assert_string_equal(out, "");
	assert_false(row_text((struct bytes){0}, 0, "name", out, sizeof(out)));
	assert_int_equal(row_number(BYTES("\xff"), 0, "name"), 0);
}

static void a_row_or_column_that_is_not_there_has_no_cell(void **state)
{
	struct buffer b = two_rows();
	char out[8] = "x";

	(void)state;
	assert_false(row_text(buffer_bytes(&b), 2, "name", out, sizeof(out)));
	assert_string_equal(out, "");
	assert_false(row_text(buffer_bytes(&b), 0, "nam", out, sizeof(out)));
	assert_false(row_text(buffer_bytes(&b), 0, "names", out, sizeof(out)));
	assert_int_equal(row_number(buffer_bytes(&b), 9, "members"), 0);
	buffer_fini(&b);
}

static void what_does_not_fit_is_not_given_in_part(void **state)
{
	struct buffer b = two_rows();
	char out[4] = "x";

	(void)state;
	assert_false(row_text(buffer_bytes(&b), 1, "members", out, sizeof(out)));
	assert_string_equal(out, "");
	buffer_fini(&b);
}

static void every_kind_of_cell_is_read(void **state)
{
	struct buffer b = two_rows();
	char out[32];

	(void)state;
	assert_true(row_text(buffer_bytes(&b), 0, "name", out, sizeof(out)));
	assert_string_equal(out, "a");
	assert_true(row_text(buffer_bytes(&b), 1, "name", out, sizeof(out)));
	assert_string_equal(out, "b");
	assert_int_equal(row_number(buffer_bytes(&b), 0, "members"), 2);
	assert_true(row_number(buffer_bytes(&b), 1, "members") == UINT64_MAX);
	assert_true(row_text(buffer_bytes(&b), 0, "wide", out, sizeof(out)));
	assert_string_equal(out, "yes");
	assert_true(row_text(buffer_bytes(&b), 1, "gone", out, sizeof(out)));
	assert_string_equal(out, "");
	buffer_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_sheet_has_no_cell),
		cmocka_unit_test(a_row_or_column_that_is_not_there_has_no_cell),
		cmocka_unit_test(what_does_not_fit_is_not_given_in_part),
		cmocka_unit_test(every_kind_of_cell_is_read),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
