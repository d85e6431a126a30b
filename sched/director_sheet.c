/* The tables that the director shows. */
#include <stdio.h>
#include <string.h>

#include "core/must.h"
#include "core/sheet.h"
#include "core/text.h"
#include "sched/director_part.h"

static const char *const jobs_names[] = {"ID",   "NAME",     "STATE",   "WORKER",     "ATTEMPT",
					 "CODE", "AGE",      "+REASON", "+SUBMITTED", "+PRIORITY",
					 "+UID", "+UNKNOWN", NULL};
static const char *const job_names[] = {"ID",        "NAME",     "STATE",  "UNKNOWN", "WORKER",
					"ATTEMPT",   "CODE",     "SIGNAL", "REASON",  "COMMAND",
					"PRIORITY",  "ON LOST",  "UID",    "USER",    "TIMEOUT",
					"SUBMITTED", "ASSIGNED", "BEGAN",  "ENDED",   "OUT BYTES",
					"ERR BYTES", NULL};
static const char *const workers_names[] = {"ID",      "NAME",        "ADDRESS", "STATE",
					    "SLOTS",   "JOBS",        "CONTROL", "LAST HEARD",
					    "VERSION", "+LEASE OVER", NULL};

static void answer_sheet(struct director *d, const struct reply *to, struct sheet *s,
			 struct outbox *o)
{
	buffer_clear(&d->body);
	if (sheet_put(s, &d->body) == OK)
		call_answer(o, to, EXIT_GOOD, buffer_bytes(&d->body), "");
	else
		call_answer(o, to, EXIT_OTHER, (struct bytes){0},
			    "the table is too large: ask for fewer rows");
	sheet_fini(s);
}

/* `12s`, `3m 5s`, `2h 10m`, `3d 4h` */
static void sheet_span(struct sheet *s, uint64_t from_us, uint64_t to_us)
{
	uint64_t t = to_us > from_us ? (to_us - from_us) / 1000000 : 0;
	unsigned long long days = t / 86400, hours = t / 3600, minutes = t / 60, seconds = t;

	if (days)
		sheet_format(s, "%llud %lluh", days, hours % 24);
	else if (hours)
		sheet_format(s, "%lluh %llum", hours, minutes % 60);
	else if (minutes)
		sheet_format(s, "%llum %llus", minutes, seconds % 60);
	else
		sheet_format(s, "%llus", seconds);
}

/* Seconds since 1970; nil when it has not happened. */
static void sheet_stamp(struct sheet *s, uint64_t stamp_us)
{
	if (stamp_us)
		sheet_text(s, text_time(stamp_us).s);
	else
		sheet_nil(s);
}

static void sheet_worker(const struct director *d, struct sheet *s, const struct job *job)
{
	const struct hand *h = id_is_none(job->worker) ? NULL : crew_find(&d->crew, job->worker);
	char name[NAME_MAX_LEN + 1];

	if (h)
		sheet_text(s, hand_name(h, name));
	else if (!id_is_none(job->worker))
		sheet_text(s, id_text(job->worker).s);
	else
		sheet_nil(s);
}

static void sheet_state(struct sheet *s, const struct entry *e, const struct job *job)
{
	sheet_format(s, "%s%s", job_state_name(job->state),
		     entry_is_unknown(e) ? " (unknown)" : "");
}

static void sheet_code(struct sheet *s, const struct job *job)
{
	if (job_is_ended(job->state) && job->code >= 0)
		sheet_u64(s, (uint64_t)job->code);
	else
		sheet_nil(s);
}

/* A job that waits always says why, and one whose worker can not be reached says that. */
static void sheet_reason(const struct director *d, struct sheet *s, const struct entry *e,
			 const struct job *job)
{
	char why[WHY_MAX];

	if (job->state == JOB_QUEUED && job->why[0])
		sheet_format(s, "%s; %s", job->why, role_why(d, why));
	else if (job->state == JOB_QUEUED)
		sheet_text(s, role_why(d, why));
	else if (entry_is_unknown(e))
		sheet_text(s,
			   e->on_lost == ON_LOST_HOLD
				   ? "its worker can not be reached; it holds until it comes back"
				   : "its worker can not be reached");
	else
		sheet_text(s, job->why);
}

static void jobs_row(struct director *d, struct sheet *s, const struct entry *e)
{
	struct job job;

	if (e->fresh || director_read(d, e, &job) != OK)
		return;
	sheet_text(s, id_text(job.id).s);
	sheet_text(s, job.task.name);
	sheet_state(s, e, &job);
	sheet_worker(d, s, &job);
	sheet_u64(s, job.number);
	sheet_code(s, &job);
	sheet_span(s, job.submitted_us, d->wall_us);
	sheet_reason(d, s, e, &job);
	sheet_stamp(s, job.submitted_us);
	sheet_u64(s, job.task.priority);
	sheet_u64(s, job.uid);
	sheet_bool(s, entry_is_unknown(e));
}

/* Newest first: those not ended, then, when asked for, those that have. */
void sheet_jobs(struct director *d, const struct reply *to, struct bytes arguments,
		struct outbox *o)
{
	struct jobs_ask ask;
	uint32_t left;
	struct sheet s;

	if (jobs_ask_get(arguments, &ask) != OK) {
		call_answer(o, to, EXIT_USAGE, (struct bytes){0}, "the question can not be read");
		return;
	}
	left = ask.limit && ask.limit < JOBS_SHEET_MAX ? ask.limit : JOBS_SHEET_MAX;
	sheet_init(&s, jobs_names, FRAME_MAX / 2);
	for (const struct entry *e = d->ledger.active.newest; e && left > 0; e = e->older, left--)
		jobs_row(d, &s, e);
	for (const struct entry *e = ask.all ? d->ledger.ended.newest : NULL; e && left > 0;
	     e = e->older, left--)
		jobs_row(d, &s, e);
	answer_sheet(d, to, &s, o);
}

/* The command as one line, cut where it is long. */
static void sheet_command(struct sheet *s, struct bytes command)
{
	char line[512];
	size_t at = 0;
	struct unpack u;
	uint32_t n;

	unpack_init(&u, command);
	n = unpack_array(&u, 1);
	line[0] = '\0';
	for (uint32_t i = 0; i < n && at < sizeof(line); i++) {
		struct bytes text = unpack_text(&u, JOB_TEXT_MAX);
		int len = snprintf(line + at, sizeof(line) - at, "%s%.*s", i ? " " : "",
				   (int)text.len, (const char *)text.at);

		must(len >= 0);
		at += (size_t)len;
	}
	sheet_text(s, line);
}

static const char *on_lost_name(enum on_lost on_lost)
{
	static const char *const name[] = {"restart", "fail", "hold"};

	must(on_lost <= ON_LOST_HOLD);
	return name[on_lost];
}

void sheet_job(struct director *d, const struct reply *to, struct entry *e, struct outbox *o)
{
	struct sheet s;
	struct job job;

	if (director_read(d, e, &job) != OK) {
		call_answer(o, to, EXIT_OTHER, (struct bytes){0}, "the job is no longer known");
		return;
	}
	sheet_init(&s, job_names, FRAME_MAX / 2);
	sheet_text(&s, id_text(job.id).s);
	sheet_text(&s, job.task.name);
	sheet_text(&s, job_state_name(job.state));
	sheet_bool(&s, entry_is_unknown(e));
	sheet_worker(d, &s, &job);
	sheet_u64(&s, job.number);
	sheet_code(&s, &job);
	if (job.signal > 0)
		sheet_u64(&s, (uint64_t)job.signal);
	else
		sheet_nil(&s);
	sheet_reason(d, &s, e, &job);
	sheet_command(&s, job.task.command);
	sheet_u64(&s, job.task.priority);
	sheet_text(&s, on_lost_name(job.task.on_lost));
	sheet_u64(&s, job.uid);
	sheet_text(&s, job.task.user);
	sheet_span(&s, 0, job.task.timeout_ms * 1000);
	sheet_stamp(&s, job.submitted_us);
	sheet_stamp(&s, job.assigned_us);
	sheet_stamp(&s, job.began_us);
	sheet_stamp(&s, job.ended_us);
	sheet_u64(&s, job.out_size);
	sheet_u64(&s, job.err_size);
	answer_sheet(d, to, &s, o);
}

void sheet_workers(struct director *d, const struct reply *to, struct outbox *o)
{
	uint32_t left = JOBS_SHEET_MAX;
	struct sheet s;

	sheet_init(&s, workers_names, FRAME_MAX / 2);
	for (uint32_t i = 0; i < d->crew.count && left > 0; i++) {
		const struct hand *h = d->crew.hand[i];
		uint64_t over_us = hand_lease_over_us(h, d->config.lease_ms);
		char name[NAME_MAX_LEN + 1];

		if (!hand_counts(h))
			continue;
		left--;
		sheet_text(&s, id_text(h->id).s);
		sheet_text(&s, hand_name(h, name));
		if (h->has_facts)
			sheet_text(&s, addr_text(h->addr).s);
		else
			sheet_nil(&s);
		sheet_text(&s, hand_state_name(hand_state(&d->crew, h)));
		sheet_format(&s, "%u/%u", h->used, h->slots);
		sheet_u64(&s, h->used);
		sheet_u64(&s, 0); /* control tasks: none are run yet */
		if (h->heard_us)
			sheet_span(&s, h->heard_us, d->now_us);
		else
			sheet_nil(&s);
		sheet_text(&s, h->version);
		if (h->used && over_us > d->now_us)
			sheet_span(&s, d->now_us, over_us);
		else
			sheet_nil(&s);
	}
	answer_sheet(d, to, &s, o);
}
