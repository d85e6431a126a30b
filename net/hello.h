/* What each side of a channel says of itself: the payload of its handshake message, so sealed and bound to its key.
 *
 *     [key bin 32, certificate bin, cluster text, version min, version max, store id, generation, term, boot, purpose,
 *      roles, port]
 *
 * The certificate is empty: a place kept for what will bind the key to its roles. */
#ifndef NET_HELLO_H
#define NET_HELLO_H

#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"
#include "core/id.h"
#include "core/limits.h"

struct hello {
	uint8_t key[32]; /* Ed25519 */
	char cluster[CLUSTER_ID_MAX_LEN + 1];
	uint8_t version_min;
	uint8_t version_max;
	struct id store; /* none: has none yet */
	struct epoch
		epoch; /* highest it knows; its generation as a mark (sched/store/generation.h) */
	uint64_t boot;
	uint8_t purpose; /* enum purpose, of the one that dialled; 0 in the answer */
	uint8_t roles;   /* enum role, or-ed: claimed, until certificates bind them */
	uint16_t port;   /* P: where it can be dialled */
	struct id id;    /* of the key; does not travel */
};

MUST_USE enum err hello_put(const struct hello *h, struct buffer *out);
/* Checks the form alone: whether the key is the peer's is the channel's to say. */
MUST_USE enum err hello_get(struct bytes packed, struct hello *out);

#endif
