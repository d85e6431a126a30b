#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/limits.h"
#include "core/pack.h"

static struct unpack open_bytes(struct bytes from)
{
	struct unpack u;

	unpack_init(&u, from);
	return u;
}

#define OPEN(text) open_bytes(BYTES(text))

static void five_hostile_bytes_reserve_nothing(void **state)
{
	struct unpack u = OPEN("\xdd\x0f\xff\xff\xff");

	(void)state;
	assert_int_equal(unpack_array(&u, 0), 0);
	assert_int_equal(unpack_err(&u), ERR_SHORT);
	u = OPEN("\xdd\x0f\xff\xff\xff");
	unpack_rest(&u, 1);
	assert_int_equal(unpack_err(&u), ERR_SHORT);
	u = OPEN("\xdf\xff\xff\xff\xff");
	unpack_rest(&u, 1);
	assert_int_equal(unpack_err(&u), ERR_SHORT);
	u = OPEN("\xc6\xff\xff\xff\xff");
	assert_int_equal(unpack_bin(&u, SIZE_MAX).len, 0);
	assert_int_equal(unpack_err(&u), ERR_SHORT);
	u = OPEN("\xdb\xff\xff\xff\xff");
	assert_int_equal(unpack_text(&u, SIZE_MAX).len, 0);
	assert_int_equal(unpack_err(&u), ERR_SHORT);
	u = OPEN("\xc9\xff\xff\xff\xff\x01");
	unpack_rest(&u, 1);
	assert_int_equal(unpack_err(&u), ERR_SHORT);
}

static void the_first_thing_wrong_sticks(void **state)
{
	struct unpack u = OPEN("\xa1x\x05\x06");
	char text[4] = "old";

	(void)state;
	assert_int_equal(unpack_u64(&u), 0);
	assert_int_equal(unpack_err(&u), ERR_MALFORMED);
	assert_int_equal(unpack_u64(&u), 0);
	assert_int_equal(unpack_i64(&u), 0);
	assert_false(unpack_bool(&u));
	assert_int_equal(unpack_bin(&u, 9).len, 0);
	assert_non_null(unpack_text(&u, 9).at);
	unpack_str(&u, text, sizeof(text));
	assert_string_equal(text, "");
	assert_true(id_is_none(unpack_id(&u)));
	assert_true(addr_is_none(unpack_addr(&u)));
	assert_false(unpack_nil(&u));
	assert_int_equal(unpack_raw(&u, 9).len, 0);
	/* As a decoder writes it when the array itself was bad: the count wraps. */
	unpack_rest(&u, unpack_array(&u, 3) - 3);
	unpack_refuse(&u, ERR_VERSION);
	assert_int_equal(unpack_err(&u), ERR_MALFORMED);
	assert_false(unpack_done(&u));
}

static void an_array_with_too_few_fields_is_refused(void **state)
{
	struct unpack u = OPEN("\x92\x01\x02");

	(void)state;
	assert_int_equal(unpack_array(&u, 3), 0);
	assert_int_equal(unpack_err(&u), ERR_MALFORMED);
	u = OPEN("\x93\x01\x02");
	assert_int_equal(unpack_array(&u, 3), 0);
	assert_int_equal(unpack_err(&u), ERR_SHORT);
	u = OPEN("\xc0");
	assert_int_equal(unpack_array(&u, 0), 0);
	assert_int_equal(unpack_err(&u), ERR_MALFORMED);
}

static void a_number_too_large_for_its_field_is_refused(void **state)
{
	struct unpack u = OPEN("\xcd\x01\x00");

	(void)state;
	assert_int_equal(unpack_u8(&u), 0);
	assert_int_equal(unpack_err(&u), ERR_TOO_BIG);
	u = OPEN("\xce\x00\x01\x00\x00");
	assert_int_equal(unpack_u16(&u), 0);
	assert_int_equal(unpack_err(&u), ERR_TOO_BIG);
	u = OPEN("\xcf\x00\x00\x00\x01\x00\x00\x00\x00");
	assert_int_equal(unpack_u32(&u), 0);
	assert_int_equal(unpack_err(&u), ERR_TOO_BIG);
	u = OPEN("\xcf\x80\x00\x00\x00\x00\x00\x00\x00");
	assert_int_equal(unpack_i64(&u), 0);
	assert_int_equal(unpack_err(&u), ERR_TOO_BIG);
	u = OPEN("\xff");
	assert_int_equal(unpack_u64(&u), 0);
	assert_int_equal(unpack_err(&u), ERR_MALFORMED);
	u = OPEN("\xd0\x80");
	assert_int_equal(unpack_u64(&u), 0);
	assert_int_equal(unpack_err(&u), ERR_MALFORMED);
}

static void a_value_of_another_kind_is_refused(void **state)
{
	static const char *const kinds[] = {"\x01", "\xa1x", "\xc4\x01x", "\xc0", "\xc3", "\x90"};
	static const size_t lens[] = {1, 2, 3, 1, 1, 1};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct bytes one = bytes_of(kinds[i], lens[i]);
		struct unpack u = open_bytes(one);
		unpack_u64(&u);
		assert_int_equal(unpack_err(&u), i == 0 ? OK : ERR_MALFORMED);
		u = open_bytes(one);
		unpack_i64(&u);
		assert_int_equal(unpack_err(&u), i == 0 ? OK : ERR_MALFORMED);
		u = open_bytes(one);
		unpack_text(&u, 9);
		assert_int_equal(unpack_err(&u), i == 1 ? OK : ERR_MALFORMED);
		u = open_bytes(one);
		unpack_bin(&u, 9);
		assert_int_equal(unpack_err(&u), i == 2 ? OK : ERR_MALFORMED);
		u = open_bytes(one);
		assert_int_equal(unpack_nil(&u), i == 3);
		u = open_bytes(one);
		unpack_bool(&u);
		assert_int_equal(unpack_err(&u), i == 4 ? OK : ERR_MALFORMED);
		u = open_bytes(one);
		unpack_array(&u, 0);
		assert_int_equal(unpack_err(&u), i == 5 ? OK : ERR_MALFORMED);
	}
}

static void text_too_long_or_with_a_nul_is_refused(void **state)
{
	struct unpack u = OPEN("\xa4"
			       "four");
	char out[4];

	(void)state;
	assert_int_equal(unpack_text(&u, 3).len, 0);
	assert_int_equal(unpack_err(&u), ERR_TOO_BIG);
	u = OPEN("\xa4"
		 "four");
	memset(out, 'x', sizeof(out));
	unpack_str(&u, out, sizeof(out));
	assert_int_equal(unpack_err(&u), ERR_TOO_BIG);
	assert_string_equal(out, "");
	u = OPEN("\xa3"
		 "a\0b");
	assert_int_equal(unpack_text(&u, 9).len, 0);
	assert_int_equal(unpack_err(&u), ERR_MALFORMED);
	u = OPEN("\xa3"
		 "abc");
	unpack_str(&u, out, sizeof(out));
	assert_string_equal(out, "abc");
	assert_true(unpack_done(&u));
}

static void ids_and_addresses_of_another_length_are_refused(void **state)
{
	(void)state;
	for (uint8_t len = 0; len <= 24; len++) {
		uint8_t raw[2 + 24] = {0xc4, len};
		struct unpack u = open_bytes(bytes_of(raw, 2u + len));

		unpack_id(&u);
		assert_int_equal(unpack_err(&u) == OK, len == 16);
		u = open_bytes(bytes_of(raw, 2u + len));
		unpack_addr(&u);
		assert_int_equal(unpack_err(&u) == OK, len == 0 || len == 6 || len == 18);
	}
}

static void nesting_is_skipped_to_its_depth_and_refused_beyond(void **state)
{
	uint8_t deep[PACK_DEPTH_MAX + 2];

	(void)state;
	memset(deep, 0x91, sizeof(deep));
	deep[PACK_DEPTH_MAX] = 0xc0;
	struct unpack u = open_bytes(bytes_of(deep, PACK_DEPTH_MAX + 1));
	unpack_rest(&u, 1);
	assert_true(unpack_done(&u));
	deep[PACK_DEPTH_MAX] = 0x91;
	deep[PACK_DEPTH_MAX + 1] = 0xc0;
	u = open_bytes(bytes_of(deep, PACK_DEPTH_MAX + 2));
	unpack_rest(&u, 1);
	assert_int_equal(unpack_err(&u), ERR_TOO_BIG);
}

static void every_kind_of_value_is_skipped_whole(void **state)
{
	static const uint8_t all[] =
		"\x01\xe0\xc0\xc2\xc3\xcc\x01\xcd\x01\x02\xce\x01\x02\x03\x04"
		"\xcf\x01\x02\x03\x04\x05\x06\x07\x08\xd0\x01\xd1\x01\x02\xd2\x01\x02\x03\x04"
		"\xd3\x01\x02\x03\x04\x05\x06\x07\x08\xca\x01\x02\x03\x04"
		"\xcb\x01\x02\x03\x04\x05\x06\x07\x08\xa1x\xd9\x01x\xda\x00\x01x"
		"\xdb\x00\x00\x00\x01x\xc4\x01x\xc5\x00\x01x\xc6\x00\x00\x00\x01x"
		"\xd4\x05x\xd5\x05xx\xd6\x05xxxx\xd7\x05xxxxxxxx\xd8\x05xxxxxxxxxxxxxxxx"
		"\xc7\x01\x05x\xc8\x00\x01\x05x\xc9\x00\x00\x00\x01\x05x"
		"\x92\x01\x02\xdc\x00\x01\x01\xdd\x00\x00\x00\x01\x01"
		"\x81\x01\x02\xde\x00\x01\x01\x02\xdf\x00\x00\x00\x01\x01\x02\x90\x80";
	enum { VALUES = 38, BYTES_ALL = sizeof(all) - 1 };

	(void)state;
	struct unpack u = open_bytes(bytes_of(all, BYTES_ALL));
	unpack_rest(&u, VALUES);
	assert_true(unpack_done(&u));
	for (size_t cut = 0; cut < BYTES_ALL; cut++) {
		u = open_bytes(bytes_of(all, cut));
		unpack_rest(&u, VALUES);
		assert_int_equal(unpack_err(&u), ERR_SHORT);
	}
	u = OPEN("\xc1");
	unpack_rest(&u, 1);
	assert_int_equal(unpack_err(&u), ERR_MALFORMED);
}

static void a_full_buffer_makes_the_pack_bad_and_its_end_takes_it_back(void **state)
{
	struct buffer b;
	struct pack p;

	(void)state;
	buffer_init(&b, 8);
	assert_int_equal(buffer_add(&b, BYTES("head")), OK);
	pack_init(&p, &b);
	pack_array(&p, 2);
	pack_str(&p, "too long for it");
	pack_u64(&p, 1);
	assert_int_equal(pack_err(&p), ERR_FULL);
	assert_int_equal(pack_end(&p), ERR_FULL);
	assert_true(bytes_same(buffer_bytes(&b), BYTES("head")));
	buffer_fini(&b);
}

static void what_is_packed_is_what_is_unpacked(void **state)
{
	static const uint64_t edges[] = {0,     127,        128,        255,       256,       65535,
					 65536, UINT32_MAX, 1ull << 32, INT64_MAX, UINT64_MAX};
	static const int64_t signed_edges[] = {
		0, -1, -32, -33, -128, -129, -32768, -32769, INT32_MIN, INT64_MIN, INT64_MAX, 200};
	struct addr v6 = {.family = ADDR_V6, .ip = {0xfd, [15] = 1}, .port = 0x1234};
	struct id id = {{1, 2, 3, [15] = 9}};
	struct buffer b;
	struct pack p;

	(void)state;
	buffer_init(&b, 4096);
	pack_init(&p, &b);
	pack_array(&p, 35);
	for (size_t i = 0; i < 11; i++)
		pack_u64(&p, edges[i]);
	for (size_t i = 0; i < 12; i++)
		pack_i64(&p, signed_edges[i]);
	pack_bool(&p, true);
	pack_bool(&p, false);
	pack_nil(&p);
	pack_bin(&p, BYTES("\0\1"));
	pack_bin(&p, bytes_of(NULL, 0));
	pack_text(&p, BYTES("text"));
	pack_str(&p, "");
	pack_id(&p, id);
	pack_addr(&p, addr_v4(10, 0, 0, 1, 8081));
	pack_addr(&p, v6);
	pack_addr(&p, (struct addr){0});
	pack_raw(&p, BYTES("\x92\x01\xa1x"));
	assert_int_equal(pack_end(&p), OK);

	struct unpack u = open_bytes(buffer_bytes(&b));
	assert_int_equal(unpack_array(&u, 35), 35);
	for (size_t i = 0; i < 11; i++)
		assert_true(unpack_u64(&u) == edges[i]);
	for (size_t i = 0; i < 12; i++)
		assert_true(unpack_i64(&u) == signed_edges[i]);
	assert_true(unpack_bool(&u));
	assert_false(unpack_bool(&u));
	assert_false(unpack_nil(&(struct unpack){.left = BYTES("\x01")}));
	assert_true(unpack_nil(&u));
	assert_true(bytes_same(unpack_bin(&u, 2), BYTES("\0\1")));
	assert_int_equal(unpack_bin(&u, 0).len, 0);
	assert_true(bytes_same(unpack_text(&u, 4), BYTES("text")));
	assert_int_equal(unpack_text(&u, 0).len, 0);
	assert_true(id_same(unpack_id(&u), id));
	assert_true(addr_same(unpack_addr(&u), addr_v4(10, 0, 0, 1, 8081)));
	assert_true(addr_same(unpack_addr(&u), v6));
	assert_true(addr_is_none(unpack_addr(&u)));
	assert_int_equal(unpack_err(&u), OK);
	assert_true(bytes_same(unpack_raw(&u, 4), BYTES("\x92\x01\xa1x")));
	assert_true(unpack_done(&u));
	buffer_fini(&b);
}

static void an_address_is_its_bytes_and_a_little_endian_port(void **state)
{
	struct buffer b;
	struct pack p;

	(void)state;
	buffer_init(&b, 64);
	pack_init(&p, &b);
	pack_addr(&p, addr_v4(10, 0, 0, 1, 0x1234));
	assert_true(bytes_same(buffer_bytes(&b), BYTES("\xc4\x06\x0a\0\0\x01\x34\x12")));
	buffer_fini(&b);
}

static void a_raw_element_is_bounded(void **state)
{
	struct unpack u = OPEN("\x92\x01\xa1x");

	(void)state;
	assert_int_equal(unpack_raw(&u, 3).len, 0);
	assert_int_equal(unpack_err(&u), ERR_TOO_BIG);
}

static void fields_of_a_later_version_are_skipped(void **state)
{
	struct unpack u = OPEN("\x94\x07\x81\xa1k\x90\xc0\x01\x09");

	(void)state;
	uint32_t n = unpack_array(&u, 1);
	assert_int_equal(unpack_u8(&u), 7);
	unpack_rest(&u, n - 1);
	assert_int_equal(unpack_err(&u), OK);
	assert_int_equal(unpack_u8(&u), 9);
	assert_true(unpack_done(&u));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(five_hostile_bytes_reserve_nothing),
		cmocka_unit_test(the_first_thing_wrong_sticks),
		cmocka_unit_test(an_array_with_too_few_fields_is_refused),
		cmocka_unit_test(a_number_too_large_for_its_field_is_refused),
		cmocka_unit_test(a_value_of_another_kind_is_refused),
		cmocka_unit_test(text_too_long_or_with_a_nul_is_refused),
		cmocka_unit_test(ids_and_addresses_of_another_length_are_refused),
		cmocka_unit_test(nesting_is_skipped_to_its_depth_and_refused_beyond),
		cmocka_unit_test(every_kind_of_value_is_skipped_whole),
		cmocka_unit_test(a_full_buffer_makes_the_pack_bad_and_its_end_takes_it_back),
		cmocka_unit_test(what_is_packed_is_what_is_unpacked),
		cmocka_unit_test(an_address_is_its_bytes_and_a_little_endian_port),
		cmocka_unit_test(a_raw_element_is_bounded),
		cmocka_unit_test(fields_of_a_later_version_are_skipped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
