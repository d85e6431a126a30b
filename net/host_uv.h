/* The host: opens every door, and drives one node in this process until it exits.
 *
 * Each turn of the loop: what came in is told to the node event by event; then its turn ends; then its outbox is carried
 * out, in order; then the one deadline is set. While a deadline is past the loop does not sleep, but it looks at its
 * sockets once in every turn. */
#ifndef NET_HOST_UV_H
#define NET_HOST_UV_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/log.h"
#include "net/node.h"

/* What is driven: the node, or in tests something that stands for it. The verbs are those of net/node.h. */
struct host_ops {
	enum err (*open)(const struct node_start *start, void **self, char why[200]);
	void (*close)(void *self);
	void (*step)(void *self, const struct event *event, struct outbox *outbox);
	void (*turn)(void *self, uint64_t now_us, uint64_t wall_us, struct outbox *outbox);
	uint64_t (*deadline)(const void *self);
};

extern const struct host_ops host_node; /* net/host_node.c */

struct host_start {
	const struct host_ops *ops;
	const struct config *config;
	const struct identity *identity;
	const struct keyring *keyring;
	const char
		*root; /* absolute data directory of this node and cluster; made and locked here */
	const char *socket; /* path of the local socket; "": none */
	struct addr addr;   /* private address with port P */
	uint8_t roles;      /* enum role, or-ed */
	bool dev;           /* nodes of this machine alone: beacons go over loopback, too */
	void *log_self;
	/* One entry; `fields` is "NAME=value\n…" or "". */
	void (*log)(void *self, enum log_level level, uint64_t wall_us, const char *fields,
		    const char *text);
	void (*reopen_log)(void *self); /* SIGHUP; may be NULL */
};

/* Returns the exit code of the program; what went wrong is logged in one sentence. When it ends while a thread still
 * waits for a name server, the process ends here, with that code. */
int host_run(const struct host_start *start);

#endif
