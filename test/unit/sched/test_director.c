/* A director's jobs: refused, accepted, assigned, recorded; keys and commits. */
#include "test/unit/sched/director_talk.h"

static void who_does_not_direct_answers_ask_again(void **state)
{
	struct world *w = world_open(100);

	(void)state;
	w->director[1] = w->director[1];
	w->leader = 1;
	assert_int_equal(answer_of(w, submit(w, (struct wanted){0}))->code, EXIT_NO_DIRECTOR);
	assert_int_equal(w->commits, 0);
	world_close(w);
}

static void a_job_that_makes_no_sense_is_refused(void **state)
{
	struct world *w = world_open(100);
	struct heard_answer *a;

	(void)state;
	a = answer_of(w, submit(w, (struct wanted){.program = ""}));
	assert_int_equal(a->code, EXIT_USAGE);
	assert_string_equal(a->why, "the job has no program to run");
	a = answer_of(w, submit(w, (struct wanted){.user = "root"}));
	assert_int_equal(a->code, EXIT_DENIED);
	assert_int_equal(w->commits, 0);
	world_close(w);
}

static void a_full_queue_refuses_and_says_when_to_try_again(void **state)
{
	struct world *w = world_open(2);
	struct heard_answer *a;

	(void)state;
	submit_good(w, ON_LOST_RESTART);
	submit_good(w, ON_LOST_RESTART);
	a = answer_of(w, submit(w, (struct wanted){0}));
	assert_int_equal(a->code, EXIT_NO_DIRECTOR);
	assert_string_equal(a->why, "the queue is full (2 jobs): try again in 10 s");
	world_close(w);
}

static void a_job_id_must_be_one_and_only_one(void **state)
{
	struct world *w = world_open(100);
	struct id job = submit_good(w, ON_LOST_RESTART);
	char prefix[ID_TEXT_LEN + 1];

	(void)state;
	assert_int_equal(answer_of(w, by_prefix(w, CALL_JOB, "xyz"))->code, EXIT_USAGE);
	assert_int_equal(answer_of(w, by_prefix(w, CALL_JOB, ""))->code, EXIT_USAGE);
	id_print(job, prefix);
	assert_int_equal(answer_of(w, by_prefix(w, CALL_JOB, prefix))->code, EXIT_GOOD);
	for (size_t len = ID_TEXT_LEN - 1; len >= 1; len--) {
		prefix[len] = '\0';
		assert_int_equal(answer_of(w, by_prefix(w, CALL_JOB, prefix))->code, EXIT_GOOD);
	}
	prefix[0] = prefix[0] == '0' ? '1' : '0';
	assert_int_equal(answer_of(w, by_prefix(w, CALL_JOB, prefix))->code, EXIT_OTHER);
	for (int i = 0; i < 17; i++)
		submit_good(w, ON_LOST_RESTART); /* more than there are first digits */
	for (char digit = '0', found = 0;; digit = digit == '9' ? 'a' : (char)(digit + 1)) {
		char one[2] = {digit, 0};
		struct heard_answer *a = answer_of(w, by_prefix(w, CALL_JOB, one));

		found |= a->code == EXIT_USAGE &&
			 strncmp(a->why, "more than one job begins with ", 30) == 0;
		if (digit == 'f') {
			assert_true(found);
			break;
		}
	}
	world_close(w);
}

static void a_worker_speaks_for_itself_only(void **state)
{
	struct world *w = world_open(100);
	struct peer liar = {.id = world_id(0x66), .link = 5};
	struct attach a = {.node = w->worker[0].id, .slots = 4, .whole = true};
	struct buffer b;

	(void)state;
	buffer_init(&b, FRAME_MAX);
	assert_int_equal(attach_put(&a, &b), OK);
	world_frame(w, 0, &liar, FRAME_ATTACH, 0, &b);
	world_pump(w);
	assert_int_equal(director_figures(w->director[0]).malformed, 1);
	assert_int_equal(w->commits, 0);
	buffer_fini(&b);
	world_close(w);
}

/* --- the ordinary life --- */

static void a_worker_is_registered_before_it_is_told_so(void **state)
{
	struct world *w = world_open(100);

	(void)state;
	w->store = STORE_SLOW;
	world_connect(w, 0);
	assert_false(w->worker[0].attached);
	world_release(w, STORE_GOOD);
	assert_true(w->worker[0].attached);
	w->commits = 0;
	world_cut(w, 0);
	world_connect(w, 0);
	assert_true(w->worker[0].attached);
	assert_int_equal(w->commits, 0); /* nothing changed, nothing is committed */
	world_close(w);
}

static void a_job_is_accepted_assigned_run_and_recorded(void **state)
{
	struct world *w = world_open(100);
	struct id job;
	struct job_news n;

	(void)state;
	world_connect(w, 0);
	w->commits = 0;
	job = submit_good(w, ON_LOST_RESTART);
	assert_int_equal(w->commits, 1); /* accepted and assigned in one batch */
	assert_int_equal(w->orders, 1);
	assert_int_equal(look(w, job).state, JOB_EXECUTING);
	end_job(w, 0, job, 0);
	assert_int_equal(w->commits, 2);
	assert_int_equal(w->reported, 1);
	assert_int_equal(w->worker[0].count, 0);
	n = look(w, job);
	assert_int_equal(n.state, JOB_DONE);
	assert_int_equal(n.number, 1);
	assert_true(bytes_same(n.out_tail, BYTES("ok")));
	world_close(w);
}

static void an_exit_code_is_kept_with_a_failed_job(void **state)
{
	struct world *w = world_open(100);
	struct id job;

	(void)state;
	world_connect(w, 0);
	job = submit_good(w, ON_LOST_RESTART);
	end_job(w, 0, job, 3);
	assert_int_equal(look(w, job).state, JOB_FAILED);
	assert_int_equal(look(w, job).code, 3);
	world_close(w);
}

static void neither_answer_nor_order_leaves_before_the_commit(void **state)
{
	struct world *w = world_open(100);
	uint64_t request;

	(void)state;
	world_connect(w, 0);
	w->store = STORE_SLOW;
	request = submit(w, (struct wanted){0});
	assert_false(answer_of(w, request)->came);
	assert_int_equal(w->orders, 0);
	world_release(w, STORE_GOOD);
	assert_int_equal(answer_of(w, request)->code, EXIT_GOOD);
	assert_int_equal(w->orders, 1);
	world_close(w);
}

static void one_turn_commits_once_however_much_it_decides(void **state)
{
	struct world *w = world_open(100);
	struct id job[6];

	(void)state;
	for (int i = 0; i < 6; i++)
		job[i] = submit_good(w, ON_LOST_RESTART);
	assert_int_equal(look(w, job[0]).state, JOB_QUEUED);
	world_connect(w, 0);
	world_connect(w, 1);
	w->commits = 0;
	world_connect(w, 2);
	assert_int_equal(w->commits, 2); /* its registration; then its two jobs together */
	assert_int_equal(w->orders, 6);
	world_close(w);
}

static void no_worker_holds_more_than_it_offered_and_a_free_slot_is_used_at_once(void **state)
{
	struct world *w = world_open(100);
	struct id job[3];

	(void)state;
	world_connect(w, 0);
	for (int i = 0; i < 3; i++)
		job[i] = submit_good(w, ON_LOST_RESTART);
	assert_int_equal(w->orders, 2);
	assert_int_equal(look(w, job[2]).state, JOB_QUEUED);
	assert_string_equal(look(w, job[2]).why, "every worker is full: 2 of 2 slots used");
	w->commits = 0;
	end_job(w, 0, job[0], 0);
	assert_int_equal(w->commits, 1); /* the result and the next assignment */
	assert_int_equal(w->orders, 3);
	assert_int_equal(look(w, job[2]).state, JOB_EXECUTING);
	world_close(w);
}

static void a_higher_priority_goes_first_and_then_the_older(void **state)
{
	struct world *w = world_open(100);
	struct id low, high, high_later;

	(void)state;
	low = submit_good(w, ON_LOST_RESTART);
	high = submitted_id(w, submit(w, (struct wanted){.priority = 9}));
	high_later = submitted_id(w, submit(w, (struct wanted){.priority = 9}));
	w->worker[0].slots = 1;
	world_connect(w, 0);
	assert_int_equal(look(w, high).state, JOB_EXECUTING);
	end_job(w, 0, high, 0);
	assert_int_equal(look(w, high_later).state, JOB_EXECUTING);
	end_job(w, 0, high_later, 0);
	assert_int_equal(look(w, low).state, JOB_EXECUTING);
	world_close(w);
}

static void workers_take_turns_and_the_turn_survives_the_director(void **state)
{
	struct world *w = world_open(100);

	(void)state;
	for (int i = 0; i < WORKERS; i++)
		world_connect(w, i);
	submit_good(w, ON_LOST_RESTART);
	submit_good(w, ON_LOST_RESTART);
	assert_int_equal(w->worker[0].count, 1);
	assert_int_equal(w->worker[1].count, 1);
	world_fail_over(w);
	for (int i = 0; i < WORKERS; i++)
		world_connect(w, i);
	submit_good(w, ON_LOST_RESTART);
	assert_int_equal(w->worker[2].count, 1);
	world_close(w);
}

static void a_client_waits_for_the_end_and_no_longer_than_it_asked(void **state)
{
	struct world *w = world_open(100);
	uint64_t request;
	struct id job;

	(void)state;
	world_connect(w, 0);
	job = submit_good(w, ON_LOST_RESTART);
	request = wait_for(w, job, look(w, job).seen, 5000);
	assert_false(answer_of(w, request)->came);
	world_pass(w, 4 * SECOND);
	assert_false(answer_of(w, request)->came);
	world_pass(w, 2 * SECOND);
	assert_int_equal(news_of(w, request).state, JOB_EXECUTING);
	request = wait_for(w, job, JOB_EXECUTING, 5000); /* a bare state will do, too */
	assert_false(answer_of(w, request)->came);
	end_job(w, 0, job, 0);
	assert_int_equal(news_of(w, request).state, JOB_DONE);
	world_close(w);
}

/* --- one key, one job --- */

static void the_same_key_gives_the_same_job(void **state)
{
	struct world *w = world_open(100);
	struct id first, second;
	struct heard_answer *a;

	(void)state;
	first = submitted_id(w, submit(w, (struct wanted){.key = "k"}));
	second = submitted_id(w, submit(w, (struct wanted){.key = "k"}));
	assert_true(id_same(first, second));
	a = answer_of(w, submit(w, (struct wanted){.key = "k", .program = "false"}));
	assert_int_equal(a->code, EXIT_USAGE);
	assert_string_equal(a->why, "this idempotency key was used for another job");
	world_fail_over(w);
	second = submitted_id(w, submit(w, (struct wanted){.key = "k"}));
	assert_true(id_same(first, second));
	assert_int_equal(director_figures(w->director[1]).active, 1);
	world_close(w);
}

static void a_key_under_way_is_not_taken_twice(void **state)
{
	struct world *w = world_open(100);
	uint64_t first, second;

	(void)state;
	w->store = STORE_SLOW;
	first = submit(w, (struct wanted){.key = "k"});
	second = submit(w, (struct wanted){.key = "k"});
	assert_int_equal(answer_of(w, second)->code, EXIT_NO_DIRECTOR);
	world_release(w, STORE_GOOD);
	assert_int_equal(answer_of(w, first)->code, EXIT_GOOD);
	assert_int_equal(director_figures(w->director[0]).active, 1);
	world_close(w);
}

static void a_key_of_the_command_line_is_refused_when_it_is_too_old_to_know(void **state)
{
	struct world *w = world_open(100);
	uint8_t random[16] = {1};
	char key[JOB_KEY_MAX + 1];
	struct heard_answer *a;

	(void)state;
	job_key_make(w->wall_us, random, key);
	submitted_id(w, submit(w, (struct wanted){.key = key}));
	world_pass(w, 3600u * (uint64_t)SECOND); /* and by then it is forgotten */
	a = answer_of(w, submit(w, (struct wanted){.key = key}));
	assert_int_equal(a->code, EXIT_OTHER);
	assert_int_equal(strncmp(a->why, "the submit's key is too old", 27), 0);
	world_close(w);
}

static void a_commit_of_unknown_outcome_is_answered_so_and_the_repeat_finds_the_job(void **state)
{
	struct world *w = world_open(100);
	uint64_t request;
	struct id job;

	(void)state;
	world_connect(w, 0);
	w->store = STORE_UNSURE;
	request = submit(w, (struct wanted){.key = "k"});
	assert_int_equal(answer_of(w, request)->code, EXIT_NO_DIRECTOR);
	w->store = STORE_GOOD;
	job = submitted_id(w, submit(w, (struct wanted){.key = "k"}));
	assert_int_equal(look(w, job).number, 1);
	assert_int_equal(director_figures(w->director[0]).active, 1);
	/* Its assignment was committed, its order was not sent: so the worker was asked, and then got it. */
	assert_int_equal(w->worker[0].directs, 1);
	assert_int_equal(w->orders, 1);
	end_job(w, 0, job, 0);
	world_pass(w, 2 * SECOND); /* commits rest for a second after a failure */
	assert_int_equal(look(w, job).state, JOB_DONE);
	world_close(w);
}

static void a_commit_that_was_lost_leaves_nothing_behind(void **state)
{
	struct world *w = world_open(100);
	uint64_t request;

	(void)state;
	world_connect(w, 0);
	w->store = STORE_FORGETS;
	request = submit(w, (struct wanted){.key = "k"});
	assert_int_equal(answer_of(w, request)->code, EXIT_NO_DIRECTOR);
	assert_int_equal(director_figures(w->director[0]).active, 0);
	w->store = STORE_GOOD;
	request = submit(w, (struct wanted){.key = "k"});
	world_pass(w, 2 * SECOND); /* commits rest for a second after a failure */
	submitted_id(w, request);
	assert_int_equal(w->orders, 1);
	world_close(w);
}

/* --- changes of director --- */

static void an_epoch_that_ends_in_mid_commit_answers_ask_again_and_orders_nothing(void **state)
{
	struct world *w = world_open(100);
	uint64_t request;

	(void)state;
	world_connect(w, 0);
	w->store = STORE_SLOW;
	request = submit(w, (struct wanted){.key = "k"});
	world_lead(w, 1);
	assert_int_equal(answer_of(w, request)->code, EXIT_NO_DIRECTOR);
	world_release(w, STORE_GOOD); /* fenced: it is the other's epoch */
	assert_int_equal(w->orders, 0);
	assert_int_equal(director_figures(w->director[0]).active, 0);
	assert_false(director_figures(w->director[0]).serving);
	world_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_does_not_direct_answers_ask_again),
		cmocka_unit_test(a_job_that_makes_no_sense_is_refused),
		cmocka_unit_test(a_full_queue_refuses_and_says_when_to_try_again),
		cmocka_unit_test(a_job_id_must_be_one_and_only_one),
		cmocka_unit_test(a_worker_speaks_for_itself_only),
		cmocka_unit_test(a_worker_is_registered_before_it_is_told_so),
		cmocka_unit_test(a_job_is_accepted_assigned_run_and_recorded),
		cmocka_unit_test(an_exit_code_is_kept_with_a_failed_job),
		cmocka_unit_test(neither_answer_nor_order_leaves_before_the_commit),
		cmocka_unit_test(one_turn_commits_once_however_much_it_decides),
		cmocka_unit_test(
			no_worker_holds_more_than_it_offered_and_a_free_slot_is_used_at_once),
		cmocka_unit_test(a_higher_priority_goes_first_and_then_the_older),
		cmocka_unit_test(workers_take_turns_and_the_turn_survives_the_director),
		cmocka_unit_test(a_client_waits_for_the_end_and_no_longer_than_it_asked),
		cmocka_unit_test(the_same_key_gives_the_same_job),
		cmocka_unit_test(a_key_under_way_is_not_taken_twice),
		cmocka_unit_test(a_key_of_the_command_line_is_refused_when_it_is_too_old_to_know),
		cmocka_unit_test(
			a_commit_of_unknown_outcome_is_answered_so_and_the_repeat_finds_the_job),
		cmocka_unit_test(a_commit_that_was_lost_leaves_nothing_behind),
		cmocka_unit_test(
			an_epoch_that_ends_in_mid_commit_answers_ask_again_and_orders_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
