/* Schedules about who belongs to it. */
#include "test/proof/story.h"

static uint32_t seated(const struct world *w, uint32_t by, uint32_t who)
{
	const struct voters *v = &w->node[by].store->raft.voters;
	uint32_t at = voters_find_node(v, w->node[who].id);

	return at != VOTERS_NONE && v->seat[at].votes;
}

static uint32_t outsider(const struct world *w)
{
	for (uint32_t i = 1; i < w->count; i++)
		if (!seated(w, 0, i))
			return i;
	return NODES_MAX;
}

/* The leader goes for good, and its seat goes to another, without a moment in which two lead or a commit is lost. */
void story_leader_leaves(struct world *w)
{
	uint32_t next;

	w->base.replace_after_ms = 2000;
	w->base.change_every_ms = 500;
	if (!story_settle(w))
		return;
	story_commit(w, 0, 20);
	expect(w, w->acked == 20);
	world_resign(w, 0, id_none);
	world_run(w, 300 * MS);
	next = world_server(w);
	expect(w, next != 0 && next != NODES_MAX);
	story_commit(w, next, 20);
	world_kill(w, 0);
	w->node[0].left = true;
	world_run(w, 6000 * MS);
	next = world_server(w);
	expect(w, next != NODES_MAX);
	expect(w, !seated(w, next, 0));
	expect(w, voters_count(&w->node[next].store->raft.voters) == 3);
	/* The new set bears the loss of one. */
	world_kill(w, next);
	world_run(w, 3000 * MS);
	expect(w, world_server(w) != NODES_MAX);
	expect(w, w->node[world_server(w)].store->applied >= 40);
}

/* One that was replaced while it was cut off goes on wanting to be elected: nobody minds. */
void story_removed_server(struct world *w)
{
	uint32_t gone;
	uint64_t term;

	w->base.replace_after_ms = 5000;
	w->base.change_every_ms = 1000;
	if (!story_settle(w))
		return;
	gone = outsider(w) == 1 ? 2 : 1;
	world_cut(w, gone, true, true);
	for (uint32_t i = 0; i < w->count; i++)
		if (i != gone)
			world_tell_member(w, i, gone, MEMBER_DEAD);
	world_run(w, 10000 * MS);
	expect(w, !seated(w, 0, gone));
	expect(w, voters_count(&w->node[0].store->raft.voters) == 3);
	term = raft_term(&w->node[0].store->raft);
	world_heal(w);
	for (int i = 0; i < 100; i++) {
		world_run(w, 50 * MS);
		expect(w, world_server(w) == 0);
	}
	expect(w, raft_term(&w->node[0].store->raft) == term);
}

static uint32_t open_changes(const struct raft *r)
{
	uint32_t n = 0;

	for (uint64_t i = r->commit + 1; i <= log_last(&r->log); i++)
		n += log_at(&r->log, i).kind == ENTRY_VOTERS;
	return n;
}

/* A leader without a majority, and two newcomers who reach only him: he begins one change, and no second on top of it. */
void story_double_change(struct world *w)
{
	uint32_t most = 0;

	w->node[0].founder = true;
	for (uint32_t i = 0; i < 3; i++)
		world_up(w, i);
	world_run(w, 5000 * MS);
	expect(w, world_server(w) == 0);
	expect(w, voters_count(&w->node[0].store->raft.voters) == 3);
	for (uint32_t i = 1; i < 3; i++)
		for (uint32_t k = 0; k < w->count; k++)
			w->cut[i][k] = w->cut[k][i] = true;
	world_up(w, 3);
	world_up(w, 4);
	for (int i = 0; i < 1000; i++) {
		const struct raft *r = &w->node[0].store->raft;

		world_run(w, MS);
		if (raft_leads(r) && open_changes(r) > most)
			most = open_changes(r);
	}
	expect(w, most <= 1);
	world_heal(w);
	world_run(w, 5000 * MS);
	expect(w, world_server(w) != NODES_MAX);
	expect(w, voters_count(&w->node[world_server(w)].store->raft.voters) == 3);
}

/* Two propose a birth: who accepted the first refuses the second, over a crash too. */
void story_second_proposal(struct world *w)
{
	struct message m = {.kind = MESSAGE_PROPOSE};
	struct id store;

	w->base.bootstrap_expect = 3;
	world_up(w, 2);
	world_run(w, 100 * MS);
	m.store.b[0] = 0xaa;
	m.propose.count = 3;
	for (uint32_t i = 0; i < 3; i++)
		m.propose.node[i] = w->node[i].id;
	world_inject_birth(w, 0, 2, &m);
	world_run(w, 100 * MS);
	expect(w, wal_is_made(&w->node[2].store->wal));
	store = w->node[2].store->wal.store;
	expect(w, store.b[0] == 0xaa);
	for (int life = 0; life < 2; life++) {
		m.store.b[0] = 0xbb;
		m.propose.node[0] = w->node[1].id;
		m.propose.node[1] = w->node[0].id;
		world_inject_birth(w, 1, 2, &m);
		world_run(w, 100 * MS);
		expect(w, id_same(w->node[2].store->wal.store, store));
		expect(w, w->node[2].store->wal.proposal_count == 3);
		expect(w, id_same(w->node[2].store->wal.proposal[0], w->node[0].id));
		world_kill(w, 2);
		world_up(w, 2);
		world_run(w, 100 * MS);
	}
}
