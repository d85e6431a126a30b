#include "net/host_uv.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "core/call.h"
#include "core/facts.h"
#include "core/must.h"
#include "core/outbox.h"
#include "net/host_doors_uv.h"
#include "net/notify.h"

#define TURN_ROUNDS_MAX                                                                            \
	4u /* of telling what doors found while carrying out, before the sockets' next look */

#define GIVE_BACK_MS  10000u
#define GIVE_BACK_MIN (4u << 20) /* free bytes: less is not worth a look */

static const int heard[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
#define HEARD (sizeof heard / sizeof heard[0])

struct host {
	const struct host_start *start;
	const struct host_ops *ops;
	void *node;
	struct outbox *outbox;
	struct doors doors;
	bool carrying; /* the outbox is being carried out: the node must not be stepped */
	bool deaf;     /* the node is no more told anything */
	bool done;
	int code;
	uint32_t stops;         /* wishes to end */
	uint64_t busy_since_us; /* the turn's first event; 0: none yet */
	struct metrics metrics;
	struct event *later;
	uint32_t later_count, later_room;
	uv_signal_t signal[HEARD];
	uv_timer_t watchdog;
	uv_timer_t giver;
};

static void host_log(const struct host *h, enum log_level level, const char *text)
{
	h->start->log(h->start->log_self, level, clock_wall_us(), "", text);
}

/* Effects. */

static void effect_one(struct host *h, const struct effect *e)
{
	char text[160];
	int bad;

	switch ((int)e->kind) {
	case EFFECT_LOG:
		h->start->log(h->start->log_self, e->log.level, clock_wall_us(), e->log.fields,
			      e->log.text);
		return;
	case EFFECT_READY:
		doors_admit(&h->doors);
		notify_ready(e->log.text);
		return;
	case EFFECT_EXIT:
		if (e->code == EXIT_ABORTED)
			raise(SIGKILL); /* no word, no flush: what others see is a death */
		h->done = true;
		h->code = e->code;
		return;
	default:
		bad = doors_effect(&h->doors, e);
		if (bad == 0)
			return;
		snprintf(text, sizeof text, "keeper could not be reached or started: %s",
			 strerror(bad));
		host_log(h, LOG_LEVEL_ERROR, text);
	}
}

/* The node's turn ends, and what it wants is done. */
static void carry_out(struct host *h)
{
	must(!h->carrying);
	h->ops->turn(h->node, clock_now_us(), clock_wall_us(), h->outbox);
	h->carrying = true;
	for (size_t i = 0; i < outbox_count(h->outbox); i++)
		effect_one(h, outbox_at(h->outbox, i));
	doors_flush(&h->doors);
	outbox_clear(h->outbox);
	h->carrying = false;
}

/* Events. */

static void tell(void *self, struct event *e)
{
	struct host *h = self;

	if (h->deaf)
		return;
	must(!h->carrying);
	e->now_us = clock_now_us();
	e->wall_us = clock_wall_us();
	if (h->busy_since_us == 0)
		h->busy_since_us = e->now_us;
	h->ops->step(h->node, e, h->outbox);
	if (!outbox_room(h->outbox))
		carry_out(h);
}

static void tell_later(void *self, const struct event *e)
{
	struct host *h = self;

	if (h->deaf)
		return;
	if (h->later_count == h->later_room) {
		must(h->later_room < OUTBOX_EFFECTS_MAX); /* at most one for each effect */
		h->later_room = h->later_room == 0 ? 16 : h->later_room * 2;
		h->later = realloc(h->later, h->later_room * sizeof *h->later);
		must(h->later != NULL);
	}
	h->later[h->later_count++] = *e;
}

static void tell_what_waited(struct host *h)
{
	struct event *list = h->later;
	uint32_t count = h->later_count;

	h->later = NULL; /* telling may carry out, which may find more */
	h->later_count = h->later_room = 0;
	for (uint32_t i = 0; i < count; i++)
		tell(h, &list[i]);
	free(list);
}

static void wake(struct host *h)
{
	struct event e = {.kind = EVENT_WAKE};

	tell(h, &e);
}

static void turn(struct host *h)
{
	uint32_t round = 0;

	do {
		tell_what_waited(h);
		if (h->ops->deadline(h->node) <= clock_now_us())
			wake(h);
		carry_out(h);
	} while (h->later_count > 0 && !h->done && ++round < TURN_ROUNDS_MAX);
	if (h->busy_since_us != 0)
		metrics_observe(&h->metrics, METRIC_TURN, clock_now_us() - h->busy_since_us);
	h->busy_since_us = 0;
}

static void run(struct host *h)
{
	wake(h);
	turn(h);
	while (!h->done) {
		uint64_t due = h->ops->deadline(h->node);

		if (h->later_count > 0 || due <= clock_now_us()) {
			uv_run(&h->doors.loop, UV_RUN_NOWAIT);
		} else {
			alarm_set(&h->doors.alarm, due);
			uv_run(&h->doors.loop, UV_RUN_ONCE);
		}
		turn(h);
	}
}

/* Signals and the supervisor. */

static void stop_wished(struct host *h, int number)
{
	struct event e = {.kind = EVENT_SIGNAL, .signal = SIGNAL_STOP};

	notify_stopping();
	if (++h->stops == 1) {
		tell(h, &e);
		return;
	}
	host_log(h, LOG_LEVEL_WARN, "stopped at once: asked a second time");
	h->done = true;
	h->code = 128 + number;
}

static void signalled(uv_signal_t *handle, int number)
{
	struct host *h = handle->data;
	struct event e = {.kind = EVENT_SIGNAL};

	if (number == SIGTERM || number == SIGINT) {
		stop_wished(h, number);
		return;
	}
	if (number == SIGHUP && h->start->reopen_log != NULL)
		h->start->reopen_log(h->start->log_self);
	e.signal = number == SIGHUP ? SIGNAL_RELOAD : SIGNAL_MEMBERS;
	tell(h, &e);
}

static void still_alive(uv_timer_t *timer)
{
	(void)timer;
	notify_alive();
}

/* A scheduler's memory has peaks: a snapshot, a crowd that comes back. What lies free in whole pages goes back. */
static void give_back(uv_timer_t *timer)
{
	struct mallinfo2 m = mallinfo2();

	(void)timer;
	if (m.fordblks > GIVE_BACK_MIN)
		(void)malloc_trim(0);
}

static void signals_open(struct host *h)
{
	uint64_t every_us = notify_watchdog_us() / 2;

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < HEARD; i++) {
		uv_signal_init(&h->doors.loop, &h->signal[i]);
		h->signal[i].data = h;
		uv_signal_start(&h->signal[i], signalled, heard[i]);
	}
	uv_timer_init(&h->doors.loop, &h->watchdog);
	uv_timer_init(&h->doors.loop, &h->giver);
	if (h->start->roles & ROLE_SCHEDULER)
		uv_timer_start(&h->giver, give_back, GIVE_BACK_MS, GIVE_BACK_MS);
	if (every_us > 0)
		uv_timer_start(&h->watchdog, still_alive, 0, every_us < 1000 ? 1 : every_us / 1000);
}

static void signals_close(struct host *h)
{
	for (size_t i = 0; i < HEARD; i++)
		uv_close((uv_handle_t *)&h->signal[i], NULL);
	uv_close((uv_handle_t *)&h->watchdog, NULL);
	uv_close((uv_handle_t *)&h->giver, NULL);
}

/* Start and end. */

/* A scheduler holds a stream to each of thousands of workers. */
static void raise_limits(uint8_t roles)
{
	struct rlimit files;

	if (!(roles & ROLE_SCHEDULER) || getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

/* 32 hexadecimal digits, dashes between them allowed. False when the file does not hold them. */
static bool read_hex_id(const char *path, uint8_t out[16])
{
	char text[64];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint32_t digits = 0;

	if (fd < 0)
		return false;
	ssize_t len = read(fd, text, sizeof text);
	close(fd);
	memset(out, 0, 16);
	for (ssize_t i = 0; i < len && digits < 32; i++) {
		char c = text[i];
		int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (v < 0 && c != '-')
			return false;
		if (v >= 0) {
			out[digits / 2] = (uint8_t)(out[digits / 2] * 16 + v);
			digits++;
		}
	}
	return digits == 32;
}

static enum err node_begin(struct host *h, char why[DOORS_WHY_MAX])
{
	const struct host_start *start = h->start;
	struct disk disk = shelf_disk(&h->doors.shelf);
	struct node_start n = {
		.config = start->config,
		.identity = start->identity,
		.keyring = start->keyring,
		.disk = &disk,
		.now_us = clock_now_us(),
		.wall_us = clock_wall_us(),
		.root = start->root,
		.addr = start->addr,
		.metrics = &h->metrics,
	};

	if (getrandom(&n.seed, sizeof n.seed, 0) != sizeof n.seed ||
	    getrandom(n.random, sizeof n.random, 0) != sizeof n.random ||
	    !read_hex_id("/proc/sys/kernel/random/boot_id", n.machine_boot)) {
		snprintf(why, DOORS_WHY_MAX,
			 "the kernel gives no randomness or no boot id: is /proc mounted?");
		return ERR_IO;
	}
	/* A container without a machine id: nodes that share a kernel share a machine. */
	if (!read_hex_id("/etc/machine-id", n.machine))
		memcpy(n.machine, n.machine_boot, sizeof n.machine);
	enum err err = h->ops->open(&n, &h->node, why);
	explicit_bzero(n.random, sizeof n.random);
	return err;
}

/* NULL: `why` is the sentence, `code` what to end with. */
static struct host *host_open(const struct host_start *start, char why[DOORS_WHY_MAX], int *code)
{
	struct host *h = calloc(1, sizeof *h);

	must(h != NULL);
	must(start->ops != NULL);
	h->start = start;
	h->ops = start->ops;
	raise_limits(start->roles);
	if (doors_open(&h->doors, start, (struct sink){h, tell, tell_later, &h->metrics}, why) !=
	    OK) {
		free(h);
		return NULL;
	}
	enum err err = node_begin(h, why);
	if (err != OK) {
		/* To start it again would not help: the supervisor is told. */
		*code = err == ERR_VERSION ? EXIT_CONFIG : EXIT_OTHER;
		h->deaf = true;
		(void)doors_close(&h->doors);
		free(h);
		return NULL;
	}
	h->outbox = outbox_open();
	must(h->outbox != NULL);
	signals_open(h);
	doors_start(&h->doors, start);
	return h;
}

static void host_close(struct host *h)
{
	h->deaf = true;
	notify_stopping();
	signals_close(h);
	if (!doors_close(&h->doors))
		_exit(h->code); /* a thread hangs in the resolver, and exit() would wait for it */
	h->ops->close(h->node);
	outbox_close(h->outbox);
	free(h->later);
	free(h);
}

int host_run(const struct host_start *start)
{
	char why[DOORS_WHY_MAX] = "";
	int code = EXIT_OTHER;
	struct host *h = host_open(start, why, &code);

	if (h == NULL) {
		start->log(start->log_self, LOG_LEVEL_ERROR, clock_wall_us(), "", why);
		return code;
	}
	run(h);
	code = h->code;
	host_close(h);
	return code;
}
