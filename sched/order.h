/* What director and worker say to each other, and its bytes.
 *
 *   worker                               director
 *                                 <-     DIRECT                              a new director: attach to me
 *   ATTACH {inventory, slots}     ->
 *                                 <-     ATTACHED {accepted or why not, registered}
 *                                 <-     ORDER {attempt, command}            only after its assignment is committed
 *   REPORT {taken|started|ended|refused} ->
 *                                 <-     REPORTED {attempt}                  its result is committed: forget the attempt
 *   LEASE_ASK {sent at}           ->
 *                                 <-     LEASE {sent at}                     only after a fence begun later
 *                                 <-     END {attempt, force}                cancel or abort
 *
 * Every word from a director carries store id and epoch; a worker refuses an older one and another store's. An attempt
 * is (job, step, number); the epoch is its fence, not part of its name. */
#ifndef SCHED_ORDER_H
#define SCHED_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/id.h"
#include "core/limits.h"
#include "core/pack.h"

struct attempt {
	struct id job;
	uint32_t step;
	uint32_t number; /* from 1 */
};

struct fence {
	struct id store;
	struct epoch epoch;
};

enum on_lost {
	ON_LOST_RESTART,
	ON_LOST_FAIL,
	ON_LOST_HOLD,
};

/* A worker's own state of one attempt it knows. */
enum held_state {
	HELD_TAKEN, /* in the spool, synced, not yet started */
	HELD_RUNNING,
	HELD_ENDED, /* result in the spool, not yet acknowledged */
};

struct held {
	struct attempt attempt;
	enum held_state state;
};

struct attach {
	struct id node;
	uint64_t boot; /* the agent's */
	uint8_t machine_boot
		[16]; /* kernel's boot id: another one ends every doubt about older attempts */
	struct fence highest; /* the worker's highest epoch, synced */
	uint32_t slots;
	uint64_t
		serial; /* of this ATTACH, in this boot: what was ordered before it is refused after it */
	bool whole; /* the inventory is complete: spool and keeper were both asked */
	uint32_t count;
	struct held held[SLOTS_MAX];
};

struct attached {
	struct fence fence;
	bool accepted;
	bool registered; /* the registration is committed: log `registered runner with database` */
	uint32_t lease_ms;
	uint64_t serial; /* of the ATTACH that is answered */
	char why[128];   /* when not accepted */
};

struct order {
	struct fence fence;
	struct attempt attempt;
	uint64_t serial; /* of the worker's last ATTACH that the director has seen */
	enum on_lost on_lost;
	uint32_t kill_after_ms;
	uint64_t timeout_ms; /* 0: none */
	uint64_t max_output;
	struct bytes command; /* msgpack array of text: argv */
	struct bytes env;     /* msgpack array of text: NAME=value */
	char user[NAME_MAX_LEN + 1];
	char directory[256]; /* "" : a fresh one */
};

enum report_kind {
	REPORT_TAKEN, /* spooled */
	REPORT_STARTED,
	REPORT_ENDED,
	REPORT_REFUSED, /* never started here, never will be */
};

struct report {
	struct id node;
	struct attempt attempt;
	enum report_kind kind;
	int32_t code;   /* exit code, or 128 + signal */
	int32_t signal; /* 0: ended by itself */
	uint64_t began_wall_us;
	uint64_t ended_wall_us;
	uint64_t out_size;
	uint64_t err_size;
	struct bytes out_tail; /* at most OUTPUT_TAIL_MAX */
	struct bytes err_tail;
	char why[128]; /* REFUSED; or why it was ended: timeout, cancelled, lease */
};

struct reported {
	struct fence fence;
	struct attempt attempt;
};

struct lease_ask {
	struct id node;
	uint64_t sent_us; /* the worker's own clock, echoed */
};

struct lease {
	struct fence fence;
	uint64_t sent_us;
	uint32_t lease_ms;
};

struct end {
	struct fence fence;
	struct attempt attempt;
	bool force; /* SIGKILL at once */
	char why[64];
};

struct direct {
	struct fence fence;
};

bool attempt_same(struct attempt a, struct attempt b);

MUST_USE enum err attach_put(const struct attach *a, struct buffer *out);
MUST_USE enum err attach_get(struct bytes body, struct attach *out);
MUST_USE enum err attached_put(const struct attached *a, struct buffer *out);
MUST_USE enum err attached_get(struct bytes body, struct attached *out);
MUST_USE enum err order_put(const struct order *o, struct buffer *out);
MUST_USE enum err order_get(struct bytes body, struct order *out); /* borrows from body */
MUST_USE enum err report_put(const struct report *r, struct buffer *out);
MUST_USE enum err report_get(struct bytes body, struct report *out); /* borrows from body */
MUST_USE enum err reported_put(const struct reported *r, struct buffer *out);
MUST_USE enum err reported_get(struct bytes body, struct reported *out);
MUST_USE enum err lease_ask_put(const struct lease_ask *l, struct buffer *out);
MUST_USE enum err lease_ask_get(struct bytes body, struct lease_ask *out);
MUST_USE enum err lease_put(const struct lease *l, struct buffer *out);
MUST_USE enum err lease_get(struct bytes body, struct lease *out);
MUST_USE enum err end_put(const struct end *e, struct buffer *out);
MUST_USE enum err end_get(struct bytes body, struct end *out);
MUST_USE enum err direct_put(const struct direct *d, struct buffer *out);
MUST_USE enum err direct_get(struct bytes body, struct direct *out);

#endif
