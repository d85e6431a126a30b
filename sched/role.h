/* Active and standby: the state of the cluster's directorship as one scheduler sees it, and what is said of it.
 *
 * It is derived at the end of every turn from what the store knows (who leads, who follows closely) and from the two rows
 * of the state, `role` and `held`; it decides nothing. Each move is one of the table and one line of the log.
 *
 *        a store is here              a director serves, its row is applied
 *   EMPTY ---------> NO_DIRECTOR <----------------------------------------> COUPLED  SWITCHED_OVER  FAILED_OVER
 *                     |      ^          nobody directs for 100 ms              ^           ^            ^
 *    no majority      |      |                                                 +-----------+------------+
 *    heard            v      |                                     the last standby fell behind | caught up
 *                  NO_QUORUM +---- a majority again                                             v
 *                     |      |                                                              UNCOUPLED
 *    confirm_after    v      |                                 the mark `held` stands / ended
 *              LOSS_UNCONFIRMED                     any with a director <----------------> HELD
 *
 *   FAULT: the disk; from everywhere, and back to NO_DIRECTOR or EMPTY.
 *
 * The three states on the right are one but for what they remember: how the role last moved. A move that happens faster
 * than 100 ms (a hand-over) is seen as one from director to director. All moves are made by role_turn. */
#ifndef SCHED_ROLE_H
#define SCHED_ROLE_H

#include "core/outbox.h"
#include "sched/kv.h"
#include "sched/role_pack.h"
#include "sched/store.h"

enum role_state {
	ROLE_EMPTY,            /* no store here yet */
	ROLE_COUPLED,          /* a director, and a standby is up to date */
	ROLE_UNCOUPLED,        /* a director, and none is: a fail-over waits until one is */
	ROLE_SWITCHED_OVER,    /* as coupled; the role was moved */
	ROLE_FAILED_OVER,      /* as coupled; the director before was lost */
	ROLE_HELD,             /* kept for a director that was stopped: nothing new is assigned */
	ROLE_NO_DIRECTOR,      /* nobody directs now */
	ROLE_NO_QUORUM,        /* a majority of the voters can not be reached */
	ROLE_LOSS_UNCONFIRMED, /* for so long that a person may confirm the loss */
	ROLE_FAULT,
	ROLE_STATES,
};

const char *role_state_name(enum role_state state);
bool role_may_move(enum role_state from, enum role_state to);
/* The next state on the way there: a legal move from `from`, which is not `to`. */
enum role_state role_step(enum role_state from, enum role_state to);

/* What is to be seen at the end of a turn. */
struct role_seen {
	uint64_t now_us;
	enum store_state store;
	struct epoch epoch;
	struct id director; /* none: nobody */
	uint64_t position;  /* the rows are read again when it has moved */
	const struct kv *map;
	const char *why; /* leadership last ended, or began */
};

struct role_watch {
	uint32_t confirm_after_ms;
	enum role_state state;
	uint64_t since_us;     /* in this state */
	uint64_t now_us;       /* never goes back */
	uint64_t directed_us;  /* when a director was last seen, or our start */
	uint64_t no_quorum_us; /* since when; 0: there is one */
	struct epoch epoch;
	uint64_t epoch_us; /* when it was first seen */
	struct id director;
	struct id acting; /* whose role the last line was about */
	uint64_t position;
	bool looked; /* at the rows, at that position */
	bool has_row, is_held;
	struct role_row row;
	struct held_row held;
	uint64_t remind_us; /* to say again that the role is held */
	uint64_t deadline_us;
};

void role_init(struct role_watch *r, uint32_t confirm_after_ms, uint64_t now_us);
void role_turn(struct role_watch *r, const struct role_seen *seen, struct outbox *o);
uint64_t role_deadline_us(const struct role_watch *r);
/* For another than who leads: a mark for that one is on its way to be lifted. */
bool role_is_kept(const struct role_watch *r);

/* For people: for whom the role is held, since when, and the command that ends it; "" when it is not. */
#define ROLE_HELD_TEXT_MAX 192u
const char *role_held_text(const struct held_row *h, char out[ROLE_HELD_TEXT_MAX]);

#endif
