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

static void a_new_director_prompts_every_worker_it_knows_of(void **state)
{
	struct world *w = world_open(100);

	(void)state;
	w->worker[1].connected = true;
	world_member(w, 1, MEMBER_ALIVE);
	assert_int_equal(w->worker[1].directs, 1);
	assert_true(w->worker[1].attached);
	world_fail_over(w);
	assert_int_equal(w->worker[1].directs, 2);
	assert_true(w->worker[1].attached);
	world_close(w);
}

static void what_runs_goes_on_under_a_new_director_and_is_not_run_again(void **state)
{
	struct world *w = world_open(100);
	struct id job;

	(void)state;
	world_connect(w, 0);
	world_connect(w, 1);
	job = submit_good(w, ON_LOST_RESTART);
	world_fail_over(w);
	assert_true(look(w, job).unknown);
	world_connect(w, 1);
	world_connect(w, 0);
	assert_false(look(w, job).unknown);
	assert_int_equal(w->orders, 1);
	end_job(w, 0, job, 0);
	assert_int_equal(look(w, job).state, JOB_DONE);
	assert_int_equal(look(w, job).number, 1);
	world_close(w);
}

static void an_assignment_whose_order_was_never_sent_is_ordered_by_the_next_director(void **state)
{
	struct world *w = world_open(100);
	struct id job;
	struct bytes key, value, name;

	(void)state;
	world_connect(w, 0);
	w->worker[0].mute = true;
	w->store = STORE_UNSURE; /* committed, but the director hears nothing good */
	submit(w, (struct wanted){.on_lost = ON_LOST_FAIL});
	assert_int_equal(w->orders, 0);
	world_fail_over(w);
	w->worker[0].mute = false;
	world_connect(w, 0);
	assert_int_equal(w->orders, 1);
	assert_int_equal(kv_next(w->kv, BYTES("job/"), &key, &value), OK);
	assert_int_equal(state_key_kind(key, &name), STATE_JOB);
	memcpy(job.b, name.at, 16);
	assert_int_equal(look(w, job).number, 1); /* the same attempt, not another */
	end_job(w, 0, job, 0);
	assert_int_equal(look(w, job).state, JOB_DONE);
	world_close(w);
}

static void a_result_recorded_but_not_acknowledged_is_acknowledged_again(void **state)
{
	struct world *w = world_open(100);
	struct id job;

	(void)state;
	world_connect(w, 0);
	job = submit_good(w, ON_LOST_RESTART);
	w->store = STORE_UNSURE;
	end_job(w, 0, job, 7);
	assert_int_equal(w->reported, 0);
	world_fail_over(w);
	world_connect(w, 0);
	w->commits = 0;
	end_job(w, 0, job, 7);
	assert_int_equal(w->reported, 1);
	assert_int_equal(w->commits, 0);
	assert_int_equal(director_figures(w->director[1]).repeats, 1);
	assert_int_equal(look(w, job).code, 7);
	world_close(w);
}

/* --- unreachable is not dead --- */

static void a_job_whose_worker_is_cut_off_is_unknown_and_runs_nowhere_else(void **state)
{
	struct world *w = world_open(100);
	struct job_news n;
	uint64_t request;
	struct id job;

	(void)state;
	world_connect(w, 0);
	world_connect(w, 1);
	job = submit_good(w, ON_LOST_RESTART);
	request = wait_for(w, job, look(w, job).seen, 20000);
	world_cut(w, 0);
	n = news_of(w, request);
	assert_int_equal(n.state, JOB_EXECUTING);
	assert_true(n.unknown);
	world_pass(w, LEASE_OVER_US - 1000);
	assert_int_equal(w->orders, 1);
	assert_int_equal(look(w, job).number, 1);
	world_connect(w, 0);
	assert_false(look(w, job).unknown);
	end_job(w, 0, job, 0);
	assert_int_equal(look(w, job).state, JOB_DONE);
	assert_int_equal(look(w, job).number, 1);
	world_close(w);
}

/* The lost worker keeps its promise: what it ran is ended when its lease is over. */
static void lose_worker(struct world *w, int i)
{
	w->worker[i].connected = false;
	for (uint32_t k = 0; k < w->worker[i].count; k++)
		w->worker[i].held[k].state = HELD_ENDED;
}

static void when_the_lease_is_over_a_job_begins_again_elsewhere_as_attempt_two(void **state)
{
	struct world *w = world_open(100);
	struct id job;

	(void)state;
	world_connect(w, 0);
	world_connect(w, 1);
	job = submit_good(w, ON_LOST_RESTART);
	world_cut(w, 0);
	world_pass(w, LEASE_OVER_US - 1000);
	assert_int_equal(w->worker[1].count, 0);
	lose_worker(w, 0);
	world_pass(w, 2000);
	assert_int_equal(w->worker[1].count, 1);
	assert_int_equal(look(w, job).number, 2);
	assert_int_equal(director_figures(w->director[0]).lost, 1);
	/* The first attempt's result comes late: acknowledged, and not recorded. */
	w->commits = 0;
	world_connect(w, 0);
	end_job(w, 0, job, 9);
	assert_int_equal(w->worker[0].count, 0);
	assert_int_equal(w->commits, 0);
	assert_int_equal(director_figures(w->director[0]).late, 1);
	assert_int_equal(look(w, job).state, JOB_EXECUTING);
	end_job(w, 1, job, 0);
	assert_int_equal(look(w, job).state, JOB_DONE);
	assert_int_equal(look(w, job).number, 2);
	assert_int_equal(look(w, job).code, 0);
	world_close(w);
}

static void a_new_director_counts_the_lease_from_when_it_began(void **state)
{
	struct world *w = world_open(100);
	struct id job;

	(void)state;
	world_connect(w, 0);
	job = submit_good(w, ON_LOST_RESTART);
	world_cut(w, 0);
	world_pass(w, LEASE_OVER_US - 1000);
	world_fail_over(w);
	world_connect(w, 1);
	world_pass(w, LEASE_OVER_US - 1000);
	assert_int_equal(look(w, job).number, 1);
	lose_worker(w, 0);
	world_pass(w, 2000);
	assert_int_equal(look(w, job).number, 2);
	assert_int_equal(w->worker[1].count, 1);
	world_close(w);
}

static void a_lost_worker_fails_what_may_run_once_and_holds_what_holds(void **state)
{
	struct world *w = world_open(100);
	struct id once, hold;

	(void)state;
	world_connect(w, 0);
	world_connect(w, 1);
	w->worker[1].slots = 0;
	world_cut(w, 1);
	world_connect(w, 1);
	once = submit_good(w, ON_LOST_FAIL);
	hold = submit_good(w, ON_LOST_HOLD);
	assert_int_equal(w->worker[0].count, 2);
	world_cut(w, 0);
	world_pass(w, LEASE_OVER_US + 1000);
	assert_int_equal(look(w, once).state, JOB_FAILED);
	assert_int_equal(look(w, once).code, EXIT_RUN_FAILED);
	assert_int_equal(look(w, hold).state, JOB_EXECUTING);
	assert_true(look(w, hold).unknown);
	/* It ran through the cut, and its result is recorded. */
	world_connect(w, 0);
	end_job(w, 0, hold, 0);
	assert_int_equal(look(w, hold).state, JOB_DONE);
	assert_int_equal(look(w, hold).number, 1);
	world_close(w);
}

static void a_worker_that_asks_for_leases_is_never_lost(void **state)
{
	struct world *w = world_open(100);
	struct id job;

	(void)state;
	world_connect(w, 0);
	job = submit_good(w, ON_LOST_RESTART);
	for (int i = 0; i < 30; i++) {
		world_pass(w, LEASE_MS * 1000u / 5);
		fake_ask(w, &w->worker[0]);
		world_pump(w);
		assert_true(w->worker[0].lease_us == w->now_us + LEASE_MS * 1000u);
	}
	assert_int_equal(look(w, job).number, 1);
	assert_false(look(w, job).unknown);
	world_close(w);
}

static void a_lease_is_not_answered_before_a_fence_that_began_after_the_question(void **state)
{
	struct world *w = world_open(100);

	(void)state;
	world_connect(w, 0);
	w->fences_rest = true;
	fake_ask(w, &w->worker[0]);
	world_pump(w);
	assert_int_equal(w->worker[0].leases, 0);
	world_tell(w, 0,
		   &(struct tell){.kind = TELL_FENCED, .batch = {.token = 1, .err = ERR_FENCED}});
	world_pump(w);
	assert_int_equal(w->worker[0].leases, 0);
	fake_ask(w, &w->worker[0]); /* while its fence is under way another question comes */
	world_pump(w);
	fake_ask(w, &w->worker[0]);
	world_tell(w, 0, &(struct tell){.kind = TELL_FENCED, .batch = {.token = 2}});
	world_pump(w);
	assert_int_equal(w->worker[0].leases, 0);
	world_tell(w, 0, &(struct tell){.kind = TELL_FENCED, .batch = {.token = 3}});
	world_pump(w);
	assert_int_equal(w->worker[0].leases, 1);
	world_close(w);
}

static void who_is_not_attached_gets_no_lease_but_a_prompt(void **state)
{
	struct world *w = world_open(100);

	(void)state;
	world_connect(w, 0);
	submit_good(w, ON_LOST_RESTART);
	w->worker[0].mute = true;
	world_pass(w, LEASE_OVER_US + 1000); /* silent, on a link that stands */
	w->worker[0].directs = 0;
	fake_ask(w, &w->worker[0]);
	world_pump(w);
	assert_int_equal(w->worker[0].leases, 0);
	assert_int_equal(w->worker[0].directs, 1);
	world_close(w);
}

static void another_machine_boot_ends_the_doubt_at_once(void **state)
{
	struct world *w = world_open(100);
	struct id job;

	(void)state;
	world_connect(w, 0);
	job = submit_good(w, ON_LOST_RESTART);
	world_cut(w, 0);
	world_pass(w, SECOND);
	w->worker[0].machine_boot[5] = 77;
	w->worker[0].boot = 2;
	w->worker[0].count = 0;
	w->worker[0].whole = false;
	world_connect(w, 0);
	assert_int_equal(look(w, job).number, 2);
	assert_int_equal(w->worker[0].count, 1);
	world_close(w);
}

static void an_empty_inventory_proves_nothing_unless_it_is_whole(void **state)
{
	struct world *w = world_open(100);
	struct id job;

	(void)state;
	world_connect(w, 0);
	job = submit_good(w, ON_LOST_FAIL);
	world_cut(w, 0);
	w->worker[0].boot = 2;
	w->worker[0].spool_lost = true;
	w->worker[0].whole = false;
	world_connect(w, 0);
	assert_int_equal(look(w, job).state, JOB_EXECUTING);
	world_cut(w, 0);
	w->worker[0].whole = true;
	w->worker[0].count = 0;
	world_connect(w, 0);
	assert_int_equal(look(w, job).state, JOB_FAILED);
	assert_string_equal(look(w, job).why, "its worker came back without the attempt");
	world_close(w);
}

static void what_a_worker_holds_and_nobody_wants_is_ended_by_force(void **state)
{
	struct world *w = world_open(100);

	(void)state;
	world_connect(w, 0);
	world_cut(w, 0);
	w->worker[0].held[w->worker[0].count++] =
		(struct held){{.job = world_id(0x99), .number = 1}, HELD_RUNNING};
	world_connect(w, 0);
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->worker[0].count, 0); /* ended, reported, acknowledged */
	world_close(w);
}

static void a_doubted_or_draining_worker_gets_no_new_job(void **state)
{
	struct world *w = world_open(100);
	struct id job;

	(void)state;
	world_connect(w, 0);
	world_member(w, 0, MEMBER_SUSPECT);
	job = submit_good(w, ON_LOST_RESTART);
	assert_int_equal(w->orders, 0);
	assert_string_equal(look(w, job).why, "1 not heard of; no worker is free");
	world_member(w, 0, MEMBER_ALIVE);
	assert_int_equal(w->orders, 1);
	w->worker[1].slots = 0;
	world_connect(w, 1);
	submit_good(w, ON_LOST_RESTART);
	submit_good(w, ON_LOST_RESTART);
	assert_int_equal(w->worker[1].count, 0);
	world_close(w);
}

static void a_refused_attempt_goes_elsewhere_and_fails_in_the_end(void **state)
{
	struct world *w = world_open(100);
	struct id job;

	(void)state;
	world_connect(w, 0);
	job = submit_good(w, ON_LOST_RESTART);
	for (uint32_t i = 1; i <= JOB_REFUSALS_MAX; i++) {
		struct attempt attempt = {.job = job, .number = i};

		assert_int_equal(look(w, job).state, JOB_EXECUTING);
		assert_int_equal(look(w, job).number, i);
		w->worker[0].count = 0;
		fake_report(w, &w->worker[0], attempt, REPORT_REFUSED, 0);
		world_pump(w);
		if (i < JOB_REFUSALS_MAX)
			assert_int_equal(look(w, job).state, JOB_QUEUED);
		world_pass(w, 2 * SECOND);
	}
	assert_int_equal(look(w, job).state, JOB_FAILED);
	world_close(w);
}

/* --- cancel, in each state --- */

static void a_queued_job_is_cancelled_where_it_waits(void **state)
{
	struct world *w = world_open(100);
	struct id job = submit_good(w, ON_LOST_RESTART);

	(void)state;
	assert_int_equal(answer_of(w, cancel(w, job))->code, EXIT_GOOD);
	assert_int_equal(look(w, job).state, JOB_CANCELLED);
	world_connect(w, 0);
	assert_int_equal(w->orders, 0);
	assert_int_equal(answer_of(w, cancel(w, job))->code, EXIT_GOOD); /* twice is harmless */
	world_close(w);
}

static void a_running_job_is_ended_by_its_worker_and_then_cancelled(void **state)
{
	struct world *w = world_open(100);
	struct id job;

	(void)state;
	world_connect(w, 0);
	job = submit_good(w, ON_LOST_RESTART);
	assert_int_equal(answer_of(w, cancel(w, job))->code, EXIT_GOOD);
	assert_int_equal(w->ends, 1);
	assert_int_equal(look(w, job).state, JOB_CANCELLED);
	assert_int_equal(look(w, job).code, 143);
	assert_int_equal(w->reported, 1);
	world_close(w);
}

static void a_cancel_that_meets_a_commit_in_flight_waits_for_it(void **state)
{
	struct world *w = world_open(100);
	uint64_t request;
	struct id job = submit_good(w, ON_LOST_RESTART);

	(void)state;
	w->store = STORE_SLOW;
	world_connect(w, 0);
	world_release(w, STORE_GOOD);
	assert_int_equal(look(w, job).state, JOB_EXECUTING);
	w->store = STORE_SLOW;
	w->worker[0].held[0].state = HELD_ENDED;
	fake_report(w, &w->worker[0], w->worker[0].held[0].attempt, REPORT_ENDED, 0);
	world_pump(w);
	request = cancel(w, job);
	assert_false(answer_of(w, request)->came);
	world_release(w, STORE_GOOD);
	assert_int_equal(answer_of(w, request)->code, EXIT_OTHER);
	assert_string_equal(answer_of(w, request)->why, "the job has ended already");
	assert_int_equal(look(w, job).state, JOB_DONE);
	world_close(w);
}

static void a_job_that_ended_can_not_be_cancelled(void **state)
{
	struct world *w = world_open(100);
	struct id job;

	(void)state;
	world_connect(w, 0);
	job = submit_good(w, ON_LOST_RESTART);
	end_job(w, 0, job, 0);
	assert_int_equal(answer_of(w, cancel(w, job))->code, EXIT_OTHER);
	assert_int_equal(look(w, job).state, JOB_DONE);
	world_close(w);
}

static void a_cancelled_job_of_a_lost_worker_is_cancelled_when_its_lease_is_over(void **state)
{
	struct world *w = world_open(100);
	struct id job, hold;

	(void)state;
	world_connect(w, 0);
	job = submit_good(w, ON_LOST_RESTART);
	hold = submit_good(w, ON_LOST_HOLD);
	world_cut(w, 0);
	cancel(w, job);
	cancel(w, hold);
	assert_int_equal(look(w, job).state, JOB_CANCELLING);
	world_pass(w, LEASE_OVER_US + 1000);
	assert_int_equal(look(w, job).state, JOB_CANCELLED);
	assert_int_equal(look(w, hold).state, JOB_CANCELLING); /* it may still run */
	cancel(w, hold);
	assert_int_equal(look(w, hold).state, JOB_CANCELLED); /* a person said it twice */
	world_close(w);
}

static void a_cancel_reaches_the_worker_when_it_comes_back(void **state)
{
	struct world *w = world_open(100);
	struct id job;

	(void)state;
	world_connect(w, 0);
	job = submit_good(w, ON_LOST_RESTART);
	world_cut(w, 0);
	cancel(w, job);
	assert_int_equal(w->ends, 0);
	world_fail_over(w);
	world_connect(w, 0);
	assert_int_equal(w->ends, 1);
	assert_int_equal(look(w, job).state, JOB_CANCELLED);
	world_close(w);
}

/* --- what is kept, what is shown --- */

static void history_is_bounded_and_the_oldest_goes_first(void **state)
{
	struct world *w = world_open(100);
	struct id first = {{0}}, last = {{0}};

	(void)state;
	for (int i = 0; i < 25; i++) {
		last = submit_good(w, ON_LOST_RESTART);
		if (i == 0)
			first = last;
		cancel(w, last);
	}
	world_pump(w);
	assert_int_equal(director_figures(w->director[0]).ended, 20);
	assert_int_equal(director_figures(w->director[1]).ended, 20);
	assert_int_equal(look(w, last).state, JOB_CANCELLED);
	assert_int_equal(answer_of(w, by_prefix(w, CALL_JOB, id_text(first).s))->code, EXIT_OTHER);
	world_close(w);
}

static void keys_are_forgotten_when_their_time_is_over(void **state)
{
	struct world *w = world_open(100);
	struct state_key key = state_key_key("k");
	struct bytes value;

	(void)state;
	submitted_id(w, submit(w, (struct wanted){.key = "k"}));
	assert_int_equal(kv_get(w->kv, state_key_bytes(&key), &value), OK);
	world_pass(w, (KEY_KEEP_OWN_S - 10) * (uint64_t)SECOND);
	world_pass(w, 5 * SECOND);
	assert_int_equal(kv_get(w->kv, state_key_bytes(&key), &value), OK);
	world_pass(w, 120 * SECOND);
	world_pass(w, 1 * SECOND);
	assert_int_equal(kv_get(w->kv, state_key_bytes(&key), &value), ERR_NOT_FOUND);
	world_close(w);
}

static struct cell cell_at(const struct heard_answer *a, uint32_t row, const char *column)
{
	struct sheet_reader r;
	struct cell cell = {0};
	uint32_t at = UINT32_MAX;

	assert_int_equal(sheet_open(bytes_of(a->body, a->len), &r), OK);
	for (uint32_t i = 0; i < r.columns; i++)
		if (bytes_same(unpack_text(&r.names, 64), bytes_str(column)))
			at = i;
	assert_true(at != UINT32_MAX);
	assert_true(row < r.rows);
	for (uint32_t i = 0; i <= row * r.columns + at; i++)
		assert_int_equal(sheet_next(&r, &cell), OK);
	return cell;
}

static void the_tables_show_jobs_and_workers(void **state)
{
	struct world *w = world_open(100);
	struct buffer b;
	struct heard_answer *a;
	struct jobs_ask all = {.all = true, .limit = 10};
	struct id job;
	enum err err;

	(void)state;
	world_member(w, 0, MEMBER_ALIVE);
	world_connect(w, 0);
	job = submit_good(w, ON_LOST_RESTART);
	submit_good(w, ON_LOST_RESTART);
	submit_good(w, ON_LOST_RESTART);
	end_job(w, 0, job, 4);
	world_cut(w, 0);
	buffer_init(&b, 256);
	err = jobs_ask_put(&all, &b);
	a = answer_of(w, ask(w, CALL_JOBS, 0, err, &b));
	assert_int_equal(a->code, EXIT_GOOD);
	assert_true(bytes_same(cell_at(a, 0, "STATE").text, BYTES("executing (unknown)")));
	assert_true(bytes_same(cell_at(a, 0, "WORKER").text, BYTES("w0")));
	assert_true(bytes_same(cell_at(a, 2, "STATE").text, BYTES("failed")));
	assert_int_equal(cell_at(a, 2, "CODE").number, 4);
	a = answer_of(w, by_prefix(w, CALL_JOB, id_text(job).s));
	assert_true(bytes_same(cell_at(a, 0, "COMMAND").text, BYTES("true")));
	buffer_init(&b, 16);
	a = answer_of(w, ask(w, CALL_WORKERS, 0, OK, &b));
	assert_true(bytes_same(cell_at(a, 0, "STATE").text, BYTES("disconnected")));
	assert_true(bytes_same(cell_at(a, 0, "SLOTS").text, BYTES("2/2")));
	assert_int_equal(cell_at(a, 0, "JOBS").number, 2);
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
		cmocka_unit_test(a_new_director_prompts_every_worker_it_knows_of),
		cmocka_unit_test(what_runs_goes_on_under_a_new_director_and_is_not_run_again),
		cmocka_unit_test(
			an_assignment_whose_order_was_never_sent_is_ordered_by_the_next_director),
		cmocka_unit_test(a_result_recorded_but_not_acknowledged_is_acknowledged_again),
		cmocka_unit_test(a_job_whose_worker_is_cut_off_is_unknown_and_runs_nowhere_else),
		cmocka_unit_test(
			when_the_lease_is_over_a_job_begins_again_elsewhere_as_attempt_two),
		cmocka_unit_test(a_new_director_counts_the_lease_from_when_it_began),
		cmocka_unit_test(a_lost_worker_fails_what_may_run_once_and_holds_what_holds),
		cmocka_unit_test(a_worker_that_asks_for_leases_is_never_lost),
		cmocka_unit_test(
			a_lease_is_not_answered_before_a_fence_that_began_after_the_question),
		cmocka_unit_test(who_is_not_attached_gets_no_lease_but_a_prompt),
		cmocka_unit_test(another_machine_boot_ends_the_doubt_at_once),
		cmocka_unit_test(an_empty_inventory_proves_nothing_unless_it_is_whole),
		cmocka_unit_test(what_a_worker_holds_and_nobody_wants_is_ended_by_force),
		cmocka_unit_test(a_doubted_or_draining_worker_gets_no_new_job),
		cmocka_unit_test(a_refused_attempt_goes_elsewhere_and_fails_in_the_end),
		cmocka_unit_test(a_queued_job_is_cancelled_where_it_waits),
		cmocka_unit_test(a_running_job_is_ended_by_its_worker_and_then_cancelled),
		cmocka_unit_test(a_cancel_that_meets_a_commit_in_flight_waits_for_it),
		cmocka_unit_test(a_job_that_ended_can_not_be_cancelled),
		cmocka_unit_test(
			a_cancelled_job_of_a_lost_worker_is_cancelled_when_its_lease_is_over),
		cmocka_unit_test(a_cancel_reaches_the_worker_when_it_comes_back),
		cmocka_unit_test(history_is_bounded_and_the_oldest_goes_first),
		cmocka_unit_test(keys_are_forgotten_when_their_time_is_over),
		cmocka_unit_test(the_tables_show_jobs_and_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
