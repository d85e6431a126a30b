/* The director and a person who moves its role: `witan director switch-over`, and the audit of what was moved. */
#include <stdio.h>
#include <string.h>

#include "core/must.h"
#include "core/pack.h"
#include "core/sheet.h"
#include "sched/audit.h"
#include "sched/director_part.h"

#define WAIT_MAX_US (WAIT_MAX_MS * UINT64_C(1000))

/* --- SWITCH_OVER: [to, wait, force, preferred] --- */

struct ask {
	char to[NAME_MAX_LEN + 1]; /* "": whoever is up to date */
	bool wait, force, preferred;
};

static enum err ask_get(struct bytes arguments, struct ask *out)
{
	struct unpack u;
	struct ask a;
	uint32_t n;

	unpack_init(&u, arguments);
	n = unpack_array(&u, 4);
	unpack_str(&u, a.to, sizeof(a.to));
	a.wait = unpack_bool(&u);
	a.force = unpack_bool(&u);
	a.preferred = unpack_bool(&u);
	if (unpack_err(&u) == OK)
		unpack_rest(&u, n - 4);
	if (unpack_err(&u) == OK && !unpack_done(&u))
		unpack_refuse(&u, ERR_MALFORMED);
	if (unpack_err(&u) == OK)
		*out = a;
	return unpack_err(&u);
}

/* A node by its name or the beginning of its id. False, and why, when there is not exactly one. */
static bool find_node(const struct director *d, const char *text, struct hand **out, char why[160])
{
	uint32_t count = 0;

	for (int by_id = 0; by_id < 2 && count == 0; by_id++)
		for (uint32_t i = 0; i < d->crew.count; i++) {
			struct hand *h = d->crew.hand[i];
			bool is = by_id ? strncmp(id_text(h->id).s, text, strlen(text)) == 0
					: h->has_facts && strcmp(h->name, text) == 0;

			if (is && count++ == 0)
				*out = h;
		}
	if (count == 0)
		snprintf(why, 160, "no node is called %.64s: see `witan members`", text);
	else if (count > 1)
		snprintf(why, 160, "more than one node is called %.64s: give its id", text);
	return count == 1;
}

/* Why the role can not go there; NULL: it can. */
static const char *unfit(const struct director *d, const struct hand *h, char why[160])
{
	const struct standby *s = role_standby(d, h->id);
	char name[NAME_MAX_LEN + 1];

	hand_name(h, name);
	if (role_may_take(s))
		return NULL;
	if (id_same(h->id, d->config.self))
		snprintf(why, 160, "%s is the director already", name);
	else if (h->has_facts && !h->is_scheduler)
		snprintf(why, 160, "%s is a worker: only a scheduler can direct", name);
	else if (!s || !s->heard)
		snprintf(why, 160, "%s can not be reached now", name);
	else if (!s->votes)
		snprintf(why, 160, "%s does not vote yet: see `witan director`", name);
	else
		snprintf(why, 160, "%s is not up to date: see `witan director`", name);
	return why;
}

static void refuse(struct director *d, const struct reply *to, uint8_t code, const char *why,
		   struct outbox *o)
{
	d->figures.refused++;
	call_answer(o, to, code, (struct bytes){0}, why);
}

/* Who leads while the role is held for another takes it on. */
static void take_on_asked(struct director *d, const struct call *c, const struct reply *to,
			  struct outbox *o)
{
	char text[AUDIT_TEXT_MAX], own[NAME_MAX_LEN + 1];

	must(d->holding);
	snprintf(text, sizeof(text), "%s -> %s", d->held.name, role_name(d, d->config.self, own));
	role_end_holding(d, "a person switched over", true, o);
	role_put_audit(d, flights_open(&d->flights), c->uid, to->peer.id, "switch-over", text);
	d->role_reply = *to;
	d->role_called = true;
}

static void begin_switch(struct director *d, const struct call *c, const struct ask *ask,
			 struct id node, const struct reply *to, struct outbox *o)
{
	struct move *m = &d->move;
	char why[160];

	if (role_own_attempts(d) > 0 && !ask->force && !ask->wait) {
		snprintf(why, sizeof(why),
			 "the director's own worker runs %u: --wait waits for it, --force lets it "
			 "go "
			 "on",
			 role_own_attempts(d));
		refuse(d, to, EXIT_OTHER, why, o);
		return;
	}
	*m = (struct move){.calls = true,
			   .to = node,
			   .reply = *to,
			   .uid = c->uid,
			   .began_us = d->now_us,
			   .until_us = d->now_us + WAIT_MAX_US,
			   .mark.asked = !ask->preferred};
	if (role_own_attempts(d) > 0 && !ask->force)
		m->state = MOVE_WAITS;
	else
		role_begin_marks(d, node, ROLE_MARK_MAX_US);
}

void role_call(struct director *d, const struct call *c, const struct reply *to, struct outbox *o)
{
	const struct standby *any = role_any_standby(d);
	struct hand *h = NULL;
	char text[160];
	const char *why;
	struct ask ask;

	if (ask_get(c->arguments, &ask) != OK) {
		refuse(d, to, EXIT_USAGE, "the question can not be read", o);
		return;
	}
	if (d->ends) {
		refuse(d, to, EXIT_NO_DIRECTOR, "the director is being stopped: ask again", o);
		return;
	}
	if (d->move.state != MOVE_NONE || d->role_due || d->role_called) {
		refuse(d, to, EXIT_NO_DIRECTOR, "the role is moving already: ask again", o);
		return;
	}
	if (ask.preferred && (d->holding || d->config.preferred || d->role.asked)) {
		refuse(d, to, EXIT_OTHER, "a preference does not count now", o);
		return;
	}
	if (ask.to[0] && !find_node(d, ask.to, &h, text)) {
		refuse(d, to, EXIT_USAGE, text, o);
		return;
	}
	if (d->holding && (!h || id_same(h->id, d->config.self))) {
		take_on_asked(d, c, to, o);
		return;
	}
	why = h ? unfit(d, h, text) : any ? NULL : "uncoupled: no standby is up to date";
	if (why)
		refuse(d, to, EXIT_OTHER, why, o);
	else
		begin_switch(d, c, &ask, h ? h->id : any->node, to, o);
}

/* --- AUDIT: [limit] --- */

void role_audit(struct director *d, const struct call *c, const struct reply *to, struct outbox *o)
{
	struct unpack u;
	struct sheet s;
	uint32_t n, limit;

	unpack_init(&u, c->arguments);
	n = unpack_array(&u, 1);
	limit = unpack_u32(&u);
	if (unpack_err(&u) == OK)
		unpack_rest(&u, n - 1);
	if (unpack_err(&u) != OK) {
		refuse(d, to, EXIT_USAGE, "the question can not be read", o);
		return;
	}
	sheet_init(&s, audit_names, FRAME_MAX / 2);
	audit_sheet(d->map, limit, &s);
	buffer_clear(&d->body);
	if (sheet_put(&s, &d->body) == OK)
		call_answer(o, to, EXIT_GOOD, buffer_bytes(&d->body), "");
	else
		refuse(d, to, EXIT_OTHER, "the table is too large: ask for fewer rows", o);
	sheet_fini(&s);
}
