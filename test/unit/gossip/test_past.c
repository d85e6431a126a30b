#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/limits.h"
#include "gossip/past.h"

static void a_file_cut_anywhere_is_refused_and_leaves_an_empty_past(void **state)
{
	struct addr known[2] = {addr_v4(10, 0, 0, 1, 8081), addr_v4(10, 0, 0, 2, 8081)};
	struct past p = {.reserved = 1024, .version = 7, .known = known, .count = 2};
	struct past read;
	struct buffer b;
	(void)state;

	buffer_init(&b, 1000);
	assert_int_equal(past_put(&p, &b), OK);
	for (size_t len = 0; len < b.len; len++) {
		assert_int_not_equal(past_get(bytes_of(b.at, len), &read), OK);
		assert_true(read.known == NULL && read.count == 0 && read.reserved == 0);
	}
	assert_int_equal(past_get(buffer_bytes(&b), &read), OK);
	assert_true(read.reserved == 1024 && read.version == 7 && read.count == 2);
	assert_true(addr_same(read.known[1], known[1]));
	past_fini(&read);
	b.at[0] = 2;
	assert_int_equal(past_get(buffer_bytes(&b), &read), ERR_VERSION);
	buffer_fini(&b);
}

static void more_addresses_than_are_ever_written_are_refused(void **state)
{
	struct addr known[KNOWN_MAX];
	struct past p = {.known = known, .count = KNOWN_MAX};
	struct past read;
	struct buffer b;
	(void)state;

	for (uint32_t i = 0; i < KNOWN_MAX; i++)
		known[i] = addr_v4(10, 0, 0, (uint8_t)i, 8081);
	buffer_init(&b, 10000);
	assert_int_equal(past_put(&p, &b), OK);
	assert_int_equal(past_get(buffer_bytes(&b), &read), OK);
	past_fini(&read);
	/* array 16 of 256 becomes one of 257, with one more element */
	uint8_t *count = memmem(b.at, b.len, "\xdc\x01\x00", 3);
	assert_non_null(count);
	count[2] = 1;
	assert_int_equal(buffer_add(&b, bytes_of("\xc0", 1)), OK);
	assert_int_equal(past_get(buffer_bytes(&b), &read), ERR_TOO_BIG);
	buffer_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_cut_anywhere_is_refused_and_leaves_an_empty_past),
		cmocka_unit_test(more_addresses_than_are_ever_written_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
