#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/limits.h"
#include "sched/batch.h"

static void fill(struct buffer *out)
{
	struct batch b;

	batch_init(&b);
	assert_int_equal(batch_put(&b, BYTES("a"), BYTES("one")), OK);
	assert_int_equal(batch_put(&b, BYTES("b"), BYTES("")), OK);
	assert_int_equal(batch_drop(&b, BYTES("c")), OK);
	assert_int_equal(batch_pack(&b, 77, out), OK);
	batch_fini(&b);
}

static void a_batch_cut_anywhere_is_refused_whole(void **state)
{
	struct buffer packed;
	struct kv *kv = kv_open(1000);

	(void)state;
	buffer_init(&packed, BATCH_MAX);
	fill(&packed);
	for (size_t len = 0; len < packed.len; len++) {
		assert_int_not_equal(batch_apply(bytes_of(packed.at, len), kv), OK);
		assert_int_equal(kv_count(kv), 0);
	}
	buffer_fini(&packed);
	kv_close(kv);
}

static void an_empty_key_and_an_odd_list_are_refused(void **state)
{
	static const uint8_t empty_key[] = {0x92, 0x00, 0x92, 0xc4, 0x00, 0xc4, 0x00};
	static const uint8_t odd[] = {0x92, 0x00, 0x91, 0xc4, 0x01, 'a'};
	struct kv *kv = kv_open(1000);

	(void)state;
	assert_int_equal(batch_apply(bytes_of(empty_key, sizeof(empty_key)), kv), ERR_MALFORMED);
	assert_int_equal(batch_apply(bytes_of(odd, sizeof(odd)), kv), ERR_MALFORMED);
	assert_int_equal(kv_count(kv), 0);
	kv_close(kv);
}

static void a_batch_the_map_has_no_room_for_changes_nothing(void **state)
{
	struct buffer packed;
	struct kv *kv = kv_open(4);

	(void)state;
	buffer_init(&packed, BATCH_MAX);
	fill(&packed);
	assert_int_equal(batch_apply(buffer_bytes(&packed), kv), ERR_FULL);
	assert_int_equal(kv_count(kv), 0);
	buffer_fini(&packed);
	kv_close(kv);
}

static void what_does_not_fit_leaves_the_batch_as_it_was(void **state)
{
	static uint8_t big[BATCH_MAX];
	struct buffer packed;
	struct batch b;

	(void)state;
	batch_init(&b);
	buffer_init(&packed, BATCH_MAX);
	assert_int_equal(batch_put(&b, BYTES("a"), BYTES("1")), OK);
	assert_int_equal(batch_put(&b, BYTES("b"), bytes_of(big, sizeof(big))), ERR_FULL);
	assert_int_equal(b.count, 1);
	assert_int_equal(batch_pack(&b, 0, &packed), OK);
	batch_fini(&b);
	buffer_fini(&packed);
}

static void what_was_put_is_read_back_and_applied_in_order(void **state)
{
	struct buffer packed;
	struct batch_reader r;
	struct bytes key, value;
	bool drop;
	struct kv *kv = kv_open(1000);

	(void)state;
	buffer_init(&packed, BATCH_MAX);
	fill(&packed);
	assert_int_equal(batch_open(buffer_bytes(&packed), &r), OK);
	assert_int_equal(r.stamp_us, 77);
	assert_int_equal(r.count, 3);
	assert_int_equal(batch_next(&r, &key, &value, &drop), OK);
	assert_true(bytes_same(key, BYTES("a")) && bytes_same(value, BYTES("one")) && !drop);
	assert_int_equal(batch_next(&r, &key, &value, &drop), OK);
	assert_true(bytes_same(key, BYTES("b")) && value.len == 0 && !drop);
	assert_int_equal(batch_next(&r, &key, &value, &drop), OK);
	assert_true(bytes_same(key, BYTES("c")) && drop);
	assert_int_equal(batch_next(&r, &key, &value, &drop), ERR_NOT_FOUND);

	assert_int_equal(kv_put(kv, BYTES("c"), BYTES("gone")), OK);
	assert_int_equal(batch_apply(buffer_bytes(&packed), kv), OK);
	assert_int_equal(kv_count(kv), 2);
	assert_int_equal(kv_get(kv, BYTES("a"), &value), OK);
	assert_true(bytes_same(value, BYTES("one")));
	buffer_fini(&packed);
	kv_close(kv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_cut_anywhere_is_refused_whole),
		cmocka_unit_test(an_empty_key_and_an_odd_list_are_refused),
		cmocka_unit_test(a_batch_the_map_has_no_room_for_changes_nothing),
		cmocka_unit_test(what_does_not_fit_leaves_the_batch_as_it_was),
		cmocka_unit_test(what_was_put_is_read_back_and_applied_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
