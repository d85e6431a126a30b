/* A person confirms a loss, or retires a generation: what only a person can know.
 *
 * The call comes twice. First as a question: every voter and every scheduler is asked what it holds and whom it sees, for
 * two seconds; the answer says what would be done and what may be lost by it. Then as an act, with what the person was
 * told: the same is asked again, and when anything differs nothing is done. Nothing is done either when
 *
 *     a voter that does not answer was not named, or one that was named answers
 *     those who answer are a majority, or somebody hears a leader, or the majority was lost less than confirm_after ago
 *     anybody who answers holds a voter that was named alive or suspect, in either view
 *
 * The new generation is ours the moment it is synced here; the others take it when they are shown it (lineage.c). */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/call.h"
#include "core/must.h"
#include "core/pack.h"
#include "sched/store/inside.h"

#define ASK_US    250000u
#define ASKS_US   2000000u
#define BEGINS_US 10000000u
#define TEXT_MAX  2048u

/* ---- the majority ---- */

static bool is_led(const struct store *s)
{
	const struct raft *r = &s->raft;

	return raft_leads(r) || (!id_is_none(r->leader) &&
				 r->leader_heard_us + 3 * r->cfg.election_max_us > s->now_us);
}

uint64_t store_lost_us(const struct store *s)
{
	if (s->raft.voters.count == 0 || is_led(s))
		return 0;
	if (s->lost_us != 0)
		return s->lost_us;
	/* No turn came since: who only follows has nothing to wake for. */
	return s->raft.leader_heard_us > 0 ? s->raft.leader_heard_us : s->now_us;
}

static void watch_majority(struct store *s)
{
	s->lost_us = store_lost_us(s);
}

/* ---- words ---- */

struct say {
	char s[TEXT_MAX];
	size_t len;
};

static void say(struct say *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct say *t, const char *format, ...)
{
	va_list more;
	int n;

	va_start(more, format);
	n = vsnprintf(t->s + t->len, sizeof(t->s) - t->len, format, more);
	va_end(more);
	if (n > 0)
		t->len = t->len + (size_t)n < sizeof(t->s) ? t->len + (size_t)n : sizeof(t->s) - 1;
}

/* "name (id)", as far as it is known. */
static void say_node(const struct store *s, struct say *t, struct id node)
{
	const struct known *k = roster_look(&s->roster, node);

	if (k != NULL && k->name[0] != '\0')
		say(t, "%s (%s)", k->name, id_text(node).s);
	else
		say(t, "%s", id_text(node).s);
}

static void answer(struct store *s, uint8_t code, struct bytes body, const char *why,
		   struct outbox *o)
{
	struct answer a = {.code = code, .body = body, .why = bytes_str(why)};
	struct buffer b;
	enum err err;

	buffer_init(&b, FRAME_MAX);
	err = answer_put(&a, &b);
	must(err == OK);
	outbox_post(o, &s->inquiry.to, s->inquiry.purpose, FRAME_ANSWER, s->inquiry.request,
		    buffer_bytes(&b));
	buffer_fini(&b);
	s->inquiry.state = INQUIRY_NONE;
}

static void refuse(struct store *s, uint8_t code, const struct say *why, struct outbox *o)
{
	answer(s, code, (struct bytes){0}, why->s, o);
}

static void answer_text(struct store *s, uint64_t facts, const struct say *text, struct outbox *o)
{
	struct buffer body;
	struct pack p;

	buffer_init(&body, FRAME_MAX);
	pack_init(&p, &body);
	pack_array(&p, 2);
	pack_u64(&p, facts);
	pack_str(&p, text->s);
	answer(s, EXIT_GOOD, buffer_bytes(&body), "", o);
	buffer_fini(&body);
}

/* ---- what is known ---- */

static const struct answerer *said_by(const struct store *s, struct id node)
{
	for (uint32_t i = 0; i < s->inquiry.saids; i++)
		if (id_same(s->inquiry.said[i].node, node))
			return &s->inquiry.said[i];
	return NULL;
}

static bool is_there(const struct store *s, const struct seat *seat)
{
	const struct answerer *a = said_by(s, seat->node);

	return id_same(seat->voter, s->wal.voter) || (a != NULL && id_same(a->voter, seat->voter));
}

static bool is_majority(const struct store *s, bool there)
{
	bool yes[STORE_REPLICAS_MAX];

	for (uint32_t i = 0; i < s->raft.voters.count; i++)
		yes[i] = is_there(s, &s->raft.voters.seat[i]) == there;
	return voters_agree(&s->raft.voters, yes);
}

static bool votes(const struct store *s, const struct seat *seat)
{
	return voters_votes(&s->raft.voters, seat->voter);
}

/* A name, or at least four characters of an id. */
static bool is_called(const struct store *s, const struct seat *seat, const char *name)
{
	const struct known *k = roster_look(&s->roster, seat->node);
	size_t len = strlen(name);

	return (k != NULL && strcmp(k->name, name) == 0) ||
	       (len >= 4 && strncmp(id_text(seat->node).s, name, len) == 0);
}

static bool is_named(const struct store *s, const struct seat *seat)
{
	for (uint32_t i = 0; i < s->inquiry.names; i++)
		if (is_called(s, seat, s->inquiry.name[i]))
			return true;
	return false;
}

static uint64_t mix(uint64_t h, uint64_t more)
{
	h = (h ^ more) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ (h >> 29);
}

/* What the person was told, as one number; never 0. */
static uint64_t facts_of(const struct store *s)
{
	uint64_t h = mix(id_hash(s->wal.generation.id), s->inquiry.retires);

	for (uint32_t i = 0; i < s->raft.voters.count; i++) {
		const struct seat *seat = &s->raft.voters.seat[i];
		const struct answerer *a = said_by(s, seat->node);

		if (!votes(s, seat))
			continue;
		h = mix(h, id_hash(seat->voter));
		h = mix(h, is_there(s, seat));
		/* Under a director the logs grow; when one is lost they do not. */
		if (s->inquiry.retires || a == NULL)
			continue;
		h = mix(mix(h, a->last), a->last_term);
	}
	if (!s->inquiry.retires)
		h = mix(mix(h, log_last(&s->raft.log)), log_last_term(&s->raft.log));
	return h == 0 ? 1 : h;
}

/* ---- refusals ---- */

static bool refuse_early(struct store *s, struct outbox *o)
{
	uint64_t lost_us = store_lost_us(s), lost_ms = (s->now_us - lost_us) / 1000;
	struct say t = {.len = 0};

	if (!store_is_scheduler(s))
		say(&t, "this node is no scheduler: ask a surviving one");
	else if (!wal_is_made(&s->wal) || s->raft.voters.count == 0 || !s->awake)
		say(&t, "no store here: ask a scheduler that has one");
	else if (s->inquiry.retires)
		return false;
	else if (lost_us == 0)
		say(&t, "nothing is lost: a majority of the voters is there");
	else if (lost_ms < s->cfg.confirm_after_ms)
		say(&t,
		    "the majority was lost %" PRIu64
		    " s ago: a loss can be confirmed after %" PRIu32 " s",
		    lost_ms / 1000, s->cfg.confirm_after_ms / 1000);
	if (t.len == 0)
		return false;
	refuse(s, EXIT_OTHER, &t, o);
	return true;
}

/* True when a voter that was named is held alive or suspect by somebody who was reached. */
static bool is_seen(const struct store *s, const struct seat *seat, struct say *t)
{
	bool seen = lineage_holds(s, seat->node);

	if (seen) {
		say_node(s, t, seat->node);
		say(t, " is not seen as failed by this node");
	}
	for (uint32_t i = 0; i < s->inquiry.saids && !seen; i++) {
		const struct answerer *a = &s->inquiry.said[i];

		for (uint32_t k = 0; k < a->count && !seen; k++)
			seen = id_same(a->here[k], seat->node);
		if (!seen)
			continue;
		say_node(s, t, seat->node);
		say(t, " is not seen as failed by ");
		say_node(s, t, a->node);
	}
	if (seen)
		say(t, ": switch it off, and wait until it is seen as failed");
	return seen;
}

static bool refuse_names(const struct store *s, struct say *t)
{
	for (uint32_t n = 0; n < s->inquiry.names; n++) {
		uint32_t called = 0;

		for (uint32_t i = 0; i < s->raft.voters.count; i++)
			called += votes(s, &s->raft.voters.seat[i]) &&
				  is_called(s, &s->raft.voters.seat[i], s->inquiry.name[n]);
		if (called == 1)
			continue;
		say(t, "`%s` names %s voter", s->inquiry.name[n],
		    called == 0 ? "no" : "more than one");
		return true;
	}
	return false;
}

/* Every voter that does not answer must have been named, and no other. */
static bool refuse_silent(const struct store *s, struct say *t)
{
	bool any = false;

	for (uint32_t i = 0; i < s->raft.voters.count; i++) {
		const struct seat *seat = &s->raft.voters.seat[i];

		if (!votes(s, seat) || is_there(s, seat) || is_named(s, seat))
			continue;
		say(t, "%s", any ? ", " : "every voter that does not answer must be named: ");
		say_node(s, t, seat->node);
		any = true;
	}
	for (uint32_t i = 0; i < s->raft.voters.count && !any; i++) {
		const struct seat *seat = &s->raft.voters.seat[i];

		if (!votes(s, seat) || !is_named(s, seat))
			continue;
		if (is_there(s, seat)) {
			say_node(s, t, seat->node);
			say(t, " answers: it is not lost");
			any = true;
		} else {
			any = is_seen(s, seat, t);
		}
	}
	return any;
}

static bool refuse_loss(const struct store *s, struct say *t)
{
	for (uint32_t i = 0; i < s->inquiry.saids; i++)
		if (s->inquiry.said[i].led) {
			say_node(s, t, s->inquiry.said[i].node);
			say(t, " hears a leader: nothing is lost");
			return true;
		}
	if (is_majority(s, true)) {
		say(t, "nothing is lost: a majority of the voters answers");
		return true;
	}
	return refuse_names(s, t) || refuse_silent(s, t);
}

/* Whom the person wants to retire: the rival, or another store's. */
static const struct generation *retired(const struct store *s)
{
	const struct generation *could[] = {&s->wal.rival, &s->lineage.foreign};
	const char *name = s->inquiry.name[0];

	for (int i = 0; i < 2; i++)
		if (could[i]->number > 0 && strlen(name) >= 4 &&
		    (strncmp(id_text(could[i]->id).s, name, strlen(name)) == 0 ||
		     strncmp(id_text(could[i]->store).s, name, strlen(name)) == 0) &&
		    !generation_is_ancestor(&s->wal.generation, could[i]->id))
			return could[i];
	return NULL;
}

static bool refuse_retiring(const struct store *s, struct say *t)
{
	const char *name = s->inquiry.name[0];

	if (s->inquiry.names != 1)
		say(t,
		    "name one: the id of the generation or store whose state is to be set aside");
	else if (strlen(name) >= 4 &&
		 (strncmp(id_text(s->wal.generation.id).s, name, strlen(name)) == 0 ||
		  (strncmp(id_text(s->wal.store).s, name, strlen(name)) == 0 &&
		   retired(s) == NULL)))
		say(t, "that is what this node lives in: retire it at a scheduler of the side that "
		       "stays");
	else if (retired(s) == NULL)
		say(t, "no other generation or store `%s` was met here", name);
	else if (!is_majority(s, true))
		say(t, "no majority of the voters answers here: confirm a loss first");
	return t->len > 0;
}

/* ---- the question ---- */

static void say_left(const struct store *s, struct say *t)
{
	say(t, "left:");
	for (uint32_t i = 0; i < s->raft.voters.count; i++) {
		const struct seat *seat = &s->raft.voters.seat[i];
		const struct answerer *a = said_by(s, seat->node);

		if (!votes(s, seat) || a == NULL)
			continue;
		say(t, " ");
		say_node(s, t, seat->node);
		say(t, ", which holds entries up to %" PRIu64 ";", a->last);
	}
	say(t, " this node\nlost:");
	for (uint32_t i = 0; i < s->raft.voters.count; i++)
		if (votes(s, &s->raft.voters.seat[i]) && !is_there(s, &s->raft.voters.seat[i])) {
			say(t, " ");
			say_node(s, t, s->raft.voters.seat[i].node);
		}
	say(t, "\n");
}

static uint64_t best_index(const struct store *s)
{
	uint64_t index = log_last(&s->raft.log), term = log_last_term(&s->raft.log);

	for (uint32_t i = 0; i < s->raft.voters.count; i++) {
		const struct answerer *a = said_by(s, s->raft.voters.seat[i].node);

		if (a == NULL || !is_there(s, &s->raft.voters.seat[i]) || a->last_term < term ||
		    (a->last_term == term && a->last <= index))
			continue;
		term = a->last_term;
		index = a->last;
	}
	return index;
}

static void say_loss(const struct store *s, struct say *t)
{
	struct epoch e = generation_epoch(log_last_term(&s->raft.log));

	say(t,
	    "this node holds entries up to %" PRIu64 ", the last of epoch %" PRIu64 ".%" PRIu64
	    "; it last heard a majority %" PRIu64 " s ago\n",
	    log_last(&s->raft.log), e.generation, e.term, (s->now_us - s->lost_us) / 1000000);
	say_left(s, t);
	if (is_majority(s, false))
		say(t,
		    "acknowledged entries after %" PRIu64
		    " may be missing: the lost voters could acknowledge without those left\n",
		    best_index(s));
	else
		say(t, "no acknowledged entry is missing: none could be acknowledged without those "
		       "left\n");
	say(t, "Switch the lost machines off before you confirm. When they return, they set their "
	       "state "
	       "aside and join anew; but if they return together, cut off from all who know "
	       "better, they "
	       "are the old majority for the workers cut off with them.");
}

static void say_retiring(const struct store *s, struct say *t)
{
	const struct generation *g = retired(s);

	say(t, "this side stays: generation %s, entries up to %" PRIu64 "\n",
	    generation_text(&s->wal.generation).s, log_last(&s->raft.log));
	say(t, "set aside: generation %s of store %s; what was acknowledged there is not here\n",
	    generation_text(g).s, id_text(g->store).s);
	say(t, "Its schedulers keep their state in a dated folder and join this side.");
}

/* ---- the act ---- */

static struct generation next_generation(struct store *s)
{
	const struct generation *other;
	uint8_t random[16];
	struct generation g;

	rng_fill(&s->rng, random, sizeof(random));
	g = generation_after(&s->wal.generation, id_of_random(random));
	for (uint32_t i = 0; i < s->raft.voters.count; i++) {
		struct seat seat = s->raft.voters.seat[i];
		bool self = id_same(seat.voter, s->wal.voter);

		if (!self && !(votes(s, &seat) && is_there(s, &seat)))
			continue;
		seat.votes = true;
		seat.voted = seat.goes = false;
		voters_add(&g.voters, seat);
	}
	g.base_index = log_last(&s->raft.log);
	g.base_term = log_last_term(&s->raft.log);
	g.node = s->cfg.self;
	g.uid = s->inquiry.uid;
	g.wall_us = s->wall_us;
	if (!s->inquiry.retires)
		return g;
	other = retired(s);
	generation_retires(&g, other->id);
	if (!id_same(other->store, g.store) && !id_same(other->store, other->id))
		generation_retires(
			&g,
			other->store); /* its members of an earlier generation, and its workers */
	return g;
}

static void act(struct store *s, struct outbox *o)
{
	struct generation g = next_generation(s);

	if (!generation_seats(&g, s->wal.voter)) {
		struct say t = {.len = 0};

		say(&t, "this node has no seat yet: ask a scheduler that follows the store");
		refuse(s, EXIT_OTHER, &t, o);
		return;
	}
	outbox_log(o, LOG_LEVEL_WARN, "%s confirmed: uid=%" PRIu32 " voters=%u position=%" PRIu64,
		   s->inquiry.retires ? "retirement" : "loss", g.uid, voters_count(&g.voters),
		   g.base_index);
	s->inquiry.state = INQUIRY_BEGINS;
	s->inquiry.until_us = s->now_us + BEGINS_US;
	lineage_adopt(s, &g, o);
}

static void decide(struct store *s, struct outbox *o)
{
	struct say t = {.len = 0};
	uint64_t facts;

	if (refuse_early(s, o))
		return;
	if (s->inquiry.retires ? refuse_retiring(s, &t) : refuse_loss(s, &t)) {
		refuse(s, EXIT_OTHER, &t, o);
		return;
	}
	facts = facts_of(s);
	if (!s->inquiry.acts) {
		if (s->inquiry.retires)
			say_retiring(s, &t);
		else
			say_loss(s, &t);
		answer_text(s, facts, &t, o);
	} else if (facts != s->inquiry.facts) {
		say(&t, "what you were told has changed since: look again");
		refuse(s, EXIT_OTHER, &t, o);
	} else {
		act(s, o);
	}
}

static void look_begun(struct store *s, struct outbox *o)
{
	const struct generation *g = &s->wal.generation;
	bool led = generation_of_term(log_last_term(&s->raft.log)) == g->number &&
		   !id_is_none(s->raft.leader);
	struct say t = {.len = 0};

	if (!led && s->inquiry.until_us > s->now_us)
		return;
	say(&t, "generation %" PRIu64 " %s: ", g->number,
	    led ? "began" : "is made, but nobody leads it yet");
	if (led) {
		say_node(s, &t, s->raft.leader_node);
		say(&t, " leads");
	} else {
		say(&t, "every voter that is left must be reached");
	}
	answer_text(s, 0, &t, o);
}

/* ---- events ---- */

void loss_said(struct store *s, const struct peer *from, const struct message *m)
{
	struct inquiry *q = &s->inquiry;
	struct answerer *a;

	if (q->state != INQUIRY_ASKS || m->say.token != q->token || said_by(s, from->id) != NULL ||
	    q->saids == 2 * STORE_REPLICAS_MAX)
		return;
	a = &q->said[q->saids++];
	*a = (struct answerer){.node = from->id,
			       .voter = m->from,
			       .last = m->say.last,
			       .last_term = m->say.last_term,
			       .led = m->say.led,
			       .count = m->say.count};
	memcpy(a->here, m->say.here, sizeof(a->here));
}

static void ask_all(struct store *s, struct outbox *o)
{
	for (uint32_t i = 0; i < s->roster.count; i++) {
		const struct known *k = &s->roster.known[i];
		struct message m = {.kind = MESSAGE_ASK, .ask.token = s->inquiry.token};
		struct peer to = {.id = k->node, .addr = k->addr};

		if (id_same(k->node, s->cfg.self) || said_by(s, k->node) != NULL ||
		    (!known_is_scheduler(k) &&
		     voters_find_node(&s->raft.voters, k->node) == VOTERS_NONE))
			continue;
		lineage_post(s, &to, &m, o);
	}
}

static bool take_arguments(struct inquiry *q, struct bytes arguments)
{
	struct unpack u;
	uint32_t fields, count;

	unpack_init(&u, arguments);
	fields = unpack_array(&u, 3);
	q->acts = unpack_bool(&u);
	q->facts = unpack_u64(&u);
	count = unpack_array(&u, 0);
	if (count > STORE_REPLICAS_MAX)
		return false;
	q->names = count;
	for (uint32_t i = 0; i < count; i++)
		unpack_str(&u, q->name[i], sizeof(q->name[i]));
	if (unpack_err(&u) == OK)
		unpack_rest(&u, fields - 3);
	return unpack_err(&u) == OK;
}

void loss_call(struct store *s, const struct event *e, struct outbox *o)
{
	struct inquiry q = {.state = INQUIRY_ASKS,
			    .to = e->frame.peer,
			    .purpose = e->frame.purpose,
			    .request = e->frame.request,
			    .uid = e->frame.uid};
	struct inquiry before = s->inquiry;
	struct call call;

	if (call_get(e->frame.body, &call) != OK ||
	    (call.verb != CALL_CONFIRM_LOSS && call.verb != CALL_RETIRE))
		return;
	q.retires = call.verb == CALL_RETIRE;
	if (before.state != INQUIRY_NONE || !take_arguments(&q, call.arguments)) {
		const char *why = before.state != INQUIRY_NONE ? "somebody else confirms just now"
							       : "the request could not be read";

		s->inquiry = q;
		answer(s, before.state != INQUIRY_NONE ? EXIT_OTHER : EXIT_USAGE, (struct bytes){0},
		       why, o);
		s->inquiry = before;
		return;
	}
	q.token = rng_next(&s->rng);
	q.token = q.token == 0 ? 1 : q.token;
	q.ask_us = s->now_us;
	q.until_us = s->now_us + ASKS_US;
	s->inquiry = q;
	(void)refuse_early(s, o);
}

void loss_turn(struct store *s, struct outbox *o)
{
	struct inquiry *q = &s->inquiry;

	watch_majority(s);
	if (q->state == INQUIRY_BEGINS) {
		look_begun(s, o);
	} else if (q->state == INQUIRY_ASKS && q->until_us <= s->now_us) {
		decide(s, o);
	} else if (q->state == INQUIRY_ASKS && q->ask_us <= s->now_us) {
		q->ask_us = s->now_us + ASK_US;
		ask_all(s, o);
	}
}

uint64_t loss_deadline_us(const struct store *s)
{
	const struct inquiry *q = &s->inquiry;
	uint64_t at = q->state == INQUIRY_NONE ? UINT64_MAX : q->until_us;

	return q->state == INQUIRY_ASKS && q->ask_us < at ? q->ask_us : at;
}
