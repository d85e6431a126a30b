#include "net/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/must.h"
#include "net/shelf_path.h"
#include "net/sockaddr.h"
#include "net/spare.h"

/* EFFECT APPEND and its kin: the open files. */

void opened_init(struct opened *o)
{
	memset(o, 0, sizeof *o);
}

static void opened_forget(struct opened_file *f)
{
	if (f->name[0] != 0 && f->fd >= 0)
		close(f->fd);
	f->name[0] = 0;
}

void opened_fini(struct opened *o)
{
	for (uint32_t i = 0; i < OPENED_FILES; i++)
		opened_forget(&o->file[i]);
}

static struct opened_file *opened_find(struct opened *o, const char *name)
{
	for (uint32_t i = 0; i < OPENED_FILES; i++)
		if (o->file[i].name[0] != 0 && strcmp(o->file[i].name, name) == 0)
			return &o->file[i];
	return NULL;
}

/* A free place, or that of the file unused for longest; a broken one goes last, for its mark would go with it. */
static struct opened_file *opened_place(struct opened *o)
{
	struct opened_file *worst = &o->file[0];

	for (uint32_t i = 0; i < OPENED_FILES; i++) {
		struct opened_file *f = &o->file[i];

		if (f->name[0] == 0)
			return f;
		if ((f->broken == OK) != (worst->broken == OK)) {
			if (f->broken == OK)
				worst = f;
		} else if (f->used < worst->used) {
			worst = f;
		}
	}
	opened_forget(worst);
	return worst;
}

/* Forgets the file, and, when `name` is a directory, all within it. */
static void opened_forget_under(struct opened *o, const char *name)
{
	size_t len = strlen(name);

	for (uint32_t i = 0; i < OPENED_FILES; i++) {
		struct opened_file *f = &o->file[i];

		if (strncmp(f->name, name, len) == 0 && (f->name[len] == 0 || f->name[len] == '/'))
			opened_forget(f);
	}
}

/* Makes the file with `reserve` bytes set aside. Its entry is synced (invariant 2). */
static int file_make(int directory, const char *leaf, uint32_t reserve)
{
	int fd = reserve > 0 ? spare_file(directory, leaf, reserve)
			     : openat(directory, leaf,
				      O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || fsync(directory) == 0)
		return fd;
	int why = errno;
	close(fd);
	unlinkat(directory, leaf, 0);
	errno = why;
	return -1;
}

static int file_open(struct shelf *s, const char *name)
{
	const char *leaf;
	int directory = path_parent(s->root, name, &leaf);

	if (directory < 0)
		return -1;
	int fd = openat(directory, leaf, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	int why = errno;
	close(directory);
	errno = why;
	return fd;
}

static int file_new(struct shelf *s, const char *name, uint32_t reserve)
{
	struct path_made made;
	const char *leaf;
	int directory = path_parent_make(s->root, name, &leaf, &made);

	if (directory < 0)
		return -1;
	int fd = file_make(directory, leaf, reserve);
	int why = errno;
	close(directory);
	if (path_made_sync(&made, fd >= 0) < 0) {
		why = errno;
		close(fd);
		fd = -1;
	}
	errno = why;
	return fd;
}

/* The open file, opened or (with `make`) made when need be; NULL with errno. */
static struct opened_file *opened_open(struct shelf *s, struct opened *o, const char *name,
				       bool make, uint32_t reserve)
{
	struct opened_file *f = opened_find(o, name);

	must(shelf_name_ok(name));
	if (f == NULL) {
		int fd = file_open(s, name);

		if (fd < 0 && errno == ENOENT && make)
			fd = file_new(s, name, reserve);
		if (fd < 0)
			return NULL;
		f = opened_place(o);
		*f = (struct opened_file){.fd = fd};
		snprintf(f->name, sizeof f->name, "%s", name);
	}
	f->used = ++o->count;
	return f;
}

static void opened_break(struct opened_file *f, enum err err, uint64_t lost)
{
	must(err != OK);
	if (f->broken == OK || lost < f->lost)
		f->lost = lost;
	if (f->broken != ERR_IO)
		f->broken = err;
}

/* A file that could not even be opened has to remember that bytes for it were lost, too. */
static void opened_break_unopened(struct opened *o, const char *name, enum err err, uint64_t lost)
{
	struct opened_file *f = opened_place(o);

	*f = (struct opened_file){.fd = -1, .used = ++o->count};
	snprintf(f->name, sizeof f->name, "%s", name);
	opened_break(f, err == OK ? ERR_IO : err, lost);
}

void shelf_append(struct shelf *s, struct opened *o, const char *name, uint64_t at,
		  struct bytes body, uint32_t reserve)
{
	struct opened_file *f = opened_find(o, name);

	if (f != NULL && f->fd < 0) { /* perhaps now it opens */
		if (at > f->lost)
			return;
		opened_forget(f);
	}
	f = opened_open(s, o, name, true, reserve);
	if (f == NULL) {
		opened_break_unopened(o, name, file_err(errno), at);
		return;
	}
	if (f->broken != OK && at > f->lost)
		return;
	while (body.len > 0) {
		ssize_t n = pwrite(f->fd, body.at, body.len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			opened_break(f, n < 0 ? file_err(errno) : ERR_IO, at);
			return;
		}
		at += (uint64_t)n;
		body = bytes_of(body.at + n, body.len - (size_t)n);
	}
	if (f->broken == ERR_NO_SPACE)
		f->broken = OK; /* the lost place is written again */
}

enum err shelf_sync(struct shelf *s, struct opened *o, const char *name)
{
	struct opened_file *f = opened_open(s, o, name, false, 0);

	if (f == NULL)
		return file_err(errno);
	if (f->broken != OK)
		return f->broken;
	if (fdatasync(f->fd) == 0)
		return OK;
	opened_break(f, file_err(errno) == ERR_NO_SPACE ? ERR_NO_SPACE : ERR_IO, 0);
	return f->broken;
}

enum err shelf_cut(struct shelf *s, struct opened *o, const char *name, uint64_t at)
{
	struct opened_file *f = opened_find(o, name);

	if (f != NULL && f->fd < 0)
		opened_forget(f);
	f = opened_open(s, o, name, false, 0);
	if (f == NULL)
		return file_err(errno);
	if (ftruncate(f->fd, (off_t)at) < 0 || fdatasync(f->fd) < 0)
		return file_err(errno);
	if (f->broken != OK && at <= f->lost)
		f->broken = OK;
	return OK;
}

static enum err write_all(int fd, struct bytes body)
{
	while (body.len > 0) {
		ssize_t n = write(fd, body.at, body.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? file_err(errno) : ERR_IO;
		body = bytes_of(body.at + n, body.len - (size_t)n);
	}
	return OK;
}

/* Beside the file, synced, renamed over it, and the directory synced (invariant 1). */
static enum err put_beside(int directory, const char *leaf, struct bytes body)
{
	char beside[FILE_NAME_MAX + 8];

	snprintf(beside, sizeof beside, ".%s.new", leaf);
	int fd = openat(directory, beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			0600);
	if (fd < 0)
		return file_err(errno);
	enum err err = write_all(fd, body);
	if (err == OK && fdatasync(fd) < 0)
		err = file_err(errno);
	close(fd);
	if (err == OK && renameat(directory, beside, directory, leaf) < 0)
		err = file_err(errno);
	if (err != OK) {
		unlinkat(directory, beside, 0);
		return err;
	}
	return fsync(directory) == 0 ? OK : file_err(errno);
}

enum err shelf_put(struct shelf *s, struct opened *o, const char *name, struct bytes body)
{
	struct path_made made;
	const char *leaf;
	int directory = path_parent_make(s->root, name, &leaf, &made);

	if (directory < 0)
		return file_err(errno);
	opened_forget_under(o, name); /* an open one is the old file's */
	enum err err = put_beside(directory, leaf, body);
	close(directory);
	if (path_made_sync(&made, err == OK) < 0)
		err = file_err(errno);
	return err;
}

/* Gone for every later reader once it is renamed and that is synced; the rest is sweeping. */
enum err shelf_drop(struct shelf *s, struct opened *o, const char *name)
{
	const char *leaf;
	char aside[FILE_NAME_MAX + 8];
	int directory = path_parent(s->root, name, &leaf);
	enum err err = OK;

	if (directory < 0)
		return errno == ENOENT ? OK : file_err(errno);
	opened_forget_under(o, name);
	if (unlinkat(directory, leaf, 0) < 0) {
		if (errno == EISDIR || errno == EPERM) {
			snprintf(aside, sizeof aside, ".%s.old", leaf);
			path_remove(directory, aside);
			if (renameat(directory, leaf, directory, aside) < 0)
				err = file_err(errno);
			else if (fsync(directory) < 0)
				err = file_err(errno);
			path_remove(directory, aside);
		} else if (errno != ENOENT) {
			err = file_err(errno);
		}
	} else if (fsync(directory) < 0) {
		err = file_err(errno);
	}
	close(directory);
	return err;
}

enum err shelf_move(struct shelf *s, struct opened *o, const char *name, const char *to)
{
	const char *leaf, *slash = strrchr(to, '/');
	int directory = path_parent(s->root, name, &leaf);
	enum err err = OK;

	if (directory < 0)
		return errno == ENOENT ? OK : file_err(errno);
	must((size_t)(leaf - name) == (slash == NULL ? 0 : (size_t)(slash + 1 - to)));
	opened_forget_under(o, name);
	if (renameat2(directory, leaf, directory, slash == NULL ? to : slash + 1,
		      RENAME_NOREPLACE) < 0)
		err = errno == ENOENT ? OK : errno == EEXIST ? ERR_EXISTS : file_err(errno);
	else if (fsync(directory) < 0)
		err = file_err(errno);
	close(directory);
	return err;
}

enum err shelf_read(struct shelf *s, const char *name, uint64_t at, uint8_t *to, uint32_t len,
		    uint32_t *got)
{
	const char *leaf;
	int directory = path_parent(s->root, name, &leaf);
	uint32_t have = 0;

	if (directory < 0)
		return file_err(errno);
	int fd = openat(directory, leaf, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	int why = errno;
	close(directory);
	if (fd < 0)
		return file_err(why);
	while (have < len) {
		ssize_t n = pread(fd, to + have, len - have, (off_t)(at + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			why = errno;
			close(fd);
			return file_err(why);
		}
		if (n == 0)
			break;
		have += (uint32_t)n;
	}
	close(fd);
	*got = have;
	return OK;
}
