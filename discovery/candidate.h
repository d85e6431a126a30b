/* A word to gossip: this address is worth a join. */
#ifndef DISCOVERY_CANDIDATE_H
#define DISCOVERY_CANDIDATE_H

#include "discovery/discovery.h"

/* True for the address others dial us at, on any of our stream ports. */
bool candidate_is_self(const struct discovery_config *config, struct addr a);
/* For the view `all`, and for `schedulers` when we are one and the other may be (`roles` has ROLE_SCHEDULER). */
void candidate_tell(const struct discovery_config *config, struct addr a, uint8_t roles,
		    struct outbox *outbox);

#endif
