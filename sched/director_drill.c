/* The director rehearses its own loss: `witan drill`.
 *
 *     DRILL []  ->  refused, or the audit is committed -> answered, then TELL_MUTE: for some seconds the store neither hears
 *                   nor says anything. Nobody is asked for leadership and nobody is told: the others find out, elect, and
 *                   take the role on as if we hung; when we hear again we stand by.
 *     DRILL [epoch]  ->  whoever directs after that epoch says how the role came to it. */
#include <stdio.h>
#include <string.h>

#include "core/must.h"
#include "core/pack.h"
#include "sched/director_part.h"

/* Why a loss of us would not be survived now, or could not be told from something else; NULL: it would. */
static const char *refusal(const struct director *d)
{
	if (d->holding || d->is_held)
		return "the role is kept for a director that was stopped: see `witan director`";
	if (d->move.state != MOVE_NONE || d->role_due)
		return "the role is moving already: ask again";
	if (!role_any_standby(d))
		return "uncoupled: no standby is up to date, nobody could take over";
	if (!d->keeps_vote)
		return "without the director the others are no quorum: nobody could take over";
	return NULL;
}

static void begin(struct director *d, const struct call *c, const struct reply *to,
		  struct outbox *o)
{
	const char *why = refusal(d);
	struct flight *flight;
	char own[NAME_MAX_LEN + 1];

	if (why) {
		d->figures.refused++;
		call_answer(o, to, EXIT_OTHER, (struct bytes){0}, why);
		return;
	}
	flight = flights_open(&d->flights);
	role_put_audit(d, flight, c->uid, to->peer.id, "drill", role_name(d, d->config.self, own));
	flight_promise(flight, &(struct promise){.kind = PROMISE_DRILL, .to = *to});
}

void drill_committed(struct director *d, const struct promise *p, struct outbox *o)
{
	struct tell t = {.kind = TELL_MUTE};
	struct pack pack;

	must(d->serving);
	buffer_clear(&d->body);
	pack_init(&pack, &d->body);
	pack_array(&pack, 2);
	pack_u64(&pack, d->fence.epoch.generation);
	pack_u64(&pack, d->fence.epoch.term);
	must(pack_err(&pack) == OK);
	call_answer(o, &p->to, EXIT_GOOD, buffer_bytes(&d->body), "");
	outbox_tell(o, &t);
}

/* How the role came to us, after that epoch. */
static void tell_moved(struct director *d, struct epoch before, const struct reply *to,
		       struct outbox *o)
{
	const struct role_row *r = &d->role;
	char own[NAME_MAX_LEN + 1];
	struct pack p;

	if (epoch_cmp(d->fence.epoch, before) <= 0 || d->role_due || !d->has_role ||
	    !id_same(r->node, d->config.self)) {
		call_answer(o, to, EXIT_NO_DIRECTOR, (struct bytes){0},
			    "the role has not moved yet");
		return;
	}
	if (epoch_cmp(r->epoch, before) <= 0 || r->how != HOW_FAILED_OVER) {
		call_answer(o, to, EXIT_OTHER, (struct bytes){0},
			    "the same director was elected again");
		return;
	}
	buffer_clear(&d->body);
	pack_init(&p, &d->body);
	pack_array(&p, 3);
	pack_str(&p, r->from_name);
	pack_str(&p, role_name(d, d->config.self, own));
	pack_u64(&p, r->took_ms);
	must(pack_err(&p) == OK);
	call_answer(o, to, EXIT_GOOD, buffer_bytes(&d->body), "");
}

void drill_call(struct director *d, const struct call *c, const struct reply *to, struct outbox *o)
{
	struct epoch before = {0, 0};
	struct unpack u;

	unpack_init(&u, c->arguments);
	uint32_t fields = unpack_array(&u, 0);
	if (fields == 0 && !unpack_err(&u)) {
		begin(d, c, to, o);
		return;
	}
	before.generation = unpack_u64(&u);
	before.term = unpack_u64(&u);
	if (unpack_err(&u))
		call_answer(o, to, EXIT_USAGE, (struct bytes){0}, "the question can not be read");
	else
		tell_moved(d, before, to, o);
}
