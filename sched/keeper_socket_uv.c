#include "sched/keeper_socket_uv.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/magic.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/must.h"
#include "sched/keeper_uv.h"

#define BACKLOG   4
#define LISTEN_AT 3 /* the descriptor a started keeper finds its listener at */

extern char **environ;

/* A socket's path has room for 107 bytes, a data directory may be longer: the way through /proc is short. */
static int address(const char *path, struct sockaddr_un *out)
{
	char directory[KEEPER_TEXT_MAX], name[KEEPER_TEXT_MAX];

	if (strlen(path) >= sizeof(directory))
		return -ENAMETOOLONG;
	snprintf(directory, sizeof(directory), "%s", path);
	snprintf(name, sizeof(name), "%s", path);
	int fd = open(dirname(directory), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	int len = snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/%s", fd,
			   basename(name));
	if (len < 0 || (size_t)len >= sizeof(out->sun_path)) {
		close(fd);
		return -ENAMETOOLONG;
	}
	return fd;
}

static int connect_to(const struct sockaddr_un *to)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0)
		return fd;
	int err = -errno;
	close(fd);
	return err;
}

static int listen_at(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	fchmod(fd, 0600); /* before bind: the file is made with it */
	if (bind(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	int err = -errno;
	close(fd);
	return err;
}

int keeper_dial(const char *path)
{
	struct sockaddr_un to;
	int directory = address(path, &to);

	if (directory < 0)
		return directory;
	int fd = connect_to(&to);
	close(directory);
	return fd;
}

int keeper_listen(const char *path)
{
	struct sockaddr_un at;
	int directory = address(path, &at);

	if (directory < 0)
		return directory;
	int fd = connect_to(&at);
	if (fd >= 0) {
		close(fd);
		fd = -EADDRINUSE;
	} else {
		if (fd == -ECONNREFUSED)
			unlink(path);
		fd = listen_at(&at);
	}
	close(directory);
	return fd;
}

bool keeper_peer_allowed(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}

/* --- starting one --- */

static int start(const char *program, const char *path, const char *node, const char *user,
		 int listen_fd)
{
	char socket_arg[KEEPER_TEXT_MAX + 16], node_arg[NAME_MAX_LEN + 16],
		user_arg[NAME_MAX_LEN + 16];
	char *argv[] = {(char *)"witan", (char *)"keeper",        socket_arg,           node_arg,
			user_arg,        (char *)"--cgroup=auto", (char *)"--listen=3", NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status;

	snprintf(socket_arg, sizeof(socket_arg), "--socket=%s", path);
	snprintf(node_arg, sizeof(node_arg), "--node=%s", node);
	snprintf(user_arg, sizeof(user_arg), "--user=%s", user);
	posix_spawn_file_actions_init(&actions);
	/* dup2 onto itself takes close-on-exec away, too */
	posix_spawn_file_actions_adddup2(&actions, listen_fd, LISTEN_AT);
	int err = posix_spawn(&pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (err != 0)
		return -err;
	if (waitpid(pid, &status, 0) != pid) /* it goes into the background at once */
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

int keeper_connect(const char *root, const char *program, const char *node, const char *user)
{
	char path[KEEPER_TEXT_MAX];
	int len = snprintf(path, sizeof(path), "%s/%s", root, KEEPER_SOCKET);

	if (len < 0 || (size_t)len >= sizeof(path) - 8 || strlen(node) > NAME_MAX_LEN ||
	    strlen(user) > NAME_MAX_LEN)
		return -ENAMETOOLONG;
	int fd = keeper_dial(path);
	if (fd >= 0 || (fd != -ENOENT && fd != -ECONNREFUSED))
		return fd;
	int listen_fd = keeper_listen(path);
	if (listen_fd < 0)
		return listen_fd;
	/* It listens already, so the connection stands before the keeper does. */
	fd = keeper_dial(path);
	int err = fd < 0 ? fd
			 : start(program == NULL ? "/proc/self/exe" : program, path, node, user,
				 listen_fd);
	close(listen_fd);
	if (err < 0 && fd >= 0)
		close(fd);
	return err < 0 ? err : fd;
}

/* --- cgroup --- */

/* Where cgroup v2 is mounted, by itself or beside v1; NULL when it is not. */
static const char *mount_of_v2(void)
{
	static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct statfs fs;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (statfs(places[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			return places[i];
	return NULL;
}

/* Our own group, when systemd marked it as delegated to this unit: only then are groups beneath it ours to make. */
static bool own_group(char *out, size_t size)
{
	char line[KEEPER_TEXT_MAX], mark[2];
	const char *mount = mount_of_v2();
	FILE *file = mount == NULL ? NULL : fopen("/proc/self/cgroup", "re");
	bool found = false;

	while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3) != 0)
			continue;
		int len = snprintf(out, size, "%s%s", mount, line + 3);
		found = len > 0 && (size_t)len < size;
	}
	if (file != NULL)
		fclose(file);
	return found && (getxattr(out, "user.delegate", mark, sizeof(mark)) > 0 ||
			 getxattr(out, "trusted.delegate", mark, sizeof(mark)) > 0);
}

void keeper_cgroup(const char *wish, char *out, size_t size)
{
	char path[KEEPER_TEXT_MAX];

	out[0] = '\0';
	if (strcmp(wish, "none") == 0)
		return;
	if (strcmp(wish, "auto") == 0) {
		if (!own_group(path, sizeof(path)))
			return;
	} else {
		snprintf(path, sizeof(path), "%s", wish);
	}
	if (access(path, W_OK) == 0 && strlen(path) + 32 < size)
		snprintf(out, size, "%s", path);
}
