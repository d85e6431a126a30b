/* Who the members of the store are: voters, and learners that only follow. One set is one entry of the log and counts
 * from the moment it is in the log, committed or not (Ongaro's thesis, 4.1).
 *
 * Two sets that follow one another differ in one vote, so that their majorities overlap; or the set between them is
 * joint (4.3): it holds both, and whatever needs a majority needs one of each. The new set alone follows when the joint
 * one is committed.
 *
 * A seat also holds its voter's last start, so that a log that was put back or copied is noticed by any later leader.
 *
 * Packed: [[voter, node, scheduler, votes, boot, nonce, voted, goes], …]; the first version wrote the first four, and
 * reads no more. */
#ifndef SCHED_STORE_VOTERS_H
#define SCHED_STORE_VOTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/id.h"
#include "core/limits.h"
#include "sched/store/log.h"

struct seat {
	struct id
		voter; /* drawn when its wal was made: a node that lost its wal comes back as another */
	struct id node;
	bool scheduler; /* else a witness: never directs, sees sealed bytes only */
	bool votes;     /* else a learner */
	bool voted;     /* joint set: in the one before */
	bool goes;      /* joint set: it has no seat in the new one */
	uint64_t boot;  /* of its last start that a leader heard; 0: none yet */
	uint64_t nonce; /* of that start */
};

struct voters {
	uint32_t count;
	struct seat seat[STORE_REPLICAS_MAX];
};

#define VOTERS_NONE UINT32_MAX

uint32_t voters_find(const struct voters *v, struct id voter); /* VOTERS_NONE: not there */
uint32_t voters_find_node(const struct voters *v, struct id node);
uint32_t voters_count(const struct voters *v); /* who vote; of a joint set: in the new one */
uint32_t voters_quorum(const struct voters *v);
/* In either set of a joint one. */
bool voters_votes(const struct voters *v, struct id voter);
/* Nobody else votes. */
bool voters_is_alone(const struct voters *v, struct id voter);
void voters_add(struct voters *v, struct seat seat); /* there is room */
void voters_remove(struct voters *v, uint32_t at);

/* By seat: who says yes. A majority does, of both sets of a joint one. */
bool voters_agree(const struct voters *v, const bool yes[STORE_REPLICAS_MAX]);
/* By seat: what each has reached. The highest that a majority has, of both sets of a joint one. */
uint64_t voters_reached(const struct voters *v, const uint64_t value[STORE_REPLICAS_MAX]);

/* The votes of at most one seat differ. */
bool voters_is_one_step(const struct voters *a, const struct voters *b);
bool voters_is_joint(const struct voters *v);
/* Both in one; false when they do not fit. */
MUST_USE bool voters_join(const struct voters *from, const struct voters *to, struct voters *out);
/* The new set of a joint one. */
struct voters voters_settled(const struct voters *v);

MUST_USE enum err voters_put(const struct voters *v, struct buffer *out);
MUST_USE enum err voters_get(struct bytes packed, struct voters *out);
/* A known kind of entry, and when it is a set, a good one: asked of everything from disk and wire. */
bool entry_is_whole(uint8_t kind, struct bytes body);

#endif
