/* The birth of a store, in bad weather: schedulers that start together or one after the other, lose packets, are cut off
 * from each other, killed and robbed of their power while it goes on. Whatever happens, there is never a second store;
 * and once the weather is fine there is one. */
#include <stdio.h>
#include <string.h>

#include "core/facts.h"
#include "core/must.h"
#include "net/node_parts.h"
#include "sched/store.h"
#include "test/sim/sim.h"

#define WEATHER_US UINT64_C(20000000)
#define FINE_US    UINT64_C(90000000)

/* Who begins: a founder, or as many as were named, of exactly so many or of one more. */
enum { FOUNDED, TWO_OF_TWO, TWO_OF_THREE, THREE_OF_THREE, WAYS };

static struct sim *cluster(uint64_t seed)
{
	static const uint32_t schedulers[WAYS] = {3, 2, 3, 3};
	static const uint32_t expect[WAYS] = {0, 2, 2, 3};
	uint32_t way = (uint32_t)(seed % WAYS);
	struct sim *s =
		sim_open(seed, schedulers[way] + (uint32_t)(seed / WAYS % 3), schedulers[way]);

	if (way != FOUNDED)
		sim_found(s, 0);
	for (uint32_t i = 0; i < schedulers[way]; i++)
		s->host[i].config.bootstrap_expect = expect[way];
	s->loss_permille = (uint32_t)rng_below(&s->rng, 400);
	s->delay_max_us = rng_between(&s->rng, 600, 100000);
	uint64_t within_us = rng_below(&s->rng, 2) ? 1000 : 4000000;
	for (uint32_t i = 1; i <= s->hosts; i++)
		sim_later(s, rng_below(&s->rng, within_us),
			  (struct happening){.kind = HAPPEN_START, .host = i});
	sim_later(s, rng_below(&s->rng, 500000), (struct happening){.kind = HAPPEN_BIRTH});
	s->chaos_until_us = s->now_us + WEATHER_US;
	return s;
}

void birth_happens(struct sim *s)
{
	struct host *h = &s->host[rng_below(&s->rng, s->hosts)];
	uint32_t other = (uint32_t)rng_below(&s->rng, s->hosts) + 1;

	if (s->now_us >= s->chaos_until_us) {
		chaos_heal(s);
		return;
	}
	switch (rng_below(&s->rng, 7)) {
	case 0:
		host_kill(s, h);
		break;
	case 1:
		host_power(s, h);
		break;
	case 2:
		wire_cut(s, h->index, other, true);
		break;
	case 3:
		for (uint32_t b = 1; b <= s->hosts; b++) {
			wire_cut(s, h->index, b, true);
			wire_cut(s, b, h->index, true);
		}
		break;
	case 4:
		host_freeze(s, h, rng_between(&s->rng, 50000, 3000000));
		break;
	case 5:
		chaos_mend(s);
		break;
	default:
		break;
	}
	if (!h->node)
		sim_later(s, rng_between(&s->rng, 10000, 2000000),
			  (struct happening){.kind = HAPPEN_START, .host = h->index});
	sim_later(s, rng_between(&s->rng, 20000, 1500000),
		  (struct happening){.kind = HAPPEN_BIRTH});
}

static bool all_are_in(struct sim *s)
{
	if (!check_director(s))
		return false;
	for (uint32_t i = 0; i < s->hosts; i++) {
		const struct host *h = &s->host[i];
		if (!h->node)
			return false;
		if ((h->config.role & ROLE_SCHEDULER) &&
		    id_is_none(store_where(h->node->store).store))
			return false;
	}
	return true;
}

static bool birth(uint64_t seed, bool loud)
{
	struct sim *s = cluster(seed);
	uint64_t until = s->now_us + WEATHER_US + FINE_US;
	bool good = true, in = false;

	s->loud = loud;
	while (good && !in && s->now_us < until) {
		good = sim_run(s, s->now_us + 500000);
		in = s->now_us > s->chaos_until_us && all_are_in(s);
	}
	if (s->broken)
		printf("birth %llu: at %.3f s: %s: %s\n", (unsigned long long)seed,
		       (double)s->now_us / 1e6, s->broken, s->broken_text);
	else if (!in)
		printf("birth %llu: %s\n", (unsigned long long)seed,
		       truth_is_born(s) ? "not everybody is in the store" : "no store was born");
	sim_close(s);
	return good && in;
}

uint64_t births(uint64_t seed, uint64_t count, bool loud)
{
	uint64_t failed = 0;

	for (uint64_t i = 0; i < count; i++)
		failed += !birth(seed + i, loud);
	printf("births: %llu passed, %llu failed\n", (unsigned long long)(count - failed),
	       (unsigned long long)failed);
	return failed;
}
