/* The dozen words between siblings. discovery, gossip and sched never see each other: one puts a word into the outbox
 * (effect TELL), the node hands it to the other as an event. */
#ifndef CORE_TELL_H
#define CORE_TELL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/bytes.h"
#include "core/err.h"
#include "core/facts.h"
#include "core/id.h"
#include "core/view.h"

enum tell_kind {
	TELL_CANDIDATE, /* discovery -> gossip: an address worth a join */
	TELL_JOINED, /* gossip -> discovery: a join with this address succeeded, with this node */
	TELL_MEMBER, /* gossip -> everyone: a member's state changed in a view */
	TELL_LEAD,   /* store -> everyone: who leads, and whether it serves */
	TELL_COMMIT, /* director -> store: a plain batch to seal and append */
	TELL_COMMITTED, /* store -> director: what became of it */
	TELL_APPLIED,   /* store -> director: a plain batch is applied to the map, in order */
	TELL_RESTORED,  /* store -> director: the map was replaced by a snapshot; read it anew */
	TELL_FENCE,     /* director -> store: do I still lead? */
	TELL_FENCED,    /* store -> director: the answer */
	TELL_RESIGN, /* director or node -> store: hand leadership to `lead.who` (none: whoever is up to date) */
	TELL_GENERATION, /* store -> director: how the generation began that it directs in */
	TELL_FAULT,      /* store -> everyone: disk full, corrupt or lost: stop directing */
	TELL_GIVE_UP, /* node or director -> store: a node ends in order, or is to go: what becomes of its vote? */
	TELL_GIVEN_UP, /* store -> node and director: the answer, at most GIVE_UP_MAX_MS later */
	TELL_STANDBYS, /* the leader's store -> director: who could take over, at every change */
	TELL_STOP, /* node -> director: this node is to end: keep the role for it, or hand it over */
	TELL_STOPPED, /* director -> node: the role is where it shall be; go on */
	TELL_MUTE, /* director -> node: for some seconds the store neither hears nor says anything (a rehearsal) */
};

/* What became of a vote that was to be given up. */
enum gave_up {
	GAVE_NOTHING, /* there was none, or it is kept: the others are a quorum without it */
	GAVE_VOTE,    /* the set without it is committed */
	GAVE_NOT, /* it could not be given up in time: nobody leads, or nobody could vote in its place */
};

enum member_state {
	MEMBER_ALIVE,
	MEMBER_SUSPECT,
	MEMBER_DEAD,
	MEMBER_LEFT,
};

/* A scheduler of the store's set, as its leader sees it. */
struct standby {
	struct id node;
	bool votes;
	bool heard;   /* lately */
	bool current; /* has all that is committed, but for what is on its way */
};

struct tell {
	enum tell_kind kind;
	union {
		struct {
			enum view view;
			struct addr
				addr; /* dial exactly this; its port may be any stream port of the node */
			struct id id; /* JOINED only */
		} candidate;
		struct {
			enum view view;
			enum member_state state;
			const struct facts *facts; /* for the call */
		} member;
		struct {
			struct epoch epoch;
			struct id who; /* none: nobody known */
			bool self;
			bool serving; /* every earlier batch is applied here */
			bool apart; /* another generation of the same parent was met: nothing is assigned */
			struct id
				store; /* which store: part of every fence; none while there is no store */
			uint32_t
				level; /* self: that all voters and schedulers know (sched/level.h); 0: not all said */
			uint64_t
				lost_us; /* when the leader before was last heard; 0: it was not lost */
		} lead;
		struct {
			uint64_t token;     /* COMMIT, COMMITTED, FENCE, FENCED */
			struct epoch epoch; /* COMMIT: under which; APPLIED: its own */
			uint64_t position;  /* COMMITTED, APPLIED */
			enum err
				err; /* COMMITTED: OK FENCED UNKNOWN TOO_BIG FULL NO_DIRECTOR; FENCED: OK or not */
			struct bytes batch; /* COMMIT, APPLIED: plain */
		} batch;
		struct {
			uint32_t uid;      /* who wanted it, */
			struct id node;    /* where, */
			uint64_t wall_us;  /* and when */
			bool retires;      /* another one was retired; else a loss was confirmed */
			struct id retired; /* that one, or its whole store */
			struct bytes text;
		} generation;
		struct {
			enum err err;
			struct bytes why;
		} fault;
		struct {
			struct id node; /* whose vote; none: our own */
			/* GIVE_UP: it goes for good: its seat goes too, and another takes it at once. Else it only stops:
			 * it keeps its vote, unless its absence would end the quorum, and returns as a learner then.
			 * Said at every orderly end, and before the views hear that it left: so one that stopped is told
			 * from one that left. */
			bool leaves;
			enum gave_up gave; /* GIVEN_UP */
		} give;
		struct {
			const struct standby *list; /* for the call */
			uint32_t count;
			bool quorum; /* without the leader, those heard are still a quorum */
		} standbys;
		struct {
			bool hand_over; /* do not keep the role for this node */
		} stop;
	};
};

#endif
