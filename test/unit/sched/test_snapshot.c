#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sched/store/snapshot.h"
#include "sched/store/wrap.h"

static const uint8_t key[32] = {1, 2, 3};

static struct snapshot_head head(void)
{
	struct snapshot_head h = {.store = {{5}}, .epoch = {1, 4}, .index = 900, .voters_index = 3};

	voters_add(&h.voters,
		   (struct seat){.voter = {{6}}, .node = {{7}}, .scheduler = true, .votes = true});
	return h;
}

static void fill(struct kv *kv, uint32_t count)
{
	static uint8_t value[1000];

	for (uint32_t i = 0; i < count; i++) {
		char name[16];

		snprintf(name, sizeof(name), "key%06u", i);
		memset(value, (int)(i & 0xff), sizeof(value));
		assert_int_equal(kv_put(kv, bytes_str(name), bytes_of(value, sizeof(value))), OK);
	}
}

/* The file as it would be on the disk; while it is written the map goes on. */
static void write_all(struct kv *kv, struct buffer *file)
{
	struct snapshot_head h = head();
	struct snapshot_writer w = {.frozen = NULL};
	struct outbox *o = outbox_open();

	snapshot_begin(&w, &h, kv);
	while (!w.ended) {
		assert_int_equal(kv_put(kv, BYTES("later"), BYTES("change")), OK);
		kv_drop(kv, BYTES("key000003"));
		outbox_clear(o);
		snapshot_write(&w, key, 1, o);
		w.waits = false; /* the disk is quick */
		for (size_t i = 0; i < outbox_count(o); i++)
			if (outbox_at(o, i)->kind == EFFECT_APPEND) {
				assert_int_equal(outbox_at(o, i)->disk.at, file->len);
				assert_int_equal(buffer_add(file, outbox_at(o, i)->disk.body), OK);
			}
	}
	snapshot_end(&w);
	outbox_close(o);
}

static bool reads(struct bytes file, const uint8_t *with, size_t slice, size_t count)
{
	struct snapshot_reader r;
	enum err err = OK;
	bool good;

	snapshot_reader_init(&r, with);
	for (size_t at = 0; at < file.len && err == OK; at += slice)
		err = snapshot_read(
			&r, bytes_of(file.at + at, file.len - at < slice ? file.len - at : slice));
	good = err == OK && r.ended && (with == NULL || kv_count(r.kv) == count);
	if (good)
		assert_int_equal(r.head.index, 900);
	snapshot_reader_fini(&r);
	return good;
}

static void a_touched_or_cut_snapshot_is_refused(void **state)
{
	struct kv *kv = kv_open(1 << 20);
	struct buffer file;

	(void)state;
	buffer_init(&file, 1 << 20);
	fill(kv, 5);
	write_all(kv, &file);
	assert_true(reads(buffer_bytes(&file), key, 4096, 5));
	for (size_t i = 0; i < file.len; i += 7) {
		file.at[i] ^= 0x10;
		assert_false(reads(buffer_bytes(&file), key, 4096, 5));
		file.at[i] ^= 0x10;
		assert_false(reads(bytes_of(file.at, i), key, 4096, 5));
	}
	buffer_fini(&file);
	kv_close(kv);
}

static void another_key_opens_nothing_but_a_witness_can_check(void **state)
{
	static const uint8_t other[32] = {9};
	struct kv *kv = kv_open(1 << 20);
	struct buffer file;

	(void)state;
	buffer_init(&file, 1 << 20);
	fill(kv, 5);
	write_all(kv, &file);
	assert_false(reads(buffer_bytes(&file), other, 4096, 5));
	assert_true(reads(buffer_bytes(&file), NULL, 4096, 0));
	buffer_fini(&file);
	kv_close(kv);
}

static void it_holds_the_map_as_it_was_when_begun_in_any_slices(void **state)
{
	struct kv *kv = kv_open(8 << 20);
	struct buffer file;

	(void)state;
	buffer_init(&file, 8 << 20);
	fill(kv, 1500);
	write_all(kv, &file);
	assert_true(file.len > 1500000);
	assert_true(reads(buffer_bytes(&file), key, 1000, 1500));
	assert_true(reads(buffer_bytes(&file), key, 262144, 1500));
	assert_true(reads(buffer_bytes(&file), key, file.len, 1500));
	buffer_fini(&file);
	kv_close(kv);
}

static void a_sealed_batch_can_not_be_moved(void **state)
{
	struct wrap_place at = {{{1}}, {1, 2}, 3, 0}, other;
	struct buffer sealed, plain;

	(void)state;
	buffer_init(&sealed, 1000);
	buffer_init(&plain, 1000);
	assert_int_equal(wrap_put(key, &at, BYTES("batch"), &sealed), OK);
	assert_int_equal(sealed.len, 5 + WRAP_OVERHEAD);
	for (int i = 0; i < 5; i++) {
		other = at;
		other.store.b[3] ^= i == 0;
		other.epoch.generation += i == 1;
		other.epoch.term += i == 2;
		other.number += i == 3;
		other.piece += i == 4;
		assert_int_equal(wrap_get(key, &other, buffer_bytes(&sealed), &plain), ERR_FORGED);
		assert_int_equal(plain.len, 0);
	}
	assert_int_equal(wrap_get(key, &at, bytes_of(sealed.at, 39), &plain), ERR_SHORT);
	assert_int_equal(wrap_get(key, &at, buffer_bytes(&sealed), &plain), OK);
	assert_true(bytes_same(buffer_bytes(&plain), BYTES("batch")));
	buffer_fini(&sealed);
	buffer_fini(&plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_touched_or_cut_snapshot_is_refused),
		cmocka_unit_test(another_key_opens_nothing_but_a_witness_can_check),
		cmocka_unit_test(a_sealed_batch_can_not_be_moved),
		cmocka_unit_test(it_holds_the_map_as_it_was_when_begun_in_any_slices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
