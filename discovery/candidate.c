#include "discovery/candidate.h"

#include "core/facts.h"
#include "core/must.h"

bool candidate_is_self(const struct discovery_config *config, struct addr a)
{
	uint32_t above = (uint32_t)a.port - config->self.port;

	return addr_same_ip(a, config->self) &&
	       (above == 0 || above == VIEW_PORT_STEP || above == 2 * VIEW_PORT_STEP);
}

void candidate_tell(const struct discovery_config *config, struct addr a, uint8_t roles,
		    struct outbox *outbox)
{
	struct tell tell = {.kind = TELL_CANDIDATE, .candidate = {.view = VIEW_ALL, .addr = a}};

	must(!candidate_is_self(config, a));
	must(a.port != 0);

	outbox_tell(outbox, &tell);
	if (!(config->roles & roles & ROLE_SCHEDULER))
		return;
	tell.candidate.view = VIEW_SCHEDULERS;
	outbox_tell(outbox, &tell);
}
