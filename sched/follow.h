/* Who reads output: calls of CALL_OUTPUT, answered when bytes came, the attempt ended, or the caller's patience did.
 *
 *   [job, step, number, from_out, from_err, wait_ms] -> [eof, out_total, err_total, out, err]
 *
 * The child writes to its files itself and tells nobody, so while somebody waits they are read every few milliseconds;
 * while nobody waits nothing is. */
#ifndef SCHED_FOLLOW_H
#define SCHED_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "core/limits.h"
#include "core/outbox.h"
#include "sched/spool.h"

struct follower {
	bool used;
	struct peer peer;
	enum purpose purpose;
	uint64_t request;
	struct attempt attempt;
	uint64_t from[2]; /* out, err */
	uint64_t began_us;
	uint64_t ends_us;
	uint64_t next_us; /* UINT64_MAX: it is being read */
	uint64_t token[2];
	struct buffer piece[2];
	bool whole[2]; /* read to the end of the file */
	bool final;    /* the attempt had ended before the read */
};

struct follow {
	struct follower at[FOLLOWERS_MAX];
	uint32_t used;
	uint64_t *token; /* the worker's counter */
};

void follow_init(struct follow *f, uint64_t *token);
void follow_fini(struct follow *f);
/* FRAME_CALL with CALL_OUTPUT; whatever is wrong with it is answered. */
void follow_call(struct follow *f, const struct event *e, struct spool *s, struct outbox *o);
/* True when the READ was ours. */
bool follow_read(struct follow *f, const struct event *e, struct spool *s, struct outbox *o);
void follow_link_down(struct follow *f, const struct peer *peer);
/* An attempt ended: whoever waits for it looks at once. */
void follow_ended(struct follow *f, struct attempt a, uint64_t now_us);
/* Reads what is due. */
void follow_turn(struct follow *f, uint64_t now_us, struct spool *s, struct outbox *o);
uint64_t follow_deadline_us(const struct follow *f);

#endif
