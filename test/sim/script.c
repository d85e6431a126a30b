/* Scenarios: what happens when, and the lines expected of it.
 *
 *     hosts 5 schedulers 2 seed 7
 *     config all lease_s 10
 *     show failed
 *     at 10s kill 3
 *     until 40s
 *     settled
 *     ----
 *     [12] h1: all: member failed: id=h3 after_ms=* accusers=3
 *
 * Before the first act: `config N|all NAME VALUE`, `asleep N` (starts when an act says so), `founder N` (0: nobody).
 * `show TEXT` picks the entries whose first line holds it. `settled`: at the end all agree, one directs, every job has
 * ended. N is a number, or `director`: whoever directs then. Acts:
 *
 *     level N L (its program knows the state's level L from its next start on),
 *     start N, stop N, kill N, power N, keeper-kill N, freeze N SECONDS, pause N SECONDS (its agent alone), full N, space N, slow N MS (its disk; 0: no
 *     more), one N MS (a job, handed in there),
 *     switch N [TO] (asked there: the director is to change), drill N (asked there: its loss is rehearsed),
 *     cut A B, cut A all, deaf A all (nobody reaches it), mute A all (it reaches nobody), power-all, start-all,
 *     confirm N A,B (a person at N confirms that A and B are lost),
 *     mend (the net), loss PERMILLE
 *
 * What is shown is made so that only what matters differs: seconds, hosts in their order within one, names for ids, and no
 * milliseconds. The expected lines are rewritten by `sim --script` with SIM_REWRITE set in the environment: read the
 * difference before you commit it. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "core/text.h"
#include "test/sim/sim.h"

#define ACTS_MAX  64u
#define SHOWS_MAX 8u
#define LINE_ROOM 256u

struct act {
	uint64_t at_us;
	char text[LINE_ROOM];
};

struct script {
	struct act act[ACTS_MAX];
	size_t acts;
	char show[SHOWS_MAX][LINE_ROOM];
	size_t shows;
	char setting[SHOWS_MAX][LINE_ROOM];
	size_t settings;
	unsigned asleep[SHOWS_MAX];
	size_t sleepers;
	unsigned hosts, schedulers, founder;
	unsigned long long seed;
	uint64_t until_us;
	bool settled;
	char *text;  /* the whole file */
	size_t head; /* of it, before the expected lines */
};

enum ways { OUT = 1, IN = 2 };

static void cut(struct sim *s, unsigned a, const char *from, enum ways ways)
{
	for (uint32_t b = 1; b <= s->hosts; b++) {
		if (b == a || (strcmp(from, "all") != 0 && strtoul(from, NULL, 10) != b))
			continue;
		if (ways & OUT)
			wire_cut(s, a, b, true);
		if (ways & IN)
			wire_cut(s, b, a, true);
	}
}

static void act_on_all(struct sim *s, const char *verb)
{
	for (uint32_t i = 0; i < s->hosts; i++)
		if (!strcmp(verb, "power-all"))
			host_power(s, &s->host[i]);
		else
			host_start(s, &s->host[i]);
}

static void act_on(struct sim *s, struct host *h, const char *verb, const char *second)
{
	uint64_t n = strtoull(second, NULL, 10);

	if (!strcmp(verb, "start"))
		host_start(s, h);
	else if (!strcmp(verb, "kill"))
		host_kill(s, h);
	else if (!strcmp(verb, "power"))
		host_power(s, h);
	else if (!strcmp(verb, "keeper-kill"))
		keeper_kill(s, h);
	else if (!strcmp(verb, "pause"))
		host_pause(s, h, n * 1000000);
	else if (!strcmp(verb, "freeze"))
		host_freeze(s, h, n * 1000000);
	else if (!strcmp(verb, "stop"))
		host_signal(s, h, SIGNAL_STOP);
	else if (!strcmp(verb, "switch"))
		switch_over(s, h, second);
	else if (!strcmp(verb, "drill"))
		drill(s, h);
	else if (!strcmp(verb, "full"))
		disk_full(h, true);
	else if (!strcmp(verb, "space"))
		disk_full(h, false);
	else if (!strcmp(verb, "level"))
		h->level = (uint32_t)n;
	else if (!strcmp(verb, "slow"))
		disk_slow(h, n * 1000);
	else if (!strcmp(verb, "one"))
		load_one(s, h->index, n, 0, ON_LOST_RESTART);
	else if (!strcmp(verb, "confirm"))
		person_begins(s, h, second);
	else if (!strcmp(verb, "cut"))
		cut(s, h->index, second, OUT | IN);
	else if (!strcmp(verb, "mute"))
		cut(s, h->index, second, OUT);
	else if (!strcmp(verb, "deaf"))
		cut(s, h->index, second, IN);
	else
		never("an act that nobody knows");
}

static void act(struct sim *s, const char *text)
{
	char verb[32] = "", whom[32] = "", second[32] = "";
	int words = sscanf(text, "%31s %31s %31s", verb, whom, second);
	uint32_t n = (uint32_t)strtoul(whom, NULL, 10);

	if (s->trace)
		fprintf(s->trace, "[%llu.000] 0 -- %s\n", (unsigned long long)(s->now_us / 1000000),
			text);
	if (!strcmp(verb, "mend")) {
		chaos_mend(s);
	} else if (words == 1) {
		act_on_all(s, verb);
	} else if (!strcmp(verb, "loss")) {
		s->loss_permille = n;
	} else {
		struct host *director = check_director(s);
		if (!strcmp(whom, "director")) {
			must(director);
			n = director->index;
		}
		must(n >= 1);
		must(n <= s->hosts);
		act_on(s, &s->host[n - 1], verb, second);
	}
}

void script_happens(struct sim *s, const struct happening *what)
{
	act(s, (const char *)what->bytes);
}

static bool read_line(struct script *p, const char *line)
{
	unsigned seconds = 0;
	int skip = 0;

	if (!*line || *line == '#')
		return true;
	if (sscanf(line, "hosts %u schedulers %u seed %llu", &p->hosts, &p->schedulers, &p->seed) ==
	    3)
		return true;
	if (sscanf(line, "founder %u", &p->founder) == 1)
		return true;
	if (p->sleepers < SHOWS_MAX && sscanf(line, "asleep %u", &p->asleep[p->sleepers]) == 1) {
		p->sleepers++;
		return true;
	}
	if (!strcmp(line, "settled")) {
		p->settled = true;
		return true;
	}
	if (!strncmp(line, "config ", 7) && p->settings < SHOWS_MAX) {
		snprintf(p->setting[p->settings++], LINE_ROOM, "%s", line + 7);
		return true;
	}
	if (sscanf(line, "until %us", &seconds) == 1) {
		p->until_us = seconds * UINT64_C(1000000);
		return true;
	}
	if (!strncmp(line, "show ", 5) && p->shows < SHOWS_MAX) {
		snprintf(p->show[p->shows++], LINE_ROOM, "%s", line + 5);
		return true;
	}
	if (sscanf(line, "at %us %n", &seconds, &skip) == 1 && skip && p->acts < ACTS_MAX) {
		struct act *a = &p->act[p->acts++];
		a->at_us = seconds * UINT64_C(1000000);
		snprintf(a->text, sizeof(a->text), "%s", line + skip);
		return true;
	}
	return false;
}

static bool script_read(struct script *p, const char *path)
{
	FILE *f = fopen(path, "re");
	char line[LINE_ROOM];
	size_t room = 1u << 20;
	bool good = true;

	memset(p, 0, sizeof(*p));
	p->founder = 1;
	if (!f)
		return false;
	p->text = calloc(1, room);
	must(p->text);
	size_t len = fread(p->text, 1, room - 1, f);
	fclose(f);
	p->text[len] = '\0';
	for (const char *at = p->text; good && *at;) {
		size_t n = strcspn(at, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)n, at);
		at += n + (at[n] == '\n');
		p->head = (size_t)(at - p->text);
		if (!strcmp(line, "----"))
			return p->hosts > 0;
		good = read_line(p, line);
		if (!good)
			fprintf(stderr, "%s: what is `%s`?\n", path, line);
	}
	return false;
}

/* --- what is shown --- */

/* An id by the name of whom it names: a host, or the job as it was handed in. */
static bool name_of(const struct sim *s, struct id id, char out[16])
{
	struct host *h = host_of_id((struct sim *)(uintptr_t)s, id);
	struct id job;

	if (h) {
		snprintf(out, 16, "h%u", h->index);
		return true;
	}
	for (uint32_t i = 0; i < load_offered(s); i++)
		if (load_job(s, i, &job) && id_same(job, id)) {
			snprintf(out, 16, "job%u", i + 1);
			return true;
		}
	return false;
}

static void write_plain(const struct sim *s, FILE *to, const char *at, size_t len)
{
	char text[ID_TEXT_LEN + 1], name[16];
	struct id id;

	for (size_t i = 0; i < len;) {
		if (len - i >= ID_TEXT_LEN) {
			snprintf(text, sizeof(text), "%.*s", ID_TEXT_LEN, at + i);
			if (id_parse(text, &id) == OK) {
				fputs(name_of(s, id, name) ? name : "ID", to);
				i += ID_TEXT_LEN;
				continue;
			}
		}
		fputc(at[i], to);
		if (i >= 3 && at[i] == '=' && !strncmp(at + i - 3, "_ms", 3)) {
			fputc('*', to);
			while (i + 1 < len && isdigit((unsigned char)at[i + 1]))
				i++;
		}
		i++;
	}
	fputc('\n', to);
}

struct line {
	unsigned long long second;
	unsigned host;
	size_t order;
	const char *at;
	size_t len;
};

static int line_order(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->second != y->second)
		return x->second < y->second ? -1 : 1;
	if (x->host != y->host)
		return x->host < y->host ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static bool is_shown(const struct script *p, const struct line *l)
{
	bool shown = l->host == 0;

	for (size_t i = 0; i < p->shows; i++)
		shown = shown || memmem(l->at, l->len, p->show[i], strlen(p->show[i]));
	return shown;
}

/* "[seconds.milliseconds] host text" */
static bool line_read(const char *at, size_t len, struct line *out)
{
	int skip = 0;

	if (sscanf(at, "[%llu.%*u] %u %n", &out->second, &out->host, &skip) < 2 || !skip)
		return false;
	out->at = at + skip;
	out->len = len - (size_t)skip;
	return true;
}

/* The entries' first lines that are shown. */
static char *seen(const struct script *p, const struct sim *s, const char *trace)
{
	struct line *line = NULL;
	size_t lines = 0, len = 0;
	char *out = NULL;
	FILE *f = open_memstream(&out, &len);

	must(f);
	for (const char *at = trace; *at;) {
		size_t n = strcspn(at, "\n");
		struct line l = {.order = lines};
		if (*at == '[' && line_read(at, n, &l) && is_shown(p, &l)) {
			line = realloc(line, (lines + 1) * sizeof(*line));
			must(line);
			line[lines++] = l;
		}
		at += n + (at[n] == '\n');
	}
	if (lines)
		qsort(line, lines, sizeof(*line), line_order);
	for (size_t i = 0; i < lines; i++) {
		fprintf(f, "[%llu] ", line[i].second);
		if (line[i].host)
			fprintf(f, "h%u: ", line[i].host);
		write_plain(s, f, line[i].at, line[i].len);
	}
	free(line);
	fclose(f);
	return out;
}

static void write_jobs(const struct sim *s, FILE *to)
{
	struct job job;
	struct id id;

	for (uint32_t i = 0; i < load_offered(s); i++) {
		if (!load_job(s, i, &id) || !truth_job(s, id, &job))
			fprintf(to, "[%llu.000] 0 job%u: not accepted\n",
				(unsigned long long)(s->now_us / 1000000), i + 1);
		else
			fprintf(to, "[%llu.000] 0 job%u: %s in attempt %u on %s\n",
				(unsigned long long)(s->now_us / 1000000), i + 1,
				job_state_name(job.state), job.number, id_text(job.worker).s);
	}
}

static void rewrite(const struct script *p, const char *path, const char *lines)
{
	FILE *f = fopen(path, "we");

	must(f);
	fwrite(p->text, 1, p->head, f);
	fputs(lines, f);
	fclose(f);
}

static void prepare(const struct script *p, struct sim *s)
{
	char whom[16], name[64], value[128], why[CONFIG_WHY_MAX];

	sim_found(s, p->founder);
	for (size_t i = 0; i < p->settings; i++) {
		must(sscanf(p->setting[i], "%15s %63s %127s", whom, name, value) == 3);
		for (uint32_t h = 0; h < s->hosts; h++)
			if (!strcmp(whom, "all") || strtoul(whom, NULL, 10) == h + 1) {
				enum err err = config_set(&s->host[h].config, name, value,
							  ORIGIN_FLAG, why);
				must(err == OK);
			}
	}
	for (uint32_t i = 1; i <= s->hosts; i++) {
		bool asleep = false;
		for (size_t k = 0; k < p->sleepers; k++)
			asleep = asleep || p->asleep[k] == i;
		if (!asleep)
			sim_later(s, i * 1000, (struct happening){.kind = HAPPEN_START, .host = i});
	}
}

int script_run(const char *path, bool loud)
{
	struct script p;
	char *trace = NULL, why[200] = "";
	size_t len = 0;
	int bad = 0;

	if (!script_read(&p, path)) {
		fprintf(stderr, "%s: not a scenario\n", path);
		free(p.text);
		return 1;
	}
	struct sim *s = sim_open(p.seed, p.hosts, p.schedulers);
	s->loud = loud;
	s->trace = open_memstream(&trace, &len);
	load_begin(s, (struct load_wish){0});
	prepare(&p, s);
	for (size_t i = 0; i < p.acts; i++)
		sim_later(s, p.act[i].at_us,
			  (struct happening){.kind = HAPPEN_SCRIPT,
					     .bytes = sim_copy(bytes_of(p.act[i].text, LINE_ROOM)),
					     .len = LINE_ROOM});
	bool good = sim_run(s, s->now_us + p.until_us);
	bool settled = !p.settled || check_settled(s, why);
	write_jobs(s, s->trace);
	fclose(s->trace);
	s->trace = NULL;
	char *lines = seen(&p, s, trace);
	if (good && !settled) {
		printf("%s: not settled: %s\n", path, why);
		bad = 1;
	} else if (!good) {
		printf("%s: %s: %s\n", path, s->broken, s->broken_text);
		bad = 1;
	} else if (getenv("SIM_REWRITE")) {
		rewrite(&p, path, lines);
	} else if (strcmp(lines, p.text + p.head) != 0) {
		printf("%s: the lines differ; these came:\n%s", path, lines);
		bad = 1;
	} else {
		printf("%s: as expected\n", path);
	}
	if (loud)
		fputs(trace, stdout);
	sim_close(s);
	free(trace);
	free(lines);
	free(p.text);
	return bad;
}
