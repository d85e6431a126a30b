/* A datagram's envelope: nothing leaves in the clear, nothing comes in unproved.
 *
 *     version 1 | cluster tag 4 | key id 4 | nonce 24 | XChaCha20-Poly1305(sender 16 | boot 8 | counter 8 | body)
 *
 * Associated data: the clear header (33 bytes), the cluster's id, one byte for what it is of (enum seal_scope). So a
 * datagram of one view is not one of the other, nor of another cluster that has the same key by mistake.
 *
 * The nonce is 16 bytes drawn once and the counter: unique while (random, sender, boot) is, and boot is persisted. What
 * opens is given to a replay window by sender, boot and counter, one table for each scope, since each has a socket of
 * its own and one may be read long after the other.
 *
 * Invariants
 *   1  No two datagrams are sealed with one nonce.
 *   2  Nothing is remembered of a sender before its datagram was authenticated.
 *   3  A datagram opens at most once (while its sender is remembered: net/replay.h). */
#ifndef NET_SEAL_H
#define NET_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"
#include "core/identity.h"
#include "core/limits.h"
#include "core/view.h"
#include "net/replay.h"

#define SEAL_VERSION 1u

enum seal_scope {
	SEAL_SCHEDULERS = VIEW_SCHEDULERS,
	SEAL_ALL = VIEW_ALL,
	SEAL_BEACON = VIEWS, /* multicast: of no view */
	SEAL_SCOPES,
};

struct seal {
	const struct keyring *ring;
	struct id self;
	uint64_t boot;
	uint64_t counter; /* of the last datagram sealed */
	uint32_t tag;
	uint8_t prefix[16]; /* of every nonce */
	struct replay replay[SEAL_SCOPES];
	uint8_t room[PACKET_MAX]; /* the last datagram opened */
};

/* A datagram, opened. */
struct sealed {
	struct id sender;
	uint64_t boot;
	bool older_key; /* not the key we seal with: a rotation is under way, or the sender was away */
	struct bytes body; /* lives until the next one is opened */
};

/* `ring` outlives the seal; its keys may change between calls, its cluster may not. `random`: the kernel's, or the
 * simulator's; it need not be secret, but may not repeat within one boot. */
void seal_init(struct seal *s, const struct keyring *ring, struct id self, uint64_t boot,
	       const uint8_t random[32]);
void seal_fini(struct seal *s);

/* Appends one datagram, sealed under the ring's first key, to `out`.
 * ERR_TOO_BIG: more than DATAGRAM_BODY_MAX; ERR_FULL: no room in `out`. */
MUST_USE enum err seal_put(struct seal *s, enum view view, struct bytes body, struct buffer *out);
MUST_USE enum err seal_put_beacon(struct seal *s, struct bytes body, struct buffer *out);

/* Opens a datagram.
 *   ERR_SHORT, ERR_TOO_BIG   its length is none of ours
 *   ERR_VERSION              a version this program does not know
 *   ERR_FOREIGN              another cluster's tag
 *   ERR_KEY                  our tag, a key we do not have
 *   ERR_FORGED               our tag and key, but it does not open: damaged, of another view, or made up
 *   ERR_REPLAYED             opened before, too old to tell, of an older boot, or our own come back
 *   ERR_FULL                 no memory to remember its sender */
MUST_USE enum err seal_open(struct seal *s, enum view view, struct bytes datagram,
			    struct sealed *out);
MUST_USE enum err seal_open_beacon(struct seal *s, struct bytes datagram, struct sealed *out);

#endif
