/* Who could take over from us, told to the director whenever it changes.
 *
 * Under load no follower ever has all that is committed: some of it is on its way. So it is held against what was
 * committed a moment ago, between one and two of the shortest election timeouts. */
#include "core/must.h"
#include "sched/store/inside.h"

static void move_marks(struct store *s)
{
	const struct raft *r = &s->raft;

	if (!s->standbys_told)
		s->mark[0] = s->mark[1] = r->lead_index; /* of this term at least */
	else if (s->mark_us + r->cfg.election_min_us > s->now_us)
		return;
	s->mark_us = s->now_us;
	s->mark[1] = s->mark[0];
	if (r->commit > s->mark[0])
		s->mark[0] = r->commit;
}

bool standby_is_current(const struct store *s, const struct follower *f)
{
	must(raft_leads(&s->raft));
	return f->match >= s->mark[1] && f->match >= s->raft.lead_index;
}

static uint32_t gather(struct store *s, struct standby out[STORE_REPLICAS_MAX])
{
	const struct raft *r = &s->raft;
	uint32_t count = 0;

	for (uint32_t i = 0; i < r->voters.count; i++) {
		const struct seat *seat = &r->voters.seat[i];
		const struct follower *f = raft_follower(&s->raft, seat->voter);

		if (!seat->scheduler || f == NULL)
			continue;
		out[count++] = (struct standby){
			.node = seat->node,
			.votes = seat->votes && !seat->goes,
			.heard = f->heard_us + r->cfg.election_min_us > s->now_us,
			.current = standby_is_current(s, f),
		};
	}
	return count;
}

/* Without us, those that are heard decide. */
static bool is_quorum_without_us(struct store *s)
{
	struct raft *r = &s->raft;
	bool heard[STORE_REPLICAS_MAX] = {false};

	for (uint32_t i = 0; i < r->voters.count; i++) {
		const struct follower *f = raft_follower(r, r->voters.seat[i].voter);

		heard[i] = f != NULL && f->heard_us + r->cfg.election_max_us > s->now_us;
	}
	return voters_agree(&r->voters, heard);
}

static bool same(const struct standby *a, const struct standby *b)
{
	return id_same(a->node, b->node) && a->votes == b->votes && a->heard == b->heard &&
	       a->current == b->current;
}

void standby_turn(struct store *s, struct outbox *o)
{
	struct standby now[STORE_REPLICAS_MAX];
	struct tell t = {.kind = TELL_STANDBYS};
	bool changed = !s->standbys_told;
	uint32_t count;
	bool quorum;

	if (!commits_serves(s)) {
		s->standbys_told = false;
		return;
	}
	move_marks(s);
	count = gather(s, now);
	quorum = is_quorum_without_us(s);
	changed = changed || count != s->standby_count || quorum != s->standby_quorum;
	for (uint32_t i = 0; i < count && !changed; i++)
		changed = !same(&now[i], &s->standbys[i]);
	if (!changed)
		return;
	for (uint32_t i = 0; i < count; i++)
		s->standbys[i] = now[i];
	s->standby_count = count;
	s->standby_quorum = quorum;
	s->standbys_told = true;
	t.standbys.quorum = quorum;
	t.standbys.list = s->standbys;
	t.standbys.count = count;
	outbox_tell(o, &t);
}
