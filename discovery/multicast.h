/* Beacons to a multicast group: fast while alone, slowly for ever after.
 *
 * A beacon is a hint only. Whoever is alone and hears one dials its sender. A node that has joined answers one who is
 * alone with a beacon of its own, to the group, after a random moment and only if no other member was quicker (as mDNS
 * suppresses known answers); so a newcomer to a thousand is not dialled by a thousand. The more beacons are heard, the
 * rarer the own ones: the group carries about the same number whatever its size.
 *
 *             FAST_BEACONS sent (beacon_send)         spacing reached slow (beacon_send)
 *   PACE_FAST ----------------------------> PACE_EASING ----------------------------> PACE_SLOW
 *       |                                        |                                        ^
 *       +----------------------------------------+--- TELL_JOINED (multicast_joined) -----+  */
#ifndef DISCOVERY_MULTICAST_H
#define DISCOVERY_MULTICAST_H

#include "core/rng.h"
#include "discovery/discovery.h"

#define MULTICAST_GIVEN_MAX 8u /* candidates in one window: the rest is heard again */

enum pace { PACE_FAST, PACE_EASING, PACE_SLOW };

struct multicast {
	const struct discovery_config *config;
	struct rng rng;
	enum pace pace;
	bool joined;
	uint32_t sent;    /* in PACE_FAST */
	uint32_t ease_ms; /* in PACE_EASING: longest spacing now */
	uint32_t heard;   /* beacons of others since our last one */
	uint64_t next_us;
	/* an answer under way to one who is alone; answer_us is UINT64_MAX when there is none */
	uint64_t answer_us, answered_us;
	struct addr newcomer;
	uint8_t newcomer_roles;
	/* what was given in this window */
	uint64_t window_us;
	uint32_t given_count;
	struct addr given[MULTICAST_GIVEN_MAX];
	/* for the sheet */
	uint64_t heard_us; /* 0: never */
	enum err error;    /* of the last beacon that was no good; OK after a good one */
};

void multicast_init(struct multicast *m, const struct discovery_config *config, uint64_t now_us);
void multicast_wake(struct multicast *m, uint64_t now_us, struct outbox *outbox);
/* An opened beacon. */
void multicast_hear(struct multicast *m, const struct event *event, struct outbox *outbox);
/* A join succeeded, by whatever mechanism. */
void multicast_joined(struct multicast *m, uint64_t now_us);
uint64_t multicast_deadline_us(const struct multicast *m);
void multicast_sheet(const struct multicast *m, uint64_t now_us, struct sheet *s);

#endif
