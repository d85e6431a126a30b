/* Whose voice counts: each start of a voter has a boot count that it raised and synced before it spoke, and a nonce. The
 * leader records both in the seat, so that a log that was put back from a backup, or copied, is noticed by every member,
 * over changes of leader and restarts. Such a voter is not heard: neither its votes nor its acknowledgements count. The
 * leader dismisses it, and when that is committed tells it: it sets its store aside and joins anew, under a new id.
 *
 * A log that was put back within the very start that is recorded shows a count above it. It is noticed by the leader that
 * counted on what it lacks now; by a later leader it is not. */
#include <inttypes.h>
#include <string.h>

#include "core/must.h"
#include "sched/store/inside.h"

#define LATE_US 10000000u /* no message of an earlier start is under way for so long */
#define TELL_US 1000000u

static struct start *look_up(struct store *s, struct id voter)
{
	for (uint32_t i = 0; i < s->start_count; i++)
		if (id_same(s->starts[i].voter, voter))
			return &s->starts[i];
	return NULL;
}

bool starts_is_copied(const struct store *s, struct id voter)
{
	for (uint32_t i = 0; i < s->start_count; i++)
		if (id_same(s->starts[i].voter, voter))
			return s->starts[i].copied;
	return false;
}

static struct start *learn(struct store *s, struct id voter, uint64_t boot, uint64_t nonce)
{
	if (s->start_count == 2 * STORE_REPLICAS_MAX)
		s->start_count = 0; /* all are learnt again; what is in the set stands there */
	s->starts[s->start_count] =
		(struct start){.voter = voter, .boot = boot, .nonce = nonce, .since_us = s->now_us};
	return &s->starts[s->start_count++];
}

/* What is known of a voter: what we heard ourselves, or what the set holds, whichever is later. */
static struct start *known_start(struct store *s, struct id voter)
{
	uint32_t at = voters_find(&s->raft.voters, voter);
	const struct seat *seat = at == VOTERS_NONE ? NULL : &s->raft.voters.seat[at];
	struct start *known = look_up(s, voter);

	if (seat == NULL || seat->boot == 0)
		return known;
	if (known == NULL)
		return learn(s, voter, seat->boot, seat->nonce);
	if (known->boot < seat->boot) {
		known->boot = seat->boot;
		known->nonce = seat->nonce;
		known->since_us = s->now_us;
	}
	return known;
}

static void say_copied(struct store *s, struct start *known, uint64_t boot, struct outbox *o)
{
	known->copied = true;
	raft_discount(&s->raft, known->voter);
	outbox_log(o, LOG_LEVEL_ERROR,
		   "log copied or restored: voter=%s boot=%" PRIu64 " recorded=%" PRIu64
		   "; it does not vote, and joins anew",
		   id_text(known->voter).s, boot, known->boot);
}

void starts_forgot(struct store *s, struct outbox *o)
{
	struct start *known = look_up(s, s->raft.forgot);

	s->raft.forgot = id_none;
	if (known != NULL && !known->copied)
		say_copied(s, known, known->boot, o);
}

/* It is out of the set: nobody needs what it holds. */
static void tell_copied(struct store *s, const struct peer *from, struct start *known,
			const struct message *m, struct outbox *o)
{
	struct message told = {.kind = MESSAGE_COPIED};

	if (!raft_is_sure(&s->raft) || s->raft.voters_index > s->raft.commit ||
	    voters_find(&s->raft.voters, m->from) != VOTERS_NONE || known->told_us > s->now_us)
		return;
	known->told_us = s->now_us + TELL_US;
	told.copied.boot = m->boot;
	told.copied.nonce = m->nonce;
	raft_post(&s->raft, from, m->from, &told, o);
}

void starts_heard_hello(struct store *s, const struct peer *from, const struct message *m,
			struct outbox *o)
{
	struct start *known = look_up(s, m->from);

	if (known != NULL && known->copied)
		tell_copied(s, from, known, m, o);
}

bool starts_is_true(struct store *s, const struct peer *from, const struct message *m,
		    struct outbox *o)
{
	struct start *known = known_start(s, m->from);

	if (known == NULL) {
		(void)learn(s, m->from, m->boot, m->nonce);
		return true;
	}
	if (known->copied) {
		tell_copied(s, from, known, m, o);
		return false;
	}
	if (m->boot > known->boot) {
		known->boot = m->boot;
		known->nonce = m->nonce;
		known->since_us = s->now_us;
		return true;
	}
	if (m->boot == known->boot && m->nonce == known->nonce)
		return true;
	/* A late message of an earlier start is no news; the same count from two starts is, and so is an earlier start
	 * that speaks long after. */
	if (m->boot == known->boot || known->since_us + LATE_US < s->now_us)
		say_copied(s, known, m->boot, o);
	return false;
}

/* Our own id from another start: somebody else runs on a copy of our log. */
void starts_heard_self(struct store *s, const struct peer *from, const struct message *m,
		       struct outbox *o)
{
	if (s->twin_said || m->nonce == s->raft.nonce)
		return;
	s->twin_said = true;
	outbox_log(o, LOG_LEVEL_ERROR,
		   "log copied or restored: our own voter=%s speaks from node=%s too: stop one of "
		   "the two",
		   id_text(m->from).s, id_text(from->id).s);
}

bool starts_record(struct store *s, struct voters *next)
{
	bool any = false;

	*next = s->raft.voters;
	for (uint32_t i = 0; i < next->count; i++) {
		struct seat *seat = &next->seat[i];
		const struct start *known = look_up(s, seat->voter);
		bool self = id_same(seat->voter, s->wal.voter);
		uint64_t boot = self ? s->wal.state.boot : known != NULL ? known->boot : 0;
		uint64_t nonce = self ? s->raft.nonce : known != NULL ? known->nonce : 0;

		if (boot <= seat->boot || (known != NULL && known->copied))
			continue;
		seat->boot = boot;
		seat->nonce = nonce;
		any = true;
	}
	return any;
}

/* The leader says so of this very start: the set does without us. */
void starts_step(struct store *s, const struct message *m, struct outbox *o)
{
	if (m->term < raft_term(&s->raft) || raft_leads(&s->raft) ||
	    m->copied.boot != s->wal.state.boot || m->copied.nonce != s->raft.nonce)
		return;
	store_set_aside(s, "log copied or restored", o);
}
