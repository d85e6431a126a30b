/* Schedules about votes and the log. */
#include "test/proof/story.h"

/* ---- figure 8 ---- */

/* Where the schedule's entry stands; what comes after it gets lost. */
static uint64_t index_8;

static bool drop_entries(struct world *w, uint32_t from, uint32_t to, const struct message *m)
{
	(void)w, (void)from, (void)to;
	return m->kind == MESSAGE_APPEND && m->append.count > 0;
}

static bool drop_after_index(struct world *w, uint32_t from, uint32_t to, const struct message *m)
{
	(void)w, (void)from, (void)to;
	return m->kind == MESSAGE_APPEND && m->append.count > 0 && m->append.prev >= index_8;
}

static uint32_t holders(const struct world *w, uint64_t index, uint64_t term)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->count; i++)
		n += w->node[i].store != NULL &&
		     log_term(&w->node[i].store->raft.log, index) == term;
	return n;
}

/* Figure 8 of the Raft paper (3.7 of the thesis): an entry of an old term that is on a majority, and yet must not count as
 * committed, because one that lacks it can still be elected. */
void story_figure_8(struct world *w)
{
	uint32_t a, b, rival, again;
	uint64_t old_term, rival_term;

	w->base.bootstrap_expect = w->base.voters = 5;
	w->base.snapshot_every = w->base.wal_file = 4 << 20;
	for (uint32_t i = 0; i < 5; i++)
		world_up(w, i);
	world_run(w, 6000 * MS);
	a = world_server(w);
	expect(w, a != NODES_MAX);
	b = (a + 1) % 5;
	/* (a) the first leader gets its entry to one other only, and dies. */
	for (uint32_t i = 0; i < 5; i++)
		if (i != a && i != b)
			w->cut[a][i] = w->cut[i][a] = w->cut[b][i] = w->cut[i][b] = true;
	world_commit_of(w, a, 300000);
	world_run(w, 40 * MS);
	index_8 = log_last(&w->node[a].store->raft.log);
	old_term = raft_term(&w->node[a].store->raft);
	expect(w, holders(w, index_8, old_term) == 2);
	world_kill(w, a);
	/* (b) the rest elect a rival, who puts another entry there, on its own disk only, and dies. */
	w->drop = drop_entries;
	world_run(w, 2500 * MS);
	rival = story_leader(w);
	expect(w, rival != NODES_MAX && rival != b);
	rival_term = raft_term(&w->node[rival].store->raft);
	expect(w, log_term(&w->node[rival].store->raft.log, index_8) == rival_term);
	world_kill(w, rival);
	/* (c) the first entry gets to a majority, under a new leader, of whose own nothing gets through. */
	w->drop = drop_after_index;
	world_heal(w);
	world_up(w, a);
	world_run(w, 2500 * MS);
	again = story_leader(w);
	expect(w, again == a || again == b);
	expect(w, holders(w, index_8, old_term) >= 3);
	expect(w, w->node[again].store->raft.commit < index_8);
	/* (d) so the rival can still win, and what it had is what is committed. */
	world_kill(w, a);
	world_kill(w, b);
	w->drop = NULL;
	world_up(w, rival);
	world_run(w, 3000 * MS);
	expect(w, story_leader(w) == rival);
	world_up(w, a);
	world_up(w, b);
	world_run(w, 3000 * MS);
	expect(w, w->committed[index_8].term == rival_term);
	expect(w, holders(w, index_8, rival_term) == 5);
}

/* ---- a suffix that nobody verified ---- */

/* The one of whom the new leader's entries may reach. */
static uint32_t reached;

static bool drop_entries_but_one(struct world *w, uint32_t from, uint32_t to,
				 const struct message *m)
{
	return to != reached && drop_entries(w, from, to, m);
}

/* One node holds an entry of the old leader, at the place of the new leader's first. Heartbeats get through to it, entries do
 * not: what it holds there must not count for what it never got. */
void story_unverified_suffix(struct world *w)
{
	uint32_t a, b, holder;
	uint64_t index;

	w->base.bootstrap_expect = w->base.voters = 5;
	w->base.snapshot_every = w->base.wal_file = 4 << 20;
	for (uint32_t i = 0; i < 5; i++)
		world_up(w, i);
	world_run(w, 6000 * MS);
	a = world_server(w);
	expect(w, a != NODES_MAX);
	holder = (a + 1) % 5;
	for (uint32_t i = 0; i < 5; i++)
		if (i != a && i != holder)
			w->cut[a][i] = w->cut[i][a] = w->cut[holder][i] = w->cut[i][holder] = true;
	world_commit(w, a);
	world_run(w, 40 * MS);
	index = log_last(&w->node[holder].store->raft.log);
	expect(w, index == w->committed_max + 1);
	world_kill(w, a);
	w->drop = drop_entries;
	world_run(w, 2500 * MS);
	b = story_leader(w);
	expect(w, b != NODES_MAX && log_last(&w->node[b].store->raft.log) == index);
	for (uint32_t i = 0; i < 5; i++)
		if (i != a && i != b && i != holder)
			reached = i;
	w->drop = drop_entries_but_one;
	world_heal(w);
	world_run(w, 1000 * MS);
	/* It is on two of five, whatever stands there at a third. */
	expect(w, story_leader(w) == b);
	expect(w, holders(w, index, raft_term(&w->node[b].store->raft)) == 2);
	expect(w, w->node[b].store->raft.commit < index);
	w->drop = NULL;
	world_run(w, 1000 * MS);
	expect(w, w->node[b].store->raft.commit >= index);
}

/* ---- votes ---- */

/* One that was cut off for long wants to be elected; when it is back, nobody's term has moved. */
void story_disruptive_server(struct world *w)
{
	uint64_t term;

	if (!story_settle(w))
		return;
	term = raft_term(&w->node[0].store->raft);
	world_cut(w, 2, true, true);
	world_run(w, 5000 * MS);
	expect(w, raft_term(&w->node[2].store->raft) == term);
	world_heal(w);
	for (int i = 0; i < 100; i++) {
		world_run(w, 30 * MS);
		expect(w, world_server(w) == 0);
	}
	expect(w, raft_term(&w->node[0].store->raft) == term);
	/* It hears nobody, but is heard. */
	world_cut(w, 2, true, false);
	for (int i = 0; i < 100; i++) {
		world_run(w, 30 * MS);
		expect(w, world_server(w) == 0);
	}
	expect(w, raft_term(&w->node[0].store->raft) == term);
}

void story_vote_under_leader(struct world *w)
{
	struct message m = story_vote_wish(100);
	uint64_t term;

	if (!story_settle(w))
		return;
	term = raft_term(&w->node[1].store->raft);
	m.boot = w->node[2].store->wal.state.boot;
	m.nonce = w->node[2].store->raft.nonce;
	world_inject(w, 2, 1, &m);
	world_inject(w, 2, 0, &m);
	world_run(w, 100 * MS);
	expect(w, raft_term(&w->node[1].store->raft) == term);
	expect(w, world_server(w) == 0);
}

/* Three voters of which only the first is up, and has forgotten its leader. */
static bool lonely(struct world *w)
{
	if (!story_settle(w))
		return false;
	world_kill(w, 1);
	world_kill(w, 2);
	world_run(w, 3000 * MS);
	return !raft_leads(&w->node[0].store->raft);
}

static uint32_t told;

static bool count_votes(struct world *w, uint32_t from, uint32_t to, const struct message *m)
{
	(void)w, (void)from, (void)to;
	told += m->kind == MESSAGE_VOTED && m->voted.granted;
	return false;
}

void story_lost_vote(struct world *w)
{
	struct message m = story_vote_wish(100);
	uint32_t before;

	expect(w, lonely(w));
	before = w->votes;
	world_inject(w, 1, 0, &m);
	world_run(w, 5 * MS);
	expect(w, w->votes == before + 1);
	world_kill(w, 0);
	world_up(w, 0);
	/* A start asks around before it first votes. */
	world_run(w, 5000 * MS);
	expect(w, raft_term(&w->node[0].store->raft) == 100);
	world_inject(w, 2, 0, &m);
	world_run(w, 5 * MS);
	expect(w, w->votes == before + 1);
	/* To the same one it says so again. */
	told = 0;
	w->drop = count_votes;
	world_inject(w, 1, 0, &m);
	world_run(w, 5 * MS);
	expect(w, told == 1);
}

void story_early_vote(struct world *w)
{
	struct message m = story_vote_wish(100);
	uint32_t before;

	expect(w, lonely(w));
	before = w->votes;
	w->sync_min = w->sync_max = 50 * MS;
	world_inject(w, 1, 0, &m);
	world_run(w, 40 * MS);
	expect(w, w->votes == before);
	world_run(w, 120 * MS);
	expect(w, w->votes == before + 1);
}

/* One that lacks what is committed stands first, and again and again: it never leads. */
void story_short_log(struct world *w)
{
	if (!story_settle(w))
		return;
	world_cut(w, 2, true, true);
	story_commit(w, 0, 20);
	expect(w, w->acked >= 20);
	world_kill(w, 0);
	world_heal(w);
	/* What the other asks gets lost, so that only this one can win. */
	w->cut[1][2] = true;
	for (int i = 0; i < 50; i++) {
		world_run(w, 100 * MS);
		expect(w, !raft_leads(&w->node[2].store->raft));
	}
	world_heal(w);
	world_run(w, 3000 * MS);
	expect(w, world_server(w) == 1);
}

/* ---- one-way cuts of the leader ---- */

/* It is heard, and hears nobody: it must go by itself. */
void story_deaf_leader(struct world *w)
{
	uint64_t token, gone = 0;

	if (!story_settle(w))
		return;
	world_cut(w, 0, true, false);
	token = world_commit(w, 0);
	for (int i = 0; i < 400 && gone == 0; i++) {
		world_run(w, 5 * MS);
		if (!raft_leads(&w->node[0].store->raft))
			gone = (uint64_t)i * 5;
	}
	expect(w, gone > 0 && gone <= 1300);
	expect(w, !world_is_acked(w, token));
	world_run(w, 2000 * MS);
	expect(w, world_server(w) == 1 || world_server(w) == 2);
	story_commit(w, world_server(w), 5);
	expect(w, w->acked == 5);
	world_heal(w);
	world_run(w, 2000 * MS);
	expect(w, world_map_crc(w->node[0].store) == world_map_crc(w->node[1].store));
}

/* It hears, and is not heard: the others follow another, and it answers no fence. */
void story_mute_leader(struct world *w)
{
	uint64_t fence;

	if (!story_settle(w))
		return;
	world_cut(w, 0, false, true);
	world_run(w, 2 * MS);
	fence = world_fence(w, 0);
	world_run(w, 1500 * MS);
	expect(w, world_server(w) == 1 || world_server(w) == 2);
	expect(w, !raft_leads(&w->node[0].store->raft));
	expect(w, w->fenced == fence && w->fenced_err != OK);
	story_commit(w, world_server(w), 5);
	expect(w, w->acked == 5);
}
