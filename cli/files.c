#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err err_of(int errnum)
{
	switch (errnum) {
	case ENOENT:
	case ENOTDIR:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_DENIED;
	case ENOSPC:
	case EDQUOT:
		return ERR_NO_SPACE;
	default:
		return ERR_IO;
	}
}

enum err file_read(const char *path, struct buffer *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err err = OK;

	if (fd < 0)
		return err_of(errno);
	while (!err) {
		uint8_t slice[4096];
		ssize_t n = read(fd, slice, sizeof(slice));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err = err_of(errno);
		if (n <= 0)
			break;
		err = buffer_add(out, bytes_of(slice, (size_t)n)) ? ERR_TOO_BIG : OK;
	}
	close(fd);
	return err;
}

static enum err write_whole(int fd, struct bytes text)
{
	while (text.len) {
		ssize_t n = write(fd, text.at, text.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_of(errno);
		text = bytes_of(text.at + n, text.len - (size_t)n);
	}
	return fsync(fd) == 0 ? OK : err_of(errno);
}

enum err file_write(const char *path, struct bytes text, mode_t mode, gid_t group)
{
	char beside[PATH_MAX];

	if ((size_t)snprintf(beside, sizeof(beside), "%s.new", path) >= sizeof(beside))
		return ERR_TOO_BIG;
	int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return err_of(errno);
	enum err err = fchmod(fd, mode) == 0 ? OK : err_of(errno);
	if (!err && group != (gid_t)-1 && fchown(fd, (uid_t)-1, group) != 0)
		err = err_of(errno);
	if (!err)
		err = write_whole(fd, text);
	close(fd);
	if (!err && rename(beside, path) != 0)
		err = err_of(errno);
	if (err)
		unlink(beside);
	return err;
}

enum err directory_make(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(part))
		return ERR_TOO_BIG;
	memcpy(part, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		char was = part[i];
		part[i] = '\0';
		if (mkdir(part, mode) != 0 && errno != EEXIST)
			return err_of(errno);
		part[i] = was;
	}
	return OK;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}
