/* Members: everyone a view knows, living or not, by id.
 *
 * What is known of a member is a claim: (boot, incarnation, state). Claims of one life are ordered; the newer one
 * stands, and only the member itself can make one with a higher incarnation (SWIM, 4.2). We differ from the paper in
 * that `dead` too is refuted by a higher incarnation: a partition that heals must not need a restart.
 *
 *              move_admit              move_doubt             move_bury
 *   (unknown) ------------> ALIVE <------------------> SUSPECT -----------> DEAD
 *                            ^  ^      move_alive        |                  |
 *                            |  +-------------------------+------------------+ move_alive, higher incarnation
 *                            |                            |                  |
 *                            |       move_left: signed by the leaver        |
 *                            |                            v                  v
 *                            +-------------------------- LEFT             (reaped: only a floor remains)
 *                              move_admit: higher boot    |                 ^
 *                                                          +-----------------+ members_reap
 *
 * Members stand in slots which do not move, so that rumors and probes may name one by number. The living (ourselves
 * left out) and the gone each have a dense list of slots; that of the living is at the same time the order in which
 * they are probed. */
#ifndef GOSSIP_MEMBER_H
#define GOSSIP_MEMBER_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/rng.h"
#include "core/table.h"
#include "core/tell.h"
#include "gossip/card.h"

#define SLOT_NONE UINT32_MAX

struct suspicion;

/* A leaver's signature, kept to be handed on. */
struct farewell {
	uint8_t signature[64];
};

struct member {
	struct id id;
	uint64_t boot;
	uint64_t incarnation;
	uint64_t since_us; /* in this state */
	struct card *card; /* held */
	union {
		struct suspicion *suspicion; /* SUSPECT; owned */
		struct farewell *farewell;   /* LEFT; owned */
		struct {
			uint32_t after_ms; /* DEAD: how long it was doubted, */
			uint32_t accusers; /* and by how many */
		};
	};
	uint32_t place; /* in `living` or `gone`; SLOT_NONE for ourselves */
	uint8_t state;  /* enum member_state */
	bool marked;    /* named in the summary being compared */
};

static_assert(sizeof(struct member) <= 64, "status of a member: one cache line");

/* What was once known of a member that was reaped: nothing at or below it is believed again (invariant 4). */
struct floor {
	struct id id; /* none: unused */
	uint64_t boot;
	uint64_t incarnation; /* UINT64_MAX: it left */
};

struct slots {
	uint32_t *at;
	uint32_t count, room;
};

struct members {
	struct member *at; /* an id of none: an unused slot */
	uint32_t top, room;
	struct slots unused;
	struct slots living; /* alive and suspect, without ourselves, in probe order */
	struct slots gone;   /* dead and left */
	uint32_t cursor;     /* next of `living` to be probed in this round */
	uint32_t suspects;
	uint64_t sum; /* digest of the view: over everyone living, ourselves included */
	struct table by_id;
	struct floor *floors; /* a ring */
	uint32_t floors_next, floors_room;
	struct table floor_by_id;
};

void members_init(struct members *t);
void members_fini(struct members *t, struct cards *cards);

uint32_t members_find(const struct members *t, struct id id); /* slot or SLOT_NONE */
struct member *members_at(const struct members *t, uint32_t slot);
static inline bool member_is_here(const struct member *m)
{
	return m->state == MEMBER_ALIVE || m->state == MEMBER_SUSPECT;
}
/* Known members of any state, ourselves included. */
uint32_t members_count(const struct members *t);

/* A new member, alive. Takes over the hold on `card`. Its place in the probe order is random within what is left of
 * this round; `ourselves` has none. SLOT_NONE when MEMBERS_MAX are known. */
uint32_t members_add(struct members *t, struct card *card, uint64_t incarnation, bool ourselves,
		     struct rng *rng, uint64_t now_us);
/* A new state, incarnation or boot; drops suspicion or farewell when the state changes. `rng` places who comes back. */
void members_set(struct members *t, uint32_t slot, enum member_state state, uint64_t boot,
		 uint64_t incarnation, struct rng *rng, uint64_t now_us);
/* Takes over the hold on `card`; the one before is dropped. */
void members_card(struct members *t, struct cards *cards, uint32_t slot, struct card *card);
/* Forgets a tombstone but for its floor. */
void members_reap(struct members *t, struct cards *cards, uint32_t slot);

/* NULL when nothing is remembered. */
const struct floor *members_floor(const struct members *t, struct id id);
/* Remembers (boot, incarnation) of somebody who is not here, the newer of it and what is remembered. */
void members_floor_set(struct members *t, struct id id, uint64_t boot, uint64_t incarnation);

/* The next to be probed, once each in a round, in an order shuffled anew for each (SWIM, 4.3); SLOT_NONE: nobody. */
uint32_t members_next(struct members *t, struct rng *rng);
/* Up to `count` different slots of `list`, at random, none of them `except`; returns how many. */
uint32_t slots_pick(const struct slots *list, struct rng *rng, uint32_t except, uint32_t *out,
		    uint32_t count);

#endif
