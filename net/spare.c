#include "net/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/must.h"
#include "net/shelf_path.h"

/* Swept at start by its name when a crash leaves it. */
#define SPARE       ".spare"
#define SPARE_BEGUN ".spare.new"
#define PIECE       (64u << 10)
#define PIECES_DIRTY                                                                               \
	8u /* written, then synced: the log's own syncs queue behind no more than that */

static int take(int directory, const char *leaf, uint32_t size)
{
	struct stat st;
	int fd = openat(directory, SPARE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == (off_t)size &&
	    renameat2(directory, SPARE, directory, leaf, RENAME_NOREPLACE) == 0)
		return fd;
	close(fd);
	unlinkat(directory, SPARE, 0);
	return -1;
}

/* False with errno. */
static bool fill(int fd, uint32_t size)
{
	static const uint8_t zeros[PIECE];
	uint32_t pieces = 0;

	/* All of it is found now, or not begun. */
	if (fallocate(fd, 0, 0, size) < 0)
		return false;
	for (uint32_t at = 0; at < size;) {
		size_t len = size - at < PIECE ? size - at : PIECE;
		ssize_t n = pwrite(fd, zeros, len, at);

		if (n <= 0)
			return false;
		at += (uint32_t)n;
		if (++pieces % PIECES_DIRTY == 0 && fdatasync(fd) < 0)
			return false;
	}
	return fsync(fd) == 0;
}

/* The log is quicker than its spares: no time to fill one. Where the file system can not set room aside, appending goes
 * on without. */
static bool set_aside(int fd, uint32_t size)
{
	return fallocate(fd, 0, 0, size) == 0 || errno != ENOSPC;
}

int spare_file(int directory, const char *leaf, uint32_t size)
{
	int fd = take(directory, leaf, size);
	bool coming;

	if (fd >= 0)
		return fd;
	fd = openat(directory, leaf, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	coming = faccessat(directory, SPARE_BEGUN, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	if ((!coming && fill(fd, size)) || set_aside(fd, size))
		return fd;
	close(fd);
	unlinkat(directory, leaf, 0);
	errno = ENOSPC;
	return -1;
}

void spare_make(const struct shelf *s, const char *name, uint32_t size)
{
	const char *leaf;
	struct stat st;
	int directory = path_parent(s->root, name, &leaf);

	must(size > 0);
	if (directory < 0)
		return;
	if (fstatat(directory, SPARE, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size == (off_t)size) {
		close(directory);
		return;
	}
	int fd = openat(directory, SPARE_BEGUN, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			0600);
	if (fd >= 0) {
		bool whole = fill(fd, size);

		close(fd);
		if (!whole || renameat(directory, SPARE_BEGUN, directory, SPARE) < 0)
			unlinkat(directory, SPARE_BEGUN, 0);
	}
	close(directory);
}
