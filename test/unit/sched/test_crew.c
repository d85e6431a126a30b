#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/rng.h"
#include "sched/crew.h"

static const uint8_t ours[16] = {1};

static struct id id_number(uint32_t n)
{
	struct id id = {{0}};

	id.b[0] = (uint8_t)(n >> 8);
	id.b[1] = (uint8_t)n;
	id.b[15] = 1;
	return id;
}

static void beyond_its_bound_nobody_is_added(void **state)
{
	struct crew crew;

	(void)state;
	crew_init(&crew, ours);
	for (uint32_t i = 0; i < CREW_MAX; i++)
		assert_non_null(crew_add(&crew, id_number(i)));
	assert_null(crew_add(&crew, id_number(CREW_MAX)));
	assert_non_null(crew_add(&crew, id_number(5)));
	assert_int_equal(crew.count, CREW_MAX);
	crew_fini(&crew);
}

static void hands_stand_in_the_order_of_their_ids_once_each(void **state)
{
	struct crew crew;
	struct rng rng;

	(void)state;
	rng_init(&rng, 1);
	crew_init(&crew, ours);
	for (uint32_t i = 0; i < 2000; i++) {
		struct id id = id_number((uint32_t)rng_below(&rng, 500));

		assert_true(id_same(crew_add(&crew, id)->id, id));
		assert_ptr_equal(crew_find(&crew, id), crew_add(&crew, id));
	}
	for (uint32_t i = 1; i < crew.count; i++)
		assert_true(id_cmp(crew.hand[i - 1]->id, crew.hand[i]->id) < 0);
	assert_int_equal(crew_after(&crew, crew.hand[7]->id), 8);
	assert_int_equal(crew_after(&crew, id_none), 0);
	assert_int_equal(crew_after(&crew, crew.hand[crew.count - 1]->id), crew.count);
	assert_null(crew_find(&crew, id_number(9999)));
	crew_fini(&crew);
}

static struct hand *attached(struct crew *crew, uint32_t n, uint32_t slots)
{
	struct hand *h = crew_add(crew, id_number(n));
	struct attach a = {.node = h->id, .slots = slots};
	struct peer peer = {.id = h->id, .link = n + 1};

	h->registered = true;
	hand_attach(h, &a, &peer, 1000);
	h->accepted = true;
	return h;
}

static void a_hand_is_free_only_when_nothing_speaks_against_it(void **state)
{
	struct facts facts = {.id = id_number(1), .roles = ROLE_WORKER, .fingerprint = {1}};
	struct crew crew;
	struct hand *h;

	(void)state;
	crew_init(&crew, ours);
	h = attached(&crew, 1, 1);
	assert_true(hand_is_free(&crew, h));
	assert_int_equal(hand_state(&crew, h), HAND_CONNECTED);
	hand_member(h, MEMBER_SUSPECT, &facts);
	assert_false(hand_is_free(&crew, h));
	hand_member(h, MEMBER_ALIVE, &facts);
	assert_true(hand_is_free(&crew, h));
	h->rests = true;
	assert_false(hand_is_free(&crew, h));
	h->rests = false;
	h->used = 1;
	assert_false(hand_is_free(&crew, h));
	h->used = 0;
	h->accepted = false;
	assert_false(hand_is_free(&crew, h));
	h->accepted = true;
	facts.fingerprint[0] = 2;
	hand_member(h, MEMBER_ALIVE, &facts);
	assert_int_equal(hand_state(&crew, h), HAND_INCOMPATIBLE);
	assert_false(hand_is_free(&crew, h));
	facts.fingerprint[0] = 1;
	hand_member(h, MEMBER_ALIVE, &facts);
	h->registered = false;
	assert_int_equal(hand_state(&crew, h), HAND_DISCONNECTED);
	h->registered = true;
	h->slots = 0;
	assert_int_equal(hand_state(&crew, h), HAND_DRAINING);
	hand_detach(h);
	assert_int_equal(hand_state(&crew, h), HAND_DISCONNECTED);
	crew_fini(&crew);
}

static void a_schedulers_own_worker_counts_while_it_offers_or_runs_something(void **state)
{
	struct facts facts = {.id = id_number(1), .roles = ROLE_SCHEDULER | ROLE_WORKER};
	struct crew crew;
	struct hand *h;

	(void)state;
	crew_init(&crew, ours);
	h = attached(&crew, 1, 0);
	assert_true(hand_counts(h)); /* nobody said yet what it is */
	hand_member(h, MEMBER_ALIVE, &facts);
	assert_false(hand_counts(h));
	h->used = 1;
	assert_true(hand_counts(h));
	h->used = 0;
	h->slots = 1;
	assert_true(hand_counts(h));
	facts.roles = ROLE_WORKER;
	h->slots = 0;
	hand_member(h, MEMBER_ALIVE, &facts);
	assert_true(hand_counts(h));
	h->registered = h->attached = false;
	assert_false(hand_counts(h));
	crew_fini(&crew);
}

static void a_lease_is_over_a_tenth_and_a_little_later_than_it_says(void **state)
{
	struct crew crew;
	struct hand *h;

	(void)state;
	crew_init(&crew, ours);
	h = attached(&crew, 1, 1);
	assert_int_equal(hand_lease_over_us(h, 60000), 1000 + 66200000);
	hand_lease(h, 5000);
	assert_int_equal(hand_lease_over_us(h, 60000), 5000 + 66200000);
	crew_fini(&crew);
}

static void a_fence_answers_those_who_asked_before_it_began_and_nobody_else(void **state)
{
	struct crew crew;
	struct hand *h[5];

	(void)state;
	crew_init(&crew, ours);
	for (uint32_t i = 0; i < 5; i++)
		h[i] = attached(&crew, i + 1, 1);
	crew_ask(&crew, h[0], 10);
	crew_ask(&crew, h[1], 10);
	crew_ask(&crew, h[2], 10);
	crew_ask(&crew, h[4], 10);
	crew_fence(&crew, 7);
	crew_ask(&crew, h[1], 20); /* again: the fence is no answer to that */
	crew_ask(&crew, h[3], 20);
	hand_detach(h[2]);
	assert_null(crew_fenced(&crew, 6));
	assert_ptr_equal(crew_fenced(&crew, 7), h[0]);
	assert_ptr_equal(crew_fenced(&crew, 7), h[4]);
	assert_null(crew_fenced(&crew, 7));
	crew_fence(&crew, 8);
	assert_ptr_equal(crew_fenced(&crew, 8), h[1]);
	assert_int_equal(h[1]->asked_us, 20);
	assert_ptr_equal(crew_fenced(&crew, 8), h[3]);
	assert_null(crew.line_first);
	assert_null(crew.line_last);
	crew_fini(&crew);
}

static void who_waits_for_a_fence_that_never_ended_asks_again(void **state)
{
	struct crew crew;
	struct hand *h;

	(void)state;
	crew_init(&crew, ours);
	h = attached(&crew, 1, 1);
	crew_ask(&crew, h, 10);
	crew_fence(&crew, 1);
	assert_null(crew_fenced(&crew, 2));
	assert_false(h->asks);
	crew_ask(&crew, h, 20);
	crew_fence(&crew, 3);
	assert_ptr_equal(crew_fenced(&crew, 3), h);
	crew_fini(&crew);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beyond_its_bound_nobody_is_added),
		cmocka_unit_test(hands_stand_in_the_order_of_their_ids_once_each),
		cmocka_unit_test(a_hand_is_free_only_when_nothing_speaks_against_it),
		cmocka_unit_test(a_schedulers_own_worker_counts_while_it_offers_or_runs_something),
		cmocka_unit_test(a_fence_answers_those_who_asked_before_it_began_and_nobody_else),
		cmocka_unit_test(who_waits_for_a_fence_that_never_ended_asks_again),
		cmocka_unit_test(a_lease_is_over_a_tenth_and_a_little_later_than_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
