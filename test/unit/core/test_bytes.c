#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/bytes.h"

static void a_buffer_refuses_what_is_beyond_its_limit_and_keeps_what_it_has(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 10);
	assert_int_equal(buffer_add(&b, BYTES("12345678")), OK);
	assert_int_equal(buffer_add(&b, BYTES("abc")), ERR_FULL);
	assert_true(bytes_same(buffer_bytes(&b), BYTES("12345678")));
	assert_null(buffer_room(&b, 3));
	assert_null(buffer_room(&b, SIZE_MAX));
	assert_int_equal(buffer_add(&b, BYTES("ab")), OK);
	assert_int_equal(buffer_add(&b, BYTES("c")), ERR_FULL);
	assert_int_equal(b.len, 10);
	assert_true(b.room <= 10);
	buffer_fini(&b);
}

static void a_buffer_without_room_takes_nothing_but_nothing(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 0);
	assert_int_equal(buffer_add(&b, BYTES("")), OK);
	assert_int_equal(buffer_add(&b, BYTES("x")), ERR_FULL);
	assert_int_equal(buffer_bytes(&b).len, 0);
	buffer_fini(&b);
}

static void a_buffer_grows_lazily_and_never_past_its_limit(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 100000);
	assert_int_equal(b.room, 0);
	for (uint32_t i = 0; i < 25000; i++) {
		uint8_t *at = buffer_room(&b, 4);

		assert_non_null(at);
		put_u32(at, i);
		b.len += 4;
		assert_true(b.room <= 100000);
		assert_true(b.room < 4 * b.len + 64);
	}
	for (uint32_t i = 0; i < 25000; i++)
		assert_int_equal(get_u32(b.at + 4 * (size_t)i), i);
	assert_null(buffer_room(&b, 1));
	buffer_fini(&b);
	assert_null(b.at);
	buffer_fini(&b);
}

static void what_is_skipped_is_gone_and_the_rest_moves_up(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 100);
	buffer_skip(&b, 0);
	assert_int_equal(buffer_add(&b, BYTES("hello world")), OK);
	buffer_skip(&b, 6);
	assert_true(bytes_same(buffer_bytes(&b), BYTES("world")));
	buffer_skip(&b, 5);
	assert_int_equal(b.len, 0);
	assert_int_equal(buffer_add(&b, BYTES("again")), OK);
	buffer_clear(&b);
	assert_int_equal(b.len, 0);
	assert_true(b.room > 0);
	buffer_fini(&b);
}

static void slices_are_ordered_as_their_bytes_and_a_prefix_comes_first(void **state)
{
	(void)state;
	assert_true(bytes_cmp(BYTES("a"), BYTES("b")) < 0);
	assert_true(bytes_cmp(BYTES("ab"), BYTES("a")) > 0);
	assert_true(bytes_cmp(BYTES(""), BYTES("a")) < 0);
	assert_true(bytes_cmp(BYTES("\xff"), BYTES("a")) > 0);
	assert_int_equal(bytes_cmp(BYTES("same"), bytes_str("same")), 0);
	assert_int_equal(bytes_cmp(bytes_of(NULL, 0), BYTES("")), 0);
	assert_true(bytes_same(bytes_of(NULL, 0), BYTES("")));
	assert_false(bytes_same(BYTES("a"), BYTES("ab")));
	assert_false(bytes_same(BYTES("ab"), BYTES("ac")));
}

static void fixed_integers_are_little_endian(void **state)
{
	uint8_t at[8];

	(void)state;
	put_u16(at, 0x0102);
	assert_memory_equal(at, "\x02\x01", 2);
	assert_int_equal(get_u16(at), 0x0102);
	put_u32(at, 0xfedcba98);
	assert_memory_equal(at, "\x98\xba\xdc\xfe", 4);
	assert_int_equal(get_u32(at), 0xfedcba98);
	put_u64(at, 0xfedcba9876543210);
	assert_memory_equal(at, "\x10\x32\x54\x76\x98\xba\xdc\xfe", 8);
	assert_true(get_u64(at) == 0xfedcba9876543210);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_refuses_what_is_beyond_its_limit_and_keeps_what_it_has),
		cmocka_unit_test(a_buffer_without_room_takes_nothing_but_nothing),
		cmocka_unit_test(a_buffer_grows_lazily_and_never_past_its_limit),
		cmocka_unit_test(what_is_skipped_is_gone_and_the_rest_moves_up),
		cmocka_unit_test(slices_are_ordered_as_their_bytes_and_a_prefix_comes_first),
		cmocka_unit_test(fixed_integers_are_little_endian),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
