/* A few neighbouring rows of the map in one piece of memory, in order of their keys: what a tree's node costs is shared by
 * several. It is never changed once others may see it: a change makes another.
 *
 * Each row: key length 4 | value length 4 | key | value. */
#ifndef SCHED_ROWS_H
#define SCHED_ROWS_H

#include <stdbool.h>

#include "core/bytes.h"

/* Beyond that two are made of it; one row alone may be longer. */
#define ROWS_MAX 1024u

struct rows {
	uint32_t refs; /* tree nodes that show it */
	uint32_t len;
	uint8_t bytes[];
};

struct row {
	struct bytes key;
	struct bytes value;
	uint32_t at; /* offset */
	uint32_t len;
};

/* With one reference, which is the caller's. */
struct rows *rows_of_one(struct bytes key, struct bytes value);
void rows_drop(struct rows *r); /* one reference */
struct bytes rows_first(const struct rows *r);
struct row rows_at(const struct rows *r, uint32_t at);
/* The first row whose key is not below `key`; false when all are below: then row->at is the end. */
bool rows_find(const struct rows *r, struct bytes key, struct row *row);
/* New ones: as `r`, with this row at `at`, where it is in order, in the place of the `gone` bytes that stand there. */
struct rows *rows_with(const struct rows *r, uint32_t at, uint32_t gone, struct bytes key,
		       struct bytes value);
/* The same with nothing in their place. Some are left. */
struct rows *rows_without(const struct rows *r, uint32_t at, uint32_t gone);
/* When `*r` is too long and has several rows: `*r` becomes its front, and what is returned the rest; else NULL. `*r` is
 * the caller's alone. */
struct rows *rows_split(struct rows **r);

#endif
