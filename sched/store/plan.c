#include "sched/store/plan.h"

#include <string.h>

#include "core/must.h"

/* What a decision is made from. `seat` is by seat of `now`; a seat of whom nothing is known has no sitter. */
struct room {
	const struct voters *now;
	const struct sitter *sitter;
	uint32_t count;
	struct wish wish;
	const struct sitter *of[STORE_REPLICAS_MAX];
	bool one_machine; /* all live nodes are on one: machines do not tell them apart */
	uint32_t draft;
};

/* A set being made: places in `now`. */
struct choice {
	bool votes[STORE_REPLICAS_MAX];
	uint32_t count;
};

static void room_open(struct room *r, const struct voters *now, const struct sitter *s,
		      uint32_t count, struct wish wish)
{
	const struct sitter *some = NULL;

	must(wish.voters > 0);
	must(!voters_is_joint(now));
	*r = (struct room){.now = now, .sitter = s, .count = count, .wish = wish};
	r->one_machine = true;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = 0;

		while (at < now->count && !id_same(now->seat[at].node, s[i].node))
			at++;
		/* A node that lost its log can have two seats for a while. */
		for (; at < now->count; at++)
			if (id_same(now->seat[at].node, s[i].node))
				r->of[at] = &s[i];
		if (!s[i].alive)
			continue;
		if (some != NULL && memcmp(some->machine, s[i].machine, 16) != 0)
			r->one_machine = false;
		some = &s[i];
	}
}

/* The seat's voter is no more: its node has another id now. */
static bool is_stale(const struct room *r, uint32_t at)
{
	const struct sitter *one = r->of[at];

	return one != NULL && !id_is_none(one->voter) &&
	       !id_same(one->voter, r->now->seat[at].voter);
}

static bool is_self(const struct room *r, uint32_t at)
{
	return r->of[at] != NULL && r->of[at]->self && !is_stale(r, at);
}

/* Its vote goes at once, whoever is there to take it. */
static bool must_go(const struct room *r, uint32_t at)
{
	const struct sitter *one = r->of[at];

	return one != NULL && (one->left || one->parts || one->copied);
}

/* Its vote goes when there is another to take it. */
static bool should_go(const struct room *r, uint32_t at)
{
	const struct sitter *one = r->of[at];

	return is_stale(r, at) || (one != NULL && one->gone);
}

static bool may_vote(const struct room *r, uint32_t at)
{
	const struct sitter *one = r->of[at];

	return one != NULL && one->alive && one->caught_up &&
	       !(one->stops && !r->now->seat[at].votes) && !is_stale(r, at) && !must_go(r, at) &&
	       !one->gone;
}

static bool same_zone(const struct sitter *a, const struct sitter *b)
{
	return a->zone != NULL && b->zone != NULL && a->zone[0] != '\0' &&
	       strcmp(a->zone, b->zone) == 0;
}

/* Another of the choice, before this place, is on the same machine. */
static bool shares_machine(const struct room *r, const struct choice *c, uint32_t at, uint32_t end)
{
	for (uint32_t i = 0; i < end; i++)
		if (i != at && c->votes[i] && r->of[i] != NULL && r->of[at] != NULL &&
		    memcmp(r->of[i]->machine, r->of[at]->machine, 16) == 0)
			return true;
	return false;
}

static bool shares_zone(const struct room *r, const struct choice *c, uint32_t at)
{
	for (uint32_t i = 0; i < at; i++)
		if (c->votes[i] && r->of[i] != NULL && r->of[at] != NULL &&
		    same_zone(r->of[i], r->of[at]))
			return true;
	return false;
}

/* Two schedulers, so that one can follow the other; then machines, schedulers, zones: what comes first outweighs all that
 * follows. */
static uint32_t worth(const struct room *r, const struct choice *c)
{
	uint32_t machines = 0, schedulers = 0, zones = 0;

	for (uint32_t i = 0; i < r->now->count; i++) {
		if (!c->votes[i])
			continue;
		machines += !shares_machine(r, c, i, i);
		schedulers += r->now->seat[i].scheduler;
		zones += !shares_zone(r, c, i);
	}
	return (((schedulers < 2 ? schedulers : 2) * 32 + machines) * 32 + schedulers) * 32 + zones;
}

static void choose(struct choice *c, uint32_t at, bool votes)
{
	must(c->votes[at] != votes);
	c->votes[at] = votes;
	c->count += votes ? 1u : UINT32_MAX;
}

/* The seat that makes the choice best by joining it; VOTERS_NONE: none can. */
static uint32_t best_to_add(const struct room *r, const struct choice *c)
{
	uint32_t best = VOTERS_NONE, most = 0;

	for (uint32_t i = 0; i < r->now->count; i++) {
		struct choice with = *c;

		if (c->votes[i] || !may_vote(r, i) ||
		    (r->wish.spread && shares_machine(r, c, i, r->now->count)))
			continue;
		/* A witness beside a voter on one machine adds nothing. */
		if (!r->now->seat[i].scheduler && !r->one_machine &&
		    shares_machine(r, c, i, r->now->count))
			continue;
		choose(&with, i, true);
		if (worth(r, &with) > most) {
			most = worth(r, &with);
			best = i;
		}
	}
	return best;
}

/* The seat that the choice misses least; never our own. */
static uint32_t best_to_drop(const struct room *r, const struct choice *c)
{
	uint32_t best = VOTERS_NONE, most = 0;

	for (uint32_t i = 0; i < r->now->count; i++) {
		struct choice without = *c;
		uint32_t left;

		if (!c->votes[i] || is_self(r, i))
			continue;
		choose(&without, i, false);
		left = 1 + worth(r, &without) + (should_go(r, i) ? 2u << 20 : 0) +
		       (r->of[i] == NULL || !r->of[i]->alive ? 1u << 20 : 0);
		if (left > most) {
			most = left;
			best = i;
		}
	}
	return best;
}

/* One for one, when that is better by what counts first. */
static const char *exchange(const struct room *r, struct choice *c)
{
	struct choice best = *c;
	uint32_t most = worth(r, c);

	for (uint32_t out = 0; out < r->now->count; out++) {
		struct choice with = *c;
		uint32_t in;

		if (!c->votes[out] || is_self(r, out))
			continue;
		choose(&with, out, false);
		in = best_to_add(r, &with);
		if (in == VOTERS_NONE || in == out)
			continue;
		choose(&with, in, true);
		if (worth(r, &with) > most) {
			most = worth(r, &with);
			best = with;
		}
	}
	if (most == worth(r, c))
		return NULL;
	*c = best;
	return "a better place: machines, then schedulers, then zones";
}

/* The choice has a majority of voters that answer. */
static bool is_heard(const struct room *r, const struct choice *c)
{
	uint32_t heard = 0;

	for (uint32_t i = 0; i < r->now->count; i++)
		heard += c->votes[i] && r->of[i] != NULL && r->of[i]->heard;
	return heard > c->count / 2;
}

/* With one scheduler left for good, witnesses would only be there to fail. */
static bool is_lone_scheduler(const struct room *r, const struct choice *c)
{
	uint32_t chosen = 0, left = 0;

	for (uint32_t i = 0; i < r->now->count; i++)
		chosen += c->votes[i] && r->now->seat[i].scheduler;
	for (uint32_t i = 0; i < r->count; i++)
		left += r->sitter[i].scheduler && !r->sitter[i].left;
	return chosen == 1 && left == 1;
}

static void keep_only(const struct room *r, struct choice *c, bool heard, bool scheduler)
{
	for (uint32_t i = 0; i < r->now->count; i++)
		if (c->votes[i] && ((heard && (r->of[i] == NULL || !r->of[i]->heard)) ||
				    (scheduler && !r->now->seat[i].scheduler)))
			choose(c, i, false);
}

/* One more candidate than those who could vote now is on its way. */
static bool has_third(const struct room *r, const struct choice *c)
{
	for (uint32_t i = 0; i < r->count; i++) {
		const struct sitter *one = &r->sitter[i];
		bool chosen = false;

		for (uint32_t k = 0; k < r->now->count; k++)
			chosen |= c->votes[k] && id_same(r->now->seat[k].node, one->node);
		if (!chosen && one->alive && !one->left && !one->parts && !one->stops &&
		    !one->copied && (one->scheduler || i == r->draft))
			return true;
	}
	return false;
}

/* Who stays, whatever else happens; why, when somebody does not. */
static const char *stay(const struct room *r, struct choice *c)
{
	const char *why = NULL;

	for (uint32_t i = 0; i < r->now->count; i++) {
		if (!r->now->seat[i].votes)
			continue;
		if (must_go(r, i))
			why = r->of[i]->left    ? "it left"
			      : r->of[i]->parts ? "it stops, and its absence would end the quorum"
						: "its log was copied or restored";
		else if (!should_go(r, i))
			choose(c, i, true);
	}
	return why;
}

/* Those that are only dead keep their votes as long as nobody takes them. */
static void keep_dead(const struct room *r, struct choice *c)
{
	for (uint32_t i = 0; i < r->now->count && c->count < r->wish.voters; i++)
		if (r->now->seat[i].votes && !c->votes[i] && !must_go(r, i))
			choose(c, i, true);
}

/* Somebody loses the vote only because the views hold it dead. */
static bool doubts(const struct room *r, const struct choice *c)
{
	for (uint32_t i = 0; i < r->now->count; i++)
		if (r->now->seat[i].votes && !c->votes[i] && !is_stale(r, i))
			return true;
	return false;
}

/* Who should vote; why it is not as it was, or NULL. */
static const char *elect(const struct room *r, struct choice *c, bool *urgent)
{
	uint32_t before = voters_count(r->now), added = 0, at;
	const char *parting = stay(r, c);

	while (c->count < r->wish.voters && (at = best_to_add(r, c)) != VOTERS_NONE) {
		choose(c, at, true);
		added++;
	}
	keep_dead(r, c);
	*urgent = true;
	if (parting != NULL) {
		if (is_lone_scheduler(r, c))
			keep_only(r, c, false, true);
		/* Its going would leave no quorum: then the silent go with it. */
		if (!is_heard(r, c))
			keep_only(r, c, true, false);
		return parting;
	}
	if (before == 1 && c->count == 2 && r->wish.voters > 2 && r->wish.patient &&
	    has_third(r, c))
		return NULL;
	if (added > 0 && c->count == before + added)
		return "the set grows";
	if (added > 0) {
		*urgent = !doubts(r, c);
		return *urgent ? "its log was lost" : "gone for too long";
	}
	*urgent = false;
	if (c->count > r->wish.voters) {
		while (c->count > r->wish.voters && (at = best_to_drop(r, c)) != VOTERS_NONE)
			choose(c, at, false);
		return "more voters than are wished for";
	}
	return exchange(r, c);
}

/* ---- learners ---- */

static bool is_seated(const struct voters *v, struct id voter)
{
	return voters_find(v, voter) != VOTERS_NONE;
}

static void seat_learners(const struct room *r, struct voters *next)
{
	for (uint32_t i = 0; i < r->count && next->count < STORE_REPLICAS_MAX; i++) {
		const struct sitter *one = &r->sitter[i];

		if (!one->alive || one->gone || one->left || one->parts || one->copied ||
		    id_is_none(one->voter) || (!one->scheduler && i != r->draft) ||
		    is_seated(next, one->voter))
			continue;
		voters_add(next, (struct seat){.voter = one->voter,
					       .node = one->node,
					       .scheduler = one->scheduler});
	}
}

/* A learner that is of no use any more: gone, another by now, or a witness that is not needed. */
static bool is_useless(const struct room *r, const struct seat *seat, uint32_t at)
{
	const struct sitter *one = r->of[at];
	bool drafted = r->draft != VOTERS_NONE && id_same(r->sitter[r->draft].node, seat->node);

	if (is_self(r, at))
		return false;
	return is_stale(r, at) || (one != NULL && (one->gone || one->left || one->copied)) ||
	       (!seat->scheduler && !drafted);
}

/* The set with the votes as chosen. */
static void seat_voters(const struct room *r, const struct choice *c, struct voters *next)
{
	*next = (struct voters){0};
	for (uint32_t i = 0; i < r->now->count; i++) {
		struct seat seat = r->now->seat[i];
		const struct sitter *one = r->of[i];
		bool leaves = one != NULL && (one->left || one->copied || one->gone);

		if (seat.votes && !c->votes[i] && (leaves || is_stale(r, i) || !seat.scheduler))
			continue;
		seat.votes = c->votes[i];
		voters_add(next, seat);
	}
}

static bool differs(const struct voters *a, const struct voters *b)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (!is_seated(b, a->seat[i].voter))
			return true;
	return a->count != b->count;
}

bool plan_next(const struct voters *now, const struct sitter *s, uint32_t count, struct wish wish,
	       struct plan *out)
{
	struct plan p = {.next = {0}};
	struct choice chosen = {.count = 0};
	struct room r;
	const char *why;

	room_open(&r, now, s, count, wish);
	r.draft = plan_draft(now, s, count, wish);
	why = wish.still ? NULL : elect(&r, &chosen, &p.urgent);
	if (why != NULL && chosen.count > 0) {
		p.votes = true;
		p.why = why;
		seat_voters(&r, &chosen, &p.next);
		*out = p;
		return true;
	}
	for (uint32_t i = 0; i < now->count; i++)
		if (now->seat[i].votes || !is_useless(&r, &now->seat[i], i))
			voters_add(&p.next, now->seat[i]);
	seat_learners(&r, &p.next);
	if (!differs(now, &p.next))
		return false;
	p.urgent = true;
	p.why = "who follows changed";
	*out = p;
	return true;
}

/* ---- witnesses ---- */

static bool votes_now(const struct room *r, const struct sitter *one)
{
	uint32_t at = voters_find(r->now, one->voter);

	return at != VOTERS_NONE && r->now->seat[at].votes;
}

/* It votes, or is a scheduler that could soon. */
static bool counts(const struct room *r, const struct sitter *one)
{
	if (one->left || one->parts || one->gone)
		return false;
	return votes_now(r, one) || (one->scheduler && one->alive && !one->stops);
}

/* Its machine holds nobody that counts. */
static bool has_own_machine(const struct room *r, const struct sitter *one)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (&r->sitter[i] != one && counts(r, &r->sitter[i]) &&
		    memcmp(r->sitter[i].machine, one->machine, 16) == 0)
			return false;
	return true;
}

static bool may_witness(const struct room *r, const struct sitter *one)
{
	if (one->scheduler || !one->alive || one->gone || one->left || one->parts || one->stops ||
	    votes_now(r, one))
		return false;
	return has_own_machine(r, one) || (r->one_machine && !r->wish.spread);
}

static uint32_t zone_worth(const struct room *r, const struct sitter *one)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (&r->sitter[i] != one && counts(r, &r->sitter[i]) &&
		    same_zone(&r->sitter[i], one))
			return 1;
	return 2;
}

uint32_t plan_draft(const struct voters *now, const struct sitter *s, uint32_t count,
		    struct wish wish)
{
	uint32_t have = 0, machines = 0, schedulers = 0, best = VOTERS_NONE, most = 0;
	struct room r;

	room_open(&r, now, s, count, wish);
	for (uint32_t i = 0; i < count; i++) {
		bool first = true;

		schedulers += s[i].scheduler && !s[i].left && (s[i].alive || votes_now(&r, &s[i]));
		if (!counts(&r, &s[i]))
			continue;
		for (uint32_t k = 0; k < i && !r.one_machine; k++)
			first &= !counts(&r, &s[k]) || memcmp(s[k].machine, s[i].machine, 16) != 0;
		machines += first;
		have++;
	}
	/* One scheduler alone has no need of witnesses; and of two, none is put behind a witness. */
	if (schedulers < 2 || machines >= wish.voters || (have >= wish.voters && schedulers < 3))
		return VOTERS_NONE;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t fit;

		if (!may_witness(&r, &s[i]))
			continue;
		/* One that was drafted already is kept to. */
		if (voters_find_node(now, s[i].node) != VOTERS_NONE)
			return i;
		fit = zone_worth(&r, &s[i]);
		if (fit > most) {
			most = fit;
			best = i;
		}
	}
	return best;
}
