/* The invariants of the whole, by number, after every step of a host; and what must hold once the faults have stopped.
 *
 * 1 is checked closer by the store's own world (test/unit/sched); here: no two nodes direct in one epoch.
 * 6 and 7 are kept by must() in the code and by what wire.c could never open. */
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "gossip/swim.h"
#include "net/node_parts.h"
#include "sched/job_pack.h"
#include "sched/store.h"
#include "test/sim/sim.h"

/* 5: what a view shows never goes back, over crashes too; nor does a boot, nor an epoch. */
static void check_order(struct sim *s, struct host *h)
{
	const struct node *n = h->node;

	for (enum view v = 0; v < VIEWS; v++) {
		if (!n->view[v])
			continue;
		uint64_t ver = swim_shown(n->view[v]);
		if (ver < h->ver[v])
			sim_break(s, "5: ver never goes back", "host %u, view %s: %llu after %llu",
				  h->index, view_name(v), (unsigned long long)ver,
				  (unsigned long long)h->ver[v]);
		h->ver[v] = ver;
	}
	if (n->life.state >= LIFE_UP) {
		if (n->facts.boot < h->boot)
			sim_break(s, "5: boots never go back", "host %u: %llu after %llu", h->index,
				  (unsigned long long)n->facts.boot, (unsigned long long)h->boot);
		h->boot = n->facts.boot;
	}
}

/* 1: one director in an epoch. */
static void check_directors(struct sim *s, struct host *h)
{
	if (!h->node->life.directing)
		return;
	for (uint32_t i = 0; i < s->hosts; i++) {
		const struct node *other = s->host[i].node;
		if (other && &s->host[i] != h && other->life.directing &&
		    epoch_cmp(other->life.epoch, h->node->life.epoch) == 0)
			sim_break(s, "1: one director in an epoch",
				  "hosts %u and %u both direct in term %llu", h->index, i + 1,
				  (unsigned long long)h->node->life.epoch.term);
	}
}

/* 3: no job runs twice at one moment. */
static void check_jobs(struct sim *s)
{
	char text[ID_TEXT_LEN + 1];
	struct id job;

	for (uint32_t i = 0; i < load_offered(s); i++) {
		if (!load_job(s, i, &job))
			continue;
		uint32_t running = household_running(s, id_print(job, text));
		if (running > 1)
			sim_break(s, "3: a job never runs twice at one moment",
				  "job %s runs %u times", text, running);
	}
}

void check_step(struct sim *s, struct host *h)
{
	check_order(s, h);
	check_directors(s, h);
	if (s->load && household_changed(s))
		check_jobs(s);
}

/* --- once all is quiet --- */

struct counted {
	struct sim *s;
	uint32_t up;
	bool wrong;
};

static void count_up(void *with, const struct member *m)
{
	struct counted *c = with;
	struct host *h = host_of_id(c->s, m->id);

	if (h && h->node)
		c->up++;
	else
		c->wrong = true;
}

static uint32_t hosts_up(const struct sim *s, bool schedulers_only)
{
	uint32_t up = 0;

	for (uint32_t i = 0; i < s->hosts; i++)
		up += s->host[i].node &&
		      (!schedulers_only || (s->host[i].config.role & ROLE_SCHEDULER));
	return up;
}

uint32_t check_views_agree(struct sim *s)
{
	uint32_t up = hosts_up(s, false), schedulers = hosts_up(s, true), agree = 0;

	for (uint32_t i = 0; i < s->hosts; i++) {
		const struct node *n = s->host[i].node;
		struct counted all = {.s = s}, few = {.s = s};
		if (!n || n->life.state < LIFE_UP)
			continue;
		swim_each(n->view[VIEW_ALL], count_up, &all);
		bool good = !all.wrong && all.up == up;
		if (n->view[VIEW_SCHEDULERS]) {
			swim_each(n->view[VIEW_SCHEDULERS], count_up, &few);
			good = good && !few.wrong && few.up == schedulers;
		}
		agree += good;
	}
	return agree;
}

struct host *check_director(struct sim *s)
{
	struct host *best = NULL;

	for (uint32_t i = 0; i < s->hosts; i++) {
		struct node *n = s->host[i].node;
		if (n && n->life.directing &&
		    (!best || epoch_cmp(n->life.epoch, best->node->life.epoch) > 0))
			best = &s->host[i];
	}
	return best;
}

/* 2: an accepted job is never lost, and ends. */
static bool jobs_ended(struct sim *s, struct host *director, char why[200])
{
	const struct kv *map = store_map(director->node->store);

	for (uint32_t i = 0; i < load_offered(s); i++) {
		struct id id;
		struct job job;
		struct bytes record;
		if (!load_job(s, i, &id)) {
			snprintf(why, 200, "job %u of %u was never accepted", i + 1,
				 load_offered(s));
			return false;
		}
		struct state_key key = state_key_job(id);
		if (kv_get(map, state_key_bytes(&key), &record) != OK ||
		    job_get(record, &job) != OK) {
			sim_break(s, "2: an accepted job is never lost",
				  "job %s is not in the state", id_text(id).s);
			return false;
		}
		if (!job_is_ended(job.state)) {
			snprintf(why, 200, "job %s is still %s: attempt %u, %s", id_text(id).s,
				 job_state_name(job.state), job.number, job.why);
			return false;
		}
	}
	return true;
}

bool check_settled(struct sim *s, char why[200])
{
	uint32_t up = hosts_up(s, false);
	uint32_t agree = check_views_agree(s);

	if (agree != up) {
		snprintf(why, 200, "%u of %u hosts see exactly who is up", agree, up);
		return false;
	}
	struct host *director = check_director(s);
	if (!director) {
		snprintf(why, 200, "nobody directs");
		return false;
	}
	return !s->load || jobs_ended(s, director, why);
}
