#include "gossip/health.h"

#include "core/must.h"

void health_better(struct health *h)
{
	must(h->score <= HEALTH_WORST);

	if (h->score > 0)
		h->score--;
}

void health_worse(struct health *h, uint32_t by)
{
	must(h->score <= HEALTH_WORST);

	h->score = by > HEALTH_WORST - h->score ? HEALTH_WORST : (uint8_t)(h->score + by);
}

uint64_t health_stretch_us(const struct health *h, uint32_t ms)
{
	return (uint64_t)ms * 1000 * (h->score + 1u);
}

bool health_gap(struct health *h, uint64_t deadline_us, uint64_t now_us, uint32_t patience_ms)
{
	must(patience_ms > 0);

	uint64_t patience_us = (uint64_t)patience_ms * 1000;
	if (now_us < deadline_us || now_us - deadline_us < patience_us)
		return false;
	uint64_t times = (now_us - deadline_us) / patience_us;
	health_worse(h, times > HEALTH_WORST ? HEALTH_WORST : (uint32_t)times);
	return true;
}
