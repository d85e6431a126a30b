#include "sched/place.h"

#include <stddef.h>
#include <stdio.h>

#include "core/must.h"

struct hand *place_pick(const struct crew *r, struct id turn)
{
	uint32_t from = crew_after(r, turn);

	must(from <= r->count);
	for (uint32_t i = 0; i < r->count; i++) {
		struct hand *h = r->hand[(from + i) % r->count];

		if (hand_is_free(r, h))
			return h;
	}
	return NULL;
}

struct census {
	uint32_t known, full, unreachable, incompatible, draining, doubted, free;
	uint32_t used, slots;
};

static void count_hand(const struct crew *r, const struct hand *h, struct census *c)
{
	if (!hand_counts(h))
		return;
	c->known++;
	switch (hand_state(r, h)) {
	case HAND_DISCONNECTED:
		c->unreachable++;
		break;
	case HAND_INCOMPATIBLE:
		c->incompatible++;
		break;
	case HAND_DRAINING:
		c->draining++;
		break;
	case HAND_CONNECTED:
		c->used += h->used;
		c->slots += h->slots;
		if (hand_is_free(r, h))
			c->free++;
		else if (h->used >= h->slots)
			c->full++;
		else
			c->doubted++;
		break;
	}
}

static void add(char *out, size_t *at, uint32_t count, const char *what)
{
	int len;

	if (count == 0 || *at >= PLACE_WHY_MAX)
		return;
	len = snprintf(out + *at, PLACE_WHY_MAX - *at, "%s%u %s", *at ? ", " : "", count, what);
	must(len > 0);
	*at += (size_t)len;
}

const char *place_why(const struct crew *r, char out[PLACE_WHY_MAX])
{
	struct census c = {0};
	size_t at = 0;

	for (uint32_t i = 0; i < r->count; i++)
		count_hand(r, r->hand[i], &c);
	if (c.known == 0) {
		snprintf(out, PLACE_WHY_MAX, "no worker has registered yet");
	} else if (c.free > 0) {
		snprintf(out, PLACE_WHY_MAX, "its turn comes next");
	} else if (c.full == c.known) {
		snprintf(out, PLACE_WHY_MAX, "every worker is full: %u of %u slots used", c.used,
			 c.slots);
	} else {
		out[0] = '\0';
		add(out, &at, c.full, "full");
		add(out, &at, c.unreachable, "disconnected");
		add(out, &at, c.draining, "draining");
		add(out, &at, c.incompatible, "incompatible");
		add(out, &at, c.doubted, "not heard of");
		if (at < PLACE_WHY_MAX)
			snprintf(out + at, PLACE_WHY_MAX - at, "; no worker is free");
	}
	return out;
}
