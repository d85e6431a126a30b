/* The director's world under everything at once: cut links, dead directors, commits of unknown outcome, workers that
 * restart or lose their machine, cancels. The promises of director_world.h are checked at every word; here, after
 * every step, that what ended once never changes, and at last that every accepted job ended. */
#include "core/rng.h"
#include "test/unit/sched/director_world.h"

enum { JOBS = 60, STEPS = 600, SEEDS = 60 };

struct known {
	struct id id;
	enum on_lost on_lost;
	struct job end; /* state JOB_NONE: not yet */
};

struct walk {
	struct world *w;
	struct rng rng;
	struct known job[JOBS];
	uint32_t count;
};

static bool read_job(struct world *w, struct id id, struct job *out)
{
	struct state_key key = state_key_job(id);
	struct bytes value;

	return kv_get(w->kv, state_key_bytes(&key), &value) == OK && job_get(value, out) == OK;
}

static void check_ends(struct walk *k)
{
	for (uint32_t i = 0; i < k->count; i++) {
		struct known *known = &k->job[i];
		struct job job;

		assert_true(read_job(k->w, known->id, &job)); /* accepted means durable */
		if (known->on_lost == ON_LOST_FAIL)
			assert_true(job.number <= 1);
		if (known->end.state != JOB_NONE) {
			assert_int_equal(job.state, known->end.state);
			assert_int_equal(job.number, known->end.number);
			assert_int_equal(job.code, known->end.code);
		} else if (job_is_ended(job.state)) {
			known->end = job;
		}
	}
}

/* A worker whose lease is over ends what it runs, and one that is attached asks for the next. */
static void keep_leases(struct world *w, bool asks)
{
	for (int i = 0; i < WORKERS; i++) {
		struct fake *f = &w->worker[i];

		for (uint32_t k = 0; k < f->count; k++)
			if (f->held[k].state != HELD_ENDED && f->lease_us <= w->now_us &&
			    f->held[k].state == HELD_RUNNING)
				f->held[k].state = HELD_ENDED;
		if (asks && f->connected && f->attached)
			fake_ask(w, f);
	}
	world_pump(w);
}

/* Results are reported until they are acknowledged. */
static void repeat_reports(struct world *w)
{
	for (int i = 0; i < WORKERS; i++) {
		struct fake *f = &w->worker[i];

		for (uint32_t k = 0; k < f->count; k++)
			if (f->held[k].state == HELD_ENDED)
				fake_report(w, f, f->held[k].attempt, REPORT_ENDED,
					    (int32_t)f->held[k].attempt.number);
	}
	world_pump(w);
}

static void pass(struct walk *k, uint64_t us)
{
	for (uint64_t at = 0; at < us; at += SECOND / 5) {
		world_pass(k->w, SECOND / 5);
		keep_leases(k->w, at % (2 * SECOND) == 0);
	}
}

static void end_some(struct walk *k, int i)
{
	struct fake *f = &k->w->worker[i];
	struct held *held = f->count ? &f->held[rng_below(&k->rng, f->count)] : NULL;

	if (!held || held->state != HELD_RUNNING)
		return;
	held->state = HELD_ENDED;
	fake_report(k->w, f, held->attempt, REPORT_ENDED, (int32_t)rng_below(&k->rng, 2));
	world_pump(k->w);
}

static void submit_one(struct walk *k)
{
	enum on_lost on_lost = rng_below(&k->rng, 2) ? ON_LOST_RESTART : ON_LOST_FAIL;
	uint64_t request;
	char key[32];

	if (k->count == JOBS)
		return;
	snprintf(key, sizeof(key), "key-%u", k->count);
	request = submit(k->w, (struct wanted){.key = key,
					       .on_lost = on_lost,
					       .priority = (uint32_t)rng_below(&k->rng, 3)});
	if (answer_of(k->w, request)->came && answer_of(k->w, request)->code == EXIT_GOOD)
		k->job[k->count++] =
			(struct known){.id = submitted_id(k->w, request), .on_lost = on_lost};
}

/* The agent starts again: what its keeper ran goes on. Or the machine does: nothing goes on. */
static void restart(struct walk *k, int i, bool machine)
{
	struct fake *f = &k->w->worker[i];

	world_cut(k->w, i);
	f->boot++;
	if (machine) {
		f->machine_boot[1]++;
		f->lease_us = 0;
		for (uint32_t n = f->count; n > 0; n--)
			if (f->held[n - 1].state != HELD_ENDED)
				f->held[n - 1] = f->held[--f->count];
	}
	world_connect(k->w, i);
}

static void lead_again(struct walk *k)
{
	struct world *w = k->w;
	uint8_t old = (uint8_t)w->leader;

	if (rng_below(&k->rng, 2)) {
		world_fail_over(w);
		w->director[old] = world_director(w, old, 100);
	} else {
		world_lead(w, w->leader == 0 ? 1 : 0);
	}
	for (int i = 0; i < WORKERS; i++)
		if (w->worker[i].connected && rng_below(&k->rng, 4))
			world_connect(w, i);
}

static void step(struct walk *k)
{
	int i = (int)rng_below(&k->rng, WORKERS);
	struct world *w = k->w;

	switch (rng_below(&k->rng, 16)) {
	case 0:
	case 1:
	case 2:
		submit_one(k);
		break;
	case 3:
		world_connect(w, i);
		break;
	case 4:
		world_cut(w, i);
		break;
	case 5:
		restart(k, i, rng_below(&k->rng, 2));
		break;
	case 6:
		lead_again(k);
		break;
	case 7:
		pass(k, rng_below(&k->rng, 14) * SECOND);
		break;
	case 8:
		w->store = rng_below(&k->rng, 2) ? STORE_UNSURE : STORE_FORGETS;
		end_some(k, i);
		submit_one(k);
		w->store = STORE_GOOD;
		break;
	case 9:
		if (k->count && rng_below(&k->rng, 3) == 0)
			cancel(w, k->job[rng_below(&k->rng, k->count)].id);
		break;
	case 10:
		repeat_reports(w);
		break;
	default:
		end_some(k, i);
		pass(k, SECOND / 5);
		break;
	}
}

/* Nothing fails any more: everything comes to its end. */
static void heal(struct walk *k)
{
	struct world *w = k->w;

	for (int i = 0; i < WORKERS; i++)
		world_connect(w, i);
	for (int round = 0; round < 200; round++) {
		pass(k, 2 * SECOND);
		for (int i = 0; i < WORKERS; i++)
			for (uint32_t n = 0; n < w->worker[i].count; n++)
				if (w->worker[i].held[n].state == HELD_RUNNING)
					w->worker[i].held[n].state = HELD_ENDED;
		repeat_reports(w);
		check_ends(k);
	}
}

static void walk(uint64_t seed)
{
	struct walk k = {.w = world_open(100)};

	rng_init(&k.rng, seed);
	k.w->leases = true;
	for (uint8_t i = 0; i < DIRECTORS; i++) { /* nothing is forgotten while we look */
		director_close(k.w->director[i]);
		k.w->director[i] = NULL;
	}
	k.w->leader = 0;
	k.w->history_max = 1000;
	for (uint8_t i = 0; i < DIRECTORS; i++)
		k.w->director[i] = world_director(k.w, i, 100);
	world_lead(k.w, 0);
	for (int i = 0; i < STEPS; i++) {
		step(&k);
		check_ends(&k);
	}
	heal(&k);
	assert_true(k.count > 20);
	for (uint32_t i = 0; i < k.count; i++)
		assert_int_not_equal(k.job[i].end.state, JOB_NONE);
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(k.w->worker[i].count, 0); /* all acknowledged */
	world_close(k.w);
}

static void whatever_happens_every_accepted_job_ends_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		walk(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_happens_every_accepted_job_ends_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
