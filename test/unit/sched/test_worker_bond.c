/* Whom a worker obeys, and until when; what it shows of itself. */
#include "test/unit/sched/worker_world.h"

static void between_the_question_and_its_answer_nothing_is_taken(void **state)
{
	struct world *w = world_make();

	(void)state;
	meet(w, bert, "bert");
	join(w, 4);
	say_direct(w, bert, 5);
	say_order(w, anna, 4, 1);
	assert_int_equal(worker_running(w->worker), 0);
	say_attached(w, bert, 5);
	say_lease(w, bert, 5);
	say_order(w, bert, 5, 1);
	assert_int_equal(w->spawns, 1);
	assert_non_null(strstr(w->log, "director is bert: epoch=5"));
	world_end(w);
}

static void an_answer_older_than_what_was_taken_is_asked_anew(void **state)
{
	struct world *w = world_make();

	(void)state;
	meet(w, bert, "bert");
	join(w, 4); /* both were asked, anna answered */
	say_order(w, anna, 4, 1);
	forget_posts(w);
	say_attached(w, bert, 5);
	assert_int_equal(last_attach(w).count, 1);
	say_order(w, bert, 5, 2);
	assert_int_equal(worker_running(w->worker), 1);
	say_attached(w, bert, 5);
	say_order(w, bert, 5, 2);
	assert_int_equal(worker_running(w->worker), 2);
	world_end(w);
}

static void what_was_ordered_before_the_last_attach_is_not_taken(void **state)
{
	struct world *w = world_make();
	struct order order = {.fence = fence_of(4),
			      .attempt = job(1),
			      .command = BYTES("\x91\xa4true"),
			      .env = BYTES("\x90")};

	(void)state;
	join(w, 4);
	order.serial = w->serial[anna.b[0]];
	/* asked again, it shows an inventory without that order: the director may give it to another from then on */
	say_direct(w, anna, 4);
	assert_true(w->serial[anna.b[0]] > order.serial);
	SAY(w, anna, FRAME_ATTACHED, attached_put,
	    &(struct attached){.fence = fence_of(4),
			       .serial = order.serial,
			       .accepted = true,
			       .lease_ms = LEASE_MS});
	SAY(w, anna, FRAME_ORDER, order_put, &order);
	assert_int_equal(worker_running(w->worker), 0);
	say_attached(w, anna, 4);
	SAY(w, anna, FRAME_ORDER, order_put, &order);
	assert_int_equal(worker_running(w->worker), 0);
	say_order(w, anna, 4, 1);
	assert_int_equal(worker_running(w->worker), 1);
	world_end(w);
}

/* No effect of an old order begins after the new director's first: what has not begun is the new one's. */
static void what_one_director_ordered_begins_under_the_epoch_of_the_next(void **state)
{
	struct world *w = world_make();

	(void)state;
	join(w, 4);
	w->disk_holds = true;
	say_order(w, anna, 4, 1);
	meet(w, bert, "bert");
	say_direct(w, bert, 5);
	assert_int_equal(last_attach(w).count, 1);
	say_attached(w, bert, 5);
	release_disk(w);
	assert_int_equal(w->spawns, 0);
	say_lease(w, bert, 5);
	assert_int_equal(w->spawns, 1);
	assert_string_equal(strchr(w->epoch, '.'), ".5");
	world_end(w);
}

static void another_store_is_not_followed_while_attempts_are_held(void **state)
{
	struct world *w = world_make();
	struct attached a = {.fence = {.store = other_store, .epoch = {1, 9}},
			     .accepted = true,
			     .lease_ms = LEASE_MS};

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	step(w, &(struct event){.kind = EVENT_LINK,
				.link = {.peer = {.id = anna, .link = 1}, .purpose = PURPOSE_RPC}});
	meet(w, bert, "bert");
	pass(w, SECOND);
	a.serial = w->serial[bert.b[0]];
	SAY(w, bert, FRAME_ATTACHED, attached_put, &a);
	assert_null(strstr(w->log, "director is bert"));
	world_end(w);
}

static void another_store_is_followed_when_ours_was_retired(void **state)
{
	struct world *w = world_make();
	struct attached a = {.fence = {.store = other_store, .epoch = {2, 1}},
			     .accepted = true,
			     .lease_ms = LEASE_MS};

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	step(w, &(struct event){.kind = EVENT_LINK,
				.link = {.peer = {.id = anna, .link = 1}, .purpose = PURPOSE_RPC}});
	meet(w, bert, "bert");
	worker_retired(w->worker, worker_store(w->worker));
	pass(w, SECOND);
	a.serial = w->serial[bert.b[0]];
	SAY(w, bert, FRAME_ATTACHED, attached_put, &a);
	assert_non_null(strstr(w->log, "director is bert"));
	world_end(w);
}

static void a_silent_director_is_left(void **state)
{
	struct world *w = world_make();

	(void)state;
	meet(w, bert, "bert");
	join(w, 4);
	forget_posts(w);
	pass(w, LEASE_MS * UINT64_C(600));
	assert_non_null(strstr(w->log, "director does not answer"));
	assert_true(count_posts(w, FRAME_ATTACH) >= 1);
	world_end(w);
}

/* Of ten thousand workers each would shake hands anew with every standby, at the worst moment. */
static void a_standby_that_was_asked_long_ago_is_asked_again_on_the_stream_it_has(void **state)
{
	struct world *w = world_make();

	(void)state;
	meet(w, bert, "bert");
	join(w, 4); /* both were asked, bert had no cause to answer */
	pass(w, 3 * SECOND);
	forget_posts(w);
	step(w, &(struct event){.kind = EVENT_LINK,
				.link = {.peer = {.id = anna, .link = 1}, .purpose = PURPOSE_RPC}});
	pass(w, SECOND);
	assert_true(count_posts(w, FRAME_ATTACH) >= 1);
	assert_int_equal(w->unlinks, 0);
	pass(w, 3 * SECOND); /* now it had: it is asked on another one */
	assert_true(w->unlinks > 0);
	world_end(w);
}

static void a_lease_is_asked_for_five_times_in_its_length(void **state)
{
	struct world *w = world_make();

	(void)state;
	join(w, 4);
	forget_posts(w);
	for (uint32_t i = 0; i < 10; i++) {
		pass(w, SECOND);
		if (last_post(w, FRAME_LEASE_ASK) != NULL)
			say_lease(w, anna, 4);
	}
	assert_int_equal(count_posts(w, FRAME_LEASE_ASK), 5);
	world_end(w);
}

/* Two streams with a director, each with an ATTACH under way: it means the later one, and dropped what came on the other. */
static void attached_once_more_a_lease_is_asked_for_at_once(void **state)
{
	struct world *w = world_make();

	(void)state;
	join(w, 4);
	forget_posts(w);
	say_attached(w, anna, 4);
	pass(w, 1);
	assert_int_equal(count_posts(w, FRAME_LEASE_ASK), 1);
	assert_int_equal(count_posts(w, FRAME_ATTACH), 0);
	world_end(w);
}

static void the_end_of_the_lease_ends_what_may_restart(void **state)
{
	struct world *w = world_make();
	struct report r;

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	pass(w, (LEASE_MS - 1000) * UINT64_C(1000) + SECOND / 10);
	assert_int_equal(w->signal, SIGTERM);
	assert_int_equal(keeper_running(w->keeper), 0);
	assert_int_equal(keeper_count(w->keeper), 0);
	/* not the job's own end: it is missing in the inventory, after a restart too, and not begun again */
	pass(w, SECOND);
	assert_int_equal(last_attach(w).count, 0);
	restart(w);
	join(w, 4);
	pass(w, SECOND / 2); /* the keeper of before holds nothing, and makes room for the next */
	assert_int_equal(last_attach(w).count, 0);
	say_order(w, anna, 4, 1);
	assert_int_equal(w->spawns, 1);
	assert_int_equal(reported_kind(w, 1, &r), REPORT_REFUSED);
	assert_string_equal(r.why, "lease");
	/* by a new director, whose epoch is not yet on the disk: said when it is, and its end when it may not restart */
	say_direct(w, anna, 5);
	w->disk_holds = true;
	say_attached(w, anna, 5);
	forget_posts(w);
	SAY(w, anna, FRAME_ORDER, order_put,
	    &(struct order){.fence = fence_of(5),
			    .serial = w->serial[anna.b[0]],
			    .attempt = job(1),
			    .on_lost = ON_LOST_FAIL,
			    .command = BYTES("\x91\xa4true"),
			    .env = BYTES("\x90")});
	assert_int_equal(reported_kind(w, 1, &r), -1);
	release_disk(w);
	assert_int_equal(reported_kind(w, 1, &r), REPORT_ENDED);
	assert_int_equal(r.code, 137);
	assert_int_equal(w->spawns, 1);
	world_end(w);
}

static void an_end_reaches_the_child_and_its_reason_the_report(void **state)
{
	struct world *w = world_make();
	struct report r;

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	say_end(w, anna, 4, 1);
	assert_int_equal(w->signal, SIGTERM);
	assert_int_equal(reported_kind(w, 1, &r), REPORT_ENDED);
	assert_int_equal(r.signal, SIGTERM);
	assert_string_equal(r.why, "cancelled");
	world_end(w);
}

static void an_end_before_the_start_starts_nothing(void **state)
{
	struct world *w = world_make();
	struct report r;

	(void)state;
	meet(w, anna, "anna");
	pass(w, SECOND);
	say_attached(w, anna, 4);
	say_order(w, anna, 4, 1);
	say_end(w, anna, 4, 1);
	say_lease(w, anna, 4);
	assert_int_equal(w->spawns, 0);
	assert_int_equal(reported_kind(w, 1, &r), REPORT_ENDED);
	assert_string_equal(r.why, "cancelled before it began");
	world_end(w);
}

static void registration_is_logged_once_and_in_these_words(void **state)
{
	struct world *w = world_make();

	(void)state;
	join(w, 4);
	const char *said = strstr(w->log, "registered runner with database\n");
	assert_non_null(said);
	say_direct(w, anna, 5);
	say_attached(w, anna, 5);
	assert_null(strstr(said + 1, "registered runner with database"));
	world_end(w);
}

static void a_worker_that_offers_nothing_shows_no_slot_and_takes_none(void **state)
{
	struct world *w = world_make();

	(void)state;
	join(w, 4);
	worker_offer(w->worker, w->now_us, false, w->outbox);
	worker_does(w);
	assert_int_equal(last_attach(w).slots, 0);
	say_attached(w, anna, 4);
	say_order(w, anna, 4, 1);
	assert_int_equal(worker_running(w->worker), 0);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(between_the_question_and_its_answer_nothing_is_taken),
		cmocka_unit_test(an_answer_older_than_what_was_taken_is_asked_anew),
		cmocka_unit_test(what_was_ordered_before_the_last_attach_is_not_taken),
		cmocka_unit_test(what_one_director_ordered_begins_under_the_epoch_of_the_next),
		cmocka_unit_test(another_store_is_not_followed_while_attempts_are_held),
		cmocka_unit_test(another_store_is_followed_when_ours_was_retired),
		cmocka_unit_test(a_silent_director_is_left),
		cmocka_unit_test(
			a_standby_that_was_asked_long_ago_is_asked_again_on_the_stream_it_has),
		cmocka_unit_test(a_lease_is_asked_for_five_times_in_its_length),
		cmocka_unit_test(attached_once_more_a_lease_is_asked_for_at_once),
		cmocka_unit_test(the_end_of_the_lease_ends_what_may_restart),
		cmocka_unit_test(an_end_reaches_the_child_and_its_reason_the_report),
		cmocka_unit_test(an_end_before_the_start_starts_nothing),
		cmocka_unit_test(registration_is_logged_once_and_in_these_words),
		cmocka_unit_test(a_worker_that_offers_nothing_shows_no_slot_and_takes_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
