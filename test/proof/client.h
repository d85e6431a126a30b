/* Clients of a register and a queue that live in the store, and the director they ask.
 *
 * A client has one wish at a time, under an id of its own, and brings it to whoever says that he serves: also to an old
 * leader who does not know yet that he is none. Without an answer it asks again, elsewhere, under the same id; after long it
 * gives up and does not know what became of it.
 *
 * The director does what a director does: he computes batches against the applied map and what he has under way, knows a
 * repeated wish by the client's row in the map, and answers questions only after a fence begun later. */
#ifndef TEST_PROOF_CLIENT_H
#define TEST_PROOF_CLIENT_H

#include "test/proof/history.h"
#include "test/proof/world.h"

enum { SESSIONS = 4, FLIGHTS = 64 };

/* One client. */
struct session {
	bool busy;
	uint32_t op; /* its place in the history, which is its id, too */
	uint64_t began_us, again_us;
};

/* What a node knows while it serves. */
struct desk {
	bool open;
	bool stale; /* a batch was refused: what it has computed since is void */
	struct epoch epoch;
	uint64_t head, tail; /* of the queue, with what is under way */
	uint32_t flights;
	uint64_t under_way[SESSIONS]; /* the op, plus one */
};

struct flight {
	uint64_t token;
	uint32_t session, op, at, life;
	struct epoch epoch;
};

struct client {
	struct world *world;
	struct history history;
	struct session session[SESSIONS];
	struct desk desk[NODES_MAX];
	struct flight flight[FLIGHTS];
	uint64_t done, given_up;
	bool resting; /* no new wishes */
};

void client_init(struct client *c, struct world *w);
void client_fini(struct client *c);
/* The clients wish, ask and ask again; call it often. */
void client_act(struct client *c);
/* A breach when the history is not linearizable. */
void client_check(struct client *c);

#endif
