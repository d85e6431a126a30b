/* What the director's files share; nobody else includes it.
 *
 *   director.c        composes: events, the turn, leadership
 *   director_state.c  the map, batches, and what is promised for them
 *   director_work.c   workers: attach, report, lease, loss
 *   director_call.c   clients: submit, wait, cancel
 *   director_sheet.c  clients: the tables
 *   director_keep.c   history and keys: what is deleted, and when
 *   director_role.c   the role: how it came, how it goes, for whom it is held
 *   director_switch.c clients: who moves the role, and the audit of it
 *   director_drill.c  clients: who rehearses its loss */
#ifndef SCHED_DIRECTOR_PART_H
#define SCHED_DIRECTOR_PART_H

#include "core/call.h"
#include "core/rng.h"
#include "sched/crew.h"
#include "sched/director.h"
#include "sched/flight.h"
#include "sched/job_pack.h"
#include "sched/ledger.h"
#include "sched/level.h"
#include "sched/place.h"
#include "sched/role_pack.h"
#include "sched/waiter.h"

/* A submit that no batch holds yet, or whose batch is in flight. */
struct fresh {
	struct id job;
	char key[JOB_KEY_MAX + 1];
	uint64_t key_until_us;
	uint64_t digest;
	struct reply reply;
	struct buffer record;
	uint64_t token; /* of its batch; 0: none yet */
	struct fresh *next;
};

/* A cancel that came while a batch in flight changes the job. */
struct wish {
	struct id job;
	struct reply reply;
};

/* A "no such job" that a director which others have followed may not say: it waits for a fence. */
struct doubt {
	char name[ID_TEXT_LEN + 1];
	struct reply reply;
	uint64_t token; /* of the fence; 0: not begun */
};

/*              switch_over, our own worker runs        it runs nothing
 *   MOVE_NONE --------------------------> MOVE_WAITS --------------------> MOVE_MARKS --> MOVE_HANDS
 *     |  ^      switch_over, role_told_stop                                  ^   the mark is    |
 *     +--|-------------------------------------------------------------------+   committed      |
 *        +--- another leads (role_led), or nobody took it in time (role_work) ------------------+ */
enum move_state {
	MOVE_NONE,
	MOVE_WAITS, /* nothing new for our own worker */
	MOVE_MARKS, /* nothing new for anybody, from now on */
	MOVE_HANDS, /* leadership is on its way; nothing is committed any more */
};

struct move {
	enum move_state state;
	bool stops;   /* the node is to end: it is told when the role is gone */
	bool calls;   /* `reply` waits */
	struct id to; /* none: whoever takes it */
	struct held_row mark;
	struct reply reply;
	uint32_t uid;
	uint64_t began_us;
	uint64_t until_us;
	uint64_t again_us; /* when leadership is offered once more */
};

struct director {
	struct director_config config;
	const struct kv *map;
	struct rng rng;
	struct crew crew;
	struct ledger ledger;
	struct flights flights;
	struct waiters waiters;

	/* our directorship */
	bool serving;
	struct fence fence;
	uint64_t began_us;
	uint64_t fence_token;
	bool again;   /* of one hand at least */
	bool directs; /* workers after this one are still to be told that we direct */
	struct id direct_after;
	bool asking; /* a lease question, or a doubt, waits for a fence to begin */

	struct fresh *fresh_first, *fresh_last;
	uint32_t fresh_count;
	size_t fresh_bytes;
	struct wish *wish;
	uint32_t wishes, wishes_room;
	struct doubt *doubt;
	uint32_t doubts, doubts_room;

	/* from the batches applied */
	uint64_t position;
	uint64_t stamp_us;
	struct id turn;
	struct level level;
	bool too_old; /* the state is newer than this program: nothing more is done */

	/* the role */
	struct role_row role; /* as applied */
	struct held_row held;
	bool has_role, is_held;
	struct id retired; /* a store whose workers may come with what they hold of it */
	bool holding;      /* it is held for another: nothing new is assigned */
	bool apart; /* another generation of the same parent was met: nothing is assigned or accepted */
	bool role_due; /* `next` is to be staged */
	struct role_row next;
	struct reply role_reply; /* for whom holding ended */
	bool role_called;
	struct move move;
	bool ends; /* the node does: nothing new is assigned here any more */
	struct standby standby[STORE_REPLICAS_MAX];
	uint32_t standbys;
	bool standbys_told;
	bool keeps_vote;  /* the others are a quorum without us */
	struct id led_by; /* who led before us */
	uint64_t lost_us; /* and was last heard then */
	uint64_t hold_us; /* when to look again whether it can be given back */

	/* timers */
	uint64_t due_us;   /* no lease is over before */
	uint64_t rest_us;  /* hands rest until then; 0: none does */
	uint64_t retry_us; /* commits rest until then; 0: they do not */

	/* house-keeping */
	uint64_t history_token; /* of the batch that deletes history; 0: none */
	uint64_t keys_token;
	uint64_t keys_us; /* next look */
	struct buffer keys_at;
	uint32_t keys_seen, keys_known;

	uint64_t now_us, wall_us; /* of the step or turn */
	struct buffer record;     /* one being packed */
	struct buffer body;
	struct director_figures figures;
};

/* --- director.c --- */
/* It serves no longer: nobody gets an order or an answer from it. */
void director_stop(struct director *d, const char *why, struct outbox *o);

/* --- director_state.c --- */
/* Everything derived from the map, read anew. `o` may be NULL: nobody is told what could not be read. */
void state_load(struct director *d, struct outbox *o);
void state_committed(struct director *d, const struct tell *t, struct outbox *o);
void state_applied(struct director *d, const struct tell *t, struct outbox *o);
/* The state's level, as a row says it: raised, or more than is known here. */
void state_level(struct director *d, uint32_t level, struct outbox *o);
/* After a snapshot took the place of all: its level, and whether all its rows are of a known kind. */
void state_look_over(struct director *d, struct outbox *o);
/* Raises it when that is due. */
void state_raise(struct director *d);
/* What the batch would have changed is as the map has it; who was promised an answer is told to ask again. */
void state_roll_back(struct director *d, struct flight *flight, struct outbox *o);
/* The stamp for what is decided now: never falls, never repeats. */
uint64_t director_stamp(struct director *d);
/* The record as it was last applied, or a fresh one's. */
MUST_USE enum err director_read(const struct director *d, const struct entry *e, struct job *out);
/* The changed record goes into the open batch, and the ledger shows it. The job must be settled. */
struct flight *director_stage(struct director *d, struct entry *e, const struct job *job);
/* The job's entry as the map has it now. */
void director_reload(struct director *d, struct id id);
/* One number for what a client sees of the job now. */
uint64_t director_seen(const struct director *d, const struct entry *e, const struct job *job);
/* Waiters of the job hear what changed. */
void director_notify(struct director *d, const struct entry *e, struct outbox *o);

/* --- director_work.c --- */
void work_attach(struct director *d, const struct event *e, struct outbox *o);
void work_report(struct director *d, const struct event *e, struct outbox *o);
void work_lease_ask(struct director *d, const struct event *e, struct outbox *o);
void work_fenced(struct director *d, uint64_t token, enum err err, struct outbox *o);
void work_link(struct director *d, const struct event *e, struct outbox *o);
void work_member(struct director *d, const struct event *e, struct outbox *o);
/* Begins a fence for the questions that came since the last. */
void work_fence(struct director *d, struct outbox *o);
/* Leases that are over; sets due_us anew. */
void work_due(struct director *d, struct outbox *o);
/* Says that we direct, to a worker not attached. */
void work_direct(struct director *d, struct hand *h, struct outbox *o);
/* To all who are not, a few at a time: the rest in the turns that follow. */
void work_direct_all(struct director *d, struct outbox *o);
void work_direct_on(struct director *d, struct outbox *o);
/* From now the hand may hold a lease. */
void work_lease_begins(struct director *d, struct hand *h);
/* Workers that attached while a job of theirs was changing attach once more. */
void work_again(struct director *d, struct outbox *o);
/* Workers that refused an attempt are asked again. */
void work_rested(struct director *d);
void work_order(struct director *d, const struct entry *e, struct outbox *o);
void work_end(struct director *d, const struct entry *e, bool force, struct outbox *o);
void work_reported(struct director *d, const struct promise *p, struct outbox *o);
void work_registered(struct director *d, const struct promise *p, struct outbox *o);

/* --- director_call.c --- */
void call_step(struct director *d, const struct event *e, struct outbox *o);
void call_answer(struct outbox *o, const struct reply *to, uint8_t code, struct bytes body,
		 const char *why);
void call_submitted(struct director *d, const struct promise *p, struct outbox *o);
void call_news(struct director *d, const struct entry *e, const struct reply *to, struct outbox *o);
void call_waiters_due(struct director *d, struct outbox *o);
/* Wishes whose job is settled now. */
void call_wishes(struct director *d, struct outbox *o);
/* A fence begins; it ended. */
void call_fence(struct director *d, uint64_t token);
void call_fenced(struct director *d, uint64_t token, enum err err, struct outbox *o);
/* Everybody who still waits for an answer is told to ask the next director. */
void call_stop(struct director *d, struct outbox *o);
void fresh_drop(struct director *d, struct id job);

/* --- director_sheet.c --- */
void sheet_jobs(struct director *d, const struct reply *to, struct bytes arguments,
		struct outbox *o);
void sheet_job(struct director *d, const struct reply *to, struct entry *e, struct outbox *o);
void sheet_workers(struct director *d, const struct reply *to, struct outbox *o);

/* --- director_role.c --- */
/* A row of the state changed; `value` is empty when it is gone. */
void role_note(struct director *d, enum state_kind kind, struct bytes value);
void role_load(struct director *d);
void role_begin(struct director *d, struct outbox *o);
/* We lead no longer; who does is said by role_led. */
void role_stop(struct director *d, struct outbox *o);
void role_led(struct director *d, const struct tell *t, struct outbox *o);
void role_told_stop(struct director *d, const struct tell *t, struct outbox *o);
void role_told_standbys(struct director *d, const struct tell *t);
/* At the beginning of a turn, serving or not. */
void role_work(struct director *d, struct outbox *o);
uint64_t role_due_us(const struct director *d);
/* New attempts may be decided. */
bool role_assigns(const struct director *d);
/* Batches may be sent. */
bool role_commits(const struct director *d);
/* Why a queued job waits. Into `out`, returned. */
#define WHY_MAX 192u
const char *role_why(const struct director *d, char out[WHY_MAX]);
void role_committed(struct director *d, const struct promise *p, struct outbox *o);
void role_broken(struct director *d, const struct promise *p);
void role_link_down(struct director *d, uint64_t link);
/* Its name, else its id; "" for none. Into `out`, returned. */
const char *role_name(const struct director *d, struct id id, char out[NAME_MAX_LEN + 1]);
const struct standby *role_standby(const struct director *d, struct id id); /* NULL: it is none */
bool role_may_take(const struct standby *s);                                /* takes NULL */
const struct standby *role_any_standby(const struct director *d); /* that may take it, or NULL */
uint32_t role_own_attempts(const struct director *d);
/* The mark for `meant` is staged, and nothing new is assigned from now on. It ends after keep_us; 0: never. */
#define ROLE_MARK_MAX_US UINT64_C(5000000) /* for another: handing over takes milliseconds */
void role_begin_marks(struct director *d, struct id meant, uint64_t keep_us);
/* Why no job is accepted now; NULL: it is. */
const char *role_refusal(const struct director *d);
/* A person began the generation that we direct in: that goes into the audit, once. */
void role_generation(struct director *d, const struct tell *t);
/* It was held for another: it is ours now. */
void role_end_holding(struct director *d, const char *why, bool asked, struct outbox *o);
void role_put_audit(struct director *d, struct flight *flight, uint32_t uid, struct id node,
		    const char *what, const char *text);

/* --- director_switch.c --- */
void role_call(struct director *d, const struct call *c, const struct reply *to, struct outbox *o);
void role_audit(struct director *d, const struct call *c, const struct reply *to, struct outbox *o);

/* --- director_drill.c --- */
void drill_call(struct director *d, const struct call *c, const struct reply *to, struct outbox *o);
void drill_committed(struct director *d, const struct promise *p, struct outbox *o);

/* --- director_keep.c --- */
void keep_turn(struct director *d);
void keep_ended(struct director *d, uint64_t token); /* that batch is out of the way */

#endif
