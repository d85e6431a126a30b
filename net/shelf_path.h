/* Walking beneath the data directory: never through a symbolic link, never upwards. */
#ifndef NET_SHELF_PATH_H
#define NET_SHELF_PATH_H

#include <stdbool.h>
#include <stdint.h>

/* Directories whose new entries are yet to be synced. */
#define MADE_MAX 4u
struct path_made {
	int directory[MADE_MAX];
	uint32_t count;
};

/* Opens the directory that `name` stands in and points `leaf` at its last part. -1 with errno. */
int path_parent(int root, const char *name, const char **leaf);
/* The same; missing directories are made (0700) and `made` gathers where: the caller ends with path_made_sync, last of
 * all syncs, because a journal that has just been written has them all. */
int path_parent_make(int root, const char *name, const char **leaf, struct path_made *made);
/* Syncs `made` and forgets it; only forgets it when `sync` is false. -1 with errno. */
int path_made_sync(struct path_made *made, bool sync);
/* Removes a file, or a directory with all in it; what resists is left. A missing one is fine. */
void path_remove(int directory, const char *leaf);
/* Removes what a PUT or DROP that was under way left in the data directory and the directories in it. Not deeper: a job's
 * own files stand there; and what a PUT left in an attempt's directory goes with the attempt. */
void path_sweep(int root);

#endif
