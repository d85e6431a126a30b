#include "net/figures.h"

#include "gossip/swim.h"
#include "net/link.h"
#include "sched/director.h"
#include "sched/store.h"
#include "sched/worker.h"

static void of_links(struct node *n, struct metrics *m)
{
	struct links_counts c = links_counts(n->links);

	metrics_set(m, METRIC_LINKS, c.streams);
	metrics_total(m, METRIC_LINKS_OPENED, c.opened);
	metrics_total(m, METRIC_LINKS_FAILED, c.failed + c.timed_out + c.crowded_out);
	metrics_total(m, METRIC_FRAMES_RECEIVED, c.frames_in);
	metrics_total(m, METRIC_FRAMES_SENT, c.frames_out);
	metrics_total(m, METRIC_FRAMES_REFUSED_TYPE, c.refused_type);
	metrics_total(m, METRIC_FRAMES_REFUSED_QUEUE, c.refused_queue);
	metrics_total(m, METRIC_FRAMES_REFUSED_PEER, c.refused_peer);
}

static void of_store(struct node *n, struct metrics *m)
{
	struct store_figures f = store_figures(n->store);

	metrics_set(m, METRIC_STORE_POSITION, f.applied);
	metrics_total(m, METRIC_ELECTIONS, f.elections);
	metrics_total(m, METRIC_STORE_REFUSED, f.refused);
}

/* The gauges stand in the order of the states. */
_Static_assert(METRIC_STATE_FAULT - METRIC_STATE_EMPTY == ROLE_FAULT - ROLE_EMPTY, "one for each");

static void of_role(const struct node *n, struct metrics *m)
{
	for (enum role_state s = ROLE_EMPTY; s < ROLE_STATES; s++)
		metrics_set(m, (enum metric)(METRIC_STATE_EMPTY + s), n->life.role.state == s);
}

static void of_director(struct node *n, struct metrics *m)
{
	struct director_figures f = director_figures(n->director);

	metrics_set(m, METRIC_JOBS_QUEUED, f.queued);
	metrics_set(m, METRIC_JOBS_ACTIVE, f.active);
	metrics_set(m, METRIC_JOBS_ENDED, f.ended);
	metrics_total(m, METRIC_SUBMITTED, f.submitted);
	metrics_total(m, METRIC_ASSIGNED, f.assigned);
	metrics_total(m, METRIC_FINISHED, f.finished);
	metrics_total(m, METRIC_LOST, f.lost);
	metrics_total(m, METRIC_CALLS_REFUSED, f.refused);
}

enum err figures_print(struct node *n, struct buffer *out)
{
	struct metrics *m = n->metrics;

	metrics_set(m, METRIC_MEMBERS_ALL, swim_size(n->view[VIEW_ALL]));
	if (n->view[VIEW_SCHEDULERS])
		metrics_set(m, METRIC_MEMBERS_SCHEDULERS, swim_size(n->view[VIEW_SCHEDULERS]));
	metrics_set(m, METRIC_DIRECTOR, n->life.directing);
	metrics_set(m, METRIC_EPOCH_TERM, n->life.epoch.term);
	of_links(n, m);
	of_store(n, m);
	if (n->director) {
		of_role(n, m);
		of_director(n, m);
	}
	if (n->worker) {
		metrics_set(m, METRIC_RUNNING, worker_running(n->worker));
		metrics_set(m, METRIC_SLOTS, worker_slots(n->worker));
	}
	return metrics_print(m, out);
}
