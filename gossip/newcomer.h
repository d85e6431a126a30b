/* Members heard of, but not yet believed: a claim waits here for the facts it names, and the facts for their signature.
 *
 *             newcomer_want             newcomer_facts              claim_verified: good
 *   (unknown) -------------> WANTED ---------------------> CHECKING -------------------> (a member)
 *                              |  newcomer_late, five times    | bad
 *                              +------------> (forgotten) <----+
 */
#ifndef GOSSIP_NEWCOMER_H
#define GOSSIP_NEWCOMER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "core/table.h"
#include "gossip/message.h"

/* Who said something, and how an answer gets there. */
struct source {
	struct id id;
	bool stream;
	struct addr addr; /* datagrams */
	struct peer peer; /* streams */
	uint64_t request; /* streams: of the frame that is answered */
	bool introduction; /* it tells us, who were alone, of those who know each other: no news to anybody */
};

struct newcomer {
	struct update claim;
	struct source source; /* who told us last */
	uint64_t asked_us;
	uint64_t token;      /* CHECKING: of the VERIFY; else 0 */
	struct facts *facts; /* CHECKING; owned */
	uint8_t tries;
};

struct newcomers {
	struct newcomer *at;
	uint32_t count, room;
	struct table by_id;
};

void newcomers_init(struct newcomers *n);
void newcomers_fini(struct newcomers *n);
/* NULL when absent; until the next change. */
struct newcomer *newcomers_find(struct newcomers *n, struct id id);
struct newcomer *newcomers_by_token(struct newcomers *n, uint64_t token);
/* The place for this claim: a new one, or that of an older claim of the same member, which is replaced unless both name
 * the same facts: then the newer claim stands and what was done for the facts stays. NULL when full. */
struct newcomer *newcomers_want(struct newcomers *n, const struct update *claim,
				const struct source *source);
void newcomers_drop(struct newcomers *n, struct id id);

#endif
