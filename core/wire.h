/* Every type of frame on a stream, in one table: number, and who may send it.
 *
 * A frame is type, request number and body. The body is one msgpack array unless said otherwise. Its codec stands beside
 * the core that owns the message. A frame whose sender's role is not listed is dropped and counted; a type that is not
 * in the table can not be built. */
#ifndef CORE_WIRE_H
#define CORE_WIRE_H

#include <stdint.h>

enum sender {
	FROM_SCHEDULER = 1,
	FROM_WORKER = 2,
	FROM_CLIENT = 4, /* a program on the local socket */
	FROM_NODE = FROM_SCHEDULER | FROM_WORKER,
	FROM_ANY = FROM_NODE | FROM_CLIENT,
};

/*        name            number  sent by         what it carries */
#define WIRE_TYPES(X)                                                                              \
	X(FRAME_GOSSIP, 1, FROM_NODE)  /* view, then gossip messages (gossip/message.h) */         \
	X(FRAME_STORE, 2, FROM_NODE)   /* one store message (sched/store/) */                      \
	X(FRAME_ATTACH, 10, FROM_NODE) /* worker to scheduler (sched/order.h) */                   \
	X(FRAME_ATTACHED, 11, FROM_SCHEDULER)                                                      \
	X(FRAME_ORDER, 12, FROM_SCHEDULER)                                                         \
	X(FRAME_REPORT, 13, FROM_NODE)                                                             \
	X(FRAME_REPORTED, 14, FROM_SCHEDULER)                                                      \
	X(FRAME_LEASE_ASK, 15, FROM_NODE)                                                          \
	X(FRAME_LEASE, 16, FROM_SCHEDULER)                                                         \
	X(FRAME_END, 17, FROM_SCHEDULER)    /* end an attempt: cancel, abort */                    \
	X(FRAME_DIRECT, 18, FROM_SCHEDULER) /* a new director to every worker: attach to me */     \
	X(FRAME_CALL, 20, FROM_ANY)         /* a request: verb, where, arguments (core/call.h) */  \
	X(FRAME_ANSWER, 21, FROM_NODE)      /* its answer, or a piece of it */

enum frame_type {
#define X(name, number, from) name = number,
	WIRE_TYPES(X)
#undef X
};

/* Who may send this type, or-ed; 0 for an unknown one. */
uint8_t wire_senders(uint8_t type);
const char *wire_name(uint8_t type);

/* What a stream is for; each has a connection of its own to a peer, so that bulk never delays a vote. */
enum purpose {
	PURPOSE_GOSSIP = 1,
	PURPOSE_RPC = 2,
	PURPOSE_STORE = 3,
	PURPOSE_BULK = 4,
	PURPOSE_LOCAL = 5, /* the Unix socket: no channel, peer credentials */
};

#endif
