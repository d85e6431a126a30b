#include "gossip/member.h"

#include <stdlib.h>

#include "core/limits.h"
#include "core/must.h"
#include "gossip/suspect.h"

void members_init(struct members *t)
{
	*t = (struct members){0};
	table_init(&t->by_id, MEMBERS_MAX);
	table_init(&t->floor_by_id, FLOORS_MAX);
}

static bool is_used(const struct member *m)
{
	return !id_is_none(m->id);
}

/* What hangs on the state goes with the state. */
static void let_go(struct member *m)
{
	if (m->state == MEMBER_SUSPECT)
		suspicion_close(m->suspicion);
	else if (m->state == MEMBER_LEFT)
		free(m->farewell);
	m->suspicion = NULL;
}

void members_fini(struct members *t, struct cards *cards)
{
	for (uint32_t i = 0; i < t->top; i++) {
		if (!is_used(&t->at[i]))
			continue;
		let_go(&t->at[i]);
		card_drop(cards, t->at[i].card);
	}
	free(t->at);
	free(t->unused.at);
	free(t->living.at);
	free(t->gone.at);
	free(t->floors);
	table_fini(&t->by_id);
	table_fini(&t->floor_by_id);
	*t = (struct members){0};
}

uint32_t members_find(const struct members *t, struct id id)
{
	return table_find(&t->by_id, id);
}

struct member *members_at(const struct members *t, uint32_t slot)
{
	must(slot < t->top);
	must(is_used(&t->at[slot]));

	return &t->at[slot];
}

uint32_t members_count(const struct members *t)
{
	return t->by_id.count;
}

/* --- the dense lists --- */

static void slots_add(struct slots *l, uint32_t slot)
{
	if (l->count == l->room) {
		l->room = l->room == 0 ? 8 : 2 * l->room;
		l->at = realloc(l->at, l->room * sizeof(*l->at));
		must(l->at != NULL);
	}
	l->at[l->count++] = slot;
}

static void place(struct members *t, struct slots *l, uint32_t at, uint32_t slot)
{
	must(at < l->count);

	l->at[at] = slot;
	t->at[slot].place = at;
}

static void swap(struct members *t, struct slots *l, uint32_t a, uint32_t b)
{
	uint32_t was = l->at[a];

	place(t, l, a, l->at[b]);
	place(t, l, b, was);
}

/* Somewhere among those still to be probed in this round: whoever comes is probed within one round. */
static void list_living(struct members *t, uint32_t slot, struct rng *rng)
{
	struct slots *l = &t->living;

	slots_add(l, slot);
	place(t, l, l->count - 1, slot);
	must(t->cursor < l->count);
	swap(t, l, (uint32_t)rng_between(rng, t->cursor, l->count - 1), l->count - 1);
}

/* The gap is closed without making anybody miss this round's probe. */
static void unlist_living(struct members *t, uint32_t slot)
{
	struct slots *l = &t->living;
	uint32_t gap = t->at[slot].place;

	must(gap < l->count && l->at[gap] == slot);
	if (gap < t->cursor) {
		t->cursor--;
		place(t, l, gap, l->at[t->cursor]);
		gap = t->cursor;
	}
	if (gap != l->count - 1)
		place(t, l, gap, l->at[l->count - 1]);
	l->count--;
}

static void list_gone(struct members *t, uint32_t slot)
{
	slots_add(&t->gone, slot);
	place(t, &t->gone, t->gone.count - 1, slot);
}

static void unlist_gone(struct members *t, uint32_t slot)
{
	struct slots *l = &t->gone;
	uint32_t gap = t->at[slot].place;

	must(gap < l->count && l->at[gap] == slot);
	place(t, l, gap, l->at[l->count - 1]);
	l->count--;
}

/* --- the digest --- */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

/* Suspicion is left out: it ends by itself, and two views that differ in nothing else are to count as equal. */
static uint64_t hash_of(const struct member *m)
{
	uint64_t h = mix(get_u64(m->id.b), get_u64(m->id.b + 8));

	h = mix(h, m->boot);
	h = mix(h, m->incarnation);
	return mix(h, m->card->digest);
}

static void count_in(struct members *t, const struct member *m)
{
	if (member_is_here(m))
		t->sum += hash_of(m);
	t->suspects += m->state == MEMBER_SUSPECT;
}

static void count_out(struct members *t, const struct member *m)
{
	if (member_is_here(m))
		t->sum -= hash_of(m);
	t->suspects -= m->state == MEMBER_SUSPECT;
}

/* --- coming, changing, going --- */

static uint32_t slot_new(struct members *t)
{
	if (t->unused.count > 0)
		return t->unused.at[--t->unused.count];
	if (t->top == t->room) {
		t->room = t->room == 0 ? 8 : t->room + t->room / 2;
		t->at = realloc(t->at, t->room * sizeof(*t->at));
		must(t->at != NULL);
	}
	return t->top++;
}

uint32_t members_add(struct members *t, struct card *card, uint64_t incarnation, bool ourselves,
		     struct rng *rng, uint64_t now_us)
{
	must(card != NULL);
	must(members_find(t, card->id) == SLOT_NONE); /* invariant 1 */

	if (t->by_id.count >= MEMBERS_MAX)
		return SLOT_NONE;
	uint32_t slot = slot_new(t);
	t->at[slot] = (struct member){
		.id = card->id,
		.boot = card->boot,
		.incarnation = incarnation,
		.since_us = now_us,
		.card = card,
		.place = SLOT_NONE,
		.state = MEMBER_ALIVE,
	};
	enum err err = table_add(&t->by_id, card->id, slot);
	must(err == OK);
	count_in(t, &t->at[slot]);
	if (!ourselves)
		list_living(t, slot, rng);
	return slot;
}

void members_set(struct members *t, uint32_t slot, enum member_state state, uint64_t boot,
		 uint64_t incarnation, struct rng *rng, uint64_t now_us)
{
	struct member *m = members_at(t, slot);
	bool was_here = member_is_here(m);

	must(boot > m->boot ||
	     (boot == m->boot && incarnation >= m->incarnation)); /* invariant 2 */
	count_out(t, m);
	if (m->state != state || boot != m->boot) {
		let_go(m);
		m->since_us = now_us;
	}
	m->state = (uint8_t)state;
	m->boot = boot;
	m->incarnation = incarnation;
	count_in(t, m);
	if (m->place == SLOT_NONE || was_here == member_is_here(m))
		return;
	if (was_here) {
		unlist_living(t, slot);
		list_gone(t, slot);
	} else {
		unlist_gone(t, slot);
		list_living(t, slot, rng);
	}
}

void members_card(struct members *t, struct cards *cards, uint32_t slot, struct card *card)
{
	struct member *m = members_at(t, slot);

	must(id_same(m->id, card->id));
	count_out(t, m);
	card_drop(cards, m->card);
	m->card = card;
	count_in(t, m);
}

void members_reap(struct members *t, struct cards *cards, uint32_t slot)
{
	struct member *m = members_at(t, slot);

	must(!member_is_here(m));
	must(m->place != SLOT_NONE);
	members_floor_set(t, m->id, m->boot, m->state == MEMBER_LEFT ? UINT64_MAX : m->incarnation);
	unlist_gone(t, slot);
	table_take(&t->by_id, m->id);
	let_go(m);
	card_drop(cards, m->card);
	*m = (struct member){.place = SLOT_NONE};
	slots_add(&t->unused, slot);
}

/* --- floors --- */

const struct floor *members_floor(const struct members *t, struct id id)
{
	uint32_t at = table_find(&t->floor_by_id, id);

	return at == TABLE_NONE ? NULL : &t->floors[at];
}

void members_floor_set(struct members *t, struct id id, uint64_t boot, uint64_t incarnation)
{
	uint32_t at = table_find(&t->floor_by_id, id);

	if (at == TABLE_NONE) {
		if (t->floors_next == t->floors_room && t->floors_room < FLOORS_MAX) {
			t->floors_room = t->floors_room == 0 ? 8 : 2 * t->floors_room;
			t->floors = realloc(t->floors, t->floors_room * sizeof(*t->floors));
			must(t->floors != NULL);
			for (uint32_t i = t->floors_next; i < t->floors_room; i++)
				t->floors[i].id = id_none;
		}
		at = t->floors_next == t->floors_room ? 0 : t->floors_next;
		t->floors_next = at + 1;
		if (!id_is_none(t->floors[at].id)) /* full: the oldest makes room */
			table_take(&t->floor_by_id, t->floors[at].id);
		t->floors[at] = (struct floor){.id = id};
		enum err err = table_add(&t->floor_by_id, id, at);
		must(err == OK);
	}
	struct floor *f = &t->floors[at];
	if (boot > f->boot || (boot == f->boot && incarnation > f->incarnation)) {
		f->boot = boot;
		f->incarnation = incarnation;
	}
}

/* --- choosing --- */

uint32_t members_next(struct members *t, struct rng *rng)
{
	struct slots *l = &t->living;

	if (l->count == 0)
		return SLOT_NONE;
	if (t->cursor >= l->count) {
		for (uint32_t i = l->count - 1; i > 0; i--)
			swap(t, l, i, (uint32_t)rng_below(rng, i + 1));
		t->cursor = 0;
	}
	return l->at[t->cursor++];
}

/* Draws and refuses doubles; the tries are bounded, and few slots are listed rather than drawn. */
uint32_t slots_pick(const struct slots *list, struct rng *rng, uint32_t except, uint32_t *out,
		    uint32_t count)
{
	uint32_t got = 0;

	for (uint32_t tries = 0; got < count && got < list->count && tries < 8 * count; tries++) {
		uint32_t slot = list->at[rng_below(rng, list->count)];
		bool known = slot == except;

		for (uint32_t i = 0; i < got; i++)
			known |= out[i] == slot;
		if (!known)
			out[got++] = slot;
	}
	must(got <= count);
	return got;
}
