/* The director: the one scheduler that acts. It accepts jobs, chooses workers, sends orders, records results.
 *
 * A core without I/O, on every scheduler: while another directs it only keeps its ledger of jobs warm from the batches
 * that are applied, so that it can take over at once. All that must survive stands in the store's map; who is connected
 * lives in memory and is learnt anew.
 *
 * Words in: TELL LEAD, COMMITTED, FENCED, APPLIED, RESTORED, MEMBER, FAULT, STANDBYS, STOP; LINK; FRAME of workers
 * (ATTACH, REPORT, LEASE_ASK) and CALL (WORKERS, SUBMIT, JOBS, JOB, JOB_WAIT, JOB_CANCEL, SWITCH_OVER, AUDIT). Words
 * out: TELL COMMIT, FENCE, RESIGN and STOPPED; frames DIRECT, ATTACHED, ORDER, REPORTED, LEASE, END, ANSWER.
 *
 * Invariants:
 *  1. A submit is answered with an id only when its commit is durable; one key gives one job.
 *  2. An order goes out only after its assignment is committed, under the epoch that we serve.
 *  3. An attempt's result is recorded once, and only that of the current attempt; a worker may forget it only after.
 *  4. The next attempt begins only after the one before surely ended: its lease is over by 1.1 x lease + 200 ms, or
 *     its worker came with another machine boot, or with a whole inventory in which it is not.
 *  5. A lease is answered only after a fence that began after the question came.
 *  6. A worker never holds more attempts than the slots it offered.
 *  7. A state of a level that is not known here is not acted upon: the node stops.
 *  8. When we serve no longer, nothing is sent that would be an act; what was in flight is forgotten and not answered
 *     as done.
 *  9. Between the commit of the mark `held` for another and its end nothing new is assigned. */
#ifndef SCHED_DIRECTOR_H
#define SCHED_DIRECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "core/outbox.h"
#include "sched/kv.h"

struct director;

/* A zero stands for the default. */
struct director_config {
	struct id self;
	uint64_t boot; /* this start's; a later one is higher */
	uint64_t seed;
	uint32_t lease_ms;      /* 60,000 */
	uint32_t kill_after_ms; /* 10,000, at most half a lease */
	uint64_t max_output;    /* bytes of each stream: 64 MiB */
	uint32_t jobs_max;      /* not yet ended: JOBS_MAX */
	uint64_t
		state_max; /* bytes of the map beyond which submits are refused: 9/10 of STATE_MAX */
	uint32_t history_max;    /* ended jobs kept: HISTORY_MAX */
	uint64_t history_keep_s; /* and how long: HISTORY_KEEP_S */
	uint64_t
		hold_timeout_s; /* how long the role is kept for one that was stopped; 0: for ever */
	bool preferred;         /* others' preferences do not count while we direct */
	uint8_t fingerprint[16]; /* of ourselves; zero: workers' are not compared */
	uint32_t level;          /* known by this program: LEVEL_NOW */
};

/* `map` is the store's; it outlives the director, which only reads it. */
struct director *director_open(const struct director_config *config, const struct kv *map);
void director_close(struct director *d); /* takes NULL */
void director_step(struct director *d, const struct event *event, struct outbox *outbox);
/* What the turn's steps gathered becomes as few batches as possible. */
void director_turn(struct director *d, uint64_t now_us, uint64_t wall_us, struct outbox *outbox);
uint64_t director_deadline_us(const struct director *d);

struct director_figures {
	uint64_t submitted;   /* accepted here */
	uint64_t assigned;    /* attempts ordered */
	uint64_t finished;    /* results recorded */
	uint64_t lost;        /* attempts whose lease ended */
	uint64_t repeats;     /* reports and submits that were known already */
	uint64_t late;        /* reports of attempts given up before */
	uint64_t refused;     /* calls answered with a refusal */
	uint64_t malformed;   /* frames dropped */
	uint64_t rolled_back; /* batches that were not committed */
	uint32_t queued;
	uint32_t active; /* not yet ended, queued ones included */
	uint32_t ended;
	bool serving;
};
struct director_figures director_figures(const struct director *d);

#endif
