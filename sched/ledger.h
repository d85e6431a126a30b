/* The director's index of jobs: what the records in the state say, in the orders that deciding needs. Derived, never
 * written: every scheduler keeps its own warm from the batches it applies, and any entry can be read anew.
 *
 * Invariants:
 *  1. One entry for each job in the state, and for each submit under way (`fresh`).
 *  2. `busy` is the token of the one batch in flight that changes the job; a busy entry shows what will be when that is
 *     committed, and nothing else is decided about it until then.
 *  3. A job waits in the queue exactly while it is queued and not busy.
 *  4. A job stands at a hand, and takes one of its slots, exactly while its entry is held. */
#ifndef SCHED_LEDGER_H
#define SCHED_LEDGER_H

#include "sched/crew.h"
#include "sched/job.h"
#include "sched/kv.h"
#include "sched/queue.h"

struct fresh; /* sched/director_part.h */

struct entry {
	struct place_in_queue queued; /* first: an entry is found from its place */
	struct id id;
	struct id worker;
	uint64_t worker_boot;
	uint64_t submitted_us;
	uint64_t ended_us;
	uint64_t busy;
	struct fresh *fresh;
	struct hand *hand;
	struct entry *hand_older, *hand_newer;
	struct entry *older, *newer; /* in its list */
	enum job_state state;
	uint32_t step;
	uint32_t number;
	uint8_t on_lost; /* enum on_lost */
	uint8_t priority;
	bool heard; /* its worker said, to this director, that it has the attempt */
	bool ended; /* which list */
};

struct entries {
	struct entry *oldest, *newest;
	uint32_t count;
};

struct slab;

struct ledger {
	struct slab *
		slabs; /* where entries lie: hundreds of thousands cost their own size and no more */
	struct entry *spare;  /* free ones, by `newer` */
	struct entry **table; /* open addressing by id */
	size_t room;          /* a power of two, or 0 */
	size_t count;
	struct queue queue;
	struct entries active; /* by submit */
	struct entries ended;  /* by end */
	struct crew *crew;
};

void ledger_init(struct ledger *l, struct crew *crew);
void ledger_fini(struct ledger *l);
struct entry *ledger_find(const struct ledger *l, struct id job);
/* Takes over what the record says; makes the entry when there is none. */
struct entry *ledger_note(struct ledger *l, const struct job *job);
void ledger_forget(struct ledger *l, struct entry *e);
/* Sets `busy` (0: settled), which may take the job out of the queue or let it in. */
void ledger_busy(struct ledger *l, struct entry *e, uint64_t token);
/* Forgets all and reads the map anew. Counts the records it can not read in `bad`. */
void ledger_load(struct ledger *l, const struct kv *map, uint32_t *bad);
struct attempt entry_attempt(const struct entry *e);
/* Nothing of it is under way to the store. */
bool entry_is_settled(const struct entry *e);
/* Its worker can not be reached now. */
bool entry_is_unknown(const struct entry *e);

#endif
