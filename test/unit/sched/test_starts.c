/* Whose voice counts, told as stories of small worlds: starts recorded in the set, and strangers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test/proof/world.h"

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

/* ---- starts ---- */

static void the_set_holds_the_last_start_of_each_voter(void **state)
{
	struct world *w = settled(220, 3, 3);

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < set(w)->count; i++) {
			const struct seat *seat = &set(w)->seat[i];
			const struct store *s = w->node[world_who(w, seat->node)].store;

			assert_int_equal(seat->boot, s->wal.state.boot);
			assert_int_equal(seat->nonce, s->raft.nonce);
		}
		world_kill(w, (uint32_t)round);
		world_up(w, (uint32_t)round);
		world_run(w, 3000 * MS);
	}
	end(w);
}

/* Of three voters the last one's disk is put back to what it was two starts ago. All are down then. */
static struct world *put_back(uint64_t seed)
{
	struct world *w = settled(seed, 3, 3);
	struct shelf backup = {0};

	commit_many(w, 0, 20);
	shelf_copy(&backup, &w->node[2].shelf);
	for (int i = 0; i < 3; i++) {
		world_kill(w, 2);
		world_up(w, 2);
		world_run(w, 1000 * MS);
		commit_many(w, server(w), 5);
	}
	for (uint32_t i = 0; i < 3; i++)
		world_kill(w, i);
	watch_forget(w, 2);
	shelf_copy(&w->node[2].shelf, &backup);
	shelf_fini(&backup);
	return w;
}

static void a_log_that_was_put_back_votes_for_nobody(void **state)
{
	struct world *w = put_back(221);
	uint64_t applied;

	(void)state;
	world_up(w, 1);
	world_up(w, 2);
	world_run(w, 20000 * MS);
	assert_int_equal(world_server(w), NODES_MAX);
	assert_true(world_said(&w->node[1], "log copied or restored: voter="));
	/* The third brings a majority; then the other joins anew. */
	world_up(w, 0);
	world_run(w, 30000 * MS);
	applied = w->node[server(w)].store->applied;
	assert_true(world_said(&w->node[2], "state set aside: folder=store-aside-"));
	assert_true(votes(w, 2));
	assert_int_equal(voters_count(set(w)), 3);
	assert_int_equal(w->node[2].store->applied, applied);
	end(w);
}

static void a_log_that_was_put_back_in_use_is_not_counted(void **state)
{
	struct world *w = settled(222, 3, 3);
	struct shelf backup = {0};
	struct id before = raft_of(w, 2)->wal->voter;

	(void)state;
	shelf_copy(&backup, &w->node[2].shelf);
	for (int i = 0; i < 2; i++) {
		world_kill(w, 2);
		world_up(w, 2);
		world_run(w, 1000 * MS);
	}
	world_kill(w, 2);
	watch_forget(w, 2);
	shelf_copy(&w->node[2].shelf, &backup);
	shelf_fini(&backup);
	/* Only the leader and the restored one are there: what they hold is no majority. */
	world_kill(w, 1);
	world_up(w, 2);
	commit_many(w, 0, 3);
	assert_int_equal(w->acked, 0);
	world_up(w, 1);
	world_run(w, 30000 * MS);
	assert_int_equal(voters_find(set(w), before), VOTERS_NONE);
	assert_int_equal(voters_count(set(w)), 3);
	end(w);
}

static void a_log_put_back_within_its_start_is_noticed_by_who_counted_on_it(void **state)
{
	struct world *w = settled(223, 3, 3);
	struct shelf backup = {0};
	struct id before = raft_of(w, 2)->wal->voter;

	(void)state;
	w->base.snapshot_every = 1 << 20;
	commit_many(w, 0, 5);
	shelf_copy(&backup, &w->node[2].shelf);
	commit_many(w, 0, 20);
	world_kill(w, 2);
	watch_forget(w, 2);
	shelf_copy(&w->node[2].shelf, &backup);
	shelf_fini(&backup);
	world_up(w, 2);
	world_run(w, 10000 * MS);
	assert_int_equal(server(w), 0);
	assert_true(world_said(&w->node[0], "log copied or restored: voter="));
	assert_true(world_said(&w->node[2], "state set aside: folder=store-aside-"));
	assert_int_equal(voters_find(set(w), before), VOTERS_NONE);
	assert_true(votes(w, 2));
	end(w);
}

/* ---- who may speak ---- */

static void say(struct world *w, uint32_t from, uint32_t to, struct id voter, struct message *m)
{
	const struct store *s = w->node[to].store;
	struct event e = {.kind = EVENT_FRAME};
	struct buffer body;

	m->store = s->wal.store;
	m->generation = generation_mark(&s->wal.generation);
	m->from = voter;
	m->to = s->wal.voter;
	m->boot = 1;
	m->nonce = 1;
	buffer_init(&body, FRAME_MAX);
	assert_int_equal(message_put(m, &body), OK);
	e.frame.peer.id = w->node[from].id;
	e.frame.purpose = PURPOSE_STORE;
	e.frame.type = FRAME_STORE;
	e.frame.body = buffer_bytes(&body);
	world_step(w, to, &e);
	buffer_fini(&body);
}

static const struct id stranger = {{77}};

/* Of three voters one is left, and knows no leader. */
static struct world *lonely(uint64_t seed)
{
	struct world *w = settled(seed, 3, 3);

	commit_many(w, 0, 5);
	world_kill(w, 1);
	world_kill(w, 2);
	world_run(w, 3000 * MS);
	assert_false(raft_leads(raft_of(w, 0)));
	return w;
}

static void a_stranger_that_holds_nothing_we_lack_moves_no_term(void **state)
{
	struct world *w = lonely(230);
	const struct raft *r = raft_of(w, 0);
	struct message m = {.kind = MESSAGE_VOTE, .term = raft_term(r) + 5};
	uint64_t term = raft_term(r);

	(void)state;
	m.vote.last = log_last(&r->log);
	m.vote.last_term = log_last_term(&r->log);
	say(w, 1, 0, stranger, &m);
	assert_int_equal(raft_term(r), term);
	/* A later set may seat one that holds more (thesis, 4.1). */
	m.vote.last++;
	say(w, 1, 0, stranger, &m);
	assert_int_equal(raft_term(r), term + 5);
	end(w);
}

static void a_stranger_does_not_lead_in_a_term_we_have_entries_of(void **state)
{
	struct world *w = lonely(231);
	const struct raft *r = raft_of(w, 0);
	struct message m = {.kind = MESSAGE_APPEND, .term = log_last_term(&r->log)};

	(void)state;
	assert_int_equal(m.term, raft_term(r));
	m.append.prev = log_last(&r->log);
	m.append.prev_term = log_last_term(&r->log);
	say(w, 1, 0, stranger, &m);
	assert_true(id_is_none(r->leader));
	m.term++;
	say(w, 1, 0, stranger, &m);
	assert_true(id_same(r->leader, stranger));
	end(w);
}

static void a_seat_speaks_from_its_own_node_only(void **state)
{
	struct world *w = lonely(232);
	const struct raft *r = raft_of(w, 0);
	struct message m = {.kind = MESSAGE_APPEND, .term = raft_term(r) + 1};
	uint32_t at = voters_find_node(&r->voters, w->node[1].id);

	(void)state;
	m.append.prev = log_last(&r->log);
	m.append.prev_term = log_last_term(&r->log);
	say(w, 2, 0, r->voters.seat[at].voter, &m);
	assert_true(id_is_none(r->leader));
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_set_holds_the_last_start_of_each_voter),
		cmocka_unit_test(a_log_that_was_put_back_votes_for_nobody),
		cmocka_unit_test(a_log_that_was_put_back_in_use_is_not_counted),
		cmocka_unit_test(a_log_put_back_within_its_start_is_noticed_by_who_counted_on_it),
		cmocka_unit_test(a_stranger_that_holds_nothing_we_lack_moves_no_term),
		cmocka_unit_test(a_stranger_does_not_lead_in_a_term_we_have_entries_of),
		cmocka_unit_test(a_seat_speaks_from_its_own_node_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
