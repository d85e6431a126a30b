/* From the settings to what discovery is given: the only file here that knows the configuration. */
#ifndef DISCOVERY_CONFIGURE_H
#define DISCOVERY_CONFIGURE_H

#include "core/config.h"
#include "discovery/discovery.h"

/* Borrows c->seeds. `self` is the node's own private address with port P. */
struct discovery_config discovery_configure(const struct config *c, struct id id, struct addr self,
					    uint64_t seed);

#endif
