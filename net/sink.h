/* Where a door puts what it saw.
 *
 * The host stamps the time and steps the node. `tell` is for the callbacks of the loop; `later` is for what a door finds
 * while it carries out an effect: the event (which then borrows nothing) is told once the outbox is carried out, so that
 * the node is never stepped from the middle of its own effects. */
#ifndef NET_SINK_H
#define NET_SINK_H

#include "core/event.h"
#include "core/metrics.h"

struct sink {
	void *self;
	void (*tell)(void *self, struct event *event);
	void (*later)(void *self, const struct event *event);
	struct metrics *metrics; /* what the doors count */
};

static inline void sink_tell(const struct sink *s, struct event *event)
{
	s->tell(s->self, event);
}

static inline void sink_later(const struct sink *s, const struct event *event)
{
	s->later(s->self, event);
}

#endif
