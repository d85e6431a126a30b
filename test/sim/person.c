/* A person at one host, who confirms a loss: asks, reads, says yes. Impatient: what is refused is asked for again after a
 * second. */
#include <stdlib.h>
#include <string.h>

#include "core/call.h"
#include "core/must.h"
#include "core/pack.h"
#include "net/frame.h"
#include "test/sim/sim.h"

#define AGAIN_US 1000000u
#define LOST_MAX 4u

struct person {
	struct host *at;
	struct id lost[LOST_MAX];
	uint32_t count;
	bool acts;
	uint64_t facts;
	uint64_t stream; /* 0: waits, or has nothing to say */
	struct frames frames;
};

static void ask(struct sim *s)
{
	struct person *p = s->person;
	struct call call = {.verb = CALL_CONFIRM_LOSS};
	struct buffer arguments, body, out;
	struct pack pack;

	buffer_init(&arguments, FRAME_MAX);
	buffer_init(&body, FRAME_MAX);
	buffer_init(&out, FRAME_MAX + FRAME_HEAD);
	pack_init(&pack, &arguments);
	pack_array(&pack, 3);
	pack_bool(&pack, p->acts);
	pack_u64(&pack, p->facts);
	pack_array(&pack, p->count);
	for (uint32_t i = 0; i < p->count; i++)
		pack_str(&pack, id_text(p->lost[i]).s);
	call.arguments = buffer_bytes(&arguments);
	enum err err = call_put(&call, &body);
	must(err == OK);
	struct frame f = {.type = FRAME_CALL, .request = 1, .body = buffer_bytes(&body)};
	err = frame_put(&f, &out);
	must(err == OK);
	frames_fini(&p->frames);
	frames_init(&p->frames);
	p->stream = wire_local(s, p->at);
	wire_local_write(s, p->stream, buffer_bytes(&out));
	buffer_fini(&arguments);
	buffer_fini(&body);
	buffer_fini(&out);
}

void person_begins(struct sim *s, struct host *at, const char *lost)
{
	if (!s->person)
		s->person = calloc(1, sizeof(*s->person));
	must(s->person);
	struct person *p = s->person;
	must(!p->stream);
	p->at = at;
	p->count = 0;
	p->acts = false;
	p->facts = 0;
	for (char *next; *lost && p->count < LOST_MAX; lost = *next ? next + 1 : next)
		p->lost[p->count++] = s->host[strtoul(lost, &next, 10) - 1].identity.id;
	ask(s);
}

void person_happens(struct sim *s)
{
	struct person *p = s->person;

	if (!p->stream && p->at->node && p->at->ready)
		ask(s);
	else if (!p->stream)
		sim_later(s, AGAIN_US, (struct happening){.kind = HAPPEN_PERSON});
}

bool person_read(struct sim *s, uint64_t stream, struct bytes bytes)
{
	struct person *p = s->person;
	struct answer a;
	struct frame f;
	struct unpack u;

	if (!p || p->stream != stream)
		return false;
	if (frames_next(&p->frames, &bytes, &f) != OK)
		return true;
	enum err err = answer_get(f.body, &a);
	must(err == OK);
	wire_local_close(s, stream);
	p->stream = 0;
	if (a.code == EXIT_GOOD && p->acts)
		return true;
	p->acts = a.code == EXIT_GOOD;
	if (p->acts) {
		unpack_init(&u, a.body);
		(void)unpack_array(&u, 2);
		p->facts = unpack_u64(&u);
	}
	sim_later(s, AGAIN_US, (struct happening){.kind = HAPPEN_PERSON});
	return true;
}

void person_gone(struct sim *s, uint64_t stream)
{
	if (!s->person || s->person->stream != stream)
		return;
	s->person->stream = 0;
	sim_later(s, AGAIN_US, (struct happening){.kind = HAPPEN_PERSON});
}

void person_close(struct sim *s)
{
	if (s->person)
		frames_fini(&s->person->frames);
	free(s->person);
}
