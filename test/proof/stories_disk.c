/* Schedules about disks, snapshots and fences. */
#include "test/proof/story.h"

/* ---- a snapshot that comes late ---- */

static struct buffer late[8];
static uint32_t late_count;

/* Keeps what is shipped to node 2. */
static bool keep_pieces(struct world *w, uint32_t from, uint32_t to, const struct message *m)
{
	(void)w, (void)from;
	if (m->kind == MESSAGE_SNAPSHOT && to == 2 && late_count < 8) {
		enum err err;

		buffer_init(&late[late_count], FRAME_MAX);
		err = message_put(m, &late[late_count++]);
		must(err == OK);
	}
	return false;
}

/* A shipment's frames come a second time, when its receiver is far beyond: nothing of its log or its map goes back. */
void story_stale_snapshot(struct world *w)
{
	uint64_t last, applied;

	late_count = 0;
	if (!story_settle(w))
		return;
	world_kill(w, 2);
	story_commit(w, 0, 400);
	expect(w, w->node[0].store->raft.log.base > 50);
	w->drop = keep_pieces;
	world_up(w, 2);
	world_run(w, 3000 * MS);
	w->drop = NULL;
	expect(w, late_count > 0 && world_said(&w->node[2], "snapshot installed"));
	w->base.snapshot_every = 4 << 20;
	story_commit(w, 0, 30);
	last = log_last(&w->node[2].store->raft.log);
	applied = w->node[2].store->applied;
	expect(w, applied == last && w->node[2].store->raft.log.base < last);
	for (uint32_t i = 0; i < late_count; i++)
		world_resend(w, 0, 2, buffer_bytes(&late[i]));
	world_run(w, 20 * MS);
	for (uint32_t i = 0; i < late_count; i++)
		buffer_fini(&late[i]);
	expect(w, log_last(&w->node[2].store->raft.log) >= last);
	expect(w, w->node[2].store->applied >= applied);
	world_run(w, 500 * MS);
	expect(w, world_map_crc(w->node[2].store) == world_map_crc(w->node[0].store));
}

/* One that led once holds a tail nobody else ever had, and gets a snapshot from amidst it. The power goes before its log says
 * so: what it then writes and syncs is still there after the next start. */
void story_foreign_tail(struct world *w)
{
	uint64_t before;
	uint32_t next;

	if (!story_settle(w))
		return;
	world_cut(w, 0, true, true);
	before = log_last(&w->node[0].store->raft.log);
	for (int i = 0; i < 600; i++) {
		world_commit(w, 0);
		if (i % 10 == 0)
			world_run(w, 2 * MS);
	}
	world_run(w, 2500 * MS);
	next = world_server(w);
	expect(w, next == 1 || next == 2);
	story_commit(w, next, 300);
	expect(w, w->node[next].store->raft.log.base > before);
	expect(w, w->node[next].store->snapshot.index < log_last(&w->node[0].store->raft.log));
	w->node[0].slow_us = 30 * MS;
	world_heal(w);
	for (int i = 0; i < 5000 && !world_said(&w->node[0], "snapshot installed"); i++)
		world_run(w, MS);
	expect(w, world_said(&w->node[0], "snapshot installed"));
	world_kill(w, 0);
	w->node[0].slow_us = 0;
	world_up(w, 0);
	world_run(w, 3000 * MS);
	for (int life = 0; life < 3; life++) {
		uint64_t stored;

		story_commit(w, world_server(w), 3);
		world_run(w, 200 * MS);
		stored = w->node[0].store->raft.stored;
		expect(w, stored == log_last(&w->node[next].store->raft.log));
		world_kill(w, 0);
		world_up(w, 0);
		expect(w, w->breach == NULL);
		expect(w, log_last(&w->node[0].store->raft.log) >= stored);
		world_run(w, 3000 * MS);
	}
}

/* ---- disks ---- */

/* The leader's own disk is slow: the others' suffice for a commit, and nothing is lost with the leader. */
void story_slow_leader(struct world *w)
{
	uint64_t began;
	uint32_t next;

	if (!story_settle(w))
		return;
	w->node[0].slow_us = 900 * MS;
	began = w->now;
	story_commit(w, 0, 50);
	expect(w, w->acked == 50);
	expect(w, w->now - began < 900 * MS);
	expect(w, w->node[0].store->raft.stored < log_last(&w->node[0].store->raft.log));
	world_kill(w, 0);
	world_run(w, 2000 * MS);
	next = world_server(w);
	expect(w, next == 1 || next == 2);
	world_up(w, 0);
	w->node[0].slow_us = 0;
	world_run(w, 3000 * MS);
	expect(w, world_map_crc(w->node[0].store) == world_map_crc(w->node[next].store));
}

/* The process is killed while its disk writes, starts, and then the power goes: what the start read was not durable, and must not
 * be torn together with what it wrote itself. */
void story_killed_then_dark(struct world *w)
{
	if (!story_settle(w))
		return;
	for (int i = 0; i < 40; i++) {
		w->node[1].slow_us = 20 * MS;
		world_commit_of(w, 0, 3000);
		world_run(w, 3 * MS);
		world_stop(w, 1);
		world_up(w, 1);
		world_run(w, (uint64_t)(i % 8) * 6 * MS);
		world_kill(w, 1);
		w->node[1].slow_us = 0;
		world_up(w, 1);
		expect(w, w->breach == NULL);
		world_run(w, 500 * MS);
	}
	expect(w, world_server(w) == 0);
}

/* With two of three left nothing is acknowledged before both disks have it: neither on the follower's word nor on the own
 * one. */
void story_early_acknowledgement(struct world *w)
{
	if (!story_settle(w))
		return;
	world_cut(w, 2, true, true);
	for (uint32_t slow = 0; slow < 2; slow++) {
		uint64_t token;

		w->node[slow].slow_us = 250 * MS;
		token = world_commit(w, 0);
		world_run(w, 200 * MS);
		expect(w, !world_is_acked(w, token));
		world_run(w, 200 * MS);
		expect(w, world_is_acked(w, token));
		w->node[slow].slow_us = 0;
	}
}

/* A voter's disk is put back to what it was before it voted and acknowledged. What it promised since, it does not know: it
 * has no voice, so that with it and one that lacks the entries nothing is decided. */
void story_rolled_back(struct world *w)
{
	struct shelf then = {0};

	if (!story_settle(w))
		return;
	world_stop(w, 1);
	shelf_copy(&then, &w->node[1].shelf);
	world_up(w, 1);
	world_run(w, 1000 * MS);
	world_cut(w, 2, true, true);
	story_commit(w, 0, 20);
	expect(w, w->acked == 20);
	world_stop(w, 1);
	shelf_copy(&w->node[1].shelf, &then);
	shelf_fini(&then);
	watch_forget(w, 1);
	/* Node 0, which knows all of it, is away. */
	world_cut(w, 0, true, true);
	w->cut[1][2] = w->cut[2][1] = false;
	world_up(w, 1);
	world_run(w, 5000 * MS);
	expect(w, w->breach == NULL);
	world_heal(w);
	world_run(w, 8000 * MS);
	expect(w, world_server(w) != NODES_MAX);
	expect(w, w->node[world_server(w)].store->applied >= 20);
}

/* The disk of a voter runs in two machines at once: one of the two is heard, and never both. */
void story_cloned(struct world *w)
{
	w->node[0].founder = true;
	for (uint32_t i = 0; i < 3; i++)
		world_up(w, i);
	world_run(w, 5000 * MS);
	expect(w, world_server(w) == 0);
	story_commit(w, 0, 10);
	world_stop(w, 1);
	world_twin(w, 3, 1);
	world_up(w, 1);
	world_up(w, 3);
	world_run(w, 3000 * MS);
	expect(w, world_said(&w->node[0], "log copied or restored: voter=") ||
			  world_said(&w->node[2], "log copied or restored: voter="));
	world_kill(w, 0);
	world_run(w, 5000 * MS);
	world_up(w, 0);
	world_stop(w, 3);
	world_run(w, 5000 * MS);
	expect(w, world_server(w) != NODES_MAX);
}

/* The same with one that only follows: it is told, and joins anew. */
void story_copied_learner(struct world *w)
{
	w->node[0].founder = true;
	for (uint32_t i = 0; i < 4; i++)
		world_up(w, i);
	world_run(w, 8000 * MS);
	expect(w, world_server(w) == 0 && !raft_votes(&w->node[3].store->raft));
	world_stop(w, 3);
	world_twin(w, 4, 3);
	world_up(w, 4);
	world_run(w, 300 * MS);
	world_up(w, 3);
	world_run(w, 1000 * MS);
	expect(w, world_said(&w->node[0], "log copied or restored: voter="));
	world_stop(w, 4);
	w->node[4].left = true;
	world_run(w, 10000 * MS);
	story_commit(w, 0, 5);
	expect(w, w->node[3].store->applied == w->node[0].store->applied);
}

/* ---- fences ---- */

/* A fence wants answers given after it was asked: those to the heartbeats before are none. */
void story_old_fence(struct world *w)
{
	uint64_t fence;

	if (!story_settle(w))
		return;
	fence = world_fence(w, 0);
	world_run(w, 50 * MS);
	expect(w, w->fenced == fence && w->fenced_err == OK);
	/* The others are elected without him while he still thinks he leads. */
	world_cut(w, 0, true, true);
	fence = world_fence(w, 0);
	world_run(w, 200 * MS);
	expect(w, w->fenced != fence);
	world_run(w, 2000 * MS);
	expect(w, w->fenced == fence && w->fenced_err == ERR_FENCED);
	expect(w, world_server(w) != 0);
}
