#include <stdio.h>

#include "gossip/message.h"
#include "test/unit/gossip/world.h"

/* The block without its first line (the cause) and with `this` taken out: what all nodes print alike. */
static char *common(const struct node *n)
{
	char *text = strdup(strchr(n->block, '\n') + 1);
	char *this = strstr(text, " this");

	assert_non_null(this);
	memmove(this, this + 5, strlen(this + 5) + 1);
	return text;
}

static void all_print_alike(struct world *w, const char *header)
{
	char *first = NULL;

	for (uint32_t i = 0; i < w->count; i++) {
		if (w->node[i].swim == NULL)
			continue;
		char *text = common(&w->node[i]);
		if (first == NULL)
			first = text;
		assert_string_equal(first, text);
		if (header != NULL)
			assert_memory_equal(text, header, strlen(header));
		if (text != first)
			free(text);
	}
	free(first);
}

static void the_first_node_prints_one_member_and_version_one(void **state)
{
	struct world *w = world_open(1, 1);
	char expected[512];
	(void)state;

	world_start(w, 0);
	world_run(w, SECOND);
	snprintf(expected, sizeof(expected),
		 "all: started\nMembers {size:1, ver:1} [\n        Member [10.0.0.0]:10081 - %s "
		 "this\n]",
		 id_text(w->node[0].me.id).s);
	assert_string_equal(w->node[0].block, expected);
	assert_int_equal(w->node[0].blocks, 1);
	assert_true(swim_deadline_us(w->node[0].swim) == UINT64_MAX);
	world_close(w);
}

static void three_joins_give_size_three_and_version_three(void **state)
{
	struct world *w = world_grown(3, 2);
	(void)state;

	all_print_alike(w, "Members {size:3, ver:3} [\n");
	assert_int_equal(w->node[1].joined, 1);
	assert_int_equal(w->node[2].joined, 1);
	assert_non_null(strstr(w->node[0].block, "all: 10.0.0.2 joined (worker n2)\n"));
	world_close(w);
}

static void five_nodes_that_start_at_once_print_the_same_block(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct world *w = world_open(5, seed);

		for (uint32_t i = 0; i < 5; i++)
			world_start(w, i);
		for (uint32_t i = 0; i < 5; i++)
			world_join(w, i, (i + 1) % 5);
		assert_true(world_settle(w, 3 * SECOND) != UINT64_MAX);
		world_run(w, 10 * SECOND);
		all_print_alike(w, "Members {size:5, ver:5} [\n");
		world_close(w);
	}
}

static void a_killed_member_is_known_to_all_within_seconds(void **state)
{
	struct world *w = world_grown(5, 3);
	(void)state;

	world_kill(w, 2);
	uint64_t ms = world_settle(w, 60 * SECOND);
	print_message("killed: known to all after %llu ms\n", (unsigned long long)ms);
	assert_true(ms < 10000);
	world_run(w, 5 * SECOND);
	for (uint32_t i = 0; i < 5; i++)
		if (i != 2)
			assert_int_equal(world_state(w, i, 2), MEMBER_DEAD);
	all_print_alike(w, "Members {size:4, ver:6} [\n");
	assert_non_null(strstr(w->node[0].block, "all: 10.0.0.2 failed after "));
	assert_int_equal(w->node[0].failures, 1);
	assert_int_equal(w->node[0].isolated, 0);
	world_close(w);
}

static void a_leaver_is_left_and_not_failed(void **state)
{
	struct world *w = world_grown(5, 4);
	(void)state;

	swim_leave(w->node[4].swim, w->now_us, w->out);
	world_carry(w, 4);
	assert_false(swim_left(w->node[4].swim));
	for (int i = 0; i < 20 && !swim_left(w->node[4].swim); i++)
		world_run(w, SECOND / 10);
	assert_true(swim_left(w->node[4].swim));
	world_kill(w, 4);
	assert_true(world_settle(w, SECOND) != UINT64_MAX);
	world_run(w, 3 * SECOND);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(world_state(w, i, 4), MEMBER_LEFT);
		assert_int_equal(w->node[i].failures, 0);
	}
	all_print_alike(w, "Members {size:4, ver:6} [\n");
	assert_non_null(strstr(w->node[1].block, "all: 10.0.0.4 left\n"));
	world_close(w);
}

static bool spoil_signatures(struct world *w, uint32_t to, struct event *e)
{
	(void)w, (void)to;
	if (e->kind == EVENT_VERIFIED)
		e->verified.good = false;
	return true;
}

static void a_leave_with_a_bad_signature_changes_nothing(void **state)
{
	struct world *w = world_grown(3, 5);
	(void)state;

	w->forge = spoil_signatures;
	swim_leave(w->node[2].swim, w->now_us, w->out);
	world_carry(w, 2);
	world_run(w, SECOND);
	assert_true(world_state(w, 0, 2) != MEMBER_LEFT);
	assert_true(world_state(w, 1, 2) != MEMBER_LEFT);
	world_close(w);
}

static void a_restart_is_a_leave_and_a_join_and_never_a_duplicate(void **state)
{
	struct world *w = world_grown(4, 6);
	(void)state;

	world_kill(w, 1);
	world_start(w, 1); /* at once: nobody has missed it; its disk knows whom to ask */
	assert_true(world_settle(w, 5 * SECOND) != UINT64_MAX);
	world_run(w, 8 * SECOND);
	for (uint32_t i = 0; i < 4; i++)
		assert_true(swim_find(w->node[i].swim, w->node[1].me.id)->boot == 2);
	all_print_alike(w, "Members {size:4, ");
	assert_true(swim_version(w->node[0].swim) >= 6);
	world_close(w);
}

static void a_member_that_is_heard_refutes_although_half_its_packets_are_lost(void **state)
{
	struct world *w = world_grown(6, 7);
	(void)state;

	/* Nobody hears node 3 but for node 0; it hears all. */
	for (uint32_t i = 1; i < 6; i++)
		world_cut(w, 3, i, true);
	for (int i = 0; i < 60; i++) {
		world_run(w, SECOND);
		for (uint32_t k = 0; k < 6; k++)
			assert_int_not_equal(world_state(w, k, 3), MEMBER_DEAD);
	}
	for (uint32_t i = 1; i < 6; i++)
		world_cut(w, 3, i, false);
	assert_true(world_settle(w, 20 * SECOND) != UINT64_MAX);
	world_close(w);
}

/* Nobody hears `who`, by datagram or stream, but it hears all. */
static void silence(struct world *w, uint32_t who, bool silent)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (i != who)
			world_cut(w, who, i, silent);
}

static bool any_in_state(struct world *w, uint32_t of, int state)
{
	for (uint32_t i = 0; i < w->count; i++)
		if (i != of && w->node[i].swim != NULL && world_state(w, i, of) == state)
			return true;
	return false;
}

static uint32_t warned;

/* Counts pings that tell their target, node 3, first of all that it is suspected. */
static bool see_warning(struct world *w, uint32_t to, struct event *e)
{
	struct bytes body = e->datagram.body;
	struct message m;

	if (to == 3 && e->kind == EVENT_DATAGRAM && message_next(&body, &m) &&
	    m.type == MESSAGE_PING && message_next(&body, &m) && m.type == MESSAGE_UPDATE)
		warned +=
			m.update.state == MEMBER_SUSPECT && id_same(m.update.id, w->node[3].me.id);
	return true;
}

static void a_suspect_is_told_by_each_ping_and_refutes_once_it_is_heard(void **state)
{
	struct world *w = world_grown(6, 25);
	(void)state;

	warned = 0;
	w->forge = see_warning;
	silence(w, 3, true);
	while (!any_in_state(w, 3, MEMBER_SUSPECT))
		world_run(w, SECOND / 10);
	world_run(w, 2 * SECOND);
	assert_true(warned > 0);
	silence(w, 3, false);
	world_run(w, 1800000);
	assert_true(world_agrees(w));
	assert_true(swim_find(w->node[0].swim, w->node[3].me.id)->incarnation > 0);
	world_run(w, 20 * SECOND);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(w->node[i].failures, 0);
	world_close(w);
}

static void one_who_sleeps_over_a_refutation_waits_for_it_when_it_wakes(void **state)
{
	struct world *w = world_grown(6, 26);
	(void)state;

	silence(w, 3, true);
	while (world_state(w, 0, 3) != MEMBER_SUSPECT)
		world_run(w, SECOND / 10);
	world_freeze(w, 0, 30 * SECOND); /* longer than any suspicion */
	world_run(w, SECOND / 2);
	silence(w, 3, false);
	world_run(w, 60 * SECOND);
	assert_int_equal(w->node[0].failures, 0);
	assert_true(world_agrees(w));
	world_close(w);
}

static void one_whose_datagrams_are_all_lost_lives_by_its_streams(void **state)
{
	struct world *w = world_grown(6, 27);
	(void)state;

	w->mute = 3;
	for (int i = 0; i < 60; i++) {
		world_run(w, SECOND);
		assert_false(any_in_state(w, 3, MEMBER_DEAD));
	}
	world_close(w);
}

static uint32_t last_seq;

static bool see_seq(struct world *w, uint32_t to, struct event *e)
{
	struct bytes body = e->datagram.body;
	struct message m;

	(void)w;
	if (to == 1 && e->kind == EVENT_DATAGRAM && message_next(&body, &m) &&
	    m.type == MESSAGE_PING)
		last_seq = m.probing.seq;
	return true;
}

static void say_ack(struct world *w, uint32_t sender, uint32_t target, uint32_t seq)
{
	struct probing ack = {.seq = seq, .target = w->node[target].me.id};
	struct event e = {.kind = EVENT_DATAGRAM};
	struct buffer b;

	buffer_init(&b, 100);
	assert_int_equal(message_put_probing(&b, MESSAGE_ACK, &ack), OK);
	e.datagram.view = VIEW_ALL;
	e.datagram.from = world_addr(sender);
	e.datagram.sender = w->node[sender].me.id;
	e.datagram.boot = 1;
	e.datagram.body = buffer_bytes(&b);
	world_tell(w, 0, e);
	buffer_fini(&b);
}

static void an_ack_of_another_ping_or_from_another_node_does_not_count(void **state)
{
	(void)state;
	for (int wrong = 0; wrong < 4; wrong++) {
		struct world *w = world_open(3, 28);

		world_start(w, 0);
		world_start(w, 1);
		world_join(w, 1, 0);
		world_run(w, 5 * SECOND);
		assert_true(world_agrees(w));
		w->forge = see_seq;
		silence(w, 1, true);
		for (int i = 0; i < 30; i++) {
			world_run(w, SECOND / 10);
			if (wrong == 0) /* of an earlier ping */
				say_ack(w, 1, 1, last_seq - 1);
			else if (wrong == 1) /* of another target */
				say_ack(w, 1, 2, last_seq);
			else if (wrong == 2) /* from one who was not asked to help */
				say_ack(w, 2, 1, last_seq);
			else /* right */
				say_ack(w, 1, 1, last_seq);
		}
		assert_int_equal(world_state(w, 0, 1), wrong < 3 ? MEMBER_SUSPECT : MEMBER_ALIVE);
		world_close(w);
	}
}

static void when_all_start_again_they_find_each_other_by_what_is_on_their_disks(void **state)
{
	struct world *w = world_grown(5, 29);
	uint64_t version = swim_version(w->node[0].swim);
	(void)state;

	for (uint32_t i = 0; i < 5; i++)
		world_kill(w, i);
	world_run(w, 5 * SECOND);
	for (uint32_t i = 0; i < 5; i++)
		world_start(w, i); /* nobody is told of a candidate */
	assert_true(world_settle(w, 20 * SECOND) != UINT64_MAX);
	world_run(w, 10 * SECOND);
	all_print_alike(w, "Members {size:5, ");
	assert_true(swim_version(w->node[0].swim) > version);
	world_close(w);
}

static void loss_of_a_fifth_of_all_datagrams_makes_nobody_dead(void **state)
{
	struct world *w = world_grown(16, 8);
	(void)state;

	w->loss_permille = 200;
	world_run(w, 120 * SECOND);
	for (uint32_t i = 0; i < 16; i++)
		assert_int_equal(w->node[i].failures, 0);
	world_close(w);
}

static void a_partition_heals_by_itself(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct world *w = world_grown(8, seed);

		world_split(w, 3, true);
		world_run(w, 90 * SECOND);
		assert_int_equal(swim_size(w->node[0].swim), 3);
		assert_int_equal(swim_size(w->node[7].swim), 5);
		assert_int_equal(w->node[0].isolated, 1);
		assert_int_equal(w->node[7].isolated, 0);
		world_split(w, 3, false);
		uint64_t ms = world_settle(w, 60 * SECOND);
		assert_true(ms != UINT64_MAX);
		world_run(w, 10 * SECOND);
		all_print_alike(w, "Members {size:8, ");
		world_close(w);
	}
}

static void a_frozen_node_accuses_nobody_when_it_wakes(void **state)
{
	struct world *w = world_grown(8, 9);
	(void)state;

	world_freeze(w, 5, 3 * SECOND); /* shorter than a suspicion */
	world_run(w, 30 * SECOND);
	assert_true(world_agrees(w));
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(w->node[i].failures, 0);
	world_close(w);
}

static void the_dead_that_were_reaped_do_not_come_back_by_an_old_claim(void **state)
{
	struct world *w = world_open(4, 10);
	(void)state;

	w->dead_keep_ms = 20000;
	for (uint32_t i = 0; i < 4; i++) {
		world_start(w, i);
		world_join(w, i, 0);
	}
	assert_true(world_settle(w, 10 * SECOND) != UINT64_MAX);
	/* Node 3 is cut off from node 2, and for them time stands still: they keep what they knew. */
	world_kill(w, 2);
	world_freeze(w, 3, 100 * SECOND);
	world_run(w, 90 * SECOND);
	assert_int_equal(world_state(w, 0, 2), -1);
	assert_int_equal(world_state(w, 0, 3), -1);
	assert_int_equal(world_state(w, 3, 2), MEMBER_ALIVE);
	for (int i = 0; i < 400; i++) {
		world_run(w, SECOND / 10);
		assert_int_equal(world_state(w, 0, 2), -1);
		assert_int_equal(world_state(w, 1, 2), -1);
	}
	assert_true(world_agrees(w));
	world_close(w);
}

static void one_who_is_no_scheduler_is_refused_quietly_by_the_schedulers(void **state)
{
	struct world *w = world_open(3, 11);
	(void)state;

	w->view = VIEW_SCHEDULERS;
	w->node[0].facts.roles = w->node[1].facts.roles = ROLE_SCHEDULER;
	for (uint32_t i = 0; i < 3; i++) {
		world_start(w, i);
		world_join(w, i, 0);
		world_run(w, SECOND);
	}
	world_run(w, 10 * SECOND);
	assert_int_equal(world_state(w, 0, 1), MEMBER_ALIVE);
	assert_int_equal(world_state(w, 0, 2), -1);
	assert_int_equal(swim_size(w->node[1].swim), 2);
	assert_non_null(strstr(w->node[0].block, "Members {size:2, ver:2} [\n"));
	assert_non_null(strstr(w->node[0].block, "]:9081 - "));
	world_close(w);
}

static void facts_with_a_bad_signature_make_no_member(void **state)
{
	struct world *w = world_open(2, 12);
	(void)state;

	w->own_cards = true;
	w->forge = spoil_signatures;
	world_start(w, 0);
	world_start(w, 1);
	world_join(w, 1, 0);
	world_run(w, 5 * SECOND);
	assert_true(w->verifies > 0);
	assert_int_equal(swim_size(w->node[0].swim), 1);
	assert_int_equal(swim_size(w->node[1].swim), 1);
	assert_int_equal(w->node[1].joined, 0);
	world_close(w);
}

static void everybody_has_each_member_s_facts_verified_once(void **state)
{
	struct world *w = world_open(6, 16);
	(void)state;

	w->own_cards = true;
	for (uint32_t i = 0; i < 6; i++) {
		world_start(w, i);
		world_join(w, i, 0);
	}
	assert_true(world_settle(w, 5 * SECOND) != UINT64_MAX);
	world_run(w, 30 * SECOND);
	assert_int_equal(w->verifies, 6 * 5);
	world_close(w);
}

/* Every datagram's bytes are turned by one bit somewhere: what still decodes may lie, but nothing may break. */
static bool garble(struct world *w, uint32_t to, struct event *e)
{
	(void)to;
	if (e->kind == EVENT_DATAGRAM && e->datagram.body.len > 0) {
		uint8_t *at = (uint8_t *)(uintptr_t)e->datagram.body.at;
		uint64_t bit = rng_below(&w->rng, 8 * e->datagram.body.len);

		at[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	return true;
}

static void garbled_messages_break_nothing(void **state)
{
	struct world *w = world_grown(6, 17);
	(void)state;

	w->forge = garble;
	world_run(w, 120 * SECOND);
	w->forge = NULL;
	for (uint32_t i = 0; i < 6; i++)
		assert_in_range(swim_size(w->node[i].swim), 1, 6);
	world_close(w);
}

static void a_broken_stream_makes_them_ask_at_once(void **state)
{
	struct world *w = world_grown(16, 18);
	(void)state;

	world_break(w, 3);
	world_run(w, 1200000);
	for (uint32_t i = 0; i < 16; i++)
		if (i != 3)
			assert_int_equal(world_state(w, i, 3), MEMBER_SUSPECT);
	world_close(w);
}

static void a_damaged_file_is_told_and_left_out(void **state)
{
	struct world *w = world_open(1, 19);
	(void)state;

	assert_int_equal(buffer_add(&w->node[0].disk, BYTES("rubbish")), OK);
	world_start(w, 0);
	world_run(w, SECOND);
	assert_int_equal(w->node[0].damaged, 1);
	assert_non_null(strstr(w->node[0].block, "Members {size:1, ver:1} ["));
	world_close(w);
}

/* Node 1 is started again from a copy of its disk while the first still runs: both are the same identity. */
static void a_second_node_of_our_identity_is_told_of(void **state)
{
	struct world *w = world_grown(3, 20);
	struct update u = {.id = w->node[1].me.id, .boot = w->node[1].boot + 1};
	struct event e = {.kind = EVENT_DATAGRAM};
	struct buffer b;
	(void)state;

	buffer_init(&b, 100);
	assert_int_equal(message_put_update(&b, &u), OK);
	e.datagram.view = VIEW_ALL;
	e.datagram.from = world_addr(0);
	e.datagram.sender = w->node[0].me.id;
	e.datagram.boot = 1;
	e.datagram.body = buffer_bytes(&b);
	world_tell(w, 1, e);
	world_tell(w, 1, e);
	assert_int_equal(w->node[1].cloned, 1);
	assert_true(world_agrees(w));
	buffer_fini(&b);
	world_close(w);
}

static void what_is_said_of_an_earlier_life_does_not_touch_the_next(void **state)
{
	struct world *w = world_grown(3, 30);
	struct event e = {.kind = EVENT_DATAGRAM};
	struct buffer b;
	(void)state;

	world_kill(w, 1);
	world_start(w, 1);
	assert_true(world_settle(w, 5 * SECOND) != UINT64_MAX);
	world_run(w, 2 * SECOND);
	buffer_init(&b, 1000);
	for (uint8_t of = MEMBER_ALIVE; of <= MEMBER_LEFT; of++) {
		struct update u = {.id = w->node[1].me.id,
				   .boot = 1,
				   .incarnation = 5000,
				   .state = of,
				   .accuser = w->node[0].me.id};
		assert_int_equal(message_put_update(&b, &u), OK);
	}
	e.datagram.view = VIEW_ALL;
	e.datagram.from = world_addr(0);
	e.datagram.sender = w->node[0].me.id;
	e.datagram.boot = 1;
	e.datagram.body = buffer_bytes(&b);
	uint64_t incarnation = swim_find(w->node[2].swim, w->node[1].me.id)->incarnation;
	world_tell(w, 2, e);
	const struct member *m = swim_find(w->node[2].swim, w->node[1].me.id);
	assert_true(m->boot == 2 && m->incarnation == incarnation && m->state == MEMBER_ALIVE);
	buffer_fini(&b);
	world_close(w);
}

static void a_large_view_lists_changes_and_then_the_whole(void **state)
{
	struct world *w = world_open(12, 23);
	(void)state;

	w->log_members_max = 8;
	for (uint32_t i = 0; i < 12; i++) {
		world_start(w, i);
		world_join(w, i, 0);
	}
	assert_true(world_settle(w, 5 * SECOND) != UINT64_MAX);
	world_run(w, 30 * SECOND);
	all_print_alike(w, "Members {size:12, ver:12} [\n");
	for (uint32_t i = 0; i < 12; i++)
		assert_memory_equal(w->node[i].block, "all: the whole list\n", 20);
	world_close(w);
}

static void thirty_two_nodes_all_print_the_same_block(void **state)
{
	struct world *w = world_open(32, 24);
	(void)state;

	for (uint32_t i = 0; i < 32; i++)
		world_start(w, i);
	for (uint32_t i = 1; i < 32; i++)
		world_join(w, i, (i - 1) / 2); /* a tree: nobody knows everybody's address */
	assert_true(world_settle(w, 3 * SECOND) != UINT64_MAX);
	world_run(w, 5 * SECOND);
	all_print_alike(w, "Members {size:32, ver:32} [\n");
	world_close(w);
}

static void a_hundred_nodes_know_each_other_three_seconds_after_the_last_start(void **state)
{
	struct world *w = world_open(100, 13);
	(void)state;

	for (uint32_t i = 0; i < 100; i++) {
		world_start(w, i);
		if (i > 0)
			world_join(w, i, 0);
		world_run(w, 20000);
	}
	uint64_t ms = world_settle(w, 30 * SECOND);
	print_message("100 nodes: agree %llu ms after the last start, %llu datagrams, %llu frames, "
		      "%llu KiB\n",
		      (unsigned long long)ms, (unsigned long long)w->datagrams,
		      (unsigned long long)w->frames, (unsigned long long)(w->bytes / 1024));
	assert_true(ms < 3000);
	world_run(w, 10 * SECOND);
	all_print_alike(w, "Members {size:100, ver:");
	world_kill(w, 50);
	ms = world_settle(w, 60 * SECOND);
	print_message("100 nodes: a kill is known to all after %llu ms\n", (unsigned long long)ms);
	assert_true(ms < 30000);
	world_close(w);
}

static void when_it_is_quiet_only_pings_are_sent(void **state)
{
	struct world *w = world_grown(8, 14);
	(void)state;

	world_run(w, 30 * SECOND);
	uint64_t datagrams = w->datagrams, frames = w->frames;
	world_run(w, 10 * SECOND);
	assert_in_range(w->datagrams - datagrams, 2 * 8 * 9, 2 * 8 * 11);
	assert_int_equal(w->frames, frames);
	world_close(w);
}

static uint64_t life(uint64_t seed)
{
	struct world *w = world_grown(10, seed);

	w->loss_permille = 100;
	world_kill(w, 3);
	world_run(w, 20 * SECOND);
	world_start(w, 3);
	world_run(w, 20 * SECOND);
	uint64_t hash = w->hash;
	world_close(w);
	return hash;
}

static void the_same_seed_gives_the_same_life(void **state)
{
	(void)state;
	assert_true(life(21) == life(21));
	assert_true(life(21) != life(22));
}

static void new_tags_reach_everybody(void **state)
{
	struct world *w = world_grown(5, 15);
	(void)state;

	struct node *n = &w->node[2];
	n->facts.tags++;
	snprintf(n->facts.zone, sizeof(n->facts.zone), "north");
	assert_int_equal(facts_sign(&n->facts, n->me.secret_key, BYTES("test")), OK);
	swim_retag(n->swim, &n->facts, w->now_us, w->out);
	world_carry(w, 2);
	world_run(w, 3 * SECOND);
	for (uint32_t i = 0; i < 5; i++)
		assert_string_equal(swim_facts(w->node[i].swim, n->me.id)->zone, "north");
	assert_int_equal(swim_version(w->node[0].swim), 5);
	world_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leave_with_a_bad_signature_changes_nothing),
		cmocka_unit_test(facts_with_a_bad_signature_make_no_member),
		cmocka_unit_test(one_who_is_no_scheduler_is_refused_quietly_by_the_schedulers),
		cmocka_unit_test(the_dead_that_were_reaped_do_not_come_back_by_an_old_claim),
		cmocka_unit_test(the_first_node_prints_one_member_and_version_one),
		cmocka_unit_test(three_joins_give_size_three_and_version_three),
		cmocka_unit_test(five_nodes_that_start_at_once_print_the_same_block),
		cmocka_unit_test(a_killed_member_is_known_to_all_within_seconds),
		cmocka_unit_test(a_leaver_is_left_and_not_failed),
		cmocka_unit_test(a_restart_is_a_leave_and_a_join_and_never_a_duplicate),
		cmocka_unit_test(a_member_that_is_heard_refutes_although_half_its_packets_are_lost),
		cmocka_unit_test(an_ack_of_another_ping_or_from_another_node_does_not_count),
		cmocka_unit_test(a_suspect_is_told_by_each_ping_and_refutes_once_it_is_heard),
		cmocka_unit_test(one_who_sleeps_over_a_refutation_waits_for_it_when_it_wakes),
		cmocka_unit_test(one_whose_datagrams_are_all_lost_lives_by_its_streams),
		cmocka_unit_test(
			when_all_start_again_they_find_each_other_by_what_is_on_their_disks),
		cmocka_unit_test(loss_of_a_fifth_of_all_datagrams_makes_nobody_dead),
		cmocka_unit_test(a_partition_heals_by_itself),
		cmocka_unit_test(a_frozen_node_accuses_nobody_when_it_wakes),
		cmocka_unit_test(when_it_is_quiet_only_pings_are_sent),
		cmocka_unit_test(new_tags_reach_everybody),
		cmocka_unit_test(everybody_has_each_member_s_facts_verified_once),
		cmocka_unit_test(garbled_messages_break_nothing),
		cmocka_unit_test(a_broken_stream_makes_them_ask_at_once),
		cmocka_unit_test(a_damaged_file_is_told_and_left_out),
		cmocka_unit_test(a_second_node_of_our_identity_is_told_of),
		cmocka_unit_test(what_is_said_of_an_earlier_life_does_not_touch_the_next),
		cmocka_unit_test(a_large_view_lists_changes_and_then_the_whole),
		cmocka_unit_test(thirty_two_nodes_all_print_the_same_block),
		cmocka_unit_test(the_same_seed_gives_the_same_life),
		cmocka_unit_test(
			a_hundred_nodes_know_each_other_three_seconds_after_the_last_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
