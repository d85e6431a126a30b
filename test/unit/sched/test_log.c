/* The log in memory, and of it what a witness holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sched/store/log.h"

enum { TAIL = 4000, BODY = 100 };

static void put(struct log *l, uint64_t index, enum entry_kind kind)
{
	uint8_t body[BODY];
	struct entry e = {index, 1, kind, {body, sizeof(body)}};

	memset(body, (int)index, sizeof(body));
	log_append(l, &e, 1);
}

/* A hundred entries; the tenth is a set of voters. */
static void fill(struct log *l)
{
	log_init(l);
	l->tail_max = TAIL;
	for (uint64_t i = 1; i <= 100; i++) {
		put(l, i, i == 10 ? ENTRY_VOTERS : ENTRY_BATCH);
		assert_true(l->held <= TAIL);
	}
}

static void a_witness_lets_go_of_the_oldest_batches(void **state)
{
	struct log l;

	(void)state;
	fill(&l);
	assert_int_equal(l.size, 100 * BODY);
	assert_true(l.held > TAIL / 2);
	assert_false(log_is_held(&l, 1));
	assert_int_equal(log_len(&l, 1), BODY);
	assert_int_equal(log_at(&l, 1).body.len, 0);
	assert_int_equal(log_term(&l, 1), 1);
	assert_true(log_is_held(&l, 100));
	log_fini(&l);
}

static void a_set_of_voters_is_always_held(void **state)
{
	struct log l;

	(void)state;
	fill(&l);
	assert_false(log_is_held(&l, 9) || log_is_held(&l, 11));
	assert_int_equal(log_at(&l, 10).body.len, BODY);
	log_fini(&l);
}

static void what_is_read_back_is_held_until_it_is_let_go(void **state)
{
	uint8_t body[BODY] = {1};
	struct log l;
	size_t before;

	(void)state;
	fill(&l);
	before = l.held;
	log_recall(&l, 5, bytes_of(body, sizeof(body)));
	assert_true(log_is_held(&l, 5));
	assert_int_equal(l.held, before + BODY);
	log_shed(&l, TAIL / 4);
	assert_false(log_is_held(&l, 5));
	assert_true(log_is_held(&l, 100));
	assert_int_equal(l.held, before);
	log_fini(&l);
}

static void what_is_held_is_counted_over_truncation_and_compaction(void **state)
{
	struct log l;
	size_t held = 0;

	(void)state;
	fill(&l);
	log_truncate(&l, 91);
	log_compact(&l, 50);
	for (uint64_t i = 51; i <= 90; i++)
		held += log_is_held(&l, i) ? log_len(&l, i) : 0;
	assert_int_equal(l.held, held);
	assert_int_equal(l.size, 40 * BODY);
	log_truncate(&l, 51);
	put(&l, 51, ENTRY_BATCH);
	assert_true(log_is_held(&l, 51));
	log_reset(&l, 7, 1);
	assert_int_equal(l.held, 0);
	for (uint64_t i = 8; i <= 100; i++)
		put(&l, i, ENTRY_BATCH);
	assert_true(l.held <= TAIL && log_is_held(&l, 100));
	log_fini(&l);
}

static void a_scheduler_holds_everything(void **state)
{
	struct log l;

	(void)state;
	log_init(&l);
	for (uint64_t i = 1; i <= 100; i++)
		put(&l, i, ENTRY_BATCH);
	log_shed(&l, 0);
	assert_int_equal(l.held, l.size);
	assert_true(log_is_held(&l, 1));
	log_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_witness_lets_go_of_the_oldest_batches),
		cmocka_unit_test(a_set_of_voters_is_always_held),
		cmocka_unit_test(what_is_read_back_is_held_until_it_is_let_go),
		cmocka_unit_test(what_is_held_is_counted_over_truncation_and_compaction),
		cmocka_unit_test(a_scheduler_holds_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
