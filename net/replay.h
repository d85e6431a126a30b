/* What was already received: a sliding window for each sender, by boot and counter.
 *
 * Only authenticated senders have an entry, so the table is as large as the cluster. When REPLAY_MAX senders are held,
 * those not heard of since the last such moment are forgotten: memory is bounded by twice that, and whoever speaks is
 * remembered. (What a forgotten sender said could be repeated once; SWIM's incarnations outlive it.)
 *
 * Invariants
 *   1  A (sender, boot, counter) is admitted at most once while its sender is remembered.
 *   2  A boot older than the newest admitted one is refused: a restart ends all that was said before it. */
#ifndef NET_REPLAY_H
#define NET_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "core/id.h"
#include "core/limits.h"

#define REPLAY_WORDS (REPLAY_WINDOW / 64u)

struct replay_entry {
	struct id sender; /* none: a free slot */
	uint64_t boot;
	uint64_t newest;             /* highest counter seen */
	uint64_t seen[REPLAY_WORDS]; /* a ring: bit (counter % REPLAY_WINDOW) */
};

/* Open addressing, a power of two, at most three quarters full. */
struct replay_table {
	struct replay_entry *slot;
	uint32_t slots;
	uint32_t used;
};

struct replay {
	struct replay_table young; /* heard of since the tables last changed places */
	struct replay_table old;
	uint32_t max; /* REPLAY_MAX; less in tests */
};

void replay_init(struct replay *r, uint32_t max);
void replay_fini(struct replay *r);
/* To be asked only for what was authenticated. Counters count from 1. ERR_REPLAYED; ERR_FULL: no memory, nothing was
 * remembered and the datagram must be dropped. */
MUST_USE enum err replay_admit(struct replay *r, struct id sender, uint64_t boot, uint64_t counter);
uint32_t replay_count(const struct replay *r); /* senders remembered, at most 2 * max */

#endif
