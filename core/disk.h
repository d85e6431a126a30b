/* The disk as a core may see it, at start only: what earlier APPENDs and PUTs left. Synchronous; production reads the
 * file system, the simulator its own shelf. */
#ifndef CORE_DISK_H
#define CORE_DISK_H

#include "core/bytes.h"
#include "core/err.h"

struct disk {
	void *self;
	/* The whole file appended to `out`; ERR_NOT_FOUND when there is none. */
	enum err (*read)(void *self, const char *file, struct buffer *out);
	/* Calls `each` for every entry's name (no path) of a directory, in byte order; a missing one has none. */
	enum err (*list)(void *self, const char *directory,
			 void (*each)(void *with, const char *name), void *with);
};

#endif
