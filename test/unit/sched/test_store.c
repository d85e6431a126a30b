/* What the store promises to its node, told as stories of small worlds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sched/role.h"
#include "test/proof/world.h"

static void start_all(struct world *w)
{
	for (uint32_t i = 0; i < w->count; i++)
		world_up(w, i);
}

/* A founder and its friends, settled. */
static struct world *settled(uint64_t seed, uint32_t count, uint32_t schedulers)
{
	struct world *w = world_open(seed, count, schedulers);

	w->node[0].founder = true;
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

/* ---- refusals ---- */

static void schedulers_without_a_store_wait_and_never_make_one(void **state)
{
	struct world *w = world_open(1, 3, 3);

	(void)state;
	start_all(w);
	world_run(w, 20000 * MS);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(store_state(w->node[i].store), STORE_EMPTY);
		assert_true(id_is_none(store_where(w->node[i].store).store));
		assert_true(world_said(&w->node[i], "waiting for a director: no store here"));
	}
	end(w);
}

static void a_founder_that_lost_its_store_does_not_found_another(void **state)
{
	struct world *w = settled(2, 1, 1);

	(void)state;
	world_wipe(w, 0);
	world_up(w, 0);
	world_run(w, 5000 * MS);
	assert_int_equal(store_state(w->node[0].store), STORE_EMPTY);
	end(w);
}

static void two_of_three_expected_bear_nothing(void **state)
{
	struct world *w = world_open(3, 3, 3);

	(void)state;
	w->base.bootstrap_expect = 3;
	world_up(w, 0);
	world_up(w, 1);
	world_run(w, 10000 * MS);
	assert_int_equal(world_server(w), NODES_MAX);
	world_up(w, 2);
	world_run(w, 5000 * MS);
	assert_int_not_equal(world_server(w), NODES_MAX);
	end(w);
}

static void two_born_stores_never_merge_and_say_so(void **state)
{
	struct world *w = world_open(4, 2, 2);
	struct id first, second;

	(void)state;
	w->apart = true;
	w->node[0].founder = w->node[1].founder = true;
	world_up(w, 0);
	world_up(w, 1);
	world_run(w, 5000 * MS);
	first = store_where(w->node[0].store).store;
	second = store_where(w->node[1].store).store;
	assert_false(id_same(first, second));
	assert_true(world_said(&w->node[0], "two stores of one cluster met"));
	assert_true(world_said(&w->node[0], id_text(first).s));
	assert_true(world_said(&w->node[0], id_text(second).s));
	assert_int_equal(voters_count(&w->node[0].store->raft.voters), 1);
	assert_int_equal(voters_count(&w->node[1].store->raft.voters), 1);
	end(w);
}

static void a_batch_of_an_epoch_that_ended_is_fenced(void **state)
{
	struct world *w = settled(5, 1, 1);
	uint64_t token;

	(void)state;
	w->node[0].epoch.term--;
	token = world_commit(w, 0);
	world_run(w, 100 * MS);
	assert_false(world_is_acked(w, token));
	assert_int_equal(w->committed_err, ERR_FENCED);
	end(w);
}

static void a_leader_cut_off_answers_no_fence(void **state)
{
	struct world *w = settled(6, 3, 3);
	uint64_t token = world_fence(w, 0);

	(void)state;
	world_run(w, 50 * MS);
	assert_int_equal(w->fenced, token);
	assert_int_equal(w->fenced_err, OK);
	for (uint32_t i = 1; i < 3; i++)
		w->cut[0][i] = w->cut[i][0] = true;
	token = world_fence(w, 0);
	world_run(w, 100 * MS);
	assert_int_not_equal(w->fenced, token);
	world_run(w, 2000 * MS);
	assert_int_equal(w->fenced, token);
	assert_int_equal(w->fenced_err, ERR_FENCED);
	assert_int_not_equal(world_server(w), 0);
	end(w);
}

static void a_damaged_log_stops_the_start_and_names_the_file(void **state)
{
	struct world *w = world_open(7, 1, 1);
	char why[200] = "";
	struct wfile *f;

	(void)state;
	w->base.wal_file = 1 << 20;
	w->base.snapshot_every = 1 << 20;
	w->node[0].founder = true;
	world_up(w, 0);
	world_run(w, 1000 * MS);
	commit_many(w, 0, 20);
	world_kill(w, 0);
	f = shelf_find(&w->node[0].shelf, "store/wal-00000001", false);
	assert_non_null(f);
	f->cache[f->len / 2] ^= 1;
	assert_false(world_start(w, 0, why));
	assert_non_null(strstr(why, "store/wal-00000001"));
	end(w);
}

static void a_failed_sync_is_a_fault_and_the_end(void **state)
{
	struct world *w = settled(8, 1, 1);
	struct event e = {.kind = EVENT_DISK};

	(void)state;
	world_commit(w, 0);
	e.disk.token = w->node[0].store->run_token;
	e.disk.err = ERR_IO;
	assert_int_not_equal(e.disk.token, 0);
	world_step(w, 0, &e);
	assert_int_equal(w->node[0].faults, 1);
	assert_int_equal(w->node[0].exits, 1);
	assert_int_equal(store_state(w->node[0].store), STORE_FAULT);
	world_run(w, 1000 * MS);
	assert_int_equal(w->acked, 0);
	end(w);
}

/* ---- birth ---- */

static void a_founder_alone_serves_at_once_and_after_a_crash_again(void **state)
{
	struct world *w = world_open(11, 1, 1);
	uint64_t token;

	(void)state;
	w->node[0].founder = true;
	start_all(w);
	world_run(w, 50 * MS);
	assert_int_equal(world_server(w), 0);
	token = world_commit(w, 0);
	world_run(w, 50 * MS);
	assert_true(world_is_acked(w, token));
	world_kill(w, 0);
	world_up(w, 0);
	world_run(w, 50 * MS);
	assert_int_equal(world_server(w), 0);
	assert_int_equal(kv_count(store_map(w->node[0].store)), 1);
	assert_true(world_said(&w->node[0], "store ready: backend=embedded position="));
	end(w);
}

static void three_started_at_one_moment_bear_one_store(void **state)
{
	(void)state;
	for (uint64_t seed = 100; seed < 120; seed++) {
		struct world *w = world_open(seed, 5, 5);
		uint32_t server;

		w->base.bootstrap_expect = 3;
		w->loss = 100;
		start_all(w);
		for (int i = 0; i < 4; i++) {
			world_run(w, 700 * MS);
			world_kill(w, (uint32_t)i);
			world_up(w, (uint32_t)i);
		}
		world_run(w, 15000 * MS);
		server = world_server(w);
		assert_int_not_equal(server, NODES_MAX);
		for (uint32_t i = 0; i < 5; i++)
			assert_true(id_same(store_where(w->node[i].store).store,
					    store_where(w->node[server].store).store));
		end(w);
	}
}

/* ---- voters ---- */

static void three_schedulers_become_three_voters(void **state)
{
	struct world *w = settled(12, 3, 3);
	char text[128];

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(voters_count(&w->node[i].store->raft.voters), 3);
	assert_int_equal(store_state(w->node[0].store), STORE_COUPLED);
	assert_string_equal(store_survives(w->node[0].store, text), "tolerates the loss of any 1");
	end(w);
}

static void a_worker_is_drafted_as_witness_and_sees_only_sealed_bytes(void **state)
{
	struct world *w = settled(13, 4, 2);
	const struct voters *v = &w->node[0].store->raft.voters;
	uint32_t witness = VOTERS_NONE;

	(void)state;
	assert_int_equal(voters_count(v), 3);
	for (uint32_t i = 0; i < v->count; i++)
		if (!v->seat[i].scheduler)
			witness = world_who(w, v->seat[i].node);
	assert_true(witness == 2 || witness == 3);
	commit_many(w, 0, 100);
	assert_int_equal(kv_count(store_map(w->node[witness].store)), 0);
	assert_true(log_last(&w->node[witness].store->raft.log) > 100);
	for (int i = 0; i < FILES_MAX; i++) {
		const struct wfile *f = &w->node[witness].shelf.file[i];

		if (f->len > 0)
			assert_null(memmem(f->cache, f->len, "of this long life", 17));
	}
	/* With its help the other scheduler takes over; alone it leads nobody. */
	world_kill(w, 0);
	world_run(w, 3000 * MS);
	assert_int_equal(world_server(w), 1);
	world_kill(w, 1);
	world_run(w, 5000 * MS);
	assert_int_equal(world_server(w), NODES_MAX);
	world_up(w, 0);
	world_run(w, 5000 * MS);
	assert_int_equal(world_server(w), 0);
	end(w);
}

static void a_voter_that_lost_its_log_comes_back_as_another(void **state)
{
	struct world *w = settled(14, 3, 3);
	struct id before = w->node[2].store->wal.voter;

	(void)state;
	commit_many(w, 0, 20);
	world_wipe(w, 2);
	world_up(w, 2);
	world_run(w, 5000 * MS);
	assert_false(id_same(before, w->node[2].store->wal.voter));
	assert_int_equal(voters_find(&w->node[0].store->raft.voters, before), VOTERS_NONE);
	assert_int_equal(voters_count(&w->node[0].store->raft.voters), 3);
	assert_int_equal(world_map_crc(w->node[0].store), world_map_crc(w->node[2].store));
	end(w);
}

static void a_voter_dead_for_long_is_replaced_and_does_not_disturb(void **state)
{
	struct world *w = world_open(15, 4, 4);
	uint32_t gone = NODES_MAX;
	uint64_t term;

	(void)state;
	w->base.replace_after_ms = 5000;
	w->base.change_every_ms = 1000;
	w->node[0].founder = true;
	start_all(w);
	world_run(w, 5000 * MS);
	for (uint32_t i = 1; i < 4; i++)
		if (raft_votes(&w->node[i].store->raft))
			gone = i;
	/* It is only cut off, and goes on wanting to be elected. */
	for (uint32_t i = 0; i < 4; i++)
		w->cut[gone][i] = w->cut[i][gone] = true;
	for (uint32_t i = 0; i < 4; i++)
		if (i != gone)
			world_tell_member(w, i, gone, MEMBER_DEAD);
	world_run(w, 10000 * MS);
	assert_int_equal(voters_find_node(&w->node[0].store->raft.voters, w->node[gone].id),
			 VOTERS_NONE);
	assert_int_equal(voters_count(&w->node[0].store->raft.voters), 3);
	term = raft_term(&w->node[0].store->raft);
	world_heal(w);
	world_run(w, 5000 * MS);
	assert_int_equal(raft_term(&w->node[0].store->raft), term);
	assert_int_equal(world_server(w), 0);
	end(w);
}

/* ---- leadership ---- */

static void a_dead_leader_is_replaced_and_nothing_acknowledged_is_lost(void **state)
{
	struct world *w = settled(16, 3, 3);
	uint32_t next;

	(void)state;
	commit_many(w, 0, 200);
	assert_int_equal(w->acked, 200);
	world_kill(w, 0);
	world_run(w, 1500 * MS);
	next = world_server(w);
	assert_true(next == 1 || next == 2);
	assert_true(w->node[next].store->applied >= 200);
	world_up(w, 0);
	world_run(w, 2000 * MS);
	assert_int_equal(world_server(w), next);
	assert_int_equal(world_map_crc(w->node[0].store), world_map_crc(w->node[next].store));
	end(w);
}

static void a_leader_that_resigns_is_followed_within_a_tenth_of_a_second(void **state)
{
	struct world *w = settled(17, 3, 3);
	struct event e = {.kind = EVENT_TELL};

	(void)state;
	e.tell.kind = TELL_RESIGN;
	e.tell.lead.who = w->node[2].id;
	world_step(w, 0, &e);
	world_run(w, 100 * MS);
	assert_int_equal(world_server(w), 2);
	end(w);
}

static void a_full_disk_ends_leadership_until_there_is_space(void **state)
{
	struct world *w = settled(18, 3, 3);

	(void)state;
	w->node[0].full = true;
	world_commit(w, 0);
	world_run(w, 2000 * MS);
	assert_int_not_equal(world_server(w), 0);
	assert_int_not_equal(world_server(w), NODES_MAX);
	assert_int_equal(store_state(w->node[0].store), STORE_FAULT);
	assert_int_equal(w->node[0].faults, 1);
	assert_int_equal(w->node[0].exits, 0);
	w->node[0].full = false;
	world_run(w, 3000 * MS);
	commit_many(w, world_server(w), 5);
	assert_int_equal(w->node[0].store->applied, w->node[1].store->applied);
	end(w);
}

static uint64_t until_another_serves(struct world *w)
{
	uint64_t began = w->now;

	while (world_server(w) == NODES_MAX && w->now < began + 3000 * MS)
		world_run(w, MS);
	return (w->now - began) / MS;
}

/* One kind of evidence changes nothing, two end the wait. */
static void a_broken_link_and_doubt_together_hasten_the_election(void **state)
{
	uint64_t took[3];

	(void)state;
	for (int evidence = 0; evidence < 3; evidence++) {
		struct world *w = settled(19, 3, 3);

		world_run(w, 25 * MS);
		world_kill(w, 0);
		for (uint32_t i = 1; i < 3; i++) {
			struct event e = {.kind = EVENT_LINK};

			e.link.peer.id = w->node[0].id;
			e.link.purpose = PURPOSE_STORE;
			e.link.broken = true;
			if (evidence >= 1)
				world_step(w, i, &e);
			if (evidence >= 2)
				world_tell_member(w, i, 0, MEMBER_SUSPECT);
		}
		took[evidence] = until_another_serves(w);
		end(w);
	}
	assert_true(took[0] >= 200);
	assert_true(took[1] >= 200);
	assert_true(took[2] < 150);
}

/* The third voter alone has what was committed last: only it can win, and it hands over to whoever is alive. */
static void a_witness_that_has_more_wins_and_hands_over_within_a_second(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world *w = settled(seed, 3, 2);

		world_cut(w, 1, true, true);
		world_commit(w, 0);
		world_run(w, 25 * MS);
		world_kill(w, 0);
		world_heal(w);
		assert_in_range(until_another_serves(w), 1, 850);
		assert_int_equal(world_server(w), 1);
		end(w);
	}
}

/* Who stands a moment too early is refused, and asks again instead of waiting as long once more. */
static void a_refusal_of_a_moment_costs_a_moment(void **state)
{
	uint64_t longest = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct world *w = settled(seed, 3, 2);

		world_cut(w, 1, true, false);
		world_run(w, 150 * MS);
		world_kill(w, 0);
		world_heal(w);
		uint64_t took = until_another_serves(w);
		longest = took > longest ? took : longest;
		end(w);
	}
	assert_in_range(longest, 1, 650);
}

/* ---- snapshots ---- */

static void one_that_was_away_for_long_gets_a_snapshot(void **state)
{
	struct world *w = settled(20, 3, 3);
	const struct kv *map;

	(void)state;
	world_kill(w, 2);
	commit_many(w, 0, 400);
	assert_true(w->node[0].store->raft.log.base > 100);
	world_up(w, 2);
	map = store_map(w->node[2].store);
	world_run(w, 4000 * MS);
	assert_ptr_equal(store_map(w->node[2].store), map);
	assert_true(world_said(&w->node[2], "snapshot installed: position="));
	assert_int_equal(world_map_crc(w->node[0].store), world_map_crc(w->node[2].store));
	world_kill(w, 2);
	world_up(w, 2);
	world_run(w, 2000 * MS);
	assert_int_equal(world_map_crc(w->node[0].store), world_map_crc(w->node[2].store));
	end(w);
}

static void the_sheet_has_a_row_for_each_member(void **state)
{
	struct world *w = settled(21, 3, 3);
	struct role_watch role = {.state = ROLE_COUPLED};
	struct sheet sheet;
	struct buffer out;

	(void)state;
	sheet_init(&sheet, store_sheet_names, FRAME_MAX);
	buffer_init(&out, FRAME_MAX);
	store_sheet(w->node[0].store, &role, w->now, &sheet);
	assert_int_equal(sheet_put(&sheet, &out), OK);
	assert_int_equal(sheet.count, 3);
	sheet_fini(&sheet);
	buffer_fini(&out);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedulers_without_a_store_wait_and_never_make_one),
		cmocka_unit_test(a_founder_that_lost_its_store_does_not_found_another),
		cmocka_unit_test(two_of_three_expected_bear_nothing),
		cmocka_unit_test(two_born_stores_never_merge_and_say_so),
		cmocka_unit_test(a_batch_of_an_epoch_that_ended_is_fenced),
		cmocka_unit_test(a_leader_cut_off_answers_no_fence),
		cmocka_unit_test(a_damaged_log_stops_the_start_and_names_the_file),
		cmocka_unit_test(a_failed_sync_is_a_fault_and_the_end),
		cmocka_unit_test(a_founder_alone_serves_at_once_and_after_a_crash_again),
		cmocka_unit_test(three_started_at_one_moment_bear_one_store),
		cmocka_unit_test(three_schedulers_become_three_voters),
		cmocka_unit_test(a_worker_is_drafted_as_witness_and_sees_only_sealed_bytes),
		cmocka_unit_test(a_voter_that_lost_its_log_comes_back_as_another),
		cmocka_unit_test(a_voter_dead_for_long_is_replaced_and_does_not_disturb),
		cmocka_unit_test(a_dead_leader_is_replaced_and_nothing_acknowledged_is_lost),
		cmocka_unit_test(a_leader_that_resigns_is_followed_within_a_tenth_of_a_second),
		cmocka_unit_test(a_full_disk_ends_leadership_until_there_is_space),
		cmocka_unit_test(a_broken_link_and_doubt_together_hasten_the_election),
		cmocka_unit_test(a_witness_that_has_more_wins_and_hands_over_within_a_second),
		cmocka_unit_test(a_refusal_of_a_moment_costs_a_moment),
		cmocka_unit_test(one_that_was_away_for_long_gets_a_snapshot),
		cmocka_unit_test(the_sheet_has_a_row_for_each_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
