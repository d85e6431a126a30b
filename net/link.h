/* All streams of one node: whom they lead to, what waits for them, when they end.
 *
 * A core posts a frame to a peer; here it finds the stream, or dials one and waits for its handshake. What the doors
 * say of raw connections (ACCEPTED, DIALED, INPUT, CLOSED) becomes EVENT_LINK and EVENT_FRAME, handed to `deliver`.
 *
 * A stream's number (peer.link) is its connection's. Those we dial have LINK_DIALLED set, so the doors number what
 * they accept from 1 upwards and the two never meet. A number is never used twice.
 *
 * Two streams with one peer and purpose may live: both may have dialled at once. A POST to an id takes the one we
 * dialled, else the one we accepted. peer.addr of an accepted stream has the port its hello names: it can be dialled.
 *
 * Invariants
 *   1  A frame is delivered only between its stream's EVENT_LINK up and down.
 *   2  A dialled stream ends with exactly one EVENT_LINK down, unless unlinked; an accepted one only if it was up.
 *   3  At most LINKS_UNKNOWN_MAX accepted handshakes run; none longer than HANDSHAKE_MAX_MS.
 *   4  No frame reaches `deliver` whose sender's roles may not send its type (core/wire.h).
 *   5  What is posted to one stream comes out in order; what was posted for an id goes to no other id. */
#ifndef NET_LINK_H
#define NET_LINK_H

#include <stdint.h>

#include "core/effect.h"
#include "core/event.h"
#include "core/identity.h"
#include "core/outbox.h"
#include "net/channel.h"
#include "net/strangers.h"

#define LINK_DIALLED (1ull << 63)
#define LINK_NO_UID  UINT32_MAX /* frame.uid of what did not come from the local socket */

struct links; /* opaque */

struct links_config {
	const struct identity *identity; /* outlives the table */
	const struct keyring *keyring;   /* outlives the table; its keys may change between steps */
	/* The kernel's randomness; the simulator's comes from its seed. All ephemeral keys come of it: whoever knows it
	 * and the node's key can read every stream, so 64 bits of it are not enough. */
	uint8_t random[32];
	struct strangers *strangers;      /* outlives the table: who was told off lately */
	uint8_t version_min, version_max; /* of the protocol; 0: what this program speaks */
	void *with;
	/* Fills store, epoch, boot, roles, port: as they are now. */
	void (*hello)(void *with, struct hello *out);
	/* May call links_post, links_unlink and links_hello; not links_step. The event lives for the call. */
	void (*deliver)(void *with, const struct event *event);
};

struct links_counts {
	uint64_t streams; /* now */
	uint64_t dialled; /* since start, as all below */
	uint64_t accepted;
	uint64_t opened; /* handshakes that ended well */
	uint64_t failed; /* that did not */
	uint64_t timed_out;
	uint64_t crowded_out; /* strangers' handshakes dropped for newer ones */
	uint64_t frames_in;
	uint64_t frames_out;
	uint64_t refused_type;  /* frames whose sender may not send them, or of an unknown type */
	uint64_t refused_queue; /* posts beyond CHANNEL_QUEUE_MAX, FRAME_MAX or LINKS_MAX */
	uint64_t refused_peer;  /* posts to nobody: no such stream, and no address */
};

/* NULL: the identity's key is none, or no memory. */
struct links *links_open(const struct links_config *config);
/* Says nothing to anybody. */
void links_close(struct links *l);

/* Raw stream events and EVENT_WAKE; all others are ignored. */
void links_step(struct links *l, const struct event *event, struct outbox *outbox);
/* An EFFECT_POST. It is read before anything is put into the outbox, so it may lie there. */
void links_post(struct links *l, uint64_t now_us, const struct effect *effect,
		struct outbox *outbox);
/* An EFFECT_UNLINK: closes the stream of that number, else all with that id and purpose. Whoever asks knows: no
 * EVENT_LINK follows. */
void links_unlink(struct links *l, const struct effect *effect, struct outbox *outbox);
uint64_t links_deadline_us(const struct links *l);

/* What the peer of an open stream said of itself; NULL when there is no such, or it is local. Lives until the next
 * call that is not const. */
const struct hello *links_hello(const struct links *l, uint64_t link);
struct links_counts links_counts(const struct links *l);

#endif
