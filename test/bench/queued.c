/* bench-queued WITAN NEW-DIRECTORY [COUNT]: what waiting jobs cost.
 *
 * A scheduler as it is installed, alone and with nobody to run jobs; COUNT jobs of 200 bytes of a user's text are handed in
 * over its local socket, hundreds under way at a time. Then the memory of its process, as the kernel counts it. A second
 * time each job has a key. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/ports.h"
#include "core/identity.h"
#include "core/must.h"
#include "sched/job_pack.h"

#define COUNT       100000u
#define UNDER_WAY   512u
#define TEXT_LEN    200u
#define PATIENCE_MS 30000
#define SETTLE_S    15

static pid_t scheduler;
static char root[PATH_MAX + 8];
static bool
	keys; /* each under one of its own, as `witan submit` makes it: a repeat is then known */

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void end_scheduler(void)
{
	if (scheduler > 0 && kill(scheduler, SIGKILL) == 0)
		waitpid(scheduler, NULL, 0);
	scheduler = 0;
}

__attribute__((format(printf, 1, 2))) static _Noreturn void give_up(const char *format, ...)
{
	va_list with;

	fputs("bench-queued: ", stderr);
	va_start(with, format);
	vfprintf(stderr, format, with);
	va_end(with);
	fputc('\n', stderr);
	end_scheduler();
	exit(1);
}

static const char *in_root(const char *name)
{
	static char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void write_file(const char *name, struct bytes text)
{
	FILE *f = fopen(in_root(name), "w");

	if (f == NULL || fwrite(text.at, 1, text.len, f) != text.len || fclose(f) != 0)
		give_up("%s can not be written", in_root(name));
}

static void start_scheduler(const char *witan)
{
	char data[PATH_MAX + 48], config[PATH_MAX + 48], port[40], log[PATH_MAX + 48];
	struct keyring ring;
	struct buffer text;
	uint8_t secret[32];

	randombytes_buf(secret, sizeof(secret));
	must(keyring_make(&ring, "bench", secret) == OK);
	buffer_init(&text, 4096);
	must(keyring_put(&ring, &text) == OK);
	write_file("keyring", buffer_bytes(&text));
	write_file("founder", BYTES("\n"));
	write_file("witan.conf", BYTES("\n"));
	buffer_fini(&text);
	snprintf(data, sizeof(data), "--data_dir=%s", root);
	snprintf(config, sizeof(config), "--config=%s/witan.conf", root);
	snprintf(log, sizeof(log), "--log=file:%s/log", root);
	snprintf(port, sizeof(port), "--private_port=%u", ports_free(23081));
	scheduler = fork();
	if (scheduler != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl(witan, witan, "scheduler", data, config, log, port, "--discovery=none",
	      "--in_process_worker=no", "--private_ip_selector=127.0.0.1/32", (char *)NULL);
	_exit(127);
}

static void connect_client(struct client *c)
{
	static struct config config;
	char why[CONFIG_WHY_MAX];
	double until = now_s() + PATIENCE_MS / 1e3;

	config_init(&config);
	if (config_set(&config, "socket", in_root("socket"), ORIGIN_FLAG, why) != OK)
		give_up("%s", why);
	while (client_open(c, &config) != 0) {
		if (now_s() > until)
			give_up("the scheduler does not answer: see %s", in_root("log"));
		usleep(20000);
	}
}

static void pack_submit(uint32_t number, struct buffer *out)
{
	struct submit s = {0};
	struct buffer argv, env;
	struct timespec t;
	uint8_t random[16];
	char text[TEXT_LEN - 4];
	const char *words[] = {"echo", text};

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	text[snprintf(text, sizeof(text), "job %u of a user's ", number)] = 't';
	buffer_init(&argv, JOB_TEXT_MAX);
	buffer_init(&env, JOB_TEXT_MAX);
	must(texts_put(words, 2, &argv) == OK);
	must(texts_put(NULL, 0, &env) == OK);
	s.task.command = buffer_bytes(&argv);
	s.task.env = buffer_bytes(&env);
	randombytes_buf(random, sizeof(random));
	clock_gettime(CLOCK_REALTIME, &t);
	if (keys)
		job_key_make((uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000, random,
			     s.key);
	buffer_clear(out);
	must(submit_put(&s, out) == OK);
	buffer_fini(&argv);
	buffer_fini(&env);
}

static void ask(struct client *c, uint32_t number, struct buffer *arguments)
{
	pack_submit(number, arguments);
	if (client_ask(c, CALL_SUBMIT, id_none, buffer_bytes(arguments)) == 0)
		give_up("%s", c->why);
}

/* The first is repeated until there is a director. */
static void await_director(struct client *c, struct buffer *arguments)
{
	double until = now_s() + PATIENCE_MS / 1e3;
	struct bytes body;

	pack_submit(0, arguments);
	while (client_call(c, CALL_SUBMIT, id_none, buffer_bytes(arguments), PATIENCE_MS, &body) !=
	       0) {
		if (now_s() > until)
			give_up("no director: %s", c->why);
		usleep(20000);
	}
}

static void submit_all(struct client *c, uint32_t count)
{
	struct buffer arguments;
	struct answer answer;
	uint64_t request;
	uint32_t asked = 1, answered = 1;

	buffer_init(&arguments, FRAME_MAX);
	await_director(c, &arguments);
	while (answered < count) {
		while (asked < count && asked < answered + UNDER_WAY)
			ask(c, asked++, &arguments);
		if (!client_answer(c, PATIENCE_MS, &request, &answer))
			give_up("no answer: %s", c->why);
		if (answer.code != 0)
			give_up("a job was refused: %.*s", (int)answer.why.len,
				(const char *)answer.why.at);
		answered++;
	}
	buffer_fini(&arguments);
}

/* MiB of a line of the kernel's summary. */
static double memory(const char *what)
{
	char path[64], line[128];
	unsigned long kib = 0;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)scheduler);
	FILE *f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, what, strlen(what)) == 0)
			kib = strtoul(line + strlen(what), NULL, 10);
	if (f != NULL)
		fclose(f);
	return (double)kib / 1024;
}

/* Once the node has given back what it needed for a moment only: the least of some seconds. */
static double settled_memory(void)
{
	double until = now_s() + SETTLE_S, least = memory("Pss:");

	while (now_s() < until) {
		double now = memory("Pss:");

		least = now < least ? now : least;
		usleep(250000);
	}
	return least;
}

static void measure(const char *witan, const char *directory, uint32_t count)
{
	const char *name = keys ? "keyed" : "queued";
	struct client c;
	double began, empty;

	snprintf(root, sizeof(root), "%s/%s", directory, name);
	if (mkdir(root, 0700) != 0)
		give_up("%s: %s", root, strerror(errno));
	start_scheduler(witan);
	connect_client(&c);
	empty = memory("Pss:");
	began = now_s();
	submit_all(&c, count);
	printf("figure jobs.%s.submit.rate %.0f 1/s\n", name, count / (now_s() - began));
	printf("figure jobs.%s_0.mib %.1f MiB\n", name, empty);
	printf("figure jobs.%s_%uk.at_once.mib %.1f MiB\n", name, count / 1000, memory("Pss:"));
	fflush(stdout);
	printf("figure jobs.%s_%uk.mib %.1f MiB\n", name, count / 1000, settled_memory());
	fflush(stdout);
	client_close(&c);
	end_scheduler();
}

int main(int argc, char **argv)
{
	char directory[PATH_MAX];

	if (argc < 3 || sodium_init() < 0 || mkdir(argv[2], 0700) != 0 ||
	    realpath(argv[2], directory) == NULL) {
		fputs("usage: bench-queued WITAN NEW-DIRECTORY [COUNT]\n", stderr);
		return 64;
	}
	for (int i = 0; i < 2; i++) {
		keys = i == 1;
		measure(argv[1], directory, argc > 3 ? (uint32_t)atoi(argv[3]) : COUNT);
	}
	return 0;
}
