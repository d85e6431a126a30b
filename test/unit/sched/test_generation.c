/* Generations: a loss that a person confirms, and what becomes of those who were lost. Stories of small worlds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test/proof/world.h"

/* A founder and its friends, settled. */
static struct world *settled(uint64_t seed, uint32_t count, uint32_t schedulers)
{
	struct world *w = world_open(seed, count, schedulers);

	w->node[0].founder = true;
	for (uint32_t i = 0; i < w->count; i++)
		world_up(w, i);
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

/* Files of a state that was set aside. */
static uint32_t files_aside(const struct wnode *n)
{
	uint32_t count = 0;

	for (int i = 0; i < FILES_MAX; i++)
		count += strncmp(n->shelf.file[i].name, "store-aside-", 12) == 0;
	return count;
}

/* ---- a state set aside ---- */

static void set_aside(struct world *w, uint32_t at)
{
	struct event wake = {.kind = EVENT_WAKE};

	watch_forget(w, at);
	store_set_aside(w->node[at].store, "a test wants it", w->outbox);
	world_step(w, at, &wake);
}

static void a_state_set_aside_is_kept_under_a_dated_name_and_the_node_joins_anew(void **state)
{
	struct world *w = settled(1, 3, 3);
	struct id before = w->node[2].store->wal.voter;

	(void)state;
	commit_many(w, 0, 20);
	set_aside(w, 2);
	assert_true(id_is_none(store_where(w->node[2].store).store));
	assert_int_equal(kv_count(store_map(w->node[2].store)), 0);
	world_run(w, 10000 * MS);
	assert_true(files_aside(&w->node[2]) > 0);
	assert_true(world_said(&w->node[2], "state set aside: folder=store-aside-"));
	assert_false(id_same(before, w->node[2].store->wal.voter));
	assert_int_equal(world_map_crc(w->node[2].store), world_map_crc(w->node[0].store));
	assert_true(raft_votes(&w->node[2].store->raft));
	end(w);
}

static void a_founder_that_set_its_state_aside_founds_no_second_one(void **state)
{
	struct world *w = settled(2, 1, 1);

	(void)state;
	set_aside(w, 0);
	world_run(w, 5000 * MS);
	assert_int_equal(store_state(w->node[0].store), STORE_EMPTY);
	world_kill(w, 0);
	world_up(w, 0);
	world_run(w, 5000 * MS);
	assert_int_equal(store_state(w->node[0].store), STORE_EMPTY);
	end(w);
}

/* ---- a person's word ---- */

static const char *const n0[] = {"n0", NULL}, *const n1[] = {"n1", NULL};
static const char *const n12[] = {"n1", "n2", NULL}, *const nobody[] = {NULL};

/* The views at `at` hold `about` to be dead. */
static void doubt(struct world *w, uint32_t at, uint32_t about)
{
	world_tell_member(w, at, about, MEMBER_DEAD);
}

static bool refused(struct world *w, uint32_t at, const char *const *names, const char *why)
{
	world_call(w, at, CALL_CONFIRM_LOSS, false, 0, names);
	world_run(w, 2500 * MS);
	assert_true(w->told.came);
	if (w->told.code == EXIT_GOOD || strstr(w->told.text, why) == NULL)
		print_error("answered: %u %s\n", w->told.code, w->told.text);
	return w->told.code != EXIT_GOOD && strstr(w->told.text, why) != NULL;
}

/* Question and act; true when it was done. */
static bool say_yes(struct world *w, uint32_t at, uint8_t verb, const char *const *names)
{
	world_call(w, at, verb, false, 0, names);
	world_run(w, 2500 * MS);
	if (!w->told.came || w->told.code != EXIT_GOOD)
		return false;
	world_call(w, at, verb, true, w->told.facts, names);
	world_run(w, 2200 * MS);
	return !w->told.came || w->told.code == EXIT_GOOD;
}

static void confirm(struct world *w, uint32_t at, const char *const *names)
{
	bool done = say_yes(w, at, CALL_CONFIRM_LOSS, names);

	if (!done)
		print_error("not confirmed: %s\n", w->told.text);
	assert_true(done);
}

static uint64_t generation_at(const struct world *w, uint32_t at)
{
	return w->node[at].store->wal.generation.number;
}

static void a_loss_is_refused_while_anything_speaks_against_it(void **state)
{
	struct world *w = settled(3, 3, 3);
	char self[ID_TEXT_LEN + 1];

	(void)state;
	assert_true(refused(w, 0, n12, "nothing is lost: a majority"));
	world_kill(w, 1);
	world_run(w, 5000 * MS);
	assert_true(refused(w, 0, n1, "nothing is lost: a majority"));
	world_kill(w, 2);
	world_run(w, 5000 * MS);
	assert_true(refused(w, 0, n12, "can be confirmed after 30 s"));
	world_run(w, 40000 * MS);
	assert_true(refused(w, 0, n1, "every voter that does not answer must be named: n2 ("));
	assert_true(refused(w, 0, nobody, "must be named: n1 ("));
	id_print(w->node[0].id, self);
	assert_true(refused(w, 0, (const char *const[]){"n1", "n2", self, NULL},
			    "answers: it is not lost"));
	assert_true(refused(w, 0, (const char *const[]){"n1", "n2", "n7", NULL},
			    "`n7` names no voter"));
	/* Seen by this node. */
	world_tell_member(w, 0, 2, MEMBER_SUSPECT);
	assert_true(refused(w, 0, n12, "is not seen as failed by this node"));
	doubt(w, 0, 2);
	/* With other facts than those that were told. */
	world_call(w, 0, CALL_CONFIRM_LOSS, true, 12345, n12);
	world_run(w, 2500 * MS);
	assert_non_null(strstr(w->told.text, "has changed since"));
	assert_int_equal(generation_at(w, 0), 1);
	end(w);
}

static void a_loss_is_refused_while_another_survivor_sees_the_lost(void **state)
{
	struct world *w = settled(4, 4, 4);

	(void)state;
	world_kill(w, 1);
	world_kill(w, 2);
	world_run(w, 45000 * MS);
	world_tell_member(w, 3, 2, MEMBER_SUSPECT); /* it follows, and has no vote */
	assert_true(refused(w, 0, n12, "is not seen as failed by n3 ("));
	doubt(w, 3, 2);
	confirm(w, 0, n12);
	assert_int_equal(generation_at(w, 0), 2);
	end(w);
}

static void one_of_two_goes_on_after_a_confirmed_loss_and_nothing_is_missing(void **state)
{
	struct world *w = settled(5, 2, 2);
	uint64_t before, acked;

	(void)state;
	commit_many(w, 0, 50);
	before = w->acked;
	assert_int_equal(voters_count(&w->node[0].store->raft.voters), 2);
	world_kill(w, 0);
	world_run(w, 35000 * MS);
	assert_int_equal(world_server(w), NODES_MAX);
	assert_true(store_lost_us(w->node[1].store) > 0);
	world_call(w, 1, CALL_CONFIRM_LOSS, false, 0, n0);
	world_run(w, 2500 * MS);
	assert_int_equal(w->told.code, EXIT_GOOD);
	assert_non_null(strstr(w->told.text, "no acknowledged entry is missing"));
	assert_non_null(strstr(w->told.text, "Switch the lost machines off"));
	confirm(w, 1, n0);
	assert_non_null(strstr(w->told.text, "generation 2 began"));
	assert_int_equal(world_server(w), 1);
	assert_int_equal(w->node[1].epoch.generation, 2);
	assert_int_equal(w->node[1].epoch.term, 1);
	commit_many(w, 1, 50);
	acked = w->acked;
	assert_true(acked >= before + 45);
	/* What it adopted outlives a start, and many files of the log. */
	for (int i = 0; i < 5; i++) {
		world_kill(w, 1);
		world_up(w, 1);
		world_run(w, 3000 * MS);
		commit_many(w, 1, 100);
	}
	assert_int_equal(generation_at(w, 1), 2);
	/* The lost one returns: its state is set aside, and it becomes a standby. */
	watch_forget(w, 0);
	world_up(w, 0);
	world_run(w, 15000 * MS);
	assert_true(world_said(&w->node[0], "state set aside: folder=store-aside-"));
	assert_true(files_aside(&w->node[0]) > 0);
	assert_int_equal(generation_at(w, 0), 2);
	assert_true(raft_votes(&w->node[0].store->raft));
	assert_int_equal(world_map_crc(w->node[0].store), world_map_crc(w->node[1].store));
	assert_int_equal(world_server(w), 1);
	end(w);
}

static struct world *five_voters(uint64_t seed)
{
	struct world *w = settled(seed, 5, 5);

	for (uint32_t i = 0; i < 5; i++)
		w->node[i].store->cfg.voters = 5;
	w->base.voters = 5;
	world_run(w, 40000 * MS);
	assert_int_equal(voters_count(&w->node[4].store->raft.voters), 5);
	commit_many(w, 0, 10);
	return w;
}

static void what_any_survivor_holds_is_kept(void **state)
{
	struct world *w = five_voters(6);
	uint64_t last;

	(void)state;
	/* Of the later survivors only node 4 hears the last ones: three of five have them. */
	for (uint32_t i = 0; i < 5; i++)
		w->cut[i][3] = w->cut[i][2] = i < 2 || i == 4;
	world_run(w, 20 * MS);
	for (int i = 0; i < 10; i++) {
		world_commit(w, 0);
		world_run(w, 5 * MS);
	}
	last = log_last(&w->node[4].store->raft.log);
	assert_true(log_last(&w->node[3].store->raft.log) + 10 <= last);
	assert_true(w->committed_max + 1 >= last);
	for (uint32_t i = 0; i < 3; i++)
		world_kill(w, i);
	world_heal(w);
	world_run(w, 45000 * MS);
	confirm(w, 3, (const char *const[]){"n0", "n1", "n2", NULL});
	world_run(w, 3000 * MS);
	assert_int_equal(world_server(w), 4);
	assert_true(log_last(&w->node[3].store->raft.log) > last);
	end(w);
}

/* Of three survivors two would be enough to elect, but not before the third has told what it holds. */
static void nobody_is_elected_before_all_survivors_have_told(void **state)
{
	struct world *w = settled(14, 7, 7);
	uint64_t last;

	(void)state;
	for (uint32_t i = 0; i < 7; i++)
		w->node[i].store->cfg.voters = 7;
	w->base.voters = 7;
	world_run(w, 60000 * MS);
	assert_int_equal(voters_count(&w->node[6].store->raft.voters), 7);
	for (uint32_t i = 0; i < 7; i++)
		w->cut[i][4] = w->cut[i][5] = i != 4 && i != 5;
	for (int i = 0; i < 10; i++) {
		world_commit(w, 0);
		world_run(w, 5 * MS);
	}
	last = log_last(&w->node[6].store->raft.log);
	for (uint32_t i = 0; i < 4; i++)
		world_kill(w, i);
	world_heal(w);
	world_run(w, 45000 * MS);
	world_call(w, 4, CALL_CONFIRM_LOSS, false, 0,
		   (const char *const[]){"n0", "n1", "n2", "n3", NULL});
	world_run(w, 2500 * MS);
	assert_int_equal(w->told.code, EXIT_GOOD);
	world_call(w, 4, CALL_CONFIRM_LOSS, true, w->told.facts,
		   (const char *const[]){"n0", "n1", "n2", "n3", NULL});
	world_run(w, 1900 * MS);
	world_cut(w, 6, true, true); /* it has answered, and is not heard any more */
	world_run(w, 20000 * MS);
	assert_int_equal(generation_at(w, 5), 2);
	assert_int_equal(world_server(w), NODES_MAX);
	assert_non_null(strstr(w->told.text, "every voter that is left must be reached"));
	world_heal(w);
	world_run(w, 5000 * MS);
	assert_int_equal(world_server(w), 6);
	assert_true(log_last(&w->node[4].store->raft.log) > last);
	end(w);
}

/* No voter is left: who only follows has what it has, and says that more may have been acknowledged. */
static void one_that_only_followed_goes_on_alone(void **state)
{
	static const char *const all[] = {"n0", "n1", "n2", NULL};
	struct world *w = settled(16, 4, 4);

	(void)state;
	commit_many(w, 0, 20);
	assert_false(raft_votes(&w->node[3].store->raft));
	for (uint32_t i = 0; i < 3; i++)
		world_kill(w, i);
	world_run(w, 40000 * MS);
	world_call(w, 3, CALL_CONFIRM_LOSS, false, 0, all);
	world_run(w, 2500 * MS);
	assert_non_null(strstr(w->told.text, "may be missing"));
	confirm(w, 3, all);
	world_run(w, 1000 * MS);
	assert_int_equal(world_server(w), 3);
	commit_many(w, 3, 10);
	for (uint32_t i = 0; i < 3; i++) {
		watch_forget(w, i);
		world_up(w, i);
	}
	world_run(w, 20000 * MS);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(world_map_crc(w->node[i].store), world_map_crc(w->node[3].store));
	end(w);
}

static void a_lost_witness_sets_its_state_aside_too(void **state)
{
	struct world *w = settled(17, 3, 2);

	(void)state;
	commit_many(w, 0, 20);
	assert_true(raft_votes(&w->node[2].store->raft));
	world_kill(w, 0);
	world_run(w, 5000 * MS);
	assert_int_equal(world_server(w), 1);
	world_kill(w, 2);
	world_run(w, 40000 * MS);
	confirm(w, 1, (const char *const[]){"n0", "n2", NULL});
	world_run(w, 1000 * MS);
	assert_int_equal(world_server(w), 1);
	watch_forget(w, 2);
	world_up(w, 2);
	world_run(w, 15000 * MS);
	assert_true(world_said(&w->node[2], "state set aside"));
	assert_int_equal(w->node[2].store->lineage.known.number, 2); /* nobody drafts it now */
	end(w);
}

/* ---- a loss that was none ---- */

static void a_confirmed_loss_that_was_none_ends_the_older_generation(void **state)
{
	struct world *w = settled(7, 3, 3);

	(void)state;
	w->apart = true; /* both sides acknowledge */
	world_run(w, 10000 * MS);
	world_cut(w, 0, true, true);
	doubt(w, 0, 1);
	doubt(w, 0, 2);
	world_run(w, 35000 * MS);
	confirm(w, 0, n12);
	assert_int_equal(generation_at(w, 0), 2);
	commit_many(w, 0, 20);
	assert_true(w->node[1].serving || w->node[2].serving);
	commit_many(w, w->node[1].serving ? 1 : 2, 20);
	world_heal(w);
	for (uint32_t i = 1; i < 3; i++) {
		watch_forget(w, i);
		world_tell_member(w, 0, i, MEMBER_ALIVE);
		world_tell_member(w, i, 0, MEMBER_ALIVE);
	}
	world_run(w, 20000 * MS);
	for (uint32_t i = 1; i < 3; i++) {
		assert_true(world_said(&w->node[i], "state set aside"));
		assert_int_equal(generation_at(w, i), 2);
		assert_int_equal(world_map_crc(w->node[i].store), world_map_crc(w->node[0].store));
	}
	assert_int_equal(world_server(w), 0);
	end(w);
}

/* Two voters lost each other, and a person on each side confirmed the loss of the other. */
static struct world *two_generations(uint64_t seed)
{
	struct world *w = settled(seed, 2, 2);

	w->apart = true;
	commit_many(w, 0, 10);
	world_cut(w, 0, true, true);
	doubt(w, 0, 1);
	doubt(w, 1, 0);
	world_run(w, 35000 * MS);
	confirm(w, 0, n1);
	confirm(w, 1, n0);
	commit_many(w, 0, 10);
	commit_many(w, 1, 10);
	assert_true(w->node[0].serving && w->node[1].serving);
	world_heal(w);
	world_tell_member(w, 0, 1, MEMBER_ALIVE);
	world_tell_member(w, 1, 0, MEMBER_ALIVE);
	world_run(w, 5000 * MS);
	return w;
}

static void two_generations_of_one_parent_assign_nothing_until_one_is_retired(void **state)
{
	struct world *w = two_generations(8);
	char id[ID_TEXT_LEN + 1];
	const char *names[] = {id, NULL};

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		assert_true(w->node[i].apart);
		assert_true(world_said(&w->node[i], "two generations met, nothing is assigned"));
		assert_int_equal(generation_at(w, i), 2);
	}
	/* Neither forgets it over a start. */
	world_kill(w, 0);
	world_up(w, 0);
	world_run(w, 5000 * MS);
	assert_true(w->node[0].apart);
	/* Refusals. */
	assert_false(say_yes(w, 0, CALL_RETIRE, n1));
	assert_non_null(strstr(w->told.text, "no other generation or store `n1`"));
	id_print(w->node[0].store->wal.generation.id, id);
	assert_false(say_yes(w, 0, CALL_RETIRE, names));
	assert_non_null(strstr(w->told.text, "retire it at a scheduler of the side that stays"));
	/* The other side goes. */
	id_print(w->node[1].store->wal.generation.id, id);
	assert_true(say_yes(w, 0, CALL_RETIRE, names));
	world_run(w, 15000 * MS);
	assert_true(world_said(&w->node[1], "state set aside"));
	assert_int_equal(generation_at(w, 0), 3);
	assert_int_equal(generation_at(w, 1), 3);
	assert_int_equal(world_server(w), 0);
	assert_false(w->node[0].apart);
	assert_int_equal(world_map_crc(w->node[1].store), world_map_crc(w->node[0].store));
	end(w);
}

static void two_born_stores_become_one_when_one_is_retired(void **state)
{
	struct world *w = world_open(9, 2, 2);
	char id[ID_TEXT_LEN + 1];
	const char *names[] = {id, NULL};

	(void)state;
	w->apart = true;
	w->node[0].founder = w->node[1].founder = true;
	world_up(w, 0);
	world_up(w, 1);
	world_run(w, 5000 * MS);
	commit_many(w, 0, 10);
	commit_many(w, 1, 10);
	id_print(w->node[1].store->wal.store, id);
	assert_true(say_yes(w, 0, CALL_RETIRE, names));
	world_run(w, 15000 * MS);
	assert_true(world_said(&w->node[1], "state set aside"));
	assert_true(id_same(w->node[0].store->wal.store, w->node[1].store->wal.store));
	assert_int_equal(world_map_crc(w->node[1].store), world_map_crc(w->node[0].store));
	assert_int_equal(voters_count(&w->node[0].store->raft.voters), 2);
	end(w);
}

/* ---- the lost return ---- */

/* Three voters; the first is left, and nodes 1 and 2 were confirmed to be lost. */
static struct world *left_alone(uint64_t seed, uint32_t count)
{
	struct world *w = settled(seed, count, count);

	w->apart = true;
	commit_many(w, 0, 10);
	world_kill(w, 1);
	world_kill(w, 2);
	world_run(w, 40000 * MS);
	confirm(w, 0, n12);
	commit_many(w, 0, 10);
	return w;
}

static void a_lost_voter_that_returns_alone_votes_for_nobody(void **state)
{
	struct world *w = left_alone(10, 3);

	(void)state;
	world_kill(w, 0);
	watch_forget(w, 1);
	world_up(w, 1);
	world_run(w, 10000 * MS);
	assert_int_equal(world_server(w), NODES_MAX);
	assert_int_equal(generation_at(w, 1), 1);
	world_up(w, 0);
	world_run(w, 10000 * MS);
	assert_int_equal(world_server(w), 0);
	assert_int_equal(generation_at(w, 1), 2);
	assert_true(world_said(&w->node[1], "state set aside"));
	end(w);
}

/* Not preventable, and said in the question. */
static void lost_voters_that_return_together_lead_only_those_cut_off_with_them(void **state)
{
	struct world *w = left_alone(11, 3);

	(void)state;
	world_kill(w, 0);
	for (uint32_t i = 1; i < 3; i++)
		world_up(w, i);
	world_run(w, 10000 * MS);
	assert_int_not_equal(world_server(w), NODES_MAX);
	world_up(w, 0);
	world_run(w, 15000 * MS);
	assert_int_equal(world_server(w), 0);
	for (uint32_t i = 1; i < 3; i++) {
		assert_int_equal(generation_at(w, i), 2);
		assert_true(world_said(&w->node[i], "state set aside"));
	}
	end(w);
}

static void lost_voters_that_return_together_hear_of_it_before_they_vote(void **state)
{
	struct world *w = left_alone(12, 4);
	uint64_t elections;

	(void)state;
	world_run(w, 10000 * MS); /* node 3 joined the new generation */
	assert_int_equal(generation_at(w, 3), 2);
	world_kill(w, 0);
	for (uint32_t i = 1; i < 3; i++) {
		watch_forget(w, i);
		world_up(w, i);
	}
	elections = 0;
	for (int i = 0; i < 200; i++) {
		world_run(w, 25 * MS);
		for (uint32_t k = 1; k < 3; k++)
			elections += w->node[k].store->raft.elections;
	}
	assert_int_equal(elections, 0);
	for (uint32_t i = 1; i < 3; i++)
		assert_true(world_said(&w->node[i], "state set aside"));
	end(w);
}

/* It heard of the later one, and the power went before its own state was aside. */
static void what_was_heard_before_a_crash_counts_at_the_next_start(void **state)
{
	struct world *w = settled(15, 3, 3);
	struct generation g;
	struct buffer record;
	struct wfile *f;

	(void)state;
	w->apart = true;
	g = generation_after(&w->node[2].store->wal.generation, w->node[0].id);
	voters_add(&g.voters, w->node[0].store->raft.voters.seat[0]);
	world_kill(w, 2);
	buffer_init(&record, 8192);
	assert_int_equal(generation_put(&g, &record), OK);
	f = shelf_find(&w->node[2].shelf, "node/generation", true);
	shelf_write(f, 0, buffer_bytes(&record));
	shelf_sync(f);
	buffer_fini(&record);
	watch_forget(w, 2);
	world_cut(w, 2, true, true);
	world_up(w, 2);
	world_run(w, 3000 * MS);
	assert_true(world_said(&w->node[2], "state set aside"));
	end(w);
}

static void a_start_of_all_voters_together_does_not_wait(void **state)
{
	struct world *w = settled(13, 3, 3);
	uint64_t from;

	(void)state;
	world_run(w, 10000 * MS);
	for (uint32_t i = 0; i < 3; i++)
		world_kill(w, i);
	for (uint32_t i = 0; i < 3; i++)
		world_up(w, i);
	from = w->now;
	while (world_server(w) == NODES_MAX && w->now < from + 5000 * MS)
		world_run(w, 10 * MS);
	assert_true(w->now - from < 1500 * MS);
	end(w);
}

/* ---- a crash at every step ---- */

static void a_crash_at_any_step_of_the_change_leaves_one_generation_that_goes_on(void **state)
{
	(void)state;
	for (uint32_t step = 0; step < 60; step++) {
		struct world *w = five_voters(1000 + step);
		uint32_t victim = 3 + step % 2;
		char id[3][ID_TEXT_LEN + 1];
		const char *ids[] = {id_print(w->node[0].id, id[0]), id_print(w->node[1].id, id[1]),
				     id_print(w->node[2].id, id[2]), NULL};
		uint64_t facts;

		for (uint32_t i = 0; i < 3; i++)
			world_kill(w, i);
		world_run(w, 40000 * MS);
		world_call(w, 3, CALL_CONFIRM_LOSS, false, 0,
			   (const char *const[]){"n0", "n1", "n2", NULL});
		world_run(w, 2500 * MS);
		assert_int_equal(w->told.code, EXIT_GOOD);
		facts = w->told.facts;
		world_call(w, 3, CALL_CONFIRM_LOSS, true, facts,
			   (const char *const[]){"n0", "n1", "n2", NULL});
		/* The decision falls after two seconds; the writes take a fraction of a millisecond each. */
		world_run(w, 1999 * MS + step * 100);
		world_kill(w, victim);
		world_run(w, 300 * MS);
		world_up(w, victim);
		world_run(w, 8000 * MS);
		if (generation_at(w, 3) == 1) {
			/* It had come to nothing: then it is asked for again, and nobody has heard of it. */
			assert_int_equal(generation_at(w, 4), 1);
			world_run(w, 35000 * MS);
			/* A start knows nobody by name who is dead. */
			confirm(w, 3, ids);
			world_run(w, 3000 * MS);
		}
		assert_int_equal(generation_at(w, 3), 2);
		assert_int_equal(generation_at(w, 4), 2);
		assert_true(id_same(w->node[3].store->wal.generation.id,
				    w->node[4].store->wal.generation.id));
		assert_int_not_equal(world_server(w), NODES_MAX);
		commit_many(w, world_server(w), 5);
		end(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_state_set_aside_is_kept_under_a_dated_name_and_the_node_joins_anew),
		cmocka_unit_test(a_founder_that_set_its_state_aside_founds_no_second_one),
		cmocka_unit_test(a_loss_is_refused_while_anything_speaks_against_it),
		cmocka_unit_test(a_loss_is_refused_while_another_survivor_sees_the_lost),
		cmocka_unit_test(one_of_two_goes_on_after_a_confirmed_loss_and_nothing_is_missing),
		cmocka_unit_test(what_any_survivor_holds_is_kept),
		cmocka_unit_test(nobody_is_elected_before_all_survivors_have_told),
		cmocka_unit_test(one_that_only_followed_goes_on_alone),
		cmocka_unit_test(a_lost_witness_sets_its_state_aside_too),
		cmocka_unit_test(a_confirmed_loss_that_was_none_ends_the_older_generation),
		cmocka_unit_test(two_generations_of_one_parent_assign_nothing_until_one_is_retired),
		cmocka_unit_test(two_born_stores_become_one_when_one_is_retired),
		cmocka_unit_test(a_lost_voter_that_returns_alone_votes_for_nobody),
		cmocka_unit_test(
			lost_voters_that_return_together_lead_only_those_cut_off_with_them),
		cmocka_unit_test(lost_voters_that_return_together_hear_of_it_before_they_vote),
		cmocka_unit_test(what_was_heard_before_a_crash_counts_at_the_next_start),
		cmocka_unit_test(a_start_of_all_voters_together_does_not_wait),
		cmocka_unit_test(
			a_crash_at_any_step_of_the_change_leaves_one_generation_that_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
