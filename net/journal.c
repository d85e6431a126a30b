#define SD_JOURNAL_SUPPRESS_LOCATION
#include "net/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#include "core/must.h"

#define NATIVE_SOCKET "/run/systemd/journal/socket"

static bool native_stands(void)
{
	return access(NATIVE_SOCKET, W_OK) == 0;
}

/* True when stderr is the stream that systemd connected to the journal: the variable alone is inherited by children
 * whose stderr goes elsewhere. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2)
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static int file_open(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

enum err journal_open(struct journal *j, const char *to, bool json, enum log_level most,
		      char why[200])
{
	must(most <= LOG_LEVEL_DEBUG);

	*j = (struct journal){.to = JOURNAL_FILE, .fd = STDERR_FILENO, .json = json, .most = most};
	if (strcmp(to, "journal") == 0 && !native_stands()) {
		(void)snprintf(why, 200, "log = journal, but there is no %s: use log = stderr",
			       NATIVE_SOCKET);
		return ERR_IO;
	}
	if (strcmp(to, "journal") == 0 ||
	    (strcmp(to, "auto") == 0 && stderr_is_journal() && native_stands()))
		j->to = JOURNAL_NATIVE;
	if (strncmp(to, "file:", 5) == 0) {
		j->path = to + 5;
		j->fd = file_open(j->path);
		if (j->fd < 0) {
			(void)snprintf(why, 200, "log = file:%.120s: %s", j->path, strerror(errno));
			return ERR_IO;
		}
	}
	buffer_init(&j->line, JOURNAL_ENTRY_MAX);
	return OK;
}

void journal_close(struct journal *j)
{
	if (j->path)
		(void)close(j->fd);
	buffer_fini(&j->line);
	j->path = NULL;
	j->fd = -1;
}

enum err journal_reopen(struct journal *j)
{
	int fd;

	if (!j->path)
		return OK;
	fd = file_open(j->path);
	if (fd < 0)
		return ERR_IO;
	(void)close(j->fd);
	j->fd = fd;
	return OK;
}

static int priority(enum log_level level)
{
	static const int numbers[] = {3, 4, 6, 7}; /* syslog's */

	must(level <= LOG_LEVEL_DEBUG);
	return numbers[level];
}

/* The journal takes only such names; one that begins with '_' would be dropped as a forgery of its own. */
static bool field_is_good(const char *field, size_t len)
{
	size_t name = strspn(field, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return name > 0 && name < len && field[name] == '=' && field[0] != '_' && name <= 64;
}

/* Next line of `fields` that is a field; NULL after the last. */
static const char *field_next(const char **fields, size_t *len)
{
	while (**fields) {
		const char *field = *fields;

		*len = strcspn(field, "\n");
		*fields += *len + (field[*len] == '\n');
		if (field_is_good(field, *len))
			return field;
	}
	return NULL;
}

static bool native_send(enum log_level level, const char *fields, const char *message)
{
	struct iovec iov[JOURNAL_FIELDS_MAX];
	char number[16];
	const char *field;
	size_t len;
	int n = 0;

	(void)snprintf(number, sizeof(number), "PRIORITY=%d", priority(level));
	iov[n++] =
		(struct iovec){.iov_base = (char *)(uintptr_t)message, .iov_len = strlen(message)};
	iov[n++] = (struct iovec){.iov_base = number, .iov_len = strlen(number)};
	iov[n++] = (struct iovec){.iov_base = (char[]){"SYSLOG_IDENTIFIER=witan"}, .iov_len = 23};
	while ((size_t)n < JOURNAL_FIELDS_MAX && (field = field_next(&fields, &len)))
		iov[n++] = (struct iovec){.iov_base = (char *)(uintptr_t)field, .iov_len = len};
	return native_stands() && sd_journal_sendv(iov, n) == 0;
}

static enum err json_text(struct buffer *out, const char *text, size_t len)
{
	enum err err = buffer_add(out, BYTES("\""));

	for (size_t i = 0; i < len && err == OK; i++) {
		if (text[i] == '\n')
			err = buffer_add(out, BYTES("\\n"));
		else if (text[i] == '"' || text[i] == '\\')
			err = buffer_add(out, bytes_of((char[]){'\\', text[i]}, 2));
		else
			err = buffer_add(out, bytes_of(text + i, 1));
	}
	return err == OK ? buffer_add(out, BYTES("\"")) : err;
}

static enum err json_format(const char *stamp, const char *level, const char *fields,
			    const char *text, struct buffer *out)
{
	char head[96];
	const char *field;
	size_t len;
	enum err err;

	(void)snprintf(head, sizeof(head), "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", stamp,
		       level);
	err = buffer_add(out, bytes_str(head));
	if (err == OK)
		err = json_text(out, text, strlen(text));
	while (err == OK && (field = field_next(&fields, &len))) {
		size_t name = strcspn(field, "=");

		err = buffer_add(out, BYTES(","));
		if (err == OK)
			err = json_text(out, field, name);
		if (err == OK)
			err = buffer_add(out, BYTES(":"));
		if (err == OK)
			err = json_text(out, field + name + 1, len - name - 1);
	}
	return err == OK ? buffer_add(out, BYTES("}\n")) : err;
}

enum err journal_format(bool json, enum log_level level, uint64_t wall_us, const char *fields,
			const char *text, struct buffer *out)
{
	time_t seconds = (time_t)(wall_us / 1000000);
	char day[32], stamp[48], head[64];
	struct tm tm;
	enum err err;

	(void)gmtime_r(&seconds, &tm);
	(void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(stamp, sizeof(stamp), "%s.%03uZ", day, (unsigned)(wall_us / 1000 % 1000));
	if (json)
		return json_format(stamp, log_level_name(level), fields, text, out);
	(void)snprintf(head, sizeof(head), "%s %-5s ", stamp, log_level_name(level));
	err = buffer_add(out, bytes_str(head));
	if (err == OK)
		err = buffer_add(out, bytes_str(text));
	return err == OK ? buffer_add(out, BYTES("\n")) : err;
}

/* The whole entry in one write where the kernel lets us, so that entries of two processes do not mix. */
static bool line_write(int fd, struct bytes line)
{
	while (line.len > 0) {
		ssize_t n = write(fd, line.at, line.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		line = bytes_of(line.at + n, line.len - (size_t)n);
	}
	return true;
}

/* A cleaned copy with `head` before it; NULL without memory. */
static char *clean_copy(const char *head, const char *text)
{
	size_t head_len = strlen(head), len = strlen(text);
	char *copy;

	if (len > JOURNAL_ENTRY_MAX / 2)
		len = JOURNAL_ENTRY_MAX / 2;
	copy = malloc(head_len + len + 1);
	if (!copy)
		return NULL;
	memcpy(copy, head, head_len);
	memcpy(copy + head_len, text, len);
	copy[head_len + len] = '\0';
	log_clean(copy);
	return copy;
}

void journal_write(struct journal *j, enum log_level level, uint64_t wall_us, const char *fields,
		   const char *text)
{
	static const char head[] = "MESSAGE=";
	char *message, *clean;
	bool taken = false;

	must(level <= LOG_LEVEL_DEBUG);
	if (level > j->most)
		return;
	message = clean_copy(head, text);
	clean = clean_copy("", fields);
	if (message && clean && j->to == JOURNAL_NATIVE)
		taken = native_send(level, clean, message);
	if (message && clean && !taken) {
		buffer_clear(&j->line);
		taken = journal_format(j->json, level, wall_us, clean, message + sizeof(head) - 1,
				       &j->line) == OK &&
			line_write(j->fd, buffer_bytes(&j->line));
	}
	j->lost += !taken;
	free(message);
	free(clean);
}
