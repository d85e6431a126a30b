/* Whom to ask first. Discovery yields addresses worth a join, for a view; it never says who is a member: the join
 * handshake does (cluster, keys, protocol version).
 *
 * It composes the mechanisms (multicast, static) and never gives up: each asks on with jittered back-off while this node
 * is alone, and slowly for ever after, so that islands which formed apart find each other.
 *
 * Invariants
 *   1. No address is given that was not configured, resolved from what was configured, or told in an opened beacon.
 *   2. The own address, and an address that turned out to be this node, is not given.
 *   3. Candidates of one step are at most CANDIDATES_MAX for each view.
 *   4. A failed question keeps the last good answer.
 *   5. A mechanism always has a deadline. */
#ifndef DISCOVERY_DISCOVERY_H
#define DISCOVERY_DISCOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "core/outbox.h"
#include "core/sheet.h"

struct discovery_config {
	bool multicast;
	bool stat;         /* static */
	struct id id;      /* our own */
	struct addr self;  /* what we tell others: private (or advertised) address, port P */
	uint8_t roles;     /* enum role: a scheduler asks for both views */
	uint16_t port;     /* of seeds that name none */
	const char *seeds; /* `host[:port],…`, checked; used during discovery_open only */
	uint64_t seed;     /* of the randomness */
	/* spacing of beacons */
	uint32_t fast_low_ms, fast_high_ms, slow_low_ms, slow_high_ms;
	/* seeds: first and longest wait while alone, longest after a join */
	uint32_t retry_low_ms, retry_high_ms, retry_joined_ms;
};

struct discovery;

/* NULL without memory. */
struct discovery *discovery_open(const struct discovery_config *config, uint64_t now_us);
void discovery_close(struct discovery *d); /* takes NULL */

/* WAKE, RESOLVED, BEACON, TELL_JOINED and TELL_MEMBER; ignores others. */
void discovery_step(struct discovery *d, const struct event *event, struct outbox *outbox);
uint64_t discovery_deadline_us(const struct discovery *d);

/* One row for each mechanism and seed. The sheet is initialised here and the caller's to end. */
void discovery_sheet(const struct discovery *d, uint64_t now_us, struct sheet *s);

#endif
