/* The files of one node, beneath its data directory: what the disk lanes do, one call each, blocking.
 *
 * The directory is opened once and locked, so that two nodes never share it; everything else is reached from there
 * without following a symbolic link, so that a job which may write into its own directory leads us nowhere. Names are
 * those of core/effect.h: "store/wal-1"; ".x.new" and ".x.old" are a PUT and a DROP of x under way, which the
 * next start sweeps.
 *
 * Invariants:
 *  1. PUT: at every instant the name holds all of the old bytes or all of the new.
 *  2. A file's entry in its directory is on stable storage before its first SYNC ends well: it is synced at creation.
 *  3. Once an APPEND or a SYNC of a file failed, its SYNCs fail until the place that was lost is written again (APPEND
 *     at or before it) or the file is cut or dropped: what is reported as safe is safe. A failed sync can not be
 *     repaired by another one (the kernel forgets the dirty pages), so there only CUT to before it or DROP help. */
#ifndef NET_SHELF_H
#define NET_SHELF_H

#include <stdint.h>

#include "core/bytes.h"
#include "core/disk.h"
#include "core/err.h"
#include "core/limits.h"

#define SHELF_WHY_MAX 512u

struct shelf {
	int root; /* directory */
	int lock;
};

/* Makes the directory (0750) where it is missing, its parents too, and locks it. On error `why` holds a sentence. */
MUST_USE enum err shelf_open(struct shelf *s, const char *path, char why[SHELF_WHY_MAX]);
void shelf_close(struct shelf *s);
/* The same as a core may see it, at start only. */
struct disk shelf_disk(struct shelf *s);

/* Files that are appended to stay open here. One of these belongs to one lane: it is used by one thread at a time. */
#define OPENED_FILES 8u
struct opened {
	struct opened_file {
		char name[FILE_NAME_MAX + 1]; /* "" : free */
		int fd;
		enum err broken; /* invariant 3 */
		uint64_t lost;   /* from here on, when broken */
		uint64_t used;   /* of the count: the least is closed first */
	} file[OPENED_FILES];
	uint64_t count;
};

void opened_init(struct opened *o);
void opened_fini(struct opened *o);

/* The effects. All take names that shelf_name_ok(). */
bool shelf_name_ok(const char *name);
void shelf_append(struct shelf *s, struct opened *o, const char *name, uint64_t at,
		  struct bytes body, uint32_t reserve);
MUST_USE enum err shelf_sync(struct shelf *s, struct opened *o, const char *name);
MUST_USE enum err shelf_put(struct shelf *s, struct opened *o, const char *name, struct bytes body);
MUST_USE enum err shelf_cut(struct shelf *s, struct opened *o, const char *name, uint64_t at);
MUST_USE enum err shelf_drop(struct shelf *s, struct opened *o, const char *name);
/* `to` stands in the same directory. ERR_EXISTS when something has that name. */
MUST_USE enum err shelf_move(struct shelf *s, struct opened *o, const char *name, const char *to);
/* Up to `len` bytes of the file into `to`; fewer mean its end. */
MUST_USE enum err shelf_read(struct shelf *s, const char *name, uint64_t at, uint8_t *to,
			     uint32_t len, uint32_t *got);

#endif
