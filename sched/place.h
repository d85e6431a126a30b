/* Which worker runs the next attempt, and why none does. The same code decides and explains.
 *
 * In turn among those with a free slot, by id; whose turn it is stands in the state, so that a change of director does
 * not begin anew with the same worker. */
#ifndef SCHED_PLACE_H
#define SCHED_PLACE_H

#include "sched/crew.h"

#define PLACE_WHY_MAX 160u

/* The next free worker after `turn`; NULL when there is none. */
struct hand *place_pick(const struct crew *r, struct id turn);
/* Why place_pick finds none, in words. Into `out`, returned. */
const char *place_why(const struct crew *r, char out[PLACE_WHY_MAX]);

#endif
