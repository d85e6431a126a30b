/* The worker and its keeper: what is said to it, and what its inventory means for the spool's. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/must.h"
#include "sched/worker_part.h"

#define ASK_AGAIN_US   UINT64_C(2000000)
#define SPENT_US       UINT64_C(1000000)
#define LET_GO_US      UINT64_C(100000) /* it has ended by then, and its socket is gone */
#define FAIL_LOW_US    UINT64_C(50000)
#define FAIL_DOUBLES   7u /* up to 6.4 s */
#define SPAWN_AGAIN_US UINT64_C(500000)
#define OWN_ENV        9u /* entries of ours at most */

static void say(struct worker *w, const struct keeper_said *said, struct outbox *o)
{
	buffer_clear(&w->scratch);
	enum err err = keeper_put(said, &w->scratch);
	must(err == OK);
	outbox_keeper(o, buffer_bytes(&w->scratch));
}

bool keep_is_whole(const struct worker *w)
{
	return w->keeper == KEEPER_KNOWN && w->strays == 0;
}

static void ask(struct worker *w, struct outbox *o)
{
	w->keeper = KEEPER_ASKED;
	w->keeper_us = w->now_us + ASK_AGAIN_US;
	w->strays = 0;
	for (uint32_t i = 0; i < w->spool.count; i++) {
		w->spool.at[i]->listed = false;
		w->spool.at[i]->end_said = false;
	}
	say(w, &(struct keeper_said){.word = KEEPER_LIST}, o);
}

/* The keeper has it, or is to have it. */
static bool is_kept(const struct spooled *one)
{
	return one->state <= SPOOLED_CLOSING;
}

/* A keeper without children and ends to tell, that no agent holds on to, ends by itself. It is let go a while after the
 * last was acknowledged, so that it has heard that. */
static void let_go(struct worker *w, struct outbox *o)
{
	bool spent = w->keeper_inherited && keep_is_whole(w);

	for (uint32_t i = 0; spent && i < w->spool.count; i++)
		spent = !is_kept(w->spool.at[i]);
	if (!spent) {
		w->keeper_spent_us = 0;
		return;
	}
	if (w->keeper_spent_us == 0)
		w->keeper_spent_us = w->now_us;
	if (w->now_us < w->keeper_spent_us + SPENT_US)
		return;
	outbox_keeper(o, (struct bytes){0});
	outbox_log(o, LOG_LEVEL_INFO,
		   "keeper of an earlier agent is let go: nothing is left with it");
	w->keeper = KEEPER_ABSENT;
	w->keeper_us = w->now_us + LET_GO_US;
	w->keeper_inherited = false;
	w->keeper_spent_us = 0;
}

void keep_on(struct worker *w, struct outbox *o)
{
	if (w->keeper != KEEPER_KNOWN && w->now_us >= w->keeper_us)
		ask(w, o);
	let_go(w, o);
}

uint64_t keep_deadline_us(const struct worker *w)
{
	if (w->keeper != KEEPER_KNOWN)
		return w->keeper_us;
	return w->keeper_spent_us ? w->keeper_spent_us + SPENT_US : UINT64_MAX;
}

void keep_lease(struct worker *w, struct outbox *o)
{
	if (w->keeper == KEEPER_KNOWN)
		say(w,
		    &(struct keeper_said){.word = KEEPER_LEASE,
					  .lease = {.ends_us = w->bond.lease_ends_us,
						    .lease_ms = w->bond.lease_ms}},
		    o);
}

void keep_ack(struct worker *w, struct attempt a, struct outbox *o)
{
	say(w, &(struct keeper_said){.word = KEEPER_ACK, .attempt = a}, o);
}

void keep_kill(struct worker *w, struct spooled *one, struct outbox *o)
{
	one->end_said = true;
	say(w,
	    &(struct keeper_said){.word = KEEPER_KILL,
				  .attempt = one->attempt,
				  .kill = {.force = one->end_force, .why = one->end_why}},
	    o);
}

/* --- spawning --- */

static bool starts_with(struct bytes text, const char *name)
{
	size_t len = strlen(name);

	return text.len >= len && memcmp(text.at, name, len) == 0;
}

/* The order's entries, but those that are ours to set; counted when `p` is NULL. Says whether `name` is among them. */
static uint32_t put_env(struct pack *p, struct bytes env, const char *name, bool *found)
{
	struct unpack u;
	uint32_t put = 0;

	unpack_init(&u, env);
	uint32_t count = unpack_array(&u, 0);
	for (uint32_t i = 0; i < count; i++) {
		struct bytes entry = unpack_text(&u, JOB_TEXT_MAX);

		if (starts_with(entry, "WITAN_"))
			continue;
		if (found != NULL && starts_with(entry, name))
			*found = true;
		if (p != NULL)
			pack_text(p, entry);
		put++;
	}
	must(unpack_err(&u) == OK);
	return put;
}

struct own_env {
	char entry[OWN_ENV][KEEPER_TEXT_MAX + 16];
	uint32_t count;
};

static __attribute__((format(printf, 2, 3))) void own(struct own_env *e, const char *format, ...)
{
	va_list list;

	must(e->count < OWN_ENV);
	va_start(list, format);
	int len = vsnprintf(e->entry[e->count], sizeof(e->entry[0]), format, list);
	va_end(list);
	must(len > 0);
	must((size_t)len < sizeof(e->entry[0]));
	e->count++;
}

static void own_unless(struct own_env *e, struct bytes env, const char *name, const char *value)
{
	bool found = false;

	put_env(NULL, env, name, &found);
	if (!found)
		own(e, "%s%s", name, value);
}

/* Small and known: who runs, where, and what the order gives; nothing of the agent's own. */
static void environment(const struct worker *w, const struct order *order, struct epoch epoch,
			const char *directory, struct buffer *out)
{
	struct own_env e = {0};
	struct pack p;

	own(&e, "WITAN_JOB=%s", id_text(order->attempt.job).s);
	own(&e, "WITAN_STEP=%u", order->attempt.step);
	own(&e, "WITAN_ATTEMPT=%u", order->attempt.number);
	own(&e, "WITAN_EPOCH=%llu.%llu", (unsigned long long)epoch.generation,
	    (unsigned long long)epoch.term);
	own(&e, "WITAN_NODE=%s", id_text(w->self).s);
	own(&e, "WITAN_NODE_NAME=%s", w->name);
	own_unless(&e, order->env, "PATH=", w->path);
	own_unless(&e, order->env, "HOME=", w->home[0] == '\0' ? directory : w->home);
	own_unless(&e, order->env, "LANG=", w->lang);
	pack_init(&p, out);
	pack_array(&p, e.count + put_env(NULL, order->env, NULL, NULL));
	for (uint32_t i = 0; i < e.count; i++)
		pack_str(&p, e.entry[i]);
	put_env(&p, order->env, NULL, NULL);
	must(pack_err(&p) == OK);
}

struct path {
	char s[KEEPER_TEXT_MAX];
};

static struct path path_of(const struct worker *w, struct attempt a, const char *name)
{
	struct path out;
	int len = snprintf(out.s, sizeof(out.s), "%s/%s", w->root, spool_name(a, name).s);

	must(len > 0);
	must((size_t)len < sizeof(out.s));
	return out;
}

void keep_spawn(struct worker *w, struct spooled *one, struct outbox *o)
{
	struct order order;
	struct buffer env;

	must(one->state == SPOOLED_TAKEN);
	must(w->keeper == KEEPER_KNOWN);
	enum err err = order_get(buffer_bytes(&one->order), &order);
	must(err == OK); /* it was read when it came */
	struct path work = path_of(w, one->attempt, "work"), out = path_of(w, one->attempt, "out"),
		    errs = path_of(w, one->attempt, "err");
	const char *directory = order.directory[0] == '\0' ? work.s : order.directory;
	one->fresh = order.directory[0] == '\0';
	one->unstarted = false;
	one->state = SPOOLED_STARTING;
	buffer_init(&env, KEEPER_FRAME_MAX);
	environment(w, &order, one->epoch, directory, &env);
	say(w,
	    &(struct keeper_said){
		    .word = KEEPER_SPAWN,
		    .attempt = one->attempt,
		    .spawn = {.on_lost = order.on_lost,
			      .kill_after_ms = order.kill_after_ms > 0 ? order.kill_after_ms
								       : w->kill_after_ms,
			      .timeout_ms = order.timeout_ms,
			      .max_output = order.max_output > 0 ? order.max_output : w->max_output,
			      .argv = order.command,
			      .env = buffer_bytes(&env),
			      .directory = directory,
			      .user = order.user[0] == '\0' ? w->user : order.user,
			      .out = out.s,
			      .err = errs.s,
			      .fresh = one->fresh}},
	    o);
	buffer_fini(&env);
}

/* --- its words --- */

static bool may_run(const struct spooled *one)
{
	return one->state == SPOOLED_TAKEN || one->state == SPOOLED_STARTING ||
	       one->state == SPOOLED_RUNNING;
}

/* It runs something: ours, or a stray that is killed (design: what the spool does not know of). */
static void holds(struct worker *w, const struct keeper_said *said, struct outbox *o)
{
	struct spooled *one = spool_find(&w->spool, said->attempt);

	if (one != NULL && may_run(one)) {
		one->listed = true;
		if (one->state != SPOOLED_RUNNING)
			run_started(w, one, said->holds.pid, o);
		return;
	}
	w->strays++;
	outbox_log(o, LOG_LEVEL_WARN,
		   "keeper runs what the spool does not know: killing job=%s attempt=%u",
		   id_text(said->attempt.job).s, said->attempt.number);
	say(w,
	    &(struct keeper_said){.word = KEEPER_KILL,
				  .attempt = said->attempt,
				  .kill = {.force = true, .why = "not in the spool"}},
	    o);
}

static void exited(struct worker *w, const struct keeper_said *said, struct outbox *o)
{
	struct spooled *one = spool_find(&w->spool, said->attempt);

	if (one != NULL && one->state == SPOOLED_CLOSING)
		return; /* told again: it is acknowledged when its status is on the disk */
	if (one == NULL || !may_run(one)) {
		if (w->keeper == KEEPER_KNOWN && w->strays > 0)
			w->strays--;
		keep_ack(w, said->attempt, o);
		return;
	}
	one->code = said->exited.code;
	one->signal = said->exited.signal;
	one->began_wall_us = said->exited.began_wall_us;
	one->ended_wall_us = said->exited.ended_wall_us;
	one->out_size = said->exited.out_size;
	one->err_size = said->exited.err_size;
	snprintf(one->why, sizeof(one->why), "%.*s", (int)sizeof(one->why) - 1, said->exited.why);
	one->lost = strcmp(one->why, KEEPER_WHY_LEASE) == 0 ||
		    strcmp(one->why, KEEPER_WHY_STOPPED) == 0;
	run_ended(w, one, o);
}

/* What this keeper does not hold: never started when it lives since before the order was taken, or when no keeper was
 * ever asked; else it went with an earlier keeper, and is never started again (invariant 6). */
static bool settle(struct worker *w, struct spooled *one, uint64_t born_us, struct outbox *o)
{
	if (one->unstarted || (one->state != SPOOLED_RUNNING && born_us < one->taken_us)) {
		one->state = SPOOLED_TAKEN;
		one->unstarted = true;
		return false;
	}
	one->state = SPOOLED_LOST;
	snprintf(one->why, sizeof(one->why), "lost with the keeper");
	buffer_clear(&one->order);
	follow_ended(&w->follow, one->attempt, w->now_us);
	outbox_log(o, LOG_LEVEL_WARN, "job lost with the keeper: job=%s attempt=%u",
		   id_text(one->attempt.job).s, one->attempt.number);
	return true;
}

static void whole(struct worker *w, const struct keeper_said *said, struct outbox *o)
{
	bool lost = false;

	if (said->whole.version != KEEPER_VERSION)
		outbox_log(o, LOG_LEVEL_WARN, "keeper is of another version: going on version=%u",
			   said->whole.version);
	w->keeper = KEEPER_KNOWN;
	w->keeper_fails = 0;
	w->keeper_inherited = said->whole.born_us < w->bond.began_us;
	for (uint32_t i = 0; i < w->spool.count; i++)
		if (may_run(w->spool.at[i]) && !w->spool.at[i]->listed)
			lost = settle(w, w->spool.at[i], said->whole.born_us, o) || lost;
	if (w->bond.lease_ends_us > said->whole.lease_ends_us)
		keep_lease(w, o);
	if (lost) /* the director learns it from our inventory, and its on_lost decides */
		bond_loosen(&w->bond, w->now_us);
	outbox_log(o, LOG_LEVEL_DEBUG, "keeper told all: count=%u strays=%u pid=%d",
		   said->whole.count, w->strays, (int)said->whole.pid);
}

static void heard(struct worker *w, struct bytes body, struct outbox *o)
{
	struct keeper_said said;
	struct spooled *one;
	enum err err = keeper_get(body, &said);

	if (err != OK) {
		outbox_log(o, LOG_LEVEL_WARN, "keeper was not understood: ignoring err=\"%s\"",
			   err_text(err));
		return;
	}
	one = said.word == KEEPER_WHOLE ? NULL : spool_find(&w->spool, said.attempt);
	switch (said.word) {
	case KEEPER_HOLDS:
		holds(w, &said, o);
		break;
	case KEEPER_EXITED:
		exited(w, &said, o);
		break;
	case KEEPER_WHOLE:
		whole(w, &said, o);
		break;
	case KEEPER_SPAWNED:
		if (one != NULL && one->state == SPOOLED_STARTING)
			run_started(w, one, said.holds.pid, o);
		break;
	case KEEPER_REFUSED:
		if (one == NULL || one->state != SPOOLED_STARTING)
			break;
		one->state = SPOOLED_TAKEN;
		one->unstarted = true;
		one->retry_us = w->now_us + SPAWN_AGAIN_US;
		outbox_log(o, LOG_LEVEL_WARN,
			   "keeper did not start it: trying again job=%s why=\"%s\"",
			   id_text(one->attempt.job).s, said.refused.why);
		break;
	case KEEPER_LIST:
	case KEEPER_LEASE:
	case KEEPER_SPAWN:
	case KEEPER_KILL:
	case KEEPER_ACK:
		outbox_log(o, LOG_LEVEL_WARN, "keeper said an agent's word: ignoring");
		break;
	}
}

void keep_event(struct worker *w, const struct event *e, struct outbox *o)
{
	if (e->keeper.body.len > 0) {
		if (w->keeper != KEEPER_ABSENT)
			heard(w, e->keeper.body, o);
		return;
	}
	if (e->keeper.up)
		return; /* it came because it was asked */
	if (w->keeper == KEEPER_ABSENT)
		return;
	if (w->keeper == KEEPER_KNOWN)
		outbox_log(o, LOG_LEVEL_WARN, "keeper was lost: asking for the next one");
	uint32_t doubles = w->keeper_fails < FAIL_DOUBLES ? w->keeper_fails : FAIL_DOUBLES;
	w->keeper = KEEPER_ABSENT;
	w->keeper_us = w->now_us + (FAIL_LOW_US << doubles);
	w->keeper_fails++;
}
