#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/call.h"
#include "sched/job.h"

/* The life of a job once more, written down independently: a row for each state, `x` where it may go. */
static const struct {
	const char *name;
	const char *to; /* in the order of the enum */
} life[JOB_STATES] = {
	/*                            n p s q e S S f F a A x d c C */
	[JOB_NONE] = {"none", "..............."},
	[JOB_PENDING] = {"pending", "..xx..........x"},
	[JOB_SCHEDULED] = {"scheduled", "...x..........x"},
	[JOB_QUEUED] = {"queued", "....x.x.......x"},
	[JOB_EXECUTING] = {"executing", "...x.x.xxx.x.x."},
	[JOB_STOPPING] = {"stopping", "......x.xx.x.x."},
	[JOB_STOPPED] = {"stopped", "...x..........x"},
	[JOB_FAILING] = {"failing", "........x....x."},
	[JOB_FAILED] = {"failed", "...x........x.x"},
	[JOB_ABORTING] = {"aborting", "........x.xx.x."},
	[JOB_ABORTED] = {"aborted", "...x........x.x"},
	[JOB_EXECUTED] = {"executed", "............x.x"},
	[JOB_DONE] = {"done", "..............."},
	[JOB_CANCELLING] = {"cancelling", "..............x"},
	[JOB_CANCELLED] = {"cancelled", "............x.."},
};

static void the_table_of_moves_is_walked_whole(void **state)
{
	(void)state;
	for (int from = 0; from < JOB_STATES; from++) {
		assert_string_equal(job_state_name((enum job_state)from), life[from].name);
		for (int to = 0; to < JOB_STATES; to++) {
			bool may = life[from].to[to] == 'x';

			assert_int_equal(job_may_move((enum job_state)from, (enum job_state)to),
					 may);
		}
	}
}

static void a_state_is_ended_or_held_or_neither_and_never_both(void **state)
{
	uint32_t ended = 0, held = 0;

	(void)state;
	for (int s = 0; s < JOB_STATES; s++) {
		assert_false(job_is_ended((enum job_state)s) && job_is_held((enum job_state)s));
		ended += job_is_ended((enum job_state)s);
		held += job_is_held((enum job_state)s);
	}
	assert_int_equal(ended, 5);
	assert_int_equal(held, 5);
}

/* Every held state leads to an ended one, or a job could never end. */
static void every_state_leads_to_an_end(void **state)
{
	(void)state;
	for (int from = JOB_PENDING; from < JOB_STATES; from++) {
		bool reached[JOB_STATES] = {false}, ends = false;

		reached[from] = true;
		for (int round = 0; round < JOB_STATES; round++)
			for (int a = 0; a < JOB_STATES; a++)
				for (int b = 0; b < JOB_STATES; b++)
					reached[b] |= reached[a] && job_may_move((enum job_state)a,
										 (enum job_state)b);
		for (int s = 0; s < JOB_STATES; s++)
			ends |= reached[s] && job_is_ended((enum job_state)s);
		assert_true(ends);
	}
}

static struct job queued(void)
{
	return (struct job){.id = {{1}}, .state = JOB_QUEUED};
}

static struct job running(void)
{
	struct job job = queued();

	job_assign(&job, (struct id){{2}}, 5, 100);
	return job;
}

static struct report ended(const struct job *job, int32_t code)
{
	return (struct report){.attempt = job_attempt(job), .kind = REPORT_ENDED, .code = code};
}

static void every_assignment_is_a_new_attempt(void **state)
{
	struct job job = running();

	(void)state;
	assert_int_equal(job.number, 1);
	assert_int_equal(job.worker_boot, 5);
	job_requeue(&job, "lost");
	assert_int_equal(job.state, JOB_QUEUED);
	assert_true(id_is_none(job.worker));
	assert_string_equal(job.why, "lost");
	job_assign(&job, (struct id){{3}}, 6, 200);
	assert_int_equal(job.number, 2);
	assert_string_equal(job.why, "");
}

static void a_good_end_archives_itself_and_a_bad_one_stays(void **state)
{
	struct job good = running(), bad = running(), killed = running();
	struct report r = ended(&good, 0);

	(void)state;
	job_finish(&good, &r, 7);
	assert_int_equal(good.state, JOB_DONE);
	assert_int_equal(good.ended_us, 7);
	r = ended(&bad, 3);
	job_finish(&bad, &r, 7);
	assert_int_equal(bad.state, JOB_FAILED);
	assert_int_equal(bad.code, 3);
	r = ended(&killed, 0);
	r.signal = 9;
	job_finish(&killed, &r, 7);
	assert_int_equal(killed.state, JOB_FAILED);
}

static void a_cancel_ends_what_waits_and_asks_what_runs(void **state)
{
	struct job waits = queued(), runs = running(), lost = running();
	struct report r;

	(void)state;
	job_cancel(&waits, "cancelled", 7);
	assert_int_equal(waits.state, JOB_CANCELLED);
	job_cancel(&runs, "cancelled", 7);
	assert_int_equal(runs.state, JOB_CANCELLING);
	assert_int_equal(runs.ended_us, 0);
	r = ended(&runs, 0); /* it ended well before the word reached it: still cancelled */
	job_finish(&runs, &r, 8);
	assert_int_equal(runs.state, JOB_CANCELLED);
	assert_string_equal(runs.why, "cancelled");
	job_cancel(&lost, "cancelled", 7);
	job_give_up(&lost, "lost", 9);
	assert_int_equal(lost.state, JOB_CANCELLED);
	assert_string_equal(lost.why, "lost");
}

static void a_failure_without_a_result_says_why(void **state)
{
	struct job job = running();

	(void)state;
	job_fail(&job, "its worker was lost", 7);
	assert_int_equal(job.state, JOB_FAILED);
	assert_int_equal(job.code, EXIT_RUN_FAILED);
	assert_string_equal(job.why, "its worker was lost");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_of_moves_is_walked_whole),
		cmocka_unit_test(a_state_is_ended_or_held_or_neither_and_never_both),
		cmocka_unit_test(every_state_leads_to_an_end),
		cmocka_unit_test(every_assignment_is_a_new_attempt),
		cmocka_unit_test(a_good_end_archives_itself_and_a_bad_one_stays),
		cmocka_unit_test(a_cancel_ends_what_waits_and_asks_what_runs),
		cmocka_unit_test(a_failure_without_a_result_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
