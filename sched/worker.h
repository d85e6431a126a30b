/* The worker: takes a director's orders, has them run by its keeper, and reports what became of them.
 *
 * It is a core without I/O that composes four parts: bond (whom to obey, until when), spool (what was accepted, on our
 * own disk), the keeper's words (who runs), and follow (who reads output).
 *
 *   ORDER -> spool it, sync -> REPORT taken -> keeper: spawn -> REPORT started -> exit -> spool the result, sync
 *         -> REPORT ended, repeated until REPORTED -> only its output is kept
 *
 * Invariants:
 *  1. No attempt starts before its order is in the spool, synced; and none starts twice, whatever dies in between.
 *  2. A result is in the spool, synced, before it is reported, and is reported until its commit is acknowledged.
 *  3. Nothing is obeyed but the one channel that accepted us last; the epoch it showed is synced before it is obeyed;
 *     an older one, or another store's while attempts of ours are held, is refused.
 *  4. Nothing starts without a lease that still runs, and the keeper knows that lease's end before it starts it.
 *  5. It attaches only after its keeper told all it holds, and after what the spool does not know of that was killed.
 *  6. What its keeper lost, and what was ended by the lease or with the keeper, is never started again: it is missing
 *     in the inventory, so that its on_lost decides; a repeated order for it is refused when another attempt may begin, else
 *     answered with its end, code 137. */
#ifndef SCHED_WORKER_H
#define SCHED_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/disk.h"
#include "core/event.h"
#include "core/id.h"
#include "core/limits.h"
#include "core/outbox.h"

struct worker_config {
	struct id self;
	uint64_t boot;            /* the agent's, ordered */
	uint8_t machine_boot[16]; /* the kernel's boot id */
	uint64_t seed;
	bool scheduler; /* this node is a scheduler, too: it may attach to itself */
	bool offers;    /* takes orders from the start (see worker_offer) */
	uint32_t slots; /* 1..SLOTS_MAX */
	uint32_t lease_ms;
	uint32_t kill_after_ms; /* for orders that name none */
	uint64_t
		max_output; /* bytes of each stream kept of an attempt, for orders that name none */
	char name[NAME_MAX_LEN + 1];
	const char *root; /* absolute data directory; copied */
	const char *path; /* PATH, HOME, LANG of the jobs; copied; NULL or "": chosen */
	const char *home;
	const char *lang;
	const char *user; /* jobs run as this user; NULL or "": the keeper's choice */
};

struct worker;

/* Reads the spool. NULL when it can not be used; `why` (200 bytes) then holds a sentence. */
struct worker *worker_open(const struct worker_config *c, const struct disk *disk, uint64_t now_us,
			   char why[200]);
void worker_close(struct worker *w);
/* TELL_MEMBER, LINK, FRAME (direct, attached, order, reported, lease, end, call of CALL_OUTPUT), KEEPER, DISK, READ,
 * WAKE. */
void worker_step(struct worker *w, const struct event *e, struct outbox *o);
uint64_t worker_deadline_us(const struct worker *w);
/* Whether it takes orders now: its offer is `slots`, or none. What runs goes on. */
/* The store that it obeyed last; none: none yet. */
struct id worker_store(const struct worker *w);
/* A person retired that store: another is followed, even though attempts of it are held. */
void worker_retired(struct worker *w, struct id store);
void worker_offer(struct worker *w, uint64_t now_us, bool offers, struct outbox *o);

/* Whom it obeys now; false: nobody. */
bool worker_director(const struct worker *w, struct peer *out);
/* For status: attempts that hold a slot, and all slots. */
uint32_t worker_running(const struct worker *w);
uint32_t worker_slots(const struct worker *w);

#endif
