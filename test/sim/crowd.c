/* Ten thousand workers and three schedulers: how soon they work again after a fail-over, and after a start of all
 * schedulers at once.
 *
 * Every node is a whole one, net/node.c with its director, store, worker, channels and handshakes; what the schedulers'
 * steps cost is passed for them in virtual time (charge.c). Left out is the workers' gossip, which no one machine
 * holds for so many: each of them is alone in its view, and the world tells workers of schedulers and schedulers of
 * workers what their views would have told. */
#include <stdio.h>

#include "core/facts.h"
#include "core/must.h"
#include "net/node_parts.h"
#include "sched/director_part.h"
#include "sched/worker.h"
#include "test/sim/sim.h"

#define SCHEDULERS   3u
#define STANDBY      2u /* where users ask: never the first director */
#define SECOND_US    UINT64_C(1000000)
#define LOOK_US      UINT64_C(20000)
#define FORM_US      (5 * SECOND_US)  /* workers come to be over this */
#define ATTACH_US    (60 * SECOND_US) /* longer than that is never */
#define SYNC_US      (1 * SECOND_US)  /* a scheduler that starts has heard of all members */
#define FAILED_US    (6 * SECOND_US)  /* a member that fell silent is called dead */
#define JOB_US       UINT64_C(20000)

#define FIRST_GOAL_S 1.0
#define LAST_GOAL_S  10.0

static void set(struct config *c, const char *name, const char *value)
{
	char why[CONFIG_WHY_MAX];
	enum err err = config_set(c, name, value, ORIGIN_FLAG, why);

	must(err == OK);
}

/* What its view would have told. */
static void tell(struct sim *s, struct host *h, const struct host *about, enum member_state state)
{
	struct event e = {.kind = EVENT_TELL, .now_us = s->now_us, .wall_us = host_wall_us(s, h)};

	if (!h->node || h->node->life.state != LIFE_UP || !about->node)
		return;
	e.tell.kind = TELL_MEMBER;
	e.tell.member.view = VIEW_ALL;
	e.tell.member.state = state;
	e.tell.member.facts = &about->node->facts;
	h->node->now_us = e.now_us;
	h->node->wall_us = e.wall_us;
	h->node->out = s->outbox;
	node_delivered(h->node, &e);
	h->node->out = NULL;
	host_turn(s, h);
	charge_alone(s, h);
}

static bool is_scheduler(const struct host *h)
{
	return h->config.role & ROLE_SCHEDULER;
}

/* Every worker hears of every scheduler, and the reverse. */
static void introduce_all(struct sim *s)
{
	for (uint32_t i = SCHEDULERS; i < s->hosts; i++)
		for (uint32_t k = 0; k < SCHEDULERS; k++) {
			tell(s, &s->host[k], &s->host[i], MEMBER_ALIVE);
			tell(s, &s->host[i], &s->host[k], MEMBER_ALIVE);
		}
}

static uint32_t attached(struct sim *s)
{
	struct host *h = check_director(s);
	uint32_t count = 0;

	for (uint32_t i = 0; h && i < h->node->director->crew.count; i++)
		count += h->node->director->crew.hand[i]->accepted;
	return count;
}

static uint64_t term(struct sim *s)
{
	struct host *h = check_director(s);

	return h ? h->node->life.epoch.term : 0;
}

/* How soon: 0 is not within ATTACH_US. */
struct soon {
	double last;  /* all are attached to a director later than before */
	double first; /* a job began by its order */
};

static struct soon wait_for(struct sim *s, uint64_t than, uint64_t from_us)
{
	uint64_t until = from_us + ATTACH_US;
	struct soon soon = {0};

	while (s->now_us < until && (soon.last <= 0 || soon.first <= 0)) {
		uint64_t first_us = truth_first_us(s, than + 1);
		if (!sim_run(s, s->now_us + LOOK_US))
			return (struct soon){0};
		if (soon.last <= 0 && term(s) > than && attached(s) == s->hosts - SCHEDULERS)
			soon.last = (double)(s->now_us - from_us) / 1e6;
		if (first_us > from_us)
			soon.first = (double)(first_us - from_us) / 1e6;
	}
	if (soon.last <= 0)
		printf("%u of %u attached after %.0f s\n", attached(s), s->hosts - SCHEDULERS,
		       (double)ATTACH_US / 1e6);
	return soon;
}

static bool show(struct sim *s, const char *what, uint64_t before, uint64_t from_us,
		 double first_goal)
{
	struct soon soon = wait_for(s, before, from_us);
	const struct host *h = check_director(s);
	uint32_t n = s->hosts - SCHEDULERS;

	if (!h)
		return false;
	printf("figure attach.%u.%sfirst_dispatch %.2f s\n", n, what, soon.first);
	printf("figure attach.%u.%slast %.2f s\n", n, what, soon.last);
	printf("figure attach.%u.%scpu %.2f s\n", n, what, charge_seconds(h));
	printf("figure attach.%u.%slongest_turn %.3f s\n", n, what, charge_longest(h));
	return soon.last > 0 && soon.last <= LAST_GOAL_S && soon.first > 0 &&
	       soon.first <= first_goal;
}

static void mark(struct sim *s)
{
	for (uint32_t i = 0; i < SCHEDULERS; i++)
		charge_mark(&s->host[i]);
}

static bool form(struct sim *s)
{
	uint64_t began = s->now_us;

	for (uint32_t i = 0; i < s->hosts; i++) {
		struct config *c = &s->host[i].config;
		if (i >= SCHEDULERS) {
			set(c, "discovery", "none");
		} else {
			set(c, "in_process_worker", "no");
			s->host[i].charge = charge_open();
		}
		uint64_t in_us = i < SCHEDULERS ? 0 : rng_below(&s->rng, FORM_US);
		sim_later(s, in_us, (struct happening){.kind = HAPPEN_START, .host = i + 1});
	}
	for (uint32_t i = SCHEDULERS; i < s->hosts; i++)
		must(!is_scheduler(&s->host[i]));
	if (!sim_run(s, began + FORM_US + SECOND_US))
		return false;
	/* As gossip has it: not all at one moment. */
	for (uint32_t i = SCHEDULERS; i < s->hosts; i++) {
		for (uint32_t k = 0; k < SCHEDULERS; k++) {
			tell(s, &s->host[k], &s->host[i], MEMBER_ALIVE);
			tell(s, &s->host[i], &s->host[k], MEMBER_ALIVE);
		}
		if (i % 20 == 0 && !sim_run(s, s->now_us + 10000))
			return false;
	}
	for (began = s->now_us; attached(s) < s->hosts - SCHEDULERS;)
		if (s->now_us > began + ATTACH_US || !sim_run(s, s->now_us + LOOK_US))
			return false;
	printf("%u workers attached, %.1f s of the director's processor\n", attached(s),
	       charge_seconds(check_director(s)));
	return true;
}

/* kill -9 of the director. */
static bool fail_over(struct sim *s)
{
	struct host *director = check_director(s);
	uint64_t before = term(s), from_us = s->now_us;

	must(director);
	mark(s);
	host_kill(s, director);
	return show(s, "", before, from_us, FIRST_GOAL_S);
}

/* All schedulers are killed, and start again. */
static bool restart(struct sim *s)
{
	uint64_t before = term(s), from_us;

	for (uint32_t i = 0; i < SCHEDULERS; i++)
		host_kill(s, &s->host[i]);
	if (!sim_run(s, s->now_us + 2 * SECOND_US))
		return false;
	from_us = s->now_us;
	mark(s);
	for (uint32_t i = 0; i < SCHEDULERS; i++)
		host_start(s, &s->host[i]);
	if (!sim_run(s, s->now_us + SYNC_US))
		return false;
	introduce_all(s);
	return show(s, "restart_", before, from_us, LAST_GOAL_S);
}

int crowd(uint64_t seed, uint32_t workers, bool loud)
{
	struct sim *s = sim_open(seed, workers + SCHEDULERS, SCHEDULERS);

	s->loud = loud;
	bool good = form(s);
	load_begin(s, (struct load_wish){.every_us = JOB_US,
					 .until_us = s->now_us + 2 * ATTACH_US,
					 .long_ms = 3000,
					 .at = STANDBY});
	good = good && sim_run(s, s->now_us + 5 * SECOND_US) && fail_over(s);
	if (good)
		good = sim_run(s, s->now_us + FAILED_US) && restart(s);
	if (s->broken)
		printf("%s: %s\n", s->broken, s->broken_text);
	printf("attach: %s\n", good ? "in good time" : "too late");
	sim_close(s);
	return !good;
}
