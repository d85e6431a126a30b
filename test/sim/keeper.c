/* Keepers, and children that are not there. A keeper is a process of its own: it outlives its agent, and dies by a
 * crash of its own. A child `work MS CODE` runs for MS and ends with CODE; it writes a line first. One of four does not
 * listen to SIGTERM. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "sched/keeper.h"
#include "test/sim/sim.h"

#define HOP_US   60u
#define BIRTH_US 2000u
#define TERM_US  5000u

struct child {
	int32_t pid;
	struct attempt attempt;
	bool deaf; /* to SIGTERM */
	bool term; /* SIGTERM is on its way through it */
};

struct household {
	struct keeper *keeper;
	uint64_t life; /* of the keeper */
	uint64_t wake_at;
	bool agent; /* the agent is connected */
	uint64_t agent_life;
	struct child *child;
	size_t children, room;
	int32_t next_pid;
	uint32_t started;
	struct outbox *outbox;
};

struct household *household_open(void)
{
	struct household *w = calloc(1, sizeof(*w));

	must(w);
	w->next_pid = 100;
	w->wake_at = UINT64_MAX;
	return w;
}

void household_close(struct household *w)
{
	if (w->keeper)
		keeper_close(w->keeper);
	if (w->outbox)
		outbox_close(w->outbox);
	free(w->child);
	free(w);
}

static struct child *child_of(struct household *w, int32_t pid)
{
	for (size_t i = 0; i < w->children; i++)
		if (w->child[i].pid == pid)
			return &w->child[i];
	return NULL;
}

static const char *value_of(const char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; env && *env; env++)
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return *env + len + 1;
	return "";
}

static struct attempt attempt_of(const char *const *env)
{
	struct attempt a = {0};
	enum err err = id_parse(value_of(env, "WITAN_JOB"), &a.job);

	must(err == OK);
	a.step = (uint32_t)strtoul(value_of(env, "WITAN_STEP"), NULL, 10);
	a.number = (uint32_t)strtoul(value_of(env, "WITAN_ATTEMPT"), NULL, 10);
	return a;
}

static struct epoch epoch_of(const char *const *env)
{
	char *dot = NULL;
	struct epoch e = {.generation = strtoull(value_of(env, "WITAN_EPOCH"), &dot, 10)};

	must(*dot == '.');
	e.term = strtoull(dot + 1, NULL, 10);
	return e;
}

static void step(struct sim *s, struct host *h, struct event *e);

static void spawn(struct sim *s, struct host *h, const struct spawn *how)
{
	struct household *w = h->household;
	uint64_t ms = how->argv[0] && how->argv[1] ? strtoull(how->argv[1], NULL, 10) : 1;
	uint64_t code =
		how->argv[0] && how->argv[1] && how->argv[2] ? strtoull(how->argv[2], NULL, 10) : 0;
	size_t root = strlen(s->root) + 1;

	if (w->children == w->room) {
		w->room = w->room ? w->room * 2 : 8;
		w->child = realloc(w->child, w->room * sizeof(*w->child));
		must(w->child);
	}
	struct child *c = &w->child[w->children++];
	*c = (struct child){.pid = w->next_pid++};
	c->attempt = attempt_of(how->env);
	c->deaf = s->clocks_differ && (c->attempt.job.b[15] & 3) == 0;
	w->started++;
	truth_born(s, h, &c->attempt, epoch_of(how->env));
	check_jobs(s, c->attempt.job);
	if (strlen(how->out) > root) {
		files_append(h->files, how->out + root, BYTES("begun\n"));
		files_append(h->files, how->err + root, (struct bytes){0});
	}
	struct event e = {.kind = EVENT_SPAWNED};
	e.spawned.token = how->token;
	e.spawned.pid = c->pid;
	sim_later(s, ms * 1000,
		  (struct happening){.kind = HAPPEN_CHILD,
				     .host = h->index,
				     .a = (uint64_t)(uint32_t)c->pid,
				     .b = code << 8});
	/* The doors answer a SPAWN before anything else comes to the keeper. */
	step(s, h, &e);
}

static void kill_child(struct sim *s, struct host *h, int32_t pid, int number)
{
	struct child *c = child_of(h->household, pid);

	if (!c || ((c->term || c->deaf) && number != SIGKILL))
		return;
	c->term = true;
	sim_later(s, number == SIGKILL ? 100 : TERM_US,
		  (struct happening){.kind = HAPPEN_CHILD,
				     .host = h->index,
				     .a = (uint64_t)(uint32_t)pid,
				     .b = (uint64_t)number});
}

static void arm(struct sim *s, struct host *h)
{
	struct household *w = h->household;

	if (!w->keeper)
		return;
	uint64_t at = keeper_deadline_us(w->keeper);
	if (at == UINT64_MAX)
		return;
	at = host_when_us(s, h, at);
	if (w->wake_at <= at && w->wake_at > s->now_us)
		return;
	w->wake_at = at;
	sim_later(s, at - s->now_us,
		  (struct happening){
			  .kind = HAPPEN_KEEPER_WAKE, .host = h->index, .a = w->life, .b = at});
}

static void over(struct household *w)
{
	keeper_close(w->keeper);
	w->keeper = NULL;
	w->life++;
	w->wake_at = UINT64_MAX;
}

static void to_agent(struct sim *s, struct host *h, struct bytes body, bool up)
{
	struct household *w = h->household;

	sim_later(s, HOP_US,
		  (struct happening){.kind = HAPPEN_TO_AGENT,
				     .host = h->index,
				     .life = w->agent_life,
				     .a = up,
				     .bytes = sim_copy(body),
				     .len = body.len});
}

static void carry_out(struct sim *s, struct host *h, const struct effect *e)
{
	struct household *w = h->household;

	switch ((int)e->kind) {
	case EFFECT_SPAWN:
		spawn(s, h, &e->spawn);
		break;
	case EFFECT_KILL:
		kill_child(s, h, e->kill.pid, e->kill.signal);
		break;
	case EFFECT_AGENT:
		if (w->agent)
			to_agent(s, h, e->send.body, true);
		break;
	case EFFECT_EXIT:
		if (w->agent)
			to_agent(s, h, (struct bytes){0}, false);
		w->agent = false;
		over(w);
		break;
	case EFFECT_LOG:
		sim_hash(s, e->log.text, strlen(e->log.text));
		if (s->loud)
			printf("[%llu.%03llu] %u keeper: %s\n",
			       (unsigned long long)(s->now_us / 1000000),
			       (unsigned long long)(s->now_us / 1000 % 1000), h->index,
			       e->log.text);
		break;
	default:
		never("a keeper asks for nothing else");
	}
}

static void step(struct sim *s, struct host *h, struct event *e)
{
	struct household *w = h->household;
	struct outbox *mine =
		outbox_open(); /* a spawn's answer comes in the middle of another step's effects */
	uint64_t life = w->life;

	e->now_us = host_now_us(s, h);
	e->wall_us = host_wall_us(s, h);
	keeper_step(w->keeper, e, mine);
	for (size_t i = 0; i < outbox_count(mine) && w->life == life; i++)
		carry_out(s, h, outbox_at(mine, i));
	outbox_close(mine);
	arm(s, h);
}

void keeper_effect(struct sim *s, struct host *h, const struct effect *e)
{
	struct household *w = h->household;

	if (e->send.body.len == 0) {
		keeper_agent_gone(s, h);
		return;
	}
	if (!w->keeper) {
		struct keeper_config c = {.now_us = host_now_us(s, h) + BIRTH_US, .cgroup = ""};
		w->keeper = keeper_open(&c);
		w->life++;
		w->wake_at = UINT64_MAX;
		w->agent = false;
	}
	if (!w->agent || w->agent_life != h->life) {
		w->agent = true;
		w->agent_life = h->life;
		sim_later(s, BIRTH_US,
			  (struct happening){.kind = HAPPEN_TO_KEEPER,
					     .host = h->index,
					     .life = h->life,
					     .a = w->life,
					     .b = 1});
		sim_later(s, BIRTH_US,
			  (struct happening){.kind = HAPPEN_TO_AGENT,
					     .host = h->index,
					     .life = h->life,
					     .a = 1});
	}
	sim_later(s, BIRTH_US,
		  (struct happening){.kind = HAPPEN_TO_KEEPER,
				     .host = h->index,
				     .life = h->life,
				     .a = w->life,
				     .b = 1,
				     .bytes = sim_copy(e->send.body),
				     .len = e->send.body.len});
}

void keeper_agent_gone(struct sim *s, struct host *h)
{
	struct household *w = h->household;

	if (!w->keeper || !w->agent)
		return;
	w->agent = false;
	sim_later(s, HOP_US,
		  (struct happening){
			  .kind = HAPPEN_TO_KEEPER, .host = h->index, .a = w->life, .b = 0});
}

static void child_ends(struct sim *s, struct host *h, const struct happening *what)
{
	struct household *w = h->household;
	struct child *c = child_of(w, (int32_t)what->a);

	if (!c)
		return;
	struct event e = {.kind = EVENT_EXITED};
	e.exited.pid = c->pid;
	e.exited.status = (int32_t)what->b;
	truth_ended(s, &c->attempt, (int32_t)what->b);
	*c = w->child[--w->children];
	if (w->keeper)
		step(s, h, &e);
}

void keeper_happens(struct sim *s, struct host *h, const struct happening *what)
{
	struct household *w = h->household;
	struct event e = {.kind = EVENT_WAKE};

	switch ((int)what->kind) {
	case HAPPEN_TO_AGENT:
		e.kind = EVENT_KEEPER;
		e.keeper.up = what->a;
		e.keeper.body = bytes_of(what->bytes, what->len);
		host_tell(s, h, &e);
		break;
	case HAPPEN_TO_KEEPER:
		if (!w->keeper || what->a != w->life)
			break;
		e.kind = EVENT_AGENT;
		e.agent.up = what->b;
		e.agent.body = bytes_of(what->bytes, what->len);
		step(s, h, &e);
		break;
	case HAPPEN_KEEPER_WAKE:
		if (!w->keeper || what->a != w->life || what->b != w->wake_at)
			break;
		w->wake_at = UINT64_MAX;
		step(s, h, &e);
		break;
	case HAPPEN_CHILD:
		child_ends(s, h, what);
		break;
	default:
		never("not a keeper's business");
	}
}

static void all_gone(struct sim *s, struct household *w)
{
	for (size_t i = 0; i < w->children; i++)
		truth_gone(s, &w->child[i].attempt);
	w->children = 0;
}

void keeper_kill(struct sim *s, struct host *h)
{
	struct household *w = h->household;

	all_gone(s, w); /* they asked to die with it */
	if (!w->keeper)
		return;
	if (w->agent && h->node)
		to_agent(s, h, (struct bytes){0}, false);
	w->agent = false;
	over(w);
}

void keeper_power_lost(struct sim *s, struct host *h)
{
	all_gone(s, h->household);
	h->household->agent = false;
	if (h->household->keeper)
		over(h->household);
}

uint32_t household_running(const struct sim *s, struct id job)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->hosts; i++) {
		const struct household *w = s->host[i].household;
		for (size_t c = 0; c < w->children; c++)
			count += s->host[i].frozen_until + THAW_US <= s->now_us &&
				 id_same(w->child[c].attempt.job, job);
	}
	return count;
}

uint32_t household_started(const struct sim *s)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->hosts; i++)
		count += s->host[i].household->started;
	return count;
}

void household_thawed(struct sim *s, struct host *h)
{
	const struct household *w = h->household;

	for (size_t c = 0; h->frozen_until + THAW_US <= s->now_us && c < w->children; c++)
		check_jobs(s, w->child[c].attempt.job);
}
