/* Faults by dice: what a bad week does to a cluster, in ten minutes. */
#include "core/facts.h"
#include "core/must.h"
#include "test/sim/sim.h"

void chaos_begin(struct sim *s, uint64_t until_us)
{
	s->chaos_until_us = until_us;
	sim_later(s, 5000000, (struct happening){.kind = HAPPEN_CHAOS});
}

static struct host *any(struct sim *s)
{
	return &s->host[rng_below(&s->rng, s->hosts)];
}

static void restart_later(struct sim *s, struct host *h)
{
	sim_later(s, rng_between(&s->rng, 50000, 20000000),
		  (struct happening){.kind = HAPPEN_START, .host = h->index});
}

/* Every host falls on one side. */
static void partition(struct sim *s)
{
	bool side[HOSTS_MAX];

	for (uint32_t i = 0; i < s->hosts; i++)
		side[i] = rng_below(&s->rng, 2);
	for (uint32_t a = 0; a < s->hosts; a++)
		for (uint32_t b = 0; b < s->hosts; b++)
			if (a != b && side[a] != side[b])
				wire_cut(s, a + 1, b + 1, true);
}

static void mend(struct sim *s)
{
	for (uint32_t a = 1; a <= s->hosts; a++)
		for (uint32_t b = 1; b <= s->hosts; b++)
			wire_cut(s, a, b, false);
	s->loss_permille = 0;
	s->duplicate_permille = 0;
	s->delay_max_us = 600;
}

void chaos_heal(struct sim *s)
{
	mend(s);
	for (uint32_t i = 0; i < s->hosts; i++)
		if (!s->host[i].node)
			sim_later(s, 1000, (struct happening){.kind = HAPPEN_START, .host = i + 1});
}

void chaos_happens(struct sim *s, const struct happening *what)
{
	struct host *h = any(s);
	uint32_t other = any(s)->index;

	(void)what;
	if (s->now_us >= s->chaos_until_us) {
		chaos_heal(s);
		return;
	}
	switch (rng_below(&s->rng, 12)) {
	case 0:
	case 1:
		host_kill(s, h);
		restart_later(s, h);
		break;
	case 2:
		host_power(s, h);
		restart_later(s, h);
		break;
	case 3:
		keeper_kill(s, h);
		break;
	case 4:
		host_freeze(s, h, rng_between(&s->rng, 50000, 10000000));
		break;
	case 5:
		wire_cut(s, h->index, other, true);
		break;
	case 6:
		partition(s);
		break;
	case 7:
		s->loss_permille = (uint32_t)rng_below(&s->rng, 300);
		s->duplicate_permille = (uint32_t)rng_below(&s->rng, 100);
		break;
	case 8:
		s->delay_max_us = rng_between(&s->rng, 600, 80000);
		break;
	case 9:
		if (h->node) {
			host_signal(s, h, SIGNAL_STOP);
			restart_later(s, h);
		}
		break;
	default:
		mend(s);
		break;
	}
	sim_later(s, rng_between(&s->rng, 200000, 12000000),
		  (struct happening){.kind = HAPPEN_CHAOS});
}
