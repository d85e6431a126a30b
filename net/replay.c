#include "net/replay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"

#define SLOTS_FIRST 16u

static_assert(REPLAY_WINDOW % 64 == 0, "the window is whole words");
static_assert(sizeof(struct replay_entry) == 64, "one sender is one cache line");

void replay_init(struct replay *r, uint32_t max)
{
	must(max > 0);
	must(max <= REPLAY_MAX);

	*r = (struct replay){.max = max};
}

void replay_fini(struct replay *r)
{
	free(r->young.slot);
	free(r->old.slot);
	*r = (struct replay){.max = r->max};
}

uint32_t replay_count(const struct replay *r)
{
	return r->young.used + r->old.used;
}

/* The sender's slot, or the free one where it would be; NULL in an empty table. */
static struct replay_entry *find(const struct replay_table *t, struct id sender)
{
	if (t->slots == 0)
		return NULL;
	must(t->used < t->slots); /* so that the search ends */

	for (uint64_t i = id_hash(sender);; i++) {
		struct replay_entry *e = &t->slot[i & (t->slots - 1)];
		if (id_is_none(e->sender) || id_same(e->sender, sender))
			return e;
	}
}

static bool grow(struct replay_table *t)
{
	struct replay_table more = {.slots = t->slots ? t->slots * 2 : SLOTS_FIRST};

	if (t->used < t->slots / 4 * 3)
		return true;
	more.slot = calloc(more.slots, sizeof(*more.slot));
	if (more.slot == NULL)
		return false;
	for (uint32_t i = 0; i < t->slots; i++) {
		if (id_is_none(t->slot[i].sender))
			continue;
		*find(&more, t->slot[i].sender) = t->slot[i];
		more.used++;
	}
	must(more.used == t->used);
	free(t->slot);
	*t = more;
	return true;
}

/* The sender's entry in the young table: its own, the one it had in the old, or a new one. */
static struct replay_entry *recall(struct replay *r, struct id sender)
{
	struct replay_entry *e = find(&r->young, sender);

	if (e != NULL && !id_is_none(e->sender))
		return e;

	if (r->young.used == r->max) {
		free(r->old.slot);
		r->old = r->young;
		r->young = (struct replay_table){0};
	}
	if (!grow(&r->young))
		return NULL;

	const struct replay_entry *before = find(&r->old, sender);
	e = find(&r->young, sender);
	must(id_is_none(e->sender));
	if (before != NULL && !id_is_none(before->sender))
		*e = *before; /* stays in the old table too: no holes in its chains */
	e->sender = sender;
	r->young.used++;
	return e;
}

static uint64_t *word(struct replay_entry *e, uint64_t counter)
{
	return &e->seen[counter % REPLAY_WINDOW / 64];
}

/* The window's upper end moves to `counter`: what it newly covers is unseen. */
static void advance(struct replay_entry *e, uint64_t counter)
{
	must(counter > e->newest);

	if (counter - e->newest >= REPLAY_WINDOW)
		memset(e->seen, 0, sizeof(e->seen));
	else
		for (uint64_t c = e->newest + 1; c <= counter; c++)
			*word(e, c) &= ~(UINT64_C(1) << (c % 64));
	e->newest = counter;
}

enum err replay_admit(struct replay *r, struct id sender, uint64_t boot, uint64_t counter)
{
	if (id_is_none(sender) || counter == 0 || counter == UINT64_MAX)
		return ERR_REPLAYED; /* never sent by us */

	struct replay_entry *e = recall(r, sender);
	if (e == NULL)
		return ERR_FULL;
	if (boot < e->boot)
		return ERR_REPLAYED;
	if (boot > e->boot) {
		e->boot = boot;
		e->newest = 0;
		memset(e->seen, 0, sizeof(e->seen));
	}

	if (counter > e->newest)
		advance(e, counter);
	else if (e->newest - counter >= REPLAY_WINDOW)
		return ERR_REPLAYED;

	uint64_t bit = UINT64_C(1) << (counter % 64);
	if (*word(e, counter) & bit)
		return ERR_REPLAYED;
	*word(e, counter) |= bit;
	return OK;
}
