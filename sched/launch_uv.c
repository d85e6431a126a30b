#include "sched/launch_uv.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/must.h"
#include "sched/cgroup_uv.h"

#define GROUPS_MAX     64
#define CANDIDATES     64u /* places of PATH that are tried */
#define CANDIDATES_LEN 16384u

/* Whom a child becomes. */
struct user {
	char name[NAME_MAX_LEN + 1]; /* "": stay as we are */
	uid_t uid;
	gid_t gid;
	gid_t groups[GROUPS_MAX];
	int group_count;
};

/* What went wrong between vfork and exec; in shared memory, for clone3 shares none. */
struct failure {
	int errnum;
	bool executing;
};

struct launcher {
	struct user usual;
	struct user named; /* the last other one */
	struct failure *failure;
	int null_fd;
	pid_t self;
	struct rlimit files; /* as we found it */
};

/* All that the child does is decided before it exists: after vfork it only makes system calls. */
struct plan {
	const struct spawn *spawn;
	const struct user *user;
	struct failure *failure;
	int null_fd;
	int out_fd;
	int err_fd;
	int cgroup_fd; /* -1: none */
	pid_t keeper;
	struct rlimit files;
	const char *candidate[CANDIDATES + 1];
	char text[CANDIDATES_LEN];
};

static bool user_find(const char *name, struct user *out)
{
	struct passwd entry, *found = NULL;
	char text[4096];
	struct user user = {.group_count = GROUPS_MAX};

	if (strlen(name) >= sizeof(user.name))
		return false;
	if (getpwnam_r(name, &entry, text, sizeof(text), &found) != 0 || found == NULL)
		return false;
	snprintf(user.name, sizeof(user.name), "%s", name);
	user.uid = found->pw_uid;
	user.gid = found->pw_gid;
	if (getgrouplist(name, user.gid, user.groups, &user.group_count) < 0)
		user.group_count = GROUPS_MAX;
	*out = user;
	return true;
}

struct launcher *launcher_open(const char *user)
{
	struct launcher *l = calloc(1, sizeof(*l));

	must(l != NULL);
	if (user[0] != '\0' && !user_find(user, &l->usual)) {
		free(l);
		return NULL;
	}
	l->self = getpid();
	l->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	l->failure = mmap(NULL, sizeof(*l->failure), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(l->null_fd >= 0);
	must(l->failure != MAP_FAILED);
	must(getrlimit(RLIMIT_NOFILE, &l->files) == 0);
	return l;
}

void launcher_close(struct launcher *l)
{
	if (l == NULL)
		return;
	munmap(l->failure, sizeof(*l->failure));
	close(l->null_fd);
	free(l);
}

/* --- the child, until exec: system calls only --- */

static _Noreturn void give_up(const struct plan *p, bool executing)
{
	p->failure->errnum = errno;
	p->failure->executing = executing;
	_exit(127);
}

static void become(const struct plan *p)
{
	const struct user *u = p->user;

	if (u->name[0] == '\0' || u->uid == geteuid())
		return;
	/* raw: the C library would signal its other threads, which a vforked child has none of */
	if (syscall(SYS_setgroups, (size_t)u->group_count, u->groups) != 0 ||
	    syscall(SYS_setresgid, u->gid, u->gid, u->gid) != 0 ||
	    syscall(SYS_setresuid, u->uid, u->uid, u->uid) != 0)
		give_up(p, false);
}

static _Noreturn void child(const struct plan *p)
{
	sigset_t none;
	int worst = ENOENT;

	sigemptyset(&none);
	if (setsid() < 0 || dup2(p->null_fd, 0) < 0 || dup2(p->out_fd, 1) < 0 ||
	    dup2(p->err_fd, 2) < 0 || chdir(p->spawn->directory) < 0 ||
	    syscall(SYS_close_range, 3u, ~0u, 0u) < 0 || setrlimit(RLIMIT_NOFILE, &p->files) < 0)
		give_up(p, false);
	become(p);
	umask(022);
	/* after the change of user, which clears it; and our parent may have died before */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		give_up(p, false);
	if (getppid() != p->keeper)
		_exit(127);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (uint32_t i = 0; p->candidate[i] != NULL; i++) {
		execve(p->candidate[i], (char *const *)p->spawn->argv,
		       (char *const *)p->spawn->env);
		if (errno != ENOENT && errno != ENOTDIR)
			worst = errno;
	}
	errno = worst;
	give_up(p, true);
}

/* Their own frames: what is live here may not be changed by the child that shares the stack. */
static __attribute__((noinline)) pid_t start_vfork(const struct plan *p)
{
	pid_t pid = vfork();

	if (pid == 0)
		child(p);
	return pid;
}

static pid_t start_in_cgroup(const struct plan *p)
{
	struct clone_args args = {.flags = CLONE_VFORK | CLONE_INTO_CGROUP,
				  .exit_signal = SIGCHLD,
				  .cgroup = (unsigned int)p->cgroup_fd};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		child(p);
	return (pid_t)pid;
}

/* --- before and after --- */

static const char *path_of(const char *const *env)
{
	for (; *env != NULL; env++)
		if (strncmp(*env, "PATH=", 5) == 0)
			return *env + 5;
	return "/usr/local/bin:/usr/bin:/bin";
}

/* Which files are tried in turn: the name itself when it has a slash, else what PATH makes of it. */
static void find_candidates(struct plan *p)
{
	const char *name = p->spawn->argv[0];
	const char *path = path_of(p->spawn->env);
	size_t used = 0;
	uint32_t count = 0;

	if (strchr(name, '/') != NULL) {
		p->candidate[0] = name;
		p->candidate[1] = NULL;
		return;
	}
	while (count < CANDIDATES && name[0] != '\0') {
		size_t len = strcspn(path, ":");
		int size = snprintf(p->text + used, sizeof(p->text) - used, "%.*s/%s",
				    len == 0 ? 1 : (int)len, len == 0 ? "." : path, name);

		if (size < 0 || (size_t)size >= sizeof(p->text) - used)
			break;
		p->candidate[count++] = p->text + used;
		used += (size_t)size + 1;
		if (path[len] == '\0')
			break;
		path += len + 1;
	}
	p->candidate[count] = NULL;
}

static int open_output(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
}

static bool make_directory(const struct plan *p)
{
	const struct spawn *s = p->spawn;

	if (!s->fresh)
		return true;
	if (mkdir(s->directory, 0700) < 0 && errno != EEXIST)
		return false;
	return p->user->name[0] == '\0' || geteuid() != 0 ||
	       chown(s->directory, p->user->uid, p->user->gid) == 0;
}

static bool prepare(struct plan *p)
{
	find_candidates(p);
	if (!make_directory(p))
		return false;
	p->out_fd = open_output(p->spawn->out);
	p->err_fd = p->out_fd < 0 ? -1 : open_output(p->spawn->err);
	if (p->err_fd < 0)
		return false;
	if (p->spawn->cgroup[0] != '\0')
		p->cgroup_fd = cgroup_open(p->spawn->cgroup);
	return p->spawn->cgroup[0] == '\0' || p->cgroup_fd >= 0;
}

static void release(const struct plan *p)
{
	int kept = errno;

	if (p->out_fd >= 0)
		close(p->out_fd);
	if (p->err_fd >= 0)
		close(p->err_fd);
	if (p->cgroup_fd >= 0)
		close(p->cgroup_fd);
	errno = kept;
}

/* So that whoever reads the output sees it, too. */
static void tell_user(const struct plan *p, const struct failure *f)
{
	char line[512];
	int len = snprintf(line, sizeof(line), "witan: %.200s: %s\n", p->spawn->argv[0],
			   strerror(f->errnum));

	if (len > 0 && write(p->err_fd, line, (size_t)len) < 0)
		return; /* the reason is in the report, too */
}

static struct launched failed(enum err err, int errnum)
{
	return (struct launched){.err = err, .errnum = errnum};
}

static struct launched start(struct launcher *l, struct plan *p)
{
	*l->failure = (struct failure){0};
	pid_t pid = p->cgroup_fd >= 0 ? start_in_cgroup(p) : start_vfork(p);
	const struct failure f = *l->failure;
	int status;

	if (pid < 0)
		return failed(ERR_IO, errno);
	if (f.errnum == 0)
		return (struct launched){.pid = pid};
	if (waitpid(pid, &status, 0) != pid)
		return failed(ERR_IO, errno);
	tell_user(p, &f);
	if (!f.executing)
		return failed(ERR_IO, f.errnum);
	return failed(f.errnum == ENOENT ? ERR_NOT_FOUND : ERR_DENIED, f.errnum);
}

struct launched launch(struct launcher *l, const struct spawn *spawn)
{
	static struct plan plan; /* large; there is one keeper in a process */
	const struct user *user = &l->usual;

	must(spawn->argv[0] != NULL);
	if (spawn->user[0] != '\0' && strcmp(spawn->user, l->usual.name) != 0) {
		if (strcmp(spawn->user, l->named.name) != 0 && !user_find(spawn->user, &l->named))
			return failed(ERR_IO, EINVAL);
		user = &l->named;
	}
	plan = (struct plan){.spawn = spawn,
			     .user = user,
			     .failure = l->failure,
			     .null_fd = l->null_fd,
			     .out_fd = -1,
			     .err_fd = -1,
			     .cgroup_fd = -1,
			     .keeper = l->self,
			     .files = l->files};
	struct launched result = prepare(&plan) ? start(l, &plan) : failed(ERR_IO, errno);
	release(&plan);
	return result;
}
