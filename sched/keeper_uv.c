#include "sched/keeper_uv.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/must.h"
#include "core/outbox.h"
#include "sched/children_uv.h"
#include "sched/keeper.h"
#include "sched/keeper_socket_uv.h"
#include "sched/keeper_wire.h"

#define SPAWNS_MAX 4u          /* of one step; the core promises one */
#define OUT_MAX    (4u << 20)  /* words an agent has not read; then it is dropped and comes again */
#define READ_MAX   (64u << 10) /* bytes taken at one time */

struct options {
	const char *socket;
	const char *node;
	const char *cgroup;
	const char *user;
	int listen_fd; /* -1: made here */
};

struct doors {
	struct keeper *keeper;
	struct children *children;
	struct outbox *outbox;
	int listen_fd;
	int agent_fd; /* -1: nobody */
	int signal_fd;
	int timer_fd;
	struct buffer in;
	struct buffer out;
	bool over;
};

static uint64_t clock_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static struct event event_of(enum event_kind kind)
{
	return (struct event){.kind = kind,
			      .now_us = clock_us(CLOCK_BOOTTIME),
			      .wall_us = clock_us(CLOCK_REALTIME)};
}

/* --- effects --- */

static void log_line(enum log_level level, const char *text)
{
	fprintf(stderr, "witan keeper: %s: %s\n", log_level_name(level), text);
}

static void queue(struct doors *d, struct bytes word)
{
	if (d->agent_fd < 0)
		return;
	if (keeper_frame(word, &d->out) != OK)
		shutdown(d->agent_fd, SHUT_RDWR); /* it does not read: it may come again */
}

/* One event to the core, and what it asks for; a spawn's outcome is the next event. */
static void feed(struct doors *d, const struct event *e)
{
	struct event spawned[SPAWNS_MAX];
	uint32_t count = 0;

	keeper_step(d->keeper, e, d->outbox);
	for (size_t i = 0; i < outbox_count(d->outbox); i++) {
		const struct effect *f = outbox_at(d->outbox, i);

		if (f->kind == EFFECT_SPAWN) {
			must(count < SPAWNS_MAX);
			spawned[count] = event_of(EVENT_SPAWNED);
			children_spawn(d->children, &f->spawn, &spawned[count++]);
		} else if (f->kind == EFFECT_KILL) {
			children_kill(d->children, f->kill.pid, f->kill.signal);
		} else if (f->kind == EFFECT_AGENT) {
			queue(d, f->send.body);
		} else if (f->kind == EFFECT_LOG) {
			log_line(f->log.level, f->log.text);
		} else if (f->kind == EFFECT_EXIT) {
			d->over = true;
		}
	}
	outbox_clear(d->outbox);
	for (uint32_t i = 0; i < count; i++)
		feed(d, &spawned[i]);
}

/* --- the agent --- */

static void agent_gone(struct doors *d)
{
	struct event e = event_of(EVENT_AGENT);

	if (d->agent_fd < 0)
		return;
	close(d->agent_fd);
	d->agent_fd = -1;
	buffer_clear(&d->in);
	buffer_clear(&d->out);
	feed(d, &e);
}

static void agent_comes(struct doors *d)
{
	int fd = accept4(d->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (!keeper_peer_allowed(fd)) {
		log_line(LOG_LEVEL_WARN, "a stranger called: refused");
		close(fd);
		return;
	}
	if (d->agent_fd >= 0) { /* the newest wins; nobody went, so nobody is told */
		close(d->agent_fd);
		buffer_clear(&d->in);
		buffer_clear(&d->out);
	}
	d->agent_fd = fd;
	struct event e = event_of(EVENT_AGENT);
	e.agent.up = true;
	feed(d, &e);
}

/* Words already complete in d->in. False when the agent talks nonsense. */
static bool take_words(struct doors *d)
{
	struct bytes body;
	size_t used, done = 0;
	enum err err;

	for (;;) {
		err = keeper_unframe(bytes_of(d->in.at + done, d->in.len - done), &body, &used);
		if (err != OK)
			break;
		struct event e = event_of(EVENT_AGENT);
		e.agent.up = true;
		e.agent.body = body;
		feed(d, &e);
		done += used;
	}
	buffer_skip(&d->in, done);
	return err == ERR_SHORT;
}

static void agent_reads(struct doors *d)
{
	uint8_t *to = buffer_room(&d->in, READ_MAX);

	must(to != NULL);
	ssize_t got = recv(d->agent_fd, to, READ_MAX, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		agent_gone(d);
		return;
	}
	d->in.len += (size_t)got;
	if (!take_words(d)) {
		log_line(LOG_LEVEL_WARN, "the agent's bytes made no sense: closed");
		agent_gone(d);
	}
}

static void agent_writes(struct doors *d)
{
	while (d->agent_fd >= 0 && d->out.len > 0) {
		ssize_t put = send(d->agent_fd, d->out.at, d->out.len, MSG_NOSIGNAL);

		if (put > 0) {
			buffer_skip(&d->out, (size_t)put);
		} else {
			if (errno != EAGAIN && errno != EINTR)
				agent_gone(d);
			return;
		}
	}
}

/* --- signals and time --- */

static void signals(struct doors *d)
{
	struct signalfd_siginfo info;
	struct event e;

	while (read(d->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == (uint32_t)SIGCHLD)
			continue;
		e = event_of(EVENT_SIGNAL);
		e.signal = SIGNAL_STOP;
		feed(d, &e);
	}
	e = event_of(EVENT_EXITED);
	while (children_reap(d->children, e.now_us, &e)) {
		feed(d, &e);
		e = event_of(EVENT_EXITED);
	}
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void arm(struct doors *d)
{
	uint64_t due = least(keeper_deadline_us(d->keeper), children_deadline_us(d->children));
	struct itimerspec when = {0};

	if (due != UINT64_MAX) {
		due = due == 0 ? 1 : due; /* zero would disarm; the past fires at once */
		when.it_value.tv_sec = (time_t)(due / 1000000u);
		when.it_value.tv_nsec = (long)(due % 1000000u) * 1000;
	}
	timerfd_settime(d->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void woken(struct doors *d)
{
	struct event e = event_of(EVENT_WAKE);
	uint64_t count;

	(void)!read(d->timer_fd, &count, sizeof(count));
	children_watch(d->children, e.now_us);
	feed(d, &e);
}

static void turn(struct doors *d)
{
	const bool writes = d->out.len > 0;
	struct pollfd fds[] = {
		{.fd = d->signal_fd, .events = POLLIN},
		{.fd = d->timer_fd, .events = POLLIN},
		{.fd = d->listen_fd, .events = POLLIN},
		{.fd = d->agent_fd, .events = (short)(writes ? POLLIN | POLLOUT : POLLIN)},
	};

	arm(d);
	if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0)
		return;
	if (fds[0].revents)
		signals(d);
	if (fds[1].revents)
		woken(d);
	if (fds[3].revents & (POLLIN | POLLHUP | POLLERR) && d->agent_fd >= 0)
		agent_reads(d);
	if (fds[2].revents)
		agent_comes(d);
	agent_writes(d);
}

/* --- start --- */

static bool doors_open(struct doors *d, const struct options *o)
{
	sigset_t set;
	struct rlimit files;

	d->children =
		children_open(o->user); /* first: it keeps the limits as they were given to us */
	if (d->children == NULL) {
		fprintf(stderr, "witan keeper: there is no user `%s`\n", o->user);
		return false;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_SETMASK, &set, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_NAME, "witan-keeper");
	d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	d->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	must(d->signal_fd >= 0);
	must(d->timer_fd >= 0);
	d->outbox = outbox_open();
	d->keeper = keeper_open(&(struct keeper_config){
		.now_us = clock_us(CLOCK_BOOTTIME), .pid = getpid(), .cgroup = o->cgroup});
	d->agent_fd = -1;
	buffer_init(&d->in, KEEPER_FRAME_MAX + 4 + READ_MAX);
	buffer_init(&d->out, OUT_MAX);
	return true;
}

static void doors_close(struct doors *d)
{
	if (d->agent_fd >= 0)
		close(d->agent_fd);
	close(d->listen_fd);
	close(d->signal_fd);
	close(d->timer_fd);
	buffer_fini(&d->in);
	buffer_fini(&d->out);
	keeper_close(d->keeper);
	outbox_close(d->outbox);
	children_close(d->children);
}

/* Our own descriptors from now on are 0 to 2 and the listener: what the agent had open is not ours to keep. */
static void close_others(int keep)
{
	if (keep < 0) {
		syscall(SYS_close_range, 3u, ~0u, 0u);
		return;
	}
	if (keep > 3)
		syscall(SYS_close_range, 3u, (unsigned)keep - 1, 0u);
	syscall(SYS_close_range, (unsigned)keep + 1, ~0u, 0u);
}

/* Beside the socket, for whoever has to end us: the agent that listened first is not who answers. */
static void write_pid(const char *socket, bool stands)
{
	char path[KEEPER_TEXT_MAX], text[32];

	snprintf(path, sizeof(path), "%s.pid", socket);
	if (!stands) {
		unlink(path);
		return;
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (fd < 0 || write(fd, text, (size_t)len) != len)
		log_line(LOG_LEVEL_WARN, "could not write the pid file: going on");
	if (fd >= 0)
		close(fd);
}

/* Into the background: the agent waits for its child, which is gone at once, and we are nobody's. A log beside the
 * socket, since what we were started with may be a pipe that somebody reads to its end. */
static bool into_background(const struct options *o)
{
	char path[KEEPER_TEXT_MAX];
	pid_t pid = fork();

	if (pid != 0)
		_exit(pid < 0 ? 1 : 0);
	setsid();
	int null_fd = open("/dev/null", O_RDWR);
	snprintf(path, sizeof(path), "%s.log", o->socket);
	int log_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW, 0640);
	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0)
		return false;
	dup2(log_fd < 0 ? null_fd : log_fd, 2);
	if (null_fd > 2)
		close(null_fd);
	if (log_fd > 2)
		close(log_fd);
	return chdir("/") == 0;
}

static bool options_read(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{"socket", required_argument, NULL, 's'}, {"node", required_argument, NULL, 'n'},
		{"cgroup", required_argument, NULL, 'c'}, {"user", required_argument, NULL, 'u'},
		{"listen", required_argument, NULL, 'l'}, {0},
	};
	int c;

	*o = (struct options){.node = "", .cgroup = "none", .user = "", .listen_fd = -1};
	optind = 1;
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 's')
			o->socket = optarg;
		else if (c == 'n')
			o->node = optarg;
		else if (c == 'c')
			o->cgroup = optarg;
		else if (c == 'u')
			o->user = optarg;
		else if (c == 'l')
			o->listen_fd = (int)strtol(optarg, NULL, 10);
		else
			return false;
	}
	return o->socket != NULL && optind == argc && strlen(o->socket) < KEEPER_TEXT_MAX - 8;
}

int keeper_main(int argc, char **argv)
{
	struct doors d = {0};
	struct options o;
	char cgroup[KEEPER_TEXT_MAX];

	if (!options_read(argc, argv, &o)) {
		fprintf(stderr, "usage: witan keeper --socket PATH [--node ID] "
				"[--cgroup none|auto|PATH] [--user NAME] [--listen FD]\n");
		return 64;
	}
	close_others(o.listen_fd);
	if (o.listen_fd >= 0 && !into_background(&o))
		return 1;
	d.listen_fd = o.listen_fd >= 0 ? o.listen_fd : keeper_listen(o.socket);
	if (d.listen_fd < 0) {
		fprintf(stderr, "witan keeper: can not listen at %s: %s\n", o.socket,
			strerror(-d.listen_fd));
		return 1;
	}
	fcntl(d.listen_fd, F_SETFD, FD_CLOEXEC);
	fcntl(d.listen_fd, F_SETFL, O_NONBLOCK);
	if (o.user[0] == '\0' && geteuid() == 0 && getpwnam("witan") != NULL)
		o.user = "witan"; /* root runs nobody's jobs when it has a choice */
	keeper_cgroup(o.cgroup, cgroup, sizeof(cgroup));
	o.cgroup = cgroup;
	uint32_t killed = children_clear(o.node, o.cgroup); /* before anybody is answered */
	if (killed > 0)
		fprintf(stderr, "witan keeper: killed what an earlier keeper left: count=%u\n",
			killed);
	if (!doors_open(&d, &o))
		return 78;
	write_pid(o.socket, true);
	while (!d.over)
		turn(&d);
	agent_writes(&d);
	write_pid(o.socket, false);
	unlink(o.socket);
	doors_close(&d);
	return 0;
}
