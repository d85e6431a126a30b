/* The director and the state: what it reads of the map, what it stages into batches, and what happens when they are
 * committed, applied or lost.
 *
 *   stage -> TELL_COMMIT -> TELL_APPLIED (the ledger takes it over) -> TELL_COMMITTED ok: promises are kept
 *                                                                   -> anything else: as if it had not been staged;
 *                                                                      should it be applied after all, APPLIED tells */
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "sched/director_part.h"

static void note_worker(struct director *d, struct bytes name, struct bytes record)
{
	struct worker_record w;
	struct hand *h;
	struct id id;

	memcpy(id.b, name.at, sizeof(id.b));
	if (id_is_none(id) || worker_record_get(record, &w) != OK)
		return;
	h = crew_add(&d->crew, id);
	if (!h)
		return;
	h->registered = true;
	memcpy(h->machine_boot, w.machine_boot, sizeof(h->machine_boot));
	if (!h->has_facts)
		memcpy(h->name, w.name, sizeof(h->name));
}

static void note_turn(struct director *d, struct bytes value)
{
	if (value.len == sizeof(d->turn.b))
		memcpy(d->turn.b, value.at, value.len);
}

static void raise_stamp(struct director *d, uint64_t stamp_us)
{
	if (stamp_us > d->stamp_us)
		d->stamp_us = stamp_us;
}

/* Everything derived from the map, read anew. */
void state_load(struct director *d, struct outbox *o)
{
	struct state_key first = {.at = "worker/", .len = 7}, turn = state_key_turn();
	struct bytes key = state_key_bytes(&first), value, name;
	uint32_t bad = 0;

	while (kv_next(d->map, key, &key, &value) == OK &&
	       state_key_kind(key, &name) == STATE_WORKER)
		note_worker(d, name, value);
	if (kv_get(d->map, state_key_bytes(&turn), &value) == OK)
		note_turn(d, value);
	role_load(d);
	ledger_load(&d->ledger, d->map, &bad);
	raise_stamp(d, d->ledger.ended.newest ? d->ledger.ended.newest->ended_us : 0);
	raise_stamp(d, d->ledger.active.newest ? d->ledger.active.newest->submitted_us : 0);
	if (bad && o)
		outbox_log(o, LOG_LEVEL_ERROR,
			   "job records could not be read and were left alone: count=%u", bad);
}

void director_reload(struct director *d, struct id id)
{
	struct state_key key = state_key_job(id);
	struct entry *e = ledger_find(&d->ledger, id);
	struct bytes value;
	struct job job;

	if (e && e->busy)
		ledger_busy(&d->ledger, e, 0);
	if (kv_get(d->map, state_key_bytes(&key), &value) == OK && job_get(value, &job) == OK)
		ledger_note(&d->ledger, &job);
	else if (e)
		ledger_forget(&d->ledger, e);
}

uint64_t director_stamp(struct director *d)
{
	d->stamp_us = d->wall_us > d->stamp_us ? d->wall_us : d->stamp_us + 1;
	return d->stamp_us;
}

enum err director_read(const struct director *d, const struct entry *e, struct job *out)
{
	struct state_key key = state_key_job(e->id);
	struct bytes value;

	if (e->fresh)
		return job_get(buffer_bytes(&e->fresh->record), out);
	if (kv_get(d->map, state_key_bytes(&key), &value) != OK)
		return ERR_NOT_FOUND;
	return job_get(value, out);
}

struct flight *director_stage(struct director *d, struct entry *e, const struct job *job)
{
	struct state_key key = state_key_job(job->id);
	struct flight *flight = flights_open(&d->flights);
	enum err err;

	must(d->serving);
	must(e->busy == 0);
	must(id_same(e->id, job->id));
	buffer_clear(&d->record);
	err = job_put(job, &d->record);
	must(err == OK);
	flight_put(&d->flights, flight, state_key_bytes(&key), buffer_bytes(&d->record));
	flight_changes(flight, job->id);
	ledger_busy(&d->ledger, e, flight->token);
	ledger_note(&d->ledger, job);
	return flight;
}

uint64_t director_seen(const struct director *d, const struct entry *e, const struct job *job)
{
	return job_seen(job->state, job->number, entry_is_unknown(e),
			job->state == JOB_QUEUED && !role_assigns(d));
}

void director_notify(struct director *d, const struct entry *e, struct outbox *o)
{
	struct waiter *waiter;
	struct job job;

	if (!waiters_has(&d->waiters, e->id) || director_read(d, e, &job) != OK)
		return;
	while ((waiter = waiters_take(&d->waiters, e->id, director_seen(d, e, &job)))) {
		call_news(d, e, &waiter->reply, o);
		free(waiter);
	}
}

/* --- batches --- */

static void keep_promise(struct director *d, const struct promise *p, struct outbox *o)
{
	const struct entry *e = ledger_find(&d->ledger, p->about);

	switch (p->kind) {
	case PROMISE_SUBMITTED:
		call_submitted(d, p, o);
		break;
	case PROMISE_GOOD:
		call_answer(o, &p->to, EXIT_GOOD, (struct bytes){0}, "");
		break;
	case PROMISE_ORDER:
		if (e && attempt_same(entry_attempt(e), p->attempt))
			work_order(d, e, o);
		break;
	case PROMISE_END:
		if (e && attempt_same(entry_attempt(e), p->attempt))
			work_end(d, e, false, o);
		break;
	case PROMISE_REPORTED:
		work_reported(d, p, o);
		break;
	case PROMISE_ATTACHED:
		work_registered(d, p, o);
		break;
	case PROMISE_DRILL:
		drill_committed(d, p, o);
		break;
	case PROMISE_ROLE:
	case PROMISE_MARK:
		role_committed(d, p, o);
		break;
	}
}

static void committed(struct director *d, struct flight *flight, uint64_t position,
		      struct outbox *o)
{
	must(position <= d->position); /* the store tells APPLIED of our own batch first */
	for (uint32_t i = 0; i < flight->jobs; i++) {
		struct entry *e = ledger_find(&d->ledger, flight->job[i]);

		if (e && e->busy == flight->token)
			ledger_busy(&d->ledger, e, 0);
	}
	for (uint32_t i = 0; i < flight->promises; i++)
		keep_promise(d, &flight->promise[i], o);
	for (uint32_t i = 0; i < flight->jobs; i++) {
		const struct entry *e = ledger_find(&d->ledger, flight->job[i]);

		if (e)
			director_notify(d, e, o);
	}
}

static void break_promise(struct director *d, const struct promise *p, struct outbox *o)
{
	struct hand *h;

	switch (p->kind) {
	case PROMISE_SUBMITTED:
	case PROMISE_GOOD:
	case PROMISE_DRILL:
		call_answer(o, &p->to, EXIT_NO_DIRECTOR, (struct bytes){0},
			    "the commit's outcome is not known: ask again");
		break;
	case PROMISE_ATTACHED:
		h = crew_find(&d->crew, p->about);
		if (h)
			hand_detach(h);
		break;
	case PROMISE_ROLE:
	case PROMISE_MARK:
		role_broken(d, p);
		break;
	case PROMISE_ORDER:
	case PROMISE_END:
	case PROMISE_REPORTED:
		break; /* workers repeat what is not acknowledged; orders are decided anew */
	}
}

/* What the batch would have changed is as the map has it. Should it be applied after all, APPLIED tells. */
void state_roll_back(struct director *d, struct flight *flight, struct outbox *o)
{
	for (uint32_t i = 0; i < flight->promises; i++)
		break_promise(d, &flight->promise[i], o);
	for (uint32_t i = 0; i < flight->jobs; i++) {
		struct entry *e = ledger_find(&d->ledger, flight->job[i]);

		if (!e || e->busy != flight->token)
			continue;
		fresh_drop(d, e->id);
		director_reload(d, e->id);
	}
	d->figures.rolled_back++;
}

void state_committed(struct director *d, const struct tell *t, struct outbox *o)
{
	struct flight *flight = flights_take(&d->flights, t->batch.token);

	if (!flight)
		return;
	if (t->batch.err == OK) {
		committed(d, flight, t->batch.position, o);
	} else {
		state_roll_back(d, flight, o);
		d->retry_us = d->now_us + DIRECTOR_RETRY_MS * 1000u;
		outbox_log(o, LOG_LEVEL_WARN,
			   "batch was not committed, deciding anew: why=\"%s\" jobs=%u",
			   err_text(t->batch.err), flight->jobs);
	}
	keep_ended(d, flight->token);
	flight_free(flight);
	call_wishes(d, o);
	if (d->again && d->serving)
		work_again(d, o);
}

void state_raise(struct director *d)
{
	uint32_t to = level_due(&d->level);
	struct flight *flight;
	enum err err;

	if (to == 0)
		return;
	flight = flights_open(&d->flights);
	buffer_clear(&d->record);
	err = level_put(to, &d->record);
	must(err == OK);
	flight_put(&d->flights, flight, level_key(), buffer_bytes(&d->record));
	d->level.token = flight->token;
}

/* What this program can not read it does not act upon: the node ends, and is not to be started again as it is. */
static void end_too_old(struct director *d, const char *why, struct outbox *o)
{
	outbox_log(o, LOG_LEVEL_ERROR, "%s", why);
	director_stop(d, "the state is too new", o);
	d->too_old = true;
	outbox_exit(o, EXIT_CONFIG);
}

void state_level(struct director *d, uint32_t level, struct outbox *o)
{
	char why[200];

	if (level_fits(level, d->level.known, why) != OK) {
		end_too_old(d, why, o);
		return;
	}
	if (level > d->level.state && d->serving)
		outbox_log(o, LOG_LEVEL_INFO, "state raised: level=%u from=%u", level,
			   d->level.state);
	d->level.state = level;
}

/* A kind of row that this program does not know. */
static void state_strange(struct director *d, struct bytes key, struct outbox *o)
{
	char why[200];

	level_strange(key, why);
	end_too_old(d, why, o);
}

void state_look_over(struct director *d, struct outbox *o)
{
	struct bytes key;

	state_level(d, level_of(d->map), o);
	if (!d->too_old && state_find_strange(d->map, &key))
		state_strange(d, key, o);
}

static void apply_job(struct director *d, struct bytes name, struct bytes record, bool drop,
		      struct outbox *o)
{
	struct entry *e;
	struct job job;
	struct id id;

	memcpy(id.b, name.at, sizeof(id.b));
	e = ledger_find(&d->ledger, id);
	fresh_drop(d, id);
	if (drop) {
		if (e)
			ledger_forget(&d->ledger, e);
		return;
	}
	if (job_get(record, &job) != OK || !id_same(job.id, id)) {
		outbox_log(o, LOG_LEVEL_ERROR,
			   "job record could not be read and was left alone: id=%s", id_text(id).s);
		return;
	}
	e = ledger_note(&d->ledger, &job);
	if (e->busy)
		return; /* our own batch: COMMITTED comes next */
	director_notify(d, e, o);
	/* One whose outcome we were told is unknown: its worker's inventory says what is to be done about it. */
	if (d->serving && e->hand && e->hand->attached)
		work_direct(d, e->hand, o);
}

void state_applied(struct director *d, const struct tell *t, struct outbox *o)
{
	const struct bytes none = {0};
	struct batch_reader r;
	struct bytes key, value, name;
	bool drop;

	d->position = t->batch.position;
	if (batch_open(t->batch.batch, &r) != OK)
		return;
	raise_stamp(d, r.stamp_us);
	while (!d->too_old && batch_next(&r, &key, &value, &drop) == OK) {
		enum state_kind kind = state_key_kind(key, &name);

		switch (kind) {
		case STATE_JOB:
			apply_job(d, name, value, drop, o);
			break;
		case STATE_WORKER:
			if (!drop)
				note_worker(d, name, value);
			break;
		case STATE_TURN:
			note_turn(d, value);
			break;
		case STATE_LEVEL:
			state_level(d, drop ? LEVEL_FIRST : level_get(value), o);
			break;
		case STATE_ROLE:
		case STATE_HELD:
			role_note(d, kind, drop ? none : value);
			break;
		case STATE_OTHER:
			if (!drop)
				state_strange(d, key, o);
			break;
		case STATE_KEY:
		case STATE_AUDIT:
			break;
		}
	}
}
