/* What a beacon says, once the node has opened it: [format 1, roles, address, alone]. Trailing fields of later versions
 * are skipped. */
#ifndef DISCOVERY_BEACON_H
#define DISCOVERY_BEACON_H

#include <stdbool.h>

#include "core/addr.h"
#include "core/bytes.h"
#include "core/err.h"

#define BEACON_FORMAT  1u
#define BEACON_MAX_LEN 64u

struct beacon {
	uint8_t roles;
	struct addr addr; /* where its sender can be dialled */
	bool alone;       /* it has joined nobody yet and wants an answer */
};

MUST_USE enum err beacon_put(const struct beacon *b, struct buffer *out);
/* ERR_VERSION for another format; refuses what nobody can dial. */
MUST_USE enum err beacon_get(struct bytes body, struct beacon *out);

#endif
