/* Who votes, told as stories of small worlds: joint changes, the pace, votes given up, witnesses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test/proof/world.h"

/* What a node was told of its vote. */
struct told {
	uint32_t count;
	enum gave_up gave;
	uint64_t at_us;
	const struct world *w;
};

static void start_all(struct world *w)
{
	for (uint32_t i = 0; i < w->count; i++)
		world_up(w, i);
}

static struct world *open_world(uint64_t seed, uint32_t count, uint32_t schedulers)
{
	struct world *w = world_open(seed, count, schedulers);

	w->base.change_every_ms = 1000;
	w->loud = getenv("LOUD") != NULL;
	w->node[0].founder = true;
	return w;
}

static struct world *settled(uint64_t seed, uint32_t count, uint32_t schedulers)
{
	struct world *w = open_world(seed, count, schedulers);

	start_all(w);
	world_run(w, 5000 * MS);
	assert_int_equal(world_server(w), 0);
	return w;
}

static void commit_many(struct world *w, uint32_t at, int count)
{
	for (int i = 0; i < count; i++) {
		world_commit(w, at);
		world_run(w, 2 * MS);
	}
	world_run(w, 100 * MS);
}

static void end(struct world *w)
{
	assert_null(w->breach);
	world_close(w);
}

static const struct raft *raft_of(const struct world *w, uint32_t at)
{
	return &w->node[at].store->raft;
}

static uint32_t server(const struct world *w)
{
	uint32_t at = world_server(w);

	assert_int_not_equal(at, NODES_MAX);
	return at;
}

/* As the one that serves has it. */
static const struct voters *set(const struct world *w)
{
	return &raft_of(w, server(w))->voters;
}

static bool votes(const struct world *w, uint32_t node)
{
	uint32_t at = voters_find_node(set(w), w->node[node].id);

	return at != VOTERS_NONE && set(w)->seat[at].votes;
}

static bool sits(const struct world *w, uint32_t node)
{
	return voters_find_node(set(w), w->node[node].id) != VOTERS_NONE;
}

/* A node that sits and has no vote; or one that has, and does not lead. */
static uint32_t some(const struct world *w, bool voter)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (sits(w, i) && votes(w, i) == voter && i != server(w))
			return i;
	return NODES_MAX;
}

static bool until(struct world *w, uint64_t ms, bool (*is)(struct world *w))
{
	for (uint64_t i = 0; i < ms; i++) {
		if (is(w))
			return true;
		world_run(w, MS);
	}
	return is(w);
}

/* ---- joint changes ---- */

static uint32_t old_leader;

static bool leader_is_joint(struct world *w)
{
	return voters_is_joint(&raft_of(w, old_leader)->voters);
}

static bool all_are_joint(struct world *w)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (w->node[i].store != NULL && !voters_is_joint(&raft_of(w, i)->voters))
			return false;
	return true;
}

/* Once its set is joint, the leader learns nothing of what the others have. */
static bool drop_answers(struct world *w, uint32_t from, uint32_t to, const struct message *m)
{
	(void)from;
	return to == old_leader && m->kind == MESSAGE_APPENDED && leader_is_joint(w);
}

/* ... but from who is in the new set only. */
static uint32_t newcomer;

static bool drop_old_answers(struct world *w, uint32_t from, uint32_t to, const struct message *m)
{
	return from != newcomer && drop_answers(w, from, to, m);
}

/* Once its set is joint, nothing of it gets to the others. */
static bool drop_entries(struct world *w, uint32_t from, uint32_t to, const struct message *m)
{
	(void)to;
	return from == old_leader && m->kind == MESSAGE_APPEND && m->append.count > 0 &&
	       leader_is_joint(w);
}

/* Four schedulers of which three vote; a voter dies for good. */
static struct world *one_gone(uint64_t seed, uint32_t *gone, uint32_t *heir)
{
	struct world *w = open_world(seed, 4, 4);

	w->base.replace_after_ms = 3000;
	start_all(w);
	world_run(w, 6000 * MS);
	old_leader = server(w);
	*gone = some(w, true);
	*heir = some(w, false);
	world_kill(w, *gone);
	return w;
}

static void a_dead_voter_is_swapped_in_one_joint_change(void **state)
{
	uint32_t gone, heir, joint = 0;
	struct world *w = one_gone(200, &gone, &heir);

	(void)state;
	for (int i = 0; i < 10000; i++) {
		world_run(w, MS);
		assert_int_equal(voters_count(set(w)), 3);
		joint += voters_is_joint(set(w));
	}
	assert_true(joint > 0);
	assert_true(votes(w, heir) && !sits(w, gone));
	assert_false(voters_is_joint(set(w)));
	assert_true(world_said(&w->node[0], "by=joint why=\"gone for too long\""));
	end(w);
}

static void what_a_joint_set_commits_both_majorities_have(void **state)
{
	uint32_t gone, heir;
	struct world *w = one_gone(201, &gone, &heir);
	uint64_t before;

	(void)state;
	newcomer = heir;
	w->drop = drop_old_answers;
	assert_true(until(w, 9000, leader_is_joint));
	before = raft_of(w, old_leader)->commit;
	assert_true(raft_of(w, old_leader)->voters_index > before);
	world_run(w, 300 * MS);
	assert_int_equal(raft_of(w, old_leader)->commit, before);
	end(w);
}

static void a_joint_set_that_a_dead_leader_left_is_ended_by_the_next(void **state)
{
	uint32_t gone, heir;
	struct world *w = one_gone(202, &gone, &heir);

	(void)state;
	w->drop = drop_answers;
	assert_true(until(w, 9000, leader_is_joint));
	assert_true(until(w, 300, all_are_joint));
	w->drop = NULL;
	/* The dead voter is back, so that the old set has its majority; the leader is not. */
	world_kill(w, old_leader);
	world_up(w, gone);
	world_run(w, 3000 * MS);
	assert_int_not_equal(server(w), old_leader);
	assert_false(voters_is_joint(set(w)));
	assert_true(votes(w, heir));
	assert_int_equal(voters_count(set(w)), 3);
	world_up(w, old_leader);
	commit_many(w, server(w), 10);
	end(w);
}

static void a_joint_set_that_nobody_else_has_is_rolled_back(void **state)
{
	uint32_t gone, heir;
	struct world *w = one_gone(203, &gone, &heir);

	(void)state;
	w->drop = drop_entries;
	assert_true(until(w, 9000, leader_is_joint));
	world_cut(w, old_leader, true, true);
	world_up(w, gone);
	world_run(w, 3000 * MS);
	assert_int_not_equal(server(w), old_leader);
	assert_true(voters_is_joint(&raft_of(w, old_leader)->voters));
	w->drop = NULL;
	world_heal(w);
	world_run(w, 2000 * MS);
	assert_false(voters_is_joint(&raft_of(w, old_leader)->voters));
	assert_true(voters_votes(&raft_of(w, old_leader)->voters, raft_of(w, gone)->wal->voter));
	assert_int_equal(raft_of(w, old_leader)->voters_index, raft_of(w, server(w))->voters_index);
	end(w);
}

static void one_becomes_three_without_being_two(void **state)
{
	struct world *w = open_world(204, 3, 3);

	(void)state;
	start_all(w);
	for (int i = 0; i < 5000; i++) {
		world_run(w, MS);
		if (world_server(w) != NODES_MAX)
			assert_int_not_equal(voters_count(set(w)), 2);
	}
	assert_int_equal(voters_count(set(w)), 3);
	end(w);
}

/* ---- the pace ---- */

static void a_better_place_is_not_taken_within_a_minute(void **state)
{
	struct world *w = world_open(205, 4, 3);

	(void)state;
	w->node[0].founder = true;
	for (uint32_t i = 0; i < 4; i++)
		if (i != 2)
			world_up(w, i);
	world_run(w, 5000 * MS);
	assert_true(votes(w, 3));
	world_up(w, 2);
	world_run(w, 50000 * MS);
	assert_true(votes(w, 3) && !votes(w, 2));
	world_run(w, 15000 * MS);
	assert_true(votes(w, 2) && !sits(w, 3));
	assert_true(world_said(&w->node[0], "witness=") || world_said(&w->node[0], "dismissed="));
	end(w);
}

static bool drop_appended(struct world *w, uint32_t from, uint32_t to, const struct message *m)
{
	(void)w, (void)from;
	return to == old_leader && m->kind == MESSAGE_APPENDED;
}

static void a_leader_that_can_not_prove_that_it_leads_changes_nothing(void **state)
{
	struct world *w = settled(206, 4, 4);
	uint32_t gone = some(w, true);
	uint64_t index = raft_of(w, 0)->voters_index;

	(void)state;
	old_leader = 0;
	w->drop = drop_appended;
	world_tell_member(w, 0, gone, MEMBER_LEFT);
	world_run(w, 200 * MS);
	assert_true(raft_leads(raft_of(w, 0)));
	assert_int_equal(raft_of(w, 0)->voters_index, index);
	w->drop = NULL;
	world_run(w, 1000 * MS);
	assert_true(raft_of(w, server(w))->voters_index > index);
	assert_false(votes(w, gone));
	end(w);
}

/* ---- votes given up ---- */

static void hear(void *with, uint32_t at, const struct tell *t)
{
	struct told *told = with;

	(void)at;
	if (t->kind != TELL_GIVEN_UP)
		return;
	told->count++;
	told->gave = t->give.gave;
	told->at_us = told->w->now;
}

/* The node ends in order; how long it took to be told, in ms, at most six seconds. */
static uint64_t give_up(struct world *w, uint32_t at, bool leaves, struct told *told)
{
	struct event e = {.kind = EVENT_TELL};
	uint64_t began = w->now;

	*told = (struct told){.w = w};
	w->hear = hear;
	w->with = told;
	e.tell.kind = TELL_GIVE_UP;
	e.tell.give.leaves = leaves;
	world_step(w, at, &e);
	for (int i = 0; i < 6000 && told->count == 0; i++)
		world_run(w, MS);
	assert_int_equal(told->count, 1);
	w->hear = NULL;
	return (told->at_us - began) / MS;
}

static void a_follower_that_leaves_is_replaced_before_it_goes(void **state)
{
	struct world *w = settled(210, 4, 4);
	uint32_t leaver = some(w, true), heir = some(w, false);
	struct told told;

	(void)state;
	assert_true(give_up(w, leaver, true, &told) < 500);
	assert_int_equal(told.gave, GAVE_VOTE);
	assert_true(!sits(w, leaver) && votes(w, heir));
	/* As long as it is still there it is not seated again. */
	world_run(w, 3000 * MS);
	assert_false(sits(w, leaver));
	end(w);
}

static void one_that_stops_keeps_its_vote_while_the_others_are_a_quorum(void **state)
{
	struct world *w = settled(211, 4, 4);
	uint32_t one = some(w, true);
	struct told told;

	(void)state;
	assert_true(give_up(w, one, false, &told) < 500);
	assert_int_equal(told.gave, GAVE_NOTHING);
	w->node[one].left = true; /* the views tell no difference */
	world_kill(w, one);
	world_run(w, 20000 * MS);
	assert_true(votes(w, one));
	w->node[one].left = false;
	world_up(w, one);
	world_run(w, 2000 * MS);
	assert_true(votes(w, one));
	end(w);
}

static void one_that_left_without_a_word_is_replaced_at_once(void **state)
{
	struct world *w = settled(212, 4, 4);
	uint32_t one = some(w, true), heir = some(w, false);

	(void)state;
	w->node[one].left = true;
	world_kill(w, one);
	world_run(w, 4000 * MS);
	assert_true(!sits(w, one) && votes(w, heir));
	end(w);
}

static void one_of_two_that_stops_gives_its_vote_up_and_has_it_again(void **state)
{
	struct world *w = settled(213, 2, 2);
	struct told told;
	char text[128];

	(void)state;
	assert_int_equal(voters_count(set(w)), 2);
	assert_string_equal(store_survives(w->node[0].store, text),
			    "the loss of either stops commits until confirm-loss; nothing "
			    "acknowledged can be lost");
	assert_true(give_up(w, 1, false, &told) < 500);
	assert_int_equal(told.gave, GAVE_VOTE);
	assert_true(sits(w, 1) && !votes(w, 1));
	world_kill(w, 1);
	world_run(w, 3000 * MS);
	commit_many(w, 0, 10);
	assert_int_equal(server(w), 0);
	world_up(w, 1);
	world_run(w, 3000 * MS);
	assert_true(votes(w, 1));
	end(w);
}

static void a_leader_that_leaves_hands_over_first(void **state)
{
	struct world *w = settled(214, 4, 4);
	struct told told;

	(void)state;
	assert_true(give_up(w, 0, true, &told) < 500);
	assert_int_equal(told.gave, GAVE_VOTE);
	assert_false(raft_leads(raft_of(w, 0)));
	world_run(w, 100 * MS);
	assert_int_not_equal(server(w), 0);
	assert_false(sits(w, 0));
	assert_int_equal(voters_count(set(w)), 3);
	end(w);
}

static void a_leader_of_two_that_stops_leaves_the_other_alone(void **state)
{
	struct world *w = settled(215, 2, 2);
	struct told told;

	(void)state;
	assert_true(give_up(w, 0, false, &told) < 500);
	assert_int_equal(told.gave, GAVE_VOTE);
	world_kill(w, 0);
	world_run(w, 1000 * MS);
	assert_int_equal(server(w), 1);
	assert_int_equal(voters_count(set(w)), 1);
	commit_many(w, 1, 5);
	end(w);
}

static void the_only_voter_can_not_give_up(void **state)
{
	struct world *w = settled(216, 1, 1);
	struct told told;
	uint64_t took = give_up(w, 0, true, &told);

	(void)state;
	assert_int_equal(told.gave, GAVE_NOT);
	assert_true(took >= 4900 && took <= 5100);
	assert_int_equal(server(w), 0);
	end(w);
}

static void without_a_leader_a_vote_is_not_given_up_and_nobody_waits_for_ever(void **state)
{
	struct world *w = settled(217, 3, 3);
	struct told told;
	uint64_t took;

	(void)state;
	world_kill(w, 0);
	world_kill(w, 1);
	world_run(w, 1000 * MS);
	took = give_up(w, 2, true, &told);
	assert_int_equal(told.gave, GAVE_NOT);
	assert_true(took >= 4900 && took <= 5100);
	end(w);
}

static void who_has_no_vote_is_told_so_at_once(void **state)
{
	struct world *w = settled(218, 4, 4);
	struct told told;

	(void)state;
	assert_true(give_up(w, some(w, false), false, &told) < 10);
	assert_int_equal(told.gave, GAVE_NOTHING);
	end(w);
}

/* ---- leaders in trouble ---- */

static void a_leader_that_is_not_answered_steps_down(void **state)
{
	struct world *w = settled(240, 3, 3);

	(void)state;
	world_cut(w, 0, true, false);
	world_run(w, 1000 * MS);
	assert_false(raft_leads(raft_of(w, 0)));
	world_run(w, 2000 * MS);
	assert_int_not_equal(server(w), 0);
	commit_many(w, server(w), 5);
	assert_true(w->acked >= 5);
	end(w);
}

static void leadership_moves_under_load_and_loses_nothing(void **state)
{
	struct world *w = settled(241, 3, 3);
	uint32_t moved = 0;

	(void)state;
	for (int i = 0; i < 30; i++) {
		uint32_t at = server(w), next;

		for (int k = 0; k < 40; k++)
			world_commit(w, at);
		next = (at + 1) % 3;
		world_resign(w, at, w->node[next].id);
		for (int k = 0; k < 40; k++)
			world_commit(w, at);
		world_run(w, 150 * MS);
		moved += server(w) == next;
	}
	assert_int_equal(moved, 30);
	assert_true(w->acked >= 30 * 40);
	end(w);
}

static bool is_receiving(struct world *w)
{
	return w->node[3].store->receiving;
}

static void the_set_changes_while_a_snapshot_is_shipped(void **state)
{
	struct world *w = open_world(242, 4, 4);
	struct told told;

	(void)state;
	w->base.snapshot_every = w->base.wal_file = 200000;
	for (uint32_t i = 0; i < 3; i++)
		world_up(w, i);
	world_run(w, 5000 * MS);
	for (int i = 0; i < 200; i++)
		world_commit_of(w, 0, 20000);
	world_run(w, 2000 * MS);
	w->delay_min = 20000;
	w->delay_max = 30000;
	world_up(w, 3);
	assert_true(until(w, 5000, is_receiving));
	give_up(w, some(w, true), true, &told);
	assert_int_equal(told.gave, GAVE_VOTE);
	world_run(w, 5000 * MS);
	assert_true(world_said(&w->node[3], "snapshot installed: position="));
	assert_true(votes(w, 3));
	assert_int_equal(world_map_crc(w->node[3].store), world_map_crc(w->node[server(w)].store));
	end(w);
}

/* ---- witnesses ---- */

static void a_witness_holds_a_tail_and_brings_a_scheduler_up_to_date_from_its_disk(void **state)
{
	struct world *w = open_world(250, 3, 2);
	const struct log *log;
	size_t most = 0;

	(void)state;
	w->apart = true; /* the watch wants to see every body */
	w->base.snapshot_every = 64 << 20;
	w->base.wal_file = 3 << 20;
	start_all(w);
	world_run(w, 5000 * MS);
	assert_true(votes(w, 2));
	world_kill(w, 1);
	log = &raft_of(w, 2)->log;
	for (int i = 0; i < 24; i++) {
		world_commit_of(w, 0, 300000 + (size_t)i);
		world_run(w, 20 * MS);
		most = log->held > most ? log->held : most;
	}
	assert_int_equal(w->acked, 24);
	assert_true(log->size > 24 * 300000);
	assert_true(most <= WITNESS_TAIL_MAX && most > WITNESS_TAIL_MAX / 2);
	/* A start holds no more than that either. */
	world_kill(w, 2);
	world_up(w, 2);
	log = &raft_of(w, 2)->log;
	assert_true(log->size > 24 * 300000 && log->held <= WITNESS_TAIL_MAX);
	world_kill(w, 0);
	world_up(w, 1);
	for (int i = 0; i < 20000; i++) {
		world_run(w, MS);
		assert_true(log->held <= WITNESS_TAIL_MAX);
	}
	assert_int_equal(server(w), 1);
	assert_int_equal(w->node[1].store->applied, w->node[1].store->raft.commit);
	commit_many(w, 1, 3);
	assert_int_equal(w->acked, 27);
	world_up(w, 0);
	world_run(w, 5000 * MS);
	assert_int_equal(world_map_crc(w->node[0].store), world_map_crc(w->node[1].store));
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dead_voter_is_swapped_in_one_joint_change),
		cmocka_unit_test(what_a_joint_set_commits_both_majorities_have),
		cmocka_unit_test(a_joint_set_that_a_dead_leader_left_is_ended_by_the_next),
		cmocka_unit_test(a_joint_set_that_nobody_else_has_is_rolled_back),
		cmocka_unit_test(one_becomes_three_without_being_two),
		cmocka_unit_test(a_better_place_is_not_taken_within_a_minute),
		cmocka_unit_test(a_leader_that_can_not_prove_that_it_leads_changes_nothing),
		cmocka_unit_test(a_follower_that_leaves_is_replaced_before_it_goes),
		cmocka_unit_test(one_that_stops_keeps_its_vote_while_the_others_are_a_quorum),
		cmocka_unit_test(one_that_left_without_a_word_is_replaced_at_once),
		cmocka_unit_test(one_of_two_that_stops_gives_its_vote_up_and_has_it_again),
		cmocka_unit_test(a_leader_that_leaves_hands_over_first),
		cmocka_unit_test(a_leader_of_two_that_stops_leaves_the_other_alone),
		cmocka_unit_test(the_only_voter_can_not_give_up),
		cmocka_unit_test(without_a_leader_a_vote_is_not_given_up_and_nobody_waits_for_ever),
		cmocka_unit_test(who_has_no_vote_is_told_so_at_once),
		cmocka_unit_test(a_leader_that_is_not_answered_steps_down),
		cmocka_unit_test(leadership_moves_under_load_and_loses_nothing),
		cmocka_unit_test(the_set_changes_while_a_snapshot_is_shipped),
		cmocka_unit_test(
			a_witness_holds_a_tail_and_brings_a_scheduler_up_to_date_from_its_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
