/* Who should sit: the leader moves the set towards the wish, one seat at a time. */
#include <string.h>

#include "core/must.h"
#include "sched/store/inside.h"

struct voters_wish seats_wish(const struct store *s)
{
	return (struct voters_wish){s->cfg.voters, s->cfg.spread};
}

static bool follows_closely(const struct store *s, struct id voter)
{
	const struct raft *r = &s->raft;

	for (uint32_t i = 0; i < r->follower_count; i++) {
		const struct follower *f = &r->followers[i];

		if (id_same(f->voter, voter))
			return f->match >= r->lead_index &&
			       f->match + APPEND_ENTRIES_MAX >= log_last(&r->log) &&
			       f->heard_us + r->cfg.election_min_us > s->now_us;
	}
	return false;
}

/* Every known node as one that could sit; ourselves first. */
uint32_t seats_gather(const struct store *s, struct sitter out[STORE_MEMBERS_MAX])
{
	uint64_t patience = (uint64_t)s->cfg.replace_after_ms * 1000;
	uint32_t count = 0, level = level_of(s->kv);
	struct sitter *me = &out[count++];

	*me = (struct sitter){.node = s->cfg.self,
			      .voter = s->wal.voter,
			      .scheduler = store_is_scheduler(s),
			      .self = true,
			      .alive = true,
			      .caught_up = true};
	memcpy(me->machine, s->cfg.machine, sizeof(me->machine));
	for (uint32_t i = 0; i < s->roster.count && count < STORE_MEMBERS_MAX; i++) {
		const struct known *k = &s->roster.known[i];
		bool left = k->state[VIEW_ALL] == MEMBER_LEFT ||
			    k->state[VIEW_SCHEDULERS] == MEMBER_LEFT;
		struct sitter *one;

		if (id_same(k->node, s->cfg.self))
			continue;
		one = &out[count++];
		*one = (struct sitter){.node = k->node,
				       .voter = k->voter,
				       .scheduler = known_is_scheduler(k),
				       .alive = known_is_alive(k)};
		/* A worker too old for the state is no witness; a scheduler is told, and stops. */
		if (!one->scheduler && k->level != 0 && k->level < level)
			one->alive = false;
		one->gone = !one->alive && k->since_us != 0 &&
			    (left || s->now_us - k->since_us >= patience);
		one->caught_up = one->alive && follows_closely(s, k->voter);
		memcpy(one->machine, k->machine, sizeof(one->machine));
	}
	/* Members no view speaks of any more. */
	for (uint32_t i = 0; i < s->raft.voters.count && count < STORE_MEMBERS_MAX; i++) {
		const struct seat *seat = &s->raft.voters.seat[i];

		if (roster_look(&s->roster, seat->node) != NULL || id_same(seat->node, s->cfg.self))
			continue;
		out[count++] = (struct sitter){
			.node = seat->node,
			.voter = seat->voter,
			.scheduler = seat->scheduler,
			.gone = s->now_us - s->raft.since_us >= patience,
		};
	}
	return count;
}

/* A majority that we hear now: none that needs the silent should come to be. */
static bool stands(const struct store *s, const struct voters *next)
{
	bool yes[STORE_REPLICAS_MAX];

	for (uint32_t i = 0; i < next->count; i++)
		yes[i] = raft_hears(&s->raft, next->seat[i].voter);
	return voters_agree(next, yes);
}

/* A witness that leads hands over to a scheduler who votes; only where there is none it seats one. */
static bool has_heir(const struct store *s)
{
	const struct voters *v = &s->raft.voters;

	for (uint32_t i = 0; i < v->count; i++)
		if (v->seat[i].votes && v->seat[i].scheduler &&
		    raft_hears(&s->raft, v->seat[i].voter))
			return true;
	return false;
}

void seats_turn(struct store *s, struct outbox *o)
{
	struct sitter sitters[STORE_MEMBERS_MAX];
	struct voters next;
	uint32_t count;

	if (!raft_leads(&s->raft) || !raft_may_change(&s->raft) ||
	    (s->raft.cfg.witness && has_heir(s)) || s->seats_us > s->now_us)
		return;
	s->seats_us = s->now_us + s->raft.cfg.heartbeat_us / 2;
	count = seats_gather(s, sitters);
	if (!voters_next(&s->raft.voters, sitters, count, seats_wish(s), &next))
		return;
	if (!stands(s, &next))
		return;
	if (!raft_change(&s->raft, &next))
		return;
	outbox_log(o, LOG_LEVEL_INFO, "store members changed: voters=%u learners=%u position=%llu",
		   voters_count(&next), next.count - voters_count(&next),
		   (unsigned long long)log_last(&s->raft.log));
}
