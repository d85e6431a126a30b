/* A worker's orders: spooled, started, ended, reported; over every death in between. */
#include "test/unit/sched/worker_world.h"

static void nobody_is_asked_before_the_keeper_told_all(void **state)
{
	struct world *w = world_make();

	(void)state;
	w->keeper_mute = true;
	meet(w, anna, "anna");
	pass(w, SECOND);
	assert_int_equal(count_posts(w, FRAME_ATTACH), 0);
	w->keeper_mute = false;
	pass(w, SECOND * 2); /* it is asked again */
	assert_int_equal(count_posts(w, FRAME_ATTACH), 1);
	assert_true(last_attach(w).whole);
	world_end(w);
}

static void an_order_of_an_older_epoch_or_another_peer_is_not_taken(void **state)
{
	struct world *w = world_make();

	(void)state;
	join(w, 4);
	say_order(w, anna, 3, 1);
	say_order(w, bert, 4, 2);
	assert_int_equal(w->spawns, 0);
	assert_int_equal(worker_running(w->worker), 0);
	world_end(w);
}

static void an_older_director_is_not_obeyed_even_after_a_restart(void **state)
{
	struct world *w = world_make();

	(void)state;
	join(w, 4);
	restart(w);
	join(w, 3);
	say_order(w, anna, 3, 1);
	assert_int_equal(worker_running(w->worker), 0);
	world_end(w);
}

static void nothing_starts_before_its_order_is_on_the_disk(void **state)
{
	struct world *w = world_make();
	struct report r;

	(void)state;
	join(w, 4);
	w->disk_holds = true;
	say_order(w, anna, 4, 1);
	assert_int_equal(w->spawns, 0);
	assert_int_equal(reported_kind(w, 1, &r), -1);
	release_disk(w);
	assert_int_equal(w->spawns, 1);
	assert_int_equal(reported_kind(w, 1, &r), REPORT_STARTED);
	world_end(w);
}

static void nothing_is_obeyed_before_the_epoch_is_on_the_disk(void **state)
{
	struct world *w = world_make();
	struct report r;

	(void)state;
	meet(w, anna, "anna");
	pass(w, SECOND);
	w->disk_holds = true;
	say_attached(w, anna, 4);
	say_lease(w, anna, 4);
	say_order(w, anna, 4, 1);
	w->held[0].disk.err = OK;
	assert_int_equal(w->spawns, 0);
	release_disk(w);
	assert_int_equal(w->spawns, 1);
	assert_int_equal(reported_kind(w, 1, &r), REPORT_STARTED);
	world_end(w);
}

static void nothing_starts_without_a_lease(void **state)
{
	struct world *w = world_make();
	struct report r;

	(void)state;
	meet(w, anna, "anna");
	pass(w, SECOND);
	say_attached(w, anna, 4);
	say_order(w, anna, 4, 1);
	assert_int_equal(reported_kind(w, 1, &r), REPORT_TAKEN);
	assert_int_equal(w->spawns, 0);
	say_lease(w, anna, 4);
	assert_int_equal(w->spawns, 1);
	world_end(w);
}

static void the_same_order_twice_starts_once(void **state)
{
	struct world *w = world_make();

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	say_order(w, anna, 4, 1);
	assert_int_equal(w->spawns, 1);
	child_exits(w, w->pid, 0);
	say_order(w, anna, 4, 1);
	say_reported(w, anna, 4, 1);
	say_order(w, anna, 4, 1);
	assert_int_equal(w->spawns, 1);
	world_end(w);
}

static void without_a_free_slot_an_order_is_refused_until_that_is_heard(void **state)
{
	struct world *w = world_make();
	struct report r;

	(void)state;
	join(w, 4);
	for (uint8_t i = 1; i <= 3; i++)
		say_order(w, anna, 4, i);
	assert_int_equal(w->spawns, 2);
	assert_int_equal(reported_kind(w, 3, &r), REPORT_REFUSED);
	assert_string_equal(r.why, "no free slot");
	forget_posts(w);
	pass(w, 3 * SECOND);
	assert_int_equal(reported_kind(w, 3, &r), REPORT_REFUSED);
	say_reported(w, anna, 4, 3);
	forget_posts(w);
	pass(w, 3 * SECOND / 2);
	assert_int_equal(reported_kind(w, 3, &r), -1);
	world_end(w);
}

static void a_result_is_on_the_disk_before_it_is_reported_and_repeated_until_it_is_heard(
	void **state)
{
	struct world *w = world_make();
	struct report r;

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	must(buffer_add(&file_make(w, "spool/c8010000-0000-0000-0000-000000000000.0.1/out")->bytes,
			BYTES("abc")) == OK);
	w->disk_holds = true;
	child_exits(w, w->pid, 7);
	assert_int_equal(reported_kind(w, 1, &r), REPORT_STARTED);
	release_disk(w);
	assert_int_equal(reported_kind(w, 1, &r), REPORT_ENDED);
	assert_int_equal(r.code, 7);
	assert_true(bytes_same(r.out_tail, BYTES("abc")));
	assert_int_equal(keeper_count(w->keeper), 0);
	forget_posts(w);
	pass(w, 3 * SECOND);
	assert_int_equal(reported_kind(w, 1, &r), REPORT_ENDED);
	say_reported(w, anna, 4, 1);
	forget_posts(w);
	pass(w, 3 * SECOND / 2);
	assert_int_equal(reported_kind(w, 1, &r), -1);
	assert_non_null(strstr(w->log,
			       "job ended: job=c8010000-0000-0000-0000-000000000000 attempt=1 "
			       "code=7 seconds="));
	world_end(w);
}

static void a_result_nobody_heard_survives_the_agent(void **state)
{
	struct world *w = world_make();
	struct report r;

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	child_exits(w, w->pid, 7);
	restart(w);
	forget_posts(w);
	join(w, 4);
	assert_int_equal(last_attach(w).held[0].state, HELD_ENDED);
	assert_int_equal(reported_kind(w, 1, &r), REPORT_ENDED);
	assert_int_equal(r.code, 7);
	world_end(w);
}

static void a_new_agent_finds_what_runs_and_starts_nothing_twice(void **state)
{
	struct world *w = world_make();
	struct report r;

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	restart(w);
	join(w, 4);
	assert_int_equal(last_attach(w).count, 1);
	assert_int_equal(last_attach(w).held[0].state, HELD_RUNNING);
	assert_int_equal(w->spawns, 1);
	child_exits(w, w->pid, 0);
	assert_int_equal(reported_kind(w, 1, &r), REPORT_ENDED);
	assert_int_equal(w->spawns, 1);
	world_end(w);
}

static void what_ended_while_the_agent_was_away_is_reported(void **state)
{
	struct world *w = world_make();
	struct report r;

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	keeper_gets(w, &(struct event){.kind = EVENT_AGENT});
	keeper_gets(w, &(struct event){.kind = EVENT_EXITED,
				       .exited = {.pid = w->pid, .status = 3 << 8}});
	restart(w);
	join(w, 4);
	assert_int_equal(reported_kind(w, 1, &r), REPORT_ENDED);
	assert_int_equal(r.code, 3);
	world_end(w);
}

static void an_order_that_never_reached_the_keeper_starts_after_the_restart(void **state)
{
	struct world *w = world_make();

	(void)state;
	meet(w, anna, "anna");
	pass(w, SECOND);
	say_attached(w, anna, 4);
	say_order(w, anna, 4, 1); /* no lease: only taken */
	restart(w);
	assert_int_equal(w->spawns, 0);
	join(w, 4);
	assert_int_equal(last_attach(w).held[0].state, HELD_TAKEN);
	assert_int_equal(w->spawns, 1);
	world_end(w);
}

static void what_the_keeper_lost_is_not_in_the_inventory_and_never_starts_again(void **state)
{
	struct world *w = world_make();
	struct report r;

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	keeper_dies(w);
	forget_posts(w);
	pass(w, SECOND);
	assert_int_equal(last_attach(w).count, 0);
	say_attached(w, anna, 4);
	say_lease(w, anna, 4);
	say_order(w, anna, 4, 1);
	assert_int_equal(w->spawns, 1);
	assert_int_equal(reported_kind(w, 1, &r), REPORT_REFUSED);
	assert_string_equal(r.why, "lost with the keeper");
	forget_posts(w);
	pass(w, 3 * SECOND);
	assert_int_equal(reported_kind(w, 1, &r), REPORT_REFUSED);
	say_reported(w, anna, 4, 1);
	forget_posts(w);
	pass(w, SECOND);
	assert_int_equal(reported_kind(w, 1, &r), -1);
	world_end(w);
}

static void a_keeper_of_an_earlier_agent_keeps_what_runs_and_is_then_let_go(void **state)
{
	struct world *w = world_make();
	struct report r;

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	assert_int_equal(w->spawns, 1);
	restart(w);
	join(w, 4);
	for (int i = 0; i < 5; i++) { /* as long as it runs, and its lease with it */
		pass(w, SECOND);
		say_lease(w, anna, 4);
	}
	assert_int_equal(w->keepers, 1);
	child_exits(w, w->pid, 0);
	assert_int_equal(reported_kind(w, 1, &r), REPORT_ENDED);
	say_order(w, anna, 4, 2); /* comes at once, and is kept there, too */
	assert_int_equal(w->spawns, 2);
	pass(w, SECOND * 3);
	assert_int_equal(w->keepers, 1);
	child_exits(w, w->pid, 0);
	pass(w, SECOND / 2);
	assert_int_equal(w->keepers, 1);
	pass(w, SECOND);
	assert_int_equal(w->keepers, 2);
	say_lease(w, anna, 4);
	say_order(w, anna, 4, 3);
	assert_int_equal(w->spawns, 3);
	assert_int_equal(reported_kind(w, 3, &r), REPORT_STARTED);
	assert_non_null(strstr(w->log, "keeper of an earlier agent is let go"));
	world_end(w);
}

static void an_order_that_comes_while_the_keeper_is_changed_starts_once(void **state)
{
	struct world *w = world_make();
	struct report r;

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	restart(w);
	join(w, 4);
	child_exits(w, w->pid, 0);
	for (int i = 0; i < 200 && strstr(w->log, "is let go") == NULL; i++)
		pass(w, SECOND / 100);
	assert_int_equal(w->keepers, 1);
	say_lease(w, anna, 4);
	say_order(w, anna, 4, 2);
	assert_int_equal(w->spawns, 1);
	pass(w, SECOND);
	assert_int_equal(w->keepers, 2);
	assert_int_equal(w->spawns, 2);
	assert_int_equal(reported_kind(w, 2, &r), REPORT_STARTED);
	world_end(w);
}

static void agent_and_keeper_both_killed_is_a_loss_too(void **state)
{
	struct world *w = world_make();

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	keeper_close(w->keeper);
	w->keeper = NULL;
	restart(w);
	join(w, 4);
	assert_int_equal(last_attach(w).count, 0);
	assert_int_equal(w->spawns, 1);
	world_end(w);
}

static void after_the_machine_began_again_nothing_unfinished_is_held(void **state)
{
	struct world *w = world_make();

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	keeper_close(w->keeper);
	w->keeper = NULL;
	w->machine_boot++;
	restart(w);
	join(w, 4);
	assert_int_equal(last_attach(w).count, 0);
	say_order(w, anna, 4, 1);
	assert_int_equal(w->spawns, 1);
	world_end(w);
}

static void what_the_spool_does_not_know_is_killed_before_anybody_is_asked(void **state)
{
	struct world *w = world_make();

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	file_drop(w, "spool/c8");
	restart(w);
	w->signal = 0;
	forget_posts(w);
	meet(w, anna, "anna");
	pass(w, 2 * SECOND);
	assert_int_equal(w->signal, SIGKILL);
	assert_int_equal(last_attach(w).count, 0);
	assert_int_equal(keeper_count(w->keeper), 0);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_asked_before_the_keeper_told_all),
		cmocka_unit_test(an_order_of_an_older_epoch_or_another_peer_is_not_taken),
		cmocka_unit_test(an_older_director_is_not_obeyed_even_after_a_restart),
		cmocka_unit_test(nothing_starts_before_its_order_is_on_the_disk),
		cmocka_unit_test(nothing_is_obeyed_before_the_epoch_is_on_the_disk),
		cmocka_unit_test(nothing_starts_without_a_lease),
		cmocka_unit_test(the_same_order_twice_starts_once),
		cmocka_unit_test(without_a_free_slot_an_order_is_refused_until_that_is_heard),
		cmocka_unit_test(
			a_result_is_on_the_disk_before_it_is_reported_and_repeated_until_it_is_heard),
		cmocka_unit_test(a_result_nobody_heard_survives_the_agent),
		cmocka_unit_test(a_new_agent_finds_what_runs_and_starts_nothing_twice),
		cmocka_unit_test(what_ended_while_the_agent_was_away_is_reported),
		cmocka_unit_test(an_order_that_never_reached_the_keeper_starts_after_the_restart),
		cmocka_unit_test(
			what_the_keeper_lost_is_not_in_the_inventory_and_never_starts_again),
		cmocka_unit_test(a_keeper_of_an_earlier_agent_keeps_what_runs_and_is_then_let_go),
		cmocka_unit_test(an_order_that_comes_while_the_keeper_is_changed_starts_once),
		cmocka_unit_test(agent_and_keeper_both_killed_is_a_loss_too),
		cmocka_unit_test(after_the_machine_began_again_nothing_unfinished_is_held),
		cmocka_unit_test(what_the_spool_does_not_know_is_killed_before_anybody_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
