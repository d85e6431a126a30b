#include "discovery/discovery.h"

#include <stdlib.h>

#include "core/must.h"
#include "discovery/multicast.h"
#include "discovery/static.h"

struct discovery {
	struct discovery_config config;
	struct multicast multicast;
	struct statics statics;
};

struct discovery *discovery_open(const struct discovery_config *config, uint64_t now_us)
{
	struct discovery *d;

	must(!addr_is_none(config->self));
	must(config->self.port != 0);

	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->config = *config;
	if (config->multicast)
		multicast_init(&d->multicast, &d->config, now_us);
	if (config->stat && !static_init(&d->statics, &d->config, now_us)) {
		free(d);
		return NULL;
	}
	d->config.seeds = NULL; /* the caller's, for the open only */
	return d;
}

void discovery_close(struct discovery *d)
{
	if (!d)
		return;
	static_fini(&d->statics);
	free(d);
}

static void wake(struct discovery *d, uint64_t now_us, struct outbox *outbox)
{
	if (d->config.multicast)
		multicast_wake(&d->multicast, now_us, outbox);
	if (d->config.stat)
		static_wake(&d->statics, now_us, outbox);
}

/* We are in a view with `id`, who can be dialled at `a`. */
static void joined(struct discovery *d, struct addr a, struct id id, uint64_t now_us)
{
	if (d->config.stat)
		static_joined(&d->statics, a, id, now_us);
	if (d->config.multicast && !id_same(id, d->config.id))
		multicast_joined(&d->multicast, now_us);
}

static void told(struct discovery *d, const struct event *event)
{
	const struct tell *tell = &event->tell;

	if (tell->kind == TELL_JOINED)
		joined(d, tell->candidate.addr, tell->candidate.id, event->now_us);
	/* Whoever was dialled has not joined with anybody, and yet is no longer alone. */
	if (tell->kind == TELL_MEMBER && tell->member.state == MEMBER_ALIVE)
		joined(d, tell->member.facts->addr, tell->member.facts->id, event->now_us);
}

void discovery_step(struct discovery *d, const struct event *event, struct outbox *outbox)
{
	if (event->kind == EVENT_WAKE)
		wake(d, event->now_us, outbox);
	else if (event->kind == EVENT_BEACON && d->config.multicast)
		multicast_hear(&d->multicast, event, outbox);
	else if (event->kind == EVENT_RESOLVED && d->config.stat)
		static_resolved(&d->statics, event, outbox);
	else if (event->kind == EVENT_TELL)
		told(d, event);
}

uint64_t discovery_deadline_us(const struct discovery *d)
{
	uint64_t first = d->config.multicast ? multicast_deadline_us(&d->multicast) : UINT64_MAX;
	uint64_t second = d->config.stat ? static_deadline_us(&d->statics) : UINT64_MAX;

	return first < second ? first : second;
}

void discovery_sheet(const struct discovery *d, uint64_t now_us, struct sheet *s)
{
	static const char *const columns[] = {"mechanism", "target", "state", "answered",
					      "next",      "error",  NULL};

	sheet_init(s, columns, 64u << 10);
	if (d->config.multicast)
		multicast_sheet(&d->multicast, now_us, s);
	if (d->config.stat)
		static_sheet(&d->statics, now_us, s);
}
