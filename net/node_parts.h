/* What a node is made of. Private to the files that are the node: node.c carries words between the parts, node_open.c
 * makes them, life.c says when they begin and end, here.c answers for them. */
#ifndef NET_NODE_PARTS_H
#define NET_NODE_PARTS_H

#include "core/call.h"
#include "core/facts.h"
#include "core/metrics.h"
#include "net/api.h"
#include "net/node.h"
#include "net/seal.h"
#include "net/strangers.h"
#include "sched/role.h"

/* Whose step it is; and, in the highest byte of a token in flight, whose answer. */
enum owner {
	OWNER_NODE,
	OWNER_SCHEDULERS,
	OWNER_ALL,
	OWNER_DISCOVERY,
	OWNER_STORE,
	OWNER_DIRECTOR,
	OWNER_WORKER,
	OWNER_API,
	OWNERS,
};

/*              life_step (first event)     disk says the boot is synced
 *   LIFE_NEW ---------------> LIFE_BOOTING ---------------> LIFE_UP
 *        SIGNAL_STOP, CALL_STOP, CALL_LEAVE                    |
 *                  +-------------------------------------------+
 *                  v            TELL_STOPPED, or 5 s               TELL_GIVEN_UP, or 6 s
 *            LIFE_HANDING (the role) ---------> LIFE_GIVING_UP (the vote) ---------> LIFE_LEAVING
 *                                                          both leaves handed out, or 2 s |
 *                                                                    LIFE_OVER <----------+
 *
 * Before LIFE_UP nothing is sent and nothing heard: a boot number that could come twice would let old packets in. While
 * role and vote are on their way everything else goes on. */
enum life_state {
	LIFE_NEW,
	LIFE_BOOTING,
	LIFE_UP,
	LIFE_HANDING,
	LIFE_GIVING_UP,
	LIFE_LEAVING,
	LIFE_OVER,
};

struct life {
	enum life_state state;
	uint64_t deadline_us;
	uint64_t began_us;
	uint64_t end_us; /* HANDING and later: of that state, no later than this */
	bool leaves;     /* for good: the vote goes, too */
	bool joined;
	/* Who leads, as the store last said. */
	struct epoch epoch;
	struct id leader;
	bool directing;     /* we lead, and serve */
	uint32_t dedicated; /* living members that are workers and nothing else */
	uint64_t prefer_us; /* when to ask for the role again; UINT64_MAX: we would not have it */
	struct role_watch role; /* schedulers only */
	uint64_t mute_until_us; /* what stores say is dropped until then, in and out */
};

struct queued {
	enum owner only; /* OWNERS: whom it concerns */
	struct event event;
};

struct node {
	/* given */
	const struct config *config;
	const struct identity *identity;
	const struct keyring *keyring;

	/* what we are */
	struct facts facts;
	struct life life;

	/* cores */
	struct swim *view[VIEWS]; /* SCHEDULERS: NULL on a worker */
	struct discovery *discovery;
	struct store *store;
	struct director *director; /* schedulers only */
	struct worker *worker;     /* NULL when this node never runs jobs */

	/* the wire's edge */
	struct seal seal;
	struct links *links;
	struct strangers strangers;
	struct api *api;
	struct cards *cards; /* facts, shared by the views */
	bool own_cards;
	struct metrics *metrics; /* the host's, or our own below */
	struct metrics own_metrics;

	/* one step */
	struct outbox *tray; /* what the cores leave */
	size_t carried;      /* effects in the tray already carried out */
	struct outbox *out;  /* the doors'; lent for the step */
	uint64_t now_us;
	uint64_t wall_us;
	struct queued *queue; /* words between cores, in the order they were said */
	size_t queued, queue_room;
	struct effect *post; /* frames for the link table, which must not be entered twice */
	size_t posted, post_room;
};

/* Carries out what was left in the tray since the last call, in the name of `owner`. */
void node_carry(struct node *n, enum owner owner);
struct event node_event(const struct node *n, enum event_kind kind);
/* Tells store, director and worker of ourselves: no view ever does. */
void node_introduce(struct node *n);
/* What the link table hands on. */
void node_delivered(void *self, const struct event *e);

/* life.c */
void life_step(struct node *n, const struct event *e, struct outbox *outbox);
/* A rehearsed loss is under way: our store is as good as not there. */
bool life_is_mute(const struct node *n);
/* The node ends in order; `hand_over`: its role is not kept for it; `leaves`: it does not come back. */
void life_end(struct node *n, bool hand_over, bool leaves, struct outbox *outbox);
/* After the store's turn: what state the directorship is in. */
void life_turn(struct node *n, struct outbox *outbox);
uint64_t life_deadline_us(const struct node *n);

/* here.c: where a call is answered, and the answers this node can give alone */
enum api_where here_route(struct node *n, const struct event *e, const struct call *call,
			  struct outbox *outbox);
void here_answer(struct node *n, const struct event *e, const struct call *call,
		 struct outbox *outbox);

#endif
