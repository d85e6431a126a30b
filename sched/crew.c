#include "sched/crew.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/must.h"

#define LEASE_GRACE_US 200000u

void crew_init(struct crew *r, const uint8_t fingerprint[16])
{
	*r = (struct crew){0};
	memcpy(r->fingerprint, fingerprint, sizeof(r->fingerprint));
}

void crew_fini(struct crew *r)
{
	for (uint32_t i = 0; i < r->count; i++)
		free(r->hand[i]);
	free(r->hand);
	*r = (struct crew){0};
}

/* Index of the first hand whose id is not below `id`. */
static uint32_t search(const struct crew *r, struct id id)
{
	uint32_t low = 0, high = r->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (id_cmp(r->hand[middle]->id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	must(low <= r->count);
	return low;
}

struct hand *crew_find(const struct crew *r, struct id id)
{
	uint32_t at = search(r, id);

	return at < r->count && id_same(r->hand[at]->id, id) ? r->hand[at] : NULL;
}

struct hand *crew_add(struct crew *r, struct id id)
{
	uint32_t at = search(r, id);
	struct hand *h;

	must(!id_is_none(id));
	if (at < r->count && id_same(r->hand[at]->id, id))
		return r->hand[at];
	if (r->count == CREW_MAX)
		return NULL;
	if (r->count == r->room) {
		r->room = r->room ? r->room * 2 : 16;
		r->hand = realloc(r->hand, r->room * sizeof(*r->hand));
		must(r->hand);
	}
	h = calloc(1, sizeof(*h));
	must(h);
	h->id = id;
	memmove(&r->hand[at + 1], &r->hand[at], (r->count - at) * sizeof(struct hand *));
	r->hand[at] = h;
	r->count++;
	return h;
}

uint32_t crew_after(const struct crew *r, struct id after)
{
	uint32_t at = search(r, after);

	return at < r->count && id_same(r->hand[at]->id, after) ? at + 1 : at;
}

/* --- the line of those who ask for a lease --- */

static void line_leave(struct crew *r, struct hand *h)
{
	must(h->in_line);
	*(h->line_before ? &h->line_before->line_after : &r->line_first) = h->line_after;
	*(h->line_after ? &h->line_after->line_before : &r->line_last) = h->line_before;
	h->line_before = h->line_after = NULL;
	h->in_line = false;
}

void crew_ask(struct crew *r, struct hand *h, uint64_t asked_us)
{
	if (h->in_line)
		line_leave(r, h);
	h->asks = true;
	h->asked_us = asked_us;
	h->ask_fence = 0;
	h->in_line = true;
	h->line_before = r->line_last;
	*(r->line_last ? &r->line_last->line_after : &r->line_first) = h;
	r->line_last = h;
}

void crew_fence(struct crew *r, uint64_t token)
{
	must(token != 0);
	for (struct hand *h = r->line_last; h && h->ask_fence == 0; h = h->line_before)
		h->ask_fence = token;
}

/* Who stopped asking, or waited for a fence that never ended, leaves the line: he asks again. */
struct hand *crew_fenced(struct crew *r, uint64_t token)
{
	struct hand *h;

	while ((h = r->line_first) && h->ask_fence != 0 && h->ask_fence <= token) {
		bool his = h->asks && h->ask_fence == token;

		line_leave(r, h);
		h->asks = false;
		if (his)
			return h;
	}
	return NULL;
}

void hand_member(struct hand *h, enum member_state state, const struct facts *facts)
{
	must(id_same(h->id, facts->id));
	h->member = state;
	h->has_facts = true;
	h->life = facts->boot;
	h->is_worker = (facts->roles & ROLE_WORKER) != 0;
	h->is_scheduler = (facts->roles & ROLE_SCHEDULER) != 0;
	h->addr = facts->addr;
	snprintf(h->name, sizeof(h->name), "%s", facts->name);
	snprintf(h->version, sizeof(h->version), "%s", facts->version);
	memcpy(h->fingerprint, facts->fingerprint, sizeof(h->fingerprint));
}

void hand_attach(struct hand *h, const struct attach *a, const struct peer *peer, uint64_t now_us)
{
	must(id_same(h->id, a->node));
	must(a->slots <= SLOTS_MAX);
	h->attached = true;
	h->accepted = false;
	h->linked = peer->link != 0;
	h->peer = *peer;
	h->boot = a->boot;
	h->serial = a->serial;
	h->slots = a->slots;
	h->heard_us = now_us;
	h->lease_from_us = now_us;
	h->asks = false;
	h->rests = false;
	h->again = false;
}

void hand_detach(struct hand *h)
{
	h->attached = false;
	h->accepted = false;
	h->asks = false;
	h->again = false;
}

enum hand_state hand_state(const struct crew *r, const struct hand *h)
{
	static const uint8_t none[16];

	if (!h->attached || !h->registered)
		return HAND_DISCONNECTED;
	if (h->has_facts && memcmp(r->fingerprint, none, sizeof(none)) != 0 &&
	    memcmp(r->fingerprint, h->fingerprint, sizeof(none)) != 0)
		return HAND_INCOMPATIBLE;
	return h->slots == 0 ? HAND_DRAINING : HAND_CONNECTED;
}

const char *hand_state_name(enum hand_state state)
{
	static const char *const name[] = {
		[HAND_DISCONNECTED] = "disconnected",
		[HAND_CONNECTED] = "connected",
		[HAND_INCOMPATIBLE] = "incompatible",
		[HAND_DRAINING] = "draining",
	};

	must(state <= HAND_DRAINING);
	return name[state];
}

bool hand_counts(const struct hand *h)
{
	return (h->registered || h->attached) && (!h->is_scheduler || h->slots > 0 || h->used > 0);
}

bool hand_is_free(const struct crew *r, const struct hand *h)
{
	return hand_state(r, h) == HAND_CONNECTED && h->accepted && !h->again && !h->rests &&
	       h->used < h->slots && (!h->has_facts || h->member == MEMBER_ALIVE);
}

const char *hand_name(const struct hand *h, char out[NAME_MAX_LEN + 1])
{
	if (h->name[0])
		snprintf(out, NAME_MAX_LEN + 1, "%s", h->name);
	else
		snprintf(out, NAME_MAX_LEN + 1, "%s", id_text(h->id).s);
	return out;
}

uint64_t hand_lease_over_us(const struct hand *h, uint32_t lease_ms)
{
	must(lease_ms > 0);
	return h->lease_from_us + (uint64_t)lease_ms * 1100 + LEASE_GRACE_US;
}

void hand_lease(struct hand *h, uint64_t now_us)
{
	must(now_us >= h->lease_from_us);
	h->lease_from_us = now_us;
}
