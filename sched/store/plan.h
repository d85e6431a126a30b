/* Who should sit: the next change of the set towards the wished one. It decides only; the leader makes the change, at
 * its own pace (seats.c).
 *
 * Machines of their own come first, then schedulers before witnesses, then zones of their own. A vote is taken from who
 * left or lost its log at once; from who is only dead not before somebody else can take it. */
#ifndef SCHED_STORE_PLAN_H
#define SCHED_STORE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/store/voters.h"

/* What the leader knows of one node that could sit, or sits. */
struct sitter {
	struct id node;
	struct id voter; /* what it says itself; none: not asked yet */
	uint8_t machine[16];
	const char *zone; /* "": not known; borrowed */
	bool scheduler;
	bool self;
	bool alive;
	bool heard;     /* it follows, and answers */
	bool caught_up; /* follows closely */
	bool gone;      /* dead for longer than replace_after */
	bool left;      /* for good: its seat goes at once */
	bool parts;     /* it stops: its vote goes at once, its seat stays */
	bool stops;     /* soon: it is given no vote now, but keeps the one it has */
	bool copied;    /* its log was copied or put back: its voter id counts no more */
};

struct wish {
	uint32_t voters; /* how many there should be */
	bool spread;     /* never two on one machine; else only when enough machines exist */
	bool patient;    /* one does not become two while a third is on its way */
	bool still;      /* who votes stays as it is: only who learns may change */
};

struct plan {
	struct voters next;
	bool votes; /* who votes changes; else only who learns */
	/* No pace is kept: the set only grows, or a vote goes that can not be kept. */
	bool urgent;
	const char *why;
};

/* False: the set is as it should be, or nothing can be done now. `now` is not joint. */
bool plan_next(const struct voters *now, const struct sitter *sitters, uint32_t count,
	       struct wish wish, struct plan *out);
/* A worker that is worth drafting as witness now, or is drafted: index into sitters, or VOTERS_NONE. */
uint32_t plan_draft(const struct voters *now, const struct sitter *sitters, uint32_t count,
		    struct wish wish);

#endif
