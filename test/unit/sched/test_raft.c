/* Lives of small clusters under random faults, one seed each; SEED=n replays one, SEEDS=n tries more.
 * And schedules with a name, which random faults hardly ever find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test/proof/world.h"

enum { SEEDS = 300, FAULTS_MS = 12000, CALM_MS = 12000 };

static void cut_some(struct world *w)
{
	bool side[NODES_MAX];

	for (uint32_t i = 0; i < w->count; i++)
		side[i] = rng_below(&w->rng, 2) == 0;
	for (uint32_t i = 0; i < w->count; i++)
		for (uint32_t k = 0; k < w->count; k++)
			w->cut[i][k] = side[i] != side[k];
	/* Some cuts are one-way. */
	if (rng_below(&w->rng, 4) == 0)
		for (uint32_t i = 0; i < w->count; i++)
			for (uint32_t k = 0; k < i; k++)
				w->cut[i][k] = false;
}

/* Everybody's link to a node breaks, and some doubt it: perhaps wrongly. */
static void accuse(struct world *w, uint32_t of)
{
	for (uint32_t i = 0; i < w->count; i++) {
		struct event e = {.kind = EVENT_LINK};

		if (i == of || w->node[i].store == NULL)
			continue;
		e.link.peer.id = w->node[of].id;
		e.link.purpose = PURPOSE_STORE;
		e.link.broken = true;
		world_step(w, i, &e);
		if (w->node[of].store != NULL)
			world_tell_member(w, i, of,
					  rng_below(&w->rng, 2) == 0 ? MEMBER_SUSPECT
								     : MEMBER_ALIVE);
	}
}

/* A disk is lost for good: once in a life, and only of three voters that are all well. */
static void wipe_one(struct world *w, uint32_t at)
{
	uint32_t leader = world_server(w);

	if (leader == NODES_MAX || w->wiped || w->node[at].store == NULL)
		return;
	for (uint32_t i = 0; i < w->count; i++)
		if (w->node[i].store == NULL || w->node[i].full ||
		    voters_count(&w->node[i].store->raft.voters) != 3)
			return;
	for (uint32_t i = 0; i < w->node[leader].store->raft.follower_count; i++)
		if (w->node[leader].store->raft.followers[i].match <
		    w->node[leader].store->raft.voters_index)
			return;
	w->wiped = true;
	world_wipe(w, at);
	world_up(w, at);
}

static void fault(struct world *w)
{
	uint32_t at = (uint32_t)rng_below(&w->rng, w->count);
	uint32_t leader = world_server(w);

	switch (rng_below(&w->rng, 20)) {
	case 0:
	case 1:
		world_kill(w, at);
		break;
	case 2:
		if (leader < NODES_MAX)
			world_kill(w, leader);
		break;
	case 3:
		for (uint32_t i = 0; i < w->count; i++)
			if (rng_below(&w->rng, 2) == 0)
				world_kill(w, i);
		break;
	case 4:
	case 5:
		cut_some(w);
		break;
	case 6:
		world_heal(w);
		break;
	case 7:
		w->node[at].full = !w->node[at].full;
		break;
	case 8:
		if (leader < NODES_MAX)
			world_resign(w, leader, id_none);
		break;
	case 9:
	case 10:
		/* Back at once, in the same term. */
		world_kill(w, at);
		world_up(w, at);
		break;
	case 11:
		for (uint32_t i = 0; i < w->count; i++) {
			world_kill(w, i);
			world_up(w, i);
		}
		break;
	case 12:
		accuse(w, at);
		break;
	case 13:
		wipe_one(w, at);
		break;
	default:
		world_up(w, at);
		break;
	}
}

static void heal(struct world *w)
{
	world_heal(w);
	w->loss = w->twice = 0;
	for (uint32_t i = 0; i < w->count; i++)
		w->node[i].full = false;
	for (uint32_t i = 0; i < w->count; i++)
		world_up(w, i);
}

static struct world *some_world(uint64_t seed)
{
	static const uint8_t shapes[][2] = {{1, 1}, {2, 2}, {3, 3}, {3, 2}, {4, 2}, {5, 3}, {5, 5}};
	struct rng rng;
	const uint8_t *shape;
	struct world *w;

	rng_init(&rng, seed * 31 + 5);
	shape = shapes[rng_below(&rng, 7)];
	w = world_open(seed, shape[0], shape[1]);
	w->loss = (uint32_t)rng_below(&rng, 3) * 50;
	w->twice = (uint32_t)rng_below(&rng, 3) * 50;
	w->delay_max = rng_below(&rng, 2) == 0 ? 1000 : rng_below(&rng, 2) == 0 ? 40000 : 250000;
	w->sync_max = rng_below(&rng, 2) == 0 ? 60000 : 500;
	w->base.replace_after_ms = rng_below(&rng, 2) == 0 ? 1000 : 600000;
	w->base.change_every_ms = 500;
	if (shape[1] > 1 && rng_below(&rng, 3) == 0)
		w->base.bootstrap_expect = shape[1];
	else
		w->node[rng_below(&rng, shape[1])].founder = true;
	return w;
}

/* After the faults: one serves, what is committed is everywhere, and new commits succeed. */
static void check_alive(struct world *w)
{
	uint32_t leader = world_server(w);
	uint64_t token;

	if (leader == NODES_MAX) {
		world_breach(w, "nobody serves after the faults stopped");
		return;
	}
	token = world_commit(w, leader);
	world_run(w, 1000 * MS);
	if (!world_is_acked(w, token))
		world_breach(w, "no commit after the faults stopped");
	for (uint32_t i = 0; i < w->count; i++) {
		const struct store *s = w->node[i].store;

		if (w->node[i].scheduler &&
		    (s->applied != w->node[leader].store->applied ||
		     world_map_crc(s) != world_map_crc(w->node[leader].store)))
			world_breach(w, "a standby stays behind");
		if (!id_same(s->wal.store, w->node[leader].store->wal.store) &&
		    wal_is_made(&s->wal))
			world_breach(w, "two stores were born");
		if (w->node[i].exits > 0)
			world_breach(w, "a store failed");
	}
}

struct lives {
	uint64_t acked, unknown, steps, wiped, snapshots;
};

static const char *live(uint64_t seed, struct lives *sum)
{
	struct world *w = some_world(seed);
	uint64_t until, often = 3 + seed % 2 * 6;
	const char *breach;

	for (uint32_t i = 0; i < w->count; i++) {
		world_up(w, i);
		world_run(w, rng_below(&w->rng, 500) * MS);
	}
	world_run(w, 2000 * MS);
	until = w->now + FAULTS_MS * MS;
	while (w->now < until && w->breach == NULL) {
		for (uint32_t i = 0; i < w->count; i++)
			if (w->node[i].serving)
				for (uint64_t k = rng_below(&w->rng, 6); k > 0; k--)
					world_commit(w, i);
		world_run(w, rng_between(&w->rng, 1, 60) * MS);
		if (rng_below(&w->rng, often) == 0)
			fault(w);
	}
	heal(w);
	world_run(w, CALM_MS * MS);
	if (w->breach == NULL)
		check_alive(w);
	sum->acked += w->acked;
	sum->unknown += w->unknown;
	sum->steps += w->steps;
	sum->wiped += w->wiped;
	for (uint32_t i = 0; i < w->count; i++)
		sum->snapshots += world_said(&w->node[i], "snapshot installed");
	breach = w->breach;
	world_close(w);
	return breach;
}

static void no_seed_breaks_an_invariant(void **state)
{
	const char *one = getenv("SEED"), *many = getenv("SEEDS");
	uint64_t from = one == NULL ? 1 : strtoull(one, NULL, 10);
	uint64_t count = one != NULL ? 1 : many != NULL ? strtoull(many, NULL, 10) : SEEDS;
	struct lives sum = {0};
	uint32_t bad = 0;

	(void)state;
	for (uint64_t seed = from; seed < from + count; seed++)
		if (live(seed, &sum) != NULL)
			bad++;
	print_message("figure store.unit.lives %llu\nfigure store.unit.steps %llu\n"
		      "figure store.unit.acknowledged %llu\nfigure store.unit.unknown %llu\n"
		      "figure store.unit.disks_lost %llu\nfigure store.unit.snapshots %llu\n",
		      (unsigned long long)count, (unsigned long long)sum.steps,
		      (unsigned long long)sum.acked, (unsigned long long)sum.unknown,
		      (unsigned long long)sum.wiped, (unsigned long long)sum.snapshots);
	assert_int_equal(bad, 0);
}

/* ---- named schedules ---- */

/* Figure 8 of the Raft paper (3.7 of the thesis): an entry of an old term that is on a majority, and yet must not count
 * as committed, because one that lacks it can still be elected. */
static uint64_t figure_8_index;

static bool drop_entries(struct world *w, uint32_t from, uint32_t to, const struct message *m)
{
	(void)w, (void)from, (void)to;
	return m->kind == MESSAGE_APPEND && m->append.count > 0;
}

static bool drop_after_index(struct world *w, uint32_t from, uint32_t to, const struct message *m)
{
	(void)w, (void)from, (void)to;
	return m->kind == MESSAGE_APPEND && m->append.count > 0 && m->append.prev >= figure_8_index;
}

static uint32_t leader_among(const struct world *w)
{
	uint32_t best = NODES_MAX;

	for (uint32_t i = 0; i < w->count; i++)
		if (w->node[i].store != NULL && raft_leads(&w->node[i].store->raft) &&
		    (best == NODES_MAX ||
		     raft_term(&w->node[i].store->raft) > raft_term(&w->node[best].store->raft)))
			best = i;
	return best;
}

static uint32_t holders(const struct world *w, uint64_t index, uint64_t term)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->count; i++)
		n += w->node[i].store != NULL &&
		     log_term(&w->node[i].store->raft.log, index) == term;
	return n;
}

static void an_old_entry_on_a_majority_is_not_yet_committed(void **state)
{
	struct world *w = world_open(8, 5, 5);
	uint32_t a, b, rival, again;
	uint64_t old_term, rival_term;

	(void)state;
	w->base.bootstrap_expect = 5;
	w->base.snapshot_every = w->base.wal_file = 4 << 20;
	for (uint32_t i = 0; i < 5; i++)
		world_up(w, i);
	world_run(w, 6000 * MS);
	a = world_server(w);
	assert_int_not_equal(a, NODES_MAX);
	b = (a + 1) % 5;
	/* (a) the first leader gets its entry to one other only, and dies. */
	for (uint32_t i = 0; i < 5; i++)
		if (i != a && i != b)
			w->cut[a][i] = w->cut[i][a] = w->cut[b][i] = w->cut[i][b] = true;
	world_commit_of(w, a, 300000);
	world_run(w, 40 * MS);
	figure_8_index = log_last(&w->node[a].store->raft.log);
	old_term = raft_term(&w->node[a].store->raft);
	assert_int_equal(holders(w, figure_8_index, old_term), 2);
	world_kill(w, a);
	/* (b) the rest elect a rival, who puts another entry there, on its own disk only, and dies. */
	w->drop = drop_entries;
	world_run(w, 2500 * MS);
	rival = leader_among(w);
	assert_true(rival != NODES_MAX && rival != b);
	rival_term = raft_term(&w->node[rival].store->raft);
	assert_int_equal(log_term(&w->node[rival].store->raft.log, figure_8_index), rival_term);
	world_kill(w, rival);
	/* (c) the first entry gets to a majority, under a new leader, of whose own nothing gets through. */
	w->drop = drop_after_index;
	world_heal(w);
	world_up(w, a);
	world_run(w, 4500 * MS); /* it asks for two seconds before it votes */
	again = leader_among(w);
	assert_true(again == a || again == b);
	assert_true(holders(w, figure_8_index, old_term) >= 3);
	assert_true(w->node[again].store->raft.commit < figure_8_index);
	/* (d) so the rival can still win, and what it had is what is committed. */
	world_kill(w, a);
	world_kill(w, b);
	w->drop = NULL;
	world_up(w, rival);
	world_run(w, 5000 * MS);
	assert_int_equal(leader_among(w), rival);
	world_up(w, a);
	world_up(w, b);
	world_run(w, 3000 * MS);
	assert_int_equal(w->committed[figure_8_index].term, rival_term);
	assert_int_equal(holders(w, figure_8_index, rival_term), 5);
	assert_null(w->breach);
	world_close(w);
}

/* Three voters of which only the first is up, and has forgotten its leader. */
static struct world *lonely_voter(void)
{
	struct world *w = world_open(9, 3, 3);

	w->node[0].founder = true;
	for (uint32_t i = 0; i < 3; i++)
		world_up(w, i);
	world_run(w, 5000 * MS);
	world_kill(w, 1);
	world_kill(w, 2);
	world_run(w, 3000 * MS);
	assert_false(raft_leads(&w->node[0].store->raft));
	return w;
}

static struct message vote_wish(uint64_t term)
{
	struct message m = {.kind = MESSAGE_VOTE, .boot = 1000, .nonce = 1, .term = term};

	m.vote.last = 1000000;
	m.vote.last_term = term - 1;
	return m;
}

static void a_voter_remembers_its_vote_over_a_crash(void **state)
{
	struct world *w = lonely_voter();
	struct message m = vote_wish(100);
	uint32_t before = w->votes;

	(void)state;
	world_inject(w, 1, 0, &m);
	world_run(w, 5 * MS);
	assert_int_equal(w->votes, before + 1);
	world_kill(w, 0);
	world_up(w, 0);
	world_run(w, 2500 * MS); /* before that it votes for nobody */
	world_inject(w, 2, 0, &m);
	world_inject(w, 1, 0, &m);
	world_run(w, 5 * MS);
	assert_int_equal(w->votes, before + 1);
	assert_null(w->breach);
	world_close(w);
}

static void a_vote_is_not_given_before_it_is_synced(void **state)
{
	struct world *w = lonely_voter();
	struct message m = vote_wish(100);
	uint32_t before = w->votes;

	(void)state;
	w->sync_min = w->sync_max = 50 * MS;
	world_inject(w, 1, 0, &m);
	world_run(w, 40 * MS);
	assert_int_equal(w->votes, before);
	world_run(w, 120 * MS);
	assert_int_equal(w->votes, before + 1);
	assert_null(w->breach);
	world_close(w);
}

static void a_log_that_was_copied_has_no_voice(void **state)
{
	struct world *w = lonely_voter();
	struct message m = vote_wish(100);
	uint32_t before = w->votes;

	(void)state;
	m.kind = MESSAGE_PREVOTED;
	m.voted.granted = false;
	m.voted.asked = 0;
	world_inject(w, 1, 0, &m);
	world_run(w, 5 * MS);
	m = vote_wish(100);
	m.nonce = 2;
	world_inject(w, 1, 0, &m);
	m.nonce = 1;
	m.boot = 999;
	world_inject(w, 1, 0, &m);
	world_run(w, 5 * MS);
	assert_int_equal(w->votes, before);
	assert_true(world_said(&w->node[0], "log copied or restored: voter="));
	world_close(w);
}

static void a_vote_under_a_living_leader_is_not_heard(void **state)
{
	struct world *w = world_open(10, 3, 3);
	struct message m = vote_wish(100);
	uint64_t term;

	(void)state;
	w->node[0].founder = true;
	for (uint32_t i = 0; i < 3; i++)
		world_up(w, i);
	world_run(w, 5000 * MS);
	term = raft_term(&w->node[1].store->raft);
	m.boot = w->node[2].store->wal.state.boot;
	m.nonce = w->node[2].store->raft.nonce;
	world_inject(w, 2, 1, &m);
	world_inject(w, 2, 0, &m);
	world_run(w, 100 * MS);
	assert_int_equal(raft_term(&w->node[1].store->raft), term);
	assert_int_equal(world_server(w), 0);
	world_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_old_entry_on_a_majority_is_not_yet_committed),
		cmocka_unit_test(a_voter_remembers_its_vote_over_a_crash),
		cmocka_unit_test(a_vote_is_not_given_before_it_is_synced),
		cmocka_unit_test(a_log_that_was_copied_has_no_voice),
		cmocka_unit_test(a_vote_under_a_living_leader_is_not_heard),
		cmocka_unit_test(no_seed_breaks_an_invariant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
