/* What is lost: directors, workers, leases; and what is cancelled meanwhile. */
#include "test/unit/sched/director_talk.h"

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

static uint32_t count_posts(struct outbox *o)
{
	uint32_t count = 0;

	for (size_t i = 0; i < outbox_count(o); i++)
		count += outbox_at(o, i)->kind == EFFECT_POST;
	outbox_clear(o);
	return count;
}

static void a_crowd_is_prompted_a_few_in_a_turn_and_each_once(void **state)
{
	enum { CROWD = 10 * DIRECTS_TURN + 5 };
	struct director_config config = {.self = {{9}}, .seed = 1};
	struct kv *kv = kv_open(STATE_MAX);
	struct director *d = director_open(&config, kv);
	struct outbox *o = outbox_open();
	struct facts facts = {.roles = ROLE_WORKER};
	struct event e = {.kind = EVENT_TELL, .now_us = 1000};
	uint32_t all = 0;

	(void)state;
	e.tell.kind = TELL_MEMBER;
	e.tell.member.view = VIEW_ALL;
	e.tell.member.facts = &facts;
	for (uint32_t i = 0; i < CROWD; i++) {
		put_u32(facts.id.b, i + 1);
		director_step(d, &e, o);
	}
	e.tell = (struct tell){.kind = TELL_LEAD,
			       .lead = {.epoch = {1, 2}, .self = true, .serving = true}};
	director_step(d, &e, o);
	while (director_deadline_us(d) <= e.now_us) {
		uint32_t now = count_posts(o);
		assert_true(now <= DIRECTS_TURN);
		all += now;
		director_turn(d, e.now_us, e.now_us, o);
	}
	assert_int_equal(all + count_posts(o), CROWD);
	outbox_close(o);
	director_close(d);
	kv_close(kv);
}

static void who_was_prompted_on_a_stream_that_was_dead_is_prompted_on_another(void **state)
{
	struct director_config config = {.self = {{9}}, .seed = 1};
	struct kv *kv = kv_open(STATE_MAX);
	struct director *d = director_open(&config, kv);
	struct outbox *o = outbox_open();
	struct facts facts = {.id = {{1}}, .roles = ROLE_WORKER};
	struct event member = {.kind = EVENT_TELL, .now_us = 1000}, lead = member;
	struct event link = {.kind = EVENT_LINK, .now_us = 1000};

	(void)state;
	member.tell =
		(struct tell){.kind = TELL_MEMBER, .member = {.view = VIEW_ALL, .facts = &facts}};
	lead.tell = (struct tell){.kind = TELL_LEAD,
				  .lead = {.epoch = {1, 2}, .self = true, .serving = true}};
	link.link.peer = (struct peer){.id = facts.id, .link = 7};
	link.link.purpose = PURPOSE_RPC;
	link.link.up = true;
	director_step(d, &member, o);
	director_step(d, &link, o);
	director_step(d, &lead, o);
	assert_int_equal(count_posts(o), 1);
	link.link.up = false;
	director_step(d, &link, o);
	assert_int_equal(count_posts(o), 1);
	link.link.peer.link =
		8; /* the other one did not come to be: it is known again when gossip says so */
	director_step(d, &link, o);
	assert_int_equal(count_posts(o), 0);
	outbox_close(o);
	director_close(d);
	kv_close(kv);
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
		cmocka_unit_test(a_new_director_prompts_every_worker_it_knows_of),
		cmocka_unit_test(a_crowd_is_prompted_a_few_in_a_turn_and_each_once),
		cmocka_unit_test(who_was_prompted_on_a_stream_that_was_dead_is_prompted_on_another),
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
