#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/id.h"

#define TEXT "00112233-4455-6677-8899-aabbccddeeff"

static void what_is_no_uuid_is_refused_and_nothing_is_written(void **state)
{
	static const char *const bad[] = {
		"",
		"0",
		"00112233-4455-6677-8899-aabbccddeef",
		"00112233-4455-6677-8899-aabbccddeeff0",
		"00112233-4455-6677-8899_aabbccddeeff",
		"0011223-34455-6677-8899-aabbccddeeff",
		"00112233-4455-6677-8899-aabbccddeefg",
		"-0112233-4455-6677-8899-aabbccddeeff",
		" 0112233-4455-6677-8899-aabbccddeeff",
		"00112233445566778899aabbccddeeff",
		"{0112233-4455-6677-8899-aabbccddeef}",
	};
	struct id id = {{42}};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(id_parse(bad[i], &id), ERR_MALFORMED);
		assert_int_equal(id.b[0], 42);
	}
}

static void an_id_printed_is_the_id_read_in_either_case(void **state)
{
	struct id id, again;

	(void)state;
	assert_int_equal(id_parse(TEXT, &id), OK);
	assert_int_equal(id.b[0], 0);
	assert_int_equal(id.b[15], 0xff);
	assert_string_equal(id_text(id).s, TEXT);
	assert_int_equal(id_parse("00112233-4455-6677-8899-AABBCCDDEEFF", &again), OK);
	assert_true(id_same(id, again));
}

static void the_id_of_a_key_is_a_version_8_uuid_that_never_changes(void **state)
{
	uint8_t key[32] = {0};
	struct id id = id_of_key(key);

	(void)state;
	assert_int_equal(id.b[6] >> 4, 8);
	assert_int_equal(id.b[8] >> 6, 2);
	assert_string_equal(id_text(id).s, "ff0f2249-2f44-8ac4-84b3-0ae58d0e8daa");
	key[31] = 1;
	assert_false(id_same(id, id_of_key(key)));
}

static void a_random_id_is_a_version_4_uuid(void **state)
{
	uint8_t random[16];

	(void)state;
	memset(random, 0xff, sizeof(random));
	assert_string_equal(id_text(id_of_random(random)).s,
			    "ffffffff-ffff-4fff-bfff-ffffffffffff");
	memset(random, 0, sizeof(random));
	assert_string_equal(id_text(id_of_random(random)).s,
			    "00000000-0000-4000-8000-000000000000");
}

static void ids_are_ordered_as_they_are_printed(void **state)
{
	struct id low = {{1}}, high = {{1, [15] = 1}};

	(void)state;
	assert_true(id_cmp(low, high) < 0);
	assert_true(id_cmp(high, low) > 0);
	assert_int_equal(id_cmp(low, low), 0);
	assert_true(id_is_none(id_none));
	assert_false(id_is_none(high));
	assert_false(id_same(low, high));
	assert_int_equal(id_hash(low), 1);
}

static void a_generation_outweighs_every_term(void **state)
{
	struct epoch old = {.generation = 1, .term = 900}, new = {.generation = 2, .term = 1};

	(void)state;
	assert_true(epoch_cmp(old, new) < 0);
	assert_true(epoch_cmp(new, old) > 0);
	assert_int_equal(epoch_cmp(old, old), 0);
	old.generation = 2;
	assert_true(epoch_cmp(old, new) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_uuid_is_refused_and_nothing_is_written),
		cmocka_unit_test(an_id_printed_is_the_id_read_in_either_case),
		cmocka_unit_test(the_id_of_a_key_is_a_version_8_uuid_that_never_changes),
		cmocka_unit_test(a_random_id_is_a_version_4_uuid),
		cmocka_unit_test(ids_are_ordered_as_they_are_printed),
		cmocka_unit_test(a_generation_outweighs_every_term),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
