/* Schedules with a name: what random faults hardly ever find, played step by step, with what must come of it. */
#ifndef TEST_PROOF_STORY_H
#define TEST_PROOF_STORY_H

#include "test/proof/world.h"

struct story {
	const char *name;
	void (*play)(struct world *w);
	uint32_t nodes, schedulers; /* of a world where nobody is up yet */
};

extern const struct story stories[];
extern const uint32_t story_count;

const struct story *story_find(const char *name); /* NULL: there is none */
/* What was not as it must be, or NULL. */
const char *story_run(const struct story *s, bool loud);

/* In a story: what must hold now. */
#define expect(w, fact)                                                                            \
	do {                                                                                       \
		if (!(fact)) {                                                                     \
			world_breach(w, #fact);                                                    \
			return;                                                                    \
		}                                                                                  \
	} while (0)

/* stories.c: votes and the log; stories_set.c: who belongs to it; stories_disk.c: disks and fences */
void story_figure_8(struct world *w);
void story_unverified_suffix(struct world *w);
void story_disruptive_server(struct world *w);
void story_vote_under_leader(struct world *w);
void story_lost_vote(struct world *w);
void story_early_vote(struct world *w);
void story_short_log(struct world *w);
void story_deaf_leader(struct world *w);
void story_mute_leader(struct world *w);
void story_stale_snapshot(struct world *w);
void story_slow_leader(struct world *w);
void story_early_acknowledgement(struct world *w);
void story_rolled_back(struct world *w);
void story_cloned(struct world *w);
void story_foreign_tail(struct world *w);
void story_killed_then_dark(struct world *w);
void story_copied_learner(struct world *w);
void story_old_fence(struct world *w);
void story_leader_leaves(struct world *w);
void story_removed_server(struct world *w);
void story_double_change(struct world *w);
void story_half_a_swap(struct world *w);
void story_unknown_member(struct world *w);
void story_witness_alone(struct world *w);
void story_second_proposal(struct world *w);

/* What several of them begin with or ask. */
bool story_settle(struct world *w); /* node 0 founds, all start; false: a breach */
void story_commit(struct world *w, uint32_t at, int count);
uint32_t story_leader(const struct world *w); /* of the highest term, serving or not */
struct message story_vote_wish(uint64_t term);

#endif
