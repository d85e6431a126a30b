/* A program's end of a channel to a node of another machine: for one that has a key, but is no member yet. Blocking,
 * with deadlines; no loop. It comes with an identity made for the occasion, and is forgotten with it. */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/call.h"
#include "core/identity.h"
#include "net/channel.h"

/* How far we came: what to do next differs with each. */
enum reach {
	REACH_GOOD,
	REACH_NAME,  /* the name has no address */
	REACH_ROUTE, /* the network knows no way there */
	REACH_REFUSED, /* the machine answers, the port does not: nobody listens, or a firewall rejects */
	REACH_SILENT, /* nothing comes back: the machine is off, or a firewall drops */
	REACH_SHUT,   /* it listens, but does not talk with our key */
};

struct remote {
	int fd;
	struct addr addr; /* the one that answered */
	struct identity identity;
	struct channel_self self;
	struct channel channel;
	bool handshake; /* channel and self are to be ended */
	struct buffer in;
	size_t taken;
	uint64_t next;
	char why[200]; /* the other side's sentence, or ours */
};

/* `host[:port]` as an invite has it; several addresses of a name are all given, at most `max`. How many; 0: no such
 * name. */
uint32_t remote_resolve(const char *text, uint16_t port, struct addr *out, uint32_t max);
/* A bare connection, which is closed again: does the port answer? */
enum reach remote_try(struct addr to, int wait_ms);

/* Connects and shakes hands within wait_ms. On anything but REACH_GOOD nothing is left open. */
enum reach remote_open(struct remote *r, const struct keyring *ring, struct addr to, int wait_ms);
void remote_close(struct remote *r);
/* One call without arguments, and its answer's body, appended to `body`. The exit code, with `why` when it is not 0. */
MUST_USE int remote_call(struct remote *r, enum call_verb verb, int wait_ms, struct buffer *body);

#endif
