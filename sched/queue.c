#include "sched/queue.h"

#include <stddef.h>

#include "core/must.h"

void queue_init(struct queue *q)
{
	*q = (struct queue){0};
}

/* Behind `before`; NULL: at the head. */
static void link_behind(struct queue *q, struct place_in_queue *p, struct place_in_queue *before)
{
	struct place_in_queue **head = &q->oldest[p->priority];
	struct place_in_queue **tail = &q->newest[p->priority];

	p->older = before;
	p->newer = before ? before->newer : *head;
	*(p->older ? &p->older->newer : head) = p;
	*(p->newer ? &p->newer->older : tail) = p;
}

/* Behind whom `age` belongs; NULL: at the head. What is new stands near the newest, what comes back near the oldest: both
 * ends are looked at in turns. */
static struct place_in_queue *find_before(const struct queue *q, uint32_t priority, uint64_t age)
{
	struct place_in_queue *old = q->oldest[priority], *new = q->newest[priority];

	while (new &&age < new->age) {
		if (age < old->age)
			return old->older;
		old = old->newer;
		new = new->older;
	}
	return new;
}

void queue_add(struct queue *q, struct place_in_queue *p, uint32_t priority, uint64_t age)
{
	must(priority <= JOB_PRIORITY_MAX);
	must(!p->waits);
	*p = (struct place_in_queue){.age = age, .priority = priority, .waits = true};
	link_behind(q, p, find_before(q, priority, age));
	must(!p->older || p->older->age <= p->age);
	must(!p->newer || p->newer->age >= p->age);
	q->count++;
}

void queue_leave(struct queue *q, struct place_in_queue *p)
{
	if (!p->waits)
		return;
	must(q->count > 0);
	*(p->older ? &p->older->newer : &q->oldest[p->priority]) = p->newer;
	*(p->newer ? &p->newer->older : &q->newest[p->priority]) = p->older;
	*p = (struct place_in_queue){0};
	q->count--;
}

struct place_in_queue *queue_first(const struct queue *q)
{
	if (q->count == 0)
		return NULL;
	for (uint32_t priority = JOB_PRIORITY_MAX; priority > 0; priority--)
		if (q->oldest[priority])
			return q->oldest[priority];
	must(q->oldest[0]);
	return q->oldest[0];
}
