/* The node: a doorman. It owns the cores (two SWIM views, discovery, store, director, worker) and the wire's edge
 * (sealing, channels), hands one's effect to another as an event, and has no thought of its own. It makes no I/O: the
 * doors (net/host_uv.c, or the simulator) tell it events and carry out the effects it leaves in the outbox. */
#ifndef NET_NODE_H
#define NET_NODE_H

#include "core/config.h"
#include "core/disk.h"
#include "core/event.h"
#include "core/identity.h"
#include "core/outbox.h"

struct node;

struct node_start {
	const struct config *config;     /* outlives the node */
	const struct identity *identity; /* outlives the node */
	const struct keyring *keyring;   /* outlives the node */
	const struct disk *disk;         /* used during node_open only */
	uint64_t seed;
	uint8_t random[32];       /* the kernel's: keys and nonces come of it */
	uint8_t machine[16];      /* of /etc/machine-id */
	uint8_t machine_boot[16]; /* of the kernel's boot id */
	uint64_t now_us;
	uint64_t wall_us;
	struct metrics *metrics; /* the doors count into it, too; NULL: the node's own */
	const char *root;    /* absolute data directory: what a child needs absolute paths for */
	struct cards *cards; /* NULL: the node's own; a simulator's nodes share theirs */
	struct addr addr;    /* chosen private address with port P */
	uint32_t level;      /* of the state, that this program knows; 0: as it was built */
};

/* Reads what earlier lives left on the disk. On error nothing is left and `why` (200 bytes) holds a sentence. */
MUST_USE enum err node_open(const struct node_start *start, struct node **out, char why[200]);
void node_close(struct node *n);
/* One thing happened. Raw events only: what the doors see. */
void node_step(struct node *n, const struct event *event, struct outbox *outbox);
/* End of the loop's turn: group what the steps gathered. */
void node_turn(struct node *n, uint64_t now_us, uint64_t wall_us, struct outbox *outbox);
uint64_t node_deadline_us(const struct node *n);

#endif
