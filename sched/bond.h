/* Whom a worker obeys, and until when: the schedulers it knows, the one channel it listens to, the highest epoch, the
 * lease.
 *
 * A worker that obeys nobody shows its inventory to every scheduler it knows (ATTACH); the first that accepts, with an
 * epoch not older than the highest seen, is obeyed. Between an ATTACH and its answer nothing may be taken from anybody,
 * or the inventory shown would miss it and the attempt could be begun elsewhere, too: so every ATTACH ends obedience,
 * and an answer that is older than what was taken since is answered with another ATTACH. A scheduler that does not
 * answer loses its stream before it is asked again. A new director is asked at once, even if it was asked before, but
 * always on our own stream to it: twice on one stream is safe, for what it orders between the two was not yet reported
 * there when it reads the second, and so it repeats the order; on two streams the older question may come last.
 *
 * Invariants:
 *  1. At most one peer is obeyed; what it says under another fence than the one it was accepted with is refused.
 *  2. The highest epoch never goes back; another store is followed only while nothing is held, or when ours was retired.
 *  3. A lease ends lease_ms after the *question* was sent that was answered. */
#ifndef SCHED_BOND_H
#define SCHED_BOND_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "core/limits.h"
#include "core/rng.h"
#include "sched/order.h"

struct bond_peer {
	struct id id; /* none: free */
	struct addr addr;
	char name[NAME_MAX_LEN + 1];
	bool alive;
	uint64_t asked_us; /* an ATTACH waits for its answer since; 0: none does */
	uint64_t mark;     /* what had been taken when it was shown the inventory */
	uint64_t serial;   /* of the last ATTACH to it: an answer to an earlier one says nothing */
};

struct bond {
	struct id self;
	struct rng rng;
	struct bond_peer peer[BONDS_MAX];
	struct fence highest;
	struct id
		retired; /* a store that a person retired: what is held of it binds nobody; none: no such */
	/* whom we obey */
	bool obeys;
	struct peer director;
	uint64_t session; /* the ATTACH that it answered: orders of an earlier one are refused */
	/* attaching */
	uint64_t attach_us; /* when to ask around again; UINT64_MAX: not */
	uint32_t tries;
	uint64_t serial; /* of the last ATTACH to anybody */
	uint64_t taken;  /* counts what changed the inventory */
	/* lease */
	uint32_t lease_ms;
	uint64_t ask_us;   /* when to ask for it next; UINT64_MAX: not */
	uint64_t heard_us; /* last answer of the director */
	uint64_t lease_ends_us;
	uint64_t began_us; /* our own start: questions are not older */
	bool granted;      /* the director has answered a question for the lease */
};

void bond_init(struct bond *b, struct id self, bool scheduler, uint32_t lease_ms, uint64_t seed,
	       struct fence highest, uint64_t now_us);

/* --- what happened --- */

void bond_member(struct bond *b, const struct tell *t, uint64_t now_us);
/* True when it was the director's stream that fell: nobody is obeyed now. */
bool bond_link_down(struct bond *b, const struct peer *peer, uint64_t now_us);
/* A new director spoke: true when `out` is to be asked now. Nobody is obeyed until it answers. */
bool bond_direct(struct bond *b, const struct peer *from, struct fence fence, bool holds,
		 struct peer *out);

enum bond_verdict {
	BOND_IGNORED, /* not asked, or older than what we know */
	BOND_REFUSED, /* it does not want us */
	BOND_AGAIN,   /* our inventory has changed since: ask it again */
	BOND_OBEYED,  /* obeyed from now on, or still */
};
/* `holds`: attempts are held that belong to the store we know. */
enum bond_verdict bond_attached(struct bond *b, const struct peer *from, const struct attached *a,
				bool holds, uint64_t now_us);
/* Whether what `from` says under this fence counts. */
bool bond_obeys(const struct bond *b, const struct peer *from, struct fence fence);
/* The lease moved: true when it ends later now. */
bool bond_leased(struct bond *b, const struct lease *l, uint64_t now_us);
/* The inventory has changed by an order, or by a loss. */
void bond_took(struct bond *b);
/* Obey nobody and ask around soon: the inventory has to be shown anew. */
void bond_loosen(struct bond *b, uint64_t now_us);

/* --- what is due --- */

/* A director that answers no question for half a lease is given up: true once, `out` is its peer. */
bool bond_silent(struct bond *b, uint64_t now_us, struct peer *out);
/* The next scheduler that an ATTACH is to be sent to now; `fresh` false: its stream is to be closed first, it did not
 * answer. Call until false. */
bool bond_next(struct bond *b, uint64_t now_us, struct peer *out, bool *fresh);
/* An ATTACH goes to this peer now: nobody is obeyed until it is answered. Its serial. */
uint64_t bond_ask(struct bond *b, const struct peer *to, uint64_t now_us);
/* True when the lease is to be asked for now; counts as asked. */
bool bond_lease_due(struct bond *b, uint64_t now_us);
/* `may_ask`: the inventory is known, so schedulers may be asked. */
uint64_t bond_deadline_us(const struct bond *b, bool may_ask);

/* A lease runs, and the director obeyed now has answered for it: whatever it gave up it has said so by then. */
bool bond_lease_runs(const struct bond *b, uint64_t now_us);
/* Its name, or "" when nobody told it. */
const char *bond_name(const struct bond *b, struct id id);

#endif
