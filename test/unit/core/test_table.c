#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include "core/bytes.h"
#include "core/rng.h"
#include "core/table.h"

static void an_id_has_one_slot_and_the_limit_holds(void **state)
{
	struct table t;
	struct id a = {{1}}, b = {{2}}, c = {{3}};

	(void)state;
	table_init(&t, 2);
	assert_int_equal(t.room, 0);
	assert_int_equal(table_find(&t, a), TABLE_NONE);
	assert_int_equal(table_take(&t, a), TABLE_NONE);
	assert_int_equal(table_add(&t, a, 10), OK);
	assert_int_equal(table_add(&t, a, 11), ERR_EXISTS);
	assert_int_equal(table_add(&t, b, 20), OK);
	assert_int_equal(table_add(&t, c, 30), ERR_FULL);
	assert_int_equal(table_find(&t, a), 10);
	assert_int_equal(table_find(&t, c), TABLE_NONE);
	assert_int_equal(table_take(&t, c), TABLE_NONE);
	assert_int_equal(table_take(&t, a), 10);
	assert_int_equal(table_find(&t, a), TABLE_NONE);
	assert_int_equal(table_add(&t, c, 0), OK);
	assert_int_equal(table_find(&t, c), 0);
	assert_int_equal(table_find(&t, b), 20);
	table_fini(&t);
	table_fini(&t);
	assert_int_equal(table_find(&t, b), TABLE_NONE);
}

enum { IDS = 300 };

/* Against an array: what is in, by index. Ids differ only in a few bits, so that runs collide. */
static void against_a_plain_array(struct rng *r, bool in_one_run)
{
	uint32_t slot[IDS];
	struct id id[IDS];
	struct table t;
	uint32_t count = 0;

	table_init(&t, IDS);
	for (uint32_t i = 0; i < IDS; i++) {
		slot[i] = TABLE_NONE;
		id[i] = id_none;
		if (in_one_run)
			put_u32(id[i].b + 8, i + 1); /* equal hashes */
		else
			rng_fill(r, id[i].b, 16);
	}
	for (uint32_t n = 0; n < 6000; n++) {
		uint32_t i = (uint32_t)rng_below(r, IDS);

		if (rng_below(r, 2) == 0) {
			assert_int_equal(table_add(&t, id[i], n),
					 slot[i] == TABLE_NONE ? OK : ERR_EXISTS);
			if (slot[i] == TABLE_NONE) {
				slot[i] = n;
				count++;
			}
		} else {
			assert_int_equal(table_take(&t, id[i]), slot[i]);
			count -= slot[i] != TABLE_NONE;
			slot[i] = TABLE_NONE;
		}
		assert_int_equal(t.count, count);
		if (n % 50 == 0)
			for (uint32_t j = 0; j < IDS; j++)
				assert_int_equal(table_find(&t, id[j]), slot[j]);
	}
	table_fini(&t);
}

static void any_adding_and_taking_leaves_what_an_array_would_hold(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 11);
	against_a_plain_array(&r, false);
}

static void ids_made_to_collide_are_slower_and_not_wrong(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, 12);
	against_a_plain_array(&r, true);
}

static void the_same_calls_give_the_same_table(void **state)
{
	struct table a, b;
	struct rng r;

	(void)state;
	rng_init(&r, 13);
	table_init(&a, 1000);
	table_init(&b, 1000);
	for (uint32_t i = 0; i < 1000; i++) {
		struct id id;

		rng_fill(&r, id.b, 16);
		assert_int_equal(table_add(&a, id, i), OK);
		assert_int_equal(table_add(&b, id, i), OK);
	}
	assert_int_equal(a.room, b.room);
	for (uint32_t i = 0; i < a.room; i++) {
		assert_int_equal(a.cell[i].slot, b.cell[i].slot);
		if (a.cell[i].slot != TABLE_NONE)
			assert_true(id_same(a.cell[i].id, b.cell[i].id));
	}
	assert_true(a.count <= a.room / 4 * 3);
	table_fini(&a);
	table_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_has_one_slot_and_the_limit_holds),
		cmocka_unit_test(any_adding_and_taking_leaves_what_an_array_would_hold),
		cmocka_unit_test(ids_made_to_collide_are_slower_and_not_wrong),
		cmocka_unit_test(the_same_calls_give_the_same_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
