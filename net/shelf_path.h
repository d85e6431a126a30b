/* Walking beneath the data directory: never through a symbolic link, never upwards. */
#ifndef NET_SHELF_PATH_H
#define NET_SHELF_PATH_H

#include <stdbool.h>

/* Opens the directory that `name` stands in and points `leaf` at its last part. With `make`, missing directories are
 * made (0700) and synced into their parents. -1 with errno. */
int path_parent(int root, const char *name, bool make, const char **leaf);
/* Removes a file, or a directory with all in it; what resists is left. A missing one is fine. */
void path_remove(int directory, const char *leaf);
/* Removes what a PUT or DROP that was under way left in the data directory and the directories in it. Not deeper: a job's
 * own files stand there; and what a PUT left in an attempt's directory goes with the attempt. */
void path_sweep(int root);

#endif
