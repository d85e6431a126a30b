/* A person at a host's keyboard: asks once, reads no answer. */
#include <stdio.h>

#include "core/call.h"
#include "core/must.h"
#include "core/pack.h"
#include "net/frame.h"
#include "test/sim/sim.h"

static void ask(struct sim *s, struct host *h, uint8_t verb, const struct buffer *arguments)
{
	struct call call = {.verb = verb, .arguments = buffer_bytes(arguments)};
	struct buffer body, out;

	buffer_init(&body, FRAME_MAX);
	buffer_init(&out, FRAME_MAX + FRAME_HEAD);
	enum err err = call_put(&call, &body);
	must(err == OK);
	struct frame f = {.type = FRAME_CALL, .request = 1, .body = buffer_bytes(&body)};
	err = frame_put(&f, &out);
	must(err == OK);
	wire_local_write(s, wire_local(s, h), buffer_bytes(&out));
	buffer_fini(&body);
	buffer_fini(&out);
}

static bool is_there(const struct sim *s, const struct host *h)
{
	return h->node && h->ready && h->frozen_until <= s->now_us && h->stopped_until <= s->now_us;
}

/* `witan director switch-over [--to=TO] --force`. */
void switch_over(struct sim *s, struct host *h, const char *to)
{
	struct buffer arguments;
	struct pack p;

	if (!is_there(s, h))
		return;
	buffer_init(&arguments, 256);
	pack_init(&p, &arguments);
	pack_array(&p, 4);
	pack_str(&p, to);
	pack_bool(&p, false);
	pack_bool(&p, true);
	pack_bool(&p, false);
	must(pack_err(&p) == OK);
	ask(s, h, CALL_SWITCH_OVER, &arguments);
	buffer_fini(&arguments);
}

/* `witan drill --yes`: its beginning. */
void drill(struct sim *s, struct host *h)
{
	struct buffer arguments;
	struct pack p;

	if (!is_there(s, h))
		return;
	buffer_init(&arguments, 256);
	pack_init(&p, &arguments);
	pack_array(&p, 0);
	must(pack_err(&p) == OK);
	ask(s, h, CALL_DRILL, &arguments);
	buffer_fini(&arguments);
}
