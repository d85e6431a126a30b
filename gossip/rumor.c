#include "gossip/rumor.h"

#include <assert.h>
#include <stdlib.h>

#include "core/limits.h"
#include "core/must.h"

static_assert(MEMBERS_MAX < 1000000 && RUMOR_LAMBDA * 6 <= RUMOR_SENDS_MAX,
	      "a rumor's last telling has a queue");

static void forget_all(struct rumors *r)
{
	free(r->at);
	free(r->by_slot);
	r->at = NULL;
	r->by_slot = NULL;
	r->room = r->slots = r->count = 0;
	r->unused = RUMOR_NONE;
}

void rumors_init(struct rumors *r)
{
	*r = (struct rumors){.unused = RUMOR_NONE};
	for (uint32_t k = 0; k < RUMOR_KINDS; k++)
		for (uint32_t i = 0; i < RUMOR_SENDS_MAX; i++)
			r->queue[k][i] = (struct rumor_queue){RUMOR_NONE, RUMOR_NONE};
}

void rumors_fini(struct rumors *r)
{
	forget_all(r);
}

bool rumors_empty(const struct rumors *r)
{
	return r->count == 0;
}

static struct rumor *at(struct rumors *r, uint32_t i)
{
	must(i < r->room);

	return &r->at[i];
}

static void queue_out(struct rumors *r, uint32_t i)
{
	struct rumor *x = at(r, i);
	struct rumor_queue *q = &r->queue[x->kind][x->sends];

	if (x->prev == RUMOR_NONE)
		q->first = x->next;
	else
		at(r, x->prev)->next = x->next;
	if (x->next == RUMOR_NONE)
		q->last = x->prev;
	else
		at(r, x->next)->prev = x->prev;
}

static void queue_in(struct rumors *r, uint32_t i)
{
	struct rumor *x = at(r, i);
	struct rumor_queue *q = &r->queue[x->kind][x->sends];

	x->next = RUMOR_NONE;
	x->prev = q->last;
	if (q->last == RUMOR_NONE)
		q->first = i;
	else
		at(r, q->last)->next = i;
	q->last = i;
}

static uint32_t rumor_new(struct rumors *r)
{
	if (r->unused == RUMOR_NONE) {
		uint32_t was = r->room;

		r->room = was == 0 ? 8 : 2 * was;
		r->at = realloc(r->at, r->room * sizeof(*r->at));
		must(r->at != NULL);
		for (uint32_t i = r->room; i > was; i--) {
			r->at[i - 1].next = r->unused;
			r->unused = i - 1;
		}
	}
	uint32_t i = r->unused;
	r->unused = at(r, i)->next;
	r->count++;
	return i;
}

static void rumor_free(struct rumors *r, uint32_t i)
{
	struct rumor *x = at(r, i);

	must(r->count > 0);
	queue_out(r, i);
	r->by_slot[2 * x->slot + (x->kind == RUMOR_FACTS)] = RUMOR_NONE;
	x->next = r->unused;
	r->unused = i;
	if (--r->count == 0)
		forget_all(r);
}

static void slots_grow(struct rumors *r, uint32_t slot)
{
	uint32_t was = r->slots;

	if (slot < was)
		return;
	r->slots = slot + slot / 2 + 8;
	r->by_slot = realloc(r->by_slot, 2 * r->slots * sizeof(*r->by_slot));
	must(r->by_slot != NULL);
	for (uint32_t i = 2 * was; i < 2 * r->slots; i++)
		r->by_slot[i] = RUMOR_NONE;
}

void rumor_add(struct rumors *r, uint32_t slot, enum rumor_kind kind)
{
	must(slot < MEMBERS_MAX);
	must(kind < RUMOR_KINDS);

	slots_grow(r, slot);
	uint32_t *known = &r->by_slot[2 * slot + (kind == RUMOR_FACTS)];
	if (*known == RUMOR_NONE)
		*known = rumor_new(r);
	else
		queue_out(r, *known);
	*at(r, *known) = (struct rumor){.slot = slot, .kind = (uint8_t)kind};
	queue_in(r, *known);
}

void rumor_drop(struct rumors *r, uint32_t slot)
{
	for (uint32_t facts = 0; facts < 2; facts++)
		if (slot < r->slots && r->by_slot[2 * slot + facts] != RUMOR_NONE)
			rumor_free(r, r->by_slot[2 * slot + facts]);
}

bool rumor_is_told(const struct rumors *r, uint32_t slot)
{
	return slot < r->slots && r->by_slot[2 * slot] != RUMOR_NONE;
}

/* Numbers begin at 1, so that a new rumor was considered for none. */
void rumor_packet(struct rumors *r)
{
	if (++r->packet == 0)
		r->packet = 1;
}

/* What was picked and sent stands at the end of the next queue, what did not fit at the front of its own: few are
 * passed over. */
uint32_t rumor_pick(struct rumors *r, enum rumor_kind kind)
{
	must(kind < RUMOR_KINDS);
	must(r->packet > 0);

	for (uint32_t sends = 0; sends < RUMOR_SENDS_MAX && r->count > 0; sends++) {
		for (uint32_t i = r->queue[kind][sends].first; i != RUMOR_NONE; i = r->at[i].next) {
			if (at(r, i)->packet == r->packet)
				continue;
			r->at[i].packet = r->packet;
			return i;
		}
	}
	return RUMOR_NONE;
}

void rumor_unpick(struct rumors *r, uint32_t rumor)
{
	must(at(r, rumor)->packet == r->packet);

	at(r, rumor)->packet = 0;
}

uint32_t rumor_slot(const struct rumors *r, uint32_t rumor)
{
	must(rumor < r->room);

	return r->at[rumor].slot;
}

void rumor_sent(struct rumors *r, uint32_t rumor, uint32_t limit)
{
	struct rumor *x = at(r, rumor);

	must(limit > 0 && limit <= RUMOR_SENDS_MAX);
	if (x->sends + 1u >= limit) {
		rumor_free(r, rumor);
		return;
	}
	queue_out(r, rumor);
	x->sends++;
	queue_in(r, rumor);
}

uint32_t rumor_limit(uint32_t members)
{
	uint32_t digits = 1;

	for (uint32_t n = members; n >= 10; n /= 10)
		digits++;
	return RUMOR_LAMBDA * digits;
}
