/* Children as the kernel has them: started from the small keeper by vfork (clone3 where they go into a cgroup), ended
 * with all they left behind.
 *
 * A child leads a session and process group of its own and gets SIGKILL when the keeper dies. The keeper is the
 * subreaper: what a child leaves behind becomes ours, is known by its session or by the WITAN_JOB, WITAN_STEP and
 * WITAN_ATTEMPT in its environment, and is killed when its attempt ends. What hides even that is killed by its cgroup,
 * or, without one, when the last attempt ends. */
#ifndef SCHED_CHILDREN_UV_H
#define SCHED_CHILDREN_UV_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "core/outbox.h"

struct children;

/* `user`: whom jobs run as that name none; "": as we are. NULL when that user does not exist. */
struct children *children_open(const char *user);
void children_close(struct children *c);

/* Fills `out` as EVENT_SPAWNED. What could not be executed has its reason in its err file, too. */
void children_spawn(struct children *c, const struct spawn *spawn, struct event *out);
/* To the whole tree of a child of ours. */
void children_kill(struct children *c, int32_t pid, int signal);
/* One ended child as EVENT_EXITED, what was left of it killed; false when there is none (for now). */
bool children_reap(struct children *c, uint64_t now_us, struct event *out);

/* Output that grew too large, what was left behind: looked at now and then while there is reason to. */
void children_watch(struct children *c, uint64_t now_us);
uint64_t children_deadline_us(const struct children *c);

/* Kills what an earlier keeper of this node (its id as text) left: by environment, and by cgroup where `cgroup` (a
 * directory, or "") has groups of ours. Returns how many were found by environment. */
uint32_t children_clear(const char *node, const char *cgroup);

#endif
