#include "sched/cgroup_uv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/must.h"

#define MODE_GOOD  0755
#define MODE_SPENT 0700
#define BUSY_TRIES 50 /* of a millisecond: the killed are gone within one or two */

static bool is_spent(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & 0777) == MODE_SPENT;
}

static int remove_spent(const char *path)
{
	for (int i = 0; i < BUSY_TRIES; i++) {
		if (rmdir(path) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return -1;
		poll(NULL, 0, 1);
	}
	errno = EBUSY;
	return -1;
}

int cgroup_open(const char *path)
{
	must(path[0] != '\0');

	if (is_spent(path) && remove_spent(path) < 0)
		return -1;
	if (mkdir(path, MODE_GOOD) < 0 && errno != EEXIST)
		return -1;
	/* Whatever our umask is: the mode means something. */
	if (chmod(path, MODE_GOOD) < 0)
		return -1;
	return open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
}

/* True, too, when the kernel does not say. */
static bool holds_somebody(const char *cgroup)
{
	char path[KEEPER_TEXT_MAX + 16], text[256] = "";

	snprintf(path, sizeof(path), "%s/cgroup.events", cgroup);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno != ENOENT;
	ssize_t len = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[len > 0 ? len : 0] = '\0';
	return strstr(text, "populated 0") == NULL;
}

void cgroup_kill(const char *cgroup)
{
	char path[KEEPER_TEXT_MAX + 16];

	if (cgroup[0] == '\0' || !holds_somebody(cgroup))
		return;
	snprintf(path, sizeof(path), "%s/cgroup.kill", cgroup);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	/* Marked first: a mark without a kill costs a new group, a kill without a mark the next attempt. */
	(void)!chmod(cgroup, MODE_SPENT);
	if (write(fd, "1", 1) < 0) {
		/* gone with its last process: nothing is left to kill */
	}
	close(fd);
}
