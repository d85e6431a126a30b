/* What outlives the process: file "gossip/<view>".
 *
 *     version 1 | msgpack [reserved incarnation, ver, addresses]     an address: where a member's port P is
 *
 * Incarnations are reserved in blocks ahead of their use, so that a refutation need not wait for the disk. */
#ifndef GOSSIP_PAST_H
#define GOSSIP_PAST_H

#include <stdint.h>

#include "core/addr.h"
#include "core/bytes.h"

struct past {
	uint64_t reserved;  /* every incarnation used so far is below */
	uint64_t version;   /* every `ver` shown so far is at or below */
	struct addr *known; /* owned */
	uint32_t count;
};

void past_fini(struct past *p);
/* On an error `out` is an empty past. */
MUST_USE enum err past_get(struct bytes file, struct past *out);
MUST_USE enum err past_put(const struct past *p, struct buffer *out);

#endif
