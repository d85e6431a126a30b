#include "sched/keeper.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "core/must.h"
#include "sched/keeper_wire.h"

#define CODE_NOT_EXECUTED 126 /* the shell's words for it */
#define CODE_NOT_FOUND    127
#define CODE_SIGNALLED    128
#define WHY_MAX           128u
#define FIRST_ROOM        16u
#define TIMEOUT_MAX_MS    (UINT64_MAX / 2000) /* a longer one is none */

/*   KEPT_FREE --spawn--> KEPT_STARTING --spawned--> KEPT_RUNNING --end_nicely--> KEPT_ENDING --end_now--> KEPT_KILLED
 *       ^                     | can not be                |                          |                       |
 *       |                     v executed                  v exited                   v exited                v exited
 *       +------ack------- KEPT_ENDED <--------------------+--------------------------+-----------------------+ */
enum kept_state {
	KEPT_FREE,
	KEPT_STARTING,
	KEPT_RUNNING,
	KEPT_ENDING, /* SIGTERM went out */
	KEPT_KILLED, /* SIGKILL went out */
	KEPT_ENDED,
};

struct kept {
	struct attempt attempt;
	enum kept_state state;
	enum on_lost on_lost;
	int32_t pid;
	uint32_t kill_after_ms;
	uint64_t timeout_us; /* when it is over; UINT64_MAX: never */
	uint64_t kill_us;    /* ENDING: when patience ends */
	bool asked;          /* while STARTING: end it as soon as it stands */
	bool force;
	int32_t code;
	int32_t signal;
	uint64_t began_wall_us;
	uint64_t ended_wall_us;
	uint64_t out_size;
	uint64_t err_size;
	char why[WHY_MAX];
};

struct keeper {
	uint64_t born_us;
	int32_t pid;
	uint64_t lease_ends_us; /* 0: there was none */
	uint32_t lease_ms;
	bool agent;
	bool stopping;
	bool exited;           /* EXIT went out */
	uint64_t alone_us;     /* no agent since */
	uint32_t alone_max_ms; /* how long that may last */
	struct kept *at;
	uint32_t room;
	char cgroup[KEEPER_TEXT_MAX - 32];
	struct buffer word;
};

struct keeper *keeper_open(const struct keeper_config *c)
{
	struct keeper *k = calloc(1, sizeof(*k));

	must(k != NULL);
	must(strlen(c->cgroup) < sizeof(k->cgroup));
	snprintf(k->cgroup, sizeof(k->cgroup), "%s", c->cgroup);
	k->born_us = c->now_us;
	k->pid = c->pid;
	k->alone_us = c->now_us;
	k->alone_max_ms = KEEPER_FIRST_MS;
	buffer_init(&k->word, KEEPER_FRAME_MAX);
	return k;
}

void keeper_close(struct keeper *k)
{
	if (k == NULL)
		return;
	buffer_fini(&k->word);
	free(k->at);
	free(k);
}

uint32_t keeper_count(const struct keeper *k)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < k->room; i++)
		count += k->at[i].state != KEPT_FREE;
	return count;
}

uint32_t keeper_running(const struct keeper *k)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < k->room; i++)
		count += k->at[i].state != KEPT_FREE && k->at[i].state != KEPT_ENDED;
	return count;
}

static struct kept *find(struct keeper *k, struct attempt attempt)
{
	for (uint32_t i = 0; i < k->room; i++)
		if (k->at[i].state != KEPT_FREE && attempt_same(k->at[i].attempt, attempt))
			return &k->at[i];
	return NULL;
}

/* A free place, cleared; NULL when KEPT_MAX are held. */
static struct kept *make(struct keeper *k)
{
	uint32_t i = 0;

	while (i < k->room && k->at[i].state != KEPT_FREE)
		i++;
	if (i == KEPT_MAX)
		return NULL;
	if (i == k->room) {
		uint32_t room = k->room == 0 ? FIRST_ROOM : k->room * 2;
		k->room = room < KEPT_MAX ? room : KEPT_MAX;
		k->at = realloc(k->at, k->room * sizeof(*k->at));
		must(k->at != NULL);
		memset(&k->at[i], 0, (k->room - i) * sizeof(*k->at));
	}
	k->at[i] = (struct kept){.timeout_us = UINT64_MAX};
	return &k->at[i];
}

/* --- words to the agent: lost when there is none, who comes next asks for all --- */

static void say(struct keeper *k, const struct keeper_said *said, struct outbox *o)
{
	if (!k->agent)
		return;
	buffer_clear(&k->word);
	enum err err = keeper_put(said, &k->word);
	must(err == OK);
	outbox_agent(o, buffer_bytes(&k->word));
}

static void say_exited(struct keeper *k, const struct kept *a, struct outbox *o)
{
	must(a->state == KEPT_ENDED);
	say(k,
	    &(struct keeper_said){.word = KEEPER_EXITED,
				  .attempt = a->attempt,
				  .exited = {.code = a->code,
					     .signal = a->signal,
					     .began_wall_us = a->began_wall_us,
					     .ended_wall_us = a->ended_wall_us,
					     .out_size = a->out_size,
					     .err_size = a->err_size,
					     .why = a->why}},
	    o);
}

static void say_pid(struct keeper *k, enum keeper_word word, const struct kept *a, struct outbox *o)
{
	say(k, &(struct keeper_said){.word = word, .attempt = a->attempt, .holds = {.pid = a->pid}},
	    o);
}

static void say_refused(struct keeper *k, struct attempt attempt, const char *why, struct outbox *o)
{
	say(k,
	    &(struct keeper_said){
		    .word = KEEPER_REFUSED, .attempt = attempt, .refused = {.why = why}},
	    o);
}

/* --- ending --- */

static void cgroup_of(const struct keeper *k, const struct kept *a, char out[KEEPER_TEXT_MAX])
{
	out[0] = '\0';
	if (k->cgroup[0] != '\0')
		snprintf(out, KEEPER_TEXT_MAX, "%s/slot-%u", k->cgroup, (unsigned)(a - k->at));
}

static void send_signal(const struct keeper *k, const struct kept *a, int signal, struct outbox *o)
{
	char cgroup[KEEPER_TEXT_MAX];

	must(a->pid > 0);
	cgroup_of(k, a, cgroup);
	outbox_kill(o, a->pid, signal, cgroup);
}

static void set_why(struct kept *a, const char *why)
{
	if (a->why[0] == '\0')
		snprintf(a->why, sizeof(a->why), "%.*s", (int)sizeof(a->why) - 1, why);
}

static void end_now(const struct keeper *k, struct kept *a, struct outbox *o)
{
	must(a->state == KEPT_RUNNING || a->state == KEPT_ENDING);
	a->state = KEPT_KILLED;
	send_signal(k, a, SIGKILL, o);
}

static void end_nicely(const struct keeper *k, struct kept *a, const char *why, uint64_t kill_us,
		       struct outbox *o)
{
	must(a->state == KEPT_RUNNING);
	set_why(a, why);
	a->state = KEPT_ENDING;
	a->kill_us = kill_us;
	send_signal(k, a, SIGTERM, o);
}

static uint64_t patience_us(const struct kept *a)
{
	return (uint64_t)a->kill_after_ms * 1000;
}

/* The agent's or the operator's wish, whatever state the attempt is in. */
static void end_asked(struct keeper *k, struct kept *a, bool force, const char *why, uint64_t now,
		      struct outbox *o)
{
	if (a->state == KEPT_STARTING) {
		set_why(a, why);
		a->asked = true;
		a->force |= force;
		return;
	}
	if (a->state == KEPT_RUNNING)
		end_nicely(k, a, why, now + patience_us(a), o);
	if (a->state == KEPT_ENDING && force)
		end_now(k, a, o);
}

static bool is_leased(const struct kept *a)
{
	return a->on_lost != ON_LOST_HOLD;
}

/* SIGTERM goes out so early that kill_after has passed at the end: but never before half of the lease. */
static uint64_t lease_term_us(const struct keeper *k, const struct kept *a)
{
	uint64_t half = (uint64_t)k->lease_ms * 1000 / 2;
	uint64_t early = patience_us(a) < half ? patience_us(a) : half;

	return k->lease_ends_us > early ? k->lease_ends_us - early : 0;
}

/* When this attempt is next to be looked at. */
static uint64_t due_us(const struct keeper *k, const struct kept *a)
{
	uint64_t due = UINT64_MAX;

	if (a->state == KEPT_RUNNING) {
		due = a->timeout_us;
		if (is_leased(a) && lease_term_us(k, a) < due)
			due = lease_term_us(k, a);
	} else if (a->state == KEPT_ENDING) {
		due = a->kill_us;
		if (is_leased(a) && k->lease_ends_us < due)
			due = k->lease_ends_us;
	}
	return due;
}

static void enforce(struct keeper *k, uint64_t now, struct outbox *o)
{
	for (uint32_t i = 0; i < k->room; i++) {
		struct kept *a = &k->at[i];

		if (now < due_us(k, a))
			continue;
		if (a->state == KEPT_RUNNING && now >= a->timeout_us)
			end_nicely(k, a, "timeout", now + patience_us(a), o);
		else if (a->state == KEPT_RUNNING)
			end_nicely(k, a, KEEPER_WHY_LEASE, k->lease_ends_us, o);
		if (a->state == KEPT_ENDING && now >= due_us(k, a))
			end_now(k, a, o);
	}
}

/* --- starting --- */

/* A packed array of texts as C strings: one allocation holds pointers and text. */
static const char **strings_of(struct bytes packed)
{
	struct unpack u;

	unpack_init(&u, packed);
	uint32_t count = unpack_array(&u, 0);
	const char **list = malloc((count + 1) * sizeof(*list) + packed.len + count);
	must(list != NULL);
	char *text = (char *)(list + count + 1);
	for (uint32_t i = 0; i < count; i++) {
		struct bytes one = unpack_text(&u, JOB_TEXT_MAX);

		list[i] = text;
		if (one.len > 0)
			memcpy(text, one.at, one.len);
		text[one.len] = '\0';
		text += one.len + 1;
	}
	list[count] = NULL;
	must(unpack_err(&u) == OK);
	return list;
}

static void emit_spawn(const struct keeper *k, const struct kept *a, const struct keeper_said *s,
		       struct outbox *o)
{
	char cgroup[KEEPER_TEXT_MAX];
	const char **argv = strings_of(s->spawn.argv);
	const char **env = strings_of(s->spawn.env);

	cgroup_of(k, a, cgroup);
	outbox_spawn(o, &(struct spawn){.token = (uint64_t)(a - k->at),
					.argv = argv,
					.env = env,
					.directory = s->spawn.directory,
					.user = s->spawn.user,
					.out = s->spawn.out,
					.err = s->spawn.err,
					.cgroup = cgroup,
					.max_output = s->spawn.max_output,
					.fresh = s->spawn.fresh});
	free(argv);
	free(env);
}

static void spawn(struct keeper *k, const struct keeper_said *s, const struct event *e,
		  struct outbox *o)
{
	struct kept *a = find(k, s->attempt);

	if (a != NULL) { /* invariant 1: told again what became of it */
		if (a->state == KEPT_ENDED)
			say_exited(k, a, o);
		else if (a->state != KEPT_STARTING)
			say_pid(k, KEEPER_SPAWNED, a, o);
		return;
	}
	if (k->stopping) {
		say_refused(k, s->attempt, "the keeper is stopping", o);
		return;
	}
	if (s->spawn.on_lost != ON_LOST_HOLD && e->now_us >= k->lease_ends_us) {
		say_refused(k, s->attempt, "no lease", o);
		return;
	}
	a = make(k);
	if (a == NULL) {
		say_refused(k, s->attempt, "the keeper holds too many", o);
		return;
	}
	a->attempt = s->attempt;
	a->state = KEPT_STARTING;
	a->on_lost = s->spawn.on_lost;
	a->kill_after_ms = s->spawn.kill_after_ms;
	a->began_wall_us = e->wall_us;
	if (s->spawn.timeout_ms > 0 && s->spawn.timeout_ms < TIMEOUT_MAX_MS)
		a->timeout_us = e->now_us + s->spawn.timeout_ms * 1000;
	emit_spawn(k, a, s, o);
}

static void not_spawned(struct kept *a, const struct event *e)
{
	const char *act =
		e->spawned.err == ERR_IO ? "could not be set up" : "could not be executed";

	a->state = KEPT_ENDED;
	a->code = e->spawned.err == ERR_NOT_FOUND ? CODE_NOT_FOUND : CODE_NOT_EXECUTED;
	a->ended_wall_us = e->wall_us;
	a->why[0] = '\0';
	snprintf(a->why, sizeof(a->why), "%s: %s", act, strerror(e->spawned.errnum));
}

static void spawned(struct keeper *k, const struct event *e, struct outbox *o)
{
	must(e->spawned.token < k->room);
	struct kept *a = &k->at[e->spawned.token];

	must(a->state == KEPT_STARTING);
	if (e->spawned.err != OK) {
		not_spawned(a, e);
		say_exited(k, a, o);
		return;
	}
	a->pid = e->spawned.pid;
	a->state = KEPT_RUNNING;
	say_pid(k, KEEPER_SPAWNED, a, o);
	if (a->asked)
		end_asked(k, a, a->force, a->why, e->now_us, o);
}

static void exited(struct keeper *k, const struct event *e, struct outbox *o)
{
	const int status = e->exited.status;

	for (uint32_t i = 0; i < k->room; i++) {
		struct kept *a = &k->at[i];

		if (a->pid != e->exited.pid || a->state < KEPT_RUNNING || a->state > KEPT_KILLED)
			continue;
		a->state = KEPT_ENDED;
		a->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
		a->code = a->signal != 0 ? CODE_SIGNALLED + a->signal : WEXITSTATUS(status);
		a->ended_wall_us = e->wall_us;
		a->out_size = e->exited.out_size;
		a->err_size = e->exited.err_size;
		say_exited(k, a, o);
		return;
	}
}

/* --- the agent's words --- */

static void list(struct keeper *k, struct outbox *o)
{
	for (uint32_t i = 0; i < k->room; i++) {
		const struct kept *a = &k->at[i];

		if (a->state == KEPT_ENDED)
			say_exited(k, a, o);
		else if (a->state != KEPT_FREE)
			say_pid(k, KEEPER_HOLDS, a, o);
	}
	say(k,
	    &(struct keeper_said){.word = KEEPER_WHOLE,
				  .whole = {.version = KEEPER_VERSION,
					    .born_us = k->born_us,
					    .lease_ends_us = k->lease_ends_us,
					    .count = keeper_count(k),
					    .pid = k->pid}},
	    o);
}

static void lease(struct keeper *k, const struct keeper_said *s)
{
	if (s->lease.ends_us <= k->lease_ends_us) /* invariant 4 */
		return;
	k->lease_ends_us = s->lease.ends_us;
	k->lease_ms = s->lease.lease_ms;
}

static void heard(struct keeper *k, const struct event *e, struct outbox *o)
{
	struct keeper_said said;
	enum err err = keeper_get(e->agent.body, &said);

	if (err != OK) {
		outbox_log(o, LOG_LEVEL_WARN,
			   "keeper did not understand its agent: ignoring err=%s", err_text(err));
		return;
	}
	switch (said.word) {
	case KEEPER_LIST:
		list(k, o);
		break;
	case KEEPER_LEASE:
		lease(k, &said);
		break;
	case KEEPER_SPAWN:
		spawn(k, &said, e, o);
		break;
	case KEEPER_KILL: {
		struct kept *a = find(k, said.attempt);
		if (a != NULL)
			end_asked(k, a, said.kill.force, said.kill.why, e->now_us, o);
		break;
	}
	case KEEPER_ACK: {
		struct kept *a = find(k, said.attempt);
		if (a != NULL && a->state == KEPT_ENDED)
			a->state = KEPT_FREE;
		break;
	}
	case KEEPER_HOLDS:
	case KEEPER_WHOLE:
	case KEEPER_SPAWNED:
	case KEEPER_REFUSED:
	case KEEPER_EXITED:
		outbox_log(o, LOG_LEVEL_WARN, "keeper was told a keeper's own word: ignoring");
		break;
	}
}

static void agent(struct keeper *k, const struct event *e, struct outbox *o)
{
	if (!e->agent.up) {
		k->agent = false;
		k->alone_us = e->now_us;
		k->alone_max_ms = KEEPER_LINGER_MS;
		return;
	}
	k->agent = true;
	if (e->agent.body.len > 0)
		heard(k, e, o);
}

static void stop(struct keeper *k, uint64_t now, struct outbox *o)
{
	if (!k->stopping)
		outbox_log(o, LOG_LEVEL_INFO, "keeper was told to stop: running=%u",
			   keeper_running(k));
	k->stopping = true;
	for (uint32_t i = 0; i < k->room; i++)
		if (k->at[i].state != KEPT_FREE && k->at[i].state != KEPT_ENDED)
			end_asked(k, &k->at[i], false, KEEPER_WHY_STOPPED, now, o);
}

static uint64_t exit_us(const struct keeper *k)
{
	if (keeper_running(k) > 0 || k->exited)
		return UINT64_MAX;
	if (k->stopping)
		return keeper_count(k) == 0 || !k->agent ? 0 : UINT64_MAX;
	if (k->agent)
		return UINT64_MAX;
	if (keeper_count(k) == 0 && k->alone_max_ms == KEEPER_LINGER_MS)
		return 0;
	return k->alone_us + (uint64_t)k->alone_max_ms * 1000;
}

void keeper_step(struct keeper *k, const struct event *e, struct outbox *o)
{
	if (e->kind == EVENT_AGENT)
		agent(k, e, o);
	else if (e->kind == EVENT_SPAWNED)
		spawned(k, e, o);
	else if (e->kind == EVENT_EXITED)
		exited(k, e, o);
	else if (e->kind == EVENT_SIGNAL && e->signal == SIGNAL_STOP)
		stop(k, e->now_us, o);
	enforce(k, e->now_us, o);
	if (e->now_us >= exit_us(k)) {
		k->exited = true;
		outbox_exit(o, 0);
	}
}

uint64_t keeper_deadline_us(const struct keeper *k)
{
	uint64_t least = exit_us(k);

	for (uint32_t i = 0; i < k->room; i++) {
		uint64_t due = due_us(k, &k->at[i]);

		if (due < least)
			least = due;
	}
	return least;
}
