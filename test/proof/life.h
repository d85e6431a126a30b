/* A life out of one seed: a cluster of 3, 5 or 7 nodes and two spare ones, its clients, faults, then calm. */
#ifndef TEST_PROOF_LIFE_H
#define TEST_PROOF_LIFE_H

#include "test/proof/world.h"

struct lives {
	uint64_t lives, steps, acked, unknown, ops, given_up, elections;
	uint64_t disks_lost, put_back, copied, orderly, left, joined, snapshots, changes;
};

/* What it broke, or NULL; `nodes` 0: by the seed. Adds to `sum`. */
const char *life_run(uint64_t seed, uint32_t nodes, bool loud, struct lives *sum);

#endif
