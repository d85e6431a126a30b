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

/* The leader started when one of the voters was dead already, and no view ever named it to him: it is replaced all the same, and
 * then the set stays as it is. */
void story_unknown_member(struct world *w)
{
	const struct voters *v;
	uint64_t index;

	w->base.replace_after_ms = 3000;
	w->base.change_every_ms = 500;
	w->node[0].founder = true;
	for (uint32_t i = 0; i < 3; i++)
		world_up(w, i);
	world_run(w, 5000 * MS);
	expect(w, world_server(w) == 0 && seated(w, 0, 2));
	world_kill(w, 2);
	w->node[2].left = true;
	for (uint32_t i = 0; i < 2; i++) {
		world_kill(w, i);
		world_up(w, i);
	}
	world_up(w, 3);
	world_run(w, 15000 * MS);
	expect(w, world_server(w) != NODES_MAX);
	v = &w->node[world_server(w)].store->raft.voters;
	expect(w, voters_find_node(v, w->node[2].id) == VOTERS_NONE);
	expect(w, voters_count(v) == 3);
	index = w->node[world_server(w)].store->raft.voters_index;
	world_run(w, 10000 * MS);
	expect(w, w->node[world_server(w)].store->raft.voters_index == index);
}

/* A witness leads, and the schedulers that live are no members any more: they are let in, and one directs. */
void story_witness_alone(struct world *w)
{
	uint32_t server;

	w->base.replace_after_ms = 2000;
	w->base.change_every_ms = 500;
	if (!story_settle(w))
		return;
	world_kill(w, 1);
	world_run(w, 10000 * MS);
	story_commit(w, 0, 20);
	expect(w, w->acked == 20 && !seated(w, 0, 1) && seated(w, 0, 2) && seated(w, 0, 3));
	/* The scheduler's disk is lost: what it knew, the witnesses hold. */
	world_wipe(w, 0);
	world_run(w, 1000 * MS);
	world_up(w, 0);
	world_up(w, 1);
	world_run(w, 15000 * MS);
	server = world_server(w);
	expect(w, server == 0 || server == 1);
	expect(w, w->node[server].store->applied >= 20);
	expect(w, kv_count(store_map(w->node[server].store)) > 0);
}

/* Who votes gets no entries, only heartbeats. */
static bool drop_entries_to_voters(struct world *w, uint32_t from, uint32_t to,
				   const struct message *m)
{
	(void)w, (void)from;
	return to < 3 && m->kind == MESSAGE_APPEND && m->append.count > 0;
}

/* A leader whose entries do not get through, though his heartbeats do, and two newcomers, one after the other: he begins one
 * change, and no second on top of it. */
void story_double_change(struct world *w)
{
	uint32_t most = 0;

	w->base.change_every_ms = 200;
	w->node[0].founder = true;
	for (uint32_t i = 0; i < 3; i++)
		world_up(w, i);
	world_run(w, 5000 * MS);
	expect(w, world_server(w) == 0);
	expect(w, voters_count(&w->node[0].store->raft.voters) == 3);
	w->drop = drop_entries_to_voters;
	world_up(w, 3);
	for (int i = 0; i < 5000; i++) {
		const struct raft *r = &w->node[0].store->raft;

		if (i == 2000)
			world_up(w, 4);
		world_run(w, MS);
		expect(w, raft_leads(r));
		if (open_changes(r) > most)
			most = open_changes(r);
	}
	expect(w, most == 1);
	w->drop = NULL;
	world_run(w, 5000 * MS);
	expect(w, world_server(w) == 0);
	expect(w, voters_find_node(&w->node[0].store->raft.voters, w->node[4].id) != VOTERS_NONE);
}

/* One voter gets nothing of a joint set. */
static uint32_t not_told;

static bool drop_joint(struct world *w, uint32_t from, uint32_t to, const struct message *m)
{
	return to == not_told && m->kind == MESSAGE_APPEND && m->append.count > 0 &&
	       voters_is_joint(&w->node[from].store->raft.voters);
}

/* A swap is under way: the new set has a majority at hand, the old one has not. Nothing is decided; and where the old one has
 * a majority, the swap never was. */
void story_half_a_swap(struct world *w)
{
	const struct raft *r;
	uint32_t spare, gone, stays;
	uint64_t index;

	w->base.replace_after_ms = 3000;
	w->base.change_every_ms = 500;
	if (!story_settle(w))
		return;
	r = &w->node[0].store->raft;
	spare = outsider(w);
	expect(w, spare != NODES_MAX);
	gone = spare == 1 ? 2 : 1;
	stays = 6 - spare - gone;
	not_told = stays;
	w->drop = drop_joint;
	world_kill(w, gone);
	for (int i = 0; i < 10000 && !voters_is_joint(&r->voters); i++)
		world_run(w, MS);
	expect(w, voters_is_joint(&r->voters) && r->commit < r->voters_index);
	index = r->voters_index;
	world_cut(w, stays, true, true);
	for (int i = 0; i < 300; i++) {
		world_run(w, MS);
		expect(w, r->commit < index);
	}
	world_cut(w, 0, true, true);
	world_cut(w, spare, true, true);
	w->cut[stays][gone] = w->cut[gone][stays] = false;
	w->cut[0][spare] = w->cut[spare][0] = false;
	world_up(w, gone);
	world_run(w, 4000 * MS);
	expect(w, world_server(w) == stays || world_server(w) == gone);
	expect(w, !raft_leads(r));
	story_commit(w, world_server(w), 5);
	expect(w, w->acked == 5);
	world_heal(w);
	world_run(w, 5000 * MS);
	expect(w, world_server(w) != NODES_MAX);
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
