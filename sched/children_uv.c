#include "sched/children_uv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/must.h"
#include "sched/cgroup_uv.h"
#include "sched/launch_uv.h"
#include "sched/processes_uv.h"

#define WATCH_US UINT64_C(1000000) /* between two looks at the size of output */
#define SWEEP_US                                                                                   \
	UINT64_C(                                                                                  \
		200000) /* between two looks at /proc while others run: a look costs milliseconds */
#define NAMES     3u    /* entries of its environment that tell whose child a process is */
#define NAME_ROOM 64u
#define BLOCK     4096u

struct child {
	struct child *next;
	int32_t pid;
	uint64_t max_output;
	char out[KEEPER_TEXT_MAX];
	char err[KEEPER_TEXT_MAX];
	char cgroup[KEEPER_TEXT_MAX];
	char name[NAMES][NAME_ROOM]; /* "WITAN_JOB=…" */
};

struct children {
	struct child *first;
	struct launcher *launcher;
	uint64_t watch_us; /* UINT64_MAX: nothing to watch */
	uint64_t sweep_us;
	char environment[JOB_TEXT_MAX]; /* scratch */
};

struct children *children_open(const char *user)
{
	struct launcher *launcher = launcher_open(user);

	if (launcher == NULL)
		return NULL;
	struct children *c = calloc(1, sizeof(*c));
	must(c != NULL);
	c->launcher = launcher;
	c->watch_us = UINT64_MAX;
	c->sweep_us = UINT64_MAX;
	return c;
}

void children_close(struct children *c)
{
	if (c == NULL)
		return;
	while (c->first != NULL) {
		struct child *next = c->first->next;

		free(c->first);
		c->first = next;
	}
	launcher_close(c->launcher);
	free(c);
}

/* --- starting --- */

static void remember(struct children *c, const struct spawn *spawn, int32_t pid)
{
	static const char *const names[NAMES] = {"WITAN_JOB=", "WITAN_STEP=", "WITAN_ATTEMPT="};
	struct child *child = calloc(1, sizeof(*child));

	must(child != NULL);
	child->pid = pid;
	child->max_output = spawn->max_output;
	snprintf(child->out, sizeof(child->out), "%s", spawn->out);
	snprintf(child->err, sizeof(child->err), "%s", spawn->err);
	snprintf(child->cgroup, sizeof(child->cgroup), "%s", spawn->cgroup);
	for (uint32_t i = 0; i < NAMES; i++)
		for (const char *const *entry = spawn->env; *entry != NULL; entry++)
			if (strncmp(*entry, names[i], strlen(names[i])) == 0)
				snprintf(child->name[i], NAME_ROOM, "%s", *entry);
	child->next = c->first;
	c->first = child;
}

void children_spawn(struct children *c, const struct spawn *spawn, struct event *out)
{
	struct launched launched = launch(c->launcher, spawn);

	out->kind = EVENT_SPAWNED;
	out->spawned.token = spawn->token;
	out->spawned.pid = launched.pid;
	out->spawned.err = launched.err;
	out->spawned.errnum = launched.errnum;
	if (launched.err == OK)
		remember(c, spawn, launched.pid);
	if (launched.err == OK && spawn->max_output > 0 && c->watch_us == UINT64_MAX)
		c->watch_us = 0;
}

/* --- ending --- */

static struct child *find(struct children *c, int32_t pid)
{
	struct child *child = c->first;

	while (child != NULL && child->pid != pid)
		child = child->next;
	return child;
}

void children_kill(struct children *c, int32_t pid, int signal)
{
	const struct child *child = find(c, pid);
	struct processes all;

	if (child == NULL)
		return;
	if (signal == SIGKILL)
		cgroup_kill(child->cgroup);
	kill(-pid, signal);
	processes_init(&all);
	processes_mark(&all, pid);
	for (uint32_t i = 0; i < all.count; i++) /* the group has it already */
		if (all.at[i].marked && getpgid(all.at[i].pid) != pid)
			kill(all.at[i].pid, signal);
	processes_fini(&all);
}

enum owner { OWNER_NOBODY, OWNER_RUNS, OWNER_ENDED };

/* Whose child this process of ours is, that none of us started. */
static enum owner owner_of(struct children *c, const struct process *p)
{
	size_t len = process_environment(p->pid, c->environment, sizeof(c->environment));
	bool named = memmem(c->environment, len, "WITAN_ATTEMPT=", 14) != NULL;

	for (const struct child *child = c->first; child != NULL; child = child->next) {
		bool same = true;

		if (p->session == child->pid)
			return OWNER_RUNS;
		for (uint32_t i = 0; i < NAMES; i++)
			same = same && (child->name[i][0] == '\0' ||
					environment_has(c->environment, len, child->name[i]));
		if (same && named)
			return OWNER_RUNS;
	}
	return named ? OWNER_ENDED : OWNER_NOBODY;
}

/* Kills what ended attempts left to us. What it leaves in turn becomes ours when it dies: SIGCHLD brings us back. */
static void sweep(struct children *c)
{
	struct processes all;

	processes_init(&all);
	for (uint32_t i = 0; i < all.count; i++) {
		const struct process *p = &all.at[i];

		if (p->parent != getpid() || find(c, p->pid) != NULL)
			continue;
		enum owner owner = owner_of(c, p);
		if (owner == OWNER_ENDED || (owner == OWNER_NOBODY && c->first == NULL))
			kill(p->pid, SIGKILL);
	}
	processes_fini(&all);
}

static bool has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static uint64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

/* Above max_output the middle goes, so that the disk stays bounded: head and tail are kept, half each, and the head's
 * last line says so. The file's length, and so every offset, stays. */
static void cut_middle(const char *path, uint64_t max)
{
	static const char mark[] = "\n[witan: the middle of this output was cut out]\n";
	uint64_t size = size_of(path);

	if (max == 0 || size <= max + 2 * BLOCK)
		return;
	uint64_t head = (max / 2 + BLOCK - 1) / BLOCK * BLOCK;
	uint64_t tail = (size - max / 2) / BLOCK * BLOCK;
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	if (tail > head && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)head,
				     (off_t)(tail - head)) == 0)
		(void)!pwrite(fd, mark, sizeof(mark) - 1, (off_t)(head - (sizeof(mark) - 1)));
	close(fd);
}

static void forget(struct children *c, struct child *child)
{
	struct child **at = &c->first;

	while (*at != child)
		at = &(*at)->next;
	*at = child->next;
	free(child);
	if (c->first == NULL)
		c->watch_us = UINT64_MAX;
}

bool children_reap(struct children *c, uint64_t now_us, struct event *out)
{
	siginfo_t info = {0};
	int status;

	/* While it is not yet waited for, its number is nobody else's: only so is the group's kill safe. */
	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0) {
		struct child *child = find(c, info.si_pid);

		if (child != NULL) {
			kill(-child->pid, SIGKILL);
			cgroup_kill(child->cgroup);
		}
		if (waitpid(info.si_pid, &status, 0) != info.si_pid)
			return false;
		if (child == NULL) {
			info.si_pid = 0;
			continue;
		}
		cut_middle(child->out, child->max_output);
		cut_middle(child->err, child->max_output);
		out->kind = EVENT_EXITED;
		out->exited.pid = child->pid;
		out->exited.status = status;
		out->exited.out_size = size_of(child->out);
		out->exited.err_size = size_of(child->err);
		forget(c, child);
		if (c->sweep_us == UINT64_MAX && has_children())
			c->sweep_us = c->first == NULL ? now_us : now_us + SWEEP_US;
		return true;
	}
	return false;
}

void children_watch(struct children *c, uint64_t now_us)
{
	if (now_us >= c->sweep_us) {
		sweep(c);
		c->sweep_us = c->first == NULL && has_children() ? now_us + SWEEP_US : UINT64_MAX;
	}
	if (now_us < c->watch_us)
		return;
	for (const struct child *child = c->first; child != NULL; child = child->next) {
		cut_middle(child->out, child->max_output);
		cut_middle(child->err, child->max_output);
	}
	c->watch_us = c->first == NULL ? UINT64_MAX : now_us + WATCH_US;
}

uint64_t children_deadline_us(const struct children *c)
{
	return c->watch_us < c->sweep_us ? c->watch_us : c->sweep_us;
}

static void clear_cgroups(const char *cgroup)
{
	DIR *directory = cgroup[0] == '\0' ? NULL : opendir(cgroup);
	struct dirent *entry;
	char path[KEEPER_TEXT_MAX];

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		if (strncmp(entry->d_name, "slot-", 5) != 0)
			continue;
		int len = snprintf(path, sizeof(path), "%s/%s", cgroup, entry->d_name);
		if (len > 0 && (size_t)len < sizeof(path))
			cgroup_kill(path);
	}
	if (directory != NULL)
		closedir(directory);
}

uint32_t children_clear(const char *node, const char *cgroup)
{
	static char environment[JOB_TEXT_MAX];
	char entry[NAME_ROOM];
	struct processes all;
	uint32_t killed = 0;

	clear_cgroups(cgroup);
	if (node[0] == '\0')
		return 0;
	snprintf(entry, sizeof(entry), "WITAN_NODE=%s", node);
	processes_init(&all);
	for (uint32_t i = 0; i < all.count; i++) {
		const struct process *p = &all.at[i];
		size_t len = 0;

		if (p->pid != getpid() && p->pid != getppid())
			len = process_environment(p->pid, environment, sizeof(environment));
		if (len > 0 && environment_has(environment, len, entry))
			killed += kill(p->pid, SIGKILL) == 0;
	}
	processes_fini(&all);
	return killed;
}
