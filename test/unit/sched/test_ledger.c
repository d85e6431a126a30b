#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/rng.h"
#include "sched/job_pack.h"
#include "sched/ledger.h"

enum { JOBS = 300 };

static const uint8_t none[16];

static struct job job_number(uint32_t n, enum job_state state)
{
	struct job job = {.state = state,
			  .submitted_us = 1000 + n,
			  .task = {.command = BYTES("\x91\xa1x"), .priority = n % 3}};

	/* Half of the ids share the bits that the table begins with. */
	job.id.b[0] = n % 2 ? (uint8_t)n : 0;
	job.id.b[14] = (uint8_t)(n >> 8);
	job.id.b[15] = (uint8_t)n;
	if (job_is_held(state)) {
		job.number = 1;
		job.worker = (struct id){{(uint8_t)(1 + n % 4)}};
	}
	if (job_is_ended(state))
		job.ended_us = 5000 - n;
	return job;
}

static void a_busy_job_waits_in_no_queue(void **state)
{
	struct job job = job_number(1, JOB_QUEUED);
	struct ledger l;
	struct crew crew;
	struct entry *e;

	(void)state;
	crew_init(&crew, none);
	ledger_init(&l, &crew);
	e = ledger_note(&l, &job);
	assert_ptr_equal(queue_first(&l.queue), &e->queued);
	ledger_busy(&l, e, 5);
	assert_null(queue_first(&l.queue));
	assert_false(entry_is_settled(e));
	ledger_busy(&l, e, 0);
	assert_ptr_equal(queue_first(&l.queue), &e->queued);
	ledger_fini(&l);
	crew_fini(&crew);
}

static void a_held_job_takes_a_slot_until_it_ends(void **state)
{
	struct job job = job_number(1, JOB_QUEUED);
	struct ledger l;
	struct crew crew;
	struct entry *e;
	struct hand *h;

	(void)state;
	crew_init(&crew, none);
	ledger_init(&l, &crew);
	h = crew_add(&crew, (struct id){{9}});
	e = ledger_note(&l, &job);
	job_assign(&job, h->id, 1, 2);
	ledger_note(&l, &job);
	assert_ptr_equal(e->hand, h);
	assert_int_equal(h->used, 1);
	assert_true(entry_is_unknown(e)); /* nobody is attached */
	h->attached = true;
	assert_false(entry_is_unknown(e));
	job_fail(&job, "why", 3);
	ledger_note(&l, &job);
	assert_int_equal(h->used, 0);
	assert_null(h->jobs);
	assert_int_equal(l.active.count, 0);
	assert_int_equal(l.ended.count, 1);
	ledger_forget(&l, e);
	assert_null(ledger_find(&l, job.id));
	ledger_fini(&l);
	crew_fini(&crew);
}

/* Every promise of the header, by looking at everything. */
static void check(const struct ledger *l, const bool *there, const enum job_state *now)
{
	uint32_t active = 0, ended = 0, used = 0, held = 0;

	for (uint32_t n = 0; n < JOBS; n++) {
		struct job job = job_number(n, JOB_QUEUED);
		const struct entry *e = ledger_find(l, job.id);

		assert_int_equal(e != NULL, there[n]);
		if (!e)
			continue;
		assert_int_equal(e->state, now[n]);
		assert_int_equal(e->queued.waits, e->state == JOB_QUEUED && !e->busy);
		assert_int_equal(e->hand != NULL, job_is_held(e->state));
		held += e->hand != NULL;
		active += !job_is_ended(e->state);
		ended += job_is_ended(e->state);
	}
	for (uint32_t i = 0; i < l->crew->count; i++) {
		uint32_t count = 0;

		for (const struct entry *e = l->crew->hand[i]->jobs; e; e = e->hand_newer)
			count++;
		assert_int_equal(count, l->crew->hand[i]->used);
		used += count;
	}
	assert_int_equal(used, held);
	assert_int_equal(l->active.count, active);
	assert_int_equal(l->ended.count, ended);
	assert_int_equal(l->count, active + ended);
}

static void it_stays_whole_whatever_comes_and_goes(void **state)
{
	static const enum job_state states[] = {JOB_QUEUED, JOB_EXECUTING, JOB_CANCELLING, JOB_DONE,
						JOB_FAILED};
	static bool there[JOBS];
	static enum job_state now[JOBS];
	struct ledger l;
	struct crew crew;
	struct rng rng;

	(void)state;
	rng_init(&rng, 5);
	crew_init(&crew, none);
	ledger_init(&l, &crew);
	for (uint32_t round = 0; round < 20000; round++) {
		uint32_t n = (uint32_t)rng_below(&rng, JOBS);
		struct job job = job_number(n, states[rng_below(&rng, 5)]);
		struct entry *e = ledger_find(&l, job.id);

		if (e && rng_below(&rng, 3) == 0) {
			ledger_forget(&l, e);
			there[n] = false;
		} else if (e && rng_below(&rng, 3) == 0) {
			ledger_busy(&l, e, e->busy ? 0 : 7);
		} else {
			ledger_note(&l, &job);
			there[n] = true;
			now[n] = job.state;
		}
		if (round % 100 == 0)
			check(&l, there, now);
	}
	check(&l, there, now);
	ledger_fini(&l);
	crew_fini(&crew);
}

static void it_is_read_from_the_map_in_the_orders_it_keeps(void **state)
{
	struct kv *map = kv_open(1 << 20);
	struct ledger l;
	struct crew crew;
	struct buffer b;
	uint32_t bad = 0, count = 0;
	uint64_t before = 0;

	(void)state;
	buffer_init(&b, JOB_RECORD_MAX);
	crew_init(&crew, none);
	ledger_init(&l, &crew);
	for (uint32_t n = 0; n < JOBS; n++) {
		struct job job = job_number(n, n % 3 == 0 ? JOB_DONE : JOB_QUEUED);
		struct state_key key = state_key_job(job.id);

		buffer_clear(&b);
		assert_int_equal(job_put(&job, &b), OK);
		assert_int_equal(kv_put(map, state_key_bytes(&key), buffer_bytes(&b)), OK);
	}
	assert_int_equal(kv_put(map, BYTES("job/0123456789abcdef"), BYTES("junk")), OK);
	assert_int_equal(kv_put(map, BYTES("key/x"), BYTES("junk")), OK);
	for (int twice = 0; twice < 2; twice++)
		ledger_load(&l, map, &bad);
	assert_int_equal(bad, 1);
	assert_int_equal(l.count, JOBS);
	for (const struct entry *e = l.active.oldest; e; e = e->newer, count++) {
		assert_true(e->submitted_us > before);
		before = e->submitted_us;
	}
	assert_int_equal(count, JOBS - JOBS / 3);
	before = 0;
	for (const struct entry *e = l.ended.oldest; e; e = e->newer) {
		assert_true(e->ended_us > before);
		before = e->ended_us;
	}
	assert_int_equal(l.queue.count, JOBS - JOBS / 3);
	assert_int_equal(((struct entry *)queue_first(&l.queue))->priority, 2);
	ledger_fini(&l);
	crew_fini(&crew);
	buffer_fini(&b);
	kv_close(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_busy_job_waits_in_no_queue),
		cmocka_unit_test(a_held_job_takes_a_slot_until_it_ends),
		cmocka_unit_test(it_stays_whole_whatever_comes_and_goes),
		cmocka_unit_test(it_is_read_from_the_map_in_the_orders_it_keeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
