/* A job as the cluster's state holds it, its life, and the acts that change it. Acts compute; whoever calls them commits
 * the record that comes out.
 *
 * A flag stands beside the state and never in the record: `unknown`, the job's worker can not be reached. So the way
 * back is not lost.
 *
 * Invariants:
 *  1. A state changes by job_move only, along the table in job.c.
 *  2. `number` rises by one with every assignment and never falls.
 *  3. `worker` is set exactly while an attempt may be under way (job_is_held) and stays with the result after it.
 *  4. A job that is `queued` after it was once assigned says in `why` what became of its last attempt. */
#ifndef SCHED_JOB_H
#define SCHED_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/id.h"
#include "core/limits.h"
#include "sched/order.h"

/* Numbers are part of the record's form: none is ever used for another state.
 *
 *                    +------- job_requeue (lost, refused) -------+
 *                    v                                           |
 *   (submit) ---> QUEUED ------------- job_assign ----------> EXECUTING --- job_finish ---> EXECUTED -> DONE
 *                    |                                        |   |  |                            (archives itself)
 *                job_cancel                          job_cancel   |  +----- job_finish, job_fail ---> FAILED
 *                    v                                        v   |
 *                CANCELLED <- job_finish, job_give_up --- CANCELLING
 *
 * The others belong to jobs with several steps and to the operator's stop, abort, resume, retry and archive. */
enum job_state {
	JOB_NONE,
	JOB_PENDING,
	JOB_SCHEDULED,
	JOB_QUEUED,
	JOB_EXECUTING,
	JOB_STOPPING,
	JOB_STOPPED,
	JOB_FAILING,
	JOB_FAILED,
	JOB_ABORTING,
	JOB_ABORTED,
	JOB_EXECUTED,
	JOB_DONE,
	JOB_CANCELLING,
	JOB_CANCELLED,
	JOB_STATES,
};

#define JOB_WHY_MAX 128u

/* What the user asked for. Bytes borrow. */
struct task {
	struct bytes command; /* msgpack array of text: argv */
	struct bytes env;     /* msgpack array of text: NAME=value */
	char name[NAME_MAX_LEN + 1];
	char user[NAME_MAX_LEN + 1]; /* "": the worker's own choice */
	char directory[256];         /* "": a fresh one */
	uint64_t timeout_ms;         /* 0: none */
	enum on_lost on_lost;
	uint32_t priority; /* higher first, at most JOB_PRIORITY_MAX */
	uint32_t kill_after_ms;
	uint64_t max_output;
};

struct job {
	struct id id;
	enum job_state state;
	uint32_t step;
	uint32_t number;       /* of the last assignment; 0: never assigned */
	struct id worker;      /* of the last attempt */
	uint64_t worker_boot;  /* the agent's boot that the assignment was for */
	uint32_t refusals;     /* attempts that workers refused */
	uint32_t uid;          /* who submitted */
	uint64_t submitted_us; /* wall-clock stamps of the batches; 0: not yet */
	uint64_t assigned_us;
	uint64_t ended_us;
	struct task task;
	/* the last attempt's result */
	int32_t code;
	int32_t signal;
	uint64_t began_us; /* by the worker's wall clock */
	uint64_t out_size;
	uint64_t err_size;
	struct bytes out_tail;
	struct bytes err_tail;
	char why[JOB_WHY_MAX]; /* a sentence: why it waits, failed or was cancelled; may be "" */
};

const char *job_state_name(enum job_state state);
bool job_may_move(enum job_state from, enum job_state to);
/* No attempt is under way and none will begin by itself. */
bool job_is_ended(enum job_state state);
/* An attempt may be under way on job->worker. */
bool job_is_held(enum job_state state);
struct attempt job_attempt(const struct job *job);

/* The move must be legal. */
void job_move(struct job *job, enum job_state to);
/* The next attempt, on `worker`. The job must be queued. */
void job_assign(struct job *job, struct id worker, uint64_t worker_boot, uint64_t stamp_us);
/* The attempt surely ended, or never began: the job waits for another. */
void job_requeue(struct job *job, const char *why);
/* The worker's result of the current attempt. Bytes are borrowed from the report. */
void job_finish(struct job *job, const struct report *report, uint64_t stamp_us);
/* Failed without a result: exit code 125. */
void job_fail(struct job *job, const char *why, uint64_t stamp_us);
/* Cancelled where it waits; `cancelling` where it runs. */
void job_cancel(struct job *job, const char *why, uint64_t stamp_us);
/* `cancelling` and the attempt surely ended without a report. */
void job_give_up(struct job *job, const char *why, uint64_t stamp_us);

#endif
