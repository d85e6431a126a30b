#include "sched/processes_uv.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/must.h"

#define FIRST_ROOM 256u

static size_t read_file(const char *path, char *out, size_t size)
{
	size_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	while (len < size) {
		ssize_t got = read(fd, out + len, size - len);

		if (got <= 0)
			break;
		len += (size_t)got;
	}
	close(fd);
	return len;
}

/* `pid (any name) state parent group session …` */
static bool read_process(int32_t pid, struct process *out)
{
	char path[64], text[512];
	int parent, session;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	size_t len = read_file(path, text, sizeof(text) - 1);
	text[len] = '\0';
	const char *after = strrchr(text, ')');
	if (after == NULL || sscanf(after + 1, " %*c %d %*d %d", &parent, &session) != 2)
		return false;
	*out = (struct process){.pid = pid, .parent = parent, .session = session};
	return true;
}

void processes_init(struct processes *p)
{
	DIR *directory = opendir("/proc");
	uint32_t room = 0;
	struct dirent *entry;

	*p = (struct processes){0};
	while (directory != NULL && p->count < PROCESSES_MAX &&
	       (entry = readdir(directory)) != NULL) {
		int32_t pid = (int32_t)strtol(entry->d_name, NULL, 10);
		if (pid <= 0)
			continue;
		if (p->count == room) {
			room = room == 0 ? FIRST_ROOM : room * 2;
			p->at = realloc(p->at, room * sizeof(*p->at));
			must(p->at != NULL);
		}
		p->count += read_process(pid, &p->at[p->count]);
	}
	if (directory != NULL)
		closedir(directory);
}

void processes_fini(struct processes *p)
{
	free(p->at);
	*p = (struct processes){0};
}

static bool is_marked(const struct processes *p, int32_t pid)
{
	for (uint32_t i = 0; i < p->count; i++)
		if (p->at[i].pid == pid)
			return p->at[i].marked;
	return false;
}

void processes_mark(struct processes *p, int32_t pid)
{
	bool more = true;

	must(pid > 1);
	for (uint32_t i = 0; i < p->count; i++)
		p->at[i].marked = p->at[i].pid == pid || p->at[i].session == pid;
	while (more) { /* a child may stand before its parent where numbers wrapped */
		more = false;
		for (uint32_t i = 0; i < p->count; i++) {
			struct process *one = &p->at[i];

			if (!one->marked && one->parent > 1 && is_marked(p, one->parent))
				more = one->marked = true;
		}
	}
}

size_t process_environment(int32_t pid, char *out, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	return read_file(path, out, size);
}

bool environment_has(const char *environment, size_t len, const char *entry)
{
	const size_t want = strlen(entry) + 1;
	size_t at = 0;

	while (at < len) {
		const char *end = memchr(environment + at, '\0', len - at);
		size_t size = end == NULL ? len - at : (size_t)(end - environment) - at + 1;

		if (end != NULL && size == want && memcmp(environment + at, entry, size) == 0)
			return true;
		at += size;
	}
	return false;
}
