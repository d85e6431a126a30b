/* Clients that wait for a job to change: JOB_WAIT calls held until there is news, their time is over, or we direct no
 * more. Bounded in all and for each job. */
#ifndef SCHED_WAITER_H
#define SCHED_WAITER_H

#include "core/limits.h"
#include "sched/flight.h"

#define WAITER_BUCKETS 1024u

struct waiter {
	struct id job;
	struct reply reply;
	uint64_t seen; /* see job_seen */
	uint64_t until_us;
	struct waiter *next;
};

struct waiters {
	struct waiter *bucket[WAITER_BUCKETS];
	uint32_t count;
	uint64_t due_us; /* no waiter's time is over before; UINT64_MAX: none waits */
};

void waiters_init(struct waiters *w);
void waiters_fini(struct waiters *w);
/* ERR_FULL beyond either bound. */
MUST_USE enum err waiters_add(struct waiters *w, const struct waiter *waiter);
bool waiters_has(const struct waiters *w, struct id job);
/* Each takes one out, to be freed by the caller; NULL when there is none (left). */
struct waiter *waiters_take(struct waiters *w, struct id job,
			    uint64_t seen); /* saw other than that */
struct waiter *waiters_take_due(struct waiters *w, uint64_t now_us);
struct waiter *waiters_take_any(struct waiters *w);
/* Forgets those on a stream that is gone. */
void waiters_unlink(struct waiters *w, uint64_t link);

#endif
