#include "net/shelf_path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/must.h"

#define DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int make_within(int parent, const char *name)
{
	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return -1;
	if (fsync(parent) < 0)
		return -1;
	return openat(parent, name, DIRECTORY);
}

int path_parent(int root, const char *name, bool make, const char **leaf)
{
	char part[FILE_NAME_MAX + 1];
	int here = fcntl(root, F_DUPFD_CLOEXEC, 0);
	const char *slash;

	while (here >= 0 && (slash = strchr(name, '/')) != NULL) {
		size_t len = (size_t)(slash - name);

		must(len > 0 && len < sizeof part);
		memcpy(part, name, len);
		part[len] = 0;
		int next = openat(here, part, DIRECTORY);
		if (next < 0 && errno == ENOENT && make)
			next = make_within(here, part);
		int why = errno;
		close(here);
		errno = why;
		here = next;
		name = slash + 1;
	}
	*leaf = name;
	return here;
}

/* One entry that is no directory, or an empty one, goes at once; else its own entries go first. Depth costs one open
 * directory each, so it is bounded: deeper trees (a job may make any) are moved up to `top` and end there. */
static void remove_entry(int top, int directory, const char *name, uint32_t depth);

static void remove_within(int top, int directory, uint32_t depth)
{
	int copy = fcntl(directory, F_DUPFD_CLOEXEC, 0);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (list == NULL) {
		if (copy >= 0)
			close(copy);
		return;
	}
	rewinddir(list);
	while ((entry = readdir(list)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_entry(top, directory, entry->d_name, depth);
	closedir(list);
}

static void remove_entry(int top, int directory, const char *name, uint32_t depth)
{
	if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
		return;
	if (unlinkat(directory, name, AT_REMOVEDIR) == 0)
		return;
	if (depth == REMOVE_DEPTH_MAX) {
		/* Fails when one of that name was moved up before: it is moved in the next round. */
		(void)renameat(directory, name, top, ".deep");
		return;
	}
	int within = openat(directory, name, DIRECTORY);
	if (within < 0)
		return;
	(void)fchmod(within, 0700);
	remove_within(top, within, depth + 1);
	close(within);
	(void)unlinkat(directory, name, AT_REMOVEDIR);
}

void path_remove(int directory, const char *leaf)
{
	for (uint32_t round = 0; round < REMOVE_ROUNDS_MAX; round++) {
		remove_entry(directory, directory, leaf, 0);
		remove_entry(directory, directory, ".deep", 0);
		if (faccessat(directory, leaf, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
		    faccessat(directory, ".deep", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			return;
	}
}

static bool is_ours(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && name[0] == '.' &&
	       (strcmp(name + len - 4, ".new") == 0 || strcmp(name + len - 4, ".old") == 0);
}

static void sweep(int directory, uint32_t depth)
{
	int copy = fcntl(directory, F_DUPFD_CLOEXEC, 0);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (list == NULL) {
		if (copy >= 0)
			close(copy);
		return;
	}
	rewinddir(list);
	while ((entry = readdir(list)) != NULL) {
		if (is_ours(entry->d_name)) {
			path_remove(directory, entry->d_name);
		} else if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && depth > 0) {
			int within = openat(directory, entry->d_name, DIRECTORY);

			if (within >= 0) {
				sweep(within, depth - 1);
				close(within);
			}
		}
	}
	closedir(list);
}

void path_sweep(int root)
{
	sweep(root, 1);
}
