#include "cli/orphans.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* The parent of a process; 0 when it has gone. Its name may hold anything, a `)` too. */
static long parent_of(const char *pid)
{
	char path[64], text[512];
	long parent = 0;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return 0;
	size_t len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	const char *at = strrchr(text, ')');
	return at && sscanf(at, ") %*c %ld", &parent) == 1 ? parent : 0;
}

uint32_t orphans_kill(void)
{
	DIR *all = opendir("/proc");
	const struct dirent *e;
	uint32_t count = 0;

	while (all && (e = readdir(all))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' || parent_of(e->d_name) != getpid())
			continue;
		kill((pid_t)atol(e->d_name), SIGKILL);
		count++;
	}
	if (all)
		closedir(all);
	return count;
}
