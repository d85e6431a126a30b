#include "net/strangers.h"

#include <string.h>

#include "core/must.h"

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

static bool is_quiet(const struct stranger *k, uint64_t now_us)
{
	return addr_is_none(k->from) || now_us - k->logged_us >= STRANGERS_QUIET_MS * 1000ull;
}

bool strangers_met(struct strangers *s, uint64_t now_us, struct addr from, enum err why,
		   struct outbox *outbox)
{
	const char *text = complaint(why);
	struct stranger *room = NULL;

	if (text == NULL || addr_is_none(from))
		return false;

	for (uint32_t i = 0; i < STRANGERS_MAX; i++) {
		struct stranger *k = &s->known[i];
		if (is_quiet(k, now_us)) {
			if (room == NULL)
				room = k;
		} else if (k->why == why && addr_same_ip(k->from, from)) {
			s->silent++;
			return false;
		}
	}
	if (room == NULL) {
		s->silent++;
		return false;
	}
	*room = (struct stranger){.from = from, .why = why, .logged_us = now_us};
	must(!is_quiet(room, now_us));
	outbox_log(outbox, LOG_LEVEL_WARN, "%s %s", addr_ip_text(from).s, text);
	return true;
}
