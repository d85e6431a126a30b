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

static int make_within(int parent, const char *name, struct path_made *made)
{
	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return -1;
	if (made->count == MADE_MAX) {
		if (fsync(parent) < 0)
			return -1;
	} else {
		int copy = fcntl(parent, F_DUPFD_CLOEXEC, 0);

		if (copy < 0)
			return -1;
		made->directory[made->count++] = copy;
	}
	return openat(parent, name, DIRECTORY);
}

static int walk(int root, const char *name, const char **leaf, struct path_made *made)
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
		if (next < 0 && errno == ENOENT && made != NULL)
			next = make_within(here, part, made);
		int why = errno;
		close(here);
		errno = why;
		here = next;
		name = slash + 1;
	}
	*leaf = name;
	return here;
}

int path_parent(int root, const char *name, const char **leaf)
{
	return walk(root, name, leaf, NULL);
}

int path_parent_make(int root, const char *name, const char **leaf, struct path_made *made)
{
	made->count = 0;
	int directory = walk(root, name, leaf, made);
	if (directory < 0) {
		int why = errno;

		(void)path_made_sync(made, false);
		errno = why;
	}
	return directory;
}

int path_made_sync(struct path_made *made, bool sync)
{
	int why = 0;

	for (uint32_t i = 0; i < made->count; i++) {
		if (sync && fsync(made->directory[i]) < 0)
			why = errno;
		close(made->directory[i]);
	}
	made->count = 0;
	errno = why;
	return why == 0 ? 0 : -1;
}

/* A tree that goes. Depth costs one open directory each, so it is bounded: what lies deeper (a job may make any tree) is
 * moved up beside it, and goes then. */
struct removal {
	int top;
	uint32_t moved;
};

static char *moved_name(uint32_t number, char name[32])
{
	snprintf(name, 32, ".%u.old", number);
	return name;
}

static void remove_entry(struct removal *r, int directory, const char *name, uint32_t depth);

static void remove_within(struct removal *r, int directory, uint32_t depth)
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
			remove_entry(r, directory, entry->d_name, depth);
	closedir(list);
}

static void remove_entry(struct removal *r, int directory, const char *name, uint32_t depth)
{
	char aside[32];

	if (unlinkat(directory, name, 0) == 0 || errno == ENOENT)
		return;
	if (unlinkat(directory, name, AT_REMOVEDIR) == 0)
		return;
	if (depth == REMOVE_DEPTH_MAX) {
		if (r->moved < REMOVE_MOVES_MAX &&
		    renameat(directory, name, r->top, moved_name(r->moved, aside)) == 0)
			r->moved++;
		return;
	}
	int within = openat(directory, name, DIRECTORY);
	if (within < 0)
		return;
	(void)fchmod(within, 0700);
	remove_within(r, within, depth + 1);
	close(within);
	(void)unlinkat(directory, name, AT_REMOVEDIR);
}

void path_remove(int directory, const char *leaf)
{
	struct removal r = {.top = directory};
	char aside[32];

	remove_entry(&r, directory, leaf, 0);
	for (uint32_t i = 0; i < r.moved; i++)
		remove_entry(&r, directory, moved_name(i, aside), 0);
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
