/* Who should sit, decided for rooms of nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sched/store/plan.h"

enum { MAX = 8 };

/* Nodes 1 to n on machines of their own, all alive and asked, none sitting yet but the first. */
struct room {
	struct sitter sitter[MAX];
	uint32_t count;
	struct voters voters;
	struct wish wish;
	const char *why; /* of the last change of votes */
	bool urgent;
};

static struct id name(uint8_t n)
{
	struct id id = {{n}};

	return id;
}

static void room_init(struct room *r, uint32_t schedulers, uint32_t workers)
{
	memset(r, 0, sizeof(*r));
	r->wish.voters = 3;
	r->wish.patient = true;
	for (uint32_t i = 0; i < schedulers + workers; i++) {
		struct sitter *s = &r->sitter[r->count++];

		s->node = name((uint8_t)(i + 1));
		s->voter = name((uint8_t)(i + 101));
		s->machine[0] = (uint8_t)(i + 1);
		s->zone = "";
		s->scheduler = i < schedulers;
		s->self = i == 0;
		s->alive = s->heard = s->caught_up = true;
	}
	voters_add(&r->voters, (struct seat){.voter = r->sitter[0].voter,
					     .node = r->sitter[0].node,
					     .scheduler = true,
					     .votes = true});
}

/* One change, if there is one. */
static bool change(struct room *r)
{
	struct plan p;

	if (!plan_next(&r->voters, r->sitter, r->count, r->wish, &p))
		return false;
	assert_non_null(p.why);
	assert_true(voters_count(&p.next) > 0);
	if (p.votes) {
		r->why = p.why;
		r->urgent = p.urgent;
	} else {
		assert_true(voters_is_one_step(&r->voters, &p.next));
		assert_int_equal(voters_count(&r->voters), voters_count(&p.next));
	}
	r->voters = p.next;
	return true;
}

/* Changes until nothing is left to change; how often who votes changed. */
static uint32_t settle(struct room *r)
{
	uint32_t changes = 0;

	for (int i = 0;; i++) {
		const char *why = r->why = NULL;

		if (!change(r))
			return changes;
		changes += r->why != why;
		assert_true(i < 20);
	}
}

static struct sitter *node(struct room *r, uint8_t n)
{
	return &r->sitter[n - 1];
}

static void die(struct room *r, uint8_t n)
{
	node(r, n)->alive = node(r, n)->heard = node(r, n)->caught_up = false;
}

static bool votes(const struct room *r, uint8_t n)
{
	return voters_votes(&r->voters, name((uint8_t)(n + 100)));
}

static bool sits(const struct room *r, uint8_t n)
{
	return voters_find(&r->voters, name((uint8_t)(n + 100))) != VOTERS_NONE;
}

/* Exactly these vote. */
static bool vote(const struct room *r, const char *who)
{
	for (; *who != '\0'; who++)
		if (!votes(r, (uint8_t)(*who - '0')))
			return false;
	return true;
}

static bool only(const struct room *r, const char *who)
{
	return voters_count(&r->voters) == strlen(who) && vote(r, who);
}

/* ---- refusals ---- */

static void one_scheduler_drafts_nobody(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 1, 4);
	assert_false(change(&r));
}

static void one_does_not_become_two_while_a_third_catches_up(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 3, 0);
	node(&r, 3)->caught_up = false;
	assert_int_equal(settle(&r), 0);
	assert_true(only(&r, "1"));
	assert_int_equal(r.voters.count, 3);
	node(&r, 3)->caught_up = true;
	assert_int_equal(settle(&r), 1);
	assert_true(only(&r, "123"));
}

static void patience_for_a_third_ends(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 3, 0);
	node(&r, 3)->caught_up = false;
	r.wish.patient = false;
	assert_int_equal(settle(&r), 1);
	assert_true(only(&r, "12"));
}

static void two_schedulers_without_a_third_machine_are_two_voters(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 2, 1);
	node(&r, 3)->machine[0] = 2;
	settle(&r);
	assert_true(only(&r, "12"));
	assert_false(sits(&r, 3));
}

static void a_voter_that_is_only_dead_keeps_its_vote(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 4, 2);
	settle(&r);
	die(&r, 2);
	assert_int_equal(settle(&r), 0);
	assert_true(only(&r, "123"));
}

static void a_voter_gone_for_long_stays_while_nobody_can_replace_it(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 3, 0);
	settle(&r);
	die(&r, 2);
	node(&r, 2)->gone = true;
	assert_int_equal(settle(&r), 0);
	assert_true(only(&r, "123"));
}

static void the_only_voter_can_not_go(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 1, 2);
	node(&r, 1)->left = true;
	assert_false(change(&r));
}

/* ---- growing ---- */

static void from_one_to_three_in_one_change(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 3, 0);
	assert_true(change(&r)); /* both learn */
	assert_true(only(&r, "1"));
	assert_true(change(&r));
	assert_true(only(&r, "123"));
	assert_true(r.urgent);
	assert_false(change(&r));
}

static void two_schedulers_and_a_worker_are_three_voters(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 2, 3);
	assert_int_equal(settle(&r), 1);
	assert_true(only(&r, "123"));
	assert_int_equal(r.voters.count, 3);
}

static void who_learns_does_not_wait_for_who_votes(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 3, 0);
	settle(&r);
	r.count = 4;
	r.sitter[3] = r.sitter[2];
	node(&r, 4)->node = name(4);
	node(&r, 4)->voter = name(104);
	node(&r, 2)->left = true;
	r.wish.still = true;
	assert_int_equal(settle(&r), 0);
	assert_true(only(&r, "123") && sits(&r, 4));
	r.wish.still = false;
	assert_int_equal(settle(&r), 1);
	assert_true(only(&r, "134"));
}

static void further_schedulers_only_learn(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 5, 2);
	settle(&r);
	assert_int_equal(voters_count(&r.voters), 3);
	assert_int_equal(r.voters.count, 5);
}

static void five_are_five_when_wished(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 5, 2);
	r.wish.voters = 5;
	settle(&r);
	assert_true(only(&r, "12345"));
	r.wish.voters = 3;
	die(&r, 4);
	assert_int_equal(settle(&r), 1);
	assert_int_equal(voters_count(&r.voters), 3);
	assert_true(votes(&r, 1) && !votes(&r, 4));
	assert_false(r.urgent);
}

/* ---- machines and zones ---- */

static void machines_of_their_own_come_first(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 4, 0);
	node(&r, 2)->machine[0] = 1;
	settle(&r);
	assert_true(only(&r, "134"));
}

static void a_worker_on_a_third_machine_comes_before_a_third_scheduler_on_two(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 3, 1);
	node(&r, 2)->machine[0] = 1;
	settle(&r);
	assert_true(only(&r, "134"));
	/* But of two schedulers both vote, wherever they are. */
	room_init(&r, 2, 2);
	node(&r, 2)->machine[0] = 1;
	settle(&r);
	assert_true(only(&r, "123"));
}

static void one_machine_holds_three_voters_unless_they_must_be_spread(void **state)
{
	struct room r;

	(void)state;
	for (int spread = 0; spread < 2; spread++) {
		room_init(&r, 3, 0);
		for (uint32_t i = 0; i < r.count; i++)
			r.sitter[i].machine[0] = 1;
		r.wish.spread = spread == 1;
		settle(&r);
		assert_int_equal(voters_count(&r.voters), spread == 1 ? 1 : 3);
	}
}

static void zones_of_their_own_decide_between_equals(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 5, 0);
	node(&r, 1)->zone = node(&r, 2)->zone = node(&r, 3)->zone = "a";
	node(&r, 4)->zone = "b";
	node(&r, 5)->zone = "c";
	settle(&r);
	assert_true(only(&r, "145"));
	/* A scheduler of the same zone comes before a worker of another. */
	room_init(&r, 3, 1);
	node(&r, 1)->zone = node(&r, 2)->zone = node(&r, 3)->zone = "a";
	node(&r, 4)->zone = "b";
	settle(&r);
	assert_true(only(&r, "123"));
}

static void a_better_place_is_taken_one_for_one(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 4, 0);
	node(&r, 2)->machine[0] = 1;
	die(&r, 4);
	settle(&r);
	assert_true(only(&r, "123"));
	node(&r, 4)->alive = node(&r, 4)->heard = node(&r, 4)->caught_up = true;
	assert_int_equal(settle(&r), 1);
	assert_true(only(&r, "134"));
	assert_true(sits(&r, 2));
	assert_false(r.urgent);
}

/* ---- witnesses ---- */

static void a_third_scheduler_takes_the_witness_place_in_one_change(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 3, 2);
	die(&r, 3);
	settle(&r);
	assert_true(votes(&r, 4) || votes(&r, 5));
	node(&r, 3)->alive = node(&r, 3)->heard = node(&r, 3)->caught_up = true;
	assert_int_equal(settle(&r), 1);
	assert_true(only(&r, "123"));
	assert_int_equal(r.voters.count, 3);
	assert_false(r.urgent);
}

static void a_witness_of_a_lone_scheduler_goes_with_the_other(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 2, 2);
	settle(&r);
	assert_true(only(&r, "123"));
	node(&r, 2)->left = true;
	settle(&r);
	assert_true(only(&r, "1"));
	assert_int_equal(r.voters.count, 1);
}

/* ---- who goes ---- */

static void a_voter_gone_for_long_is_swapped_in_one_change(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 4, 0);
	settle(&r);
	die(&r, 2);
	node(&r, 2)->gone = true;
	assert_true(change(&r));
	assert_true(only(&r, "134"));
	assert_false(sits(&r, 2));
	assert_false(r.urgent);
	assert_false(change(&r));
}

static void one_that_left_is_replaced_at_once(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 4, 0);
	settle(&r);
	die(&r, 2);
	node(&r, 2)->left = true;
	assert_true(change(&r));
	assert_true(only(&r, "134"));
	assert_true(r.urgent);
	/* And dismissed when there is nobody for it. */
	node(&r, 3)->left = true;
	assert_true(change(&r));
	assert_true(only(&r, "14"));
	assert_false(sits(&r, 3));
}

static void one_that_stops_becomes_a_learner(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 2, 0);
	settle(&r);
	node(&r, 2)->parts = true;
	assert_true(change(&r));
	assert_true(only(&r, "1"));
	assert_true(sits(&r, 2));
	assert_false(change(&r));
}

static void one_that_is_about_to_stop_is_given_no_vote(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 2, 0);
	node(&r, 2)->stops = true;
	assert_int_equal(settle(&r), 0);
	assert_true(only(&r, "1"));
	node(&r, 2)->stops = false;
	assert_int_equal(settle(&r), 1);
	node(&r, 2)->stops = true;
	assert_false(change(&r));
	assert_true(only(&r, "12"));
}

static void the_silent_go_with_who_would_end_the_quorum(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 3, 0);
	settle(&r);
	die(&r, 3);
	node(&r, 2)->parts = true;
	assert_true(change(&r));
	assert_true(only(&r, "1"));
	assert_true(sits(&r, 2) && sits(&r, 3));
	/* Both come back, in one change. */
	node(&r, 2)->parts = false;
	node(&r, 3)->alive = node(&r, 3)->heard = node(&r, 3)->caught_up = true;
	assert_int_equal(settle(&r), 1);
	assert_true(only(&r, "123"));
}

static void a_leader_that_leaves_is_not_in_the_next_set(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 4, 0);
	settle(&r);
	node(&r, 1)->left = true;
	assert_true(change(&r));
	assert_true(only(&r, "234"));
	assert_false(sits(&r, 1));
}

static void one_that_lost_its_log_sits_anew(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 3, 0);
	settle(&r);
	node(&r, 3)->voter = name(200);
	node(&r, 3)->caught_up = false;
	assert_int_equal(settle(&r), 0);
	assert_int_equal(r.voters.count, 4); /* the new id learns first */
	node(&r, 3)->caught_up = true;
	assert_int_equal(settle(&r), 1);
	assert_true(r.urgent);
	assert_int_equal(voters_find(&r.voters, name(103)), VOTERS_NONE);
	assert_true(voters_votes(&r.voters, name(200)));
	assert_int_equal(voters_count(&r.voters), 3);
}

static void one_whose_log_was_copied_is_dismissed_at_once(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 3, 0);
	settle(&r);
	node(&r, 3)->copied = true;
	assert_true(change(&r));
	assert_true(only(&r, "12"));
	assert_false(sits(&r, 3));
	assert_false(change(&r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_scheduler_drafts_nobody),
		cmocka_unit_test(one_does_not_become_two_while_a_third_catches_up),
		cmocka_unit_test(patience_for_a_third_ends),
		cmocka_unit_test(two_schedulers_without_a_third_machine_are_two_voters),
		cmocka_unit_test(a_voter_that_is_only_dead_keeps_its_vote),
		cmocka_unit_test(a_voter_gone_for_long_stays_while_nobody_can_replace_it),
		cmocka_unit_test(the_only_voter_can_not_go),
		cmocka_unit_test(from_one_to_three_in_one_change),
		cmocka_unit_test(two_schedulers_and_a_worker_are_three_voters),
		cmocka_unit_test(who_learns_does_not_wait_for_who_votes),
		cmocka_unit_test(further_schedulers_only_learn),
		cmocka_unit_test(five_are_five_when_wished),
		cmocka_unit_test(machines_of_their_own_come_first),
		cmocka_unit_test(a_worker_on_a_third_machine_comes_before_a_third_scheduler_on_two),
		cmocka_unit_test(one_machine_holds_three_voters_unless_they_must_be_spread),
		cmocka_unit_test(zones_of_their_own_decide_between_equals),
		cmocka_unit_test(a_better_place_is_taken_one_for_one),
		cmocka_unit_test(a_third_scheduler_takes_the_witness_place_in_one_change),
		cmocka_unit_test(a_witness_of_a_lone_scheduler_goes_with_the_other),
		cmocka_unit_test(a_voter_gone_for_long_is_swapped_in_one_change),
		cmocka_unit_test(one_that_left_is_replaced_at_once),
		cmocka_unit_test(one_that_stops_becomes_a_learner),
		cmocka_unit_test(one_that_is_about_to_stop_is_given_no_vote),
		cmocka_unit_test(the_silent_go_with_who_would_end_the_quorum),
		cmocka_unit_test(a_leader_that_leaves_is_not_in_the_next_set),
		cmocka_unit_test(one_that_lost_its_log_sits_anew),
		cmocka_unit_test(one_whose_log_was_copied_is_dismissed_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
