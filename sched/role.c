#include "sched/role.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/must.h"
#include "core/text.h"
#include "sched/job_pack.h"

#define PATIENCE_US UINT64_C(100000)  /* a hand-over is done by then */
#define ROW_US      UINT64_C(1000000) /* a director that wrote no row by then writes none */
#define ANSWER_US   UINT64_C(300000)  /* followers of a new leader have answered by then */
#define REMIND_US   UINT64_C(60000000)

const char *role_state_name(enum role_state state)
{
	static const char *const names[ROLE_STATES] = {
		[ROLE_EMPTY] = "empty",
		[ROLE_COUPLED] = "coupled",
		[ROLE_UNCOUPLED] = "uncoupled",
		[ROLE_SWITCHED_OVER] = "switched-over",
		[ROLE_FAILED_OVER] = "failed-over",
		[ROLE_HELD] = "held",
		[ROLE_NO_DIRECTOR] = "no-director",
		[ROLE_NO_QUORUM] = "no-quorum",
		[ROLE_LOSS_UNCONFIRMED] = "loss-unconfirmed",
		[ROLE_FAULT] = "fault",
	};

	must(state < ROLE_STATES);
	return names[state];
}

#define TO(state) (1u << ROLE_##state)
#define DIRECTED  (TO(COUPLED) | TO(UNCOUPLED) | TO(SWITCHED_OVER) | TO(FAILED_OVER) | TO(HELD))

static const unsigned moves[ROLE_STATES] = {
	[ROLE_EMPTY] = TO(NO_DIRECTOR) | TO(FAULT),
	[ROLE_COUPLED] = DIRECTED | TO(NO_DIRECTOR) | TO(FAULT) | TO(EMPTY),
	[ROLE_UNCOUPLED] = DIRECTED | TO(NO_DIRECTOR) | TO(FAULT) | TO(EMPTY),
	[ROLE_SWITCHED_OVER] = DIRECTED | TO(NO_DIRECTOR) | TO(FAULT) | TO(EMPTY),
	[ROLE_FAILED_OVER] = DIRECTED | TO(NO_DIRECTOR) | TO(FAULT) | TO(EMPTY),
	[ROLE_HELD] = DIRECTED | TO(NO_DIRECTOR) | TO(FAULT) | TO(EMPTY),
	[ROLE_NO_DIRECTOR] = DIRECTED | TO(NO_QUORUM) | TO(FAULT) | TO(EMPTY),
	[ROLE_NO_QUORUM] = TO(NO_DIRECTOR) | TO(LOSS_UNCONFIRMED) | TO(FAULT) | TO(EMPTY),
	[ROLE_LOSS_UNCONFIRMED] = TO(NO_DIRECTOR) | TO(FAULT) | TO(EMPTY),
	[ROLE_FAULT] = TO(NO_DIRECTOR) | TO(EMPTY),
};

bool role_may_move(enum role_state from, enum role_state to)
{
	must(from < ROLE_STATES);
	must(to < ROLE_STATES);
	return from != to && (moves[from] >> to & 1) != 0;
}

enum role_state role_step(enum role_state from, enum role_state to)
{
	must(from != to);
	if (role_may_move(from, to))
		return to;
	if (to == ROLE_LOSS_UNCONFIRMED && role_may_move(from, ROLE_NO_QUORUM))
		return ROLE_NO_QUORUM;
	must(role_may_move(from, ROLE_NO_DIRECTOR));
	return ROLE_NO_DIRECTOR;
}

void role_init(struct role_watch *r, uint32_t confirm_after_ms, uint64_t now_us)
{
	*r = (struct role_watch){.confirm_after_ms = confirm_after_ms,
				 .since_us = now_us,
				 .now_us = now_us,
				 .directed_us = now_us,
				 .deadline_us = UINT64_MAX};
}

/* --- what is so --- */

static void read_rows(struct role_watch *r, const struct role_seen *seen)
{
	struct state_key role = state_key_role(), held = state_key_held();
	struct bytes value;

	if (r->looked && r->position == seen->position)
		return;
	r->looked = true;
	r->position = seen->position;
	r->has_row = kv_get(seen->map, state_key_bytes(&role), &value) == OK &&
		     role_row_get(value, &r->row) == OK;
	r->is_held = kv_get(seen->map, state_key_bytes(&held), &value) == OK &&
		     held_row_get(value, &r->held) == OK;
}

static void note(struct role_watch *r, const struct role_seen *seen)
{
	if (seen->store == STORE_EMPTY) {
		r->has_row = r->is_held = r->looked = false;
		r->director = id_none;
		r->directed_us = seen->now_us;
		return;
	}
	read_rows(r, seen);
	if (seen->store != STORE_NO_QUORUM)
		r->no_quorum_us = 0;
	else if (r->no_quorum_us == 0)
		r->no_quorum_us = seen->now_us;
	if (epoch_cmp(seen->epoch, r->epoch) != 0) {
		r->epoch = seen->epoch;
		r->epoch_us = seen->now_us;
	}
	r->director = seen->director;
	if (seen->store == STORE_COUPLED || seen->store == STORE_UNCOUPLED)
		r->directed_us = seen->now_us;
}

static bool has_director(const struct role_watch *r)
{
	return (DIRECTED >> r->state & 1) != 0;
}

/* A mark for whom the role is handed to is gone in a moment, and no state of its own. */
bool role_is_kept(const struct role_watch *r)
{
	return r->is_held && !id_same(r->held.node, r->director);
}

static bool is_held_for_another(const struct role_watch *r, const struct role_seen *seen)
{
	return r->is_held && r->held.boot != 0 && !id_same(r->held.node, seen->director);
}

static bool is_current(const struct role_watch *r)
{
	return r->has_row && epoch_cmp(r->row.epoch, r->epoch) == 0;
}

/* A director has just begun, its first batch and its followers' answers are on their way: until when what was stays. */
static uint64_t settles_us(const struct role_watch *r, const struct role_seen *seen)
{
	if (is_held_for_another(r, seen))
		return 0;
	if (!is_current(r))
		return r->epoch_us + ROW_US;
	return seen->store == STORE_UNCOUPLED ? r->epoch_us + ANSWER_US : 0;
}

static enum role_state directed(const struct role_watch *r, const struct role_seen *seen)
{
	if (seen->now_us < settles_us(r, seen))
		return r->state;
	if (is_held_for_another(r, seen))
		return ROLE_HELD;
	if (seen->store == STORE_UNCOUPLED)
		return ROLE_UNCOUPLED;
	if (is_current(r) && r->row.how == HOW_FAILED_OVER)
		return ROLE_FAILED_OVER;
	if (is_current(r) && r->row.how == HOW_SWITCHED_OVER)
		return ROLE_SWITCHED_OVER;
	return ROLE_COUPLED;
}

static enum role_state wanted(const struct role_watch *r, const struct role_seen *seen)
{
	switch (seen->store) {
	case STORE_EMPTY:
		return ROLE_EMPTY;
	case STORE_FAULT:
		return ROLE_FAULT;
	case STORE_COUPLED:
	case STORE_UNCOUPLED:
		return directed(r, seen);
	case STORE_NO_QUORUM:
		return seen->now_us >= r->no_quorum_us + r->confirm_after_ms * UINT64_C(1000)
			       ? ROLE_LOSS_UNCONFIRMED
			       : ROLE_NO_QUORUM;
	case STORE_NO_DIRECTOR:
		break;
	}
	if (has_director(r) && seen->now_us < r->directed_us + PATIENCE_US)
		return r->state;
	return ROLE_NO_DIRECTOR;
}

/* --- what is said --- */

const char *role_held_text(const struct held_row *h, char out[ROLE_HELD_TEXT_MAX])
{
	if (h->boot == 0)
		snprintf(out, ROLE_HELD_TEXT_MAX, "the role goes to %s: nothing new is assigned",
			 h->name);
	else
		snprintf(out, ROLE_HELD_TEXT_MAX,
			 "held for %s since %s: nothing new is assigned; `witan director "
			 "switch-over` "
			 "ends that",
			 h->name, text_time(h->since_us).s);
	return out;
}

static const char *name_of(const struct role_watch *r, char out[NAME_MAX_LEN + 1])
{
	bool known = r->has_row && id_same(r->row.node, r->director);

	snprintf(out, NAME_MAX_LEN + 1, "%s",
		 known                     ? r->row.name
		 : id_is_none(r->director) ? "nobody"
					   : id_text(r->director).s);
	return out;
}

/* Why it is in the state that it moves to now. */
static const char *why_of(const struct role_watch *r, enum role_state to,
			  const struct role_seen *seen, char out[200])
{
	switch (to) {
	case ROLE_COUPLED:
	case ROLE_SWITCHED_OVER:
	case ROLE_FAILED_OVER:
		if (has_director(r) && r->state == ROLE_UNCOUPLED)
			return "a standby is up to date";
		if (!r->has_row)
			return "a director serves";
		snprintf(out, 200, "%s%s%s", role_how_name(r->row.how),
			 r->row.from_name[0] ? " from " : "", r->row.from_name);
		return out;
	case ROLE_UNCOUPLED:
		if (has_director(r) || !is_current(r))
			return "no standby is up to date";
		snprintf(out, 200, "%s%s%s; no standby is up to date", role_how_name(r->row.how),
			 r->row.from_name[0] ? " from " : "", r->row.from_name);
		return out;
	case ROLE_HELD:
		snprintf(out, 200, "%s was stopped", r->held.name);
		return out;
	case ROLE_NO_DIRECTOR:
	case ROLE_NO_QUORUM:
		return seen->why;
	case ROLE_LOSS_UNCONFIRMED:
		return "a person may confirm the loss: witan director confirm-loss";
	case ROLE_EMPTY:
		return "no store here";
	case ROLE_FAULT:
	case ROLE_STATES:
		break;
	}
	return "the store failed";
}

/* How long nobody directed: what the new director wrote, or what was seen here. */
static uint64_t took_ms(const struct role_watch *r, enum role_state to, uint64_t nobody_us)
{
	bool stays = has_director(r) && (r->state == ROLE_UNCOUPLED || to == ROLE_UNCOUPLED);

	if ((DIRECTED >> to & 1) != 0 && to != ROLE_HELD && is_current(r) && !stays)
		return r->row.took_ms;
	return nobody_us / 1000;
}

static void say(const struct role_watch *r, enum role_state to, uint64_t nobody_us,
		const struct role_seen *seen, struct outbox *o)
{
	bool bad = to == ROLE_NO_QUORUM || to == ROLE_LOSS_UNCONFIRMED || to == ROLE_HELD;
	char why[200], name[NAME_MAX_LEN + 1];

	outbox_log(o, bad ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
		   "state moved: from=%s to=%s director=%s epoch=%" PRIu64 ".%" PRIu64
		   " why=\"%s\" took_ms=%" PRIu64 " lasted_ms=%" PRIu64,
		   role_state_name(r->state), role_state_name(to), name_of(r, name),
		   r->epoch.generation, r->epoch.term, why_of(r, to, seen, why),
		   took_ms(r, to, nobody_us), (seen->now_us - r->since_us) / 1000);
}

static void move(struct role_watch *r, enum role_state to, uint64_t nobody_us,
		 const struct role_seen *seen, struct outbox *o)
{
	must(role_may_move(r->state, to));
	say(r, to, nobody_us, seen, o);
	r->state = to;
	r->since_us = seen->now_us;
	r->acting = r->row.node;
}

/* The role went from one to another within one state. */
static void move_within(struct role_watch *r, const struct role_seen *seen, struct outbox *o)
{
	bool directed = has_director(r) && r->state != ROLE_HELD && is_current(r);

	if (!directed || id_same(r->acting, r->row.node))
		return;
	say(r, r->state, 0, seen, o);
	r->since_us = seen->now_us;
	r->acting = r->row.node;
}

static void remind(struct role_watch *r, const struct role_seen *seen, struct outbox *o)
{
	char text[ROLE_HELD_TEXT_MAX];

	if (r->state != ROLE_HELD) {
		r->remind_us = 0;
	} else if (r->remind_us <= seen->now_us) {
		r->remind_us = seen->now_us + REMIND_US;
		outbox_log(o, LOG_LEVEL_WARN, "role is kept: %s", role_held_text(&r->held, text));
	}
}

static uint64_t next_look_us(const struct role_watch *r, const struct role_seen *seen)
{
	uint64_t at = r->remind_us ? r->remind_us : UINT64_MAX;
	uint64_t look = UINT64_MAX;

	if (seen->store == STORE_NO_DIRECTOR && has_director(r))
		look = r->directed_us + PATIENCE_US;
	else if (seen->store == STORE_NO_QUORUM && r->state == ROLE_NO_QUORUM)
		look = r->no_quorum_us + r->confirm_after_ms * UINT64_C(1000);
	else if ((seen->store == STORE_COUPLED || seen->store == STORE_UNCOUPLED) &&
		 settles_us(r, seen) > seen->now_us)
		look = settles_us(r, seen);
	return look < at ? look : at;
}

void role_turn(struct role_watch *r, const struct role_seen *given, struct outbox *o)
{
	struct role_seen seen = *given;
	uint64_t nobody_us;
	enum role_state to;

	if (seen.now_us < r->now_us)
		seen.now_us = r->now_us;
	r->now_us = seen.now_us;
	must(seen.now_us >= r->directed_us);
	nobody_us = seen.now_us - r->directed_us;
	note(r, &seen);
	to = wanted(r, &seen);
	while (r->state != to)
		move(r, role_step(r->state, to), nobody_us, &seen, o);
	move_within(r, &seen, o);
	remind(r, &seen, o);
	r->deadline_us = next_look_us(r, &seen);
}

uint64_t role_deadline_us(const struct role_watch *r)
{
	return r->deadline_us;
}
