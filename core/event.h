/* What the doors tell a core: one thing happened.
 *
 * Time, randomness, packets and disk completions come in as events; nothing in a core asks for them. An event and its
 * bytes live for one step: copy what you keep. A core ignores the kinds it does not know. */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/bytes.h"
#include "core/err.h"
#include "core/id.h"
#include "core/tell.h"
#include "core/view.h"
#include "core/wire.h"

/* One end of a stream, or whom to open one to. A non-zero link names exactly that stream and is preferred; else the
 * node's own stream to `id` (of the same purpose) is used; else `addr` is dialled. */
struct peer {
	struct id id;
	struct addr addr;
	uint64_t link;
};

enum event_kind {
	/* for every core */
	EVENT_WAKE,     /* the deadline has come, or may have: a stale wake-up is harmless */
	EVENT_DATAGRAM, /* an opened datagram */
	EVENT_BEACON,   /* an opened multicast beacon */
	EVENT_LINK,     /* a stream to a peer stands, or fell */
	EVENT_FRAME,    /* an opened frame, its sender's right to it checked */
	EVENT_DISK,     /* SYNC, PUT, CUT, DROP, MOVE with a token ended */
	EVENT_READ, /* READ ended: bytes, or an error; fewer bytes than asked means the end of the file */
	EVENT_VERIFIED, /* VERIFY ended */
	EVENT_RESOLVED, /* RESOLVE ended */
	EVENT_KEEPER,   /* the worker's keeper came, said something, or went */
	EVENT_SIGNAL,   /* the operator's wish */
	EVENT_TELL,     /* a sibling's word, carried by the node */
	/* raw, between the doors and the node only */
	EVENT_PACKET,   /* a sealed datagram came in at a door */
	EVENT_ACCEPTED, /* conn: a stranger connected */
	EVENT_DIALED,   /* conn: DIAL succeeded, or failed with err */
	EVENT_INPUT,    /* conn: bytes came */
	EVENT_CLOSED,   /* conn: gone; the last event of it */
	/* raw, between the doors and the keeper only */
	EVENT_AGENT,   /* the agent came (up), said something (body), or went */
	EVENT_SPAWNED, /* SPAWN done: pid, or an error */
	EVENT_EXITED,  /* a child ended */
};

enum signal {
	SIGNAL_STOP,    /* end in order: SIGTERM, SIGINT */
	SIGNAL_RELOAD,  /* SIGHUP */
	SIGNAL_MEMBERS, /* SIGUSR1: log the member lists */
};

/* Where a raw packet or connection came in. */
enum door {
	DOOR_SCHEDULERS, /* P+1000 */
	DOOR_ALL,        /* P+2000 */
	DOOR_RPC,        /* P, streams only */
	DOOR_MULTICAST,
	DOOR_LOCAL, /* the Unix socket */
};

struct event {
	enum event_kind kind;
	uint64_t now_us;  /* CLOCK_BOOTTIME: goes on while the machine sleeps */
	uint64_t wall_us; /* CLOCK_REALTIME, for stamps only: may jump */
	union {
		struct {
			enum view view;
			struct addr from;
			struct id sender; /* who sealed it */
			uint64_t boot;
			struct bytes body;
		} datagram;
		struct {
			struct addr from;
			struct id sender;
			struct bytes body;
		} beacon;
		struct {
			struct peer peer;
			enum purpose purpose;
			bool up;
			bool broken; /* down by reset or end of file, not by our own or a timeout's will */
		} link;
		struct {
			struct peer peer;
			enum purpose purpose;
			uint8_t type;
			uint64_t request;
			struct bytes body;
			uint32_t uid; /* of a local client */
		} frame;
		struct {
			uint64_t token;
			enum err err;
		} disk;
		struct {
			uint64_t token;
			enum err err;
			struct bytes body;
		} read;
		struct {
			uint64_t token;
			bool good;
		} verified;
		struct {
			uint64_t token;
			enum err err;
			const struct addr *list;
			uint32_t count;
		} resolved;
		struct {
			bool up;
			struct bytes body; /* empty: only `up` changed */
		} keeper;
		enum signal signal;
		struct tell tell;
		struct {
			enum door door;
			struct addr from;
			struct bytes body;
		} packet;
		struct {
			uint64_t conn;
			enum door door;    /* ACCEPTED */
			struct addr from;  /* ACCEPTED */
			uint32_t uid;      /* ACCEPTED at DOOR_LOCAL */
			enum err err;      /* DIALED; CLOSED: why */
			struct bytes body; /* INPUT */
		} stream;
		struct {
			bool up;
			struct bytes body;
		} agent;
		struct {
			uint64_t token;
			int32_t pid;
			enum err err;
			int32_t errnum;
		} spawned;
		struct {
			int32_t pid;
			int32_t status;    /* as from waitpid */
			uint64_t out_size; /* bytes it wrote */
			uint64_t err_size;
		} exited;
	};
};

#endif
