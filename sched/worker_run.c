/* An attempt's way: order, spool, start, end, report, acknowledged. */
#include <stdio.h>
#include <string.h>

#include "core/must.h"
#include "sched/worker_part.h"

#define REPEAT_US      UINT64_C(2000000) /* a report that needs an answer is said again */
#define DISK_AGAIN_US  UINT64_C(1000000)
#define CODE_LOST      137
#define CODE_UNSTARTED 143 /* as if SIGTERM had ended it */

bool run_holds_slot(const struct spooled *one)
{
	return one->state <= SPOOLED_RUNNING;
}

bool run_is_held(const struct spooled *one)
{
	return one->state <= SPOOLED_ENDED;
}

/* --- reports --- */

static enum report_kind kind_of(const struct spooled *one)
{
	switch (one->state) {
	case SPOOLED_WRITING:
	case SPOOLED_TAKEN:
	case SPOOLED_STARTING:
		return REPORT_TAKEN;
	case SPOOLED_RUNNING:
	case SPOOLED_CLOSING:
		return REPORT_STARTED;
	case SPOOLED_ENDED:
	case SPOOLED_KEPT:
		return REPORT_ENDED;
	case SPOOLED_LOST:
		return one->restarts ? REPORT_REFUSED : REPORT_ENDED;
	case SPOOLED_REFUSED:
		return REPORT_REFUSED;
	}
	return REPORT_REFUSED;
}

void run_report(struct worker *w, const struct spooled *one, struct outbox *o)
{
	struct report r = {.node = w->self,
			   .attempt = one->attempt,
			   .kind = kind_of(one),
			   .code = one->state == SPOOLED_LOST ? CODE_LOST : one->code,
			   .signal = one->signal,
			   .began_wall_us = one->began_wall_us,
			   .ended_wall_us = one->ended_wall_us,
			   .out_size = one->out_size,
			   .err_size = one->err_size};

	if (!w->bond.obeys || !worker_synced(w) || one->state == SPOOLED_WRITING)
		return; /* told by the inventory, or when it is on the disk */
	if (r.kind == REPORT_ENDED) {
		r.out_tail = buffer_bytes(&one->out_tail);
		r.err_tail = buffer_bytes(&one->err_tail);
	}
	memcpy(r.why, one->why, sizeof(r.why));
	buffer_clear(&w->scratch);
	enum err err = report_put(&r, &w->scratch);
	must(err == OK);
	outbox_post(o, &w->bond.director, PURPOSE_RPC, FRAME_REPORT, 0, buffer_bytes(&w->scratch));
}

/* --- orders --- */

static uint32_t count_of(const struct worker *w, bool (*is)(const struct spooled *))
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w->spool.count; i++)
		count += is(w->spool.at[i]);
	return count;
}

/* Why this order is not taken, or NULL. */
static const char *refusal(const struct worker *w, const struct order *order)
{
	if (!w->offers)
		return "this worker takes no orders now";
	if (count_of(w, run_holds_slot) >= w->slots)
		return "no free slot";
	if (count_of(w, run_is_held) >= SLOTS_MAX)
		return "too many results are not yet acknowledged";
	if (order->directory[0] != '\0' && order->directory[0] != '/')
		return "its directory is not an absolute path";
	if (order->user[0] != '\0' && strcmp(order->user, w->user) != 0)
		return "its user is not allowed on this worker";
	return NULL;
}

static void refuse(struct worker *w, struct spooled *one, const char *why, struct outbox *o)
{
	one->state = SPOOLED_REFUSED;
	one->repeat_us = w->now_us + REPEAT_US;
	buffer_clear(&one->order);
	snprintf(one->why, sizeof(one->why), "%s", why);
	run_report(w, one, o);
	outbox_log(o, LOG_LEVEL_INFO, "order refused: job=%s attempt=%u why=\"%s\"",
		   id_text(one->attempt.job).s, one->attempt.number, why);
}

static void take(struct worker *w, struct spooled *one, struct bytes packed, struct outbox *o)
{
	one->state = SPOOLED_WRITING;
	one->unstarted = true;
	one->taken_us = w->now_us;
	one->token = ++w->token;
	bond_took(&w->bond);
	enum err err = buffer_add(&one->order, packed);
	must(err == OK); /* order_get bounds it */
	buffer_clear(&w->scratch);
	err = spool_order_put(one, w->machine_boot, &w->scratch);
	must(err == OK);
	outbox_put(o, spool_name(one->attempt, "order").s, buffer_bytes(&w->scratch), one->token);
}

/* Where it stands; an end is said until it is heard, and not before the epoch it is said in is on the disk. */
static void answer(struct worker *w, struct spooled *one, struct outbox *o)
{
	if (one->state >= SPOOLED_ENDED)
		one->repeat_us = w->now_us;
	else
		run_report(w, one, o);
}

void run_order(struct worker *w, const struct event *e, struct outbox *o)
{
	struct order order;

	if (order_get(e->frame.body, &order) != OK ||
	    !bond_obeys(&w->bond, &e->frame.peer, order.fence) || order.serial != w->bond.session) {
		outbox_log(o, LOG_LEVEL_DEBUG, "order ignored: not from the director we obey");
		return;
	}
	struct spooled *one = spool_find(&w->spool, order.attempt);
	if (one != NULL) { /* seen: it is told where that stands, and never begun again */
		one->restarts = order.on_lost == ON_LOST_RESTART;
		answer(w, one, o);
		return;
	}
	const char *why = refusal(w, &order);
	one = spool_make(&w->spool, order.attempt);
	if (one == NULL)
		return; /* cannot be: what is held, kept and refused is bounded below that */
	one->epoch = order.fence.epoch;
	if (why != NULL)
		refuse(w, one, why, o);
	else
		take(w, one, e->frame.body, o);
}

void run_end(struct worker *w, const struct event *e, struct outbox *o)
{
	struct end end;

	if (end_get(e->frame.body, &end) != OK || !bond_obeys(&w->bond, &e->frame.peer, end.fence))
		return;
	struct spooled *one = spool_find(&w->spool, end.attempt);
	if (one == NULL) {
		one = spool_make(&w->spool, end.attempt);
		if (one != NULL)
			refuse(w, one, "it is not here", o);
		return;
	}
	if (!run_holds_slot(one)) {
		answer(w, one, o);
		return;
	}
	if (one->end_asked && end.force && !one->end_force)
		one->end_said = false;
	one->end_force = one->end_force || end.force;
	if (!one->end_asked)
		memcpy(one->end_why, end.why, sizeof(one->end_why));
	one->end_asked = true;
}

static void forget(struct worker *w, struct spooled *one, struct outbox *o)
{
	outbox_drop(o, spool_name(one->attempt, "").s, 0);
	spool_forget(&w->spool, one);
}

static void put_status(struct worker *w, struct spooled *one, uint64_t token, struct outbox *o)
{
	one->token = token;
	buffer_clear(&w->scratch);
	enum err err = spool_status_put(one, &w->scratch);
	must(err == OK);
	outbox_put(o, spool_name(one->attempt, "status").s, buffer_bytes(&w->scratch), token);
}

void run_reported(struct worker *w, const struct event *e, struct outbox *o)
{
	struct reported r;

	if (reported_get(e->frame.body, &r) != OK || !bond_obeys(&w->bond, &e->frame.peer, r.fence))
		return;
	struct spooled *one = spool_find(&w->spool, r.attempt);
	if (one == NULL)
		return;
	if (one->state == SPOOLED_REFUSED) {
		spool_forget(&w->spool, one);
	} else if (one->state == SPOOLED_ENDED) {
		one->state = SPOOLED_KEPT;
		one->repeat_us = UINT64_MAX;
		buffer_fini(&one->out_tail);
		buffer_fini(&one->err_tail);
		put_status(w, one, 0, o);
	} else if (one->state > SPOOLED_ENDED) {
		one->repeat_us = UINT64_MAX;
	}
}

/* --- running --- */

void run_started(struct worker *w, struct spooled *one, int32_t pid, struct outbox *o)
{
	must(one->state == SPOOLED_TAKEN || one->state == SPOOLED_STARTING);
	bool found = one->state == SPOOLED_TAKEN;

	one->state = SPOOLED_RUNNING;
	one->unstarted = false;
	outbox_log(o, LOG_LEVEL_INFO, "job %s: job=%s attempt=%u pid=%d",
		   found ? "found running" : "started", id_text(one->attempt.job).s,
		   one->attempt.number, (int)pid);
	run_report(w, one, o);
}

static uint64_t read_tail(struct worker *w, const struct spooled *one, const char *file,
			  uint64_t size, struct outbox *o)
{
	uint64_t len = size < OUTPUT_TAIL_MAX ? size : OUTPUT_TAIL_MAX;

	if (len == 0)
		return 0;
	outbox_read(o, spool_name(one->attempt, file).s, size - len, (uint32_t)len, ++w->token);
	return w->token;
}

static void try_status(struct worker *w, struct spooled *one, struct outbox *o)
{
	must(one->state == SPOOLED_CLOSING);
	if (one->out_token == 0 && one->err_token == 0 && one->token == 0 &&
	    w->now_us >= one->retry_us)
		put_status(w, one, ++w->token, o);
}

void run_ended(struct worker *w, struct spooled *one, struct outbox *o)
{
	must(run_holds_slot(one));
	one->state = SPOOLED_CLOSING;
	one->token = 0;
	one->retry_us = 0;
	one->out_token = read_tail(w, one, "out", one->out_size, o);
	one->err_token = read_tail(w, one, "err", one->err_size, o);
	follow_ended(&w->follow, one->attempt, w->now_us);
	try_status(w, one, o);
}

/* The end was wished before it began. */
static void end_unstarted(struct worker *w, struct spooled *one, uint64_t wall_us, struct outbox *o)
{
	one->code = CODE_UNSTARTED;
	one->began_wall_us = wall_us;
	one->ended_wall_us = wall_us;
	snprintf(one->why, sizeof(one->why), "%.*s before it began", (int)sizeof(one->end_why),
		 one->end_why);
	run_ended(w, one, o);
}

static void closed(struct worker *w, struct spooled *one, struct outbox *o)
{
	uint64_t took_ms = one->ended_wall_us > one->began_wall_us
				   ? (one->ended_wall_us - one->began_wall_us) / 1000
				   : 0;

	one->state = one->lost ? SPOOLED_LOST : SPOOLED_ENDED;
	one->repeat_us = one->lost ? UINT64_MAX : w->now_us + REPEAT_US;
	buffer_fini(&one->order);
	if (!one->unstarted)
		keep_ack(w, one->attempt, o);
	if (one->fresh)
		outbox_drop(o, spool_name(one->attempt, "work").s, 0);
	outbox_log(o, LOG_LEVEL_INFO,
		   "job ended: job=%s attempt=%u code=%d seconds=%llu.%03llu%s%s%s",
		   id_text(one->attempt.job).s, one->attempt.number, (int)one->code,
		   (unsigned long long)(took_ms / 1000), (unsigned long long)(took_ms % 1000),
		   one->why[0] == '\0' ? "" : " why=\"", one->why, one->why[0] == '\0' ? "" : "\"");
	if (one->lost) { /* the inventory, shown anew, says so; the answer to an older one does not count */
		bond_took(&w->bond);
		bond_loosen(&w->bond, w->now_us);
	} else {
		run_report(w, one, o);
	}
}

/* --- disk --- */

void run_disk(struct worker *w, const struct event *e, struct outbox *o)
{
	char why[128];
	uint32_t i = 0;

	while (i < w->spool.count &&
	       (w->spool.at[i]->token == 0 || w->spool.at[i]->token != e->disk.token))
		i++;
	if (i == w->spool.count)
		return;
	struct spooled *one = w->spool.at[i];
	one->token = 0;
	if (one->state == SPOOLED_WRITING && e->disk.err == OK) {
		one->state = SPOOLED_TAKEN;
		run_report(w, one, o);
	} else if (one->state == SPOOLED_WRITING) {
		snprintf(why, sizeof(why), "its order could not be spooled: %s",
			 err_text(e->disk.err));
		outbox_drop(o, spool_name(one->attempt, "").s, 0);
		refuse(w, one, why, o);
	} else if (one->state == SPOOLED_CLOSING && e->disk.err == OK) {
		closed(w, one, o);
	} else if (one->state == SPOOLED_CLOSING) {
		one->retry_us = w->now_us + DISK_AGAIN_US;
		outbox_log(o, LOG_LEVEL_ERROR,
			   "result could not be spooled: trying again job=%s why=\"%s\"",
			   id_text(one->attempt.job).s, err_text(e->disk.err));
	}
}

void run_read(struct worker *w, const struct event *e, struct outbox *o)
{
	for (uint32_t i = 0; i < w->spool.count; i++) {
		struct spooled *one = w->spool.at[i];
		bool out = one->out_token == e->read.token;

		if (one->state != SPOOLED_CLOSING || (!out && one->err_token != e->read.token))
			continue;
		struct buffer *tail = out ? &one->out_tail : &one->err_tail;
		buffer_clear(tail);
		if (e->read.err == OK && buffer_add(tail, e->read.body) != OK)
			buffer_clear(
				tail); /* more than was asked for: none is better than a wrong one */
		*(out ? &one->out_token : &one->err_token) = 0;
		try_status(w, one, o);
		return;
	}
}

/* --- every turn --- */

static void advance(struct worker *w, struct spooled *one, uint64_t wall_us, struct outbox *o)
{
	if (one->state == SPOOLED_TAKEN && worker_synced(w)) {
		if (one->end_asked && one->unstarted)
			end_unstarted(w, one, wall_us, o);
		else if (one->unstarted && keep_is_whole(w) && w->now_us >= one->retry_us &&
			 bond_lease_runs(&w->bond, w->now_us))
			keep_spawn(w, one, o);
	}
	if ((one->state == SPOOLED_RUNNING || one->state == SPOOLED_STARTING) && one->end_asked &&
	    !one->end_said && w->keeper == KEEPER_KNOWN && worker_synced(w))
		keep_kill(w, one, o);
	if (one->state == SPOOLED_CLOSING)
		try_status(w, one, o);
	if (one->state >= SPOOLED_ENDED && w->bond.obeys && worker_synced(w) &&
	    w->now_us >= one->repeat_us) {
		one->repeat_us = w->now_us + REPEAT_US;
		run_report(w, one, o);
	}
}

void run_turn(struct worker *w, struct outbox *o)
{
	struct spooled *surplus;

	for (uint32_t i = 0; i < w->spool.count; i++)
		advance(w, w->spool.at[i], w->wall_us, o);
	while ((surplus = spool_surplus(&w->spool)) != NULL)
		forget(w, surplus, o);
}

uint64_t run_deadline_us(const struct worker *w)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < w->spool.count; i++) {
		const struct spooled *one = w->spool.at[i];
		uint64_t due = UINT64_MAX;

		if (one->state >= SPOOLED_ENDED && w->bond.obeys && worker_synced(w))
			due = one->repeat_us;
		else if ((one->state == SPOOLED_TAKEN || one->state == SPOOLED_CLOSING) &&
			 one->retry_us > w->now_us)
			due = one->retry_us;
		if (due < least)
			least = due;
	}
	return least;
}
