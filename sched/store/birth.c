/* How a store comes to be here: born (by the founder alone, or by N together), or found at another's.
 *
 *     EMPTY --founder's mark------------------------------------> BORN
 *     EMPTY --lowest of N empty ones (propose)--> PROPOSED --all N have synced it--> BORN
 *     EMPTY --PROPOSE heard (accept)-----------> PROPOSED --the leader's first entries--> BORN
 *     EMPTY --HELLO of a leader (adopt)-> ADOPTED --entries or a snapshot--> BORN
 *     PROPOSED --anybody refused (withdraw)----> EMPTY
 *
 * PROPOSED and ADOPTED hold a wal, so a voter id and a store id, and no second store is accepted; but a store that was
 * only adopted, of which nothing came, gives way to one that lives. */
#include <string.h>

#include "core/call.h"
#include "core/must.h"
#include "sched/store/inside.h"

#define MARK         "store-born"
#define HELLO_US     500000u
#define SAID_FRESH   (4u * HELLO_US)
#define EMPTY_LOG_US 60000000u
#define WARM_US      5000000u

static bool is_empty(const struct store *s)
{
	return !wal_is_made(&s->wal);
}

/* A wal, but nothing in it yet. */
bool birth_is_blank(const struct store *s)
{
	return !is_empty(s) && log_last(&s->raft.log) == 0 && s->raft.voters.count == 0;
}

static bool is_proposed(const struct store *s)
{
	return birth_is_blank(s) && s->wal.proposal_count > 0;
}

static bool proposes(const struct store *s)
{
	return is_proposed(s) && id_same(s->wal.proposal[0], s->cfg.self);
}

static struct id draw(struct store *s)
{
	uint8_t random[16];

	rng_fill(&s->rng, random, sizeof(random));
	return id_of_random(random);
}

static void make_wal(struct store *s, struct id store)
{
	wal_make(&s->wal, store, draw(s));
	s->raft.state_puts++;
	s->awake = false;
	s->hello_owed = false;
}

void birth_forget(struct store *s, struct outbox *o)
{
	must(birth_is_blank(s));
	wal_forget(&s->wal, o);
	s->awake = false;
	s->refused = false;
	s->hello_owed = false;
	/* A run of the forgotten wal may be under way: its answer is not ours any more. */
	s->run_token = 0;
	s->raft.writing = false;
	s->raft.state_puts = s->raft.state_sent = s->raft.state_synced = 0;
	s->raft.sent_last = s->raft.stored = 0;
	s->raft.role = RAFT_FOLLOWER;
	s->raft.leader = id_none;
	s->raft.deadline_us = UINT64_MAX;
}

/* The first entry, the same wherever it is: who the members are. */
static void bear(struct store *s, const struct voters *first)
{
	struct entry e = {.index = 1, .term = 1, .kind = ENTRY_VOTERS};
	struct buffer body;
	enum err err;

	must(log_last(&s->raft.log) == 0);
	buffer_init(&body, FRAME_MAX);
	err = voters_put(first, &body);
	must(err == OK);
	e.body = buffer_bytes(&body);
	s->wal.state.term = 1;
	s->wal.state.vote = id_none;
	wal_put_state(&s->wal);
	s->raft.state_puts++;
	log_append(&s->raft.log, &e, 0);
	wal_put_entry(&s->wal, &e);
	buffer_fini(&body);
	replicate_set_voters(&s->raft);
	raft_arm(&s->raft);
}

void birth_open(struct store *s, const struct disk *disk)
{
	struct buffer mark;

	buffer_init(&mark, 4096);
	s->marked = disk->read(disk->self, MARK, &mark) != ERR_NOT_FOUND;
	buffer_fini(&mark);
}

static struct seat seat_of(struct id voter, struct id node)
{
	return (struct seat){.voter = voter, .node = node, .scheduler = true, .votes = true};
}

static void found(struct store *s)
{
	struct voters first = {.count = 0};

	make_wal(s, draw(s));
	voters_add(&first, seat_of(s->wal.voter, s->cfg.self));
	bear(s, &first);
}

/* ---- messages ---- */

static void post(struct store *s, const struct peer *to, struct message *m, struct outbox *o)
{
	enum err err;

	m->generation = generation_mark(lineage_own(s));
	if (!is_empty(s)) {
		m->from = s->wal.voter;
		m->boot = s->wal.state.boot;
		m->term = s->wal.state.term;
		if (id_is_none(m->store))
			m->store = s->wal.store;
	}
	m->nonce = s->raft.nonce;
	buffer_clear(&s->scratch);
	err = message_put(m, &s->scratch);
	must(err == OK);
	outbox_post(o, to, PURPOSE_STORE, FRAME_STORE, 0, buffer_bytes(&s->scratch));
}

static void post_kind(struct store *s, const struct peer *to, enum message_kind kind,
		      struct id store, struct outbox *o)
{
	struct message m = {.kind = kind, .store = store};

	post(s, to, &m, o);
}

static void answer_hello(struct store *s, const struct peer *to, struct outbox *o)
{
	struct message m = {.kind = MESSAGE_HELLOED};

	m.hello.holding = is_empty(s)      ? HOLDING_NOTHING
			  : is_proposed(s) ? HOLDING_PROPOSAL
					   : HOLDING_STORE;
	m.hello.scheduler = store_is_scheduler(s);
	m.hello.leads = raft_leads(&s->raft);
	m.hello.level = s->cfg.level;
	post(s, to, &m, o);
}

static void say_hello(struct store *s, struct known *k, struct outbox *o)
{
	struct message m = {.kind = MESSAGE_HELLO};
	struct peer to = raft_peer(&s->raft, k->node);

	m.hello.holding = is_empty(s) ? HOLDING_NOTHING : HOLDING_STORE;
	m.hello.scheduler = store_is_scheduler(s);
	m.hello.leads = raft_leads(&s->raft);
	m.hello.level = s->cfg.level;
	m.hello.state = level_of(s->kv);
	k->hello_us = s->now_us;
	post(s, &to, &m, o);
}

static void say_foreign(struct store *s, const struct peer *from, const struct message *m,
			struct outbox *o)
{
	s->refusals++;
	if (m->generation == 1)
		s->lineage.foreign = generation_first(m->store);
	lineage_mismatch(s, from, m, o);
	if (s->foreign_said)
		return;
	s->foreign_said = true;
	outbox_log(
		o, LOG_LEVEL_ERROR,
		"two stores of one cluster met: ours=%s theirs=%s at=%s; they never merge: retire "
		"one with `witan store retire`",
		id_text(s->wal.store).s, id_text(m->store).s, id_text(from->id).s);
}

/* What we would be given we could not read. A worker that holds no copy needs none: it is not asked to be a witness. */
static bool is_too_old(struct store *s, const struct message *m, struct outbox *o)
{
	char why[200];

	if ((!store_is_scheduler(s) && is_empty(s)) ||
	    (!is_empty(s) && !id_same(m->store, s->wal.store)) ||
	    level_fits(m->hello.state, s->cfg.level, why) == OK)
		return false;
	s->fault = ERR_VERSION;
	outbox_log(o, LOG_LEVEL_ERROR, "%s", why);
	outbox_exit(o, EXIT_CONFIG);
	return true;
}

/* A wal for the store that is offered, of its generation: which has to be known first. */
static bool adopts(struct store *s, const struct peer *from, const struct message *m,
		   struct outbox *o)
{
	const struct generation *known = &s->lineage.known;

	if (m->generation > 1 ? generation_mark(known) != m->generation
			      : known->number > 1 && id_same(known->store, m->store)) {
		lineage_mismatch(s, from, m, o);
		return false;
	}
	make_wal(s, m->store);
	if (m->generation > 1) {
		s->wal.generation = *known;
		s->wal.state.generation = known->number;
		s->wal.state.term = generation_first_term(known->number);
		wal_put_generation(&s->wal);
		wal_put_state(&s->wal);
		s->raft.state_puts++;
	}
	return true;
}

static void step_hello(struct store *s, const struct peer *from, const struct message *m,
		       struct outbox *o)
{
	bool offered = m->hello.leads && m->hello.holding == HOLDING_STORE && !id_is_none(m->store);
	struct known *k = roster_find(&s->roster, from->id);

	if (k != NULL)
		k->level = m->hello.level;
	if (offered && is_too_old(s, m, o))
		return;
	if (offered && !is_empty(s) && !id_same(m->store, s->wal.store)) {
		if (!birth_is_blank(s) || is_proposed(s)) {
			if (!is_proposed(s))
				say_foreign(s, from, m, o);
			answer_hello(s, from, o);
			return;
		}
		birth_forget(s, o);
	}
	if (offered && is_empty(s)) {
		if (!adopts(s, from, m, o))
			return;
		s->hello_owed = true;
		s->hello_to = *from;
		return;
	}
	if (is_empty(s) || s->awake)
		answer_hello(s, from, o);
}

static void step_helloed(struct store *s, const struct peer *from, const struct message *m,
			 struct outbox *o)
{
	struct known *k = roster_find(&s->roster, from->id);

	if (k == NULL)
		return;
	k->said_us = s->now_us;
	k->empty = m->hello.holding == HOLDING_NOTHING;
	k->level = m->hello.level;
	if (is_empty(s) || k->empty)
		return;
	if (id_same(m->store, s->wal.store)) {
		k->voter = m->from;
		starts_heard_hello(s, from, m, o);
	} else if (m->hello.holding == HOLDING_STORE && !birth_is_blank(s)) {
		say_foreign(s, from, m, o);
	}
}

static uint32_t place_in_proposal(const struct store *s, struct id node)
{
	for (uint32_t i = 0; i < s->wal.proposal_count; i++)
		if (id_same(s->wal.proposal[i], node))
			return i;
	return STORE_REPLICAS_MAX;
}

static void step_propose(struct store *s, const struct peer *from, const struct message *m,
			 struct outbox *o)
{
	bool named = false;

	for (uint32_t i = 0; i < m->propose.count; i++)
		named |= id_same(m->propose.node[i], s->cfg.self);
	if (!named || !store_is_scheduler(s) || !id_same(m->propose.node[0], from->id) ||
	    id_is_none(m->store) || m->propose.count != s->cfg.bootstrap_expect ||
	    (!is_empty(s) && !id_same(m->store, s->wal.store))) {
		post_kind(s, from, MESSAGE_REFUSED, m->store, o);
		return;
	}
	if (is_empty(s)) {
		make_wal(s, m->store);
		s->wal.proposal_count = m->propose.count;
		memcpy(s->wal.proposal, m->propose.node, m->propose.count * sizeof(struct id));
		wal_put_proposal(&s->wal);
		return; /* birth_turn answers when it is durable */
	}
	if (s->awake)
		post_kind(s, from, MESSAGE_ACCEPTED, s->wal.store, o);
}

static void step_accepted(struct store *s, const struct peer *from, const struct message *m,
			  struct outbox *o)
{
	uint32_t at = place_in_proposal(s, from->id);

	if (is_empty(s) || !id_same(m->store, s->wal.store)) {
		/* Ours once, and nothing came of it. */
		post_kind(s, from, MESSAGE_WITHDRAWN, m->store, o);
		return;
	}
	if (!proposes(s) || at == STORE_REPLICAS_MAX || id_is_none(m->from))
		return;
	s->accepted[at] = true;
	s->accepted_voter[at] = m->from;
}

void birth_step(struct store *s, const struct peer *from, const struct message *m, struct outbox *o)
{
	bool ours = !is_empty(s) && id_same(m->store, s->wal.store);

	switch (m->kind) {
	case MESSAGE_HELLO:
		step_hello(s, from, m, o);
		break;
	case MESSAGE_HELLOED:
		step_helloed(s, from, m, o);
		break;
	case MESSAGE_PROPOSE:
		step_propose(s, from, m, o);
		break;
	case MESSAGE_ACCEPTED:
		step_accepted(s, from, m, o);
		break;
	case MESSAGE_REFUSED:
		s->refused |=
			ours && proposes(s) && place_in_proposal(s, from->id) != STORE_REPLICAS_MAX;
		break;
	case MESSAGE_WITHDRAWN:
		if (ours && is_proposed(s) && id_same(from->id, s->wal.proposal[0]))
			birth_forget(s, o);
		break;
	case MESSAGE_PREVOTE:
	case MESSAGE_PREVOTED:
	case MESSAGE_VOTE:
	case MESSAGE_VOTED:
	case MESSAGE_APPEND:
	case MESSAGE_APPENDED:
	case MESSAGE_SNAPSHOT:
	case MESSAGE_SNAPSHOTTED:
	case MESSAGE_TRANSFER:
	case MESSAGE_GIVE_UP:
	case MESSAGE_GIVEN_UP:
	case MESSAGE_COPIED:
	case MESSAGE_GENERATION:
	case MESSAGE_ASK:
	case MESSAGE_SAY:
	case MESSAGE_REPORT:
		must(false); /* not about birth */
	}
}

/* ---- by N together ---- */

/* The N lowest live schedulers, when we are the lowest of them. */
static bool gather(const struct store *s, struct id out[STORE_REPLICAS_MAX])
{
	uint32_t count = 0;

	out[count++] = s->cfg.self;
	for (uint32_t i = 0; i < s->roster.count && count < s->cfg.bootstrap_expect; i++) {
		const struct known *k = &s->roster.known[i];

		if (!known_is_scheduler(k) || !known_is_alive(k) || id_same(k->node, s->cfg.self))
			continue;
		if (id_cmp(k->node, s->cfg.self) < 0)
			return false;
		out[count++] = k->node;
	}
	return count == s->cfg.bootstrap_expect;
}

/* Asks the N what they hold; proposes when all have just said: nothing. */
static void ask_around(struct store *s, struct outbox *o)
{
	struct id nodes[STORE_REPLICAS_MAX];
	uint32_t n = s->cfg.bootstrap_expect;
	bool all = true;

	if (n == 0 || n > STORE_REPLICAS_MAX || !store_is_scheduler(s) || !gather(s, nodes))
		return;
	for (uint32_t i = 1; i < n; i++) {
		struct known *k = roster_find(&s->roster, nodes[i]);

		if (!k->empty || k->said_us == 0 || k->said_us + SAID_FRESH <= s->now_us)
			all = false;
		say_hello(s, k, o);
	}
	if (!all)
		return;
	make_wal(s, draw(s));
	s->wal.proposal_count = n;
	memcpy(s->wal.proposal, nodes, n * sizeof(nodes[0]));
	wal_put_proposal(&s->wal);
	memset(s->accepted, 0, sizeof(s->accepted));
}

static void withdraw(struct store *s, struct outbox *o)
{
	for (uint32_t i = 1; i < s->wal.proposal_count; i++) {
		struct peer to = raft_peer(&s->raft, s->wal.proposal[i]);

		post_kind(s, &to, MESSAGE_WITHDRAWN, s->wal.store, o);
	}
	birth_forget(s, o);
}

static void propose(struct store *s, struct outbox *o)
{
	struct message m = {.kind = MESSAGE_PROPOSE};

	m.propose.count = s->wal.proposal_count;
	memcpy(m.propose.node, s->wal.proposal, sizeof(m.propose.node));
	for (uint32_t i = 1; i < s->wal.proposal_count; i++) {
		struct peer to = raft_peer(&s->raft, s->wal.proposal[i]);

		if (!s->accepted[i])
			post(s, &to, &m, o);
	}
}

/* All N have synced it: the store is born. */
static bool bear_together(struct store *s)
{
	struct voters first = {.count = 0};

	voters_add(&first, seat_of(s->wal.voter, s->cfg.self));
	for (uint32_t i = 1; i < s->wal.proposal_count; i++) {
		if (!s->accepted[i])
			return false;
		voters_add(&first, seat_of(s->accepted_voter[i], s->wal.proposal[i]));
	}
	bear(s, &first);
	return true;
}

uint32_t birth_level(const struct store *s)
{
	uint32_t least = s->cfg.level;

	for (uint32_t i = 0; i < s->raft.voters.count; i++) {
		const struct seat *seat = &s->raft.voters.seat[i];
		const struct known *k = roster_look(&s->roster, seat->node);
		uint32_t level = k == NULL ? 0 : k->level;

		if (!id_same(seat->node, s->cfg.self) && level < least)
			least = level;
	}
	for (uint32_t i = 0; i < s->roster.count; i++) {
		const struct known *k = &s->roster.known[i];

		if (known_is_scheduler(k) && known_is_alive(k) && !id_same(k->node, s->cfg.self) &&
		    k->level < least)
			least = k->level;
	}
	return least;
}

/* ---- the turn ---- */

/* The leader looks for schedulers that do not follow yet, for lost ones that came back under another voter id, for those
 * that have not said yet which level they know, and for a witness when it needs one. */
static void look_out(struct store *s, struct outbox *o)
{
	struct sitter sitters[STORE_MEMBERS_MAX];
	uint32_t count = seats_gather(s, sitters);
	struct voters set = voters_settled(&s->raft.voters);
	uint32_t draft = plan_draft(&set, sitters, count, seats_wish(s));

	for (uint32_t i = 0; i < count; i++) {
		const struct follower *f;
		struct known *k = roster_find(&s->roster, sitters[i].node);
		uint32_t at = voters_find_node(&s->raft.voters, sitters[i].node);

		if (k == NULL || sitters[i].self || !sitters[i].alive)
			continue;
		f = at == VOTERS_NONE ? NULL
				      : raft_follower(&s->raft, s->raft.voters.seat[at].voter);
		if (f != NULL && id_is_none(k->voter) && f->match > 0)
			k->voter = f->voter;
		if (f != NULL && f->heard_us + s->raft.cfg.election_max_us > s->now_us &&
		    !id_is_none(k->voter) && k->level != 0)
			continue;
		if (!sitters[i].scheduler && i != draft && f == NULL)
			continue;
		say_hello(s, k, o);
	}
}

/* Voters keep streams to one another: votes that must dial first come late. */
static void keep_warm(struct store *s, struct outbox *o)
{
	s->warm_us = s->now_us + WARM_US;
	for (uint32_t i = 0; i < s->raft.voters.count; i++) {
		const struct seat *seat = &s->raft.voters.seat[i];
		struct known *k = roster_find(&s->roster, seat->node);

		if (k != NULL && seat->votes && known_is_alive(k) &&
		    !id_same(seat->node, s->cfg.self) && !id_same(seat->node, s->raft.leader_node))
			say_hello(s, k, o);
	}
}

static void say_empty(struct store *s, struct outbox *o)
{
	if (!store_is_scheduler(s) || s->empty_us > s->now_us)
		return;
	s->empty_us = s->now_us + EMPTY_LOG_US;
	outbox_log(o, LOG_LEVEL_INFO, "waiting for a director: no store here");
}

static void act(struct store *s, struct outbox *o)
{
	if (is_empty(s)) {
		ask_around(s, o);
	} else if (proposes(s) && s->awake) {
		propose(s, o);
	} else if (is_proposed(s) && s->awake) {
		struct peer to = raft_peer(&s->raft, s->wal.proposal[0]);

		post_kind(s, &to, MESSAGE_ACCEPTED, s->wal.store, o);
	} else if (raft_is_sure(&s->raft)) {
		look_out(s, o);
	}
}

void birth_turn(struct store *s, struct outbox *o)
{
	if (is_empty(s) && s->cfg.founder && !s->marked)
		found(s);
	if (!is_empty(s) && s->cfg.founder && !s->marked && s->awake && !birth_is_blank(s)) {
		struct id_text text = id_text(s->wal.store);

		outbox_put(o, MARK, bytes_str(text.s), 0);
		s->marked = true;
	}
	if (s->refused && proposes(s))
		withdraw(s, o);
	if (proposes(s) && s->awake)
		(void)bear_together(s);
	if (s->hello_owed && s->awake) {
		s->hello_owed = false;
		answer_hello(s, &s->hello_to, o);
	}
	if (is_empty(s) || birth_is_blank(s))
		say_empty(s, o);
	if (raft_votes(&s->raft) && s->awake && s->warm_us <= s->now_us)
		keep_warm(s, o);
	if (s->hello_us <= s->now_us) {
		s->hello_us = s->now_us + HELLO_US;
		act(s, o);
	}
}

uint64_t birth_deadline_us(const struct store *s)
{
	bool empty = (is_empty(s) || birth_is_blank(s)) && store_is_scheduler(s);
	bool asks =
		(empty && s->cfg.bootstrap_expect > 0) || is_proposed(s) || raft_leads(&s->raft);
	uint64_t at = empty ? s->empty_us : UINT64_MAX;

	if (asks && s->hello_us < at)
		at = s->hello_us;
	if (raft_votes(&s->raft) && s->awake && s->warm_us < at)
		at = s->warm_us;
	return at;
}
