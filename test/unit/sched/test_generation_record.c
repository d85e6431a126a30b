/* The record of a generation: its bytes, its relations, its terms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched/store/generation.h"

static struct id id_with(uint8_t n)
{
	struct id id = {{0}};

	id.b[0] = n;
	id.b[7] = n;
	id.b[15] = 1;
	return id;
}

static struct generation child(const struct generation *of, uint8_t n)
{
	struct generation g = generation_after(of, id_with(n));

	voters_add(&g.voters, (struct seat){.voter = id_with(40),
					    .node = id_with(50),
					    .scheduler = true,
					    .votes = true,
					    .boot = 3,
					    .nonce = 4});
	g.base_index = 100;
	g.base_term = 7;
	g.node = id_with(50);
	g.uid = 1000;
	g.wall_us = 1700000000000000;
	return g;
}

static void a_child_outlives_its_parent_and_all_before(void **state)
{
	struct generation first = generation_first(id_with(1)), second = child(&first, 2),
			  third = child(&second, 3), other = child(&first, 4);

	(void)state;
	assert_int_equal(generation_relation(&first, &third), RELATION_OLDER);
	assert_int_equal(generation_relation(&third, &first), RELATION_NEWER);
	assert_int_equal(generation_relation(&second, &second), RELATION_SAME);
	assert_int_equal(generation_relation(&second, &other), RELATION_APART);
	assert_int_equal(generation_relation(&third, &other), RELATION_APART);
	generation_retires(&third, other.id);
	assert_int_equal(generation_relation(&other, &third), RELATION_OLDER);
	assert_true(id_same(third.ancestor[0], second.id));
}

static void a_mark_says_whose_it_is(void **state)
{
	struct generation first = generation_first(id_with(1)), second = child(&first, 2),
			  other = child(&first, 4), third = child(&second, 3);

	(void)state;
	assert_int_equal(generation_mark(&first), 1);
	assert_int_equal(generation_mark(&second) & 0xfffff, 2);
	assert_true(generation_mark(&second) != generation_mark(&other));
	assert_true(generation_is_ours(&second, second.store, generation_mark(&second)));
	assert_false(generation_is_ours(&second, id_with(9), generation_mark(&second)));
	assert_false(generation_is_ours(&second, second.store, generation_mark(&other)));
	assert_true(generation_outlived(&third, first.store, generation_mark(&second)));
	assert_true(generation_outlived(&third, first.store, 1));
	assert_false(generation_outlived(&third, first.store, generation_mark(&other)));
	assert_false(generation_outlived(&third, id_with(9), 1));
	generation_retires(&third, id_with(9)); /* another store, in its first generation */
	assert_true(generation_outlived(&third, id_with(9), 1));
}

static void a_term_holds_its_generation(void **state)
{
	(void)state;
	assert_int_equal(generation_of_term(0), 1);
	assert_int_equal(generation_of_term(4711), 1);
	assert_int_equal(generation_first_term(1), 0);
	assert_int_equal(generation_of_term(generation_first_term(2)), 2);
	assert_true(generation_first_term(2) > 4711);
	assert_int_equal(generation_epoch(generation_first_term(3) + 5).generation, 3);
	assert_int_equal(generation_epoch(generation_first_term(3) + 5).term, 5);
}

static void ancestors_beyond_the_bound_are_forgotten_the_oldest_first(void **state)
{
	struct generation g = generation_first(id_with(1));

	(void)state;
	for (uint8_t n = 2; n < 2 + GENERATION_ANCESTORS_MAX + 5; n++) {
		struct generation next = child(&g, n);

		g = next;
	}
	assert_int_equal(g.ancestors, GENERATION_ANCESTORS_MAX);
	assert_true(generation_is_ancestor(&g, id_with(GENERATION_ANCESTORS_MAX + 5)));
	assert_false(generation_is_ancestor(&g, id_with(1)));
}

static void what_was_put_is_taken_again_and_no_shorter_piece_is(void **state)
{
	struct generation first = generation_first(id_with(1)), g = child(&first, 2), back;
	struct buffer out;

	(void)state;
	generation_retires(&g, id_with(9));
	buffer_init(&out, 4096);
	assert_int_equal(generation_put(&g, &out), OK);
	for (size_t len = 0; len < out.len; len++)
		assert_int_not_equal(generation_get(bytes_of(out.at, len), &back), OK);
	assert_int_equal(generation_get(buffer_bytes(&out), &back), OK);
	assert_int_equal(back.number, 2);
	assert_int_equal(back.ancestors, 2);
	assert_true(id_same(back.retired, id_with(9)));
	assert_int_equal(back.voters.count, 1);
	assert_int_equal(back.voters.seat[0].boot, 3);
	assert_int_equal(back.base_index, 100);
	assert_int_equal(back.uid, 1000);
	assert_int_equal(back.wall_us, 1700000000000000);
	buffer_fini(&out);
}

static void refused(struct generation g)
{
	struct generation back;
	struct buffer out;

	buffer_init(&out, 4096);
	assert_int_equal(generation_put(&g, &out), OK);
	assert_int_not_equal(generation_get(buffer_bytes(&out), &back), OK);
	buffer_fini(&out);
}

static void a_record_that_can_not_be_is_refused(void **state)
{
	struct generation first = generation_first(id_with(1)), good = child(&first, 2), g;

	(void)state;
	g = good;
	g.ancestor[0] = g.id; /* its own parent */
	refused(g);
	g = good;
	g.ancestors = 0;
	refused(g);
	g = good;
	g.number = GENERATION_MAX + 1;
	refused(g);
	g = good;
	g.id = id_none;
	refused(g);
	g = first;
	g.id = id_with(5); /* a first one has the store's */
	refused(g);
}

/* The test vector of sched/store/README.md. */
static void the_bytes_are_these(void **state)
{
	static const uint8_t head[] = {0x9b, 0x01, 0xc4, 0x10, 0x01, 0, 0, 0, 0, 0,    0,
				       0x01, 0,    0,    0,    0,    0, 0, 0, 1, 0xc4, 0x10};
	static const uint8_t tail[] = {0x90, 0xc4, 0x00, 0x00, 0x00, 0xc4, 0x10};
	struct generation first = generation_first(id_with(1));
	struct buffer out;

	(void)state;
	buffer_init(&out, 4096);
	assert_int_equal(generation_put(&first, &out), OK);
	assert_memory_equal(out.at, head, sizeof(head));
	assert_memory_equal(out.at + sizeof(head) + 16, tail, sizeof(tail));
	buffer_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_that_can_not_be_is_refused),
		cmocka_unit_test(a_child_outlives_its_parent_and_all_before),
		cmocka_unit_test(a_mark_says_whose_it_is),
		cmocka_unit_test(a_term_holds_its_generation),
		cmocka_unit_test(ancestors_beyond_the_bound_are_forgotten_the_oldest_first),
		cmocka_unit_test(what_was_put_is_taken_again_and_no_shorter_piece_is),
		cmocka_unit_test(the_bytes_are_these),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
