/* The worker's inside, shared by its files only:
 *
 *   worker.c        what comes in, attaching, leases, deadlines
 *   worker_run.c    an attempt's way through spool and reports
 *   worker_keep.c   the keeper's words */
#ifndef SCHED_WORKER_PART_H
#define SCHED_WORKER_PART_H

#include "sched/bond.h"
#include "sched/follow.h"
#include "sched/keeper_wire.h"
#include "sched/spool.h"
#include "sched/worker.h"

#define ROOT_MAX 384u /* a data directory's path: what stands beneath it must fit KEEPER_TEXT_MAX */

/*   KEEPER_ABSENT --keep_ask--> KEEPER_ASKED --WHOLE--> KEEPER_KNOWN
 *        ^------------- EVENT_KEEPER down ---+---------------+
 *        +------------- keep_on: one of an earlier agent holds nothing any more: let go, and it ends
 *
 * So what an upgrade leaves running is kept by the keeper that it has, to its end, and what comes later by one of this
 * program. */
enum keeper_state {
	KEEPER_ABSENT, /* asked again at keeper_us */
	KEEPER_ASKED,
	KEEPER_KNOWN,
};

struct worker {
	struct id self;
	uint64_t boot;
	uint8_t machine_boot[16];
	uint32_t slots;
	char name[NAME_MAX_LEN + 1]; /* the node's, for its jobs to see */
	bool offers;
	uint32_t kill_after_ms;
	uint64_t max_output;
	char root[ROOT_MAX];
	char path[KEEPER_TEXT_MAX];
	char home[KEEPER_TEXT_MAX];
	char lang[NAME_MAX_LEN + 1];
	char user[NAME_MAX_LEN + 1];

	struct bond bond;
	struct spool spool;
	struct follow follow;

	uint64_t now_us;
	uint64_t wall_us;
	uint64_t token; /* of disk and reads: the last one used */
	/* the highest epoch on the disk is spool.highest; while another is on its way nothing is done for it */
	uint64_t epoch_token;
	struct fence epoch_put;
	/* keeper */
	enum keeper_state keeper;
	uint64_t keeper_us; /* ask it (again) */
	uint32_t keeper_fails;
	bool keeper_inherited; /* it lives since before this agent, and may be of another version */
	uint64_t keeper_spent_us; /* inherited: since when it holds nothing; 0: it does */
	uint32_t
		strays; /* children it holds that the spool does not know: killed before we attach */
	/* said once */
	bool registered;
	struct id director;
	struct epoch director_epoch;

	struct buffer scratch;
};

/* The epoch obeyed is on the disk. */
bool worker_synced(const struct worker *w);

/* --- worker_run.c --- */
void run_order(struct worker *w, const struct event *e, struct outbox *o);
void run_end(struct worker *w, const struct event *e, struct outbox *o);
void run_reported(struct worker *w, const struct event *e, struct outbox *o);
void run_disk(struct worker *w, const struct event *e, struct outbox *o);
void run_read(struct worker *w, const struct event *e, struct outbox *o);
/* Moves every attempt as far as it can go now, and repeats what is due. */
void run_turn(struct worker *w, struct outbox *o);
uint64_t run_deadline_us(const struct worker *w);
/* Says where it stands to the director, when there is one. */
void run_report(struct worker *w, const struct spooled *one, struct outbox *o);
void run_started(struct worker *w, struct spooled *one, int32_t pid, struct outbox *o);
/* Its end is known (fields are set): its tails and status go to the disk, then it is reported. */
void run_ended(struct worker *w, struct spooled *one, struct outbox *o);
bool run_holds_slot(const struct spooled *one);
/* Part of the inventory. */
bool run_is_held(const struct spooled *one);

/* --- worker_keep.c --- */
void keep_event(struct worker *w, const struct event *e, struct outbox *o);
void keep_on(struct worker *w, struct outbox *o);
uint64_t keep_deadline_us(const struct worker *w);
void keep_lease(struct worker *w, struct outbox *o);
void keep_spawn(struct worker *w, struct spooled *one, struct outbox *o);
void keep_kill(struct worker *w, struct spooled *one, struct outbox *o);
void keep_ack(struct worker *w, struct attempt a, struct outbox *o);
/* The inventory is whole: schedulers may be shown it. */
bool keep_is_whole(const struct worker *w);

#endif
