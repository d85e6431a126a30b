/* A small world around one discovery: its outbox, its time. */
#ifndef TEST_UNIT_DISCOVERY_WORLD_H
#define TEST_UNIT_DISCOVERY_WORLD_H

#include <string.h>

#include "core/facts.h"
#include "core/outbox.h"
#include "discovery/beacon.h"
#include "discovery/discovery.h"

#define SECOND 1000000ull

struct world {
	struct discovery *d;
	struct outbox *out;
	uint64_t now_us;
	struct discovery_config config;
};

static inline struct id id_number(uint8_t n)
{
	struct id id = {{n}};

	return id;
}

static inline void world_open(struct world *w, const char *seeds, bool multicast, uint8_t roles)
{
	memset(w, 0, sizeof(*w));
	w->now_us = 100 * SECOND;
	w->config = (struct discovery_config){
		.multicast = multicast,
		.stat = seeds[0] != '\0',
		.id = id_number(1),
		.self = addr_v4(10, 0, 0, 1, 8081),
		.roles = roles,
		.port = 8081,
		.seeds = seeds,
		.seed = 7,
		.fast_low_ms = 50,
		.fast_high_ms = 200,
		.slow_low_ms = 5000,
		.slow_high_ms = 15000,
		.retry_low_ms = 250,
		.retry_high_ms = 10000,
		.retry_joined_ms = 40000,
	};
	w->out = outbox_open();
	w->d = discovery_open(&w->config, w->now_us);
	assert_non_null(w->out);
	assert_non_null(w->d);
}

static inline void world_close(struct world *w)
{
	discovery_close(w->d);
	outbox_close(w->out);
}

static inline void world_step(struct world *w, struct event e)
{
	e.now_us = w->now_us;
	outbox_clear(w->out);
	discovery_step(w->d, &e, w->out);
}

/* On to the next deadline, and wakes it. */
static inline void world_wake(struct world *w)
{
	uint64_t at = discovery_deadline_us(w->d);

	assert_true(at < UINT64_MAX);
	if (at > w->now_us)
		w->now_us = at;
	world_step(w, (struct event){.kind = EVENT_WAKE});
}

static inline uint32_t world_count(const struct world *w, enum effect_kind kind)
{
	uint32_t n = 0;

	for (size_t i = 0; i < outbox_count(w->out); i++)
		n += outbox_at(w->out, i)->kind == kind;
	return n;
}

static inline bool world_given(const struct world *w, enum view view, struct addr a)
{
	for (size_t i = 0; i < outbox_count(w->out); i++) {
		const struct effect *e = outbox_at(w->out, i);

		if (e->kind == EFFECT_TELL && e->tell.kind == TELL_CANDIDATE &&
		    e->tell.candidate.view == view && addr_same(e->tell.candidate.addr, a))
			return true;
	}
	return false;
}

static inline void world_joined(struct world *w, struct addr a, struct id id)
{
	struct event e = {.kind = EVENT_TELL};

	e.tell.kind = TELL_JOINED;
	e.tell.candidate.view = VIEW_ALL;
	e.tell.candidate.addr = a;
	e.tell.candidate.id = id;
	world_step(w, e);
}

static inline void world_beacon(struct world *w, struct id sender, struct addr a, uint8_t roles,
				bool alone)
{
	struct beacon b = {.roles = roles, .addr = a, .alone = alone};
	struct event e = {.kind = EVENT_BEACON};
	struct buffer body;

	buffer_init(&body, BEACON_MAX_LEN);
	assert_int_equal(beacon_put(&b, &body), OK);
	e.beacon.sender = sender;
	e.beacon.from = addr_with_port(a, 54327);
	e.beacon.body = buffer_bytes(&body);
	world_step(w, e);
	buffer_fini(&body);
}

#endif
