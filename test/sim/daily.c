/* A day in the life of five machines: what every day brings, and no alarm that was not due.
 *
 * A timetable is drawn first: losses of a packet in a thousand or in a hundred, disks that are slow while the backup runs,
 * pauses as of a garbage collector or a busy hypervisor, clocks that are set; and, one at a time, a restart of every
 * node by hand, a switch that reboots, a machine that loses its power. An alarm is a line at warn or error, a leader that
 * changes, a member that failed, a worker that is gone. Each must be explained by what the timetable has at that time;
 * one that is not fails the day, with its line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "net/node_parts.h"
#include "sched/store/inside.h"
#include "test/sim/sim.h"

#define SECOND_US   UINT64_C(1000000)
#define MINUTE_US   (60 * SECOND_US)
#define HOUR_US     (60 * MINUTE_US)
#define DAILY_HOSTS 5u
#define SHOWN       20u /* alarms not due, on stdout */
#define SILENCE_US                                                                                 \
	(SECOND_US /                                                                               \
	 4) /* a shorter silence moves nothing: the shortest election timeout is 300 ms */
#define LEASE_US   (70 * SECOND_US)
#define BEGIN_US   MINUTE_US
#define SETTLED_US (10 * MINUTE_US)

enum alarm {
	ALARM_LEADER = 1, /* who leads is lost, or moved */
	ALARM_MEMBER = 2, /* failed, or all others did */
	ALARM_WORKER = 4, /* gone from the director */
	ALARM_OTHER = 8,  /* whatever else is at warn or error */
};

enum trouble_kind { PAUSE, BACKUP, CLOCK, RESTART, POWER, SWITCH, LOSS, TROUBLES };

struct trouble {
	enum trouble_kind kind;
	uint32_t host; /* 0: all */
	uint64_t from_us, for_us;
	uint64_t how;          /* as the kind says */
	uint64_t explained_us; /* until then */
	unsigned explains;     /* enum alarm, or-ed */
	bool spares;           /* it struck no voter: no leader moves for it */
};

struct daily {
	struct trouble *trouble;
	uint32_t count, room;
	uint32_t due, undue;
	uint32_t left_out; /* said by one that votes no more, and was not told */
};

static const char *const kind_name[TROUBLES] = {
	"pause", "slow disk", "clock set", "restart", "power lost", "switch reboots", "loss"};

/* --- the timetable --- */

static void plan(struct sim *s, struct trouble t)
{
	struct daily *d = s->daily;

	if (d->count == d->room) {
		d->room = d->room ? d->room * 2 : 64;
		d->trouble = realloc(d->trouble, d->room * sizeof(*d->trouble));
		must(d->trouble);
	}
	d->trouble[d->count] = t;
	sim_later(s, t.from_us - s->now_us,
		  (struct happening){.kind = HAPPEN_DAILY, .a = d->count++});
}

/* One after the other, each in a part of the day of its own. */
static void plan_hard(struct sim *s, uint64_t begin_us, uint64_t end_us)
{
	uint32_t order[DAILY_HOSTS + 2];
	uint64_t part = (end_us - begin_us) / (DAILY_HOSTS + 2);

	for (uint32_t i = 0; i < DAILY_HOSTS + 2; i++) {
		uint32_t k = (uint32_t)rng_below(&s->rng, i + 1);
		order[i] = order[k];
		order[k] = i;
	}
	for (uint32_t i = 0; i < DAILY_HOSTS + 2; i++) {
		uint64_t at = begin_us + i * part + rng_below(&s->rng, part / 3);
		uint32_t what = order[i];
		if (what < DAILY_HOSTS)
			plan(s, (struct trouble){
					.kind = RESTART,
					.host = what + 1,
					.from_us = at,
					.for_us = rng_between(&s->rng, SECOND_US, 10 * SECOND_US),
					.explains = ALARM_LEADER | ALARM_WORKER});
		else if (what == DAILY_HOSTS)
			plan(s, (struct trouble){.kind = SWITCH,
						 .from_us = at,
						 .for_us = 20 * SECOND_US,
						 .explains = ALARM_LEADER | ALARM_MEMBER |
							     ALARM_WORKER});
		else
			plan(s,
			     (struct trouble){
				     .kind = POWER,
				     .host = 1 + (uint32_t)rng_below(&s->rng, DAILY_HOSTS),
				     .from_us = at,
				     .for_us = rng_between(&s->rng, 10 * SECOND_US, 5 * MINUTE_US),
				     .explains = ALARM_LEADER | ALARM_MEMBER | ALARM_WORKER});
	}
}

static void plan_soft(struct sim *s, uint64_t begin_us, uint64_t end_us)
{
	uint64_t day = end_us - begin_us;

	for (uint32_t h = 1; h <= DAILY_HOSTS; h++) {
		plan(s, (struct trouble){.kind = BACKUP,
					 .host = h,
					 .from_us = begin_us + day / 12 + h * 7 * MINUTE_US,
					 .for_us = 5 * MINUTE_US,
					 .how = 200000});
		plan(s, (struct trouble){.kind = CLOCK,
					 .host = h,
					 .from_us = begin_us + rng_below(&s->rng, day),
					 .how = rng_below(&s->rng, 4 * SECOND_US)});
	}
	for (uint64_t at = begin_us; at < end_us;
	     at += rng_between(&s->rng, MINUTE_US, 8 * MINUTE_US)) {
		uint64_t length = rng_between(&s->rng, 100000, SECOND_US);
		plan(s, (struct trouble){.kind = PAUSE,
					 .host = 1 + (uint32_t)rng_below(&s->rng, DAILY_HOSTS),
					 .from_us = at,
					 .for_us = length,
					 .explains = length >= SILENCE_US ? ALARM_LEADER : 0});
	}
	for (uint64_t at = begin_us; at < end_us; at += HOUR_US / 2)
		plan(s, (struct trouble){
				.kind = LOSS, .from_us = at, .how = rng_between(&s->rng, 1, 10)});
}

/* --- what happens --- */

static void cut_all(struct sim *s, bool cut)
{
	for (uint32_t a = 1; a <= s->hosts; a++)
		for (uint32_t b = 1; b <= s->hosts; b++)
			wire_cut(s, a, b, cut);
}

static uint64_t grace_us(enum trouble_kind kind)
{
	switch (kind) {
	case PAUSE:
		return 5 * SECOND_US;
	case RESTART:
		return 30 * SECOND_US;
	case POWER:
	case SWITCH:
		return LEASE_US + 20 * SECOND_US;
	case BACKUP:
	case CLOCK:
	case LOSS:
	case TROUBLES:
		break;
	}
	return 0;
}

/* Whether the leader counts on it. */
static bool votes(struct sim *s, const struct host *h)
{
	const struct host *director = check_director(s);

	return !director ||
	       voters_find_node(&director->node->store->raft.voters, h->identity.id) != VOTERS_NONE;
}

static void begin(struct sim *s, struct trouble *t)
{
	struct host *h = t->host ? &s->host[t->host - 1] : NULL;

	t->spares = h && !votes(s, h);
	t->explained_us = s->now_us + t->for_us + grace_us(t->kind);
	if (s->loud)
		printf("[%llu.%03llu] -- %s, host %u, %.1f s\n",
		       (unsigned long long)(s->now_us / SECOND_US),
		       (unsigned long long)(s->now_us / 1000 % 1000), kind_name[t->kind], t->host,
		       (double)t->for_us / 1e6);
	switch (t->kind) {
	case PAUSE:
		host_freeze(s, h, t->for_us);
		break;
	case BACKUP:
		disk_slow(h, t->how);
		break;
	case CLOCK: /* forwards or backwards, by up to two seconds */
		h->wall_offset_us += t->how - 2 * SECOND_US;
		break;
	case RESTART:
		host_signal(s, h, SIGNAL_STOP);
		break;
	case POWER:
		host_power(s, h);
		break;
	case SWITCH:
		cut_all(s, true);
		break;
	case LOSS:
		s->loss_permille = s->stall_permille = (uint32_t)t->how;
		break;
	case TROUBLES:
		never("no trouble");
		break;
	}
	if (t->for_us)
		sim_later(s, t->for_us,
			  (struct happening){.kind = HAPPEN_DAILY,
					     .a = (uint64_t)(t - s->daily->trouble),
					     .b = true});
}

static void end(struct sim *s, const struct trouble *t)
{
	struct host *h = t->host ? &s->host[t->host - 1] : NULL;

	if (t->kind == BACKUP)
		disk_slow(h, 0);
	else if (t->kind == SWITCH)
		cut_all(s, false);
	else if (t->kind == RESTART || t->kind == POWER)
		host_start(s, h);
}

void daily_happens(struct sim *s, const struct happening *what)
{
	struct trouble *t = &s->daily->trouble[what->a];

	if (what->b)
		end(s, t);
	else
		begin(s, t);
}

/* --- what is said --- */

static unsigned alarm_of(const char *line, enum log_level level)
{
	static const struct {
		const char *begin;
		unsigned alarm;
	} said[] = {
		{"leadership moved", ALARM_LEADER},
		{"leader lost", ALARM_LEADER},
		{"directs no longer", ALARM_LEADER},
		{"director does not answer", ALARM_LEADER},
		{"director's stream", ALARM_LEADER},
		{"director stopped", ALARM_LEADER},
		{"batch was not committed", ALARM_LEADER},
		{"state moved", ALARM_LEADER},
		{"role is kept", ALARM_LEADER},
		{"member failed", ALARM_MEMBER},
		{"isolated", ALARM_MEMBER},
		{"worker disconnected", ALARM_WORKER},
		{"worker was lost", ALARM_WORKER},
		{"job lost", ALARM_WORKER},
	};

	if (strstr(line, "from=00000000-"))
		return 0; /* one that begins hears who leads: nothing moved */
	if (!strncmp(line, "state moved", 11) && level != LOG_LEVEL_WARN)
		return 0; /* back to normal */
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		if (!strncmp(line, said[i].begin, strlen(said[i].begin)))
			return said[i].alarm;
	return level == LOG_LEVEL_WARN || level == LOG_LEVEL_ERROR ? ALARM_OTHER : 0;
}

/* The host whose id the line names. */
static uint32_t about(struct sim *s, const char *line)
{
	static const char *const names[] = {" id=", " was=", " from="};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *at = strstr(line, names[i]);
		char text[ID_TEXT_LEN + 1];
		struct id id;
		if (!at)
			continue;
		snprintf(text, sizeof(text), "%s", at + strlen(names[i]));
		struct host *h = id_parse(text, &id) == OK ? host_of_id(s, id) : NULL;
		if (h)
			return h->index;
	}
	return 0;
}

static bool explains(const struct sim *s, const struct trouble *t, unsigned alarm, uint32_t speaker,
		     uint32_t subject)
{
	if (s->now_us < t->from_us || s->now_us > t->explained_us || !(t->explains & alarm))
		return false;
	return t->host == 0 || t->host == speaker || t->host == subject ||
	       (alarm == ALARM_LEADER && !t->spares);
}

void daily_logged(struct sim *s, struct host *h, const struct effect *e)
{
	struct daily *d = s->daily;
	unsigned alarm = alarm_of(e->log.text, e->log.level);
	uint32_t subject = about(s, e->log.text);

	if (!alarm || s->now_us < BEGIN_US)
		return;
	if (!strncmp(e->log.text, "leader lost", 11) && !votes(s, h)) {
		d->left_out++;
		return;
	}
	for (uint32_t i = 0; i < d->count; i++)
		if (explains(s, &d->trouble[i], alarm, h->index, subject)) {
			d->due++;
			return;
		}
	if (d->undue++ < SHOWN)
		printf("not due: [%llu.%03llu] %u %s\n",
		       (unsigned long long)(s->now_us / SECOND_US),
		       (unsigned long long)(s->now_us / 1000 % 1000), h->index, e->log.text);
}

/* --- the day --- */

static bool settle(struct sim *s, char why[200])
{
	uint64_t until = s->now_us + SETTLED_US;

	while (s->now_us < until) {
		if (!sim_run(s, s->now_us + SECOND_US))
			return false;
		if (check_settled(s, why))
			return true;
	}
	return false;
}

int daily(uint64_t seed, uint64_t hours, bool loud)
{
	/* Three schedulers and two workers; or two, and a witness among three. */
	struct sim *s = sim_open(seed, DAILY_HOSTS, seed % 2 ? 3 : 2);
	uint64_t end_us = s->now_us + hours * HOUR_US;
	char why[200] = "";

	s->loud = loud;
	s->daily = calloc(1, sizeof(*s->daily));
	must(s->daily);
	for (uint32_t i = 1; i <= s->hosts; i++)
		sim_later(s, rng_below(&s->rng, SECOND_US),
			  (struct happening){.kind = HAPPEN_START, .host = i});
	load_begin(s, (struct load_wish){.every_us = 20 * SECOND_US,
					 .until_us = end_us,
					 .long_ms = 60000,
					 .own_keys = true});
	plan_soft(s, s->now_us + 2 * MINUTE_US, end_us);
	plan_hard(s, s->now_us + 10 * MINUTE_US, end_us);
	bool good = sim_run(s, end_us + LEASE_US);
	s->loss_permille = s->stall_permille = 0;
	good = good && settle(s, why);
	if (s->broken)
		printf("daily %llu: at %.3f s: %s: %s\n", (unsigned long long)seed,
		       (double)s->now_us / 1e6, s->broken, s->broken_text);
	else if (!good)
		printf("daily %llu: did not settle: %s\n", (unsigned long long)seed, why);
	printf("daily %llu: %llu h, %u jobs, %u alarms due, %u not due, %u of the left out\n",
	       (unsigned long long)seed, (unsigned long long)hours, load_accepted(s), s->daily->due,
	       s->daily->undue, s->daily->left_out);
	good = good && s->daily->undue == 0;
	free(s->daily->trouble);
	free(s->daily);
	s->daily = NULL;
	sim_close(s);
	return !good;
}
