/* Faults by dice: what a bad week does to a cluster, in ten minutes. */
#include "core/facts.h"
#include "core/must.h"
#include "net/node_parts.h"
#include "test/sim/sim.h"

static struct host *any(struct sim *s)
{
	return &s->host[rng_below(&s->rng, s->hosts)];
}

/* Half of the times whoever directs: there it hurts. */
static struct host *anybody(struct sim *s)
{
	struct host *director = rng_below(&s->rng, 2) ? check_director(s) : NULL;

	return director ? director : any(s);
}

/* A cluster as some operator has configured it, and what its bad week is like. */
void chaos_vary(struct sim *s)
{
	static const uint32_t leases[] = {60, 12, 4, 4};
	static const uint64_t gaps_ms[] = {12000, 12000, 3000, 45000};
	static const uint32_t every_ms[] = {2000, 2000, 1000, 500};
	uint32_t lease_s = leases[rng_below(&s->rng, 4)];
	uint64_t dice = rng_below(&s->rng, 4);

	s->chaos_gap_us = gaps_ms[rng_below(&s->rng, 4)] * 1000;
	s->wish.every_us = every_ms[rng_below(&s->rng, 4)] * UINT64_C(1000);
	/* Work that outlives a cut and a lease; but there are only so many slots. */
	s->wish.long_ms = lease_s * (lease_s == 60 ? UINT64_C(1500) : UINT64_C(4000));
	if (s->wish.every_us < s->wish.long_ms * 20)
		s->wish.every_us = s->wish.long_ms * 20;
	s->wish.weight = rng_below(&s->rng, 4) == 0 ? 6000 : 0;
	s->wish.own_keys = s->wall_jumps = rng_below(&s->rng, 3) == 0;
	s->snapshot_every = dice == 0 ? 16384 : dice == 1 ? 65536 : 0;
	s->dead_keep_ms = rng_below(&s->rng, 2) ? 30000 : 0;
	s->forge_permille = rng_below(&s->rng, 2) ? 20 : 0;
	s->clocks_differ = true;
	for (uint32_t i = 0; i < s->hosts; i++) {
		host_set_clock(s, &s->host[i]);
		s->host[i].config.lease_s = lease_s;
		s->host[i].config.kill_after_s = lease_s > 20 ? 10 : lease_s / 4;
		s->host[i].config.hold_timeout_s = 120; /* of one that never comes back */
	}
}

void chaos_begin(struct sim *s, uint64_t until_us)
{
	s->chaos_until_us = until_us;
	sim_later(s, 5000000, (struct happening){.kind = HAPPEN_CHAOS});
}

static void restart_later(struct sim *s, struct host *h)
{
	sim_later(s, rng_between(&s->rng, 50000, 20000000),
		  (struct happening){.kind = HAPPEN_START, .host = h->index});
}

static void end_later(struct sim *s, enum chaos what, const struct host *h, uint64_t most_us)
{
	sim_later(s, rng_between(&s->rng, most_us / 20, most_us),
		  (struct happening){.kind = HAPPEN_CHAOS, .a = what, .b = h->index});
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

/* One host hears nobody, or nobody hears it, or both. */
static void isolate(struct sim *s, struct host *h)
{
	uint64_t ways = 1 + rng_below(&s->rng, 3);

	for (uint32_t b = 1; b <= s->hosts; b++) {
		if (ways & 1)
			wire_cut(s, h->index, b, true);
		if (ways & 2)
			wire_cut(s, b, h->index, true);
	}
	end_later(s, CHAOS_JOIN_AGAIN, h, h->config.lease_s * UINT64_C(2500000));
}

static void join_again(struct sim *s, struct host *h)
{
	for (uint32_t b = 1; b <= s->hosts; b++) {
		wire_cut(s, h->index, b, false);
		wire_cut(s, b, h->index, false);
	}
}

void chaos_mend(struct sim *s)
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
	chaos_mend(s);
	s->forge_permille = 0;
	for (uint32_t i = 0; i < s->hosts; i++) {
		disk_full(&s->host[i], false);
		if (!s->host[i].node)
			sim_later(s, 1000, (struct happening){.kind = HAPPEN_START, .host = i + 1});
	}
}

static void all_lose_power(struct sim *s)
{
	for (uint32_t i = 0; i < s->hosts; i++) {
		host_power(s, &s->host[i]);
		restart_later(s, &s->host[i]);
	}
}

/* Orders are under way: those whom they reach sleep, some for longer than their lease. */
static void workers_sleep(struct sim *s)
{
	for (uint32_t i = 0; i < s->hosts; i++) {
		struct host *h = &s->host[i];
		if (!(h->config.role & ROLE_SCHEDULER) && rng_below(&s->rng, 2))
			host_freeze(
				s, h,
				rng_between(&s->rng, 50000, h->config.lease_s * UINT64_C(2200000)));
	}
}

static void strike(struct sim *s)
{
	if (rng_below(&s->rng, 2))
		all_lose_power(s);
	else
		workers_sleep(s);
}

static void wall_jumps(struct sim *s, struct host *h)
{
	if (s->wall_jumps)
		h->wall_offset_us = rng_between(&s->rng, 0, UINT64_C(7200000000));
}

static void a_fault(struct sim *s)
{
	struct host *h = anybody(s);

	switch (rng_below(&s->rng, 25)) {
	case 0:
	case 1:
	case 2:
		host_kill(s, h);
		restart_later(s, h);
		break;
	case 3:
	case 4:
		host_power(s, h);
		restart_later(s, h);
		break;
	case 5:
	case 6:
		keeper_kill(s, h);
		break;
	case 7:
		host_freeze(s, h, rng_between(&s->rng, 50000, 10000000));
		break;
	case 8:
		host_pause(s, h,
			   rng_between(&s->rng, 50000, h->config.lease_s * UINT64_C(2000000)));
		break;
	case 9:
		wire_cut(s, h->index, any(s)->index, true);
		break;
	case 10:
	case 11:
	case 12:
		isolate(s, h);
		break;
	case 13:
		partition(s);
		break;
	case 14:
		s->loss_permille = (uint32_t)rng_below(&s->rng, 300);
		s->duplicate_permille = (uint32_t)rng_below(&s->rng, 100);
		break;
	case 15:
		s->delay_max_us = rng_between(&s->rng, 600, 80000);
		break;
	case 16:
		if (rng_below(&s->rng, 3) == 0) {
			if (s->seed % 2)
				drill(s, h);
			else
				switch_over(s, h, "");
		} else if (h->node) {
			host_signal(s, h, SIGNAL_STOP);
			restart_later(s, h);
		}
		break;
	case 17:
		disk_full(h, true);
		end_later(s, CHAOS_SPACE, h, 30000000);
		break;
	case 18:
		wall_jumps(s, h);
		break;
	case 19:
		s->strike = true;
		break;
	case 20:
	case 21:
		s->ambush = true;
		break;
	case 22:
		ambush_old_ties(s, h);
		break;
	default:
		chaos_mend(s);
		break;
	}
}

void chaos_happens(struct sim *s, const struct happening *what)
{
	if (what->a == CHAOS_JOIN_AGAIN)
		join_again(s, &s->host[what->b - 1]);
	else if (what->a == CHAOS_SPACE)
		disk_full(&s->host[what->b - 1], false);
	else if (what->a == CHAOS_STRIKE)
		strike(s);
	else if (what->a == CHAOS_CHANGE)
		change_happens(s);
	else if (what->a == CHAOS_AMBUSH)
		ambush_happens(s, &s->host[what->b - 1]);
	else if (what->a == CHAOS_ALONE)
		ambush_alone(s, &s->host[what->b - 1]);
	if (what->a != CHAOS_NEXT)
		return;
	if (s->now_us >= s->chaos_until_us) {
		chaos_heal(s);
		return;
	}
	a_fault(s);
	sim_later(s, rng_between(&s->rng, 200000, s->chaos_gap_us),
		  (struct happening){.kind = HAPPEN_CHAOS});
}
