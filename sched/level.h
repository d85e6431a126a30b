/* The level of the state: how new the things are that may stand in it.
 *
 * Programs of two versions may live in one cluster while it is upgraded, and an older one must never be given what it can
 * not read. So each says the highest level it knows (the store's hello carries it); the director raises the state's level,
 * one row in the map, when every voter and every scheduler that is there has announced at least that; and nothing of a
 * level is written before its row is committed. Who meets a higher level than it knows, or a kind of row it does not know, stops
 * with that sentence before it acts: at the start, by a batch, or by a snapshot.
 *
 * The row is `level`: [n]. No row: level 1. It never falls: to go back, an older program needs an older state.
 *
 *     level   since                      what may be written from then on
 *       1     the first version          what is there today; the rows role, held and audit, which the first version skips */
#ifndef SCHED_LEVEL_H
#define SCHED_LEVEL_H

#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"
#include "sched/kv.h"

#define LEVEL_NOW   1u /* what this program knows, and writes once it is the state's */
#define LEVEL_FIRST 1u

struct level {
	uint32_t known;     /* by this program */
	uint32_t state;     /* the row's */
	uint32_t announced; /* by everyone that counts; 0: not by everyone yet */
	uint64_t token;     /* of the batch that raises it; 0: none */
};

/* `known` 0: LEVEL_NOW. */
void level_init(struct level *l, uint32_t known);
/* Of the row, or LEVEL_FIRST without one. UINT32_MAX: it can not be read, so it is newer than all we know. */
uint32_t level_of(const struct kv *map);
uint32_t level_get(struct bytes row);
MUST_USE enum err level_put(uint32_t n, struct buffer *out);
struct bytes level_key(void);
/* What the state is to be raised to now; 0: it stays. */
uint32_t level_due(const struct level *l);
/* ERR_VERSION, and the sentence in `why`, when the state is newer than what is known. */
MUST_USE enum err level_fits(uint32_t state, uint32_t known, char why[200]);
/* The sentence for a row of an unknown kind. */
void level_strange(struct bytes key, char why[200]);

#endif
