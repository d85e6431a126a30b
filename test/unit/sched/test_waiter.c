#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched/job_pack.h"
#include "sched/waiter.h"

static struct waiter waiter(uint8_t job, uint64_t seen, uint64_t until_us)
{
	return (struct waiter){.job = {{job}}, .seen = seen, .until_us = until_us};
}

static void one_job_has_no_more_than_its_share_and_all_no_more_than_theirs(void **state)
{
	struct waiters w;
	struct waiter one = waiter(1, 0, 5);

	(void)state;
	waiters_init(&w);
	for (uint32_t i = 0; i < WAITERS_JOB_MAX; i++)
		assert_int_equal(waiters_add(&w, &one), OK);
	assert_int_equal(waiters_add(&w, &one), ERR_FULL);
	for (uint32_t i = w.count; i < WAITERS_MAX; i++) {
		put_u32(one.job.b, i);
		one.job.b[7] = 1;
		assert_int_equal(waiters_add(&w, &one), OK);
	}
	put_u32(one.job.b, 77777777);
	assert_int_equal(waiters_add(&w, &one), ERR_FULL);
	waiters_fini(&w);
}

static void only_who_saw_something_else_hears_the_news(void **state)
{
	uint64_t now = job_seen(JOB_EXECUTING, 1, false, false);
	struct waiter knows = waiter(1, now, 5), knew = waiter(1, JOB_QUEUED, 5),
		      other = waiter(2, JOB_QUEUED, 5), *got;
	struct waiters w;

	(void)state;
	waiters_init(&w);
	assert_int_equal(waiters_add(&w, &knows), OK);
	assert_int_equal(waiters_add(&w, &knew), OK);
	assert_int_equal(waiters_add(&w, &other), OK);
	got = waiters_take(&w, knew.job, now);
	assert_non_null(got);
	assert_int_equal(got->seen, JOB_QUEUED);
	free(got);
	assert_null(waiters_take(&w, knew.job, now));
	assert_true(waiters_has(&w, knew.job));
	assert_int_equal(w.count, 2);
	waiters_fini(&w);
}

static void whose_time_is_over_is_taken_and_the_next_time_is_known(void **state)
{
	struct waiter a = waiter(1, 0, 10), b = waiter(2, 0, 20), *got;
	struct waiters w;

	(void)state;
	waiters_init(&w);
	assert_true(w.due_us == UINT64_MAX);
	assert_int_equal(waiters_add(&w, &b), OK);
	assert_int_equal(waiters_add(&w, &a), OK);
	assert_int_equal(w.due_us, 10);
	assert_null(waiters_take_due(&w, 9));
	got = waiters_take_due(&w, 10);
	assert_true(id_same(got->job, a.job));
	free(got);
	assert_null(waiters_take_due(&w, 10));
	assert_int_equal(w.due_us, 20);
	waiters_fini(&w);
}

static void a_stream_that_is_gone_takes_its_waiters_along(void **state)
{
	struct waiter a = waiter(1, 0, 10), b = waiter(1, 0, 20);
	struct waiters w;

	(void)state;
	a.reply.peer.link = 7;
	b.reply.peer.link = 8;
	waiters_init(&w);
	assert_int_equal(waiters_add(&w, &a), OK);
	assert_int_equal(waiters_add(&w, &b), OK);
	waiters_unlink(&w, 0);
	assert_int_equal(w.count, 2);
	waiters_unlink(&w, 7);
	assert_int_equal(w.count, 1);
	waiters_unlink(&w, 8);
	assert_int_equal(w.count, 0);
	waiters_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_job_has_no_more_than_its_share_and_all_no_more_than_theirs),
		cmocka_unit_test(only_who_saw_something_else_hears_the_news),
		cmocka_unit_test(whose_time_is_over_is_taken_and_the_next_time_is_known),
		cmocka_unit_test(a_stream_that_is_gone_takes_its_waiters_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
