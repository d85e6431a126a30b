#include "sched/waiter.h"

#include <stdlib.h>

#include "core/must.h"
#include "sched/job_pack.h"

void waiters_init(struct waiters *w)
{
	*w = (struct waiters){.due_us = UINT64_MAX};
}

static struct waiter **bucket_of(struct waiters *w, struct id job)
{
	return &w->bucket[id_hash(job) % WAITER_BUCKETS];
}

static struct waiter *take(struct waiters *w, struct waiter **at)
{
	struct waiter *waiter = *at;

	must(w->count > 0);
	*at = waiter->next;
	waiter->next = NULL;
	w->count--;
	return waiter;
}

enum err waiters_add(struct waiters *w, const struct waiter *waiter)
{
	struct waiter **bucket = bucket_of(w, waiter->job), *own;
	uint32_t same = 0;

	for (struct waiter *at = *bucket; at; at = at->next)
		same += id_same(at->job, waiter->job);
	if (w->count >= WAITERS_MAX || same >= WAITERS_JOB_MAX)
		return ERR_FULL;
	own = malloc(sizeof(*own));
	must(own);
	*own = *waiter;
	own->next = *bucket;
	*bucket = own;
	w->count++;
	if (own->until_us < w->due_us)
		w->due_us = own->until_us;
	return OK;
}

bool waiters_has(const struct waiters *w, struct id job)
{
	for (struct waiter *at = w->bucket[id_hash(job) % WAITER_BUCKETS]; at; at = at->next)
		if (id_same(at->job, job))
			return true;
	return false;
}

struct waiter *waiters_take(struct waiters *w, struct id job, uint64_t seen)
{
	for (struct waiter **at = bucket_of(w, job); *at; at = &(*at)->next)
		if (id_same((*at)->job, job) && job_seen_differs(seen, (*at)->seen))
			return take(w, at);
	return NULL;
}

/* Looks at all only when someone's time is over, or was and he has gone. */
struct waiter *waiters_take_due(struct waiters *w, uint64_t now_us)
{
	uint64_t due_us = UINT64_MAX;

	if (now_us < w->due_us)
		return NULL;
	for (uint32_t i = 0; i < WAITER_BUCKETS; i++) {
		for (struct waiter **at = &w->bucket[i]; *at; at = &(*at)->next) {
			if ((*at)->until_us <= now_us)
				return take(w, at);
			if ((*at)->until_us < due_us)
				due_us = (*at)->until_us;
		}
	}
	w->due_us = due_us;
	return NULL;
}

struct waiter *waiters_take_any(struct waiters *w)
{
	for (uint32_t i = 0; w->count > 0 && i < WAITER_BUCKETS; i++)
		if (w->bucket[i])
			return take(w, &w->bucket[i]);
	must(w->count == 0);
	w->due_us = UINT64_MAX;
	return NULL;
}

void waiters_fini(struct waiters *w)
{
	struct waiter *waiter;

	while ((waiter = waiters_take_any(w)))
		free(waiter);
}

void waiters_unlink(struct waiters *w, uint64_t link)
{
	if (link == 0 || w->count == 0)
		return;
	for (uint32_t i = 0; i < WAITER_BUCKETS; i++) {
		struct waiter **at = &w->bucket[i];

		while (*at) {
			if ((*at)->reply.peer.link == link)
				free(take(w, at));
			else
				at = &(*at)->next;
		}
	}
}
