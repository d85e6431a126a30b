/* The proof of the store: lives by seed, schedules by name (test/README.md). */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "test/proof/life.h"
#include "test/proof/story.h"

static uint64_t seed_now;

/* Which life it was that broke a must. */
static void on_abort(int number)
{
	char text[80];
	int len = snprintf(text, sizeof(text), "seed %" PRIu64 ": aborted\n", seed_now);

	(void)number;
	if (len > 0 && write(STDERR_FILENO, text, (size_t)len) < 0)
		_exit(3);
	_exit(2);
}

static void show(const struct lives *l, clock_t began)
{
	double cpu = (double)(clock() - began) / CLOCKS_PER_SEC;

	printf("figure proof.lives %" PRIu64 "\n", l->lives);
	printf("figure proof.steps %" PRIu64 "\n", l->steps);
	printf("figure proof.elections %" PRIu64 "\n", l->elections);
	printf("figure proof.acknowledged %" PRIu64 "\n", l->acked);
	printf("figure proof.unknown %" PRIu64 "\n", l->unknown);
	printf("figure proof.client_operations %" PRIu64 "\n", l->ops);
	printf("figure proof.client_given_up %" PRIu64 "\n", l->given_up);
	printf("figure proof.sets_changed %" PRIu64 "\n", l->changes);
	printf("figure proof.snapshots %" PRIu64 "\n", l->snapshots);
	printf("figure proof.disks_lost %" PRIu64 "\n", l->disks_lost);
	printf("figure proof.disks_put_back %" PRIu64 "\n", l->put_back);
	printf("figure proof.disks_copied %" PRIu64 "\n", l->copied);
	printf("figure proof.ended_in_order %" PRIu64 "\n", l->orderly);
	printf("figure proof.left %" PRIu64 "\n", l->left);
	printf("figure proof.joined %" PRIu64 "\n", l->joined);
	printf("figure proof.cpu %.1f s\n", cpu);
}

static int live(uint64_t seed, uint64_t seeds, uint32_t nodes, bool loud, bool on)
{
	struct lives sum = {0};
	clock_t began = clock();
	uint64_t bad = 0;

	for (seed_now = seed; seed_now < seed + seeds; seed_now++)
		if (life_run(seed_now, nodes, loud, &sum) != NULL && ++bad > 0 && !on)
			break;
	show(&sum, began);
	printf("%" PRIu64 " lives, %" PRIu64 " broken\n", sum.lives, bad);
	return bad > 0;
}

static int tell(const char *name, bool loud)
{
	uint32_t bad = 0, played = 0;

	for (uint32_t i = 0; i < story_count; i++) {
		const char *breach;

		if (strcmp(name, "all") != 0 && strcmp(name, stories[i].name) != 0)
			continue;
		breach = story_run(&stories[i], loud);
		printf("%-8s %s%s%s\n", breach == NULL ? "ok" : "BROKEN", stories[i].name,
		       breach == NULL ? "" : ": ", breach == NULL ? "" : breach);
		bad += breach != NULL;
		played++;
	}
	printf("%u schedules, %u broken\n", played, bad);
	return bad > 0 || played == 0;
}

static int names(void)
{
	for (uint32_t i = 0; i < story_count; i++)
		puts(stories[i].name);
	return 0;
}

static int usage(const char *name)
{
	fprintf(stderr,
		"usage: %s [--seed N] [--seeds M] [--nodes 3|5|7] [--go-on] [--loud]\n"
		"       %s --schedule NAME|all [--loud]\n"
		"       %s --names\n"
		"--go-on: a broken life does not end it\n",
		name, name, name);
	return 64;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"seed", required_argument, NULL, 's'},  {"seeds", required_argument, NULL, 'n'},
		{"nodes", required_argument, NULL, 'k'}, {"loud", no_argument, NULL, 'l'},
		{"go-on", no_argument, NULL, 'g'},       {"schedule", required_argument, NULL, 'd'},
		{"names", no_argument, NULL, 'a'},       {NULL, 0, NULL, 0},
	};
	uint64_t seed = 1, seeds = 1;
	const char *schedule = NULL;
	uint32_t nodes = 0;
	bool loud = false, on = false;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGABRT, on_abort);
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 's')
			seed = strtoull(optarg, NULL, 10);
		else if (c == 'n')
			seeds = strtoull(optarg, NULL, 10);
		else if (c == 'k')
			nodes = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'd')
			schedule = optarg;
		else if (c == 'a')
			return names();
		else if (c == 'l')
			loud = true;
		else if (c == 'g')
			on = true;
		else
			return usage(argv[0]);
	}
	if (optind != argc || (nodes != 0 && (nodes < 3 || nodes > NODES_MAX - 2)))
		return usage(argv[0]);
	if (schedule != NULL)
		return tell(schedule, loud);
	return live(seed, seeds, nodes, loud, on);
}
