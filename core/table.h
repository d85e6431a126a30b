/* From an id to a slot number: an open hash table that grows as it fills.
 *
 * The slot is an index into an array of the owner's; the table knows nothing of it. There is no walk: an order that
 * came from hashing would be no order; whoever needs one walks its own array. The same calls give the same table on every
 * machine and in every run. */
#ifndef CORE_TABLE_H
#define CORE_TABLE_H

#include <stdint.h>

#include "core/err.h"
#include "core/id.h"

#define TABLE_NONE UINT32_MAX

struct table_cell {
	struct id id;
	uint32_t slot; /* TABLE_NONE: empty */
};

struct table {
	struct table_cell *cell;
	uint32_t room; /* cells: a power of two, or 0 */
	uint32_t count;
	uint32_t limit; /* ids at most */
};

/* In place, holding nothing. */
void table_init(struct table *t, uint32_t limit);
void table_fini(struct table *t);
/* TABLE_NONE when absent. */
uint32_t table_find(const struct table *t, struct id id);
/* ERR_EXISTS when the id has a slot; ERR_FULL at the limit, or without memory. */
MUST_USE enum err table_add(struct table *t, struct id id, uint32_t slot);
/* Removes the id and answers its slot; TABLE_NONE when absent. */
uint32_t table_take(struct table *t, struct id id);

#endif
