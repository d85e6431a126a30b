#include "test/unit/sched/director_world.h"

#include "core/pack.h"
#include "sched/audit.h"
#include "sched/role_pack.h"

/* --- the world of two schedulers, a and b, and workers that are neither --- */

static struct id node_of(int director)
{
	return world_id((uint8_t)(0xd0 + director));
}

static void tell_life(struct world *w, struct id id, const char *name, uint8_t roles, uint64_t boot)
{
	struct facts facts = {.id = id, .roles = roles, .boot = boot};
	struct tell t = {.kind = TELL_MEMBER,
			 .member = {.view = VIEW_ALL, .state = MEMBER_ALIVE, .facts = &facts}};

	snprintf(facts.name, sizeof(facts.name), "%s", name);
	for (int i = 0; i < DIRECTORS; i++)
		world_tell(w, i, &t);
}

static void tell_member(struct world *w, struct id id, const char *name, uint8_t roles)
{
	tell_life(w, id, name, roles, 1);
}

struct is {
	bool votes, heard, current;
};
static const struct is ready = {true, true, true};

/* What the leader's store says of the other scheduler. */
static void tell_standby(struct world *w, struct is is)
{
	struct standby other = {node_of(w->leader == 0 ? 1 : 0), is.votes, is.heard, is.current};
	struct tell t = {.kind = TELL_STANDBYS,
			 .standbys = {.list = &other, .count = 1, .quorum = true}};

	world_tell(w, w->leader, &t);
	world_pump(w);
}

static void tell_nobody(struct world *w)
{
	struct tell t = {.kind = TELL_STANDBYS};

	world_tell(w, w->leader, &t);
	world_pump(w);
}

static struct world *world_of_two(void)
{
	struct world *w = world_open(100);

	tell_member(w, node_of(0), "a", ROLE_SCHEDULER);
	tell_member(w, node_of(1), "b", ROLE_SCHEDULER);
	tell_member(w, w->worker[0].id, "w", ROLE_WORKER);
	world_connect(w, 0);
	return w;
}

static struct role_row role_in(struct world *w)
{
	struct state_key key = state_key_role();
	struct role_row row;
	struct bytes value;

	assert_int_equal(kv_get(w->kv, state_key_bytes(&key), &value), OK);
	assert_int_equal(role_row_get(value, &row), OK);
	return row;
}

static bool is_held(struct world *w, struct held_row *out)
{
	struct state_key key = state_key_held();
	struct bytes value;

	if (kv_get(w->kv, state_key_bytes(&key), &value) != OK)
		return false;
	assert_int_equal(held_row_get(value, out), OK);
	return true;
}

static void expect_role(struct world *w, int who, enum role_how how, const char *from)
{
	struct role_row row = role_in(w);

	assert_true(id_same(row.node, node_of(who)));
	assert_int_equal(row.epoch.term, w->term);
	assert_int_equal(row.how, how);
	assert_string_equal(row.from_name, from);
}

static void stop(struct world *w, bool hand_over)
{
	struct tell t = {.kind = TELL_STOP, .stop.hand_over = hand_over};

	world_tell(w, w->leader, &t);
	world_pump(w);
}

struct wanted_switch {
	const char *to;
	bool wait, force, preferred;
};

static uint64_t switch_over(struct world *w, struct wanted_switch want)
{
	struct buffer b;
	struct pack p;

	buffer_init(&b, 256);
	pack_init(&p, &b);
	pack_array(&p, 4);
	pack_str(&p, want.to ? want.to : "");
	pack_bool(&p, want.wait);
	pack_bool(&p, want.force);
	pack_bool(&p, want.preferred);
	return ask(w, CALL_SWITCH_OVER, 1000, pack_err(&p), &b);
}

static void expect_refused(struct world *w, struct wanted_switch want, uint8_t code,
			   const char *why)
{
	int leader = w->leader;
	uint64_t request = switch_over(w, want);

	assert_true(answer_of(w, request)->came);
	assert_int_equal(answer_of(w, request)->code, code);
	assert_non_null(strstr(answer_of(w, request)->why, why));
	assert_int_equal(w->leader, leader);
	assert_int_equal(w->offers, 0);
}

static void expect_moved(struct world *w, uint64_t request, const char *to, const char *from)
{
	const struct heard_answer *a = answer_of(w, request);
	char text[2][NAME_MAX_LEN + 1];
	struct unpack u;

	assert_true(a->came);
	assert_int_equal(a->code, EXIT_GOOD);
	unpack_init(&u, bytes_of(a->body, a->len));
	assert_int_equal(unpack_array(&u, 3), 3);
	unpack_str(&u, text[0], sizeof(text[0]));
	unpack_str(&u, text[1], sizeof(text[1]));
	assert_string_equal(text[0], to);
	assert_string_equal(text[1], from);
}

static void end_all(struct world *w)
{
	for (int i = 0; i < WORKERS; i++) {
		struct fake *f = &w->worker[i];

		while (f->count && f->held[0].state == HELD_RUNNING) {
			f->held[0].state = HELD_ENDED;
			fake_report(w, f, f->held[0].attempt, REPORT_ENDED, 0);
			world_pump(w);
		}
	}
}

/* --- refusals --- */

static void a_switch_over_that_makes_no_sense_is_refused_with_the_reason(void **state)
{
	struct world *w = world_of_two();
	struct buffer b;
	uint64_t request;

	(void)state;
	buffer_init(&b, 16);
	request = ask(w, CALL_SWITCH_OVER, 0, OK, &b);
	assert_int_equal(answer_of(w, request)->code, EXIT_USAGE);
	expect_refused(w, (struct wanted_switch){0}, EXIT_OTHER, "uncoupled: no standby");
	expect_refused(w, (struct wanted_switch){.to = "b"}, EXIT_OTHER, "b can not be reached");
	tell_standby(w, (struct is){.heard = true});
	expect_refused(w, (struct wanted_switch){.to = "b"}, EXIT_OTHER, "b does not vote yet");
	tell_standby(w, (struct is){.heard = true, .votes = true});
	expect_refused(w, (struct wanted_switch){.to = "b"}, EXIT_OTHER, "b is not up to date");
	expect_refused(w, (struct wanted_switch){0}, EXIT_OTHER, "uncoupled");
	tell_standby(w, (struct is){.current = true, .votes = true});
	expect_refused(w, (struct wanted_switch){.to = "b"}, EXIT_OTHER, "b can not be reached");
	tell_standby(w, ready);
	expect_refused(w, (struct wanted_switch){.to = "nobody"}, EXIT_USAGE, "no node is called");
	expect_refused(w, (struct wanted_switch){.to = "w"}, EXIT_OTHER, "w is a worker");
	expect_refused(w, (struct wanted_switch){.to = "a"}, EXIT_OTHER, "a is the director");
	tell_member(w, world_id(0xd9), "b", ROLE_SCHEDULER);
	expect_refused(w, (struct wanted_switch){.to = "b"}, EXIT_USAGE, "more than one node");
	world_close(w);
}

/* The director's own worker is the first fake, under the director's id. */
static struct world *world_of_busy_director(void)
{
	struct world *w = world_open(100);

	tell_member(w, node_of(0), "a", ROLE_SCHEDULER | ROLE_WORKER);
	tell_member(w, node_of(1), "b", ROLE_SCHEDULER);
	w->worker[0].id = node_of(0);
	world_connect(w, 0);
	submit(w, (struct wanted){.key = "one"});
	assert_int_equal(w->orders, 1);
	tell_standby(w, ready);
	return w;
}

static void while_the_directors_own_worker_runs_something_it_is_refused(void **state)
{
	struct world *w = world_of_busy_director();

	(void)state;
	expect_refused(w, (struct wanted_switch){0}, EXIT_OTHER, "own worker runs 1: --wait");
	world_close(w);
}

static void one_that_waits_gives_its_own_worker_nothing_more_and_then_moves(void **state)
{
	struct world *w = world_of_busy_director();
	uint64_t request = switch_over(w, (struct wanted_switch){.wait = true});

	(void)state;
	assert_false(answer_of(w, request)->came);
	submit(w, (struct wanted){.key = "two"});
	assert_int_equal(w->orders, 1); /* it has a second slot */
	end_all(w);
	assert_int_equal(w->leader, 1);
	expect_moved(w, request, "b", "a");
	world_close(w);
}

static void one_that_waits_too_long_is_told_so_and_nothing_has_changed(void **state)
{
	struct world *w = world_of_busy_director();
	uint64_t request = switch_over(w, (struct wanted_switch){.wait = true});

	(void)state;
	for (int i = 0; i < 8; i++) {
		fake_ask(w, &w->worker[0]);
		world_pass(w, 4 * SECOND);
	}
	assert_int_equal(answer_of(w, request)->code, EXIT_TIMEOUT);
	assert_int_equal(w->leader, 0);
	submit(w, (struct wanted){.key = "two"});
	assert_true(w->orders >= 2);
	world_close(w);
}

static void forced_it_moves_though_its_own_worker_runs_on(void **state)
{
	struct world *w = world_of_busy_director();
	uint64_t request = switch_over(w, (struct wanted_switch){.force = true});

	(void)state;
	expect_moved(w, request, "b", "a");
	world_close(w);
}

/* --- how the role came --- */

static void the_first_has_founded_and_the_next_one_after_a_loss_has_failed_over(void **state)
{
	struct world *w = world_of_two();
	struct held_row held;

	(void)state;
	expect_role(w, 0, HOW_FOUNDED, "");
	world_fail_over(w);
	expect_role(w, 1, HOW_FAILED_OVER, "a");
	assert_false(is_held(w, &held));
	world_close(w);
}

static void who_is_elected_again_has_not_moved(void **state)
{
	struct world *w = world_of_two();
	uint64_t since_us;

	(void)state;
	world_fail_over(w);
	since_us = role_in(w).since_us;
	world_pass(w, SECOND);
	world_lead(w, 1);
	expect_role(w, 1, HOW_FAILED_OVER, "a");
	assert_int_equal(role_in(w).since_us, since_us);
	world_close(w);
}

static void a_row_that_was_not_committed_is_written_again(void **state)
{
	struct world *w = world_of_two();

	(void)state;
	w->store = STORE_FULL;
	world_lead(w, 1);
	assert_true(id_same(role_in(w).node, node_of(0)));
	w->store = STORE_GOOD;
	world_pass(w, 2 * SECOND);
	expect_role(w, 1, HOW_FAILED_OVER, "a");
	world_close(w);
}

/* --- switch-over --- */

static void switched_over_both_say_so_and_it_stands_in_the_audit(void **state)
{
	struct world *w = world_of_two();
	struct held_row held;
	struct sheet s;
	uint64_t request;

	(void)state;
	tell_standby(w, ready);
	request = switch_over(w, (struct wanted_switch){.to = "b"});
	expect_moved(w, request, "b", "a");
	expect_role(w, 1, HOW_SWITCHED_OVER, "a");
	assert_true(role_in(w).asked);
	assert_false(is_held(w, &held));
	submit(w, (struct wanted){.key = "after"});
	assert_int_equal(w->orders, 1);
	sheet_init(&s, audit_names, FRAME_MAX);
	audit_sheet(w->kv, 0, &s);
	assert_int_equal(s.count, 1);
	sheet_fini(&s);
	world_close(w);
}

static void nothing_is_assigned_once_the_mark_is_on_its_way(void **state)
{
	struct world *w = world_of_two();

	(void)state;
	tell_standby(w, ready);
	w->store = STORE_SLOW;
	switch_over(w, (struct wanted_switch){0});
	submit(w, (struct wanted){.key = "late"});
	assert_int_equal(w->slow_count, 2); /* the mark; the job, accepted alone */
	assert_int_equal(w->orders, 0);
	world_close(w);
}

static void when_nobody_takes_it_the_mark_is_lifted_and_all_goes_on(void **state)
{
	struct world *w = world_of_two();
	struct held_row held;
	uint64_t request;

	(void)state;
	tell_standby(w, ready);
	w->nobody_takes = true;
	request = switch_over(w, (struct wanted_switch){0});
	assert_false(answer_of(w, request)->came);
	assert_true(is_held(w, &held));
	assert_true(id_same(held.node, node_of(1)));
	world_pass(w, 4 * SECOND);
	assert_int_equal(answer_of(w, request)->code, EXIT_OTHER);
	assert_non_null(strstr(answer_of(w, request)->why, "b did not take the role"));
	assert_false(is_held(w, &held));
	expect_role(w, 0, HOW_FOUNDED, "");
	submit(w, (struct wanted){.key = "on"});
	assert_int_equal(w->orders, 1);
	world_close(w);
}

static void a_preference_does_not_undo_what_a_person_did(void **state)
{
	struct world *w = world_of_two();

	(void)state;
	tell_standby(w, ready);
	switch_over(w, (struct wanted_switch){.to = "b"});
	assert_int_equal(w->leader, 1);
	tell_standby(w, ready);
	w->offers = 0;
	expect_refused(w, (struct wanted_switch){.to = "a", .preferred = true}, EXIT_OTHER,
		       "a preference");
	world_close(w);
}

static void a_preference_takes_the_role_back_after_a_fail_over(void **state)
{
	struct world *w = world_of_two();
	uint64_t request;

	(void)state;
	world_fail_over(w);
	w->director[0] = world_director(w, 0, 100);
	tell_standby(w, ready);
	request = switch_over(
		w, (struct wanted_switch){.to = id_text(node_of(0)).s, .preferred = true});
	assert_int_equal(answer_of(w, request)->code, EXIT_GOOD);
	assert_int_equal(w->leader, 0);
	assert_false(role_in(w).asked);
	world_close(w);
}

/* --- held --- */

/* a was stopped normally: b leads, and the role is held for a. */
static struct world *world_held(void)
{
	struct world *w = world_of_two();
	struct held_row held;

	submit(w, (struct wanted){.key = "before"});
	assert_int_equal(w->orders, 1);
	tell_standby(w, ready);
	stop(w, false);
	assert_int_equal(w->stopped, 1);
	assert_int_equal(w->leader, 1);
	assert_true(is_held(w, &held));
	assert_true(id_same(held.node, node_of(0)));
	w->offers = 0;
	return w;
}

static void while_held_all_goes_on_but_new_assignments(void **state)
{
	struct world *w = world_held();
	uint64_t request;
	struct id job;

	(void)state;
	request = submit(w, (struct wanted){.key = "during"});
	job = submitted_id(w, request); /* accepted: durable */
	assert_int_equal(w->orders, 1);
	end_all(w);
	assert_int_equal(w->reported, 1);
	fake_ask(w, &w->worker[0]);
	world_pump(w);
	assert_int_equal(w->worker[0].leases, 1);
	assert_int_equal(answer_of(w, cancel(w, job))->code, EXIT_GOOD);
	assert_true(id_same(role_in(w).node, node_of(0)));
	world_close(w);
}

static void a_client_that_waits_is_told_for_whom_it_is_held(void **state)
{
	struct world *w = world_held();
	struct wait_ask ask_for = {.wait_ms = 0};
	struct job_news news;
	struct buffer b;
	uint64_t request;

	(void)state;
	id_print(submitted_id(w, submit(w, (struct wanted){.key = "during"})), ask_for.prefix);
	buffer_init(&b, 256);
	assert_int_equal(wait_ask_put(&ask_for, &b), OK);
	request = ask(w, CALL_JOB_WAIT, 0, OK, &b);
	assert_int_equal(
		job_news_get(bytes_of(answer_of(w, request)->body, answer_of(w, request)->len),
			     &news),
		OK);
	assert_true(news.held);
	assert_non_null(strstr(news.why, "held for a since "));
	assert_non_null(strstr(news.why, "`witan director switch-over` ends that"));
	world_close(w);
}

static void when_it_is_back_and_up_to_date_the_role_returns(void **state)
{
	struct world *w = world_held();
	struct held_row held;

	(void)state;
	submit(w, (struct wanted){.key = "during"});
	tell_standby(w, ready);
	assert_int_equal(w->leader, 1); /* its last moments: it is the life that ends */
	director_close(w->director[0]);
	w->director[0] = world_director(w, 0, 100);
	tell_standby(w, (struct is){.heard = true});
	tell_life(w, node_of(0), "a", ROLE_SCHEDULER, 2);
	assert_int_equal(w->leader, 1); /* it only learns yet */
	tell_standby(w, (struct is){.heard = true, .votes = true});
	assert_int_equal(w->leader, 1);
	tell_standby(w, ready);
	assert_int_equal(w->leader, 0);
	assert_int_equal(role_in(w).how, HOW_RETURNED);
	assert_false(is_held(w, &held));
	world_connect(w, 0);
	assert_int_equal(w->orders, 2);
	world_close(w);
}

static void a_transfer_back_that_fails_is_tried_again(void **state)
{
	struct world *w = world_held();

	(void)state;
	w->nobody_takes = true;
	tell_life(w, node_of(0), "a", ROLE_SCHEDULER, 2);
	tell_standby(w, ready);
	assert_int_equal(w->offers, 1);
	world_pass(w, SECOND);
	assert_int_equal(w->offers, 2);
	w->nobody_takes = false;
	world_pass(w, SECOND);
	assert_int_equal(w->leader, 0);
	world_close(w);
}

static void it_ends_after_its_time_as_a_switch_over(void **state)
{
	struct world *w = world_held();
	struct held_row held;

	(void)state;
	submit(w, (struct wanted){.key = "during"});
	world_pass(w, 899 * SECOND);
	assert_int_equal(w->orders, 1);
	world_pass(w, 2 * SECOND);
	expect_role(w, 1, HOW_SWITCHED_OVER, "a");
	assert_false(role_in(w).asked);
	assert_false(is_held(w, &held));
	world_connect(w, 0);
	assert_true(w->orders >= 2); /* the one of before has begun again, too */
	world_close(w);
}

static void a_person_ends_it_by_a_switch_over(void **state)
{
	struct world *w = world_held();
	struct held_row held;
	uint64_t request;

	(void)state;
	submit(w, (struct wanted){.key = "during"});
	request = switch_over(w, (struct wanted_switch){0});
	expect_moved(w, request, "b", "a");
	expect_role(w, 1, HOW_SWITCHED_OVER, "a");
	assert_true(role_in(w).asked);
	assert_false(is_held(w, &held));
	assert_int_equal(w->orders, 2);
	world_close(w);
}

static void it_ends_when_the_stopped_one_was_replaced_as_voter(void **state)
{
	struct world *w = world_held();
	struct facts facts = {.id = node_of(0), .roles = ROLE_SCHEDULER, .name = "a"};
	struct tell t = {.kind = TELL_MEMBER,
			 .member = {.view = VIEW_ALL, .state = MEMBER_LEFT, .facts = &facts}};
	struct held_row held;

	(void)state;
	world_tell(w, 1, &t);
	tell_standby(w, (struct is){.votes = true});
	assert_true(is_held(w, &held));
	tell_standby(w, (struct is){0}); /* a learner: everybody was stopped */
	assert_true(is_held(w, &held));
	tell_nobody(w);
	assert_false(is_held(w, &held));
	expect_role(w, 1, HOW_SWITCHED_OVER, "a");
	world_close(w);
}

static void who_leads_meanwhile_and_is_lost_loses_nothing_of_the_mark(void **state)
{
	struct world *w = world_held();
	struct held_row held;

	(void)state;
	world_cut(w, 0);
	world_connect(w, 0); /* a worker comes back meanwhile */
	submit(w, (struct wanted){.key = "during"});
	world_lead(w, 1); /* elected again */
	assert_int_equal(w->orders, 1);
	assert_true(is_held(w, &held));
	stop(w, false); /* it stops, too: the role is not its own to keep */
	assert_true(is_held(w, &held) == false || id_same(held.node, node_of(0)));
	assert_int_equal(w->stopped, 2);
	world_close(w);
}

static void handed_over_at_a_stop_it_is_not_held(void **state)
{
	struct world *w = world_of_two();
	struct held_row held;

	(void)state;
	tell_standby(w, ready);
	stop(w, true);
	assert_int_equal(w->stopped, 1);
	assert_false(is_held(w, &held));
	expect_role(w, 1, HOW_SWITCHED_OVER, "a");
	world_close(w);
}

static void alone_it_keeps_the_role_for_itself_and_ends_at_once(void **state)
{
	struct world *w = world_of_two();
	struct held_row held;

	(void)state;
	stop(w, false);
	assert_int_equal(w->stopped, 1);
	assert_int_equal(w->offers, 0);
	assert_true(is_held(w, &held));
	submitted_id(w, submit(w, (struct wanted){.key = "late"})); /* accepted, and */
	assert_int_equal(w->orders, 0);
	director_close(w->director[0]);
	w->director[0] = world_director(w, 0, 100);
	world_lead(w, 0);
	assert_int_equal(role_in(w).how, HOW_RETURNED);
	assert_false(is_held(w, &held));
	world_close(w);
}

static void who_does_not_direct_may_end_at_once(void **state)
{
	struct world *w = world_of_two();
	struct tell t = {.kind = TELL_STOP};

	(void)state;
	world_tell(w, 1, &t);
	world_pump(w);
	assert_int_equal(w->stopped, 1);
	assert_int_equal(w->leader, 0);
	world_close(w);
}

/* --- the audit --- */

static void the_audit_is_bounded_and_the_oldest_row_goes(void **state)
{
	struct kv *map = kv_open(16u << 20);
	struct audit_row row = {.uid = 7, .node = {{1}}, .what = "switch-over", .text = "a -> b"};
	struct state_key first = audit_key(1);
	struct bytes oldest;
	struct buffer b;

	(void)state;
	buffer_init(&b, 1024);
	assert_int_equal(audit_row_put(&row, &b), OK);
	assert_false(audit_oldest(map, &oldest));
	for (uint64_t stamp = 1; stamp <= AUDIT_MAX; stamp++) {
		struct state_key key = audit_key(stamp);

		assert_false(audit_oldest(map, &oldest));
		assert_int_equal(kv_put(map, state_key_bytes(&key), buffer_bytes(&b)), OK);
	}
	assert_true(audit_oldest(map, &oldest));
	assert_true(bytes_same(oldest, state_key_bytes(&first)));
	for (size_t len = 0; len < b.len; len++)
		assert_int_not_equal(audit_row_get(bytes_of(b.at, len), &row), OK);
	buffer_fini(&b);
	kv_close(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_switch_over_that_makes_no_sense_is_refused_with_the_reason),
		cmocka_unit_test(while_the_directors_own_worker_runs_something_it_is_refused),
		cmocka_unit_test(one_that_waits_gives_its_own_worker_nothing_more_and_then_moves),
		cmocka_unit_test(one_that_waits_too_long_is_told_so_and_nothing_has_changed),
		cmocka_unit_test(forced_it_moves_though_its_own_worker_runs_on),
		cmocka_unit_test(
			the_first_has_founded_and_the_next_one_after_a_loss_has_failed_over),
		cmocka_unit_test(who_is_elected_again_has_not_moved),
		cmocka_unit_test(a_row_that_was_not_committed_is_written_again),
		cmocka_unit_test(switched_over_both_say_so_and_it_stands_in_the_audit),
		cmocka_unit_test(nothing_is_assigned_once_the_mark_is_on_its_way),
		cmocka_unit_test(when_nobody_takes_it_the_mark_is_lifted_and_all_goes_on),
		cmocka_unit_test(a_preference_does_not_undo_what_a_person_did),
		cmocka_unit_test(a_preference_takes_the_role_back_after_a_fail_over),
		cmocka_unit_test(while_held_all_goes_on_but_new_assignments),
		cmocka_unit_test(a_client_that_waits_is_told_for_whom_it_is_held),
		cmocka_unit_test(when_it_is_back_and_up_to_date_the_role_returns),
		cmocka_unit_test(a_transfer_back_that_fails_is_tried_again),
		cmocka_unit_test(it_ends_after_its_time_as_a_switch_over),
		cmocka_unit_test(a_person_ends_it_by_a_switch_over),
		cmocka_unit_test(it_ends_when_the_stopped_one_was_replaced_as_voter),
		cmocka_unit_test(who_leads_meanwhile_and_is_lost_loses_nothing_of_the_mark),
		cmocka_unit_test(handed_over_at_a_stop_it_is_not_held),
		cmocka_unit_test(alone_it_keeps_the_role_for_itself_and_ends_at_once),
		cmocka_unit_test(who_does_not_direct_may_end_at_once),
		cmocka_unit_test(the_audit_is_bounded_and_the_oldest_row_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
