/* Calls on their way: any node answers for the cluster.
 *
 * A call (core/call.h) comes in from a program on the local socket or from another node that passed it on. The api
 * decides where it is answered: here, by this node's director or worker, or by another node, to which it is passed on
 * under a request number of ours; the answer comes back under the caller's. A call passed on too often, or to a peer
 * that goes away or stays silent, is answered with the exit code that says so.
 *
 * Invariant: every call taken is answered exactly once, unless its caller has gone. */
#ifndef NET_API_H
#define NET_API_H

#include "core/call.h"
#include "core/event.h"
#include "core/outbox.h"

/* What the node knows when a call comes: whom to pass it to. */
struct api_map {
	bool directing; /* our director acts and serves */
	bool worker;    /* jobs run here */
	bool scheduler; /* we are one */
	struct id self;
	struct peer director;       /* id none: not known */
	struct peer scheduler_peer; /* any living one, or the director; id none: not known */
	struct peer
		named; /* the node that the call names, when it is a living member; id none: it is not */
};

enum api_where {
	API_DONE, /* passed on, or answered with a refusal */
	API_HERE,
	API_DIRECTOR,
	API_WORKER,
};

struct api;

struct api *api_open(void);
void api_close(struct api *a);

/* Decodes a FRAME_CALL into `call` (borrowing from the event). */
MUST_USE enum err api_read(const struct event *e, struct call *call);
/* Where the call is answered. API_DONE: it has been taken care of. */
enum api_where api_route(struct api *a, const struct event *e, const struct call *call,
			 const struct api_map *map, struct outbox *outbox);
/* FRAME_ANSWER for a call we passed on, EVENT_LINK, EVENT_WAKE. */
void api_step(struct api *a, const struct event *e, struct outbox *outbox);
uint64_t api_deadline_us(const struct api *a);

/* Answers the call in `e`. `why` may be NULL when code is 0. */
void api_answer(const struct event *e, uint8_t code, struct bytes body, const char *why,
		struct outbox *outbox);

#endif
