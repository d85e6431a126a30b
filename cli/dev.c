/* `witan dev`: a whole cluster on this machine, in the foreground.
 *
 * Every node is a process of its own, as it would be elsewhere, on ports of its own on the loopback. Ours only starts
 * them, keeps their logs, repeats what matters, and ends them: it adopts what they leave behind (a keeper with its
 * children outlives its agent), so that nothing is left when it is gone. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/files.h"
#include "cli/keys.h"
#include "cli/orphans.h"
#include "cli/ports.h"
#include "cli/steady.h"
#include "core/call.h"
#include "core/limits.h"
#include "core/must.h"
#include "core/text.h"

#define NODES_MAX  32u
#define FIRST_PORT 18081u
#define ORDERLY_MS 5000 /* from SIGTERM to SIGKILL */
#define LEFT_MS    5000 /* to gather what was left behind */
#define ARGS_MAX   (SETTINGS + 16u)
#define SELECTOR   "--private_ip_selector=127.0.0.1/32"

/*   node_start          it ended (reap): told once
 *   RUNS ------------------------------> ENDED   */
struct dev_node {
	char name[8];
	const char *role;
	uint16_t port;
	pid_t pid; /* 0: ENDED */
	int pipe;  /* its stderr; -1: closed */
	int log;
	char line[LOG_LINE_MAX];
	size_t line_len;
};

struct dev {
	struct config *config;
	char program[PATH_MAX];
	char dir[PATH_MAX];
	char seeds[NODES_MAX * 24];
	struct dev_node node[NODES_MAX];
	uint32_t schedulers, workers, count;
	int signals;
	int lock;
	bool ending;
};

/* --- what was asked for --- */

static int read_count(const char *name, const char *value, uint32_t least, uint32_t *out)
{
	uint64_t v;

	if (text_to_u64(value, &v) != OK || v < least || v > NODES_MAX / 2)
		return fail(EXIT_USAGE, "%s takes a number from %u to %u, not `%s`", name, least,
			    NODES_MAX / 2, value);
	*out = (uint32_t)v;
	return EXIT_GOOD;
}

static int read_words(struct dev *d, int count, char **rest)
{
	d->schedulers = 2;
	d->workers = 3;
	for (int i = 0; i < count; i++) {
		bool schedulers = !strncmp(rest[i], "--schedulers", 12);
		const char *name = schedulers ? "--schedulers" : "--workers";
		size_t len = strlen(name);
		const char *value = NULL;

		if (!strncmp(rest[i], name, len) && rest[i][len] == '=')
			value = rest[i] + len + 1;
		else if (!strcmp(rest[i], name) && i + 1 < count)
			value = rest[++i];
		if (!value)
			return fail(EXIT_USAGE,
				    "`witan dev` takes --schedulers, --workers and settings, not "
				    "`%s`",
				    rest[i]);
		int code = read_count(name, value, schedulers ? 1 : 0,
				      schedulers ? &d->schedulers : &d->workers);
		if (code != EXIT_GOOD)
			return code;
	}
	return EXIT_GOOD;
}

/* --- the place --- */

static int choose_directory(struct dev *d)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char named[PATH_MAX];

	if (d->config->data_dir[0])
		snprintf(named, sizeof(named), "%s", d->config->data_dir);
	else if (runtime && runtime[0] && access(runtime, W_OK) == 0)
		snprintf(named, sizeof(named), "%.4000s/witan-dev", runtime);
	else
		snprintf(named, sizeof(named), "witan-dev");
	if (directory_make(named, 0700) != OK || !realpath(named, d->dir))
		return fail(EXIT_CONFIG, "%s can not be made: %s", named, strerror(errno));
	if (strlen(d->dir) + strlen("/s32/socket") > CONFIG_SOCKET_MAX)
		return fail(EXIT_CONFIG, "%s is too long for a socket in it: give --data_dir",
			    d->dir);
	d->lock = open(d->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->lock < 0 || flock(d->lock, LOCK_EX | LOCK_NB) != 0)
		return fail(EXIT_CONFIG,
			    "%s is in use by another `witan dev`: end that one, or give --data_dir",
			    d->dir);
	return EXIT_GOOD;
}

static void path_in(const struct dev *d, const char *node, const char *file, char out[PATH_MAX])
{
	int len =
		snprintf(out, PATH_MAX, "%s/%s%s%s", d->dir, node, *node && *file ? "/" : "", file);

	must(len > 0);
	must(len < PATH_MAX);
}

/* A key, made once: the same folder gives the same cluster again. */
static int make_cluster(const struct dev *d)
{
	char ring[PATH_MAX], mark[PATH_MAX], config[PATH_MAX];
	struct keyring made;
	uint8_t secret[32];
	int code = EXIT_GOOD;

	path_in(d, "", "keyring", ring);
	path_in(d, "", "witan.conf", config);
	path_in(d, d->node[0].name, FOUNDER_FILE, mark);
	if (!file_exists(ring)) {
		randombytes_buf(secret, sizeof(secret));
		enum err err = keyring_make(&made, "dev", secret);
		must(err == OK);
		sodium_memzero(secret, sizeof(secret));
		code = keys_write_ring(ring, &made, getegid());
		keyring_wipe(&made);
	}
	if (code == EXIT_GOOD && !file_exists(mark) &&
	    file_write(mark, BYTES("this scheduler may bear the cluster's store, once\n"), 0640,
		       (gid_t)-1) != OK)
		code = fail(EXIT_CONFIG, "%s can not be written", mark);
	if (code == EXIT_GOOD &&
	    file_write(config, BYTES("# `witan dev` gives every setting as a flag\n"), 0640,
		       (gid_t)-1) != OK)
		code = fail(EXIT_CONFIG, "%s can not be written", config);
	return code;
}

static int choose_nodes(struct dev *d)
{
	uint16_t port = FIRST_PORT;

	d->count = d->schedulers + d->workers;
	for (uint32_t i = 0; i < d->count; i++) {
		struct dev_node *n = &d->node[i];
		bool scheduler = i < d->schedulers;
		char path[PATH_MAX];

		*n = (struct dev_node){.pipe = -1, .log = -1};
		n->role = scheduler ? "scheduler" : "worker";
		snprintf(n->name, sizeof(n->name), "%c%u", scheduler ? 's' : 'w',
			 (unsigned)(scheduler ? i + 1 : i + 1 - d->schedulers) % 1000);
		port = ports_free(port);
		if (port == 0)
			return fail(EXIT_OTHER, "no ports are free on 127.0.0.1");
		n->port = port++;
		if (scheduler) {
			size_t len = strlen(d->seeds);
			snprintf(d->seeds + len, sizeof(d->seeds) - len, "%s127.0.0.1:%u",
				 len ? "," : "", n->port);
		}
		path_in(d, n->name, "", path);
		if (directory_make(path, 0700) != OK)
			return fail(EXIT_CONFIG, "%s can not be made: %s", path, strerror(errno));
		path_in(d, n->name, "log", path);
		n->log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
		if (n->log < 0)
			return fail(EXIT_CONFIG, "%s: %s", path, strerror(errno));
	}
	return EXIT_GOOD;
}

/* --- starting --- */

/* Settings that are the same for all nodes and were given to us. */
static bool is_ours(enum setting_id s)
{
	return s != SETTING_role && s != SETTING_name && s != SETTING_data_dir &&
	       s != SETTING_config && s != SETTING_private_ip_selector &&
	       s != SETTING_private_port && s != SETTING_discovery && s != SETTING_seeds &&
	       s != SETTING_log && s != SETTING_socket;
}

static char *flag(const char *name, const char *value)
{
	char *text = NULL;

	must(asprintf(&text, "--%s=%s", name, value) > 0);
	return text;
}

static void arguments(const struct dev *d, const struct dev_node *n, char *argv[ARGS_MAX])
{
	char path[PATH_MAX], number[16], value[4096];
	uint32_t count = 0;

	path_in(d, n->name, "", path);
	snprintf(number, sizeof(number), "%u", n->port);
	argv[count++] = strdup(d->program);
	argv[count++] = strdup(n->role);
	argv[count++] = flag("name", n->name);
	argv[count++] = flag("data_dir", path);
	argv[count++] = flag("private_port", number);
	argv[count++] = strdup(SELECTOR);
	argv[count++] = flag("discovery", "static");
	argv[count++] = flag("seeds", d->seeds);
	argv[count++] = flag("log", "stderr");
	path_in(d, "", "witan.conf", path);
	argv[count++] = flag("config", path);
	for (enum setting_id s = 0; s < SETTINGS; s++)
		if (d->config->origin[s] >= ORIGIN_ENVIRONMENT && is_ours(s) &&
		    config_get(d->config, config_setting(s)->name, value, sizeof(value)) == OK)
			argv[count++] = flag(config_setting(s)->name, value);
	must(count < ARGS_MAX);
	argv[count] = NULL;
}

/* In the child. A group of its own: Ctrl-C reaches us alone, and we say how it ends. */
static void become(char *argv[ARGS_MAX], int log, pid_t parent)
{
	sigset_t none;
	int nothing = open("/dev/null", O_RDWR);

	sigemptyset(&none);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
	    dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
		_exit(127);
	/* What our environment says of one node is not meant for five. */
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WITAN_SOCKET");
	unsetenv("WITAN_CONFIG");
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(argv[0], argv);
	_exit(127);
}

static int node_start(struct dev *d, struct dev_node *n)
{
	char *argv[ARGS_MAX];
	pid_t parent = getpid();
	int ends[2];

	arguments(d, n, argv);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return fail(EXIT_OTHER, "no pipe: %s", strerror(errno));
	n->pid = fork();
	if (n->pid == 0)
		become(argv, ends[1], parent);
	close(ends[1]);
	n->pipe = ends[0];
	for (char **a = argv; *a; a++)
		free(*a);
	if (n->pid > 0)
		return EXIT_GOOD;
	n->pid = 0;
	return fail(EXIT_OTHER, "%s could not be started: %s", n->name, strerror(errno));
}

static void introduce(const struct dev *d)
{
	char socket[PATH_MAX];

	path_in(d, d->node[0].name, "socket", socket);
	printf("%u scheduler%s and %u worker%s; logs and state in %s\n", d->schedulers,
	       d->schedulers == 1 ? "" : "s", d->workers, d->workers == 1 ? "" : "s", d->dir);
	printf("talk to it from another terminal:\n"
	       "  export WITAN_SOCKET=%s\n"
	       "  witan members; witan run -- hostname\n"
	       "Ctrl-C ends it.\n",
	       socket);
	fflush(stdout);
}

/* --- running --- */

/* What is repeated on the terminal: who directs, who is here, and what someone must look at. */
static bool is_notable(const char *line)
{
	static const char *const words[] = {"director is ", "Members {", "registered runner",
					    " error ",      "failed",    "refused"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strstr(line, words[i]))
			return true;
	return false;
}

static void line_end(struct dev_node *n)
{
	n->line[n->line_len] = '\0';
	if (is_notable(n->line))
		printf("%-4s%s\n", n->name, n->line);
	n->line_len = 0;
}

static void take_log(struct dev_node *n)
{
	char text[16384];
	ssize_t len = read(n->pipe, text, sizeof(text));

	if (len < 0 && errno == EINTR)
		return;
	if (len <= 0) {
		close(n->pipe);
		n->pipe = -1;
		return;
	}
	(void)!write(n->log, text, (size_t)len); /* a full disk ends no cluster */
	for (ssize_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			line_end(n);
		else if (n->line_len + 1 < sizeof(n->line))
			n->line[n->line_len++] = text[i];
	}
	fflush(stdout);
}

static struct dev_node *node_of(struct dev *d, pid_t pid)
{
	for (uint32_t i = 0; i < d->count; i++)
		if (d->node[i].pid == pid)
			return &d->node[i];
	return NULL;
}

static void reap(struct dev *d)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct dev_node *n = node_of(d, pid);
		if (!n)
			continue; /* a keeper, or a child of one, that was left to us */
		n->pid = 0;
		if (d->ending)
			continue;
		if (WIFSIGNALED(status))
			printf("%-4sended: signal %d (%s); not started again; log %s/%s/log\n",
			       n->name, WTERMSIG(status), strsignal(WTERMSIG(status)), d->dir,
			       n->name);
		else
			printf("%-4sended: code %d; not started again; log %s/%s/log\n", n->name,
			       WEXITSTATUS(status), d->dir, n->name);
		fflush(stdout);
	}
}

static uint32_t living(const struct dev *d)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < d->count; i++)
		count += d->node[i].pid > 0;
	return count;
}

/* Logs and signals, for at most wait_ms (-1: until something comes). True when a wish to end came. */
static bool attend(struct dev *d, int wait_ms)
{
	struct pollfd p[NODES_MAX + 1] = {{.fd = d->signals, .events = POLLIN}};
	struct signalfd_siginfo info;
	bool end = false;

	for (uint32_t i = 0; i < d->count; i++)
		p[i + 1] = (struct pollfd){.fd = d->node[i].pipe, .events = POLLIN};
	if (poll(p, d->count + 1, wait_ms) <= 0)
		return false;
	for (uint32_t i = 0; i < d->count; i++)
		if (p[i + 1].revents)
			take_log(&d->node[i]);
	while (read(d->signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			end = true;
	reap(d);
	return end;
}

static void signal_all(const struct dev *d, int number)
{
	for (uint32_t i = 0; i < d->count; i++)
		if (d->node[i].pid > 0)
			kill(d->node[i].pid, number);
}

/* Agents end in order, then at once; then what they left: each kill hands us the next generation. */
static void end(struct dev *d)
{
	int64_t until = steady_ms() + ORDERLY_MS;

	d->ending = true;
	printf("ending\n");
	fflush(stdout);
	signal_all(d, SIGTERM);
	while (living(d) > 0 && steady_ms() < until)
		if (attend(d, (int)(until - steady_ms())))
			until = steady_ms(); /* asked a second time */
	signal_all(d, SIGKILL);
	until = steady_ms() + LEFT_MS;
	while (orphans_kill() > 0 && steady_ms() < until)
		(void)attend(d, 20);
	reap(d);
}

static int open_signals(struct dev *d)
{
	static const int heard[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(heard) / sizeof(*heard); i++)
		sigaddset(&set, heard[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	d->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	ssize_t len = readlink("/proc/self/exe", d->program, sizeof(d->program) - 1);
	if (d->signals < 0 || len <= 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		return fail(EXIT_OTHER, "the kernel refused: %s", strerror(errno));
	d->program[len] = '\0';
	return EXIT_GOOD;
}

static int run(struct dev *d)
{
	bool asked = false;
	int code = open_signals(d);

	for (uint32_t i = 0; i < d->count && code == EXIT_GOOD; i++)
		code = node_start(d, &d->node[i]);
	if (code == EXIT_GOOD) {
		introduce(d);
		while (!asked && living(d) > 0)
			asked = attend(d, -1);
		if (!asked)
			code = fail(EXIT_OTHER, "all nodes have ended");
	}
	end(d);
	return code;
}

int dev_command(int argc, char **argv)
{
	static struct config c;
	static struct dev d;
	char **rest = NULL;
	int count = 0;
	int code = settings_to_write(&c, NULL, argc, argv, &rest, &count);

	d.config = &c;
	if (code == EXIT_GOOD)
		code = read_words(&d, count, rest);
	if (code == EXIT_GOOD)
		code = choose_directory(&d);
	if (code == EXIT_GOOD)
		code = choose_nodes(&d);
	if (code == EXIT_GOOD)
		code = make_cluster(&d);
	if (code == EXIT_GOOD)
		code = run(&d);
	free(rest);
	return code;
}
