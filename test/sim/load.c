/* Users: they hand in jobs, at any host, hand some in twice, cancel some, wait for some, and hold the cluster to what it
 * told them. */
#include <stdlib.h>
#include <string.h>

#include "core/call.h"
#include "core/limits.h"
#include "core/must.h"
#include "net/frame.h"
#include "sched/job_pack.h"
#include "test/sim/sim.h"

#define RETRY_US  UINT64_C(300000)
#define ANSWER_US UINT64_C(10000000) /* a user asks again elsewhere */
#define WAIT_MS   20000u

/* What a user wants now.
 *
 *   WANT_JOB -> WANT_AGAIN (the same once more) -> WANT_CANCEL -> WANT_END (waits for it) -> WANT_NOTHING
 *
 * Each is asked for until it is answered; which of those in the middle a user wants is drawn with the job. */
enum want { WANT_JOB, WANT_AGAIN, WANT_CANCEL, WANT_END, WANT_NOTHING };

struct user {
	struct submit submit;
	uint8_t argv[64];
	size_t argv_len;
	uint8_t *env;
	size_t env_len;
	bool again, cancels, waits;
	enum want want;
	uint64_t seen;   /* of the news */
	uint64_t stream; /* 0: not asking now */
	uint64_t asked;  /* how often */
	bool accepted;
	uint32_t at; /* host that is always asked; 0: any */
	struct id job;
	struct frames frames;
};

struct load {
	struct load_wish wish;
	struct user *user;
	uint32_t users, room;
};

enum { LOAD_NEXT, LOAD_TRY, LOAD_GIVE_UP };

void load_begin(struct sim *s, struct load_wish wish)
{
	must(!s->load);
	s->load = calloc(1, sizeof(*s->load));
	must(s->load);
	s->load->wish = wish;
	if (wish.every_us)
		sim_later(s, wish.every_us,
			  (struct happening){.kind = HAPPEN_LOAD, .a = LOAD_NEXT});
}

void load_close(struct sim *s)
{
	if (!s->load)
		return;
	for (uint32_t i = 0; i < s->load->users; i++) {
		frames_fini(&s->load->user[i].frames);
		free(s->load->user[i].env);
	}
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

bool load_done(const struct sim *s, char why[200])
{
	for (uint32_t i = 0; i < load_offered(s); i++)
		if (s->load->user[i].want != WANT_NOTHING) {
			snprintf(why, 200, "the user of job %s was not answered (%d)",
				 id_text(s->load->user[i].job).s, (int)s->load->user[i].want);
			return false;
		}
	return true;
}

static void try_later(struct sim *s, uint32_t user, uint64_t in_us)
{
	sim_later(s, in_us, (struct happening){.kind = HAPPEN_LOAD, .a = LOAD_TRY, .b = user});
}

/* --- a new user --- */

static struct user *user_add(struct sim *s)
{
	struct load *l = s->load;

	if (l->users == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		l->user = realloc(l->user, l->room * sizeof(*l->user));
		must(l->user);
	}
	struct user *u = &l->user[l->users++];
	memset(u, 0, sizeof(*u));
	frames_init(&u->frames);
	return u;
}

static void write_key(struct sim *s, struct user *u)
{
	uint8_t random[16];

	rng_fill(&s->rng, random, sizeof(random));
	if (s->load->wish.own_keys || rng_below(&s->rng, 2))
		snprintf(u->submit.key, sizeof(u->submit.key), "order-%u", s->load->users);
	else
		job_key_make(WALL_BASE_US + s->now_us, random, u->submit.key);
}

static void write_work(struct sim *s, struct user *u, uint64_t work_ms, uint64_t code)
{
	char ms[24], number[24];
	const char *const words[] = {"work", ms, number};
	struct buffer argv, env;
	char *filler = calloc(1, s->load->wish.weight + 8);
	const char *const name[] = {filler};

	must(filler);
	memset(filler, 'x', s->load->wish.weight + 7);
	memcpy(filler, "FILL=", 5);
	snprintf(ms, sizeof(ms), "%llu", (unsigned long long)work_ms);
	snprintf(number, sizeof(number), "%llu", (unsigned long long)code);
	buffer_init(&argv, sizeof(u->argv));
	buffer_init(&env, JOB_TEXT_MAX);
	enum err err = texts_put(words, 3, &argv);
	must(err == OK);
	err = texts_put(name, s->load->wish.weight ? 1 : 0, &env);
	must(err == OK);
	u->argv_len = argv.len;
	memcpy(u->argv, argv.at, argv.len);
	u->env_len = env.len;
	u->env = sim_copy(buffer_bytes(&env));
	buffer_fini(&argv);
	buffer_fini(&env);
	free(filler);
}

void load_one(struct sim *s, uint32_t at, uint64_t work_ms, uint64_t code, enum on_lost on_lost)
{
	struct user *u = user_add(s);

	write_key(s, u);
	write_work(s, u, work_ms, code);
	u->at = at;
	u->submit.task.on_lost = on_lost;
	try_later(s, s->load->users - 1, 0);
}

static void next(struct sim *s)
{
	struct load *l = s->load;

	if (s->now_us >= l->wish.until_us)
		return;
	struct user *u = user_add(s);
	write_key(s, u);
	/* Most are short; some outlive a fail-over, a few a lease. */
	uint64_t top = rng_below(&s->rng, 4) == 0 ? l->wish.long_ms : 3000;
	uint64_t ms = rng_between(&s->rng, 1, top);
	write_work(s, u, ms, rng_below(&s->rng, 8) == 0);
	u->submit.task.on_lost = rng_below(&s->rng, 2)
					 ? ON_LOST_RESTART
					 : (enum on_lost)rng_below(&s->rng, ON_LOST_HOLD + 1);
	u->submit.task.priority = (uint32_t)rng_below(&s->rng, 3);
	u->again = rng_below(&s->rng, 8) == 0;
	u->cancels = rng_below(&s->rng, 10) == 0;
	u->at = l->wish.at;
	u->waits = rng_below(&s->rng, 3) == 0;
	try_later(s, l->users - 1, 0);
	sim_later(s, l->wish.every_us, (struct happening){.kind = HAPPEN_LOAD, .a = LOAD_NEXT});
}

/* --- asking --- */

static uint8_t arguments_put(const struct user *u, struct buffer *out)
{
	struct submit s = u->submit;
	struct wait_ask w = {.seen = u->seen, .wait_ms = WAIT_MS};
	enum err err;

	switch (u->want) {
	case WANT_JOB:
	case WANT_AGAIN:
		s.task.command = bytes_of(u->argv, u->argv_len);
		s.task.env = bytes_of(u->env, u->env_len);
		err = submit_put(&s, out);
		must(err == OK);
		return CALL_SUBMIT;
	case WANT_CANCEL:
		err = job_name_put(id_text(u->job).s, out);
		must(err == OK);
		return CALL_JOB_CANCEL;
	case WANT_END:
	case WANT_NOTHING:
		break;
	}
	id_print(u->job, w.prefix);
	err = wait_ask_put(&w, out);
	must(err == OK);
	return CALL_JOB_WAIT;
}

static void ask(struct sim *s, uint32_t i)
{
	struct user *u = &s->load->user[i];
	struct host *h = &s->host[u->at ? u->at - 1 : rng_below(&s->rng, s->hosts)];
	struct buffer arguments, body, out;

	if (u->want == WANT_NOTHING || u->stream)
		return;
	if (!h->node || !h->ready || h->frozen_until > s->now_us || h->stopped_until > s->now_us) {
		try_later(s, i, RETRY_US);
		return;
	}
	buffer_init(&arguments, FRAME_MAX);
	buffer_init(&body, FRAME_MAX);
	buffer_init(&out, FRAME_MAX + FRAME_HEAD);
	struct call call = {.verb = arguments_put(u, &arguments)};
	call.arguments = buffer_bytes(&arguments);
	enum err err = call_put(&call, &body);
	must(err == OK);
	struct frame f = {.type = FRAME_CALL, .request = ++u->asked, .body = buffer_bytes(&body)};
	err = frame_put(&f, &out);
	must(err == OK);
	frames_fini(&u->frames);
	frames_init(&u->frames);
	u->stream = wire_local(s, h);
	uint64_t stream = u->stream;
	wire_local_write(s, stream, buffer_bytes(&out));
	sim_later(s, ANSWER_US + (u->want == WANT_END ? WAIT_MS * UINT64_C(1000) : 0),
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

/* --- being answered --- */

static void go_on(struct sim *s, struct user *u)
{
	uint64_t in_us = rng_between(&s->rng, 1, 5000000);

	if (u->want == WANT_JOB && u->again)
		u->want = WANT_AGAIN;
	else if (u->want <= WANT_AGAIN && u->cancels)
		u->want = WANT_CANCEL;
	else if (u->want <= WANT_CANCEL && u->waits)
		u->want = WANT_END;
	else
		u->want = WANT_NOTHING;
	if (u->want == WANT_END)
		in_us = 0;
	try_later(s, (uint32_t)(u - s->load->user), in_us);
}

static void told_accepted(struct sim *s, struct user *u, const struct answer *a)
{
	struct submitted done;
	struct job job;

	if (submitted_get(a->body, &done) != OK) {
		sim_break(s, "a call is answered", "a submit was answered with nonsense");
		return;
	}
	if (u->want == WANT_AGAIN && !id_same(u->job, done.job))
		sim_break(s, "2: one key is one job", "%s is job %s and job %s", u->submit.key,
			  id_text(u->job).s, id_text(done.job).s);
	if (!truth_job(s, done.job, &job) || done.position > truth_position(s))
		sim_break(s, "2: accepted means committed", "job %s was accepted, and is nowhere",
			  id_text(done.job).s);
	u->accepted = true;
	u->job = done.job;
	sim_hash(s, &done.job, sizeof(done.job));
	go_on(s, u);
}

static void told_cancelled(struct sim *s, struct user *u)
{
	struct job job;

	if (!truth_job(s, u->job, &job) ||
	    (job.state != JOB_CANCELLING && job.state != JOB_CANCELLED))
		sim_break(s, "2: cancelled means committed", "job %s was cancelled, and is %s",
			  id_text(u->job).s, job_state_name(job.state));
	go_on(s, u);
}

static void told_news(struct sim *s, struct user *u, const struct answer *a)
{
	struct job_news n;
	struct job job;

	if (job_news_get(a->body, &n) != OK || !id_same(n.job, u->job)) {
		sim_break(s, "a call is answered", "a wait was answered with nonsense");
		return;
	}
	u->seen = n.seen;
	if (!job_is_ended(n.state)) {
		try_later(s, (uint32_t)(u - s->load->user), 1000);
		return;
	}
	if (!truth_job(s, u->job, &job) || job.state != n.state || job.code != n.code ||
	    job.number != n.number)
		sim_break(s, "2: one result, and no other is told",
			  "of job %s was told: %s, code %d", id_text(u->job).s,
			  job_state_name(n.state), n.code);
	go_on(s, u);
}

/* What may be answered instead: it is asked for again. */
static bool told_to_try(struct sim *s, struct user *u, const struct answer *a)
{
	struct job job;

	if (a->code == EXIT_NO_DIRECTOR || a->code == EXIT_TIMEOUT || a->code == EXIT_NOBODY)
		return true;
	if (u->want == WANT_CANCEL && a->code == EXIT_OTHER && truth_job(s, u->job, &job) &&
	    job_is_ended(job.state)) {
		go_on(s, u);
		return false;
	}
	sim_break(s, "a good wish is granted", "%s of job %s was refused with %u: %.*s",
		  u->want == WANT_CANCEL ? "a cancel"
		  : u->want == WANT_END  ? "a wait"
					 : "a submit",
		  id_text(u->job).s, a->code, (int)a->why.len, (const char *)a->why.at);
	return false;
}

static struct user *user_of(struct sim *s, uint64_t stream)
{
	for (uint32_t i = load_offered(s); i-- > 0;)
		if (s->load->user[i].stream == stream)
			return &s->load->user[i];
	return NULL;
}

void load_read(struct sim *s, uint64_t stream, struct bytes bytes)
{
	struct user *u = user_of(s, stream);
	struct frame f;
	struct answer a;

	if (!u) {
		wire_local_close(s, stream); /* of who switched over, and reads no more */
		return;
	}
	if (frames_next(&u->frames, &bytes, &f) != OK)
		return;
	if (f.type != FRAME_ANSWER || answer_get(f.body, &a) != OK) {
		sim_break(s, "a call is answered", "a host answered with nonsense");
		return;
	}
	wire_local_close(s, stream);
	u->stream = 0;
	if (a.code != EXIT_GOOD) {
		if (told_to_try(s, u, &a))
			try_later(s, (uint32_t)(u - s->load->user), RETRY_US);
	} else if (u->want <= WANT_AGAIN) {
		told_accepted(s, u, &a);
	} else if (u->want == WANT_CANCEL) {
		told_cancelled(s, u);
	} else {
		told_news(s, u, &a);
	}
}

void load_gone(struct sim *s, uint64_t stream)
{
	struct user *u = user_of(s, stream);

	if (!u)
		return;
	u->stream = 0;
	try_later(s, (uint32_t)(u - s->load->user), RETRY_US);
}
