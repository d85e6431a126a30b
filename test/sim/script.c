/* Scenarios: what happens when, and the lines expected of it.
 *
 *     hosts 5 schedulers 2 seed 7
 *     show failed
 *     at 10s kill 3
 *     until 40s
 *     ----
 *     [12.300] 1 all: 10.0.0.3 failed after 2.3 s, accused by 3
 *
 * `show TEXT` picks the entries whose first line holds it. Acts: start N, kill N, power N, keeper-kill N, freeze N
 * SECONDSs, stop N, cut A B, cut A all, heal, loss PERMILLE, full N. The expected lines are rewritten by `sim --script`
 * with SIM_REWRITE set in the environment: read the difference before you commit it. */
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
	unsigned hosts, schedulers;
	unsigned long long seed;
	uint64_t until_us;
	char *text;  /* the whole file */
	size_t head; /* of it, before the expected lines */
};

static void cut(struct sim *s, unsigned a, const char *from, bool on)
{
	for (uint32_t b = 1; b <= s->hosts; b++)
		if (b != a && (!strcmp(from, "all") || strtoul(from, NULL, 10) == b)) {
			wire_cut(s, a, b, on);
			wire_cut(s, b, a, on);
		}
}

static void act(struct sim *s, const char *text)
{
	char verb[32] = "", second[32] = "";
	unsigned n = 0;

	if (!strcmp(text, "heal")) {
		chaos_heal(s);
		return;
	}
	must(sscanf(text, "%31s %u %31s", verb, &n, second) >= 2);
	if (!strcmp(verb, "loss")) {
		s->loss_permille = n;
		return;
	}
	must(n >= 1);
	must(n <= s->hosts);
	struct host *h = &s->host[n - 1];
	if (!strcmp(verb, "start"))
		host_start(s, h);
	else if (!strcmp(verb, "kill"))
		host_kill(s, h);
	else if (!strcmp(verb, "power"))
		host_power(s, h);
	else if (!strcmp(verb, "keeper-kill"))
		keeper_kill(s, h);
	else if (!strcmp(verb, "freeze"))
		host_freeze(s, h, strtoull(second, NULL, 10) * 1000000);
	else if (!strcmp(verb, "stop"))
		host_signal(s, h, SIGNAL_STOP);
	else if (!strcmp(verb, "cut"))
		cut(s, n, second, true);
	else
		never("an act that nobody knows");
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

/* The entries' first lines that are shown. */
static char *seen(const struct script *p, const char *trace)
{
	char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);

	must(f);
	for (const char *at = trace; *at;) {
		size_t n = strcspn(at, "\n");
		bool shown = false;
		for (size_t i = 0; *at == '[' && i < p->shows; i++)
			shown = shown || memmem(at, n, p->show[i], strlen(p->show[i]));
		if (shown)
			fprintf(f, "%.*s\n", (int)n, at);
		at += n + (at[n] == '\n');
	}
	fclose(f);
	return out;
}

static void rewrite(const struct script *p, const char *path, const char *lines)
{
	FILE *f = fopen(path, "we");

	must(f);
	fwrite(p->text, 1, p->head, f);
	fputs(lines, f);
	fclose(f);
}

int script_run(const char *path, bool loud)
{
	struct script p;
	char *trace = NULL;
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
	for (uint32_t i = 1; i <= s->hosts; i++)
		sim_later(s, i * 1000, (struct happening){.kind = HAPPEN_START, .host = i});
	for (size_t i = 0; i < p.acts; i++)
		sim_later(s, p.act[i].at_us,
			  (struct happening){.kind = HAPPEN_SCRIPT,
					     .bytes = sim_copy(bytes_of(p.act[i].text, LINE_ROOM)),
					     .len = LINE_ROOM});
	bool good = sim_run(s, s->now_us + p.until_us);
	fclose(s->trace);
	char *lines = seen(&p, trace);
	if (!good) {
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
