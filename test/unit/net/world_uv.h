/* A loop whose doors tell into a list; tests run it until what they wait for has come. */
#ifndef TEST_UNIT_NET_WORLD_UV_H
#define TEST_UNIT_NET_WORLD_UV_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include "core/must.h"
#include "net/sink.h"

#define WORLD_EVENTS   4096u
#define WORLD_GUARD_MS 10000u /* only a failing test waits so long */

struct world {
	uv_loop_t loop;
	uv_timer_t guard;
	bool late;
	struct event event[WORLD_EVENTS];
	uint8_t *body[WORLD_EVENTS]; /* copies of what events borrowed */
	uint32_t count;
	struct metrics metrics;
};

static struct bytes *world_body(struct event *e)
{
	switch ((int)e->kind) {
	case EVENT_PACKET:
		return &e->packet.body;
	case EVENT_INPUT:
		return &e->stream.body;
	case EVENT_READ:
		return &e->read.body;
	default:
		return NULL;
	}
}

static void world_tell(void *self, struct event *e)
{
	struct world *w = self;
	struct bytes *body = world_body(e);

	assert_true(w->count < WORLD_EVENTS);
	w->body[w->count] = NULL;
	if (body != NULL && body->len > 0) {
		uint8_t *copy = malloc(body->len);

		assert_non_null(copy);
		memcpy(copy, body->at, body->len);
		w->body[w->count] = copy;
		body->at = copy;
	}
	w->event[w->count++] = *e;
}

static void world_later(void *self, const struct event *e)
{
	struct event copy = *e;

	world_tell(self, &copy);
}

static inline struct sink world_sink(struct world *w)
{
	return (struct sink){w, world_tell, world_later, &w->metrics};
}

static void world_late(uv_timer_t *timer)
{
	((struct world *)timer->data)->late = true;
}

static inline struct world *world_open(void)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	assert_int_equal(uv_loop_init(&w->loop), 0);
	uv_timer_init(&w->loop, &w->guard);
	w->guard.data = w;
	uv_timer_start(&w->guard, world_late, WORLD_GUARD_MS, 0);
	uv_unref((uv_handle_t *)&w->guard);
	return w;
}

/* The first event of that kind from `from` on; runs the loop until there is one. */
static inline struct event *world_until(struct world *w, enum event_kind kind, uint32_t from)
{
	for (;;) {
		for (uint32_t i = from; i < w->count; i++)
			if (w->event[i].kind == kind)
				return &w->event[i];
		from = w->count > from ? w->count : from;
		assert_false(w->late);
		uv_run(&w->loop, UV_RUN_ONCE);
	}
}

static inline uint32_t world_count(const struct world *w, enum event_kind kind)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w->count; i++)
		count += w->event[i].kind == kind;
	return count;
}

/* After every door was closed: nothing is left in the loop. */
static inline void world_close(struct world *w)
{
	while (uv_run(&w->loop, UV_RUN_ONCE) != 0)
		assert_false(w->late);
	uv_close((uv_handle_t *)&w->guard, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	for (uint32_t i = 0; i < w->count; i++)
		free(w->body[i]);
	free(w);
}

#endif
