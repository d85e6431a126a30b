/* Users: they hand in jobs, at any host, and remember what was promised to them. */
#include <stdlib.h>
#include <string.h>

#include "core/call.h"
#include "core/must.h"
#include "net/frame.h"
#include "sched/job_pack.h"
#include "test/sim/sim.h"

#define RETRY_US  UINT64_C(300000)
#define ANSWER_US UINT64_C(10000000) /* a user asks again elsewhere */

/* One job, as its user sees it.  OFFERED -> ASKED (a host was asked) -> ACCEPTED; back to OFFERED on any failure. */
struct user {
	struct submit submit;
	uint8_t argv[64];
	size_t argv_len;
	uint64_t stream; /* 0: not asking now */
	uint64_t asked;  /* how often */
	bool accepted;
	struct id job;
	struct frames frames;
};

struct load {
	struct user *user;
	uint32_t users, room;
	uint64_t every_us, until_us;
};

enum { LOAD_NEXT, LOAD_TRY, LOAD_GIVE_UP };

void load_begin(struct sim *s, uint64_t every_us, uint64_t until_us)
{
	must(!s->load);
	s->load = calloc(1, sizeof(*s->load));
	must(s->load);
	s->load->every_us = every_us;
	s->load->until_us = until_us;
	sim_later(s, every_us, (struct happening){.kind = HAPPEN_LOAD, .a = LOAD_NEXT});
}

void load_close(struct sim *s)
{
	if (!s->load)
		return;
	for (uint32_t i = 0; i < s->load->users; i++)
		frames_fini(&s->load->user[i].frames);
	free(s->load->user);
	free(s->load);
	s->load = NULL;
}

uint32_t load_offered(const struct sim *s)
{
	return s->load ? s->load->users : 0;
}

uint32_t load_accepted(const struct sim *s)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < load_offered(s); i++)
		count += s->load->user[i].accepted;
	return count;
}

bool load_job(const struct sim *s, uint32_t i, struct id *job)
{
	*job = s->load->user[i].job;
	return s->load->user[i].accepted;
}

static void try_later(struct sim *s, uint32_t user, uint64_t in_us)
{
	sim_later(s, in_us, (struct happening){.kind = HAPPEN_LOAD, .a = LOAD_TRY, .b = user});
}

static void next(struct sim *s)
{
	struct load *l = s->load;
	char ms[16], code[8];
	uint8_t random[16];
	struct buffer argv;

	if (s->now_us >= l->until_us)
		return;
	if (l->users == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		l->user = realloc(l->user, l->room * sizeof(*l->user));
		must(l->user);
	}
	struct user *u = &l->user[l->users++];
	memset(u, 0, sizeof(*u));
	frames_init(&u->frames);
	rng_fill(&s->rng, random, sizeof(random));
	job_key_make(UINT64_C(1700000000000000) + s->now_us, random, u->submit.key);
	/* Most are short; some outlive a fail-over, a few a lease. */
	uint64_t top = rng_below(&s->rng, 10) == 0 ? 90000 : 3000;
	snprintf(ms, sizeof(ms), "%llu", (unsigned long long)rng_between(&s->rng, 1, top));
	snprintf(code, sizeof(code), "%u", (unsigned)(rng_below(&s->rng, 8) == 0));
	const char *const words[] = {"work", ms, code};
	buffer_init(&argv, sizeof(u->argv));
	enum err err = texts_put(words, 3, &argv);
	must(err == OK);
	u->argv_len = argv.len;
	memcpy(u->argv, argv.at, argv.len);
	buffer_fini(&argv);
	u->submit.task.on_lost = (enum on_lost)rng_below(&s->rng, 2);
	try_later(s, l->users - 1, 0);
	sim_later(s, l->every_us, (struct happening){.kind = HAPPEN_LOAD, .a = LOAD_NEXT});
}

static void ask(struct sim *s, uint32_t i)
{
	struct user *u = &s->load->user[i];
	struct host *h = &s->host[rng_below(&s->rng, s->hosts)];
	struct buffer arguments, body, out;

	if (u->accepted || u->stream)
		return;
	if (!h->node || !h->ready || h->frozen_until > s->now_us) {
		try_later(s, i, RETRY_US);
		return;
	}
	buffer_init(&arguments, FRAME_MAX);
	buffer_init(&body, FRAME_MAX);
	buffer_init(&out, FRAME_MAX + FRAME_HEAD);
	static const uint8_t no_env[] = {0x90};
	u->submit.task.command = bytes_of(u->argv, u->argv_len);
	u->submit.task.env = bytes_of(no_env, 1);
	enum err err = submit_put(&u->submit, &arguments);
	must(err == OK);
	struct call call = {.verb = CALL_SUBMIT, .arguments = buffer_bytes(&arguments)};
	err = call_put(&call, &body);
	must(err == OK);
	struct frame f = {.type = FRAME_CALL, .request = ++u->asked, .body = buffer_bytes(&body)};
	err = frame_put(&f, &out);
	must(err == OK);
	frames_fini(&u->frames);
	frames_init(&u->frames);
	u->stream = wire_local(s, h);
	uint64_t stream = u->stream;
	wire_local_write(s, stream, buffer_bytes(&out));
	sim_later(s, ANSWER_US,
		  (struct happening){
			  .kind = HAPPEN_LOAD, .a = LOAD_GIVE_UP, .b = i, .life = u->asked});
	buffer_fini(&arguments);
	buffer_fini(&body);
	buffer_fini(&out);
}

void load_happens(struct sim *s, const struct happening *h)
{
	struct user *u;

	switch (h->a) {
	case LOAD_NEXT:
		next(s);
		break;
	case LOAD_TRY:
		ask(s, (uint32_t)h->b);
		break;
	default:
		u = &s->load->user[h->b];
		if (!u->stream || u->asked != h->life)
			break;
		wire_local_close(s, u->stream);
		u->stream = 0;
		try_later(s, (uint32_t)h->b, RETRY_US);
		break;
	}
}

static struct user *user_of(struct sim *s, uint64_t stream)
{
	for (uint32_t i = 0; i < load_offered(s); i++)
		if (s->load->user[i].stream == stream)
			return &s->load->user[i];
	return NULL;
}

void load_read(struct sim *s, uint64_t stream, struct bytes bytes)
{
	struct user *u = user_of(s, stream);
	struct frame f;
	struct answer a;
	struct submitted done;

	if (!u || frames_next(&u->frames, &bytes, &f) != OK)
		return;
	if (f.type != FRAME_ANSWER || answer_get(f.body, &a) != OK) {
		sim_break(s, "a call is answered", "a host answered a submit with nonsense");
		return;
	}
	wire_local_close(s, stream);
	u->stream = 0;
	if (a.code == EXIT_GOOD && submitted_get(a.body, &done) == OK) {
		u->accepted = true;
		u->job = done.job;
		sim_hash(s, &done.job, sizeof(done.job));
		return;
	}
	if (a.code != EXIT_NO_DIRECTOR && a.code != EXIT_TIMEOUT && a.code != EXIT_NOBODY)
		sim_break(s, "a good job is accepted", "a submit was refused with %u: %.*s", a.code,
			  (int)a.why.len, (const char *)a.why.at);
	try_later(s, (uint32_t)(u - s->load->user), RETRY_US);
}

void load_gone(struct sim *s, uint64_t stream)
{
	struct user *u = user_of(s, stream);

	if (!u)
		return;
	u->stream = 0;
	try_later(s, (uint32_t)(u - s->load->user), RETRY_US);
}
