#include "sched/store/raft.h"

#include <string.h>

#include "core/must.h"

void raft_init(struct raft *r, const struct raft_config *cfg, struct rng *rng,
	       const struct roster *roster, struct wal *wal)
{
	*r = (struct raft){.cfg = *cfg, .rng = rng, .roster = roster, .wal = wal};
	log_init(&r->log);
	r->log.tail_max = cfg->witness ? WITNESS_TAIL_MAX : 0;
	buffer_init(&r->scratch, FRAME_MAX);
	r->nonce = rng_next(rng);
	r->deadline_us = UINT64_MAX;
}

void raft_fini(struct raft *r)
{
	log_fini(&r->log);
	buffer_fini(&r->scratch);
}

uint64_t raft_term(const struct raft *r)
{
	return r->wal->state.term;
}

bool raft_votes(const struct raft *r)
{
	return wal_is_made(r->wal) && voters_votes(&r->voters, r->wal->voter);
}

bool raft_leads(const struct raft *r)
{
	return r->role == RAFT_LEADER;
}

bool raft_is_sure(const struct raft *r)
{
	return raft_leads(r) && r->commit >= r->lead_index;
}

/* ---- sending ---- */

struct peer raft_peer(const struct raft *r, struct id node)
{
	const struct known *k = roster_look(r->roster, node);
	struct peer p = {.id = node};

	if (k != NULL)
		p.addr = k->addr;
	return p;
}

void raft_post(struct raft *r, const struct peer *to, struct id voter, struct message *m,
	       struct outbox *o)
{
	enum err err;

	m->store = r->wal->store;
	m->generation = generation_mark(&r->wal->generation);
	m->from = r->wal->voter;
	m->to = voter;
	m->boot = r->wal->state.boot;
	m->nonce = r->nonce;
	m->term = raft_term(r);
	buffer_clear(&r->scratch);
	err = message_put(m, &r->scratch);
	must(err == OK);
	/* An APPEND's entries stand in the log one after the other. */
	for (uint32_t i = 0; m->kind == MESSAGE_APPEND && i < m->append.count; i++) {
		struct entry e = log_at(&r->log, m->append.prev + 1 + i);

		err = message_put_entry(&e, &r->scratch);
		must(err == OK);
	}
	outbox_post(o, to, PURPOSE_STORE, FRAME_STORE, 0, buffer_bytes(&r->scratch));
}

static void answer_vote(struct raft *r, const struct peer *to, const struct message *m,
			bool granted, struct outbox *o)
{
	struct message a = {.kind = m->kind == MESSAGE_VOTE ? MESSAGE_VOTED : MESSAGE_PREVOTED};

	a.voted.granted = granted;
	a.voted.asked = m->kind == MESSAGE_VOTE ? m->term : m->term + 1;
	raft_post(r, to, m->from, &a, o);
}

/* ---- terms and roles ---- */

static void put_state(struct raft *r)
{
	wal_put_state(r->wal);
	r->state_puts++;
}

static bool state_is_durable(const struct raft *r)
{
	return r->state_synced == r->state_puts;
}

/* A witness waits twice as long: a scheduler should win. */
void raft_arm(struct raft *r)
{
	uint64_t wait = rng_between(r->rng, r->cfg.election_min_us, r->cfg.election_max_us);

	if (!raft_votes(r) || r->held_back || r->mute) {
		r->deadline_us = UINT64_MAX;
		return;
	}
	if (voters_is_alone(&r->voters, r->wal->voter) && r->role == RAFT_FOLLOWER)
		wait = 0; /* nobody else to wait for */
	r->deadline_us = r->now_us + wait * (r->cfg.witness ? 2 : 1);
}

static void become_follower(struct raft *r, const char *why)
{
	r->why = why;
	r->role = RAFT_FOLLOWER;
	r->leader = id_none;
	r->leader_node = id_none;
	r->leader_broken = false;
	r->transfer_to = id_none;
	r->stands_by_transfer = false;
	r->leaving = false;
	raft_arm(r);
}

/* Into a higher term, or down from a role of this one, with no leader known yet. */
void raft_follow(struct raft *r, uint64_t term, const char *why)
{
	must(term >= raft_term(r));
	if (term > raft_term(r)) {
		r->wal->state.term = term;
		r->wal->state.vote = id_none;
		r->verified = 0;
		r->ack_due = false;
		r->ack_round = 0;
		r->vote_due = false;
		put_state(r);
	}
	become_follower(r, why);
}

bool raft_heed(struct raft *r, const struct peer *from, const struct message *m)
{
	if (m->term < raft_term(r))
		return false;
	if (m->term > raft_term(r) || r->role != RAFT_FOLLOWER) {
		must(m->term > raft_term(r) || r->role != RAFT_LEADER);
		raft_follow(r, m->term, "another leads");
	}
	must(id_is_none(r->leader) || id_same(r->leader, m->from));
	if (id_is_none(r->leader)) {
		r->leader = m->from;
		r->leader_node = from->id;
		r->since_us = r->now_us;
	}
	r->leader_heard_us = r->now_us;
	r->leader_broken = false;
	raft_arm(r);
	return true;
}

/* The leader was heard within the shortest time anybody waits for one: nobody has a reason to stand. A reset link and the
 * views' doubt together are reason enough; neither alone is. */
static bool leader_lives(const struct raft *r)
{
	const struct known *k;

	if (raft_leads(r))
		return true;
	if (id_is_none(r->leader) || r->leader_heard_us + r->cfg.election_min_us <= r->now_us)
		return false;
	k = roster_look(r->roster, r->leader_node);
	return !(r->leader_broken && k != NULL && known_is_doubted(k));
}

void raft_broken(struct raft *r, struct id node)
{
	if (r->role == RAFT_FOLLOWER && !id_is_none(r->leader) && id_same(r->leader_node, node))
		r->leader_broken = true;
}

/* ---- standing for election ---- */

static void clear_votes(struct raft *r)
{
	for (uint32_t i = 0; i < r->follower_count; i++)
		r->followers[i].voted = r->followers[i].asked_vote = false;
	r->votes_sent = false;
}

static bool is_elected(const struct raft *r)
{
	bool yes[STORE_REPLICAS_MAX];

	for (uint32_t i = 0; i < r->voters.count; i++) {
		const struct follower *f = raft_look(r, r->voters.seat[i].voter);

		yes[i] = f == NULL || f->voted;
	}
	return voters_agree(&r->voters, yes);
}

static void ask_votes(struct raft *r, struct outbox *o)
{
	for (uint32_t i = 0; i < r->follower_count; i++) {
		struct follower *f = &r->followers[i];
		struct peer to = raft_peer(r, f->node);
		struct message m = {.kind = r->role == RAFT_CANDIDATE ? MESSAGE_VOTE
								      : MESSAGE_PREVOTE};

		if (f->asked_vote || !voters_votes(&r->voters, f->voter))
			continue;
		m.vote.last = log_last(&r->log);
		m.vote.last_term = log_last_term(&r->log);
		m.vote.transfer = r->stands_by_transfer;
		raft_post(r, &to, f->voter, &m, o);
	}
	r->votes_sent = true;
	r->ask_again_us = r->now_us + 2 * r->cfg.heartbeat_us;
}

/* Nothing in the log is of this generation yet: its set is the record's. */
static bool is_unbegun(const struct raft *r)
{
	return generation_of_term(log_last_term(&r->log)) < r->wal->state.generation;
}

static void lead(struct raft *r)
{
	must(r->role == RAFT_CANDIDATE);
	must(state_is_durable(r));
	r->role = RAFT_LEADER;
	r->leader = r->wal->voter;
	r->leader_node = r->cfg.node;
	r->since_us = r->now_us;
	r->deadline_us = UINT64_MAX;
	r->verified = 0;
	r->ack_due = false;
	r->transfer_to = id_none;
	r->round_due = false;
	r->quorum_us = r->now_us + r->cfg.election_max_us;
	replicate_begin(r);
	r->lead_index = log_last(&r->log) + 1;
	/* A generation's first entry says who its members are; it is as good as a no-op. */
	if (is_unbegun(r) && generation_seats(&r->wal->generation, r->wal->voter))
		replicate_put_voters(r, &r->voters);
	else
		raft_append(r, ENTRY_NOOP, (struct bytes){NULL, 0});
}

static void stand(struct raft *r)
{
	must(raft_votes(r));
	r->role = RAFT_CANDIDATE;
	r->leader = id_none;
	r->leader_node = id_none;
	r->wal->state.term++;
	r->wal->state.vote = r->wal->voter;
	r->verified = 0;
	r->ack_due = false;
	r->vote_due = false;
	put_state(r);
	clear_votes(r);
	raft_arm(r);
	r->elections++;
}

/* Asks first whether standing would succeed, so that a node cut off does not raise the term. */
static void sound_out(struct raft *r)
{
	if (r->role == RAFT_FOLLOWER && !id_is_none(r->leader))
		r->why = "leader silent";
	r->role = RAFT_PRECANDIDATE;
	r->leader = id_none;
	r->leader_node = id_none;
	r->stands_by_transfer = false;
	clear_votes(r);
	raft_arm(r);
}

static bool reaches(uint64_t term, uint64_t index, uint64_t least_term, uint64_t least_index)
{
	return term > least_term || (term == least_term && index >= least_index);
}

static bool is_current(const struct raft *r, const struct message *m)
{
	return reaches(m->vote.last_term, m->vote.last, log_last_term(&r->log),
		       log_last(&r->log)) &&
	       reaches(m->vote.last_term, m->vote.last, r->least_term, r->least_index);
}

static bool may_stand(const struct raft *r)
{
	return raft_votes(r) && !r->held_back && !r->mute &&
	       reaches(log_last_term(&r->log), log_last(&r->log), r->least_term, r->least_index);
}

static void step_prevote(struct raft *r, const struct peer *from, const struct message *m,
			 struct outbox *o)
{
	if (r->mute)
		return;
	bool lives = leader_lives(r), current = is_current(r, m);
	uint64_t soon = r->now_us + rng_below(r->rng, 2 * r->cfg.heartbeat_us);

	answer_vote(r, from, m, m->term + 1 > raft_term(r) && current && !lives, o);
	/* It can not win without us, and not with us: whoever has more must stand, and need not wait. */
	if (!lives && !current && r->role == RAFT_FOLLOWER && r->deadline_us != UINT64_MAX &&
	    r->deadline_us > soon)
		r->deadline_us = soon;
}

static void step_vote(struct raft *r, const struct peer *from, const struct message *m,
		      struct outbox *o)
{
	struct wal_state *state = &r->wal->state;

	if (r->mute)
		return;
	if (m->term > raft_term(r)) {
		if (leader_lives(r) && !m->vote.transfer)
			return;
		raft_follow(r, m->term, m->vote.transfer ? "handed over" : "an election");
	}
	if (m->term < raft_term(r) || !is_current(r, m) ||
	    !(id_is_none(state->vote) || id_same(state->vote, m->from))) {
		if (state_is_durable(r))
			answer_vote(r, from, m, false, o);
		return;
	}
	if (id_is_none(state->vote)) {
		state->vote = m->from;
		put_state(r);
	}
	if (r->role == RAFT_PRECANDIDATE)
		become_follower(r, "an election");
	must(r->role == RAFT_FOLLOWER);
	r->vote_due = true;
	r->vote_to = *from;
	r->vote_to_voter = m->from;
	raft_arm(r);
}

static void step_voted(struct raft *r, const struct message *m)
{
	struct follower *f = raft_follower(r, m->from);
	bool pre = m->kind == MESSAGE_PREVOTED;

	if (m->term > raft_term(r)) {
		raft_follow(r, m->term, "a higher term");
		/* Our term was old: ask again soon, with the right one. */
		if (pre && r->deadline_us != UINT64_MAX)
			r->deadline_us = r->now_us + rng_below(r->rng, r->cfg.heartbeat_us + 1);
		return;
	}
	if (f == NULL || r->role != (pre ? RAFT_PRECANDIDATE : RAFT_CANDIDATE) ||
	    m->voted.asked != raft_term(r) + (pre ? 1 : 0))
		return;
	/* Who refuses a pre-vote because it heard the leader a moment ago is asked again: soon it will not have. */
	f->asked_vote = !pre || m->voted.granted;
	f->voted = m->voted.granted;
}

static void step_transfer(struct raft *r, const struct peer *from, const struct message *m)
{
	if (!raft_heed(r, from, m) || !may_stand(r))
		return;
	r->why = "handed over";
	stand(r);
	r->stands_by_transfer = true;
}

/* It votes in our set; or in one before, which counts again if ours is cut off. */
static bool is_known_voter(const struct raft *r, struct id voter)
{
	struct voters v = r->voters;
	uint64_t index = r->voters_index;

	while (!voters_votes(&v, voter)) {
		if (index <= r->commit || index <= r->log.base)
			return false;
		v = raft_voters_at(r, index - 1, &index);
	}
	return true;
}

/* Thesis, 4.1: a follower listens to a leader, and votes for a candidate, that its own set does not know, because it may
 * only lack the set that seats them. But then it lacks entries: that set stands before a candidate's last entry, and
 * before the first entry of a leader's own term. One that shows nothing we lack has no vote: it was dismissed. */
bool raft_may_speak(const struct raft *r, const struct message *m)
{
	uint64_t term = log_last_term(&r->log);

	switch (m->kind) {
	case MESSAGE_PREVOTE:
	case MESSAGE_VOTE:
		return is_known_voter(r, m->from) || m->vote.last_term > term ||
		       (m->vote.last_term == term && m->vote.last > log_last(&r->log));
	case MESSAGE_APPEND:
	case MESSAGE_SNAPSHOT:
	case MESSAGE_TRANSFER:
		/* Who led when it was dismissed leads until it has handed over. */
		return is_known_voter(r, m->from) || m->term > term ||
		       (m->term == raft_term(r) && id_same(m->from, r->leader));
	case MESSAGE_PREVOTED:
	case MESSAGE_VOTED:
	case MESSAGE_APPENDED:
	case MESSAGE_SNAPSHOTTED:
	case MESSAGE_HELLO:
	case MESSAGE_HELLOED:
	case MESSAGE_PROPOSE:
	case MESSAGE_ACCEPTED:
	case MESSAGE_REFUSED:
	case MESSAGE_WITHDRAWN:
	case MESSAGE_GIVE_UP:
	case MESSAGE_GIVEN_UP:
	case MESSAGE_COPIED:
	case MESSAGE_GENERATION:
	case MESSAGE_ASK:
	case MESSAGE_SAY:
	case MESSAGE_REPORT:
		break;
	}
	return true;
}

void raft_step(struct raft *r, const struct peer *from, const struct message *m, struct outbox *o)
{
	switch (m->kind) {
	case MESSAGE_PREVOTE:
		step_prevote(r, from, m, o);
		break;
	case MESSAGE_VOTE:
		step_vote(r, from, m, o);
		break;
	case MESSAGE_PREVOTED:
	case MESSAGE_VOTED:
		step_voted(r, m);
		break;
	case MESSAGE_APPEND:
		replicate_append(r, from, m, o);
		break;
	case MESSAGE_APPENDED:
		replicate_appended(r, m);
		break;
	case MESSAGE_TRANSFER:
		step_transfer(r, from, m);
		break;
	case MESSAGE_SNAPSHOT:
	case MESSAGE_SNAPSHOTTED:
	case MESSAGE_HELLO:
	case MESSAGE_HELLOED:
	case MESSAGE_PROPOSE:
	case MESSAGE_ACCEPTED:
	case MESSAGE_REFUSED:
	case MESSAGE_WITHDRAWN:
	case MESSAGE_GIVE_UP:
	case MESSAGE_GIVEN_UP:
	case MESSAGE_COPIED:
	case MESSAGE_GENERATION:
	case MESSAGE_ASK:
	case MESSAGE_SAY:
	case MESSAGE_REPORT:
		must(false); /* not for raft */
	}
}

/* ---- timers ---- */

bool raft_hears(const struct raft *r, struct id voter)
{
	const struct follower *f = raft_look(r, voter);

	if (f == NULL)
		return id_same(voter, r->wal->voter);
	return f->heard_us + r->cfg.election_max_us > r->now_us;
}

static bool hears_majority(const struct raft *r)
{
	bool yes[STORE_REPLICAS_MAX];

	for (uint32_t i = 0; i < r->voters.count; i++)
		yes[i] = raft_hears(r, r->voters.seat[i].voter);
	return voters_agree(&r->voters, yes);
}

/* A witness leads only until a scheduler has what it has. */
static void tick_leader(struct raft *r)
{
	if (r->quorum_us <= r->now_us) {
		r->quorum_us = r->now_us + r->cfg.election_min_us;
		if (!hears_majority(r)) {
			raft_follow(r, raft_term(r), "no majority heard");
			return;
		}
	}
	if (!id_is_none(r->transfer_to) && r->transfer_until_us <= r->now_us)
		r->transfer_to = id_none;
	if (r->cfg.witness && id_is_none(r->transfer_to))
		(void)raft_transfer(r, id_none);
}

void raft_tick(struct raft *r, struct outbox *o)
{
	bool standing = r->role == RAFT_PRECANDIDATE || r->role == RAFT_CANDIDATE;

	if (!wal_is_made(r->wal))
		return;
	if (raft_leads(r)) {
		tick_leader(r);
		return;
	}
	/* Both kinds of evidence: do not wait the whole time. */
	if (r->role == RAFT_FOLLOWER && !id_is_none(r->leader) && !leader_lives(r) &&
	    r->leader_broken && r->deadline_us > r->now_us + 2 * r->cfg.heartbeat_us &&
	    r->deadline_us != UINT64_MAX)
		r->deadline_us = r->now_us + rng_below(r->rng, 2 * r->cfg.heartbeat_us);
	if (r->deadline_us <= r->now_us) {
		/* A disk that is slower than the timer would else raise the term for ever. */
		if (standing && !state_is_durable(r))
			raft_arm(r);
		else if (may_stand(r))
			sound_out(r);
		else
			r->deadline_us = UINT64_MAX;
	} else if (standing && r->votes_sent && r->ask_again_us <= r->now_us) {
		ask_votes(r, o);
	}
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t raft_deadline_us(const struct raft *r)
{
	uint64_t at = r->deadline_us;

	if (!wal_is_made(r->wal))
		return UINT64_MAX;
	if (r->role == RAFT_PRECANDIDATE || r->role == RAFT_CANDIDATE)
		return r->votes_sent ? least(at, r->ask_again_us) : at;
	if (!raft_leads(r))
		return at;
	at = r->quorum_us;
	if (!id_is_none(r->transfer_to))
		at = least(at, r->transfer_until_us);
	for (uint32_t i = 0; i < r->follower_count; i++)
		at = least(at, replicate_beat_us(r, &r->followers[i]));
	return at;
}

/* ---- the turn ---- */

static void move_on(struct raft *r, struct outbox *o)
{
	if (r->role == RAFT_PRECANDIDATE) {
		if (!r->votes_sent)
			ask_votes(r, o);
		if (is_elected(r))
			stand(r);
	}
	/* Our own vote is a promise too: nobody is asked before it is durable. */
	if (r->role == RAFT_CANDIDATE && state_is_durable(r)) {
		if (!r->votes_sent)
			ask_votes(r, o);
		if (is_elected(r))
			lead(r);
	}
}

static void keep_promises(struct raft *r, struct outbox *o)
{
	struct message m = {.kind = MESSAGE_VOTED};

	if (!state_is_durable(r))
		return;
	if (r->vote_due) {
		m.voted.granted = true;
		m.voted.asked = raft_term(r);
		must(id_same(r->wal->state.vote, r->vote_to_voter));
		raft_post(r, &r->vote_to, r->vote_to_voter, &m, o);
		r->vote_due = false;
	}
	replicate_ack(r, o);
}

static void write_run(struct raft *r, uint64_t token, struct outbox *o)
{
	uint64_t puts = r->state_puts, index;
	uint32_t place;
	size_t at = 0;

	if (r->writing || !wal_has_run(r->wal))
		return;
	r->writing = true;
	r->sent_last = 0;
	r->state_sent = r->state_synced;
	if (!wal_flush(r->wal, token, o))
		return;
	r->state_sent = puts;
	r->sent_last = log_last(&r->log);
	while (wal_sent_entry(r->wal, &at, &index, &place))
		if (log_has(&r->log, index))
			log_set_file(&r->log, index, r->wal->file, place);
}

void raft_turn(struct raft *r, bool awake, uint64_t token, struct outbox *o)
{
	if (!wal_is_made(r->wal))
		return;
	if (awake)
		move_on(r, o);
	write_run(r, token, o);
	if (!awake)
		return;
	if (raft_leads(r)) {
		replicate_commit(r);
		if (raft_leads(r))
			replicate_all(r, o);
		if (raft_leads(r))
			replicate_commit(r);
	}
	keep_promises(r, o);
}

void raft_synced(struct raft *r)
{
	must(r->writing);
	r->writing = false;
	if (r->stored < r->sent_last)
		r->stored = r->sent_last;
	r->state_synced = r->state_sent;
	must(r->stored <= log_last(&r->log));
}

void raft_hold_back(struct raft *r, bool full)
{
	r->held_back = full;
	if (full && r->role != RAFT_FOLLOWER)
		raft_follow(r, raft_term(r), "disk full");
	raft_arm(r);
}

void raft_begin_generation(struct raft *r)
{
	uint64_t number = r->wal->generation.number;

	must(number > r->wal->state.generation);
	r->wal->state.generation = number;
	raft_follow(r, generation_first_term(number), "a new generation");
	replicate_set_voters(r);
	raft_arm(r);
}

void raft_mute(struct raft *r, bool mute)
{
	if (r->mute == mute)
		return;
	r->mute = mute;
	if (mute || r->role == RAFT_FOLLOWER)
		raft_arm(r);
}

void raft_least(struct raft *r, uint64_t term, uint64_t index)
{
	if (r->least_term == term && r->least_index == index)
		return;
	r->least_term = term;
	r->least_index = index;
	if (r->role == RAFT_FOLLOWER)
		raft_arm(r);
}
