#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/must.h"
#include "core/rng.h"
#include "sched/kv.h"

static struct bytes number(uint32_t n, char out[16])
{
	int len = snprintf(out, 16, "k%05u", n);

	return bytes_of(out, (size_t)len);
}

static void what_would_pass_the_limit_is_refused_and_changes_nothing(void **state)
{
	struct kv *kv = kv_open(10);
	struct bytes value;

	(void)state;
	assert_int_equal(kv_put(kv, BYTES("key"), BYTES("1234567")), OK);
	assert_int_equal(kv_put(kv, BYTES("k"), BYTES("")), ERR_FULL);
	assert_int_equal(kv_put(kv, BYTES("key"), BYTES("12345678")), ERR_FULL);
	assert_int_equal(kv_get(kv, BYTES("key"), &value), OK);
	assert_true(bytes_same(value, BYTES("1234567")));
	assert_int_equal(kv_size(kv), 10);
	assert_true(kv_has_room(kv, 0));
	assert_false(kv_has_room(kv, 1));
	kv_close(kv);
}

static void an_absent_key_is_not_found_and_its_drop_is_nothing(void **state)
{
	struct kv *kv = kv_open(100);
	struct bytes key, value;

	(void)state;
	assert_int_equal(kv_get(kv, BYTES("a"), &value), ERR_NOT_FOUND);
	assert_int_equal(kv_next(kv, BYTES(""), &key, &value), ERR_NOT_FOUND);
	kv_drop(kv, BYTES("a"));
	assert_int_equal(kv_count(kv), 0);
	kv_close(kv);
}

/* A value of its own for each step: most short, some longer than a piece of the map. */
static struct bytes value_of(uint32_t step)
{
	static uint8_t value[5000];
	size_t len = step % 50 == 0 ? 5000 - step % 7 : 4 + step % 300;

	memset(value, (int)(step & 0xff), len);
	put_u32(value, step);
	return bytes_of(value, len);
}

/* Against the plainest map there is: an array of versions by number. */
static void it_holds_what_a_plain_table_holds_in_order(void **state)
{
	enum { KEYS = 500 };
	static uint32_t table[KEYS];
	struct kv *kv = kv_open(1 << 24);
	struct kv *frozen = NULL;
	static uint32_t then[KEYS];
	struct rng rng;

	(void)state;
	memset(table, 0, sizeof(table));
	rng_init(&rng, 7);
	for (uint32_t step = 1; step <= 20000; step++) {
		uint32_t n = (uint32_t)rng_below(&rng, KEYS);
		char text[16];
		struct bytes key = number(n, text), value;

		if (rng_below(&rng, 3) == 0 || (step > 12000 && step < 12400)) {
			kv_drop(kv, key);
			table[n] = 0;
		} else {
			assert_int_equal(kv_put(kv, key, value_of(step)), OK);
			table[n] = step;
		}
		if (step == 10000) {
			frozen = kv_freeze(kv);
			memcpy(then, table, sizeof(then));
		}
		n = (uint32_t)rng_below(&rng, KEYS);
		assert_int_equal(kv_get(kv, number(n, text), &value),
				 table[n] == 0 ? ERR_NOT_FOUND : OK);
		assert_true(table[n] == 0 || bytes_same(value, value_of(table[n])));
	}

	for (int pass = 0; pass < 2; pass++) {
		const struct kv *map = pass == 0 ? kv : frozen;
		const uint32_t *want = pass == 0 ? table : then;
		struct bytes key = {NULL, 0}, value;
		size_t seen = 0, size = 0;

		for (uint32_t n = 0; n < KEYS; n++) {
			char text[16];

			if (want[n] == 0)
				continue;
			assert_int_equal(kv_next(map, key, &key, &value), OK);
			assert_true(bytes_same(key, number(n, text)));
			assert_true(bytes_same(value, value_of(want[n])));
			size += key.len + value.len;
			seen++;
		}
		assert_int_equal(kv_next(map, key, &key, &value), ERR_NOT_FOUND);
		assert_int_equal(kv_count(map), seen);
		assert_int_equal(kv_size(map), size);
	}
	kv_close(frozen);
	kv_close(kv);
}

static void a_key_borrowed_from_the_map_can_drop_itself(void **state)
{
	struct kv *kv = kv_open(1000);
	struct bytes key, value;

	(void)state;
	for (uint32_t n = 0; n < 20; n++) {
		char text[16];

		assert_int_equal(kv_put(kv, number(n, text), BYTES("v")), OK);
	}
	while (kv_next(kv, BYTES(""), &key, &value) == OK)
		kv_drop(kv, key);
	assert_int_equal(kv_count(kv), 0);
	assert_int_equal(kv_size(kv), 0);
	kv_close(kv);
}

static void count_row(void *with, struct bytes key, struct bytes value)
{
	size_t *bytes = with;

	*bytes += key.len + value.len;
}

/* A version taken apart a little at a time, either way, leaves the map as it was. */
static void a_frozen_version_can_be_let_go_of_in_pieces(void **state)
{
	struct kv *kv = kv_open(1 << 24), *withers, *shifts;
	struct bytes value;
	size_t bytes = 0, size;
	char text[16];

	(void)state;
	for (uint32_t n = 0; n < 2000; n++)
		assert_int_equal(kv_put(kv, number(n * 7 % 2000, text), value_of(n * 7 % 2000)),
				 OK);
	size = kv_size(kv);
	withers = kv_freeze(kv);
	shifts = kv_freeze(kv);
	for (uint32_t n = 0; n < 2000; n++) {
		assert_int_equal(kv_put(kv, number(n, text), value_of(n + 1)), OK);
		if (withers != NULL && kv_wither(withers, 3))
			withers = NULL;
		(void)kv_shift(shifts, count_row, &bytes);
	}
	while (kv_shift(shifts, count_row, &bytes))
		;
	assert_null(withers);
	assert_int_equal(bytes, size);
	assert_int_equal(kv_count(shifts), 0);
	assert_int_equal(kv_size(shifts), 0);
	for (uint32_t n = 0; n < 2000; n++) {
		assert_int_equal(kv_get(kv, number(n, text), &value), OK);
		assert_true(bytes_same(value, value_of(n + 1)));
	}
	kv_close(shifts);
	kv_close(kv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_would_pass_the_limit_is_refused_and_changes_nothing),
		cmocka_unit_test(an_absent_key_is_not_found_and_its_drop_is_nothing),
		cmocka_unit_test(it_holds_what_a_plain_table_holds_in_order),
		cmocka_unit_test(a_key_borrowed_from_the_map_can_drop_itself),
		cmocka_unit_test(a_frozen_version_can_be_let_go_of_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
