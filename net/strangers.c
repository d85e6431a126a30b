#include "net/strangers.h"

#include <string.h>

#include "core/must.h"
#include "net/channel.h"

void strangers_init(struct strangers *s)
{
	memset(s, 0, sizeof(*s));
}

/* What the line says after the address; NULL: nothing worth a line. */
static const char *complaint(enum err why)
{
	if (why == ERR_FOREIGN)
		return "belongs to another cluster";
	if (why == ERR_KEY)
		return "is of our cluster with another key: join it again";
	if (why == ERR_VERSION)
		return "speaks a version this program does not know";
	return NULL;
}

/* A member of another version: not told apart by `why` from a program that can not be read at all, but by the hour. */
static bool is_quiet(const struct stranger *k, uint64_t now_us)
{
	uint64_t quiet_us = (k->apart ? STRANGERS_APART_MS : STRANGERS_QUIET_MS) * UINT64_C(1000);

	return addr_is_none(k->from) || now_us - k->logged_us >= quiet_us;
}

/* Where its line is noted; NULL: it is not due, or there is no room. */
static struct stranger *due(struct strangers *s, uint64_t now_us, struct addr from, enum err why)
{
	struct stranger *room = NULL;

	for (uint32_t i = 0; i < STRANGERS_MAX; i++) {
		struct stranger *k = &s->known[i];

		if (is_quiet(k, now_us)) {
			if (room == NULL)
				room = k;
		} else if (k->why == why && addr_same_ip(k->from, from)) {
			s->silent++;
			return NULL;
		}
	}
	if (room == NULL) {
		s->silent++;
		return NULL;
	}
	*room = (struct stranger){.from = from, .why = why, .logged_us = now_us};
	must(!is_quiet(room, now_us));
	return room;
}

bool strangers_met(struct strangers *s, uint64_t now_us, struct addr from, enum err why,
		   struct outbox *outbox)
{
	const char *text = complaint(why);

	if (text == NULL || addr_is_none(from) || due(s, now_us, from, why) == NULL)
		return false;
	outbox_log(outbox, LOG_LEVEL_WARN, "%s %s", addr_ip_text(from).s, text);
	return true;
}

bool strangers_apart(struct strangers *s, uint64_t now_us, struct addr from,
		     const struct hello *theirs, const struct channel_self *ours,
		     struct outbox *outbox)
{
	struct stranger *k = addr_is_none(from) ? NULL : due(s, now_us, from, ERR_VERSION);

	if (k == NULL)
		return false;
	k->apart = true;
	outbox_log(outbox, LOG_LEVEL_WARN,
		   "%s speaks versions %u to %u of the protocol, this program %u to %u: nothing is "
		   "said to "
		   "it; upgrade the older one",
		   addr_ip_text(from).s, theirs->version_min, theirs->version_max,
		   ours->version_min, ours->version_max);
	return true;
}
