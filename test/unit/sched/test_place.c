#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched/place.h"

static const uint8_t none[16];

static struct hand *hand(struct crew *crew, uint8_t n, uint32_t slots)
{
	struct hand *h = crew_add(crew, (struct id){{n}});
	struct attach a = {.node = h->id, .slots = slots};

	h->registered = true;
	hand_attach(h, &a, &(struct peer){.id = h->id, .link = n}, 0);
	h->accepted = true;
	return h;
}

static void without_a_worker_it_says_so(void **state)
{
	struct crew crew;
	char why[PLACE_WHY_MAX];

	(void)state;
	crew_init(&crew, none);
	assert_null(place_pick(&crew, id_none));
	assert_string_equal(place_why(&crew, why), "no worker has registered yet");
	crew_fini(&crew);
}

static void what_stands_in_the_way_is_counted_in_words(void **state)
{
	struct crew crew;
	char why[PLACE_WHY_MAX];

	(void)state;
	crew_init(&crew, none);
	hand(&crew, 1, 2)->used = 2;
	assert_string_equal(place_why(&crew, why), "every worker is full: 2 of 2 slots used");
	hand(&crew, 2, 0);
	hand_detach(hand(&crew, 3, 4));
	assert_null(place_pick(&crew, id_none));
	assert_string_equal(place_why(&crew, why),
			    "1 full, 1 disconnected, 1 draining; no worker is free");
	hand(&crew, 4, 1);
	assert_string_equal(place_why(&crew, why), "its turn comes next");
	crew_fini(&crew);
}

static void each_comes_in_turn_and_the_full_are_passed_over(void **state)
{
	struct id turn = id_none;
	struct crew crew;
	uint8_t order[6];

	(void)state;
	crew_init(&crew, none);
	for (uint8_t n = 1; n <= 4; n++)
		hand(&crew, n, 8);
	crew_find(&crew, (struct id){{3}})->used = 8;
	for (int i = 0; i < 6; i++) {
		struct hand *h = place_pick(&crew, turn);

		assert_non_null(h);
		order[i] = h->id.b[0];
		turn = h->id;
	}
	assert_memory_equal(order, "\1\2\4\1\2\4", 6);
	assert_int_equal(place_pick(&crew, (struct id){{9}})->id.b[0], 1); /* who is gone by now */
	crew_fini(&crew);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_worker_it_says_so),
		cmocka_unit_test(what_stands_in_the_way_is_counted_in_words),
		cmocka_unit_test(each_comes_in_turn_and_the_full_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
