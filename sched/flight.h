/* A batch on its way to the store, and what is promised to happen when it is committed. Nothing of it happens before:
 * no order goes out, no client and no worker is told.
 *
 * Invariants:
 *  1. A promise is kept only after its batch is committed and applied here; when the batch failed, it is never kept.
 *  2. Batches leave in the order in which they were opened, at most FLIGHTS_MAX at one time. */
#ifndef SCHED_FLIGHT_H
#define SCHED_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "core/id.h"
#include "sched/batch.h"
#include "sched/order.h"

/* Where an answer goes. */
struct reply {
	struct peer peer;
	enum purpose purpose;
	uint64_t request;
};

enum promise_kind {
	PROMISE_SUBMITTED, /* answer the client: [job id, position] */
	PROMISE_GOOD,      /* answer the client: done */
	PROMISE_ORDER,     /* the job's worker begins */
	PROMISE_END,       /* the job's worker ends it */
	PROMISE_REPORTED,  /* the worker may forget the attempt */
	PROMISE_ATTACHED,  /* the worker's registration stands */
	PROMISE_ROLE,      /* our row stands: who asked for it is answered */
	PROMISE_MARK,      /* leadership may go */
	PROMISE_DRILL,     /* we may fall silent */
};

struct promise {
	enum promise_kind kind;
	struct id about; /* a job; ATTACHED: a worker */
	struct attempt attempt;
	struct reply to;
};

struct flight {
	uint64_t token;
	struct batch batch;
	struct id *job; /* whose records it changes */
	uint32_t jobs, jobs_room;
	struct promise *promise;
	uint32_t promises, promises_room;
	bool sent;
	struct flight *next;
};

struct flights {
	struct flight *first; /* oldest */
	struct flight *last;
	uint32_t sent;
	uint64_t token; /* of the last one opened; never used again */
	size_t bytes;   /* waiting to be sent */
};

void flights_init(struct flights *f);
void flights_fini(struct flights *f);
/* The batch under construction; a new one when there is none or the last is sent or large enough. */
struct flight *flights_open(struct flights *f);
/* The next to be sent; NULL when there is none, or the window is full. */
struct flight *flights_next(const struct flights *f);
void flights_sent(struct flights *f, struct flight *flight);
/* Takes the one with this token out; NULL when it is unknown (a batch of an epoch before). The caller frees it. */
struct flight *flights_take(struct flights *f, uint64_t token);
/* Takes the oldest out, or NULL. */
struct flight *flights_pop(struct flights *f);
void flight_free(struct flight *flight);

/* A record into the batch. Its bounds hold that it fits: must. */
void flight_put(struct flights *f, struct flight *flight, struct bytes key, struct bytes value);
void flight_drop(struct flights *f, struct flight *flight, struct bytes key);
void flight_changes(struct flight *flight, struct id job);
void flight_promise(struct flight *flight, const struct promise *p);

#endif
