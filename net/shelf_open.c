/* The data directory: found or made, locked, and read at start. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/must.h"
#include "net/shelf.h"
#include "net/shelf_path.h"
#include "net/sockaddr.h"

bool shelf_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > FILE_NAME_MAX || name[0] == '/' || name[len - 1] == '/')
		return false;
	for (const char *part = name; part != NULL;) {
		const char *slash = strchr(part, '/');

		if (part[0] == '.' || part[0] == '/')
			return false;
		part = slash == NULL ? NULL : slash + 1;
	}
	return true;
}

/* Like mkdir -p; 0750, so that the group may reach the local socket. */
static int make_all(const char *path)
{
	char part[4096];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof part) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != 0)
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		if (mkdir(part, 0750) < 0 && errno != EEXIST && errno != EISDIR && errno != EROFS)
			return -1;
	}
	return 0;
}

/* The lock lives as long as the open file, which no child inherits: a killed node leaves none. */
static enum err lock_take(struct shelf *s, const char *path, char why[SHELF_WHY_MAX])
{
	char holder[32] = "";
	char me[32];

	s->lock = openat(s->root, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->lock < 0) {
		snprintf(why, SHELF_WHY_MAX, "data directory %s can not be written to: %s", path,
			 strerror(errno));
		return ERR_DENIED;
	}
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0) {
		ssize_t n = pread(s->lock, holder, sizeof holder - 1, 0);

		holder[n > 0 ? n : 0] = 0;
		holder[strcspn(holder, "\n")] = 0;
		snprintf(why, SHELF_WHY_MAX, "data directory %s is in use by process %s", path,
			 holder[0] != 0 ? holder : "(unknown)");
		close(s->lock);
		return ERR_EXISTS;
	}
	int len = snprintf(me, sizeof me, "%d\n", (int)getpid());
	if (ftruncate(s->lock, 0) < 0 || pwrite(s->lock, me, (size_t)len, 0) != len) {
		snprintf(why, SHELF_WHY_MAX, "data directory %s can not be written to: %s", path,
			 strerror(errno));
		close(s->lock);
		return ERR_IO;
	}
	return OK;
}

enum err shelf_open(struct shelf *s, const char *path, char why[SHELF_WHY_MAX])
{
	must(path[0] == '/');
	if (make_all(path) < 0) {
		snprintf(why, SHELF_WHY_MAX, "data directory %s can not be made: %s", path,
			 strerror(errno));
		return ERR_DENIED;
	}
	s->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root < 0) {
		snprintf(why, SHELF_WHY_MAX, "data directory %s can not be opened: %s", path,
			 strerror(errno));
		return ERR_DENIED;
	}
	enum err err = lock_take(s, path, why);
	if (err != OK) {
		close(s->root);
		return err;
	}
	path_sweep(s->root);
	return OK;
}

void shelf_close(struct shelf *s)
{
	close(s->lock);
	close(s->root);
	s->lock = s->root = -1;
}

static enum err disk_read(void *self, const char *file, struct buffer *out)
{
	struct shelf *s = self;
	size_t before = out->len;
	uint32_t got;

	must(shelf_name_ok(file));
	do {
		uint8_t *to = buffer_room(out, INPUT_MAX);
		uint8_t rest[4096];
		uint32_t room = to == NULL ? sizeof rest : INPUT_MAX;

		/* Near the buffer's limit it goes on in smaller pieces. */
		enum err err =
			shelf_read(s, file, out->len - before, to == NULL ? rest : to, room, &got);
		if (err == OK && to == NULL)
			err = buffer_add(out, bytes_of(rest, got));
		else if (err == OK)
			out->len += got;
		if (err != OK) {
			out->len = before;
			return err == ERR_FULL ? ERR_TOO_BIG : err;
		}
	} while (got > 0);
	return OK;
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int byte_order(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static enum err disk_list(void *self, const char *directory,
			  void (*each)(void *with, const char *name), void *with)
{
	struct shelf *s = self;
	struct dirent **entry;
	const char *leaf;

	must(shelf_name_ok(directory));
	int parent = path_parent(s->root, directory, &leaf);
	if (parent < 0)
		return errno == ENOENT ? OK : file_err(errno);
	int fd = openat(parent, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int why = errno;
	close(parent);
	if (fd < 0)
		return why == ENOENT ? OK : file_err(why);
	int count = scandirat(fd, ".", &entry, visible, byte_order);
	why = errno;
	close(fd);
	if (count < 0)
		return file_err(why);
	for (int i = 0; i < count; i++) {
		each(with, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	return OK;
}

struct disk shelf_disk(struct shelf *s)
{
	return (struct disk){.self = s, .read = disk_read, .list = disk_list};
}
