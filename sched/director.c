#include "sched/director.h"

#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "sched/director_part.h"

#define LEASE_MS_DEFAULT      60000u
#define KILL_AFTER_MS_DEFAULT 10000u
#define MAX_OUTPUT_DEFAULT    (64u << 20)

static struct director_config with_defaults(struct director_config c)
{
	c.lease_ms = c.lease_ms ? c.lease_ms : LEASE_MS_DEFAULT;
	c.kill_after_ms = c.kill_after_ms ? c.kill_after_ms : KILL_AFTER_MS_DEFAULT;
	if (c.kill_after_ms > c.lease_ms / 2)
		c.kill_after_ms = c.lease_ms / 2;
	c.max_output = c.max_output ? c.max_output : MAX_OUTPUT_DEFAULT;
	c.jobs_max = c.jobs_max ? c.jobs_max : JOBS_MAX;
	c.state_max = c.state_max ? c.state_max : STATE_MAX / 10 * 9;
	c.history_max = c.history_max ? c.history_max : HISTORY_MAX;
	c.history_keep_s = c.history_keep_s ? c.history_keep_s : HISTORY_KEEP_S;
	return c;
}

/* --- leadership --- */

/* Ids must be unique among directors that were seeded alike, and over our own lives. */
static void seed(struct director *d)
{
	uint64_t mix = d->config.seed ^ id_hash(d->config.self);

	mix = (mix ^ d->fence.epoch.generation) * 0x9e3779b97f4a7c15u;
	mix = (mix ^ (mix >> 29) ^ d->fence.epoch.term) * 0xbf58476d1ce4e5b9u;
	rng_init(&d->rng, mix ^ (mix >> 32));
}

void director_stop(struct director *d, const char *why, struct outbox *o)
{
	struct flight *flight;

	if (!d->serving)
		return;
	while ((flight = flights_pop(&d->flights))) {
		state_roll_back(d, flight, o);
		keep_ended(d, flight->token);
		flight_free(flight);
	}
	call_stop(d, o);
	role_stop(d, o);
	for (uint32_t i = 0; i < d->crew.count; i++)
		hand_detach(d->crew.hand[i]);
	d->serving = false;
	d->directs = false;
	d->asking = false;
	outbox_log(o, LOG_LEVEL_INFO, "director stopped acting: epoch=%llu why=\"%s\"",
		   (unsigned long long)d->fence.epoch.term, why);
}

static void begin(struct director *d, const struct tell *t, struct outbox *o)
{
	must(!d->serving);
	must(!d->flights.first);
	d->serving = true;
	d->fence = (struct fence){.store = t->lead.store, .epoch = t->lead.epoch};
	d->began_us = d->now_us;
	d->retry_us = 0;
	d->rest_us = 0;
	seed(d);
	for (uint32_t i = 0; i < d->crew.count; i++) {
		hand_detach(d->crew.hand[i]);
		hand_lease(d->crew.hand[i], d->now_us);
	}
	for (struct entry *e = d->ledger.active.oldest; e; e = e->newer)
		e->heard = false;
	d->due_us = d->now_us;
	role_begin(d, o);
	outbox_log(o, LOG_LEVEL_INFO, "director began to act: epoch=%llu jobs=%u queued=%u",
		   (unsigned long long)d->fence.epoch.term, d->ledger.active.count,
		   d->ledger.queue.count);
	work_direct_all(d, o);
}

static void told_lead(struct director *d, const struct tell *t, struct outbox *o)
{
	bool acts = t->lead.self && t->lead.serving;

	d->level.announced = t->lead.level;
	d->apart = t->lead.self && t->lead.apart;
	if (d->serving && acts && epoch_cmp(d->fence.epoch, t->lead.epoch) == 0)
		return;
	director_stop(d, acts ? "a new epoch" : "another leads, or none", o);
	role_led(d, t, o);
	if (acts)
		begin(d, t, o);
}

/* --- the verbs --- */

static void told(struct director *d, const struct event *e, struct outbox *o)
{
	const struct tell *t = &e->tell;

	switch (t->kind) {
	case TELL_LEAD:
		told_lead(d, t, o);
		break;
	case TELL_COMMITTED:
		state_committed(d, t, o);
		break;
	case TELL_APPLIED:
		state_applied(d, t, o);
		break;
	case TELL_RESTORED:
		director_stop(d, "the state was replaced", o);
		state_load(d, o);
		state_look_over(d, o);
		break;
	case TELL_FENCED:
		work_fenced(d, t->batch.token, t->batch.err, o);
		call_fenced(d, t->batch.token, t->batch.err, o);
		break;
	case TELL_MEMBER:
		work_member(d, e, o);
		break;
	case TELL_GENERATION:
		role_generation(d, t);
		break;
	case TELL_FAULT:
		director_stop(d, "the store failed", o);
		break;
	case TELL_CANDIDATE:
	case TELL_JOINED:
	case TELL_COMMIT:
	case TELL_FENCE:
	case TELL_RESIGN:
	case TELL_GIVE_UP:
	case TELL_GIVEN_UP:
	case TELL_STOPPED:
	case TELL_MUTE:
		break;
	case TELL_STANDBYS:
		role_told_standbys(d, t);
		break;
	case TELL_STOP:
		role_told_stop(d, t, o);
		break;
	}
}

static void frame(struct director *d, const struct event *e, struct outbox *o)
{
	if (e->frame.type == FRAME_CALL)
		call_step(d, e, o);
	else if (!d->serving)
		return; /* a worker asks whoever shows the highest epoch */
	else if (e->frame.type == FRAME_ATTACH)
		work_attach(d, e, o);
	else if (e->frame.type == FRAME_REPORT)
		work_report(d, e, o);
	else if (e->frame.type == FRAME_LEASE_ASK)
		work_lease_ask(d, e, o);
}

/* An event that was stamped a little before the last turn does not turn our clock back. */
static void now(struct director *d, uint64_t now_us, uint64_t wall_us)
{
	if (now_us > d->now_us)
		d->now_us = now_us;
	d->wall_us = wall_us;
}

void director_step(struct director *d, const struct event *e, struct outbox *o)
{
	now(d, e->now_us, e->wall_us);
	if (d->too_old)
		return;
	if (e->kind == EVENT_TELL)
		told(d, e, o);
	else if (e->kind == EVENT_LINK)
		work_link(d, e, o);
	else if (e->kind == EVENT_FRAME)
		frame(d, e, o);
}

/* A submit's key goes into the batch of its record, and so does the promise to answer. */
static void accepted(struct director *d, struct fresh *f, struct flight *flight)
{
	must(f->token == 0);
	f->token = flight->token;
	if (f->key[0]) {
		struct state_key key = state_key_key(f->key);
		struct key_record record = {f->job, f->digest, f->key_until_us};
		enum err err;

		buffer_clear(&d->record);
		err = key_record_put(&record, &d->record);
		must(err == OK);
		flight_put(&d->flights, flight, state_key_bytes(&key), buffer_bytes(&d->record));
	}
	flight_promise(flight, &(struct promise){
				       .kind = PROMISE_SUBMITTED, .about = f->job, .to = f->reply});
}

/* The next attempt of a job that waits, on `h`. */
static struct flight *assign(struct director *d, struct entry *e, struct hand *h, struct job *job)
{
	struct flight *flight;

	job_assign(job, h->id, h->boot, director_stamp(d));
	flight = director_stage(d, e, job);
	if (e->fresh)
		accepted(d, e->fresh, flight);
	flight_promise(flight, &(struct promise){.kind = PROMISE_ORDER,
						 .about = job->id,
						 .attempt = job_attempt(job)});
	work_lease_begins(d, h);
	d->turn = h->id;
	must(h->used <= h->slots);
	return flight;
}

/* Jobs that wait go to workers that are free, in the order of the queue; a new one that finds a worker is accepted and
 * assigned in one record. */
static void assign_all(struct director *d)
{
	struct state_key key = state_key_turn();
	struct place_in_queue *first;
	struct flight *flight = NULL;
	struct hand *h;

	while (role_assigns(d) && (first = queue_first(&d->ledger.queue)) &&
	       (h = place_pick(&d->crew, d->turn)) &&
	       d->flights.bytes < FLIGHTS_MAX * FLIGHT_BYTES) {
		struct entry *e = (struct entry *)first;
		struct job job;
		enum err err = director_read(d, e, &job);

		must(err == OK); /* what waits was read from the map, or made here */
		flight = assign(d, e, h, &job);
	}
	if (flight)
		flight_put(&d->flights, flight, state_key_bytes(&key),
			   bytes_of(d->turn.b, sizeof(d->turn.b)));
}

/* What found no worker is accepted alone. */
static void accept_all(struct director *d)
{
	for (struct fresh *f = d->fresh_first; f; f = f->next) {
		struct entry *e = ledger_find(&d->ledger, f->job);
		struct job job;
		enum err err;

		if (f->token)
			continue;
		must(e && e->fresh == f);
		err = director_read(d, e, &job);
		must(err == OK);
		accepted(d, f, director_stage(d, e, &job));
	}
}

static void send_all(struct director *d, struct outbox *o)
{
	struct flight *flight;

	while ((flight = flights_next(&d->flights))) {
		struct tell t = {.kind = TELL_COMMIT,
				 .batch = {.token = flight->token, .epoch = d->fence.epoch}};
		enum err err;

		buffer_clear(&d->body);
		err = batch_pack(&flight->batch, d->stamp_us, &d->body);
		must(err == OK);
		t.batch.batch = buffer_bytes(&d->body);
		outbox_tell(o, &t);
		flights_sent(&d->flights, flight);
	}
}

void director_turn(struct director *d, uint64_t now_us, uint64_t wall_us, struct outbox *o)
{
	now(d, now_us, wall_us);
	if (!d->serving) {
		role_work(d, o);
		return;
	}
	if (d->now_us >= d->due_us)
		work_due(d, o);
	call_waiters_due(d, o);
	if (d->rest_us && d->now_us >= d->rest_us)
		work_rested(d);
	if (d->directs)
		work_direct_on(d, o);
	role_work(d, o);
	if (d->retry_us && d->now_us >= d->retry_us) {
		d->retry_us = 0;
		work_direct_all(d, o);
	}
	if (!d->retry_us && d->flights.sent < FLIGHTS_MAX && role_commits(d)) {
		keep_turn(d);
		state_raise(d);
		assign_all(d);
		accept_all(d);
		send_all(d, o);
	}
	if (d->asking)
		work_fence(d, o);
}

uint64_t director_deadline_us(const struct director *d)
{
	uint64_t at = d->due_us < d->waiters.due_us ? d->due_us : d->waiters.due_us;

	if (!d->serving)
		return role_due_us(d);
	if (d->directs)
		return d->now_us;
	if (role_due_us(d) < at)
		at = role_due_us(d);
	if (d->retry_us && d->retry_us < at)
		at = d->retry_us;
	return d->rest_us && d->rest_us < at ? d->rest_us : at;
}

struct director *director_open(const struct director_config *config, const struct kv *map)
{
	struct director *d = calloc(1, sizeof(*d));

	must(d);
	must(!id_is_none(config->self));
	d->config = with_defaults(*config);
	d->map = map;
	d->due_us = UINT64_MAX;
	level_init(&d->level, config->level);
	crew_init(&d->crew, config->fingerprint);
	ledger_init(&d->ledger, &d->crew);
	flights_init(&d->flights);
	waiters_init(&d->waiters);
	buffer_init(&d->record, JOB_RECORD_MAX);
	buffer_init(&d->body, FRAME_MAX);
	buffer_init(&d->keys_at, STATE_KEY_MAX);
	state_load(d, NULL);
	d->level.state = level_of(map);
	return d;
}

void director_close(struct director *d)
{
	if (!d)
		return;
	while (d->fresh_first)
		fresh_drop(d, d->fresh_first->job);
	flights_fini(&d->flights);
	waiters_fini(&d->waiters);
	ledger_fini(&d->ledger);
	crew_fini(&d->crew);
	buffer_fini(&d->record);
	buffer_fini(&d->body);
	buffer_fini(&d->keys_at);
	free(d->wish);
	free(d->doubt);
	free(d);
}

struct director_figures director_figures(const struct director *d)
{
	struct director_figures f = d->figures;

	f.queued = d->ledger.queue.count;
	f.active = d->ledger.active.count;
	f.ended = d->ledger.ended.count;
	f.serving = d->serving;
	return f;
}
