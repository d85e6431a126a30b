#include "core/heap.h"

#include <stdlib.h>
#include <string.h>

#include "core/must.h"

#define ROOM_FIRST 16u

void heap_init(struct heap *h, uint32_t limit)
{
	must(limit > 0);
	must(limit < UINT32_MAX / 2);

	*h = (struct heap){.limit = limit};
}

void heap_fini(struct heap *h)
{
	free(h->entry);
	free(h->place);
	*h = (struct heap){.limit = h->limit};
}

static bool before(struct heap_entry a, struct heap_entry b)
{
	return a.deadline_us < b.deadline_us || (a.deadline_us == b.deadline_us && a.slot < b.slot);
}

static void settle(struct heap *h, uint32_t at, struct heap_entry e)
{
	h->entry[at] = e;
	h->place[e.slot] = at + 1;
}

/* Puts `e` where it belongs, at `at` or above it. */
static void rise(struct heap *h, uint32_t at, struct heap_entry e)
{
	while (at > 0 && before(e, h->entry[(at - 1) / 2])) {
		settle(h, at, h->entry[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	settle(h, at, e);
}

/* Puts `e` where it belongs, at `at` or below it. */
static void sink(struct heap *h, uint32_t at, struct heap_entry e)
{
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < h->count && before(h->entry[child + 1], h->entry[child]))
			child++;
		if (child >= h->count || !before(h->entry[child], e))
			break;
		settle(h, at, h->entry[child]);
		at = child;
	}
	settle(h, at, e);
}

static void mend(struct heap *h, uint32_t at, struct heap_entry e)
{
	if (at > 0 && before(e, h->entry[(at - 1) / 2]))
		rise(h, at, e);
	else
		sink(h, at, e);
}

/* Room for `slot`; there are never more entries than slots. */
static enum err grow(struct heap *h, uint32_t slot)
{
	uint32_t room = h->room == 0 ? ROOM_FIRST : h->room;

	if (slot < h->room)
		return OK;
	while (room <= slot)
		room *= 2;

	struct heap_entry *entry = realloc(h->entry, room * sizeof(*entry));
	if (entry == NULL)
		return ERR_FULL;
	h->entry = entry;
	uint32_t *place = realloc(h->place, room * sizeof(*place));
	if (place == NULL)
		return ERR_FULL;
	memset(place + h->room, 0, (room - h->room) * sizeof(*place));
	h->place = place;
	h->room = room;
	return OK;
}

enum err heap_set(struct heap *h, uint32_t slot, uint64_t deadline_us)
{
	struct heap_entry e = {.deadline_us = deadline_us, .slot = slot};

	must(slot < h->limit);
	if (deadline_us == UINT64_MAX) {
		heap_drop(h, slot);
		return OK;
	}
	if (grow(h, slot) != OK)
		return ERR_FULL;
	if (h->place[slot] == 0)
		rise(h, h->count++, e);
	else
		mend(h, h->place[slot] - 1, e);
	must(h->count <= h->room);
	return OK;
}

void heap_drop(struct heap *h, uint32_t slot)
{
	must(slot < h->limit);

	if (slot >= h->room || h->place[slot] == 0)
		return;
	uint32_t at = h->place[slot] - 1;
	must(at < h->count);
	must(h->entry[at].slot == slot);

	struct heap_entry last = h->entry[--h->count];
	h->place[slot] = 0;
	if (last.slot != slot)
		mend(h, at, last);
}

uint64_t heap_get(const struct heap *h, uint32_t slot)
{
	must(slot < h->limit);

	if (slot >= h->room || h->place[slot] == 0)
		return UINT64_MAX;
	return h->entry[h->place[slot] - 1].deadline_us;
}

uint64_t heap_deadline_us(const struct heap *h)
{
	return h->count == 0 ? UINT64_MAX : h->entry[0].deadline_us;
}

bool heap_take(struct heap *h, uint64_t now_us, uint32_t *out)
{
	if (h->count == 0 || h->entry[0].deadline_us > now_us)
		return false;
	*out = h->entry[0].slot;
	heap_drop(h, *out);
	return true;
}
