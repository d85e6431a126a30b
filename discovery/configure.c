#include "discovery/configure.h"

#include "core/must.h"

struct discovery_config discovery_configure(const struct config *c, struct id id, struct addr self,
					    uint64_t seed)
{
	uint32_t how = config_discovery(c);

	must(!addr_is_none(self));
	must(self.port != 0);

	return (struct discovery_config){
		.multicast = (how & DISCOVER_MULTICAST) != 0,
		.stat = (how & DISCOVER_STATIC) != 0,
		.id = id,
		.self = config_advertised(c, self),
		.roles = (uint8_t)c->role,
		.port = (uint16_t)c->private_port,
		.seeds = c->seeds,
		.seed = seed,
		.fast_low_ms = 50,
		.fast_high_ms = 200,
		.slow_low_ms = 5000,
		.slow_high_ms = 15000,
		.retry_low_ms = 250,
		.retry_high_ms = 10000,
		.retry_joined_ms = 40000,
	};
}
