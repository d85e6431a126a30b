/* One exec: everything that stands between an order and a running child, done so that neither the keeper's file
 * descriptors, signal mask, capabilities nor user get into it. */
#ifndef SCHED_LAUNCH_UV_H
#define SCHED_LAUNCH_UV_H

#include <stdint.h>

#include "core/effect.h"
#include "core/err.h"

struct launcher;

/* `user`: whom children run as that name none; "": as we are. NULL when that user does not exist. */
struct launcher *launcher_open(const char *user);
void launcher_close(struct launcher *l);

struct launched {
	int32_t pid;
	enum err
		err; /* ERR_NOT_FOUND, ERR_DENIED: could not be executed; ERR_IO: could not be set up */
	int32_t errnum;
};

/* Blocks until the child has called exec, or could not. */
struct launched launch(struct launcher *l, const struct spawn *spawn);

#endif
