#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/rng.h"
#include "sched/queue.h"

static void an_empty_queue_has_no_first_and_leaving_twice_is_harmless(void **state)
{
	struct queue q;
	struct place_in_queue p = {0};

	(void)state;
	queue_init(&q);
	assert_null(queue_first(&q));
	queue_leave(&q, &p);
	queue_add(&q, &p, 0, 5);
	assert_ptr_equal(queue_first(&q), &p);
	queue_leave(&q, &p);
	queue_leave(&q, &p);
	assert_null(queue_first(&q));
	assert_int_equal(q.count, 0);
}

static void what_comes_back_stands_where_its_age_belongs(void **state)
{
	struct queue q;
	struct place_in_queue p[4] = {0};

	(void)state;
	queue_init(&q);
	queue_add(&q, &p[3], 1, 40);
	queue_add(&q, &p[0], 1, 10);
	queue_add(&q, &p[2], 1, 30);
	queue_add(&q, &p[1], 1, 20);
	for (int i = 0; i < 4; i++) {
		assert_ptr_equal(queue_first(&q), &p[i]);
		queue_leave(&q, &p[i]);
	}
}

/* A batch's jobs are let in newest first: each belongs near the newest end, where many wait before it. */
static void what_is_new_is_not_looked_for_among_the_old(void **state)
{
	enum { OLD = 200000, NEW = 500 };
	struct place_in_queue *p = calloc(OLD + NEW, sizeof(*p));
	struct queue q;

	(void)state;
	assert_non_null(p);
	queue_init(&q);
	for (uint32_t i = 0; i < OLD; i++)
		queue_add(&q, &p[i], 0, i);
	for (uint32_t i = OLD + NEW; i-- > OLD;)
		queue_add(&q, &p[i], 0, i);
	for (uint32_t i = 1; i < OLD + NEW; i++)
		assert_ptr_equal(p[i].older, &p[i - 1]);
	free(p);
}

/* Against the plainest queue there is: look at all of them. */
static void it_gives_what_a_plain_search_gives(void **state)
{
	enum { COUNT = 64 };
	static struct place_in_queue p[COUNT];
	uint64_t age[COUNT];
	uint32_t priority[COUNT];
	struct queue q;
	struct rng rng;

	(void)state;
	rng_init(&rng, 3);
	queue_init(&q);
	for (uint32_t round = 0; round < 20000; round++) {
		uint32_t i = (uint32_t)rng_below(&rng, COUNT), best = COUNT;

		if (p[i].waits) {
			queue_leave(&q, &p[i]);
		} else {
			age[i] = rng_below(&rng, 1000) * COUNT + i;
			priority[i] = (uint32_t)rng_below(&rng, 3) * JOB_PRIORITY_MAX / 2;
			queue_add(&q, &p[i], priority[i], age[i]);
		}
		for (uint32_t k = 0; k < COUNT; k++)
			if (p[k].waits && (best == COUNT || priority[k] > priority[best] ||
					   (priority[k] == priority[best] && age[k] < age[best])))
				best = k;
		assert_ptr_equal(queue_first(&q), best == COUNT ? NULL : &p[best]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_queue_has_no_first_and_leaving_twice_is_harmless),
		cmocka_unit_test(what_comes_back_stands_where_its_age_belongs),
		cmocka_unit_test(what_is_new_is_not_looked_for_among_the_old),
		cmocka_unit_test(it_gives_what_a_plain_search_gives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
