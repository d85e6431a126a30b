/* Jobs that wait for a worker: by priority, then by age. One list for each priority, oldest first; the links stand in
 * the entry that waits, so that nothing is allocated and any entry can leave from the middle.
 *
 * Invariant: along a list, age never falls. */
#ifndef SCHED_QUEUE_H
#define SCHED_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/limits.h"

/* Embedded in what waits. All zero: waits nowhere. */
struct place_in_queue {
	struct place_in_queue *older;
	struct place_in_queue *newer;
	uint64_t age; /* stamp of the submit: smaller is older */
	uint32_t priority;
	bool waits;
};

struct queue {
	struct place_in_queue *oldest[JOB_PRIORITY_MAX + 1];
	struct place_in_queue *newest[JOB_PRIORITY_MAX + 1];
	uint32_t count;
};

void queue_init(struct queue *q);
/* A job that comes back (its worker was lost) goes to where its age belongs. */
void queue_add(struct queue *q, struct place_in_queue *p, uint32_t priority, uint64_t age);
void queue_leave(struct queue *q, struct place_in_queue *p); /* harmless when it does not wait */
/* Whose turn it is: the oldest of the highest priority; NULL when nobody waits. */
struct place_in_queue *queue_first(const struct queue *q);

#endif
