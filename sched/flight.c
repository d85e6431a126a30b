#include "sched/flight.h"

#include <stdlib.h>

#include "core/limits.h"
#include "core/must.h"

_Static_assert(FLIGHT_BYTES + JOB_RECORD_MAX + 4096 <= BATCH_MAX,
	       "what is added to a batch that is still open fits");

void flights_init(struct flights *f)
{
	*f = (struct flights){0};
}

void flights_fini(struct flights *f)
{
	struct flight *flight;

	while ((flight = flights_pop(f)))
		flight_free(flight);
}

struct flight *flights_open(struct flights *f)
{
	struct flight *flight = f->last;

	if (flight && !flight->sent && flight->batch.ops.len < FLIGHT_BYTES)
		return flight;
	flight = calloc(1, sizeof(*flight));
	must(flight);
	flight->token = ++f->token;
	batch_init(&flight->batch);
	*(f->last ? &f->last->next : &f->first) = flight;
	f->last = flight;
	return flight;
}

struct flight *flights_next(const struct flights *f)
{
	struct flight *flight = f->first;

	if (f->sent >= FLIGHTS_MAX)
		return NULL;
	while (flight && flight->sent)
		flight = flight->next;
	return flight;
}

void flights_sent(struct flights *f, struct flight *flight)
{
	must(!flight->sent);
	must(f->bytes >= flight->batch.ops.len);
	flight->sent = true;
	f->sent++;
	f->bytes -= flight->batch.ops.len;
}

static void leave(struct flights *f, struct flight *flight, struct flight *before)
{
	*(before ? &before->next : &f->first) = flight->next;
	if (f->last == flight)
		f->last = before;
	flight->next = NULL;
	if (flight->sent)
		f->sent--;
	else
		f->bytes -= flight->batch.ops.len;
}

struct flight *flights_take(struct flights *f, uint64_t token)
{
	struct flight *before = NULL;

	for (struct flight *at = f->first; at; before = at, at = at->next) {
		if (at->token != token || !at->sent)
			continue;
		leave(f, at, before);
		return at;
	}
	return NULL;
}

struct flight *flights_pop(struct flights *f)
{
	struct flight *flight = f->first;

	if (flight)
		leave(f, flight, NULL);
	return flight;
}

void flight_free(struct flight *flight)
{
	if (!flight)
		return;
	batch_fini(&flight->batch);
	free(flight->job);
	free(flight->promise);
	free(flight);
}

void flight_put(struct flights *f, struct flight *flight, struct bytes key, struct bytes value)
{
	size_t before = flight->batch.ops.len;
	enum err err = batch_put(&flight->batch, key, value);

	must(err == OK);
	must(!flight->sent);
	f->bytes += flight->batch.ops.len - before;
}

void flight_drop(struct flights *f, struct flight *flight, struct bytes key)
{
	size_t before = flight->batch.ops.len;
	enum err err = batch_drop(&flight->batch, key);

	must(err == OK);
	must(!flight->sent);
	f->bytes += flight->batch.ops.len - before;
}

void flight_changes(struct flight *flight, struct id job)
{
	if (flight->jobs == flight->jobs_room) {
		flight->jobs_room = flight->jobs_room ? 2 * flight->jobs_room : 16;
		flight->job = realloc(flight->job, flight->jobs_room * sizeof(struct id));
		must(flight->job);
	}
	flight->job[flight->jobs++] = job;
}

void flight_promise(struct flight *flight, const struct promise *p)
{
	must(!flight->sent);
	if (flight->promises == flight->promises_room) {
		flight->promises_room = flight->promises_room ? 2 * flight->promises_room : 16;
		flight->promise =
			realloc(flight->promise, flight->promises_room * sizeof(struct promise));
		must(flight->promise);
	}
	flight->promise[flight->promises++] = *p;
}
