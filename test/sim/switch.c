/* A person at a host's keyboard: asks once, reads no answer. */
#include <stdio.h>

#include "core/call.h"
#include "core/must.h"
#include "core/pack.h"
#include "net/frame.h"
#include "test/sim/sim.h"

/* `witan director switch-over [--to=TO] --force`. */
void switch_over(struct sim *s, struct host *h, const char *to)
{
	struct buffer arguments, body, out;
	struct pack p;

	if (!h->node || !h->ready || h->frozen_until > s->now_us || h->stopped_until > s->now_us)
		return;
	buffer_init(&arguments, 256);
	buffer_init(&body, FRAME_MAX);
	buffer_init(&out, FRAME_MAX + FRAME_HEAD);
	pack_init(&p, &arguments);
	pack_array(&p, 4);
	pack_str(&p, to);
	pack_bool(&p, false);
	pack_bool(&p, true);
	pack_bool(&p, false);
	must(pack_err(&p) == OK);
	struct call call = {.verb = CALL_SWITCH_OVER, .arguments = buffer_bytes(&arguments)};
	enum err err = call_put(&call, &body);
	must(err == OK);
	struct frame f = {.type = FRAME_CALL, .request = 1, .body = buffer_bytes(&body)};
	err = frame_put(&f, &out);
	must(err == OK);
	wire_local_write(s, wire_local(s, h), buffer_bytes(&out));
	buffer_fini(&arguments);
	buffer_fini(&body);
	buffer_fini(&out);
}
