/* The director and its role: how it came to us, how it goes to another, and for whom it is held.
 *
 * The row `held` says for whom the role is meant. Whoever is stopped normally commits it for itself, whoever hands the
 * role over commits it for the other, both before leadership moves; from then on nothing new is assigned until the one
 * that is meant leads, and lifts the mark with its first batch. So a mark for ourselves tells a new director how the role
 * came (it returned, or was switched over), and the absence of one that the director before was lost.
 *
 * Who leads while it is held for another does all but assign, and hands leadership to that one as soon as it is a voter,
 * heard and up to date. The mark ends when that one is replaced as voter, when a person switches over, or in time; then
 * who leads takes the role on. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/must.h"
#include "core/pack.h"
#include "sched/audit.h"
#include "sched/director_part.h"
#include "sched/role.h"

#define HANDING_MAX_US UINT64_C(3000000) /* nobody took it by then: we go on */
#define OFFER_US       UINT64_C(700000)  /* above the time the store gives one transfer */

static const char APART[] = "two generations met: retire one with `witan store retire`";
static const char STOPPED[] = "no director now: ask again";

/* --- who --- */

const char *role_name(const struct director *d, struct id id, char out[NAME_MAX_LEN + 1])
{
	const struct hand *h = id_is_none(id) ? NULL : crew_find(&d->crew, id);

	if (id_is_none(id))
		out[0] = '\0';
	else if (h && h->name[0])
		hand_name(h, out);
	else if (d->has_role && id_same(id, d->role.node)) /* it may be long gone */
		memcpy(out, d->role.name, sizeof(d->role.name));
	else
		snprintf(out, NAME_MAX_LEN + 1, "%s", id_text(id).s);
	return out;
}

static bool is_self(const struct director *d, struct id id)
{
	return id_same(id, d->config.self);
}

const struct standby *role_standby(const struct director *d, struct id id)
{
	for (uint32_t i = 0; i < d->standbys; i++)
		if (id_same(d->standby[i].node, id))
			return &d->standby[i];
	return NULL;
}

bool role_may_take(const struct standby *s)
{
	return s && s->votes && s->heard && s->current;
}

/* The first that could take it over now; NULL: nobody. */
const struct standby *role_any_standby(const struct director *d)
{
	for (uint32_t i = 0; i < d->standbys; i++)
		if (role_may_take(&d->standby[i]))
			return &d->standby[i];
	return NULL;
}

uint32_t role_own_attempts(const struct director *d)
{
	const struct hand *h = crew_find(&d->crew, d->config.self);

	return h ? h->used : 0;
}

/* --- the rows --- */

void role_note(struct director *d, enum state_kind kind, struct bytes value)
{
	if (kind == STATE_ROLE)
		d->has_role = role_row_get(value, &d->role) == OK;
	else if (kind == STATE_HELD)
		d->is_held = held_row_get(value, &d->held) == OK;
}

void role_load(struct director *d)
{
	struct state_key role = state_key_role(), held = state_key_held();
	struct bytes value;

	d->has_role = d->is_held = false;
	if (kv_get(d->map, state_key_bytes(&role), &value) == OK)
		role_note(d, STATE_ROLE, value);
	if (kv_get(d->map, state_key_bytes(&held), &value) == OK)
		role_note(d, STATE_HELD, value);
}

void role_put_audit(struct director *d, struct flight *flight, uint32_t uid, struct id node,
		    const char *what, const char *text)
{
	struct state_key key = audit_key(director_stamp(d));
	struct audit_row row = {.uid = uid, .node = id_is_none(node) ? d->config.self : node};
	struct bytes oldest;
	enum err err;

	snprintf(row.what, sizeof(row.what), "%s", what);
	snprintf(row.text, sizeof(row.text), "%s", text);
	buffer_clear(&d->record);
	err = audit_row_put(&row, &d->record);
	must(err == OK);
	flight_put(&d->flights, flight, state_key_bytes(&key), buffer_bytes(&d->record));
	if (audit_oldest(d->map, &oldest))
		flight_drop(&d->flights, flight, oldest);
}

void role_generation(struct director *d, const struct tell *t)
{
	struct state_key key = audit_key(t->generation.wall_us);
	struct audit_row row = {.uid = t->generation.uid, .node = t->generation.node};
	struct flight *flight;
	struct bytes value;
	enum err err;

	d->retired = t->generation.retired;
	if (!d->serving || kv_get(d->map, state_key_bytes(&key), &value) == OK)
		return;
	snprintf(row.what, sizeof(row.what), "%s",
		 t->generation.retires ? "store retire" : "confirm-loss");
	snprintf(row.text, sizeof(row.text), "%.*s", (int)t->generation.text.len,
		 (const char *)t->generation.text.at);
	flight = flights_open(&d->flights);
	buffer_clear(&d->record);
	err = audit_row_put(&row, &d->record);
	must(err == OK);
	flight_put(&d->flights, flight, state_key_bytes(&key), buffer_bytes(&d->record));
}

const char *role_refusal(const struct director *d)
{
	return d->apart ? APART : NULL;
}

/* The role is ours from now on: the row, and the end of any mark, in one batch. */
static void stage_role(struct director *d)
{
	struct flight *flight = flights_open(&d->flights);
	struct state_key role = state_key_role(), held = state_key_held();
	enum err err;

	must(d->role_due);
	d->role_due = false;
	buffer_clear(&d->record);
	err = role_row_put(&d->next, &d->record);
	must(err == OK);
	flight_put(&d->flights, flight, state_key_bytes(&role), buffer_bytes(&d->record));
	flight_drop(&d->flights, flight, state_key_bytes(&held));
	flight_promise(flight, &(struct promise){.kind = PROMISE_ROLE});
}

/* Writes `next`: how the role came to us. */
static void take_on(struct director *d, enum role_how how, struct id from, bool asked)
{
	bool lost = d->lost_us != 0 && d->lost_us <= d->now_us;

	d->next = (struct role_row){.node = d->config.self,
				    .epoch = d->fence.epoch,
				    .since_us = director_stamp(d),
				    .how = how,
				    .from = from,
				    .took_ms = lost ? (d->now_us - d->lost_us) / 1000 : 0,
				    .asked = asked};
	role_name(d, d->config.self, d->next.name);
	role_name(d, from, d->next.from_name);
	d->role_due = true;
	d->holding = false;
}

/* --- it came --- */

void role_begin(struct director *d, struct outbox *o)
{
	bool ours = d->has_role && is_self(d, d->role.node);
	char text[ROLE_HELD_TEXT_MAX];

	must(d->serving);
	d->holding = d->is_held && !is_self(d, d->held.node);
	d->hold_us = d->now_us;
	d->role_due = false;
	if (d->ends)
		return; /* it leads once more in its last moments: nothing is taken on */
	if (d->holding) {
		outbox_log(o, LOG_LEVEL_WARN, "role is kept for another: %s",
			   role_held_text(&d->held, text));
	} else if (d->is_held) {
		take_on(d, !d->has_role || ours ? HOW_RETURNED : HOW_SWITCHED_OVER,
			d->has_role && !ours ? d->role.node : d->led_by, d->held.asked);
	} else if (ours) {
		/* Elected again: the role did not move. */
		d->next = d->role;
		d->next.epoch = d->fence.epoch;
		d->role_due = true;
	} else {
		take_on(d, d->has_role ? HOW_FAILED_OVER : HOW_FOUNDED,
			d->has_role ? d->role.node : id_none, false);
	}
	d->lost_us = 0;
}

/* --- it goes --- */

static void put_names(struct director *d, const char *to, const char *from, uint64_t took_us)
{
	struct pack p;

	buffer_clear(&d->body);
	pack_init(&p, &d->body);
	pack_array(&p, 3);
	pack_str(&p, to);
	pack_str(&p, from);
	pack_u64(&p, took_us / 1000);
	must(pack_err(&p) == OK);
}

static void answer_move(struct director *d, uint8_t code, const char *why, struct outbox *o)
{
	struct bytes body = {0};

	if (!d->move.calls)
		return;
	if (code == EXIT_GOOD)
		body = buffer_bytes(&d->body);
	call_answer(o, &d->move.reply, code, body, why);
	d->move.calls = false;
}

static void told_stopped(struct outbox *o)
{
	struct tell t = {.kind = TELL_STOPPED};

	outbox_tell(o, &t);
}

static void forget_move(struct director *d)
{
	struct hand *own = crew_find(&d->crew, d->config.self);

	if (d->move.state == MOVE_WAITS && own)
		own->rests = false;
	d->move = (struct move){0};
}

static void end_move(struct director *d, struct outbox *o)
{
	bool stops = d->move.stops;

	must(!d->move.calls);
	forget_move(d);
	if (stops)
		told_stopped(o);
}

static void offer(struct director *d, struct outbox *o)
{
	struct tell t = {.kind = TELL_RESIGN, .lead = {.who = d->move.to}};

	d->move.again_us = d->now_us + OFFER_US;
	outbox_tell(o, &t);
}

static void stage_mark(struct director *d)
{
	struct move *m = &d->move;
	struct flight *flight = flights_open(&d->flights);
	struct state_key held = state_key_held();
	char text[AUDIT_TEXT_MAX], own[NAME_MAX_LEN + 1];
	enum err err;

	must(m->state == MOVE_MARKS);
	buffer_clear(&d->record);
	err = held_row_put(&m->mark, &d->record);
	must(err == OK);
	flight_put(&d->flights, flight, state_key_bytes(&held), buffer_bytes(&d->record));
	if (m->mark.asked) {
		snprintf(text, sizeof(text), "%s -> %s", role_name(d, d->config.self, own),
			 m->mark.name);
		role_put_audit(d, flight, m->uid, m->reply.peer.id, "switch-over", text);
	}
	flight_promise(flight, &(struct promise){.kind = PROMISE_MARK});
}

/* From now on nothing new is assigned. `for_us`: the role is kept for us. */
void role_begin_marks(struct director *d, struct id meant, uint64_t keep_us)
{
	struct move *m = &d->move;
	uint64_t stamp = director_stamp(d);

	m->state = MOVE_MARKS;
	m->until_us = d->now_us + HANDING_MAX_US;
	m->mark.node = meant;
	m->mark.since_us = stamp;
	m->mark.until_us = keep_us ? stamp + keep_us : 0;
	m->mark.votes = d->keeps_vote;
	m->mark.boot = is_self(d, meant) ? d->config.boot : 0;
	role_name(d, meant, m->mark.name);
	stage_mark(d);
}

static void begin_hands(struct director *d, struct outbox *o)
{
	struct move *m = &d->move;

	m->state = MOVE_HANDS;
	m->until_us = d->now_us + HANDING_MAX_US;
	if (m->stops && !role_any_standby(d))
		end_move(d, o); /* nobody to take it: it is ours when we come back */
	else
		offer(d, o);
}

/* Nobody took it: the mark is lifted, we go on. */
static void go_on(struct director *d, struct outbox *o)
{
	bool ours = d->has_role && is_self(d, d->role.node);
	char why[160];

	if (!d->serving) {
		answer_move(d, EXIT_NO_DIRECTOR, STOPPED, o);
		end_move(d, o);
		return;
	}
	snprintf(why, sizeof(why), "%.64s did not take the role over: nothing has changed",
		 d->move.mark.name);
	outbox_log(o, LOG_LEVEL_WARN, "role was not handed over: to=%s", d->move.mark.name);
	answer_move(d, EXIT_OTHER, why, o);
	if (ours)
		d->next = d->role;
	else /* it was held for another, and a person ended that */
		take_on(d, HOW_SWITCHED_OVER, d->role.node, d->move.mark.asked);
	d->next.epoch = d->fence.epoch;
	d->role_due = true;
	end_move(d, o);
}

void role_committed(struct director *d, const struct promise *p, struct outbox *o)
{
	char own[NAME_MAX_LEN + 1];

	if (p->kind == PROMISE_MARK) {
		if (d->move.state == MOVE_MARKS)
			begin_hands(d, o);
		return;
	}
	outbox_log(o, LOG_LEVEL_INFO,
		   "role taken on: how=%s from=%s epoch=%" PRIu64 ".%" PRIu64 " took_ms=%" PRIu64,
		   role_how_name(d->role.how), d->role.from_name[0] ? d->role.from_name : "nobody",
		   d->role.epoch.generation, d->role.epoch.term, d->role.took_ms);
	if (!d->role_called)
		return;
	d->role_called = false;
	put_names(d, role_name(d, d->config.self, own), d->role.from_name, 0);
	call_answer(o, &d->role_reply, EXIT_GOOD, buffer_bytes(&d->body), "");
}

/* Decided anew: after a pause, with the next batch. */
void role_broken(struct director *d, const struct promise *p)
{
	if (p->kind == PROMISE_MARK && d->move.state == MOVE_MARKS)
		d->move.again_us = d->now_us;
	else if (p->kind == PROMISE_ROLE)
		d->role_due = true;
}

void role_stop(struct director *d, struct outbox *o)
{
	if (d->role_called)
		call_answer(o, &d->role_reply, EXIT_NO_DIRECTOR, (struct bytes){0}, STOPPED);
	d->role_called = false;
	d->role_due = false;
	d->holding = false;
	d->standbys = 0;
	d->standbys_told = false;
	if (d->move.state == MOVE_NONE)
		return;
	if (d->move.state == MOVE_HANDS && !d->move.stops)
		return; /* who took it is to be told yet */
	answer_move(d, EXIT_NO_DIRECTOR, STOPPED, o);
	end_move(d, o);
}

void role_led(struct director *d, const struct tell *t, struct outbox *o)
{
	char to[NAME_MAX_LEN + 1], own[NAME_MAX_LEN + 1];
	uint64_t took_us = d->now_us - d->move.began_us;
	bool meant = id_same(t->lead.who, d->move.to);

	if (t->lead.self && t->lead.lost_us)
		d->lost_us = t->lead.lost_us;
	if (id_is_none(t->lead.who) || (t->lead.self && !t->lead.serving))
		return;
	if (!t->lead.self) {
		d->led_by = t->lead.who;
		d->lost_us = 0;
	}
	if (d->move.state != MOVE_HANDS)
		return;
	must(!d->serving);
	if (t->lead.self) {
		answer_move(d, EXIT_OTHER, "the role came back: nothing has changed", o);
	} else if (!meant) {
		answer_move(d, EXIT_OTHER, "another took the role over: see `witan director`", o);
	} else {
		outbox_log(o, LOG_LEVEL_INFO, "role handed over: to=%s took_ms=%" PRIu64,
			   role_name(d, t->lead.who, to), took_us / 1000);
		put_names(d, role_name(d, t->lead.who, to), role_name(d, d->config.self, own),
			  took_us);
		answer_move(d, EXIT_GOOD, "", o);
	}
	end_move(d, o);
}

void role_told_standbys(struct director *d, const struct tell *t)
{
	d->standbys_told = true;
	d->standbys = t->standbys.count;
	must(d->standbys <= STORE_REPLICAS_MAX);
	for (uint32_t i = 0; i < d->standbys; i++)
		d->standby[i] = t->standbys.list[i];
	d->keeps_vote = t->standbys.quorum;
}

/* --- the node is to end --- */

void role_told_stop(struct director *d, const struct tell *t, struct outbox *o)
{
	struct move *m = &d->move;
	const struct standby *to = role_any_standby(d);

	d->ends = true;
	if (m->state == MOVE_WAITS) {
		answer_move(d, EXIT_NO_DIRECTOR, "the director is being stopped: ask again", o);
		end_move(d, o);
	}
	if (!d->serving) {
		told_stopped(o);
		return;
	}
	if (m->state != MOVE_NONE) {
		m->stops = true; /* after that */
		return;
	}
	if (d->role_due)
		stage_role(d);
	*m = (struct move){.stops = true, .began_us = d->now_us};
	if (d->holding) {
		begin_hands(d, o); /* it is another's, and stays so */
	} else if (!t->stop.hand_over) {
		role_begin_marks(d, d->config.self, d->config.hold_timeout_s * UINT64_C(1000000));
	} else if (to) {
		m->to = to->node;
		role_begin_marks(d, to->node, ROLE_MARK_MAX_US);
	} else {
		end_move(d, o);
	}
}

/* --- a turn --- */

/* The one that it is held for has come back, in a later life than the one that ended. */
static bool is_back(const struct director *d)
{
	const struct hand *h = crew_find(&d->crew, d->held.node);
	bool later = d->held.boot == 0 || (h && h->has_facts && h->life > d->held.boot);

	return later && role_may_take(role_standby(d, d->held.node));
}

/* Why the role need not be kept any longer; NULL: it is. */
static const char *over(const struct director *d)
{
	const struct standby *s = role_standby(d, d->held.node);
	const struct hand *h = crew_find(&d->crew, d->held.node);
	bool here = h && h->has_facts && h->member <= MEMBER_SUSPECT;
	uint64_t keep_us = d->held.until_us - d->held.since_us;

	/* One that only became a learner, because everybody was stopped, is still meant. */
	if (d->held.votes && d->standbys_told && !s && !here)
		return "it was replaced as voter";
	/* By the clock of one machine or by the time that has passed here, whichever is first: clocks may differ. */
	if (d->held.until_us &&
	    (d->wall_us >= d->held.until_us || d->now_us >= d->began_us + keep_us))
		return "it did not come back in time";
	return NULL;
}

void role_end_holding(struct director *d, const char *why, bool asked, struct outbox *o)
{
	outbox_log(o, LOG_LEVEL_WARN, "role is kept no longer: for=%s why=\"%s\"", d->held.name,
		   why);
	take_on(d, HOW_SWITCHED_OVER, d->has_role ? d->role.node : d->held.node, asked);
}

static void hold(struct director *d, struct outbox *o)
{
	const char *why;

	must(d->is_held);
	why = over(d);
	if (why) {
		role_end_holding(d, why, false, o);
	} else if (d->hold_us <= d->now_us && is_back(d)) {
		struct tell t = {.kind = TELL_RESIGN, .lead = {.who = d->held.node}};

		d->hold_us = d->now_us + OFFER_US;
		outbox_log(o, LOG_LEVEL_INFO, "role goes back: to=%s", d->held.name);
		outbox_tell(o, &t);
	}
}

/* Waits for our own worker: what it has goes on, and nothing is added. */
static void wait_for_own(struct director *d, struct outbox *o)
{
	struct hand *h = crew_find(&d->crew, d->config.self);

	if (!role_may_take(role_standby(d, d->move.to))) {
		answer_move(d, EXIT_OTHER, "uncoupled: the standby is not up to date any more", o);
		end_move(d, o);
	} else if (role_own_attempts(d) == 0) {
		role_begin_marks(d, d->move.to, ROLE_MARK_MAX_US);
	} else if (d->now_us >= d->move.until_us) {
		answer_move(d, EXIT_TIMEOUT, "the director's own worker still runs something", o);
		end_move(d, o);
	} else if (h) {
		h->rests = true;
	}
}

void role_work(struct director *d, struct outbox *o)
{
	struct move *m = &d->move;
	bool rests = d->retry_us > d->now_us; /* a batch was refused a moment ago */

	if (m->state == MOVE_WAITS)
		wait_for_own(d, o);
	if (m->state == MOVE_MARKS && m->again_us && !rests) {
		m->again_us = 0;
		stage_mark(d);
	}
	if (m->state >= MOVE_MARKS && !m->stops && d->now_us >= m->until_us)
		go_on(d, o);
	else if (m->state == MOVE_HANDS && m->stops && d->serving && !role_any_standby(d))
		end_move(d, o); /* the last one went: it is ours when we come back */
	else if (m->state == MOVE_HANDS && d->serving && d->now_us >= m->again_us)
		offer(d, o);
	if (!d->serving)
		return;
	if (d->holding && m->state == MOVE_NONE)
		hold(d, o);
	if (d->role_due && !rests && m->state == MOVE_NONE)
		stage_role(d);
}

static void sooner(uint64_t *at, uint64_t us)
{
	*at = us < *at ? us : *at;
}

uint64_t role_due_us(const struct director *d)
{
	const struct move *m = &d->move;
	uint64_t at = UINT64_MAX;

	if (m->state != MOVE_NONE && !m->stops)
		at = m->until_us;
	if (!d->serving)
		return at;
	if (m->state == MOVE_HANDS)
		sooner(&at, m->again_us);
	if (d->holding && m->state == MOVE_NONE) {
		if (d->held.until_us)
			sooner(&at, d->began_us + (d->held.until_us - d->held.since_us));
		if (is_back(d))
			sooner(&at, d->hold_us);
	}
	return at;
}

bool role_assigns(const struct director *d)
{
	return !d->holding && !d->apart && !d->ends && d->move.state < MOVE_MARKS;
}

bool role_commits(const struct director *d)
{
	return d->move.state != MOVE_HANDS;
}

const char *role_why(const struct director *d, char out[WHY_MAX])
{
	if (d->apart) {
		snprintf(out, WHY_MAX, "%s", APART);
		return out;
	}
	if (d->holding)
		return role_held_text(&d->held, out);
	if (!role_assigns(d))
		snprintf(out, WHY_MAX, "the role of the director is moving");
	else
		return place_why(&d->crew, out);
	return out;
}

void role_link_down(struct director *d, uint64_t link)
{
	if (d->move.state == MOVE_WAITS && d->move.calls && d->move.reply.peer.link == link)
		forget_move(d);
}
