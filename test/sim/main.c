/* sim --seed N [--seeds COUNT] [--hosts N] [--schedulers N] [--seconds T] [--faults] [--loud]
 * sim --kept FILE       seeds that failed once, one a line: `SEED HOSTS SCHEDULERS SECONDS # why`
 * sim --script FILE…
 * sim --twins N         the birth of a store in bad weather, N times: never a second one
 * sim --grow N          N hosts started together: how long until all agree
 * sim --attach N        N workers attach again after a fail-over, and after a start of all schedulers
 * sim --daily HOURS     what every day brings: no alarm that is not due */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/must.h"
#include "test/sim/sim.h"

struct wish {
	uint64_t seed, seeds, hosts, schedulers, seconds;
	bool faults, loud, twice;
};

/* After the faults everything heals within this, or it does not heal. */
#define SETTLE_US UINT64_C(400000000)

static bool settle(struct sim *s, char why[200])
{
	uint64_t until = s->now_us + SETTLE_US;

	while (s->now_us < until) {
		if (!sim_run(s, s->now_us + 1000000))
			return false;
		if (check_settled(s, why))
			return true;
	}
	return false;
}

static bool life_of_a_cluster(const struct wish *w, uint64_t seed, uint64_t *hash)
{
	struct sim *s = sim_open(seed, (uint32_t)w->hosts, (uint32_t)w->schedulers);
	char why[200] = "";
	uint64_t end = s->now_us + w->seconds * 1000000;

	s->loud = w->loud;
	s->wish = (struct load_wish){.every_us = 2000000, .long_ms = 90000};
	if (w->faults)
		chaos_vary(s);
	s->wish.until_us = end;
	if (w->faults)
		change_begin(s, end);
	for (uint32_t i = 1; i <= s->hosts; i++)
		sim_later(s, rng_below(&s->rng, 500000),
			  (struct happening){.kind = HAPPEN_START, .host = i});
	load_begin(s, s->wish);
	if (w->faults)
		chaos_begin(s, end);
	bool good = sim_run(s, end + 13000000);
	if (good && w->faults)
		chaos_heal(s);
	uint64_t healed = s->now_us;
	good = good && settle(s, why);
	*hash = s->hash;
	if (s->broken)
		printf("seed %llu: at %.3f s: %s: %s\n", (unsigned long long)seed,
		       (double)s->now_us / 1e6, s->broken, s->broken_text);
	else if (!good)
		printf("seed %llu: did not settle: %s\n", (unsigned long long)seed, why);
	else if (w->seeds == 1)
		printf("seed %llu: %u jobs accepted, %u attempts started, settled after %llu s, "
		       "%llu "
		       "steps, %llu packets, history %016llx\n",
		       (unsigned long long)seed, load_accepted(s), household_started(s),
		       (unsigned long long)((s->now_us - healed) / 1000000),
		       (unsigned long long)s->steps, (unsigned long long)s->packets,
		       (unsigned long long)s->hash);
	sim_close(s);
	return good;
}

static int many_lives(const struct wish *w)
{
	uint64_t failed = 0;

	for (uint64_t i = 0; i < w->seeds; i++) {
		uint64_t hash = 0, again = 0;
		bool good = life_of_a_cluster(w, w->seed + i, &hash);
		/* The first of a run is lived twice: one seed, one history. */
		if (good && (w->twice || i == 0)) {
			struct wish silent = *w;
			silent.loud = false;
			silent.seeds = 2;
			good = life_of_a_cluster(&silent, w->seed + i, &again);
			if (good && hash != again) {
				printf("seed %llu: two histories: %016llx and %016llx\n",
				       (unsigned long long)(w->seed + i), (unsigned long long)hash,
				       (unsigned long long)again);
				good = false;
			}
		}
		failed += !good;
		if (i % 100 == 99)
			printf("sim: %llu seeds lived\n", (unsigned long long)i + 1);
		fflush(stdout);
	}
	printf("sim: %llu passed, %llu failed\n", (unsigned long long)(w->seeds - failed),
	       (unsigned long long)failed);
	return failed != 0;
}

static int kept(struct wish w, const char *path)
{
	unsigned long long seed, hosts, schedulers, seconds;
	FILE *f = path ? fopen(path, "re") : NULL;
	uint64_t failed = 0, hash;
	char line[512];

	if (!f) {
		fprintf(stderr, "sim: no seeds in %s\n", path ? path : "no file");
		return 1;
	}
	w.faults = true;
	w.seeds = 2;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llu %llu %llu %llu", &seed, &hosts, &schedulers, &seconds) != 4)
			continue;
		w.hosts = hosts;
		w.schedulers = schedulers;
		w.seconds = seconds;
		failed += !life_of_a_cluster(&w, seed, &hash);
	}
	fclose(f);
	printf("kept seeds: %s\n", failed ? "some failed" : "all passed");
	return failed != 0;
}

static int grow(const struct wish *w)
{
	struct sim *s = sim_open(w->seed, (uint32_t)w->hosts, (uint32_t)w->schedulers);
	struct timespec a, b;
	uint64_t began = s->now_us;

	s->loud = w->loud;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (uint32_t i = 1; i <= s->hosts; i++)
		sim_later(s, rng_below(&s->rng, 100000),
			  (struct happening){.kind = HAPPEN_START, .host = i});
	uint32_t agree = 0;
	while (agree < s->hosts && s->now_us < began + 60000000) {
		if (!sim_run(s, s->now_us + 100000))
			break;
		agree = check_views_agree(s);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("figure bootstrap.%llu.seconds %.1f s\n", (unsigned long long)w->hosts,
	       (double)(s->now_us - began) / 1e6);
	printf("%u of %u agree; %llu packets, %.1f s of this machine\n", agree, s->hosts,
	       (unsigned long long)s->packets,
	       (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
	bool good = agree == s->hosts && !s->broken;
	if (s->broken)
		printf("%s: %s\n", s->broken, s->broken_text);
	sim_close(s);
	return !good;
}

static int days(const struct wish *w, uint64_t hours)
{
	int bad = 0;

	for (uint64_t i = 0; i < w->seeds; i++)
		bad |= daily(w->seed + i, hours, w->loud);
	return bad;
}

static uint64_t number(const char *text)
{
	return text ? strtoull(text, NULL, 10) : 0;
}

int main(int argc, char **argv)
{
	struct wish w = {.seed = 1, .seeds = 1, .hosts = 7, .schedulers = 3, .seconds = 60};
	bool growing = false;
	uint64_t twins = 0, hours = 0;
	uint32_t crowded = 0;

	if (sodium_init() < 0)
		return 1;
	setlinebuf(stdout);
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i], *next = argv[i + 1];
		if (!strcmp(word, "--seed"))
			w.seed = number(next), i++;
		else if (!strcmp(word, "--seeds"))
			w.seeds = number(next), i++;
		else if (!strcmp(word, "--hosts"))
			w.hosts = number(next), i++;
		else if (!strcmp(word, "--schedulers"))
			w.schedulers = number(next), i++;
		else if (!strcmp(word, "--seconds"))
			w.seconds = number(next), i++;
		else if (!strcmp(word, "--faults"))
			w.faults = true;
		else if (!strcmp(word, "--loud"))
			w.loud = true;
		else if (!strcmp(word, "--twice"))
			w.twice = true;
		else if (!strcmp(word, "--kept"))
			return kept(w, next);
		else if (!strcmp(word, "--twins"))
			twins = number(next), i++;
		else if (!strcmp(word, "--grow"))
			growing = true, w.hosts = number(next), i++;
		else if (!strcmp(word, "--daily"))
			hours = number(next), i++;
		else if (!strcmp(word, "--attach"))
			crowded = (uint32_t)number(next), i++;
		else if (!strcmp(word, "--script")) {
			int bad = 0;
			for (i++; i < argc; i++)
				bad |= script_run(argv[i], w.loud);
			return bad;
		} else {
			fprintf(stderr, "sim: what is `%s`?\n", word);
			return 64;
		}
	}
	if (hours)
		return days(&w, hours);
	if (crowded)
		return crowd(w.seed, crowded, w.loud);
	if (twins)
		return births(w.seed, twins, w.loud) != 0;
	return growing ? grow(&w) : many_lives(&w);
}
