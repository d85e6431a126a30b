/* Steps that take time: what a host's steps cost this machine's processor passes for that host before it hears more.
 *
 * What comes meanwhile waits, and is taken in one turn of its loop, as the doors do it: a step for each, then the turn.
 * What the kernel takes for a stream's read or write and for a line of the log is not measured here but added. A run
 * with it is not the same twice: it is for figures, not for seeds. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/limits.h"
#include "core/must.h"
#include "test/sim/sim.h"

#define STREAM_NS UINT64_C(4000)  /* one read, or one write */
#define LOG_NS    UINT64_C(10000) /* one datagram to the journal */

struct charge {
	struct happening *waits;
	size_t count, room;
	bool due;     /* a turn is in the queue */
	bool turning; /* now */
	uint64_t free_at_us;
	uint64_t began_ns;
	uint64_t turn_ns; /* used in this turn */
	uint64_t all_ns;
	uint64_t longest_ns; /* one turn */
};

static uint64_t processor_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct charge *charge_open(void)
{
	struct charge *c = calloc(1, sizeof(*c));

	must(c);
	return c;
}

void charge_close(struct charge *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		free(c->waits[i].bytes);
	free(c->waits);
	free(c);
}

static void turn_later(struct sim *s, struct host *h)
{
	struct charge *c = h->charge;
	uint64_t at = c->free_at_us > s->now_us ? c->free_at_us : s->now_us;

	if (c->due)
		return;
	c->due = true;
	sim_later(s, at - s->now_us, (struct happening){.kind = HAPPEN_TURN, .host = h->index});
}

static void keep(struct charge *c, struct happening *what)
{
	if (c->count == c->room) {
		c->room = c->room ? c->room * 2 : 64;
		c->waits = realloc(c->waits, c->room * sizeof(*c->waits));
		must(c->waits);
	}
	c->waits[c->count++] = *what;
	what->bytes = NULL;
}

void charge_wait(struct sim *s, struct host *h, struct happening *what)
{
	keep(h->charge, what);
	turn_later(s, h);
}

void charge_turn(struct sim *s, struct host *h)
{
	struct charge *c = h->charge;
	struct happening *waits = c->waits;
	size_t count = c->count;
	uint32_t accepts = 0;

	c->waits = NULL;
	c->count = c->room = 0;
	c->due = false;
	c->turning = true;
	for (size_t i = 0; i < count; i++) {
		if (wire_knocks(s, &waits[i]) && accepts++ >= ACCEPTS_TURN_MAX) {
			keep(c, &waits[i]); /* in the kernel's queue */
			continue;
		}
		if (!waits[i].life || waits[i].life == h->life)
			host_happens(s, h, &waits[i]);
		free(waits[i].bytes);
	}
	free(waits);
	host_turn(s, h);
	c->turning = false;
	c->free_at_us = s->now_us + c->turn_ns / 1000;
	c->longest_ns = c->turn_ns > c->longest_ns ? c->turn_ns : c->longest_ns;
	c->turn_ns = 0;
	s->late_us = 0;
	if (c->count)
		turn_later(s, h);
}

bool charge_turning(const struct host *h)
{
	return h->charge && h->charge->turning;
}

void charge_begin(struct host *h)
{
	if (h->charge)
		h->charge->began_ns = processor_ns();
}

static void add(struct sim *s, struct charge *c, uint64_t ns)
{
	c->all_ns += ns;
	c->turn_ns += ns;
	s->late_us = c->turn_ns / 1000;
}

void charge_end(struct sim *s, struct host *h, const struct event *e)
{
	bool reads = e->kind == EVENT_INPUT || e->kind == EVENT_ACCEPTED;

	if (h->charge)
		add(s, h->charge, processor_ns() - h->charge->began_ns + (reads ? STREAM_NS : 0));
}

void charge_effect(struct sim *s, struct host *h, const struct effect *e)
{
	if (!h->charge)
		return;
	if (e->kind == EFFECT_OUTPUT || e->kind == EFFECT_DIAL || e->kind == EFFECT_HANGUP)
		add(s, h->charge, STREAM_NS);
	else if (e->kind == EFFECT_LOG && e->log.level != LOG_LEVEL_DEBUG)
		add(s, h->charge, LOG_NS);
}

/* Of one step that no turn holds: it came from the world at once. */
void charge_alone(struct sim *s, struct host *h)
{
	struct charge *c = h->charge;

	if (!c || c->turning)
		return;
	c->free_at_us = (c->free_at_us > s->now_us ? c->free_at_us : s->now_us) + c->turn_ns / 1000;
	c->turn_ns = 0;
	s->late_us = 0;
}

double charge_seconds(const struct host *h)
{
	return (double)h->charge->all_ns / 1e9;
}

double charge_longest(const struct host *h)
{
	return (double)h->charge->longest_ns / 1e9;
}

void charge_mark(struct host *h)
{
	h->charge->all_ns = h->charge->longest_ns = 0;
}
