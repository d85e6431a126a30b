/* bench-store DIRECTORY [ROUNDS]: how quickly the store commits.
 *
 * Three voters, each a process with the whole node behind its real doors (sealed channels, synced logs), and beside them
 * in every round what the machine can do at most, and etcd. Rounds are interleaved and medians told, for the machine may
 * be shared: compare with the ceilings of the same run. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/ports.h"
#include "core/must.h"
#include "test/bench/bench.h"

#define ROUNDS_MAX   31u
#define READY_MAX_US 30000000u
#define KEYS         4096u   /* rows of the state */
#define KEYS_LARGE   400000u /* and of a large one */
#define FILL_MAX_US  60000000u
#define ENTRIES      1000000u /* of the log that is read at a restart */
#define RESTARTS     3u

struct figures {
	double rate[ROUNDS_MAX], p50[ROUNDS_MAX], p99[ROUNDS_MAX];
	uint32_t count;
};

static pid_t parent;
static pid_t voter[BENCH_VOTERS];
static struct etcd etcd;

uint64_t bench_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void end_voters(void)
{
	for (uint32_t i = 0; i < BENCH_VOTERS; i++)
		if (voter[i] > 0 && kill(voter[i], SIGKILL) == 0)
			waitpid(voter[i], NULL, 0);
}

void bench_fail(const char *format, ...)
{
	va_list with;

	fputs("bench-store: ", stderr);
	va_start(with, format);
	vfprintf(stderr, format, with);
	va_end(with);
	fputc('\n', stderr);
	if (getpid() == parent) {
		end_voters();
		etcd_stop(&etcd);
	}
	_exit(1);
}

struct stage *stage_open(void)
{
	struct stage *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(s != MAP_FAILED);
	return s;
}

/* ---- figures ---- */

static int up(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int up_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double median(double *of, uint32_t count)
{
	qsort(of, count, sizeof(*of), up);
	return of[count / 2];
}

static void note(struct figures *f, struct load *l)
{
	if (l->count == 0)
		bench_fail("a round brought nothing");
	qsort(l->sample, l->count, sizeof(l->sample[0]), up_u32);
	f->rate[f->count] = (double)l->count * 1e6 / (double)l->took_us;
	f->p50[f->count] = l->sample[l->count / 2] / 1e3;
	f->p99[f->count] = l->sample[l->count - 1 - l->count / 100] / 1e3;
	f->count++;
}

static void show(struct figures *f, const char *name)
{
	if (f->count == 0)
		return;
	printf("figure %s.rate %.0f 1/s\n", name, median(f->rate, f->count));
	printf("figure %s.p50 %.3f ms\n", name, median(f->p50, f->count));
	printf("figure %s.p99 %.3f ms\n", name, median(f->p99, f->count));
}

/* ---- the voters ---- */

static pid_t start_voter(const struct voter_start *start)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	_exit(voter_run(start));
}

static void start_voters(const char *directory, const struct keyring *ring, struct stage *stage)
{
	struct voter_start start = {.ring = ring, .stage = stage};
	uint16_t port[BENCH_VOTERS], next = 19081;
	char seeds[96], root[PATH_MAX + 8], path[PATH_MAX + 24];

	for (uint32_t i = 0; i < BENCH_VOTERS; i++)
		next = (uint16_t)((port[i] = ports_free(next)) + 1);
	snprintf(seeds, sizeof(seeds), "127.0.0.1:%u,127.0.0.1:%u,127.0.0.1:%u", port[0], port[1],
		 port[2]);
	for (uint32_t i = 0; i < BENCH_VOTERS; i++) {
		snprintf(root, sizeof(root), "%s/v%u", directory, i);
		if (mkdir(root, 0700) != 0)
			bench_fail("%s: %s", root, strerror(errno));
		snprintf(path, sizeof(path), "%s/founder", root);
		FILE *mark = i == 0 ? fopen(path, "w") : NULL;
		if (mark != NULL)
			fclose(mark);
		start.number = i;
		start.port = port[i];
		start.seeds = seeds;
		start.root = root;
		voter[i] = start_voter(&start);
	}
}

static void await_ready(const char *directory, struct stage *s)
{
	uint64_t until = bench_now_us() + READY_MAX_US;

	while (atomic_load(&s->ready) == 0) {
		if (bench_now_us() > until)
			bench_fail("three voters do not come together: see %s/v0.log", directory);
		usleep(1000);
	}
}

/* From the start of the process until it leads and has applied all. */
static void measure_restart(const char *directory, const struct keyring *ring, struct stage *s)
{
	struct voter_start start = {.ring = ring, .stage = s, .alone = true};
	char root[PATH_MAX + 8];
	double took[RESTARTS];

	snprintf(root, sizeof(root), "%s/million", directory);
	restart_prepare(root, ring, voter_id(0), ENTRIES);
	start.root = root;
	start.seeds = "127.0.0.1:1";
	for (uint32_t i = 0; i < RESTARTS; i++) {
		uint64_t began = bench_now_us();

		start.port = ports_free(19081);
		atomic_store(&s->ready, 0);
		voter[0] = start_voter(&start);
		await_ready(root, s);
		took[i] = (double)(bench_now_us() - began) / 1e6;
		end_voters();
	}
	printf("figure store.restart %.2f s\n", median(took, RESTARTS));
}

static void load_store(struct stage *s, uint32_t keys, uint32_t flight, uint64_t measure_us)
{
	uint64_t until = bench_now_us() + 10 * measure_us + 10000000;

	s->load.keys = keys;
	s->load.flight = flight;
	s->load.warm_us = measure_us / 5;
	s->load.measure_us = measure_us;
	atomic_fetch_add(&s->asked, 1);
	while (atomic_load(&s->done) != atomic_load(&s->asked)) {
		if (bench_now_us() > until)
			bench_fail("the leader was lost under load");
		usleep(1000);
	}
}

/* With a state of some 110 MiB: what snapshots of it cost those who commit meanwhile, and how long they hold the loop. */
static void measure_large(struct stage *s)
{
	struct figures f = {.count = 0};
	uint64_t largest = 0, until = bench_now_us() + FILL_MAX_US;

	for (uint64_t written = 0; written < KEYS_LARGE; written += s->load.count) {
		if (bench_now_us() > until)
			return;
		load_store(s, KEYS_LARGE, 256, 1000000);
	}
	for (uint32_t i = 0; i < 5; i++) {
		load_store(s, KEYS_LARGE, 16, 1000000);
		largest = s->load.largest_us > largest ? s->load.largest_us : largest;
		note(&f, &s->load);
	}
	show(&f, "store.large.16");
	printf("figure store.large.step %.1f ms\n", (double)largest / 1e3);
}

/* ---- what is beside them ---- */

/* Three at one time, as three voters would; the first one's samples count. */
static void measure_sync(const char *directory, struct stage *s, uint64_t measure_us)
{
	pid_t pid[BENCH_VOTERS];
	struct load *others = mmap(NULL, sizeof(*others), PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(others != MAP_FAILED);
	s->load.count = 0;
	s->load.measure_us = s->load.took_us = others->measure_us = measure_us;
	for (uint32_t i = 0; i < BENCH_VOTERS; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			ceiling_sync(directory, i == 0 ? &s->load : others);
			_exit(0);
		}
	}
	for (uint32_t i = 0; i < BENCH_VOTERS; i++)
		waitpid(pid[i], NULL, 0);
	munmap(others, sizeof(*others));
}

static void measure_rtt(struct stage *s, uint64_t measure_us)
{
	s->load.count = 0;
	s->load.measure_us = s->load.took_us = measure_us;
	ceiling_rtt(&s->load);
}

static void measure_etcd(struct stage *s, uint32_t flight, uint64_t measure_us)
{
	s->load.count = 0;
	s->load.flight = flight;
	s->load.warm_us = measure_us / 5;
	s->load.measure_us = measure_us;
	etcd_load(&etcd, &s->load);
}

int main(int argc, char **argv)
{
	static struct figures store[3], beside[3], sync, rtt;
	static const uint32_t flight[3] = {1, 16, 256}, conns[3] = {1, 16, 64};
	const char *directory = argc > 1 ? argv[1] : "build/bench-store";
	uint32_t rounds = argc > 2 ? (uint32_t)atoi(argv[2]) : 7;
	uint64_t measure_us = argc > 3 ? (uint64_t)atoi(argv[3]) * 1000 : 700000;
	struct stage *s = stage_open();
	char root[PATH_MAX], name[40];
	static struct keyring ring;
	uint8_t secret[32];

	parent = getpid();
	if (rounds == 0 || rounds > ROUNDS_MAX || sodium_init() < 0 ||
	    mkdir(directory, 0700) != 0 || realpath(directory, root) == NULL)
		bench_fail("usage: bench-store NEW-DIRECTORY [ROUNDS [MS]]");
	randombytes_buf(secret, sizeof(secret));
	must(keyring_make(&ring, "bench", secret) == OK);
	measure_restart(root, &ring, s);
	bool has_etcd = !getenv("NO_ETCD") && etcd_start(&etcd, root);
	start_voters(root, &ring, s);
	await_ready(root, s);
	for (uint32_t r = 0; r < rounds; r++) {
		measure_sync(root, s, measure_us / 4);
		note(&sync, &s->load);
		measure_rtt(s, measure_us / 4);
		note(&rtt, &s->load);
		for (uint32_t i = 0; i < 3; i++) {
			load_store(s, KEYS, flight[i], measure_us);
			note(&store[i], &s->load);
			if (!has_etcd)
				continue;
			measure_etcd(s, conns[i], measure_us);
			note(&beside[i], &s->load);
		}
	}
	show(&sync, "ceiling.fdatasync");
	show(&rtt, "ceiling.rtt");
	for (uint32_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "store.commit.%u", flight[i]);
		show(&store[i], name);
		snprintf(name, sizeof(name), "etcd.commit.%u", conns[i]);
		show(&beside[i], name);
	}
	measure_large(s);
	if (!has_etcd)
		printf("skipped: etcd is not installed (Debian: etcd-server)\n");
	end_voters();
	etcd_stop(&etcd);
	return 0;
}
