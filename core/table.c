#include "core/table.h"

#include <stdlib.h>

#include "core/must.h"

#define ROOM_FIRST 16u
#define ROOM_MAX   (1u << 30)

/* Cells are probed one after another. At most three quarters are taken, so every probe ends at an empty one. Taking an id
 * out moves later ones of its run forward: no tombstones, and so no slow death of a table that lives long. */

void table_init(struct table *t, uint32_t limit)
{
	must(limit > 0);
	must(limit <= ROOM_MAX / 4 * 3);

	*t = (struct table){.limit = limit};
}

void table_fini(struct table *t)
{
	free(t->cell);
	*t = (struct table){.limit = t->limit};
}

/* Where an id would like to be. Ids are random, but for those who make them: the product spreads what they choose. */
static uint32_t home(const struct table *t, struct id id)
{
	return (uint32_t)((id_hash(id) * 0x9e3779b97f4a7c15u) >> 32) & (t->room - 1);
}

/* The cell that holds the id, or the empty one where it belongs. */
static uint32_t seek(const struct table *t, struct id id)
{
	must(t->count < t->room);

	uint32_t i = home(t, id);
	while (t->cell[i].slot != TABLE_NONE && !id_same(t->cell[i].id, id))
		i = (i + 1) & (t->room - 1);
	return i;
}

uint32_t table_find(const struct table *t, struct id id)
{
	return t->count == 0 ? TABLE_NONE : t->cell[seek(t, id)].slot;
}

static enum err grow(struct table *t)
{
	struct table wider = {.limit = t->limit, .room = t->room == 0 ? ROOM_FIRST : t->room * 2};

	must(wider.room <= ROOM_MAX);
	wider.cell = malloc(wider.room * sizeof(*wider.cell));
	if (wider.cell == NULL)
		return ERR_FULL;
	for (uint32_t i = 0; i < wider.room; i++)
		wider.cell[i] = (struct table_cell){.slot = TABLE_NONE};
	for (uint32_t i = 0; i < t->room; i++) {
		if (t->cell[i].slot == TABLE_NONE)
			continue;
		wider.cell[seek(&wider, t->cell[i].id)] = t->cell[i];
		wider.count++;
	}
	must(wider.count == t->count);
	free(t->cell);
	*t = wider;
	return OK;
}

enum err table_add(struct table *t, struct id id, uint32_t slot)
{
	must(slot != TABLE_NONE);

	if (table_find(t, id) != TABLE_NONE)
		return ERR_EXISTS;
	if (t->count == t->limit)
		return ERR_FULL;
	if (t->count + 1 > t->room / 4 * 3 && grow(t) != OK)
		return ERR_FULL;
	t->cell[seek(t, id)] = (struct table_cell){.id = id, .slot = slot};
	t->count++;
	return OK;
}

uint32_t table_take(struct table *t, struct id id)
{
	if (t->count == 0)
		return TABLE_NONE;

	uint32_t mask = t->room - 1;
	uint32_t hole = seek(t, id);
	uint32_t slot = t->cell[hole].slot;
	if (slot == TABLE_NONE)
		return TABLE_NONE;

	for (uint32_t i = (hole + 1) & mask; t->cell[i].slot != TABLE_NONE; i = (i + 1) & mask) {
		/* It may move when the hole is not before its home on the way here. */
		uint32_t way = (i - home(t, t->cell[i].id)) & mask;

		if (way >= ((i - hole) & mask)) {
			t->cell[hole] = t->cell[i];
			hole = i;
		}
	}
	t->cell[hole] = (struct table_cell){.slot = TABLE_NONE};
	t->count--;
	return slot;
}
