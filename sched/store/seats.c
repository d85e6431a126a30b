/* Who should sit: the leader moves the set towards the wish, one change at a time.
 *
 * Before it changes the set it proves that it still leads (a fence). Changes that rest on what the views say, or only make
 * the set better, are a minute apart: views flap. No pace is kept where nothing can flap: a set that grows up to what is
 * wished for, and a vote that can not be kept (its node left or stops, its log was lost, copied or put back). Learners
 * have no vote: they come and go at once. */
#include <stdio.h>
#include <string.h>

#include "core/must.h"
#include "sched/level.h"
#include "sched/store/inside.h"

#define PATIENCE_US 60000000u /* for a third voter, until two are better than one */

struct wish seats_wish(const struct store *s)
{
	return (struct wish){s->cfg.voters, s->cfg.spread,
			     s->pair_us == 0 || s->pair_us + PATIENCE_US > s->now_us, false};
}

static bool follows_closely(const struct store *s, struct id voter)
{
	const struct raft *r = &s->raft;
	const struct follower *f = raft_look(r, voter);

	return f != NULL && f->match >= r->lead_index &&
	       f->match + APPEND_ENTRIES_MAX >= log_last(&r->log) &&
	       f->heard_us + r->cfg.election_min_us > s->now_us;
}

static struct sitter sitter_of(const struct store *s, const struct known *k, uint32_t level)
{
	struct sitter one = {.node = k->node,
			     .voter = k->voter,
			     .zone = k->zone,
			     .scheduler = known_is_scheduler(k),
			     .alive = known_is_alive(k)};
	uint64_t patience = (uint64_t)s->cfg.replace_after_ms * 1000;
	bool left = k->state[VIEW_ALL] == MEMBER_LEFT || k->state[VIEW_SCHEDULERS] == MEMBER_LEFT;

	memcpy(one.machine, k->machine, sizeof(one.machine));
	/* A worker too old for the state is no witness; a scheduler is told, and stops. */
	if (!one.scheduler && k->level != 0 && k->level < level)
		one.alive = false;
	one.heard = raft_hears(&s->raft, k->voter);
	one.gone = !one.alive && k->since_us != 0 && s->now_us - k->since_us >= patience;
	one.left = k->leaves || (left && !one.alive && !k->stops);
	one.stops = k->stops;
	one.caught_up = one.alive && follows_closely(s, k->voter);
	one.copied = starts_is_copied(s, k->voter);
	return one;
}

static struct sitter unseen(const struct store *s, const struct seat *seat)
{
	uint64_t patience = (uint64_t)s->cfg.replace_after_ms * 1000;

	struct sitter one = {.node = seat->node,
			     .voter = seat->voter,
			     .zone = "",
			     .scheduler = seat->scheduler,
			     .heard = raft_hears(&s->raft, seat->voter),
			     .gone = s->now_us - s->raft.since_us >= patience};

	/* Not known: so no other's. */
	memcpy(one.machine, seat->node.b, sizeof(one.machine));
	return one;
}

/* Every known node as one that could sit; ourselves first. */
uint32_t seats_gather(const struct store *s, struct sitter out[STORE_MEMBERS_MAX])
{
	uint32_t count = 0, level = level_of(s->kv);
	struct sitter *me = &out[count++];

	*me = (struct sitter){.node = s->cfg.self,
			      .voter = s->wal.voter,
			      .zone = s->cfg.zone,
			      .scheduler = store_is_scheduler(s),
			      .self = true,
			      .alive = true,
			      .heard = true,
			      .caught_up = true};
	memcpy(me->machine, s->cfg.machine, sizeof(me->machine));
	for (uint32_t i = 0; i < s->roster.count && count < STORE_MEMBERS_MAX; i++)
		if (!id_same(s->roster.known[i].node, s->cfg.self))
			out[count++] = sitter_of(s, &s->roster.known[i], level);
	/* Members no view speaks of any more. */
	for (uint32_t i = 0; i < s->raft.voters.count && count < STORE_MEMBERS_MAX; i++) {
		const struct seat *seat = &s->raft.voters.seat[i];

		if (roster_look(&s->roster, seat->node) == NULL &&
		    !id_same(seat->node, s->cfg.self))
			out[count++] = unseen(s, seat);
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct parting *p = parting_of(s, out[i].node);

		out[i].left |= p != NULL && p->leaves;
		out[i].parts |= p != NULL && !p->leaves && p->needed;
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

/* ---- in words ---- */

static void name_of(const struct store *s, struct id node, char out[NAME_MAX_LEN + 1])
{
	const struct known *k = roster_look(&s->roster, node);

	snprintf(out, NAME_MAX_LEN + 1, "%s",
		 k != NULL && k->name[0] != '\0' ? k->name : id_text(node).s);
}

static const char *standing(const struct voters *v, const struct seat *seat)
{
	uint32_t at = voters_find(v, seat->voter);

	if (at == VOTERS_NONE || v->seat[at].goes)
		return "dismissed";
	if (!v->seat[at].votes)
		return "learner";
	return seat->scheduler ? "voter" : "witness";
}

static void add_moves(const struct store *s, const struct voters *of, const struct voters *from,
		      const struct voters *to, bool only_gone, char *text, size_t room)
{
	for (uint32_t i = 0; i < of->count; i++) {
		const char *was = standing(from, &of->seat[i]), *is = standing(to, &of->seat[i]);
		size_t len = strlen(text);
		char name[NAME_MAX_LEN + 1];

		if (was == is || (only_gone && strcmp(is, "dismissed") != 0))
			continue;
		name_of(s, of->seat[i].node, name);
		snprintf(text + len, room - len, " %s=%s", is, name);
	}
}

static void log_change(const struct store *s, const struct voters *from, const struct voters *to,
		       const char *why, struct outbox *o)
{
	char moves[512] = "";

	add_moves(s, to, from, to, false, moves, sizeof(moves));
	add_moves(s, from, from, to, true, moves, sizeof(moves));
	outbox_log(o, LOG_LEVEL_INFO,
		   "store members changed: voters=%u learners=%u position=%llu%s%s why=\"%s\"",
		   voters_count(to), to->count - voters_count(to),
		   (unsigned long long)log_last(&s->raft.log), moves,
		   voters_is_joint(&s->raft.voters) ? " by=joint" : "", why);
}

/* ---- the pace ---- */

static bool votes_differ(const struct voters *a, const struct voters *b)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (voters_votes(b, a->seat[i].voter) != voters_votes(a, a->seat[i].voter))
			return true;
	for (uint32_t i = 0; i < b->count; i++)
		if (voters_votes(b, b->seat[i].voter) && !voters_votes(a, b->seat[i].voter))
			return true;
	return false;
}

/* Whoever leads next must keep the pace too: every member notes when who votes changed. */
static void note_votes(struct store *s)
{
	if (s->votes_index == s->raft.voters_index)
		return;
	s->votes_index = s->raft.voters_index;
	if (!votes_differ(&s->votes, &s->raft.voters))
		return;
	s->votes = s->raft.voters;
	s->votes_us = s->now_us;
	s->pair_us = 0;
}

static bool may_now(const struct store *s, const struct plan *p)
{
	return !p->votes || p->urgent ||
	       s->votes_us + (uint64_t)s->cfg.change_every_ms * 1000 <= s->now_us;
}

/* The change to make now: a start to record first, then who sits. */
static bool look(struct store *s, struct plan *p)
{
	struct sitter sitters[STORE_MEMBERS_MAX];
	struct wish wish = seats_wish(s);
	uint32_t count;
	bool found;

	if (starts_record(s, &p->next)) {
		p->votes = false;
		p->why = NULL;
		return true;
	}
	count = seats_gather(s, sitters);
	found = plan_next(&s->raft.voters, sitters, count, wish, p);
	if (s->pair_us == 0 && wish.patient && !(found && p->votes)) {
		struct plan hasty;

		wish.patient = false;
		if (plan_next(&s->raft.voters, sitters, count, wish, &hasty) && hasty.votes)
			s->pair_us = s->now_us;
	}
	if (!found || (may_now(s, p) && stands(s, &p->next)))
		return found;
	/* Who learns does not wait for it. */
	wish.still = true;
	return p->votes && plan_next(&s->raft.voters, sitters, count, wish, p);
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
	struct voters before;
	struct plan p;

	note_votes(s);
	if (!raft_leads(&s->raft) || !raft_may_change(&s->raft) ||
	    (s->raft.cfg.witness && has_heir(s))) {
		s->seats_round = 0;
		return;
	}
	if (s->seats_round == 0 ? s->seats_us > s->now_us : raft_fenced(&s->raft) < s->seats_round)
		return;
	s->seats_us = s->now_us + s->raft.cfg.heartbeat_us / 2;
	if (!look(s, &p)) {
		s->seats_round = 0;
		return;
	}
	if (s->seats_round == 0) {
		s->seats_round = raft_fence(&s->raft);
		return;
	}
	s->seats_round = 0;
	before = s->raft.voters;
	if (raft_change(&s->raft, &p.next) && p.why != NULL)
		log_change(s, &before, &p.next, p.why, o);
}
