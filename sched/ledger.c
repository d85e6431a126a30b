#include "sched/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "sched/job_pack.h"

#define TABLE_ROOM_MIN 64u
#define SLAB_ENTRIES   64u

struct slab {
	struct slab *next;
	struct entry entry[SLAB_ENTRIES];
};

_Static_assert(offsetof(struct entry, queued) == 0, "an entry is found from its place");

void ledger_init(struct ledger *l, struct crew *crew)
{
	*l = (struct ledger){.crew = crew};
	queue_init(&l->queue);
}

void ledger_fini(struct ledger *l)
{
	while (l->slabs) {
		struct slab *next = l->slabs->next;

		free(l->slabs);
		l->slabs = next;
	}
	free(l->table);
	ledger_init(l, l->crew);
}

/* --- the table: linear probing, never more than half full --- */

static size_t slot_of(const struct ledger *l, struct id id)
{
	size_t at = (size_t)id_hash(id) & (l->room - 1);

	must(l->room > 0);
	while (l->table[at] && !id_same(l->table[at]->id, id))
		at = (at + 1) & (l->room - 1);
	return at;
}

static void grow(struct ledger *l)
{
	struct entry **old = l->table;
	size_t room = l->room;

	l->room = room ? room * 2 : TABLE_ROOM_MIN;
	l->table = calloc(l->room, sizeof(*l->table));
	must(l->table);
	for (size_t i = 0; i < room; i++)
		if (old[i])
			l->table[slot_of(l, old[i]->id)] = old[i];
	free(old);
}

/* Those that were pushed on by the one that leaves move back. */
static void table_drop(struct ledger *l, struct id id)
{
	size_t hole = slot_of(l, id), mask = l->room - 1;

	must(l->table[hole]);
	for (size_t at = (hole + 1) & mask; l->table[at]; at = (at + 1) & mask) {
		size_t home = (size_t)id_hash(l->table[at]->id) & mask;

		if (((at - home) & mask) >= ((at - hole) & mask)) {
			l->table[hole] = l->table[at];
			hole = at;
		}
	}
	l->table[hole] = NULL;
	l->count--;
}

struct entry *ledger_find(const struct ledger *l, struct id job)
{
	return l->room ? l->table[slot_of(l, job)] : NULL;
}

static struct entry *take_spare(struct ledger *l)
{
	struct entry *e = l->spare;

	if (!e) {
		struct slab *slab = malloc(sizeof(*slab));

		must(slab);
		slab->next = l->slabs;
		l->slabs = slab;
		for (uint32_t i = 0; i < SLAB_ENTRIES; i++) {
			slab->entry[i].newer = e;
			e = &slab->entry[i];
		}
	}
	l->spare = e->newer;
	memset(e, 0, sizeof(*e));
	return e;
}

static struct entry *make(struct ledger *l, struct id id)
{
	struct entry *e = take_spare(l);

	if (2 * (l->count + 1) > l->room)
		grow(l);
	e->id = id;
	l->table[slot_of(l, id)] = e;
	l->count++;
	return e;
}

/* --- lists --- */

static struct entries *list_of(struct ledger *l, const struct entry *e)
{
	return e->ended ? &l->ended : &l->active;
}

static void list_add(struct ledger *l, struct entry *e)
{
	struct entries *list = list_of(l, e);

	e->newer = NULL;
	e->older = list->newest;
	*(e->older ? &e->older->newer : &list->oldest) = e;
	list->newest = e;
	list->count++;
}

static void list_drop(struct ledger *l, struct entry *e)
{
	struct entries *list = list_of(l, e);

	must(list->count > 0);
	*(e->older ? &e->older->newer : &list->oldest) = e->newer;
	*(e->newer ? &e->newer->older : &list->newest) = e->older;
	e->older = e->newer = NULL;
	list->count--;
}

static void hand_leave(struct entry *e)
{
	struct hand *h = e->hand;

	if (!h)
		return;
	must(h->used > 0);
	*(e->hand_older ? &e->hand_older->hand_newer : &h->jobs) = e->hand_newer;
	if (e->hand_newer)
		e->hand_newer->hand_older = e->hand_older;
	e->hand_older = e->hand_newer = NULL;
	e->hand = NULL;
	h->used--;
}

static void hand_join(struct ledger *l, struct entry *e)
{
	struct hand *h = crew_add(l->crew, e->worker);

	if (!h)
		return;
	e->hand = h;
	e->hand_newer = h->jobs;
	if (h->jobs)
		h->jobs->hand_older = e;
	h->jobs = e;
	h->used++;
}

/* Holds invariants 3 and 4 after anything changed. */
static void arrange(struct ledger *l, struct entry *e)
{
	bool waits = e->state == JOB_QUEUED && e->busy == 0;
	bool held = job_is_held(e->state);

	if (e->queued.waits != waits) {
		if (waits)
			queue_add(&l->queue, &e->queued, e->priority, e->submitted_us);
		else
			queue_leave(&l->queue, &e->queued);
	}
	if (e->hand && (!held || !id_same(e->hand->id, e->worker)))
		hand_leave(e);
	if (!e->hand && held)
		hand_join(l, e);
}

static void take_over(struct entry *e, const struct job *job)
{
	if (e->number != job->number)
		e->heard = false;
	e->state = job->state;
	e->on_lost = (uint8_t)job->task.on_lost;
	e->priority = (uint8_t)job->task.priority;
	e->step = job->step;
	e->number = job->number;
	e->worker = job->worker;
	e->worker_boot = job->worker_boot;
	e->submitted_us = job->submitted_us;
	e->ended_us = job->ended_us;
}

struct entry *ledger_note(struct ledger *l, const struct job *job)
{
	struct entry *e = ledger_find(l, job->id);
	bool ended = job_is_ended(job->state);

	if (!e) {
		e = make(l, job->id);
		e->ended = ended;
		list_add(l, e);
	} else if (e->ended != ended) {
		list_drop(l, e);
		e->ended = ended;
		list_add(l, e);
	}
	take_over(e, job);
	arrange(l, e);
	return e;
}

void ledger_busy(struct ledger *l, struct entry *e, uint64_t token)
{
	must(token == 0 || e->busy == 0);
	e->busy = token;
	arrange(l, e);
}

void ledger_forget(struct ledger *l, struct entry *e)
{
	must(!e->fresh);
	queue_leave(&l->queue, &e->queued);
	hand_leave(e);
	list_drop(l, e);
	table_drop(l, e->id);
	e->newer = l->spare;
	l->spare = e;
}

/* --- reading it all --- */

static int by_age(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
	uint64_t at = x->ended ? x->ended_us : x->submitted_us;
	uint64_t bt = y->ended ? y->ended_us : y->submitted_us;

	if (at != bt)
		return at < bt ? -1 : 1;
	return id_cmp(x->id, y->id);
}

/* Entries in the table, in none of the orders yet. */
static uint32_t read_all(struct ledger *l, const struct kv *map)
{
	struct state_key first = {.at = "job/", .len = 4};
	struct bytes key = state_key_bytes(&first), value, name;
	uint32_t bad = 0;

	while (kv_next(map, key, &key, &value) == OK && state_key_kind(key, &name) == STATE_JOB) {
		struct job job;
		struct entry *e;

		if (job_get(value, &job) != OK ||
		    memcmp(job.id.b, name.at, sizeof(job.id.b)) != 0) {
			bad++;
			continue;
		}
		e = make(l, job.id);
		take_over(e, &job);
		e->ended = job_is_ended(job.state);
	}
	return bad;
}

void ledger_load(struct ledger *l, const struct kv *map, uint32_t *bad)
{
	struct entry **all;
	size_t n = 0;

	for (uint32_t i = 0; i < l->crew->count; i++) {
		l->crew->hand[i]->jobs = NULL;
		l->crew->hand[i]->used = 0;
	}
	ledger_fini(l);
	*bad = read_all(l, map);
	all = calloc(l->count + 1, sizeof(struct entry *));
	must(all);
	for (size_t i = 0; i < l->room; i++)
		if (l->table[i])
			all[n++] = l->table[i];
	must(n == l->count);
	qsort(all, n, sizeof(struct entry *), by_age);
	for (size_t i = 0; i < n; i++) {
		list_add(l, all[i]);
		arrange(l, all[i]);
	}
	free(all);
}

struct attempt entry_attempt(const struct entry *e)
{
	return (struct attempt){.job = e->id, .step = e->step, .number = e->number};
}

bool entry_is_settled(const struct entry *e)
{
	return e->busy == 0 && !e->fresh;
}

bool entry_is_unknown(const struct entry *e)
{
	return job_is_held(e->state) && (!e->hand || !e->hand->attached);
}
