/* The timers inside a core: a heap of deadlines, one for each slot that has any.
 *
 * The handle is the owner's own slot number (of its array, or of a table), so a timer is moved or dropped without being
 * looked for. Equal deadlines come in the order of their slots: the same in every run. */
#ifndef CORE_HEAP_H
#define CORE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

struct heap_entry {
	uint64_t deadline_us;
	uint32_t slot;
};

struct heap {
	struct heap_entry *entry; /* the parent of entry i is entry (i - 1) / 2, and never later */
	uint32_t *place;          /* of each slot: 1 + its entry's index, 0 when it has none */
	uint32_t count;
	uint32_t room;  /* entries and places allocated */
	uint32_t limit; /* slots at most */
};

/* In place, holding nothing; slots are 0 … limit - 1. */
void heap_init(struct heap *h, uint32_t limit);
void heap_fini(struct heap *h);
/* The slot's deadline, new or moved; UINT64_MAX drops it. ERR_FULL without memory, never for a slot that has a deadline. */
MUST_USE enum err heap_set(struct heap *h, uint32_t slot, uint64_t deadline_us);
void heap_drop(struct heap *h, uint32_t slot); /* absent is fine */
/* UINT64_MAX when it has none. */
uint64_t heap_get(const struct heap *h, uint32_t slot);
/* The earliest of all; UINT64_MAX when there is none. */
uint64_t heap_deadline_us(const struct heap *h);
/* Removes the earliest that has come by `now_us` and answers its slot in `out`; false when none has. */
bool heap_take(struct heap *h, uint64_t now_us, uint32_t *out);

#endif
