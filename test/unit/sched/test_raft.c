/* Lives of small clusters under random faults, one seed each; SEED=n replays one, SEEDS=n tries more.
 * And schedules with a name, which random faults hardly ever find. */
#include "test/unit/sched/store_world.h"

enum { SEEDS = 300, FAULTS_MS = 12000, CALM_MS = 12000 };

static void cut_some(struct world *w)
{
	bool side[NODES_MAX];

	for (uint32_t i = 0; i < w->count; i++)
		side[i] = rng_below(&w->rng, 2) == 0;
	for (uint32_t i = 0; i < w->count; i++)
		for (uint32_t k = 0; k < w->count; k++)
			w->cut[i][k] = side[i] != side[k];
	/* Some cuts are one-way. */
	if (rng_below(&w->rng, 4) == 0)
		for (uint32_t i = 0; i < w->count; i++)
			for (uint32_t k = 0; k < i; k++)
				w->cut[i][k] = false;
}

static void fault(struct world *w)
{
	uint32_t at = (uint32_t)rng_below(&w->rng, w->count);
	uint32_t leader = world_server(w);

	switch (rng_below(&w->rng, 18)) {
	case 0:
	case 1:
		world_kill(w, at);
		break;
	case 2:
		if (leader < NODES_MAX)
			world_kill(w, leader);
		break;
	case 3:
		for (uint32_t i = 0; i < w->count; i++)
			if (rng_below(&w->rng, 2) == 0)
				world_kill(w, i);
		break;
	case 4:
	case 5:
		cut_some(w);
		break;
	case 6:
		memset(w->cut, 0, sizeof(w->cut));
		break;
	case 7:
		w->node[at].full = !w->node[at].full;
		break;
	case 8:
		if (leader < NODES_MAX) {
			struct event e = {.kind = EVENT_TELL};

			e.tell.kind = TELL_RESIGN;
			world_step(w, leader, &e);
		}
		break;
	case 9:
	case 10:
		/* Back at once, in the same term. */
		world_kill(w, at);
		world_up(w, at);
		break;
	case 11:
		for (uint32_t i = 0; i < w->count; i++) {
			world_kill(w, i);
			world_up(w, i);
		}
		break;
	default:
		world_up(w, at);
		break;
	}
}

static void heal(struct world *w)
{
	memset(w->cut, 0, sizeof(w->cut));
	w->loss = w->twice = 0;
	for (uint32_t i = 0; i < w->count; i++)
		w->node[i].full = false;
	for (uint32_t i = 0; i < w->count; i++)
		world_up(w, i);
}

static struct world *some_world(uint64_t seed)
{
	static const uint8_t shapes[][2] = {{1, 1}, {2, 2}, {3, 3}, {3, 2}, {4, 2}, {5, 3}, {5, 5}};
	struct rng rng;
	const uint8_t *shape;
	struct world *w;

	rng_init(&rng, seed * 31 + 5);
	shape = shapes[rng_below(&rng, 7)];
	w = world_open(seed, shape[0], shape[1]);
	w->loss = (uint32_t)rng_below(&rng, 3) * 50;
	w->twice = (uint32_t)rng_below(&rng, 3) * 50;
	w->delay_max = rng_below(&rng, 2) == 0 ? 1000 : rng_below(&rng, 2) == 0 ? 40000 : 250000;
	w->sync_max = rng_below(&rng, 2) == 0 ? 60000 : 500;
	w->base.replace_after_ms = rng_below(&rng, 2) == 0 ? 1000 : 600000;
	if (shape[1] > 1 && rng_below(&rng, 3) == 0)
		w->base.bootstrap_expect = shape[1];
	else
		w->node[rng_below(&rng, shape[1])].founder = true;
	return w;
}

/* After the faults: one serves, what is committed is everywhere, and new commits succeed. */
static void check_alive(struct world *w)
{
	uint32_t leader = world_server(w);
	uint64_t token;

	if (leader == NODES_MAX) {
		world_breach(w, "nobody serves after the faults stopped");
		return;
	}
	token = world_commit(w, leader);
	world_run(w, 1000 * MS);
	if (!world_is_acked(w, token))
		world_breach(w, "no commit after the faults stopped");
	for (uint32_t i = 0; i < w->count; i++) {
		const struct store *s = w->node[i].store;

		if (w->node[i].scheduler &&
		    (s->applied != w->node[leader].store->applied ||
		     world_map_crc(s) != world_map_crc(w->node[leader].store)))
			world_breach(w, "a standby stays behind");
		if (!id_same(s->wal.store, w->node[leader].store->wal.store) &&
		    wal_is_made(&s->wal))
			world_breach(w, "two stores were born");
		if (w->node[i].exits > 0)
			world_breach(w, "a store failed");
	}
}

static const char *live(uint64_t seed, bool quiet, uint64_t *acked, uint64_t *steps)
{
	struct world *w = some_world(seed);
	uint64_t until, often = 3 + seed % 2 * 6;
	const char *breach;

	w->quiet = quiet;
	for (uint32_t i = 0; i < w->count; i++) {
		world_up(w, i);
		world_run(w, rng_below(&w->rng, 500) * MS);
	}
	world_run(w, 2000 * MS);
	until = w->now + FAULTS_MS * MS;
	while (w->now < until && w->breach == NULL) {
		for (uint32_t i = 0; i < w->count; i++)
			if (w->node[i].serving)
				for (uint64_t k = rng_below(&w->rng, 6); k > 0; k--)
					world_commit(w, i);
		world_run(w, rng_between(&w->rng, 1, 60) * MS);
		if (rng_below(&w->rng, often) == 0)
			fault(w);
	}
	heal(w);
	world_run(w, CALM_MS * MS);
	if (w->breach == NULL)
		check_alive(w);
	*acked += w->acked;
	*steps += w->steps;
	breach = w->breach;
	world_close(w);
	return breach;
}

static void no_seed_breaks_an_invariant(void **state)
{
	const char *one = getenv("SEED"), *many = getenv("SEEDS");
	uint64_t from = one == NULL ? 1 : strtoull(one, NULL, 10);
	uint64_t count = one != NULL ? 1 : many != NULL ? strtoull(many, NULL, 10) : SEEDS;
	uint64_t acked = 0, steps = 0;
	uint32_t bad = 0;

	(void)state;
	for (uint64_t seed = from; seed < from + count; seed++)
		if (live(seed, false, &acked, &steps) != NULL)
			bad++;
	print_message("figure store.unit.seeds %llu\nfigure store.unit.acked %llu\n"
		      "figure store.unit.steps %llu\n",
		      (unsigned long long)count, (unsigned long long)acked,
		      (unsigned long long)steps);
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_seed_breaks_an_invariant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
