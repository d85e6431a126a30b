#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/sheet.h"

static const char *const names[] = {"name", "slots", "+up", NULL};

static enum err open_sheet(struct bytes packed)
{
	struct sheet_reader r = {.columns = 77};
	enum err err = sheet_open(packed, &r);

	if (err != OK)
		assert_int_equal(r.columns, 77);
	return err;
}

static void a_malformed_sheet_is_refused_whole(void **state)
{
	(void)state;
	assert_int_equal(open_sheet(BYTES("\x92\x91\xa1n\x92\x91\x01\x91\x02")), OK);
	assert_int_equal(open_sheet(BYTES("\x92\x91\xa1n\x90")), OK);
	assert_int_equal(open_sheet(BYTES("")), ERR_SHORT);
	/* no rows; no columns; a name that is no text; a row too short, too long, no array; a cell that is none */
	assert_int_equal(open_sheet(BYTES("\x91\x91\xa1n")), ERR_MALFORMED);
	assert_int_equal(open_sheet(BYTES("\x92\x90\x90")), ERR_MALFORMED);
	assert_int_equal(open_sheet(BYTES("\x92\x91\x01\x90")), ERR_MALFORMED);
	assert_int_equal(open_sheet(BYTES("\x92\x91\xa1n\x92\x91\x01\x90\xc0")), ERR_MALFORMED);
	assert_int_equal(open_sheet(BYTES("\x92\x91\xa1n\x91\x92\x01\x02")), ERR_MALFORMED);
	assert_int_equal(open_sheet(BYTES("\x92\x91\xa1n\x91\x01")), ERR_MALFORMED);
	assert_int_equal(open_sheet(BYTES("\x92\x91\xa1n\x91\x91\xff")), ERR_MALFORMED);
	assert_int_equal(open_sheet(BYTES("\x92\x91\xa1n\x91\x91\x90")), ERR_MALFORMED);
	/* something behind; a count that promises more than there is */
	assert_int_equal(open_sheet(BYTES("\x92\x91\xa1n\x90\x01")), ERR_MALFORMED);
	assert_int_equal(open_sheet(BYTES("\x92\x91\xa1n\xdd\xff\xff\xff\xff")), ERR_SHORT);
	assert_int_equal(open_sheet(BYTES("\x92\x91\xa1n\x91\x91")), ERR_SHORT);
}

static void fields_of_a_later_version_are_skipped(void **state)
{
	(void)state;
	assert_int_equal(open_sheet(BYTES("\x93\x91\xa1n\x91\x91\x01\xa5later")), OK);
}

static void fill(struct sheet *s)
{
	sheet_text(s, "a");
	sheet_u64(s, UINT64_MAX);
	sheet_bool(s, true);
	sheet_format(s, "%s-%d", "b", 2);
	sheet_nil(s);
	sheet_bool(s, false);
}

static void what_is_written_is_read_cell_by_cell(void **state)
{
	static const enum cell_kind kinds[] = {CELL_TEXT, CELL_U64, CELL_BOOL,
					       CELL_TEXT, CELL_NIL, CELL_BOOL};
	struct cell cell[6];
	struct sheet_reader r;
	struct sheet s;
	struct buffer b;

	(void)state;
	sheet_init(&s, names, 1000);
	fill(&s);
	assert_int_equal(s.count, 2);
	buffer_init(&b, 1000);
	assert_int_equal(sheet_put(&s, &b), OK);
	sheet_fini(&s);
	assert_int_equal(sheet_open(buffer_bytes(&b), &r), OK);
	assert_int_equal(r.columns, 3);
	assert_int_equal(r.rows, 2);
	for (int i = 0; i < 3; i++)
		assert_true(bytes_same(unpack_text(&r.names, 99), bytes_str(names[i])));
	for (int i = 0; i < 6; i++) {
		assert_int_equal(sheet_next(&r, &cell[i]), OK);
		assert_int_equal(cell[i].kind, kinds[i]);
	}
	assert_int_equal(sheet_next(&r, &cell[0]), ERR_NOT_FOUND);
	assert_int_equal(sheet_next(&r, &cell[0]), ERR_NOT_FOUND);
	assert_true(bytes_same(cell[0].text, BYTES("a")));
	assert_true(cell[1].number == UINT64_MAX);
	assert_int_equal(cell[2].number, 1);
	assert_true(bytes_same(cell[3].text, BYTES("b-2")));
	assert_int_equal(cell[5].number, 0);
	buffer_fini(&b);
}

static void an_empty_sheet_still_has_its_columns(void **state)
{
	struct sheet_reader r;
	struct sheet s;
	struct buffer b;
	struct cell cell;

	(void)state;
	sheet_init(&s, names, 1000);
	buffer_init(&b, 1000);
	assert_int_equal(sheet_put(&s, &b), OK);
	assert_int_equal(sheet_open(buffer_bytes(&b), &r), OK);
	assert_int_equal(r.columns, 3);
	assert_int_equal(sheet_next(&r, &cell), ERR_NOT_FOUND);
	sheet_fini(&s);
	buffer_fini(&b);
}

static void a_sheet_that_outgrew_its_limit_says_so_and_lies_not(void **state)
{
	struct sheet s;
	struct buffer b;

	(void)state;
	buffer_init(&b, 1000);
	sheet_init(&s, names, 10);
	fill(&s);
	assert_int_equal(sheet_put(&s, &b), ERR_FULL);
	assert_int_equal(b.len, 0);
	sheet_fini(&s);
	buffer_fini(&b);
	buffer_init(&b, 20);
	sheet_init(&s, names, 1000);
	fill(&s);
	assert_int_equal(sheet_put(&s, &b), ERR_FULL);
	assert_int_equal(b.len, 0);
	sheet_fini(&s);
	buffer_fini(&b);
}

static void a_sheet_may_be_moved_while_it_is_filled(void **state)
{
	struct sheet s, moved;
	struct buffer b;

	(void)state;
	sheet_init(&s, names, 1000);
	sheet_text(&s, "a");
	moved = s;
	memset(&s, 0, sizeof(s));
	sheet_nil(&moved);
	sheet_nil(&moved);
	sheet_text(&moved, "b");
	sheet_nil(&moved);
	sheet_nil(&moved);
	buffer_init(&b, 1000);
	assert_int_equal(sheet_put(&moved, &b), OK);
	assert_int_equal(open_sheet(buffer_bytes(&b)), OK);
	sheet_fini(&moved);
	buffer_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_malformed_sheet_is_refused_whole),
		cmocka_unit_test(fields_of_a_later_version_are_skipped),
		cmocka_unit_test(what_is_written_is_read_cell_by_cell),
		cmocka_unit_test(an_empty_sheet_still_has_its_columns),
		cmocka_unit_test(a_sheet_that_outgrew_its_limit_says_so_and_lies_not),
		cmocka_unit_test(a_sheet_may_be_moved_while_it_is_filled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
