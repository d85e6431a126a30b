#include "sched/store/roster.h"

#include <string.h>

#include "core/must.h"

enum { WITNESSES_KNOWN_MAX = 64 };

bool known_is_scheduler(const struct known *k)
{
	return (k->roles & ROLE_SCHEDULER) != 0;
}

bool known_is_alive(const struct known *k)
{
	bool any = false;

	for (int v = 0; v < VIEWS; v++) {
		if (!k->seen[v])
			continue;
		if (k->state[v] != MEMBER_ALIVE && k->state[v] != MEMBER_SUSPECT)
			return false;
		any = true;
	}
	return any;
}

bool known_is_doubted(const struct known *k)
{
	for (int v = 0; v < VIEWS; v++)
		if (k->seen[v] && k->state[v] != MEMBER_ALIVE)
			return true;
	return false;
}

static uint32_t place(const struct roster *r, struct id node)
{
	uint32_t low = 0, high = r->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (id_cmp(r->known[mid].node, node) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct known *roster_look(const struct roster *r, struct id node)
{
	uint32_t at = place(r, node);

	return at < r->count && id_same(r->known[at].node, node) ? &r->known[at] : NULL;
}

struct known *roster_find(struct roster *r, struct id node)
{
	uint32_t at = place(r, node);

	return at < r->count && id_same(r->known[at].node, node) ? &r->known[at] : NULL;
}

static void forget(struct roster *r, uint32_t at)
{
	must(at < r->count);
	memmove(&r->known[at], &r->known[at + 1], (r->count - at - 1) * sizeof(r->known[0]));
	r->count--;
}

/* Room for a scheduler is made by forgetting a worker; workers are many, and a few suffice. */
static bool make_room(struct roster *r, bool scheduler)
{
	uint32_t workers = 0, last = UINT32_MAX;

	for (uint32_t i = 0; i < r->count; i++) {
		if (known_is_scheduler(&r->known[i]))
			continue;
		workers++;
		last = i;
	}
	if (!scheduler)
		return workers < WITNESSES_KNOWN_MAX && r->count < STORE_MEMBERS_MAX;
	if (r->count < STORE_MEMBERS_MAX)
		return true;
	if (last == UINT32_MAX)
		return false;
	forget(r, last);
	return true;
}

void roster_take(struct roster *r, enum view view, enum member_state state,
		 const struct facts *facts, uint64_t now_us)
{
	struct known *k = roster_find(r, facts->id);
	bool gone = state == MEMBER_DEAD || state == MEMBER_LEFT;

	must(view < VIEWS);
	if (k == NULL) {
		uint32_t at;

		if (gone || !make_room(r, (facts->roles & ROLE_SCHEDULER) != 0))
			return;
		at = place(r, facts->id);
		memmove(&r->known[at + 1], &r->known[at], (r->count - at) * sizeof(*k));
		r->count++;
		k = &r->known[at];
		*k = (struct known){.node = facts->id};
	}
	if (facts->boot < k->boot)
		return; /* of a life before: the other view knows of a later one */
	if (facts->boot > k->boot) {
		/* What the views said of the life before says nothing of this one. */
		for (int v = 0; v < VIEWS; v++) {
			k->seen[v] = false;
			k->state[v] = MEMBER_ALIVE;
		}
		k->boot = facts->boot;
		k->level = 0; /* it may be another program now */
		k->leaves = k->stops = false;
	}
	k->addr = facts->addr;
	k->roles = facts->roles;
	memcpy(k->machine, facts->machine, sizeof(k->machine));
	memcpy(k->name, facts->name, sizeof(k->name));
	memcpy(k->zone, facts->zone, sizeof(k->zone));
	k->seen[view] = true;
	k->state[view] = state;
	if (known_is_alive(k))
		k->since_us = 0;
	else if (k->since_us == 0)
		k->since_us = now_us;
	/* A worker that went makes place for another one. */
	if (!known_is_scheduler(k) && gone && id_is_none(k->voter))
		forget(r, (uint32_t)(k - r->known));
}
