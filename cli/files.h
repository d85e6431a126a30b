/* Small files of the program's own: keys, configuration, marks. */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/bytes.h"
#include "core/err.h"

/* The whole file appended to `out`. */
MUST_USE enum err file_read(const char *path, struct buffer *out);
/* Written beside, synced, renamed: all or nothing. `group` (-1: leave) becomes the file's group. */
MUST_USE enum err file_write(const char *path, struct bytes text, mode_t mode, gid_t group);
/* With its parents, `mode` for what is made. */
MUST_USE enum err directory_make(const char *path, mode_t mode);
bool file_exists(const char *path);

#endif
