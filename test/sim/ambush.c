/* Faults that wait for the moment at which they hurt most: a lease is on its way. */
#include "core/facts.h"
#include "net/node_parts.h"
#include "sched/worker_part.h"
#include "test/sim/sim.h"

#define ANSWERED_US UINT64_C(100000) /* by then the answer lies there */

static uint64_t leases_us(const struct host *h, uint64_t tenths)
{
	return h->config.lease_s * UINT64_C(100000) * tenths;
}

/* Nobody hears it, and it hears nobody, but for `but` (NULL: not even that one); for up to three leases. */
static void cut_off(struct sim *s, const struct host *h, const struct host *but)
{
	for (uint32_t b = 1; b <= s->hosts; b++) {
		if (but && but->index == b)
			continue;
		wire_cut(s, h->index, b, true);
		wire_cut(s, b, h->index, true);
	}
	sim_later(s, rng_between(&s->rng, leases_us(h, 2), leases_us(h, 30)),
		  (struct happening){.kind = HAPPEN_CHAOS, .a = CHAOS_JOIN_AGAIN, .b = h->index});
}

void ambush_look(struct sim *s, struct host *h)
{
	const struct worker *w = h->node->worker;
	uint64_t ask_us = w ? w->bond.ask_us : UINT64_MAX;
	bool asked = ask_us != UINT64_MAX && ask_us > h->ask_us;

	h->ask_us = ask_us;
	if (!asked || !s->ambush || worker_running(w) == 0)
		return;
	s->ambush = false;
	sim_later(s, 0, (struct happening){.kind = HAPPEN_CHAOS, .a = CHAOS_AMBUSH, .b = h->index});
}

/* It has asked, sleeps while it is answered, and is alone when it wakes. */
void ambush_happens(struct sim *s, struct host *h)
{
	uint64_t for_us = rng_between(&s->rng, leases_us(h, 1), leases_us(h, 9));

	if (rng_below(&s->rng, 2))
		host_freeze(s, h, for_us);
	else
		host_pause(s, h, for_us);
	sim_later(s, ANSWERED_US,
		  (struct happening){.kind = HAPPEN_CHAOS, .a = CHAOS_ALONE, .b = h->index});
}

void ambush_alone(struct sim *s, struct host *h)
{
	cut_off(s, h, NULL);
}

void ambush_old_ties(struct sim *s, struct host *h)
{
	struct host *director = check_director(s);

	if (!director || director == h || (h->config.role & ROLE_SCHEDULER))
		return;
	cut_off(s, h, director);
	host_pause(s, director, rng_between(&s->rng, 400000, leases_us(h, 5)));
}
