/* A request to the cluster, and its answer: what the command line says to a node over the local socket, and nodes to
 * each other when they pass it on. Any node answers for the cluster: one asked for what only another can do forwards
 * the call and relays the answer under the caller's request number.
 *
 * Answers carry the exit code that the command ends with (design of the command line: 0, 64, 69, 75, 77, 124, 1) and a
 * sentence when it is not 0. Tables travel as a sheet (core/sheet.h). */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"
#include "core/id.h"

enum {
	EXIT_GOOD = 0,
	EXIT_OTHER = 1,
	EXIT_USAGE = 64,
	EXIT_NOBODY = 69,      /* nobody to ask */
	EXIT_NO_DIRECTOR = 75, /* none now, or no store yet: try again */
	EXIT_DENIED = 77,
	EXIT_CONFIG = 78,
	EXIT_TIMEOUT = 124,
	EXIT_RUN_FAILED = 125, /* `run` itself failed */
	EXIT_ABORTED = 137,    /* of a node: it kills itself, as if by kill -9 */
};

/*        verb            number  who answers it      arguments -> answer */
#define CALL_VERBS(X)                                                                              \
	X(CALL_STATUS, 1, AT_HERE)      /* -> sheet of one row */                                  \
	X(CALL_MEMBERS, 2, AT_HERE)     /* [view] -> sheet */                                      \
	X(CALL_MEMBERS_LOG, 3, AT_HERE) /* -> nothing; both views are logged */                    \
	X(CALL_METRICS, 4, AT_HERE)     /* -> text */                                              \
	X(CALL_STOP, 5, AT_HERE)        /* [hand over] -> nothing; the node ends in order */       \
	X(CALL_DISCOVERY, 6, AT_HERE)   /* -> sheet */                                             \
	X(CALL_CONFIRM_LOSS, 7,                                                                    \
	  AT_HERE) /* [acts, facts, [node…]] -> [facts, text]: what would be done, or was */     \
	X(CALL_RETIRE, 9, AT_HERE) /* the same; one generation's or store's id */                  \
	X(CALL_ABORT, 8, AT_HERE)  /* no answer: the node ends at once */                          \
	X(CALL_LEAVE, 10, AT_HERE) /* -> nothing; it gives up role and vote, and ends */           \
	X(CALL_DIRECTOR, 20,                                                                       \
	  AT_SCHEDULER) /* -> sheet: the store's state as this scheduler sees it */                \
	X(CALL_WORKERS, 21, AT_DIRECTOR) /* -> sheet */                                            \
	X(CALL_SUBMIT, 22, AT_DIRECTOR)  /* [key, job] -> [job id, position] */                    \
	X(CALL_JOBS, 23, AT_DIRECTOR)    /* [all, limit] -> sheet */                               \
	X(CALL_JOB, 24, AT_DIRECTOR)     /* [job prefix] -> sheet of one row */                    \
	X(CALL_JOB_WAIT, 25,                                                                       \
	  AT_DIRECTOR) /* [job prefix, seen, wait_ms] -> [job state…], held until it differs */  \
	X(CALL_JOB_CANCEL, 26, AT_DIRECTOR) /* [job prefix] -> nothing */                          \
	X(CALL_SWITCH_OVER, 27,                                                                    \
	  AT_DIRECTOR) /* [to, wait, force, preferred] -> [name, name before, took_ms] */          \
	X(CALL_AUDIT, 28, AT_DIRECTOR) /* [limit] -> sheet */                                      \
	X(CALL_DRILL, 29,                                                                          \
	  AT_DIRECTOR) /* [] -> [epoch], then it falls silent; [epoch] -> [from, to, took_ms] */   \
	X(CALL_OUTPUT, 40,                                                                         \
	  AT_NODE) /* [job, step, number, from_out, from_err, wait_ms] -> [eof, out, err] */

enum call_place {
	AT_HERE,      /* the node that is asked */
	AT_SCHEDULER, /* any scheduler */
	AT_DIRECTOR,
	AT_NODE, /* the node named in the call */
};

enum call_verb {
#define X(name, number, place) name = number,
	CALL_VERBS(X)
#undef X
};

#define CALL_HOPS_MAX                                                                              \
	3u /* a call finds its director in one hop, or in two when the role just moved */

struct call {
	uint8_t verb;
	struct id node; /* AT_NODE: which; else none */
	uint32_t
		uid; /* who asks: vouched for by the node that took the call from its local socket */
	uint8_t hops;           /* nodes that passed it on; above CALL_HOPS_MAX nobody does */
	struct bytes arguments; /* one msgpack array; empty: one without elements */
};

struct answer {
	uint8_t code;      /* exit code */
	struct bytes body; /* as the verb says */
	struct bytes why;  /* sentence when code is not 0 */
};

/* Packed: call [verb, node, uid, hops, arguments as bin]; answer [code, body as bin, why]. Fields that later versions add
 * behind them are skipped. On an error `out` is as it was.
 *
 * ERR_VERSION: a verb that this program does not know. */
MUST_USE enum err call_put(const struct call *c, struct buffer *out);
MUST_USE enum err call_get(struct bytes body, struct call *out); /* borrows */
/* A `why` longer than ANSWER_WHY_MAX is cut. */
MUST_USE enum err answer_put(const struct answer *a, struct buffer *out);
MUST_USE enum err answer_get(struct bytes body, struct answer *out); /* borrows */
enum call_place call_place(uint8_t verb);                            /* of a known verb */

#endif
