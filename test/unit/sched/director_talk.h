/* What a test of the director says and hears, in director_world.h. */
#ifndef TEST_DIRECTOR_TALK_H
#define TEST_DIRECTOR_TALK_H

/* Each program uses of it what it needs. */
#pragma GCC diagnostic ignored "-Wunused-function"

#include "test/unit/sched/director_world.h"

/* What the slow store kept is committed now. */
static void world_release(struct world *w, enum store_mode mode)
{
	size_t count = w->slow_count;
	struct note slow[64];

	memcpy(slow, w->slow, sizeof(slow));
	w->slow_count = 0;
	w->store = STORE_GOOD;
	for (size_t i = 0; i < count; i++) {
		world_commit(w, &slow[i], mode);
		free(slow[i].body);
	}
	world_pump(w);
}

static void world_member(struct world *w, int i, enum member_state state)
{
	struct facts facts = {.id = w->worker[i].id, .roles = ROLE_WORKER};
	struct tell t = {.kind = TELL_MEMBER,
			 .member = {.view = VIEW_ALL, .state = state, .facts = &facts}};

	snprintf(facts.name, sizeof(facts.name), "w%d", i);
	for (int d = 0; d < DIRECTORS; d++)
		world_tell(w, d, &t);
	world_pump(w);
}

static struct id submit_good(struct world *w, enum on_lost on_lost)
{
	return submitted_id(w, submit(w, (struct wanted){.on_lost = on_lost}));
}

static uint64_t wait_for(struct world *w, struct id job, uint64_t seen, uint32_t wait_ms)
{
	struct wait_ask question = {.seen = seen, .wait_ms = wait_ms};
	struct buffer b;
	enum err err;

	id_print(job, question.prefix);
	buffer_init(&b, 256);
	err = wait_ask_put(&question, &b);
	return ask(w, CALL_JOB_WAIT, 0, err, &b);
}

static struct job_news news_of(struct world *w, uint64_t request)
{
	struct heard_answer *a = answer_of(w, request);
	struct job_news n;

	assert_true(a->came);
	assert_int_equal(a->code, EXIT_GOOD);
	assert_int_equal(job_news_get(bytes_of(a->body, a->len), &n), OK);
	return n;
}

static struct job_news look(struct world *w, struct id job)
{
	return news_of(w, wait_for(w, job, 0, 0));
}

/* The worker's first attempt of the job ends. */
static void end_job(struct world *w, int i, struct id job, int32_t code)
{
	struct fake *f = &w->worker[i];

	for (uint32_t k = 0; k < f->count; k++) {
		if (!id_same(f->held[k].attempt.job, job))
			continue;
		f->held[k].state = HELD_ENDED;
		fake_report(w, f, f->held[k].attempt, REPORT_ENDED, code);
		world_pump(w);
		return;
	}
	fail_msg("the worker has no such attempt");
}

/* --- refusals --- */

#endif
