#include "sched/job.h"

#include <stdio.h>
#include <string.h>

#include "core/call.h"
#include "core/must.h"

#define TO(state) (1u << (state))

_Static_assert(JOB_STATES <= 32, "a row of moves is one word");

/* One row for each state: its name and the states it may move to. */
static const struct {
	const char *name;
	uint32_t to;
} states[JOB_STATES] = {
	[JOB_NONE] = {"none", 0},
	[JOB_PENDING] = {"pending", TO(JOB_SCHEDULED) | TO(JOB_QUEUED) | TO(JOB_CANCELLED)},
	[JOB_SCHEDULED] = {"scheduled", TO(JOB_QUEUED) | TO(JOB_CANCELLED)},
	[JOB_QUEUED] = {"queued", TO(JOB_EXECUTING) | TO(JOB_STOPPED) | TO(JOB_CANCELLED)},
	[JOB_EXECUTING] = {"executing", TO(JOB_QUEUED) | TO(JOB_STOPPING) | TO(JOB_FAILING) |
						TO(JOB_FAILED) | TO(JOB_ABORTING) |
						TO(JOB_EXECUTED) | TO(JOB_CANCELLING)},
	[JOB_STOPPING] = {"stopping", TO(JOB_STOPPED) | TO(JOB_FAILED) | TO(JOB_ABORTING) |
					      TO(JOB_EXECUTED) | TO(JOB_CANCELLING)},
	[JOB_STOPPED] = {"stopped", TO(JOB_QUEUED) | TO(JOB_CANCELLED)},
	[JOB_FAILING] = {"failing", TO(JOB_FAILED) | TO(JOB_CANCELLING)},
	[JOB_FAILED] = {"failed", TO(JOB_QUEUED) | TO(JOB_DONE) | TO(JOB_CANCELLED)},
	[JOB_ABORTING] = {"aborting",
			  TO(JOB_ABORTED) | TO(JOB_FAILED) | TO(JOB_EXECUTED) | TO(JOB_CANCELLING)},
	[JOB_ABORTED] = {"aborted", TO(JOB_QUEUED) | TO(JOB_DONE) | TO(JOB_CANCELLED)},
	[JOB_EXECUTED] = {"executed", TO(JOB_DONE) | TO(JOB_CANCELLED)},
	[JOB_DONE] = {"done", 0},
	[JOB_CANCELLING] = {"cancelling", TO(JOB_CANCELLED)},
	[JOB_CANCELLED] = {"cancelled", TO(JOB_DONE)},
};

#define ENDED                                                                                      \
	(TO(JOB_FAILED) | TO(JOB_ABORTED) | TO(JOB_EXECUTED) | TO(JOB_DONE) | TO(JOB_CANCELLED))
#define HELD                                                                                       \
	(TO(JOB_EXECUTING) | TO(JOB_STOPPING) | TO(JOB_FAILING) | TO(JOB_ABORTING) |               \
	 TO(JOB_CANCELLING))

const char *job_state_name(enum job_state state)
{
	must(state < JOB_STATES);
	return states[state].name;
}

bool job_may_move(enum job_state from, enum job_state to)
{
	must(from < JOB_STATES);
	must(to < JOB_STATES);
	return (states[from].to & TO(to)) != 0;
}

bool job_is_ended(enum job_state state)
{
	must(state < JOB_STATES);
	return (ENDED & TO(state)) != 0;
}

bool job_is_held(enum job_state state)
{
	must(state < JOB_STATES);
	return (HELD & TO(state)) != 0;
}

struct attempt job_attempt(const struct job *job)
{
	return (struct attempt){.job = job->id, .step = job->step, .number = job->number};
}

static void say(struct job *job, const char *why)
{
	snprintf(job->why, sizeof(job->why), "%s", why);
}

void job_move(struct job *job, enum job_state to)
{
	must(job_may_move(job->state, to));
	job->state = to;
}

static void end(struct job *job, enum job_state to, const char *why, uint64_t stamp_us)
{
	job_move(job, to);
	must(job_is_ended(to));
	job->ended_us = stamp_us;
	say(job, why);
}

void job_assign(struct job *job, struct id worker, uint64_t worker_boot, uint64_t stamp_us)
{
	must(!id_is_none(worker));
	must(job->number < UINT32_MAX);
	job_move(job, JOB_EXECUTING);
	job->number++;
	job->worker = worker;
	job->worker_boot = worker_boot;
	job->assigned_us = stamp_us;
	say(job, "");
}

void job_requeue(struct job *job, const char *why)
{
	must(job->number > 0);
	must(why[0] != '\0');
	job_move(job, JOB_QUEUED);
	job->worker = id_none;
	job->worker_boot = 0;
	say(job, why);
}

void job_finish(struct job *job, const struct report *report, uint64_t stamp_us)
{
	must(attempt_same(report->attempt, job_attempt(job)));
	must(report->kind == REPORT_ENDED);
	job->code = report->code;
	job->signal = report->signal;
	job->began_us = report->began_wall_us;
	job->out_size = report->out_size;
	job->err_size = report->err_size;
	job->out_tail = report->out_tail;
	job->err_tail = report->err_tail;
	if (job->state == JOB_CANCELLING) {
		end(job, JOB_CANCELLED, report->why[0] ? report->why : "cancelled", stamp_us);
	} else if (report->code != 0 || report->signal != 0) {
		end(job, JOB_FAILED, report->why, stamp_us);
	} else {
		end(job, JOB_EXECUTED, report->why, stamp_us);
		job_move(job, JOB_DONE);
	}
}

void job_fail(struct job *job, const char *why, uint64_t stamp_us)
{
	must(why[0] != '\0');
	end(job, JOB_FAILED, why, stamp_us);
	job->code = EXIT_RUN_FAILED;
}

void job_cancel(struct job *job, const char *why, uint64_t stamp_us)
{
	must(!job_is_ended(job->state));
	if (job_is_held(job->state)) {
		job_move(job, JOB_CANCELLING);
		say(job, why);
	} else {
		end(job, JOB_CANCELLED, why, stamp_us);
	}
}

void job_give_up(struct job *job, const char *why, uint64_t stamp_us)
{
	must(job->state == JOB_CANCELLING);
	end(job, JOB_CANCELLED, why, stamp_us);
}
