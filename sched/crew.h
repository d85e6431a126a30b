/* Workers as the director knows them: a `hand` for each. What is committed of one is only its registration; that it is
 * connected, what it holds and when it was last heard lives here, in memory, and is learnt anew by every director.
 *
 * Invariants:
 *  1. Hands stand in the order of their ids, once each; no order is taken from addresses.
 *  2. An attached hand is registered or about to be, and has a peer to send to.
 *  3. A lease counts as over only `1.1 x lease + 200 ms` after the last thing that could have begun one: the director's
 *     own beginning, the attach, its last answer to a question, its last order. Clock rates differ by 5 % at most.
 *  4. Whoever asks for a lease stands in the line; their fences never fall along it, and those without one stand last. */
#ifndef SCHED_CREW_H
#define SCHED_CREW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "core/facts.h"
#include "core/id.h"
#include "core/tell.h"
#include "sched/order.h"

struct entry; /* sched/ledger.h */

/*                   hand_attach, registration committed
 *   DISCONNECTED ----------------------------------> CONNECTED <-> DRAINING (offers no slot at all)
 *        ^                                               |
 *        +-------- hand_detach (link down, silent) ------+    INCOMPATIBLE: connected, of another fingerprint */
enum hand_state {
	HAND_DISCONNECTED,
	HAND_CONNECTED,
	HAND_INCOMPATIBLE,
	HAND_DRAINING,
};

struct hand {
	struct id id;
	/* from gossip */
	bool is_worker; /* its facts say so */
	bool is_scheduler;
	enum member_state member;
	char name[NAME_MAX_LEN + 1];
	char version[VERSION_MAX_LEN + 1];
	struct addr addr;
	uint8_t fingerprint[16];
	bool has_facts;
	uint64_t life; /* the node's boot, as its facts say */
	/* from the state */
	bool registered;
	uint8_t machine_boot[16];
	/* of this directorship */
	bool linked; /* peer.link stands */
	bool attached;
	bool accepted; /* ATTACHED went out: orders may follow it */
	bool again;    /* a job it holds was changing when it attached: it must attach once more */
	bool rests;    /* it refused an attempt a moment ago */
	struct peer peer;
	uint64_t boot;
	uint64_t serial; /* of its last ATTACH in that boot */
	uint32_t slots;
	uint64_t heard_us;
	uint64_t lease_from_us; /* what a lease could have begun at */
	uint64_t asked_us;      /* its question, by its own clock */
	uint64_t ask_fence;     /* the fence that must answer first; 0: none begun */
	bool asks;
	bool in_line; /* stands in the crew's line of those who ask, or asked */
	struct hand *line_before, *line_after;
	/* jobs that hold a slot here, and how many: kept by the ledger */
	struct entry *jobs;
	uint32_t used;
};

struct crew {
	struct hand **hand; /* by id */
	uint32_t count;
	uint32_t room;
	uint8_t fingerprint[16];             /* our own; all zero: not compared */
	struct hand *line_first, *line_last; /* who asks for a lease, in the order of asking */
};

void crew_init(struct crew *r, const uint8_t fingerprint[16]);
void crew_fini(struct crew *r);
struct hand *crew_find(const struct crew *r, struct id id);
/* Finds or makes; NULL when there are CREW_MAX already. */
struct hand *crew_add(struct crew *r, struct id id);
/* Index of the first hand whose id is greater than `after`; `count` when there is none. */
uint32_t crew_after(const struct crew *r, struct id after);

void hand_member(struct hand *h, enum member_state state, const struct facts *facts);
void hand_attach(struct hand *h, const struct attach *a, const struct peer *peer, uint64_t now_us);
void hand_detach(struct hand *h);
enum hand_state hand_state(const struct crew *r, const struct hand *h);
const char *hand_state_name(enum hand_state state);
/* Whether people are told of it: a scheduler's own worker that offers nothing is none to speak of. */
bool hand_counts(const struct hand *h);
/* May take one more attempt now. */
bool hand_is_free(const struct crew *r, const struct hand *h);
/* Its name, or its id while nobody told the name. Into `out`, returned. */
const char *hand_name(const struct hand *h, char out[NAME_MAX_LEN + 1]);
/* When whatever it runs has surely ended, if nothing is heard. */
uint64_t hand_lease_over_us(const struct hand *h, uint32_t lease_ms);
/* It asks for a lease, and stands last in the line, once. */
void crew_ask(struct crew *r, struct hand *h, uint64_t asked_us);
/* Those who asked since the last fence wait for this one. */
void crew_fence(struct crew *r, uint64_t token);
/* Takes the next one out that waited for this fence; NULL when there is none left. Fences end in their order. */
struct hand *crew_fenced(struct crew *r, uint64_t token);
/* A lease may begin now. */
void hand_lease(struct hand *h, uint64_t now_us);

#endif
