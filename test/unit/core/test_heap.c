#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "core/heap.h"
#include "core/rng.h"
#include <cmocka.h>

static void nothing_is_due_in_an_empty_heap(void **state)
{
	struct heap h;
	uint32_t slot = 42;

	(void)state;
	heap_init(&h, 10);
	assert_false(heap_take(&h, UINT64_MAX, &slot));
	assert_int_equal(slot, 42);
	assert_true(heap_deadline_us(&h) == UINT64_MAX);
	assert_true(heap_get(&h, 9) == UINT64_MAX);
	heap_drop(&h, 9);
	assert_int_equal(heap_set(&h, 3, UINT64_MAX), OK);
	assert_int_equal(h.count, 0);
	assert_int_equal(h.room, 0);
	heap_fini(&h);
}

static void what_is_not_due_stays_and_equal_deadlines_come_by_slot(void **state)
{
	static const uint32_t slots[] = {7, 2, 9, 0, 5};
	static const uint32_t order[] = {0, 2, 5, 7, 9};
	struct heap h;
	uint32_t slot;

	(void)state;
	heap_init(&h, 10);
	for (int i = 0; i < 5; i++)
		assert_int_equal(heap_set(&h, slots[i], 100), OK);
	assert_true(heap_deadline_us(&h) == 100);
	assert_false(heap_take(&h, 99, &slot));
	for (int i = 0; i < 5; i++) {
		assert_true(heap_take(&h, 100, &slot));
		assert_int_equal(slot, order[i]);
	}
	assert_false(heap_take(&h, 100, &slot));
	heap_fini(&h);
	heap_fini(&h);
}

static void a_deadline_moves_both_ways_and_drops(void **state)
{
	struct heap h;
	uint32_t slot;

	(void)state;
	heap_init(&h, 100);
	for (uint32_t i = 0; i < 50; i++)
		assert_int_equal(heap_set(&h, i, 1000 + i), OK);
	assert_int_equal(heap_set(&h, 49, 1), OK);
	assert_true(heap_deadline_us(&h) == 1);
	assert_int_equal(heap_set(&h, 49, 5000), OK);
	assert_true(heap_deadline_us(&h) == 1000);
	assert_int_equal(heap_set(&h, 0, UINT64_MAX), OK);
	assert_true(heap_deadline_us(&h) == 1001);
	assert_true(heap_get(&h, 49) == 5000);
	assert_true(heap_get(&h, 0) == UINT64_MAX);
	heap_drop(&h, 1);
	heap_drop(&h, 1);
	assert_true(heap_take(&h, 2000, &slot));
	assert_int_equal(slot, 2);
	assert_int_equal(h.count, 47);
	heap_fini(&h);
}

enum { SLOTS = 200 };

static uint64_t least(const uint64_t *deadline, uint32_t *slot)
{
	uint64_t first = UINT64_MAX;

	for (uint32_t i = 0; i < SLOTS; i++) {
		if (deadline[i] < first) {
			first = deadline[i];
			*slot = i;
		}
	}
	return first;
}

static void any_use_leaves_what_an_array_would_hold(void **state)
{
	uint64_t deadline[SLOTS];
	struct heap h;
	struct rng r;

	(void)state;
	rng_init(&r, 5);
	heap_init(&h, SLOTS);
	for (uint32_t i = 0; i < SLOTS; i++)
		deadline[i] = UINT64_MAX;
	for (int n = 0; n < 20000; n++) {
		uint32_t slot = (uint32_t)rng_below(&r, SLOTS), first = 0, got = 0;

		if (rng_below(&r, 3) > 0) {
			deadline[slot] = rng_below(&r, 500);
			assert_int_equal(heap_set(&h, slot, deadline[slot]), OK);
		} else if (rng_below(&r, 2) == 0) {
			deadline[slot] = UINT64_MAX;
			heap_drop(&h, slot);
		} else {
			uint64_t now = rng_below(&r, 500);
			bool due = least(deadline, &first) <= now;

			assert_int_equal(heap_take(&h, now, &got), due);
			if (due) {
				assert_int_equal(got, first);
				deadline[got] = UINT64_MAX;
			}
		}
		assert_true(heap_deadline_us(&h) == least(deadline, &first));
		assert_true(heap_get(&h, slot) == deadline[slot]);
	}
	heap_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_due_in_an_empty_heap),
		cmocka_unit_test(what_is_not_due_stays_and_equal_deadlines_come_by_slot),
		cmocka_unit_test(a_deadline_moves_both_ways_and_drops),
		cmocka_unit_test(any_use_leaves_what_an_array_would_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
