/* What /proc says of the processes here: who descends from whom, and which attempt's environment they carry. */
#ifndef SCHED_PROCESSES_UV_H
#define SCHED_PROCESSES_UV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROCESSES_MAX 65536u /* processes looked at in one go: above it the rest is not seen */

struct process {
	int32_t pid;
	int32_t parent;
	int32_t session;
	bool marked;
};

struct processes {
	struct process *at; /* by pid, as /proc lists them */
	uint32_t count;
};

/* A picture of all processes; processes_fini() gives its memory back. */
void processes_init(struct processes *p);
void processes_fini(struct processes *p);
/* Marks `pid`, all its descendants, and all of its session. */
void processes_mark(struct processes *p, int32_t pid);

/* The environment of a process as it was at exec, entries separated by NUL; its length, 0 when it can not be read. */
size_t process_environment(int32_t pid, char *out, size_t size);
/* True when one of its entries is exactly `entry` ("NAME=value"). */
bool environment_has(const char *environment, size_t len, const char *entry);

#endif
