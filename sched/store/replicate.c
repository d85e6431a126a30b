/* The log from the leader to the others, and what of it is committed. */
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "sched/store/raft.h"

/* ---- the set ---- */

struct follower *raft_follower(struct raft *r, struct id voter)
{
	for (uint32_t i = 0; i < r->follower_count; i++)
		if (id_same(r->followers[i].voter, voter))
			return &r->followers[i];
	return NULL;
}

const struct follower *raft_look(const struct raft *r, struct id voter)
{
	for (uint32_t i = 0; i < r->follower_count; i++)
		if (id_same(r->followers[i].voter, voter))
			return &r->followers[i];
	return NULL;
}

/* Seats that stay keep what is known of them. */
void replicate_seats(struct raft *r)
{
	struct follower next[STORE_REPLICAS_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; i < r->voters.count; i++) {
		const struct seat *s = &r->voters.seat[i];
		const struct follower *old = raft_follower(r, s->voter);

		if (id_same(s->voter, r->wal->voter))
			continue;
		if (old != NULL)
			next[count++] = *old;
		else
			next[count++] = (struct follower){.voter = s->voter,
							  .node = s->node,
							  .next = log_last(&r->log) + 1,
							  .heard_us = r->now_us};
	}
	memcpy(r->followers, next, count * sizeof(next[0]));
	r->follower_count = count;
}

struct voters raft_voters_at(const struct raft *r, uint64_t index, uint64_t *voters_index)
{
	struct voters v = r->base_voters;

	*voters_index = r->base_voters_index;
	for (uint64_t i = index; i > r->log.base; i--) {
		struct entry e = log_at(&r->log, i);

		if (e.kind == ENTRY_VOTERS) {
			enum err err = voters_get(e.body, &v);

			must(err == OK);
			*voters_index = i;
			break;
		}
	}
	return v;
}

/* The last set in the log counts, committed or not; in a generation that nobody led yet, the one that began it. */
void replicate_set_voters(struct raft *r)
{
	bool voted = raft_votes(r);

	r->voters = raft_voters_at(r, log_last(&r->log), &r->voters_index);
	if (generation_of_term(log_last_term(&r->log)) < r->wal->state.generation &&
	    generation_seats(&r->wal->generation, r->wal->voter))
		r->voters = r->wal->generation.voters;
	replicate_seats(r);
	if (!raft_leads(r) && voted != raft_votes(r))
		raft_arm(r);
}

void raft_restore(struct raft *r, const struct voters *base_voters, uint64_t base_voters_index,
		  uint64_t now_us)
{
	r->now_us = now_us;
	r->base_voters = *base_voters;
	r->base_voters_index = base_voters_index;
	r->stored = log_last(&r->log);
	r->commit = r->log.base;
	replicate_set_voters(r);
	raft_arm(r);
}

static void put_entry(struct raft *r, const struct entry *e)
{
	log_append(&r->log, e, 0);
	wal_put_entry(r->wal, e);
	if (e->kind == ENTRY_VOTERS)
		replicate_set_voters(r);
}

uint64_t raft_append(struct raft *r, enum entry_kind kind, struct bytes body)
{
	struct entry e = {log_last(&r->log) + 1, raft_term(r), kind, body};

	must(raft_leads(r));
	must(entry_is_whole((uint8_t)kind, body));
	put_entry(r, &e);
	return e.index;
}

bool raft_has_room(const struct raft *r)
{
	return r->log.held <= LOG_MEMORY_MAX && wal_gathered(r->wal) <= WAL_RUN_MAX;
}

bool raft_may_change(const struct raft *r)
{
	return raft_is_sure(r) && r->voters_index <= r->commit && !voters_is_joint(&r->voters) &&
	       id_is_none(r->transfer_to) && !r->leaving;
}

void replicate_put_voters(struct raft *r, const struct voters *v)
{
	struct buffer body;
	enum err err;

	buffer_init(&body, FRAME_MAX);
	err = voters_put(v, &body);
	must(err == OK);
	raft_append(r, ENTRY_VOTERS, buffer_bytes(&body));
	buffer_fini(&body);
}

bool raft_change(struct raft *r, const struct voters *to)
{
	struct voters both;

	must(raft_may_change(r));
	must(voters_count(to) > 0);
	if (voters_is_one_step(&r->voters, to)) {
		replicate_put_voters(r, to);
		return true;
	}
	if (!voters_join(&r->voters, to, &both))
		return false;
	replicate_put_voters(r, &both);
	return true;
}

/* ---- the leader ---- */

void replicate_begin(struct raft *r)
{
	for (uint32_t i = 0; i < r->follower_count; i++) {
		struct follower *f = &r->followers[i];

		*f = (struct follower){.voter = f->voter,
				       .node = f->node,
				       .next = log_last(&r->log) + 1,
				       .heard_us = r->now_us};
	}
}

/* 0: the first one is not in memory. */
static uint32_t gather(const struct raft *r, uint64_t from)
{
	size_t bytes = 0;
	uint32_t count = 0;

	for (uint64_t i = from; i <= log_last(&r->log) && count < APPEND_ENTRIES_MAX; i++) {
		size_t more = log_len(&r->log, i) + 16;

		if ((count > 0 && bytes + more > APPEND_BYTES_MAX) || !log_is_held(&r->log, i))
			break;
		bytes += more;
		count++;
	}
	return count;
}

static void send_append(struct raft *r, struct follower *f, uint32_t count, struct outbox *o)
{
	struct peer to = raft_peer(r, f->node);
	struct message m = {.kind = MESSAGE_APPEND};

	m.append.prev = f->next - 1;
	m.append.prev_term = log_term(&r->log, f->next - 1);
	m.append.commit = r->commit;
	m.append.round = r->round;
	m.append.count = count;
	raft_post(r, &to, f->voter, &m, o);
	f->sent_us = r->now_us;
	f->next += count;
	if (count > 0)
		f->flight[f->flights++] = f->next - 1;
}

bool replicate_is_silent(const struct raft *r, const struct follower *f)
{
	return f->heard_us + r->cfg.election_max_us <= r->now_us;
}

/* One that does not answer is asked less often: it is dialled each time. */
uint64_t replicate_beat_us(const struct raft *r, const struct follower *f)
{
	return f->sent_us +
	       (replicate_is_silent(r, f) ? r->cfg.election_min_us : r->cfg.heartbeat_us);
}

/* As long as nobody knows where its log leaves ours, one message is under way to it, and whatever else is sent stands on
 * the same place: were there a window, each refused message of it would call for another window. */
static void replicate_one(struct raft *r, struct follower *f, struct outbox *o)
{
	bool silent = replicate_is_silent(r, f);
	bool sent = false;

	/* What was under way to one that does not answer is lost. It is sent nothing but heartbeats until it does. */
	if (silent) {
		f->flights = 0;
		f->next = f->match + 1;
		f->sure = false;
	}
	if (!f->sure && f->flights == 0)
		f->probe = f->next - 1;
	f->lacks = (f->sure ? f->next : f->probe + 1) <= r->log.base;
	while (!f->lacks && !silent && f->flights < (f->sure ? APPEND_WINDOW_MAX : 1u) &&
	       f->next <= log_last(&r->log)) {
		uint32_t count = gather(r, f->next);

		if (count == 0) {
			r->recall = f->next;
			break;
		}
		send_append(r, f, count, o);
		sent = true;
	}
	if (!sent && (r->round_due || replicate_beat_us(r, f) <= r->now_us)) {
		/* One that lacks the base still hears that there is a leader. */
		uint64_t next = f->next;

		if (f->lacks)
			f->next = r->log.base + 1;
		else if (!f->sure)
			f->next = f->probe + 1;
		send_append(r, f, 0, o);
		f->next = next;
	}
}

static void hand_on(struct raft *r, struct outbox *o)
{
	struct follower *f = raft_follower(r, r->transfer_to);
	struct message m = {.kind = MESSAGE_TRANSFER};

	if (id_is_none(r->transfer_to) || r->transfer_sent)
		return;
	if (f != NULL && f->match == log_last(&r->log)) {
		struct peer to = raft_peer(r, f->node);

		raft_post(r, &to, f->voter, &m, o);
		r->transfer_sent = true;
	}
}

void replicate_all(struct raft *r, struct outbox *o)
{
	if (r->round_due)
		r->round++;
	for (uint32_t i = 0; i < r->follower_count; i++)
		replicate_one(r, &r->followers[i], o);
	r->round_due = false;
	log_shed(&r->log, r->log.tail_max / 4);
	hand_on(r, o);
}

/* The highest value that a majority of the voters has reached. */
static uint64_t majority(const struct raft *r, uint64_t own, size_t field)
{
	uint64_t values[STORE_REPLICAS_MAX];

	for (uint32_t i = 0; i < r->voters.count; i++) {
		const struct follower *f = raft_look(r, r->voters.seat[i].voter);

		values[i] = own;
		if (f != NULL)
			memcpy(&values[i], (const uint8_t *)f + field, sizeof(uint64_t));
	}
	return voters_reached(&r->voters, values);
}

/* A leader that has no seat in the set any more goes when that is committed (thesis, 4.2.2), and hands over first, so
 * that nobody waits for an election. */
static void leave(struct raft *r)
{
	if (!r->leaving) {
		r->leaving = true;
		(void)raft_transfer(r, id_none);
	}
	if (id_is_none(r->transfer_to))
		raft_follow(r, raft_term(r), "left the set");
}

/* Only an entry of the own term is committed by counting (thesis, 3.6.2; figure 3.7): what stands before it is then
 * committed with it. */
void replicate_commit(struct raft *r)
{
	uint64_t reached = majority(r, r->stored, offsetof(struct follower, match));

	if (reached > r->commit && log_term(&r->log, reached) == raft_term(r))
		r->commit = reached;
	must(r->commit <= log_last(&r->log));
	if (r->voters_index > r->commit || !raft_is_sure(r))
		return;
	/* Both majorities hold the joint set: the new one alone is next, whoever appended the joint one. */
	if (voters_is_joint(&r->voters)) {
		struct voters settled = voters_settled(&r->voters);

		replicate_put_voters(r, &settled);
	} else if (!raft_votes(r)) {
		leave(r);
	}
}

uint64_t raft_fence(struct raft *r)
{
	must(raft_leads(r));
	r->round_due = true;
	return r->round + 1;
}

uint64_t raft_fenced(const struct raft *r)
{
	must(raft_leads(r));
	return majority(r, r->round, offsetof(struct follower, round));
}

void replicate_appended(struct raft *r, const struct message *m)
{
	struct follower *f = raft_follower(r, m->from);
	uint32_t done = 0;

	if (m->term > raft_term(r)) {
		raft_follow(r, m->term, "a higher term");
		return;
	}
	if (m->term < raft_term(r) || !raft_leads(r) || f == NULL ||
	    m->appended.match > log_last(&r->log))
		return;
	f->heard_us = r->now_us;
	if (m->appended.round > f->round && m->appended.round <= r->round)
		f->round = m->appended.round;
	f->wants_snapshot = m->appended.wants_snapshot;
	if (!m->appended.good) {
		/* It looks no farther back than what is equal, even if its own hint does. An old refusal says
		 * nothing any more: what is asked now would be refused with less. */
		uint64_t look = m->appended.match > f->match ? m->appended.match : f->match;

		/* What was acknowledged was synced and equal to ours, and nothing of it was cut in this term: its log
		 * was put back. */
		if (m->boot > f->boot && m->appended.last < f->match)
			r->forgot = f->voter;
		if (!f->sure && look >= f->probe && !f->lacks)
			return;
		f->next = look + 1;
		f->flights = 0;
		f->sure = false;
		return;
	}
	f->sure = true;
	if (m->appended.match > f->match) {
		f->match = m->appended.match;
		f->boot = m->boot;
	}
	if (f->next <= f->match)
		f->next = f->match + 1;
	while (done < f->flights && f->flight[done] <= f->match)
		done++;
	memmove(f->flight, f->flight + done, (f->flights - done) * sizeof(f->flight[0]));
	f->flights -= done;
}

bool raft_transfer(struct raft *r, struct id node)
{
	const struct follower *best = NULL;

	must(raft_leads(r));
	for (uint32_t i = 0; i < r->follower_count; i++) {
		const struct follower *f = &r->followers[i];
		const struct seat *seat = &r->voters.seat[voters_find(&r->voters, f->voter)];

		if (!seat->votes || !seat->scheduler ||
		    f->heard_us + r->cfg.election_min_us <= r->now_us)
			continue;
		if (r->cfg.witness && !f->sure)
			continue; /* not heard since we lead: it may be the leader that died */
		if (!id_is_none(node) && !id_same(node, f->node))
			continue;
		if (best == NULL || f->match > best->match)
			best = f;
	}
	if (best == NULL)
		return false;
	r->transfer_to = best->voter;
	r->transfer_until_us = r->now_us + r->cfg.election_max_us;
	r->transfer_sent = false;
	return true;
}

void raft_discount(struct raft *r, struct id voter)
{
	struct follower *f = raft_follower(r, voter);

	if (f == NULL)
		return;
	f->match = f->round = f->heard_us = 0;
	f->voted = false;
}

/* ---- the follower ---- */

/* Voids `from` and what follows; a run under way must not make it count. */
static void truncate(struct raft *r, uint64_t from)
{
	must(from > r->commit);
	log_truncate(&r->log, from);
	if (r->stored >= from)
		r->stored = from - 1;
	if (r->sent_last >= from)
		r->sent_last = from - 1;
	if (r->voters_index >= from)
		replicate_set_voters(r);
}

static void refuse(struct raft *r, const struct peer *from, const struct message *m, uint64_t look,
		   struct outbox *o)
{
	struct message a = {.kind = MESSAGE_APPENDED};

	if (r->state_synced != r->state_puts)
		return;
	a.appended.match = look;
	a.appended.last = log_last(&r->log);
	raft_post(r, from, m->from, &a, o);
}

/* Where the leader should look next: before the whole term that does not fit, never before what is committed or known to
 * equal the leader's: it would take less for an old answer. */
static uint64_t hint(const struct raft *r, uint64_t prev)
{
	uint64_t least = r->verified > r->commit ? r->verified : r->commit;
	uint64_t at = prev - 1, term;

	if (at > log_last(&r->log))
		return log_last(&r->log);
	term = log_term(&r->log, prev);
	while (at > least && log_term(&r->log, at) == term)
		at--;
	return at;
}

static void take_entries(struct raft *r, const struct message *m)
{
	struct bytes entries = m->append.entries;

	for (uint32_t i = 0; i < m->append.count; i++) {
		struct entry e = message_entry(&entries, m->append.prev + 1 + i);

		if (e.index <= r->log.base)
			continue;
		if (log_has(&r->log, e.index)) {
			if (log_term(&r->log, e.index) == e.term)
				continue;
			truncate(r, e.index);
		}
		put_entry(r, &e);
	}
}

void replicate_append(struct raft *r, const struct peer *from, const struct message *m,
		      struct outbox *o)
{
	uint64_t prev = m->append.prev, end = prev + m->append.count;

	if (m->term < raft_term(r)) {
		refuse(r, from, m, 0, o);
		return;
	}
	if (!raft_heed(r, from, m))
		return;
	if (r->held_back)
		return; /* until the disk has space */
	if (!raft_has_room(r))
		end = prev; /* only what it says of itself; the entries come again */
	if (prev > log_last(&r->log) ||
	    (prev >= r->log.base && log_term(&r->log, prev) != m->append.prev_term)) {
		refuse(r, from, m, hint(r, prev), o);
		return;
	}
	if (end > prev)
		take_entries(r, m);
	if (r->verified < end)
		r->verified = end;
	/* Only up to what this message verified: a suffix beyond it may be another leader's. */
	if (m->append.commit > r->commit && end > r->commit)
		r->commit = m->append.commit < end ? m->append.commit : end;
	r->ack_waits = end > prev && !(r->ack_due && !r->ack_waits);
	r->ack_due = true;
	r->ack_to = *from;
	if (m->append.round > r->ack_round)
		r->ack_round = m->append.round;
}

void replicate_ack(struct raft *r, struct outbox *o)
{
	struct message m = {.kind = MESSAGE_APPENDED};

	if (!r->ack_due || r->role != RAFT_FOLLOWER || id_is_none(r->leader))
		return;
	if (r->ack_waits && r->stored < r->verified)
		return;
	must(r->state_synced == r->state_puts);
	m.appended.good = true;
	m.appended.match = r->verified < r->stored ? r->verified : r->stored;
	m.appended.round = r->ack_round;
	m.appended.wants_snapshot = r->wants_snapshots;
	m.appended.last = log_last(&r->log);
	raft_post(r, &r->ack_to, r->leader, &m, o);
	/* Sent early for the heartbeat's sake: the entries' own is still owed. */
	r->ack_due = r->stored < r->verified;
	r->ack_waits = true;
}

/* ---- snapshots ---- */

void raft_compact(struct raft *r, uint64_t base)
{
	uint64_t index;
	struct voters v = raft_voters_at(r, base, &index);

	must(base <= r->commit);
	if (r->stored < base)
		r->stored = base; /* the snapshot is */
	log_compact(&r->log, base);
	r->base_voters = v;
	r->base_voters_index = index;
}

void raft_install(struct raft *r, uint64_t index, uint64_t term, const struct voters *voters,
		  uint64_t voters_index)
{
	must(index > r->log.base);
	if (log_term(&r->log, index) == term) {
		log_compact(&r->log, index);
	} else {
		log_reset(&r->log, index, term);
		r->stored = index;
		r->sent_last = index;
		wal_put_base(r->wal, index, term);
	}
	r->base_voters = *voters;
	r->base_voters_index = voters_index;
	if (r->stored < index)
		r->stored = index;
	if (r->commit < index)
		r->commit = index;
	if (r->verified < index)
		r->verified = index;
	replicate_set_voters(r);
}
