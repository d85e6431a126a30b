/* `run` waits for its job and becomes it; `submit` only hands it in. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/follow.h"
#include "core/must.h"
#include "core/text.h"

#define SUBMIT_WAIT_MS 15000
#define RETRY_MS       100
#define NODE_BACK_MS   15000 /* how long a local node that went away is waited for */
#define ENV_MAX        64u

struct options {
	struct submit submit;
	const char *env[ENV_MAX];
	uint32_t env_count;
	bool no_wait; /* do not wait for a director */
};

/* `--name value` or `--name=value`; NULL when argv[*i] is another. */
static const char *value_of(const char *name, int argc, char **argv, int *i)
{
	size_t len = strlen(name);

	if (strncmp(argv[*i], name, len) != 0)
		return NULL;
	if (argv[*i][len] == '=')
		return argv[*i] + len + 1;
	if (argv[*i][len] == '\0' && *i + 1 < argc)
		return argv[++*i];
	return NULL;
}

static int set_text(char *to, size_t size, const char *name, const char *value)
{
	if (strlen(value) >= size)
		return fail(EXIT_USAGE, "%s is longer than %zu bytes", name, size - 1);
	memcpy(to, value, strlen(value) + 1);
	return EXIT_GOOD;
}

static int set_on_lost(struct task *task, const char *value)
{
	static const char *const words[] = {"restart", "fail", "hold"};

	for (uint32_t i = 0; i < 3; i++)
		if (!strcmp(words[i], value)) {
			task->on_lost = (enum on_lost)i;
			return EXIT_GOOD;
		}
	return fail(EXIT_USAGE, "--on-lost takes restart, fail or hold, not `%s`", value);
}

static int set_timeout(struct task *task, const char *value)
{
	if (text_to_duration(value, &task->timeout_ms) == OK) {
		task->timeout_ms /= 1000;
		return EXIT_GOOD;
	}
	return fail(EXIT_USAGE, "--timeout takes a time like 30s, 5m or 500ms, not `%s`", value);
}

static int set_priority(struct task *task, const char *value)
{
	if (text_to_u32(value, &task->priority) == OK && task->priority <= JOB_PRIORITY_MAX)
		return EXIT_GOOD;
	return fail(EXIT_USAGE, "--priority takes a number from 0 to %u, not `%s`",
		    JOB_PRIORITY_MAX, value);
}

/* The flags before the command; *i is left at its first word. */
static int read_flags(struct options *o, const char *command, int argc, char **argv, int *i)
{
	struct task *task = &o->submit.task;
	const char *v;

	for (int code; *i < argc && argv[*i][0] == '-'; ++*i) {
		code = EXIT_GOOD;
		if (!strcmp(argv[*i], "--")) {
			++*i;
			return EXIT_GOOD;
		}
		if (!strcmp(argv[*i], "--no-wait"))
			o->no_wait = true;
		else if ((v = value_of("--name", argc, argv, i)))
			code = set_text(task->name, sizeof(task->name), "--name", v);
		else if ((v = value_of("--key", argc, argv, i)))
			code = set_text(o->submit.key, sizeof(o->submit.key), "--key", v);
		else if ((v = value_of("--user", argc, argv, i)))
			code = set_text(task->user, sizeof(task->user), "--user", v);
		else if ((v = value_of("--directory", argc, argv, i)))
			code = set_text(task->directory, sizeof(task->directory), "--directory", v);
		else if ((v = value_of("--on-lost", argc, argv, i)))
			code = set_on_lost(task, v);
		else if ((v = value_of("--timeout", argc, argv, i)))
			code = set_timeout(task, v);
		else if ((v = value_of("--priority", argc, argv, i)))
			code = set_priority(task, v);
		else if ((v = value_of("--env", argc, argv, i)) && o->env_count < ENV_MAX &&
			 strchr(v, '='))
			o->env[o->env_count++] = v;
		else
			code = fail(EXIT_USAGE,
				    "`witan %s` does not know `%s`: see `witan help %s`", command,
				    argv[*i], command);
		if (code != EXIT_GOOD)
			return code;
	}
	return EXIT_GOOD;
}

static void fill_key(struct submit *s)
{
	uint8_t random[16];
	struct timespec t;

	if (s->key[0])
		return;
	randombytes_buf(random, sizeof(random));
	clock_gettime(CLOCK_REALTIME, &t);
	job_key_make((uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000, random, s->key);
}

static bool worth_another_try(int code)
{
	return code == EXIT_NO_DIRECTOR || code == EXIT_TIMEOUT;
}

/* Until it is accepted: the same key makes a repeat harmless. */
static int hand_in(struct client *c, const struct options *o, struct bytes arguments,
		   struct submitted *done)
{
	struct bytes body;
	bool said = false;

	for (;;) {
		int code = client_call(c, CALL_SUBMIT, id_none, arguments, SUBMIT_WAIT_MS, &body);
		if (code == EXIT_GOOD)
			return submitted_get(body, done) == OK
				       ? EXIT_GOOD
				       : fail(EXIT_OTHER, "the answer could not be read");
		bool gone = c->fd < 0;
		if (o->no_wait || (!gone && !worth_another_try(code)))
			return fail(code, "%s", c->why);
		if (!said)
			fprintf(stderr, "witan: %s; waiting\n", c->why);
		said = true;
		if (gone && !client_again(c, NODE_BACK_MS))
			return fail(code, "%s", c->why);
		poll(NULL, 0, RETRY_MS);
	}
}

/* Reads the command line and hands the job in. */
static int submit(const char *command, int argc, char **argv, struct client *c,
		  struct submitted *done)
{
	struct options o = {0};
	struct config config;
	struct buffer argv_packed, env_packed, arguments;
	char **rest = NULL;
	int count = 0, i = 0;
	int code = client_settings(&config, argc, argv, &rest, &count);

	buffer_init(&argv_packed, JOB_TEXT_MAX);
	buffer_init(&env_packed, JOB_TEXT_MAX);
	buffer_init(&arguments, FRAME_MAX);
	if (code == EXIT_GOOD)
		code = read_flags(&o, command, count, rest, &i);
	if (code == EXIT_GOOD && i >= count)
		code = fail(EXIT_USAGE, "no command: witan %s -- COMMAND…", command);
	fill_key(&o.submit);
	if (code == EXIT_GOOD &&
	    (texts_put((const char *const *)rest + i, (uint32_t)(count - i), &argv_packed) != OK ||
	     texts_put(o.env, o.env_count, &env_packed) != OK))
		code = fail(EXIT_USAGE, "the command is longer than %u KiB", JOB_TEXT_MAX >> 10);
	if (code == EXIT_GOOD) {
		o.submit.task.command = buffer_bytes(&argv_packed);
		o.submit.task.env = buffer_bytes(&env_packed);
		const char *wrong = submit_check(&o.submit);
		if (wrong)
			code = fail(EXIT_USAGE, "%s", wrong);
		else if (submit_put(&o.submit, &arguments) != OK)
			code = fail(EXIT_USAGE, "the job is longer than %u KiB",
				    JOB_TEXT_MAX >> 10);
	}
	if (code == EXIT_GOOD && (code = client_open(c, &config)) != EXIT_GOOD)
		fail(code, "%s", c->why);
	if (code == EXIT_GOOD)
		code = hand_in(c, &o, buffer_bytes(&arguments), done);
	buffer_fini(&argv_packed);
	buffer_fini(&env_packed);
	buffer_fini(&arguments);
	free(rest);
	return code;
}

int submit_command(int argc, char **argv)
{
	struct client c = {.fd = -1};
	struct submitted done;
	int code = submit("submit", argc, argv, &c, &done);

	if (code == EXIT_GOOD)
		puts(id_text(done.job).s);
	client_close(&c);
	return code;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

/* Ctrl-C: cancel, or let it run on? A second one means: let it. */
static bool asked_to_cancel(void)
{
	char answer[16] = "";

	if (!isatty(STDIN_FILENO))
		return true;
	interrupted = 0;
	fprintf(stderr, "\nwitan: cancel the job? [y: cancel, n: let it run on] ");
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	if (poll(&p, 1, -1) <= 0 || !fgets(answer, sizeof(answer), stdin))
		return false;
	return answer[0] == 'y' || answer[0] == 'Y';
}

static int stop_following(struct client *c, struct id job)
{
	struct buffer b;
	struct bytes body;
	char name[ID_TEXT_LEN + 1];
	int code = 130;

	if (!asked_to_cancel()) {
		fprintf(stderr, "\nwitan: the job runs on: witan logs -f %s\n",
			id_print(job, name));
		return code;
	}
	buffer_init(&b, 256);
	if (job_name_put(id_print(job, name), &b) == OK &&
	    client_call(c, CALL_JOB_CANCEL, id_none, buffer_bytes(&b), SUBMIT_WAIT_MS, &body) !=
		    EXIT_GOOD)
		fprintf(stderr, "witan: it could not be cancelled: %s\n", c->why);
	buffer_fini(&b);
	return code;
}

int run_command(int argc, char **argv)
{
	struct client c = {.fd = -1};
	struct submitted done;
	struct outcome outcome;
	struct sigaction catch = {.sa_handler = on_interrupt};
	int code = submit("run", argc, argv, &c, &done);

	if (code != EXIT_GOOD) {
		client_close(&c);
		/* A script must tell `the job failed with 1` from `run could not do its work`. */
		return code == EXIT_OTHER ? EXIT_RUN_FAILED : code;
	}
	sigaction(SIGINT, &catch, NULL);
	struct follow f = {.job = done.job, .until_end = true, .interrupted = &interrupted};
	code = follow(&c, &f, &outcome);
	if (code == 130) {
		code = stop_following(&c, done.job);
	} else if (code != EXIT_GOOD) {
		fail(code, "%s; the job goes on: witan logs -f %s", c.why, id_text(done.job).s);
	} else {
		code = outcome.code;
		if (outcome.state != JOB_DONE && outcome.state != JOB_EXECUTED && outcome.why[0])
			fprintf(stderr, "witan: the job %s: %s\n", job_state_name(outcome.state),
				outcome.why);
	}
	client_close(&c);
	return code;
}
