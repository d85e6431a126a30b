/* The director and its clients: submits, news, cancels. Every call is answered once; one that can not be answered yet
 * is held, bounded in number and time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "sched/director_part.h"

#define REFUSAL_MAX 200u /* a sentence with figures */

static const char STOPPED[] = "no director now: ask again";

void call_answer(struct outbox *o, const struct reply *to, uint8_t code, struct bytes body,
		 const char *why)
{
	struct answer answer = {.code = code, .body = body, .why = bytes_str(why)};
	struct buffer b;
	enum err err;

	must(code == EXIT_GOOD || why[0]);
	buffer_init(&b, FRAME_MAX);
	err = answer_put(&answer, &b);
	must(err == OK);
	outbox_post(o, &to->peer, to->purpose, FRAME_ANSWER, to->request, buffer_bytes(&b));
	buffer_fini(&b);
}

static void refuse(struct director *d, const struct reply *to, uint8_t code, const char *why,
		   struct outbox *o)
{
	d->figures.refused++;
	call_answer(o, to, code, (struct bytes){0}, why);
}

/* --- submit --- */

void fresh_drop(struct director *d, struct id job)
{
	struct entry *e = ledger_find(&d->ledger, job);
	struct fresh *f = e ? e->fresh : NULL, *before = NULL;

	if (!f)
		return;
	for (struct fresh *at = d->fresh_first; at != f; at = at->next)
		before = at;
	*(before ? &before->next : &d->fresh_first) = f->next;
	if (d->fresh_last == f)
		d->fresh_last = before;
	must(d->fresh_count > 0);
	d->fresh_count--;
	d->fresh_bytes -= f->record.len;
	e->fresh = NULL;
	buffer_fini(&f->record);
	free(f);
}

static const struct fresh *fresh_with_key(const struct director *d, const char *key)
{
	for (const struct fresh *f = d->fresh_first; f; f = f->next)
		if (strcmp(f->key, key) == 0)
			return f;
	return NULL;
}

static struct id draw_id(struct director *d)
{
	uint8_t random[16];
	struct id id;

	do {
		rng_fill(&d->rng, random, sizeof(random));
		id = id_of_random(random);
	} while (ledger_find(&d->ledger, id));
	return id;
}

/* A sentence when there is no room for one more job. */
static const char *no_room(const struct director *d, char out[REFUSAL_MAX])
{
	if (d->ledger.active.count >= d->config.jobs_max)
		snprintf(out, REFUSAL_MAX, "the queue is full (%u jobs): try again in 10 s",
			 d->ledger.active.count);
	else if (kv_size(d->map) + d->flights.bytes + d->fresh_bytes >= d->config.state_max)
		snprintf(out, REFUSAL_MAX, "the state is full (%zu MiB): try again in 60 s",
			 kv_size(d->map) >> 20);
	else if (d->fresh_count >= FRESH_MAX || d->fresh_bytes >= FRESH_BYTES)
		snprintf(out, REFUSAL_MAX, "too many submits at once: try again in 1 s");
	else if (d->keys_known >= KEYS_TABLE_MAX)
		snprintf(out, REFUSAL_MAX, "too many idempotency keys are kept: try again in 60 s");
	else
		return NULL;
	return out;
}

/* Whether a key is known, or can not be: true when the call is answered with that. */
static bool answered_by_key(struct director *d, const struct submit *s, uint64_t digest,
			    uint64_t *until_us, const struct reply *to, struct outbox *o)
{
	struct state_key key = state_key_key(s->key);
	uint64_t now_us = d->wall_us > d->stamp_us ? d->wall_us : d->stamp_us;
	uint64_t keep_us = KEY_KEEP_S * UINT64_C(1000000), made_us = 0;
	bool ours = job_key_time(s->key, &made_us);
	struct key_record record;
	struct bytes value;

	*until_us = now_us + (ours ? 2 * keep_us : KEY_KEEP_OWN_S * UINT64_C(1000000));
	if (fresh_with_key(d, s->key)) {
		refuse(d, to, EXIT_NO_DIRECTOR, "the same submit is being committed: ask again", o);
	} else if (kv_get(d->map, state_key_bytes(&key), &value) == OK &&
		   key_record_get(value, &record) == OK && record.until_us > now_us) {
		struct submitted known = {.job = record.job, .position = d->position};
		enum err err;

		if (record.digest != digest) {
			refuse(d, to, EXIT_USAGE, "this idempotency key was used for another job",
			       o);
			return true;
		}
		buffer_clear(&d->body);
		err = submitted_put(&known, &d->body);
		must(err == OK);
		d->figures.repeats++;
		call_answer(o, to, EXIT_GOOD, buffer_bytes(&d->body), "");
	} else if (ours && (made_us + keep_us <= now_us || made_us > now_us + keep_us)) {
		refuse(d, to, EXIT_OTHER,
		       "the submit's key is too old to know whether it was accepted before "
		       "(or the clocks of client and director differ)",
		       o);
	} else {
		return false;
	}
	return true;
}

static void take_on(struct director *d, const struct submit *s, uint32_t uid, uint64_t digest,
		    uint64_t until_us, const struct reply *to)
{
	struct fresh *f = calloc(1, sizeof(*f));
	struct job job = {.id = draw_id(d),
			  .state = JOB_QUEUED,
			  .uid = uid,
			  .submitted_us = director_stamp(d),
			  .task = s->task};
	struct entry *e;
	enum err err;

	must(f);
	if (job.task.kill_after_ms == 0)
		job.task.kill_after_ms = d->config.kill_after_ms;
	if (job.task.max_output == 0)
		job.task.max_output = d->config.max_output;
	f->job = job.id;
	memcpy(f->key, s->key, sizeof(f->key));
	f->key_until_us = until_us;
	f->digest = digest;
	f->reply = *to;
	buffer_init(&f->record, JOB_RECORD_MAX);
	err = job_put(&job, &f->record);
	must(err == OK);
	*(d->fresh_last ? &d->fresh_last->next : &d->fresh_first) = f;
	d->fresh_last = f;
	d->fresh_count++;
	d->fresh_bytes += f->record.len;
	e = ledger_note(&d->ledger, &job);
	e->fresh = f;
}

static void submit(struct director *d, const struct call *c, const struct reply *to,
		   struct outbox *o)
{
	uint64_t digest = submit_digest(c->arguments, c->uid), until_us = 0;
	char text[REFUSAL_MAX];
	struct submit s;
	const char *why;

	if (submit_get(c->arguments, &s) != OK) {
		refuse(d, to, EXIT_USAGE, "the job can not be read, or is larger than 64 KiB", o);
		return;
	}
	why = submit_check(&s);
	if (!why && s.task.kill_after_ms > d->config.lease_ms / 2) {
		snprintf(text, sizeof(text), "kill_after is longer than half a lease (%u ms)",
			 d->config.lease_ms / 2);
		why = text;
	}
	if (why) {
		refuse(d, to, EXIT_USAGE, why, o);
		return;
	}
	if (s.task.user[0] && c->uid != 0) {
		refuse(d, to, EXIT_DENIED, "only root may choose the user that a job runs as", o);
		return;
	}
	if (s.key[0] && answered_by_key(d, &s, digest, &until_us, to, o))
		return;
	why = role_refusal(d) ? role_refusal(d) : no_room(d, text);
	if (why)
		refuse(d, to, EXIT_NO_DIRECTOR, why, o);
	else
		take_on(d, &s, c->uid, digest, until_us, to);
}

void call_submitted(struct director *d, const struct promise *p, struct outbox *o)
{
	struct submitted s = {.job = p->about, .position = d->position};
	enum err err;

	buffer_clear(&d->body);
	err = submitted_put(&s, &d->body);
	must(err == OK);
	d->figures.submitted++;
	call_answer(o, &p->to, EXIT_GOOD, buffer_bytes(&d->body), "");
}

/* --- which job --- */

/* Hexadecimal digits of a UUID's beginning, dashes where they may stand. Half a byte at the end is in the high bits. */
static bool parse_prefix(const char *text, struct id *low, uint32_t *digits)
{
	*low = id_none;
	*digits = 0;
	for (const char *at = text; *at; at++) {
		static const char hex[] = "0123456789abcdef";
		const char *digit = strchr(hex, *at | 0x20);

		if (*at == '-' && at != text)
			continue;
		if (!digit || *digits == 32)
			return false;
		low->b[*digits / 2] |= (uint8_t)((unsigned)(digit - hex) << (*digits % 2 ? 0 : 4));
		++*digits;
	}
	return *digits > 0;
}

static bool begins_with(struct id id, struct id low, uint32_t digits)
{
	return memcmp(id.b, low.b, digits / 2) == 0 &&
	       (digits % 2 == 0 || (id.b[digits / 2] & 0xf0) == low.b[digits / 2]);
}

/* The first committed job with that prefix behind the key `after`. */
static bool next_job(const struct director *d, struct bytes after, struct id low, uint32_t digits,
		     struct id *out)
{
	struct bytes key, value, name;

	if (kv_next(d->map, after, &key, &value) != OK || state_key_kind(key, &name) != STATE_JOB)
		return false;
	memcpy(out->b, name.at, sizeof(out->b));
	return begins_with(*out, low, digits);
}

/* How many committed jobs a prefix names: 0, 1, or 2 for more. */
static uint32_t count_jobs(const struct director *d, struct id low, uint32_t digits, struct id *one)
{
	struct state_key key = state_key_job(low), own;
	struct bytes value;
	struct id other;

	/* The whole id, or one with its last digit missing: the key itself may be there. Any shorter one sorts before
	 * all keys that begin with it. */
	if (digits >= 31 && kv_get(d->map, state_key_bytes(&key), &value) == OK) {
		*one = low;
	} else {
		key.len -= sizeof(low) - (digits + 1) / 2;
		if (digits == 32 || !next_job(d, state_key_bytes(&key), low, digits, one))
			return 0;
	}
	own = state_key_job(*one);
	return digits < 32 && next_job(d, state_key_bytes(&own), low, digits, &other) ? 2 : 1;
}

static void doubt(struct director *d, const char *name, const struct reply *to, struct outbox *o)
{
	if (d->doubts == PUT_OFF_MAX) {
		refuse(d, to, EXIT_NO_DIRECTOR, "too many questions at once: ask again", o);
		return;
	}
	if (d->doubts == d->doubts_room) {
		d->doubts_room = d->doubts_room ? 2 * d->doubts_room : 16;
		d->doubt = realloc(d->doubt, d->doubts_room * sizeof(*d->doubt));
		must(d->doubt);
	}
	struct doubt *one = &d->doubt[d->doubts++];
	*one = (struct doubt){.reply = *to};
	snprintf(one->name, sizeof(one->name), "%s", name);
	d->asking = true;
}

/* The one job that a prefix names; NULL when the call is answered: none, or more than one. */
static struct entry *find_job(struct director *d, const char *prefix, const struct reply *to,
			      struct outbox *o)
{
	char why[REFUSAL_MAX];
	struct entry *e = NULL;
	struct id low, one;
	uint32_t digits, count;

	if (!parse_prefix(prefix, &low, &digits)) {
		refuse(d, to, EXIT_USAGE, "this is no job id, nor the beginning of one", o);
		return NULL;
	}
	count = count_jobs(d, low, digits, &one);
	if (count > 1) {
		snprintf(why, sizeof(why), "more than one job begins with %.36s: give more of it",
			 prefix);
		refuse(d, to, EXIT_USAGE, why, o);
		return NULL;
	}
	if (count == 1)
		e = ledger_find(&d->ledger, one);
	if (!e)
		doubt(d, prefix, to, o);
	return e;
}

void call_fence(struct director *d, uint64_t token)
{
	must(token != 0);
	for (uint32_t i = 0; i < d->doubts; i++)
		if (d->doubt[i].token == 0)
			d->doubt[i].token = token;
}

/* Nobody has directed since the question came: what is not here is nowhere. */
void call_fenced(struct director *d, uint64_t token, enum err err, struct outbox *o)
{
	char why[REFUSAL_MAX];
	uint32_t kept = 0;

	must(token != 0);
	for (uint32_t i = 0; i < d->doubts; i++) {
		struct doubt one = d->doubt[i];

		snprintf(why, sizeof(why), "no job %.36s", one.name);
		if (one.token != token)
			d->doubt[kept++] = one;
		else if (err == OK)
			refuse(d, &one.reply, EXIT_OTHER, why, o);
		else
			refuse(d, &one.reply, EXIT_NO_DIRECTOR, STOPPED, o);
	}
	d->doubts = kept;
}

/* --- news --- */

void call_news(struct director *d, const struct entry *e, const struct reply *to, struct outbox *o)
{
	struct job_news n = {.job = e->id, .unknown = entry_is_unknown(e)};
	char text[WHY_MAX];
	struct job job;
	enum err err;

	if (director_read(d, e, &job) != OK) {
		call_answer(o, to, EXIT_OTHER, (struct bytes){0}, "the job is no longer known");
		return;
	}
	n.state = job.state;
	n.worker = job.worker;
	n.step = job.step;
	n.number = job.number;
	n.code = job.code;
	n.signal = job.signal;
	n.out_size = job.out_size;
	n.err_size = job.err_size;
	n.out_tail = job.out_tail;
	n.err_tail = job.err_tail;
	n.seen = director_seen(d, e, &job);
	memcpy(n.why, job.why, sizeof(n.why));
	if (job.state == JOB_QUEUED && !n.why[0])
		snprintf(n.why, sizeof(n.why), "%.127s", role_why(d, text));
	n.held = job.state == JOB_QUEUED && !role_assigns(d);
	buffer_clear(&d->body);
	err = job_news_put(&n, &d->body);
	must(err == OK);
	call_answer(o, to, EXIT_GOOD, buffer_bytes(&d->body), "");
}

static void wait(struct director *d, const struct call *c, const struct reply *to, struct outbox *o)
{
	struct wait_ask ask;
	struct waiter waiter;
	struct entry *e;
	struct job job;
	uint64_t seen;

	if (wait_ask_get(c->arguments, &ask) != OK) {
		refuse(d, to, EXIT_USAGE, "the question can not be read", o);
		return;
	}
	e = find_job(d, ask.prefix, to, o);
	if (!e)
		return;
	if (director_read(d, e, &job) != OK) {
		refuse(d, to, EXIT_OTHER, "the job is no longer known", o);
		return;
	}
	seen = director_seen(d, e, &job);
	if (ask.wait_ms == 0 || job_seen_differs(seen, ask.seen)) {
		call_news(d, e, to, o);
		return;
	}
	if (ask.wait_ms > WAIT_MAX_MS)
		ask.wait_ms = WAIT_MAX_MS;
	waiter = (struct waiter){.job = e->id,
				 .reply = *to,
				 .seen = ask.seen,
				 .until_us = d->now_us + ask.wait_ms * UINT64_C(1000)};
	if (waiters_add(&d->waiters, &waiter) != OK)
		refuse(d, to, EXIT_NO_DIRECTOR, "too many clients wait: ask again in 1 s", o);
}

void call_waiters_due(struct director *d, struct outbox *o)
{
	struct waiter *waiter;

	while ((waiter = waiters_take_due(&d->waiters, d->now_us))) {
		const struct entry *e = ledger_find(&d->ledger, waiter->job);

		if (e)
			call_news(d, e, &waiter->reply, o);
		else
			call_answer(o, &waiter->reply, EXIT_OTHER, (struct bytes){0},
				    "the job is no longer known");
		free(waiter);
	}
}

/* --- cancel --- */

/* One that holds and whose worker does not come back is given up by a person's second word only. */
static bool may_give_up(const struct director *d, const struct entry *e)
{
	return e->state == JOB_CANCELLING && entry_is_unknown(e) && e->hand &&
	       d->now_us >= hand_lease_over_us(e->hand, d->config.lease_ms);
}

static void cancel_settled(struct director *d, struct entry *e, const struct reply *to,
			   struct outbox *o)
{
	struct flight *flight;
	struct job job;

	must(entry_is_settled(e));
	if (director_read(d, e, &job) != OK) {
		refuse(d, to, EXIT_OTHER, "the job is no longer known", o);
		return;
	}
	if (job.state == JOB_CANCELLED || (job.state == JOB_CANCELLING && !may_give_up(d, e))) {
		if (job.state == JOB_CANCELLING)
			work_end(d, e, false, o);
		call_answer(o, to, EXIT_GOOD, (struct bytes){0}, "");
		return;
	}
	if (job_is_ended(job.state)) {
		refuse(d, to, EXIT_OTHER, "the job has ended already", o);
		return;
	}
	if (job.state == JOB_CANCELLING)
		job_give_up(&job, "cancelled; its worker never came back", director_stamp(d));
	else
		job_cancel(&job, "cancelled", director_stamp(d));
	flight = director_stage(d, e, &job);
	flight_promise(flight, &(struct promise){.kind = PROMISE_GOOD, .about = job.id, .to = *to});
	if (job.state == JOB_CANCELLING)
		flight_promise(flight, &(struct promise){.kind = PROMISE_END,
							 .about = job.id,
							 .attempt = job_attempt(&job)});
}

static void cancel(struct director *d, const struct call *c, const struct reply *to,
		   struct outbox *o)
{
	char prefix[ID_TEXT_LEN + 1];
	struct entry *e;

	if (job_name_get(c->arguments, prefix) != OK) {
		refuse(d, to, EXIT_USAGE, "the question can not be read", o);
		return;
	}
	e = find_job(d, prefix, to, o);
	if (!e)
		return;
	if (entry_is_settled(e)) {
		cancel_settled(d, e, to, o);
		return;
	}
	if (d->wishes == PUT_OFF_MAX) {
		refuse(d, to, EXIT_NO_DIRECTOR, "the job is changing: ask again", o);
		return;
	}
	if (d->wishes == d->wishes_room) {
		d->wishes_room = d->wishes_room ? 2 * d->wishes_room : 16;
		d->wish = realloc(d->wish, d->wishes_room * sizeof(*d->wish));
		must(d->wish);
	}
	d->wish[d->wishes++] = (struct wish){.job = e->id, .reply = *to};
}

void call_wishes(struct director *d, struct outbox *o)
{
	uint32_t kept = 0, count = d->wishes;

	for (uint32_t i = 0; i < count; i++) {
		struct wish wish = d->wish[i];
		struct entry *e = ledger_find(&d->ledger, wish.job);

		if (!e)
			refuse(d, &wish.reply, EXIT_OTHER, "the job is no longer known", o);
		else if (entry_is_settled(e))
			cancel_settled(d, e, &wish.reply, o);
		else
			d->wish[kept++] = wish;
	}
	must(d->wishes == count);
	d->wishes = kept;
}

/* --- the door --- */

void call_stop(struct director *d, struct outbox *o)
{
	struct waiter *waiter;

	while (d->fresh_first) {
		struct id job = d->fresh_first->job;

		call_answer(o, &d->fresh_first->reply, EXIT_NO_DIRECTOR, (struct bytes){0},
			    STOPPED);
		fresh_drop(d, job);
		director_reload(d, job);
	}
	for (uint32_t i = 0; i < d->wishes; i++)
		call_answer(o, &d->wish[i].reply, EXIT_NO_DIRECTOR, (struct bytes){0}, STOPPED);
	d->wishes = 0;
	for (uint32_t i = 0; i < d->doubts; i++)
		call_answer(o, &d->doubt[i].reply, EXIT_NO_DIRECTOR, (struct bytes){0}, STOPPED);
	d->doubts = 0;
	while ((waiter = waiters_take_any(&d->waiters))) {
		call_answer(o, &waiter->reply, EXIT_NO_DIRECTOR, (struct bytes){0}, STOPPED);
		free(waiter);
	}
}

static void show(struct director *d, const struct call *c, const struct reply *to, struct outbox *o)
{
	char prefix[ID_TEXT_LEN + 1];
	struct entry *e;

	if (job_name_get(c->arguments, prefix) != OK) {
		refuse(d, to, EXIT_USAGE, "the question can not be read", o);
		return;
	}
	e = find_job(d, prefix, to, o);
	if (e)
		sheet_job(d, to, e, o);
}

void call_step(struct director *d, const struct event *e, struct outbox *o)
{
	struct reply to = {
		.peer = e->frame.peer, .purpose = e->frame.purpose, .request = e->frame.request};
	struct call c;

	if (call_get(e->frame.body, &c) != OK) {
		d->figures.malformed++;
		refuse(d, &to, EXIT_USAGE, "the call can not be read", o);
		return;
	}
	if (!d->serving) {
		refuse(d, &to, EXIT_NO_DIRECTOR, STOPPED, o);
		return;
	}
	switch (c.verb) {
	case CALL_SUBMIT:
		submit(d, &c, &to, o);
		break;
	case CALL_JOB_WAIT:
		wait(d, &c, &to, o);
		break;
	case CALL_JOB_CANCEL:
		cancel(d, &c, &to, o);
		break;
	case CALL_JOB:
		show(d, &c, &to, o);
		break;
	case CALL_JOBS:
		sheet_jobs(d, &to, c.arguments, o);
		break;
	case CALL_WORKERS:
		sheet_workers(d, &to, o);
		break;
	case CALL_SWITCH_OVER:
		role_call(d, &c, &to, o);
		break;
	case CALL_AUDIT:
		role_audit(d, &c, &to, o);
		break;
	case CALL_DRILL:
		drill_call(d, &c, &to, o);
		break;
	default:
		refuse(d, &to, EXIT_USAGE, "the director does not know this call", o);
		break;
	}
}
