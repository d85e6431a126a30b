/* A node that ends in order asks what becomes of its vote.
 *
 * It asks the leader, again and again, until it is answered or GIVE_UP_MAX_MS have passed; a leader asks itself. Who leaves
 * loses its seat, and another takes its vote at once. Who only stops keeps its vote, unless the others would be no quorum
 * without it: then it becomes a learner first. Every member hears of it, so that whoever leads next can tell one that
 * stopped from one that left: both look the same in the views. */
#include <string.h>

#include "core/must.h"
#include "sched/store/inside.h"

#define ASK_US 200000u

const struct parting *parting_of(const struct store *s, struct id node)
{
	for (uint32_t i = 0; i < s->parting_count; i++)
		if (id_same(s->partings[i].node, node))
			return &s->partings[i];
	return NULL;
}

static struct parting *take_up(struct store *s, struct id node)
{
	for (uint32_t i = 0; i < s->parting_count; i++)
		if (id_same(s->partings[i].node, node))
			return &s->partings[i];
	if (s->parting_count == STORE_REPLICAS_MAX)
		return NULL;
	s->partings[s->parting_count] = (struct parting){.node = node};
	return &s->partings[s->parting_count++];
}

static void tell_given_up(const struct store *s, const struct parting *p, enum gave_up gave,
			  struct outbox *o)
{
	struct tell t = {.kind = TELL_GIVEN_UP};

	t.give.node = id_same(p->node, s->cfg.self) ? id_none : p->node;
	t.give.leaves = p->leaves;
	t.give.gave = gave;
	outbox_tell(o, &t);
}

static void note(struct store *s, struct id node, bool leaves)
{
	struct known *k = roster_find(&s->roster, node);

	if (k == NULL)
		return;
	k->leaves = leaves;
	k->stops = !leaves;
}

void parting_take(struct store *s, const struct tell *t, struct outbox *o)
{
	struct id node = id_is_none(t->give.node) ? s->cfg.self : t->give.node;
	struct parting full = {.node = node, .leaves = t->give.leaves}, *p = take_up(s, node);

	if (p == NULL) {
		tell_given_up(s, &full, GAVE_NOT, o);
		return;
	}
	p->leaves = t->give.leaves;
	p->ours = true;
	p->ask_us = 0;
	p->until_us = s->now_us + GIVE_UP_MAX_MS * 1000u;
}

static void answer(struct store *s, const struct parting *p, enum gave_up gave, struct outbox *o)
{
	struct message m = {.kind = MESSAGE_GIVEN_UP};

	if (p->ours) {
		tell_given_up(s, p, gave, o);
		return;
	}
	m.give.gave = gave;
	raft_post(&s->raft, &p->from, p->voter, &m, o);
}

/* The others would be no majority that answers, of either set. */
static bool is_needed(const struct store *s, struct id node)
{
	bool yes[STORE_REPLICAS_MAX];

	for (uint32_t i = 0; i < s->raft.voters.count; i++) {
		const struct seat *seat = &s->raft.voters.seat[i];

		yes[i] = !id_same(seat->node, node) && raft_hears(&s->raft, seat->voter);
	}
	return !voters_agree(&s->raft.voters, yes);
}

static bool is_voter(const struct store *s, struct id node)
{
	for (uint32_t i = 0; i < s->raft.voters.count; i++) {
		const struct seat *seat = &s->raft.voters.seat[i];

		if (id_same(seat->node, node) && (seat->votes || seat->voted))
			return true;
	}
	return false;
}

/* What has become of it; false: not known yet. */
static bool is_over(struct store *s, struct parting *p, enum gave_up *gave)
{
	bool self = id_same(p->node, s->cfg.self), leads = raft_leads(&s->raft);
	bool settled = s->raft.voters_index <= s->raft.commit && !voters_is_joint(&s->raft.voters);

	*gave = p->needed || p->asked ? GAVE_VOTE : GAVE_NOTHING;
	if (!wal_is_made(&s->wal) || s->raft.voters.count == 0)
		return true;
	/* A leader hands over first. */
	if (!is_voter(s, p->node) && settled && !(self && leads))
		return true;
	if (p->until_us <= s->now_us) {
		*gave = GAVE_NOT;
		return true;
	}
	if (!leads || !raft_is_sure(&s->raft) || p->needed)
		return false;
	*gave = GAVE_NOTHING;
	p->needed = p->leaves || is_needed(s, p->node);
	return !p->needed;
}

static void ask(struct store *s, struct parting *p, struct outbox *o)
{
	struct message m = {.kind = MESSAGE_GIVE_UP};

	p->ask_us = s->now_us + ASK_US;
	p->asked = true;
	m.give.leaves = p->leaves;
	for (uint32_t i = 0; i < s->raft.voters.count; i++) {
		const struct seat *seat = &s->raft.voters.seat[i];
		struct peer to = raft_peer(&s->raft, seat->node);

		if (!id_same(seat->voter, s->wal.voter))
			raft_post(&s->raft, &to, seat->voter, &m, o);
	}
}

void parting_turn(struct store *s, struct outbox *o)
{
	for (uint32_t i = 0; i < s->parting_count;) {
		struct parting *p = &s->partings[i];
		enum gave_up gave;

		if (is_over(s, p, &gave)) {
			struct parting over = *p;

			if (gave != GAVE_NOT)
				note(s, p->node, p->leaves);
			*p = s->partings[--s->parting_count];
			answer(s, &over, gave, o);
			continue;
		}
		/* A leader that goes tells the others too, once. */
		if (id_same(p->node, s->cfg.self) && s->awake && p->ask_us <= s->now_us &&
		    !(p->asked && raft_leads(&s->raft)))
			ask(s, p, o);
		i++;
	}
}

/* One that goes asks us. Only a leader answers; the others know it then. */
static void step_give_up(struct store *s, const struct peer *from, const struct message *m)
{
	struct parting *p;

	note(s, from->id, m->give.leaves);
	if (!raft_leads(&s->raft) || (p = take_up(s, from->id)) == NULL || p->ours)
		return;
	p->leaves = m->give.leaves;
	p->from = *from;
	p->voter = m->from;
	if (p->until_us == 0)
		p->until_us = s->now_us + GIVE_UP_MAX_MS * 1000u;
}

static void step_given_up(struct store *s, const struct message *m, struct outbox *o)
{
	const struct parting *mine = parting_of(s, s->cfg.self);
	struct parting over;

	if (mine == NULL || !mine->asked || m->term < raft_term(&s->raft))
		return;
	over = *mine;
	s->partings[mine - s->partings] = s->partings[s->parting_count - 1];
	s->parting_count--;
	tell_given_up(s, &over, m->give.gave, o);
}

void parting_step(struct store *s, const struct peer *from, const struct message *m,
		  struct outbox *o)
{
	if (m->kind == MESSAGE_GIVE_UP)
		step_give_up(s, from, m);
	else
		step_given_up(s, m, o);
}

uint64_t parting_deadline_us(const struct store *s)
{
	uint64_t at = UINT64_MAX;

	for (uint32_t i = 0; i < s->parting_count; i++) {
		const struct parting *p = &s->partings[i];
		bool asks = id_same(p->node, s->cfg.self) && s->awake && !raft_leads(&s->raft);
		uint64_t next = asks ? p->ask_us : p->until_us;

		if (p->until_us < next)
			next = p->until_us;
		if (next < at)
			at = next;
	}
	return at;
}
