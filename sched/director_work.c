/* The director and its workers: who is attached and what it holds, results, leases, and what is lost. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/must.h"
#include "sched/director_part.h"

static void post(struct outbox *o, const struct hand *h, uint8_t type, const struct buffer *body)
{
	outbox_post(o, &h->peer, PURPOSE_RPC, type, 0, buffer_bytes(body));
}

/* What can not fail: the bodies of our own frames fit their buffer. */
static void sure(enum err err)
{
	must(err == OK);
}

/* --- words to a worker --- */

void work_direct(struct director *d, struct hand *h, struct outbox *o)
{
	struct direct direct = {.fence = d->fence};

	must(d->serving);
	if (!h->linked)
		h->peer = (struct peer){.id = h->id, .addr = h->addr};
	buffer_clear(&d->body);
	sure(direct_put(&direct, &d->body));
	post(o, h, FRAME_DIRECT, &d->body);
}

void work_direct_all(struct director *d, struct outbox *o)
{
	d->directs = true;
	d->direct_after = (struct id){0};
	work_direct_on(d, o);
}

/* A few in a turn: those told first attach, and get work, while the others are being told. */
void work_direct_on(struct director *d, struct outbox *o)
{
	uint32_t left = DIRECTS_TURN;

	for (uint32_t i = crew_after(&d->crew, d->direct_after); i < d->crew.count; i++) {
		struct hand *h = d->crew.hand[i];
		bool there = h->has_facts ? h->member == MEMBER_ALIVE : h->linked;

		if (h->attached || !there || !(h->is_worker || h->registered))
			continue;
		if (left-- == 0)
			return;
		work_direct(d, h, o);
		d->direct_after = h->id;
	}
	d->directs = false;
}

/* From now the hand may hold a lease that began with what is sent. */
void work_lease_begins(struct director *d, struct hand *h)
{
	uint64_t over_us;

	hand_lease(h, d->now_us);
	over_us = hand_lease_over_us(h, d->config.lease_ms);
	if (over_us < d->due_us)
		d->due_us = over_us;
}

void work_order(struct director *d, const struct entry *e, struct outbox *o)
{
	struct hand *h = e->hand;
	struct order order;
	struct job job;

	if (!h || !h->accepted || h->again || e->state != JOB_EXECUTING ||
	    director_read(d, e, &job) != OK)
		return; /* it attaches again, and then its inventory decides */
	must(job.state == JOB_EXECUTING);
	must(id_same(job.worker, h->id));
	order = (struct order){.fence = d->fence,
			       .serial = h->serial,
			       .attempt = job_attempt(&job),
			       .on_lost = job.task.on_lost,
			       .kill_after_ms = job.task.kill_after_ms,
			       .timeout_ms = job.task.timeout_ms,
			       .max_output = job.task.max_output,
			       .command = job.task.command,
			       .env = job.task.env};
	memcpy(order.user, job.task.user, sizeof(order.user));
	memcpy(order.directory, job.task.directory, sizeof(order.directory));
	buffer_clear(&d->body);
	sure(order_put(&order, &d->body));
	post(o, h, FRAME_ORDER, &d->body);
	work_lease_begins(d, h);
	d->figures.assigned++;
}

static void end_attempt(struct director *d, const struct hand *h, struct attempt attempt,
			bool force, const char *why, struct outbox *o)
{
	struct end end = {.fence = d->fence, .attempt = attempt, .force = force};

	if (!h->accepted)
		return;
	snprintf(end.why, sizeof(end.why), "%s", why);
	buffer_clear(&d->body);
	sure(end_put(&end, &d->body));
	post(o, h, FRAME_END, &d->body);
}

void work_end(struct director *d, const struct entry *e, bool force, struct outbox *o)
{
	if (e->hand)
		end_attempt(d, e->hand, entry_attempt(e), force, "cancelled", o);
}

static void acknowledge(struct director *d, const struct peer *to, struct attempt attempt,
			struct outbox *o)
{
	struct reported reported = {.fence = d->fence, .attempt = attempt};

	buffer_clear(&d->body);
	sure(reported_put(&reported, &d->body));
	outbox_post(o, to, PURPOSE_RPC, FRAME_REPORTED, 0, buffer_bytes(&d->body));
}

void work_reported(struct director *d, const struct promise *p, struct outbox *o)
{
	acknowledge(d, &p->to.peer, p->attempt, o);
}

static void attached(struct director *d, const struct peer *to, uint64_t serial, const char *why,
		     struct outbox *o)
{
	struct attached a = {.fence = d->fence,
			     .accepted = why[0] == '\0',
			     .registered = why[0] == '\0',
			     .lease_ms = d->config.lease_ms,
			     .serial = serial};

	snprintf(a.why, sizeof(a.why), "%s", why);
	buffer_clear(&d->body);
	sure(attached_put(&a, &d->body));
	outbox_post(o, to, PURPOSE_RPC, FRAME_ATTACHED, 0, buffer_bytes(&d->body));
}

/* --- attempts that surely ended without a result --- */

/* What becomes of one: the record is staged. `gone`: the attempt is known to be nowhere; else only its lease is over,
 * and one that holds may still run. */
static void lose(struct director *d, struct entry *e, const char *why, bool gone)
{
	struct job job;

	must(entry_is_settled(e));
	if ((e->on_lost == ON_LOST_HOLD && !gone) || director_read(d, e, &job) != OK)
		return;
	if (e->state == JOB_CANCELLING)
		job_give_up(&job, why, director_stamp(d));
	else if (e->on_lost == ON_LOST_RESTART)
		job_requeue(&job, why);
	else
		job_fail(&job, why, director_stamp(d));
	(void)director_stage(d, e, &job);
	d->figures.lost++;
}

static void lease_over(struct director *d, struct hand *h, struct outbox *o)
{
	char name[NAME_MAX_LEN + 1], why[JOB_WHY_MAX];
	uint64_t before = d->figures.lost;
	bool later = false;

	snprintf(why, sizeof(why), "worker %.64s was lost and its lease is over",
		 hand_name(h, name));
	for (struct entry *e = h->jobs, *next; e; e = next) {
		next = e->hand_newer;
		if (entry_is_settled(e))
			lose(d, e, why, false);
		else
			later = true;
	}
	if (later && d->due_us > d->now_us + 1000000)
		d->due_us = d->now_us + 1000000;
	if (d->figures.lost > before)
		outbox_log(o, LOG_LEVEL_WARN,
			   "worker was lost, its lease is over: id=%s name=%s jobs=%" PRIu64,
			   id_text(h->id).s, name, d->figures.lost - before);
}

static void disconnect(struct director *d, struct hand *h, const char *why, struct outbox *o)
{
	char name[NAME_MAX_LEN + 1];

	if (!h->attached)
		return;
	hand_detach(h);
	outbox_log(o, LOG_LEVEL_INFO, "worker disconnected: id=%s name=%s jobs=%u why=\"%s\"",
		   id_text(h->id).s, hand_name(h, name), h->used, why);
	for (const struct entry *e = h->jobs; e; e = e->hand_newer)
		director_notify(d, e, o);
}

void work_due(struct director *d, struct outbox *o)
{
	d->due_us = UINT64_MAX;
	for (uint32_t i = 0; i < d->crew.count; i++) {
		struct hand *h = d->crew.hand[i];
		uint64_t over_us = hand_lease_over_us(h, d->config.lease_ms);

		if (h->used == 0)
			continue;
		if (d->now_us < over_us) {
			d->due_us = over_us < d->due_us ? over_us : d->due_us;
			continue;
		}
		if (h->attached) {
			outbox_unlink(o, &h->peer, PURPOSE_RPC);
			h->linked = false;
		}
		disconnect(d, h, "it asked for no lease", o);
		lease_over(d, h, o);
	}
}

/* --- attach --- */

static const struct held *find_held(const struct attach *a, struct attempt attempt)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (attempt_same(a->held[i].attempt, attempt))
			return &a->held[i];
	return NULL;
}

/* One attempt that the state says is with this worker, against what the worker says. */
static void compare(struct director *d, struct hand *h, struct entry *e, const struct attach *a,
		    bool new_machine, struct outbox *o)
{
	const struct held *held = find_held(a, entry_attempt(e));
	bool same_agent = a->boot == e->worker_boot;

	if (!entry_is_settled(e)) {
		h->again = true;
	} else if (held) {
		e->heard = true;
		if (e->state == JOB_CANCELLING && held->state != HELD_ENDED)
			work_end(d, e, false, o);
	} else if (!a->whole && (!new_machine || same_agent)) {
		return; /* an inventory that is not whole proves nothing */
	} else if (e->state == JOB_EXECUTING && !e->heard && same_agent) {
		/* The agent that it was assigned to never had it: the order is repeated, with the same number. */
		work_order(d, e, o);
	} else {
		lose(d, e, "its worker came back without the attempt", true);
	}
}

/* What the worker holds and the state knows nothing of, or gave up: a result is acknowledged when it is reported. */
static void end_strays(struct director *d, struct hand *h, const struct attach *a, struct outbox *o)
{
	for (uint32_t i = 0; i < a->count; i++) {
		const struct held *held = &a->held[i];
		const struct entry *e = ledger_find(&d->ledger, held->attempt.job);

		if (held->state == HELD_ENDED ||
		    (e && e->hand == h && attempt_same(entry_attempt(e), held->attempt)))
			continue;
		if (e && !entry_is_settled(e)) {
			h->again = true;
			continue;
		}
		end_attempt(d, h, held->attempt, true, "given up", o);
	}
}

static void compare_all(struct director *d, struct hand *h, const struct attach *a,
			bool new_machine, struct outbox *o)
{
	for (struct entry *e = h->jobs, *next; e; e = next) {
		next = e->hand_newer;
		compare(d, h, e, a, new_machine, o);
	}
	end_strays(d, h, a, o);
	d->again |= h->again;
	for (const struct entry *e = h->jobs; e; e = e->hand_newer)
		director_notify(d, e, o);
}

/* Until then it gets no lease: what it holds could be what was given up. */
void work_again(struct director *d, struct outbox *o)
{
	must(d->serving);
	d->again = false;
	for (uint32_t i = 0; i < d->crew.count; i++) {
		struct hand *h = d->crew.hand[i];

		if (!h->again)
			continue;
		hand_detach(h);
		work_direct(d, h, o);
	}
}

/* The worker's record, new or changed, is committed before the worker hears that it is registered. */
static void register_hand(struct director *d, struct hand *h, const struct attach *a,
			  const struct peer *peer, bool answer)
{
	struct state_key key = state_key_worker(h->id);
	struct flight *flight = flights_open(&d->flights);
	struct worker_record w = {.registered_us = director_stamp(d)};

	memcpy(w.name, h->name, sizeof(w.name));
	memcpy(w.machine_boot, a->machine_boot, sizeof(w.machine_boot));
	buffer_clear(&d->record);
	sure(worker_record_put(&w, &d->record));
	flight_put(&d->flights, flight, state_key_bytes(&key), buffer_bytes(&d->record));
	if (answer)
		flight_promise(flight, &(struct promise){.kind = PROMISE_ATTACHED,
							 .about = h->id,
							 .to.peer = *peer});
}

void work_registered(struct director *d, const struct promise *p, struct outbox *o)
{
	struct hand *h = crew_find(&d->crew, p->about);
	char name[NAME_MAX_LEN + 1];

	if (!h || !h->attached || h->peer.link != p->to.peer.link)
		return;
	must(h->registered);
	h->accepted = true;
	attached(d, &p->to.peer, h->serial, "", o);
	outbox_log(o, LOG_LEVEL_INFO, "worker registered: id=%s name=%s slots=%u", id_text(h->id).s,
		   hand_name(h, name), h->slots);
}

/* A sentence when this worker is not to be obeyed by, or NULL. */
static const char *refusal(const struct director *d, const struct attach *a)
{
	bool foreign = !id_is_none(a->highest.store) && !id_is_none(d->fence.store) &&
		       !id_same(a->highest.store, d->fence.store);

	if (foreign && a->count > 0 && !id_same(a->highest.store, d->retired))
		return "it holds attempts of another store";
	if (!foreign && epoch_cmp(a->highest.epoch, d->fence.epoch) > 0)
		return "it has seen a later director";
	return NULL;
}

void work_attach(struct director *d, const struct event *e, struct outbox *o)
{
	const struct peer *peer = &e->frame.peer;
	char name[NAME_MAX_LEN + 1];
	bool new_machine, registered;
	struct attach a;
	struct hand *h;
	const char *why;

	if (attach_get(e->frame.body, &a) != OK || !id_same(a.node, peer->id)) {
		d->figures.malformed++;
		return;
	}
	h = crew_add(&d->crew, a.node);
	if (h && h->boot == a.boot && a.serial < h->serial)
		return; /* overtaken on another stream by a later one */
	why = h ? refusal(d, &a) : "there are too many workers";
	if (why) {
		attached(d, peer, a.serial, why, o);
		outbox_log(o, LOG_LEVEL_WARN, "worker refused: id=%s why=\"%s\"", id_text(a.node).s,
			   why);
		return;
	}
	registered = h->registered;
	new_machine = registered && memcmp(h->machine_boot, a.machine_boot, 16) != 0;
	hand_attach(h, &a, peer, d->now_us);
	memcpy(h->machine_boot, a.machine_boot, sizeof(h->machine_boot));
	if (!registered || new_machine)
		register_hand(d, h, &a, peer, !registered);
	if (!registered)
		return;
	h->accepted = true;
	attached(d, peer, a.serial, "", o);
	outbox_log(o, LOG_LEVEL_INFO, "worker connected: id=%s name=%s slots=%u holds=%u",
		   id_text(h->id).s, hand_name(h, name), h->slots, a.count);
	compare_all(d, h, &a, new_machine, o);
}

/* --- reports --- */

static void finish(struct director *d, struct entry *e, const struct report *r,
		   const struct peer *peer)
{
	struct flight *flight;
	struct job job;

	if (director_read(d, e, &job) != OK)
		return;
	job_finish(&job, r, director_stamp(d));
	flight = director_stage(d, e, &job);
	flight_promise(flight, &(struct promise){.kind = PROMISE_REPORTED,
						 .attempt = r->attempt,
						 .to.peer = *peer});
	d->figures.finished++;
}

/* It never began there: another attempt, unless too many were refused. */
static void refuse(struct director *d, struct entry *e, const struct report *r,
		   const struct peer *peer)
{
	char why[JOB_WHY_MAX];
	struct flight *flight;
	struct job job;

	if (director_read(d, e, &job) != OK)
		return;
	if (e->hand) {
		e->hand->rests = true;
		d->rest_us = d->now_us + DIRECTOR_RETRY_MS * 1000u;
	}
	snprintf(why, sizeof(why), "a worker refused it: %.100s", r->why[0] ? r->why : "no reason");
	job.refusals++;
	if (job.state == JOB_CANCELLING)
		job_give_up(&job, why, director_stamp(d));
	else if (job.refusals >= JOB_REFUSALS_MAX)
		job_fail(&job, why, director_stamp(d));
	else
		job_requeue(&job, why);
	flight = director_stage(d, e, &job);
	flight_promise(flight, &(struct promise){.kind = PROMISE_REPORTED,
						 .attempt = r->attempt,
						 .to.peer = *peer});
}

void work_rested(struct director *d)
{
	d->rest_us = 0;
	for (uint32_t i = 0; i < d->crew.count; i++)
		d->crew.hand[i]->rests = false;
}

void work_report(struct director *d, const struct event *event, struct outbox *o)
{
	const struct peer *peer = &event->frame.peer;
	struct report r;
	struct entry *e;
	struct hand *h;

	if (report_get(event->frame.body, &r) != OK || !id_same(r.node, peer->id)) {
		d->figures.malformed++;
		return;
	}
	h = crew_find(&d->crew, r.node);
	if (h)
		h->heard_us = d->now_us;
	e = ledger_find(&d->ledger, r.attempt.job);
	if (e && (!entry_is_settled(e) || d->flights.bytes > FRESH_BYTES))
		return; /* the worker repeats it until it is acknowledged */
	if (e && e->hand && e->hand == h && attempt_same(entry_attempt(e), r.attempt)) {
		e->heard = r.kind != REPORT_REFUSED;
		if (r.kind == REPORT_ENDED)
			finish(d, e, &r, peer);
		else if (r.kind == REPORT_REFUSED)
			refuse(d, e, &r, peer);
		return;
	}
	if (r.kind != REPORT_ENDED && r.kind != REPORT_REFUSED)
		return;
	if (e && attempt_same(entry_attempt(e), r.attempt) && job_is_ended(e->state))
		d->figures.repeats++;
	else
		d->figures.late++;
	/* Recorded before, or given up before: either way there is nothing to record now. */
	acknowledge(d, peer, r.attempt, o);
}

/* --- leases --- */

void work_lease_ask(struct director *d, const struct event *e, struct outbox *o)
{
	struct lease_ask ask;
	struct hand *h;

	if (lease_ask_get(e->frame.body, &ask) != OK || !id_same(ask.node, e->frame.peer.id)) {
		d->figures.malformed++;
		return;
	}
	h = crew_find(&d->crew, ask.node);
	if (!h || !h->attached || h->peer.link != e->frame.peer.link) {
		/* Only who is attached is known to hold nothing that was given up. Nor does who was answered on one
		 * stream and asks on another get a lease: it attaches anew, then both mean the same stream. */
		if (h)
			work_direct(d, h, o);
		return;
	}
	h->heard_us = d->now_us;
	if (h->again)
		return;
	crew_ask(&d->crew, h, ask.sent_us);
	d->asking = true;
}

void work_fence(struct director *d, struct outbox *o)
{
	struct tell t = {.kind = TELL_FENCE, .batch = {.epoch = d->fence.epoch}};

	t.batch.token = ++d->fence_token;
	crew_fence(&d->crew, t.batch.token);
	call_fence(d, t.batch.token);
	d->asking = false;
	outbox_tell(o, &t);
}

void work_fenced(struct director *d, uint64_t token, enum err err, struct outbox *o)
{
	struct hand *h;

	must(token != 0);
	while (d->serving && (h = crew_fenced(&d->crew, token))) {
		struct lease lease = {
			.fence = d->fence, .sent_us = h->asked_us, .lease_ms = d->config.lease_ms};

		if (err != OK)
			continue; /* it asks again */
		must(h->attached);
		buffer_clear(&d->body);
		sure(lease_put(&lease, &d->body));
		post(o, h, FRAME_LEASE, &d->body);
		work_lease_begins(d, h);
	}
}

/* --- links and members --- */

void work_link(struct director *d, const struct event *e, struct outbox *o)
{
	const struct peer *peer = &e->link.peer;
	struct hand *h = crew_find(&d->crew, peer->id);

	if (!e->link.up) {
		waiters_unlink(&d->waiters, peer->link);
		role_link_down(d, peer->link);
	}
	if (!h || e->link.purpose != PURPOSE_RPC)
		return;
	if (!e->link.up) {
		if (h->peer.link != peer->link || peer->link == 0)
			return;
		h->linked = false;
		h->peer.link = 0;
		if (h->attached)
			disconnect(d, h,
				   e->link.broken ? "its connection broke" : "its connection ended",
				   o);
		else if (d->serving && h->has_facts && h->member == MEMBER_ALIVE)
			work_direct(d, h, o); /* it was told on a stream that was long dead */
	} else if (!h->attached && (h->is_worker || h->registered)) {
		h->peer = *peer;
		h->linked = true;
		if (d->serving)
			work_direct(d, h, o);
	}
}

void work_member(struct director *d, const struct event *e, struct outbox *o)
{
	const struct facts *facts = e->tell.member.facts;
	struct hand *h = crew_find(&d->crew, facts->id);
	bool was;

	if (e->tell.member.view != VIEW_ALL)
		return;
	if (!h)
		h = crew_add(&d->crew, facts->id); /* a scheduler may have a worker of its own */
	if (!h)
		return;
	was = h->has_facts && h->member == MEMBER_ALIVE;
	if (d->serving && e->tell.member.state == MEMBER_DEAD && h->member != MEMBER_DEAD &&
	    !h->attached && h->used > 0) /* it never came to us: said once, when its node is dead */
		outbox_log(o, LOG_LEVEL_INFO,
			   "worker disconnected: id=%s name=%s jobs=%u why=\"its node failed\"",
			   id_text(h->id).s, facts->name, h->used);
	hand_member(h, e->tell.member.state, facts);
	if (d->serving && (h->is_worker || h->registered) && h->member == MEMBER_ALIVE && !was &&
	    !h->attached)
		work_direct(d, h, o);
}
