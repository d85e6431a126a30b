#include "test/proof/story.h"

const struct story stories[] = {
	{"figure-8", story_figure_8, 5, 5},
	{"unverified-suffix", story_unverified_suffix, 5, 5},
	{"disruptive-server", story_disruptive_server, 3, 3},
	{"vote-under-leader", story_vote_under_leader, 3, 3},
	{"lost-vote", story_lost_vote, 3, 3},
	{"early-vote", story_early_vote, 3, 3},
	{"short-log", story_short_log, 3, 3},
	{"deaf-leader", story_deaf_leader, 3, 3},
	{"mute-leader", story_mute_leader, 3, 3},
	{"stale-snapshot", story_stale_snapshot, 3, 3},
	{"foreign-tail", story_foreign_tail, 3, 3},
	{"killed-then-dark", story_killed_then_dark, 3, 3},
	{"slow-leader", story_slow_leader, 3, 3},
	{"early-acknowledgement", story_early_acknowledgement, 3, 3},
	{"rolled-back", story_rolled_back, 3, 3},
	{"cloned", story_cloned, 4, 4},
	{"copied-learner", story_copied_learner, 5, 5},
	{"old-fence", story_old_fence, 3, 3},
	{"leader-leaves", story_leader_leaves, 4, 4},
	{"removed-server", story_removed_server, 4, 4},
	{"double-change", story_double_change, 5, 5},
	{"half-a-swap", story_half_a_swap, 4, 4},
	{"unknown-member", story_unknown_member, 4, 4},
	{"witness-alone", story_witness_alone, 4, 2},
	{"second-proposal", story_second_proposal, 3, 3},
};
const uint32_t story_count = sizeof(stories) / sizeof(stories[0]);

const struct story *story_find(const char *name)
{
	for (uint32_t i = 0; i < story_count; i++)
		if (strcmp(stories[i].name, name) == 0)
			return &stories[i];
	return NULL;
}

const char *story_run(const struct story *s, bool loud)
{
	struct world *w = world_open(9, s->nodes, s->schedulers);
	const char *breach;

	w->loud |= loud;
	s->play(w);
	if (w->loud && w->breach != NULL)
		world_show(w);
	breach = w->breach;
	world_close(w);
	return breach;
}

bool story_settle(struct world *w)
{
	w->node[0].founder = true;
	for (uint32_t i = 0; i < w->count; i++)
		world_up(w, i);
	world_run(w, 5000 * MS);
	if (world_server(w) != 0)
		world_breach(w, "the founder does not serve");
	return w->breach == NULL;
}

void story_commit(struct world *w, uint32_t at, int count)
{
	for (int i = 0; i < count; i++) {
		world_commit(w, at);
		world_run(w, 2 * MS);
	}
	world_run(w, 100 * MS);
}

uint32_t story_leader(const struct world *w)
{
	uint32_t best = NODES_MAX;

	for (uint32_t i = 0; i < w->count; i++)
		if (w->node[i].store != NULL && raft_leads(&w->node[i].store->raft) &&
		    (best == NODES_MAX ||
		     raft_term(&w->node[i].store->raft) > raft_term(&w->node[best].store->raft)))
			best = i;
	return best;
}

struct message story_vote_wish(uint64_t term)
{
	struct message m = {.kind = MESSAGE_VOTE, .boot = 1000, .nonce = 1, .term = term};

	m.vote.last = 1000000;
	m.vote.last_term = term - 1;
	return m;
}
