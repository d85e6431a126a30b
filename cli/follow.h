/* Following one job to its end over a client: its output to stdout and stderr, live, and its result.
 *
 * The job's state comes from the director (JOB_WAIT, held there until it changes), its output from the worker
 * (OUTPUT, held there until there is more); each is asked for again as soon as it is answered. A director that goes
 * away is waited for. */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include <signal.h>

#include "cli/client.h"
#include "sched/job_pack.h"

struct follow {
	struct id job;
	bool until_end; /* false: print what there is and stop (logs without -f) */
	bool quiet;     /* no remarks on stderr */
	volatile sig_atomic_t *interrupted; /* set by SIGINT; NULL: nobody asks */
};

/* What a job that ended comes to for the one who waits for it. */
struct outcome {
	enum job_state state;
	int32_t code;
	char why[JOB_WHY_MAX];
};

/* The exit code of the following itself: EXIT_GOOD and the outcome, EXIT_NOBODY when the local node has gone, 130 when
 * interrupted. */
MUST_USE int follow(struct client *c, const struct follow *f, struct outcome *out);

#endif
