/* Random lives of a small cluster: nodes are killed, started, frozen and cut off at random. Safety is checked all along,
 * liveness when the faults have stopped. A failing seed is printed first and can be replayed. */
#include <stdio.h>

#include "test/unit/gossip/world.h"

#define NODES 7u

static void fault(struct world *w)
{
	uint32_t who = (uint32_t)rng_below(&w->rng, NODES);
	uint32_t other = (uint32_t)rng_below(&w->rng, NODES);
	struct node *n = &w->node[who];

	switch (rng_below(&w->rng, 6)) {
	case 0:
		if (n->swim != NULL)
			world_kill(w, who);
		break;
	case 1:
		if (n->swim == NULL) {
			world_start(w, who);
			if (other != who)
				world_join(w, who, other);
		}
		break;
	case 2:
		if (n->swim != NULL)
			world_freeze(w, who, rng_below(&w->rng, 20 * SECOND));
		break;
	case 3:
		world_cut(w, who, other, true);
		break;
	case 4:
		world_cut(w, who, other, false);
		break;
	case 5:
		w->loss_permille = (uint32_t)rng_below(&w->rng, 300);
		break;
	}
}

/* Invariant 1: the block names nobody twice. The version is watched by the world (invariant 5). */
static void nobody_stands_twice(struct world *w)
{
	for (uint32_t i = 0; i < NODES; i++) {
		if (w->node[i].block == NULL)
			continue;
		for (uint32_t k = 0; k < NODES; k++) {
			struct id_text id = id_text(w->node[k].me.id);
			const char *first = strstr(w->node[i].block, id.s);

			if (first != NULL)
				assert_null(strstr(first + 1, id.s));
		}
	}
}

static void calm(struct world *w)
{
	w->loss_permille = 0;
	memset(w->cut, 0, NODES * NODES * sizeof(*w->cut));
	for (uint32_t i = 0; i < NODES; i++) {
		w->node[i].frozen_us = 0;
		world_wake(w, i);
		if (w->node[i].swim == NULL)
			world_start(w, i);
	}
}

/* Discovery never gives up: everybody hears of a node now and then. */
static void discover(struct world *w)
{
	for (uint32_t i = 0; i < NODES; i++)
		if (w->node[i].swim != NULL)
			world_join(w, i, (uint32_t)rng_below(&w->rng, NODES));
}

static void live(uint64_t seed)
{
	struct world *w = world_open(NODES, seed);

	print_message("seed %llu\n", (unsigned long long)seed);
	for (uint32_t i = 0; i < NODES; i++) {
		world_start(w, i);
	}
	for (int i = 0; i < 60; i++) {
		world_run(w, rng_below(&w->rng, 6 * SECOND));
		fault(w);
		discover(w);
		nobody_stands_twice(w);
	}
	calm(w);
	for (int i = 0; i < 12; i++) {
		discover(w);
		world_settle(w, 10 * SECOND);
	}
	assert_true(world_agrees(w));
	world_run(w, 15 * SECOND);
	assert_true(world_agrees(w));
	for (uint32_t i = 1; i < NODES; i++)
		assert_true(w->node[i].last_version == w->node[0].last_version);
	world_close(w);
}

static void whatever_happened_they_agree_in_the_end(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++)
		live(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_happened_they_agree_in_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
