/* The worker's own record of its attempts, in memory and on disk.
 *
 *     spool/epoch                          the highest epoch obeyed
 *     spool/JOB.STEP.NUMBER/order          as it came, and when it was taken on which boot of the machine
 *                          /out  /err      written by the child itself
 *                          /work           its directory, when it was to have a fresh one
 *                          /status         how it ended, and whether that was acknowledged
 *
 * The spool knows names, bytes and which attempts there are; what is done with them is the worker's business. Files are
 * written through effects by the worker; they are read here once, at start. */
#ifndef SCHED_SPOOL_H
#define SCHED_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/disk.h"
#include "core/limits.h"
#include "sched/order.h"

#define SPOOL_EPOCH "spool/epoch"
#define SPOOL_MAX   (KEPT_MAX + SPOOL_KEPT_MAX)

/*   (order) --> WRITING --synced--> TAKEN --SPAWN--> STARTING --SPAWNED--> RUNNING --EXITED--> CLOSING
 *                  |                  ^ |                |                    |                  | status synced
 *                  | not written      | | ended before   | REFUSED            | its keeper       v
 *                  v                  | | it began       v                    v is gone        ENDED --REPORTED--> KEPT
 *               REFUSED               | +----> CLOSING   TAKEN               LOST
 *                                     + agent restarted, its keeper never had it */
enum spooled_state {
	SPOOLED_WRITING,  /* the order is on its way to the disk */
	SPOOLED_TAKEN,    /* on the disk, not started */
	SPOOLED_STARTING, /* the keeper was asked */
	SPOOLED_RUNNING,
	SPOOLED_CLOSING, /* ended: its tails are read, its status is written */
	SPOOLED_ENDED,   /* its status is on the disk, not yet acknowledged */
	SPOOLED_KEPT,    /* acknowledged: only its output is kept */
	SPOOLED_LOST, /* was started, and nobody knows what became of it but that it runs no more */
	SPOOLED_REFUSED, /* never started, never will be; in memory until that is acknowledged */
};

struct spooled {
	struct attempt attempt;
	enum spooled_state state;
	struct epoch epoch;  /* of the order; until it begins, of whom we show it */
	uint64_t taken_us;   /* CLOCK_BOOTTIME when it was taken */
	struct buffer order; /* packed, until it ended */
	/* how it ended */
	int32_t code;
	int32_t signal;
	uint64_t began_wall_us;
	uint64_t ended_wall_us;
	uint64_t out_size;
	uint64_t err_size;
	struct buffer out_tail;
	struct buffer err_tail;
	char why[128];
	/* the worker's, in memory only */
	bool restarts; /* LOST, and asked for again: refused, so that another attempt begins */
	bool lost; /* it ended by the lease or the keeper's end: LOST when that is on the disk */
	bool unstarted; /* no keeper can have started it */
	bool listed;    /* its keeper has just told of it */
	bool fresh;     /* has a directory of its own beneath the spool */
	bool end_asked; /* the director wants its end */
	bool end_force;
	bool end_said; /* and the keeper knows */
	char end_why[64];
	uint64_t token;     /* of its PUT under way; 0: none */
	uint64_t out_token; /* of the READ of a tail under way */
	uint64_t err_token;
	uint64_t repeat_us; /* when its report is due again; UINT64_MAX: not */
	uint64_t retry_us;  /* TAKEN: not before */
};

struct spool {
	struct spooled **at; /* in the order in which they came */
	uint32_t count;
	uint32_t room;
	struct fence highest; /* of the disk */
	struct buffer scratch;
};

void spool_init(struct spool *s);
void spool_fini(struct spool *s);
/* What earlier lives left. An attempt of another boot of the machine without a status is LOST; one of this boot is
 * TAKEN until the keeper says what it knows. ERR_IO or ERR_CORRUPT with a sentence in `why`. */
MUST_USE enum err spool_read(struct spool *s, const struct disk *disk,
			     const uint8_t machine_boot[16], char why[200]);

struct spooled *spool_find(struct spool *s, struct attempt a);
/* NULL when there are SPOOL_MAX. */
struct spooled *spool_make(struct spool *s, struct attempt a);
void spool_forget(struct spool *s, struct spooled *one);
/* The oldest that is only kept (KEPT, LOST) when more than SPOOL_KEPT_MAX are; else NULL. */
struct spooled *spool_surplus(struct spool *s);

/* "spool/JOB.STEP.NUMBER/name"; an empty name: the directory. */
struct spool_name {
	char s[FILE_NAME_MAX + 1];
};
struct spool_name spool_name(struct attempt a, const char *name);
/* Of a directory's name beneath spool/. */
MUST_USE enum err spool_attempt(const char *name, struct attempt *out);

/* The files' bytes, appended. */
MUST_USE enum err spool_order_put(const struct spooled *one, const uint8_t machine_boot[16],
				  struct buffer *out);
MUST_USE enum err spool_order_get(struct bytes file, const uint8_t machine_boot[16],
				  struct spooled *one, bool *same_boot);
MUST_USE enum err spool_status_put(const struct spooled *one, struct buffer *out);
MUST_USE enum err spool_status_get(struct bytes file, struct spooled *one);
MUST_USE enum err spool_epoch_put(const struct fence *f, struct buffer *out);
MUST_USE enum err spool_epoch_get(struct bytes file, struct fence *out);

#endif
