/* Seeds: addresses known in advance. Plain addresses are given as they are; names are resolved, again before each try.
 *
 * One seed:
 *                  its time has come (seed_try), a name
 *   SEED_WAITING ----------------------------------------> SEED_ASKING
 *        ^                                                      |
 *        +--- RESOLVED (static_resolved), or no answer in time -+
 *
 * Every answer gives its addresses, a failed one those of the last good answer. The wait doubles up to its bound, with
 * jitter; a join with one of its addresses sets it to the slow pace, which never ends. */
#ifndef DISCOVERY_STATIC_H
#define DISCOVERY_STATIC_H

#include "core/limits.h"
#include "core/rng.h"
#include "discovery/discovery.h"

#define SEED_ADDRS_MAX 16u /* kept of one name's addresses */
#define SEED_GIVEN_MAX 4u  /* of them, in one try, drawn at random: the next try draws others */

_Static_assert(SEEDS_MAX *SEED_GIVEN_MAX <= CANDIDATES_MAX, "a round of seeds is within its bound");

enum seed_state { SEED_WAITING, SEED_ASKING };

struct seed {
	enum seed_state state;
	bool plain;  /* an address, nothing to resolve */
	bool joined; /* a join with one of its addresses succeeded */
	bool self;   /* ... and it was with ourselves */
	uint16_t port;
	uint32_t wait_ms; /* longest wait before the next try */
	uint64_t due_us;  /* WAITING: next try; ASKING: no answer is waited for after this */
	uint64_t token;   /* of the question under way */
	uint64_t answered_us;
	enum err error; /* of the last question */
	uint32_t count;
	struct addr addr[SEED_ADDRS_MAX];
	char name[CONFIG_HOST_MAX + 1];
};

struct statics {
	const struct discovery_config *config;
	struct rng rng;
	bool joined; /* with anybody */
	uint64_t questions;
	uint32_t count;
	struct seed *seed;
};

/* False without memory. */
MUST_USE bool static_init(struct statics *s, const struct discovery_config *config,
			  uint64_t now_us);
void static_fini(struct statics *s);
void static_wake(struct statics *s, uint64_t now_us, struct outbox *outbox);
void static_resolved(struct statics *s, const struct event *event, struct outbox *outbox);
/* A join with `a` succeeded, and `id` was there. */
void static_joined(struct statics *s, struct addr a, struct id id, uint64_t now_us);
uint64_t static_deadline_us(const struct statics *s);
void static_sheet(const struct statics *s, uint64_t now_us, struct sheet *sheet);

#endif
