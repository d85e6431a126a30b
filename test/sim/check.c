/* The invariants of the whole, by number, after every step of a host; and what must hold once the faults have stopped.
 *
 * 1 and 2 are held against truth.c. 6: wire.c forges packets, and says here what they did. */
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/must.h"
#include "gossip/swim.h"
#include "net/node_parts.h"
#include "sched/job_pack.h"
#include "sched/store/inside.h"
#include "test/sim/sim.h"

#define STEPS_SECOND 40000u /* of one host, and for each other host: more is a node that spins */
#define STEPS_OTHER  20u
#define QUEUE_HOST   20000u /* of what will happen, for each host */

/* 5: what a view shows never goes back, over crashes too; nor does a boot. */
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
	if (n->life.state < LIFE_UP || n->life.state == LIFE_OVER)
		return;
	if (n->facts.boot < h->boot || (n->facts.boot == h->boot && h->life != h->boot_life))
		sim_break(s, "5: boots never go back", "host %u: %llu after %llu", h->index,
			  (unsigned long long)n->facts.boot, (unsigned long long)h->boot);
	h->boot = n->facts.boot;
	h->boot_life = h->life;
}

/* 5: what was promised with a term, a vote or a start is on the disk. */
static void check_voter(struct sim *s, struct host *h)
{
	const struct store *store = h->node->store;

	if (!wal_is_made(&store->wal))
		return;
	if (store->awake && store->wal.state.boot <= h->voter_boot && h->voter_life != h->life &&
	    id_same(store->wal.voter, h->voter))
		sim_break(s, "5: a voter's starts are counted", "host %u: start %llu after %llu",
			  h->index, (unsigned long long)store->wal.state.boot,
			  (unsigned long long)h->voter_boot);
	if (store->awake) {
		h->voter = store->wal.voter;
		h->voter_boot = store->wal.state.boot;
		h->voter_life = h->life;
	}
}

/* A leader counts for entries of its own term only (the thesis' figure 3.7): what it counts for others can be overwritten. */
static void check_counting(struct sim *s, struct host *h)
{
	const struct raft *r = &h->node->store->raft;
	bool leads = wal_is_made(&h->node->store->wal) && raft_leads(r);

	if (leads && h->led_term == raft_term(r) && r->commit > h->led_commit &&
	    log_term(&r->log, r->commit) != raft_term(r))
		sim_break(s, "2: a leader counts for its own term only",
			  "host %u, in term %llu, position %llu", h->index,
			  (unsigned long long)raft_term(r), (unsigned long long)r->commit);
	h->led_term = leads ? raft_term(r) : 0;
	h->led_commit = r->commit;
}

/* 1: one director in an epoch, for ever; and whoever begins to serve has all that was acknowledged. */
static void check_directors(struct sim *s, struct host *h)
{
	const struct life *life = &h->node->life;
	struct reign *r = &s->reign[life->epoch.term % REIGNS];
	bool serving = life->directing;
	bool began = serving && (!h->directed || epoch_cmp(life->epoch, h->epoch) != 0);

	h->directed = serving;
	if (!began)
		return;
	if (epoch_cmp(life->epoch, h->epoch) < 0)
		sim_break(s, "5: epochs never go back", "host %u directs in term %llu after %llu",
			  h->index, (unsigned long long)life->epoch.term,
			  (unsigned long long)h->epoch.term);
	h->epoch = life->epoch;
	if (r->host && epoch_cmp(r->epoch, life->epoch) == 0 &&
	    (r->host != h->index || r->life != h->life))
		sim_break(s, "1: one director in an epoch", "hosts %u and %u both in term %llu",
			  h->index, r->host, (unsigned long long)life->epoch.term);
	*r = (struct reign){.epoch = life->epoch, .host = h->index, .life = h->life};
	check_promises(s, h);
}

/* 2: every job that its user was told of is in this director's state. */
void check_promises(struct sim *s, struct host *h)
{
	const struct kv *map = store_map(h->node->store);
	struct bytes record;
	struct id id;

	for (uint32_t i = 0; i < load_offered(s); i++) {
		if (!load_job(s, i, &id))
			continue;
		struct state_key key = state_key_job(id);
		if (kv_get(map, state_key_bytes(&key), &record) != OK)
			sim_break(s, "2: an accepted job is never lost",
				  "host %u directs without job %s", h->index, id_text(id).s);
	}
}

/* --- 7: bounds --- */

static void check_bounds(struct sim *s, struct host *h)
{
	const struct node *n = h->node;
	uint64_t second = s->now_us / 1000000;

	if (second != h->second) {
		h->second = second;
		h->steps = 0;
	}
	if (++h->steps > STEPS_SECOND + STEPS_OTHER * s->hosts)
		sim_break(s, "7: a node does not spin", "host %u: %u steps within a second",
			  h->index, h->steps);
	if (n->queue_room > OUTBOX_EFFECTS_MAX || n->post_room > OUTBOX_EFFECTS_MAX)
		sim_break(s, "7: queues are bounded", "host %u", h->index);
	if (s->queued > (size_t)QUEUE_HOST * s->hosts)
		sim_break(s, "7: queues are bounded", "%zu things wait to happen", s->queued);
	if (n->store->raft.log.size > 2u * LOG_MEMORY_MAX ||
	    n->store->commits.count > STORE_PENDING_MAX)
		sim_break(s, "7: queues are bounded", "host %u: its log", h->index);
}

/* 3: no job runs twice at one moment. */
void check_jobs(struct sim *s, struct id job)
{
	uint32_t running = household_running(s, job);

	if (running > 1)
		sim_break(s, "3: a job never runs twice at one moment", "job %s runs %u times",
			  id_text(job).s, running);
}

/* 6: a packet that could not be opened has no effect but a warning. */
void check_forged(struct sim *s, struct host *h)
{
	for (size_t i = 0; i < outbox_count(s->outbox); i++)
		if (outbox_at(s->outbox, i)->kind != EFFECT_LOG)
			sim_break(s, "6: a forged packet changes nothing", "host %u: effect %d",
				  h->index, (int)outbox_at(s->outbox, i)->kind);
}

void check_step(struct sim *s, struct host *h)
{
	check_order(s, h);
	check_voter(s, h);
	check_counting(s, h);
	truth_look(s, h);
	check_directors(s, h);
	check_views(s, h);
	check_bounds(s, h);
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

	if (h && h->node && m->state == MEMBER_ALIVE)
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
		if (!n || n->life.state < LIFE_UP || swim_size(n->view[VIEW_ALL]) != up)
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
static bool jobs_ended(struct sim *s, char why[200])
{
	for (uint32_t i = 0; i < load_offered(s); i++) {
		struct id id;
		struct job job;
		if (!load_job(s, i, &id)) {
			snprintf(why, 200, "job %u of %u was never accepted", i + 1,
				 load_offered(s));
			return false;
		}
		if (!truth_job(s, id, &job)) {
			sim_break(s, "2: an accepted job is never lost",
				  "job %s is not in the state", id_text(id).s);
			return false;
		}
		if (!job_is_ended(job.state)) {
			snprintf(why, 200,
				 "job %s is still %s at %.8s: attempt %u, on_lost %d, %.72s",
				 id_text(id).s, job_state_name(job.state), id_text(job.worker).s,
				 job.number, (int)job.task.on_lost, job.why);
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
	if (!check_director(s)) {
		snprintf(why, 200, "nobody directs");
		return false;
	}
	if (s->load && !(jobs_ended(s, why) && load_done(s, why)))
		return false;
	for (uint32_t i = 0; i < s->hosts; i++)
		if (s->host[i].node)
			truth_compare(s, &s->host[i]);
	return !s->broken;
}
