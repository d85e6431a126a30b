/* A job's bytes: its record in the state, and what the command line and the director say about it.
 *
 * Keys in the state: `job/` and the id's 16 bytes; `worker/` and the id's; `key/` and the idempotency key; `turn`; `level`;
 * `role` and `held` (sched/role_pack.h); `audit/` and a stamp (sched/audit.h).
 * An idempotency key that the command line makes holds its time, so that a repeat that comes too late to be known is
 * refused and never taken as new; keys of the user's own are kept longer, and can not be told from new ones after that. */
#ifndef SCHED_JOB_PACK_H
#define SCHED_JOB_PACK_H

#include "core/bytes.h"
#include "core/err.h"
#include "sched/job.h"
#include "sched/kv.h"

/* --- the record --- */
MUST_USE enum err job_put(const struct job *job, struct buffer *out);
/* Borrows from `record`. Refuses what no director writes. */
MUST_USE enum err job_get(struct bytes record, struct job *out);

/* --- SUBMIT: [key, argv, env, name, user, directory, timeout_ms, on_lost, priority, kill_after_ms, max_output]
 *             -> [job id, position] --- */
struct submit {
	char key[JOB_KEY_MAX + 1]; /* "": a repeat is a new job */
	struct task task;          /* kill_after_ms and max_output 0: the director's choice */
};

struct submitted {
	struct id job;
	uint64_t position; /* of the commit */
};

MUST_USE enum err submit_put(const struct submit *s, struct buffer *out);
/* Borrows. Only its form is checked here; submit_check says what makes no sense. */
MUST_USE enum err submit_get(struct bytes arguments, struct submit *out);
/* A sentence when it is not to be accepted, NULL when it is fine. */
const char *submit_check(const struct submit *s);
MUST_USE enum err submitted_put(const struct submitted *s, struct buffer *out);
MUST_USE enum err submitted_get(struct bytes body, struct submitted *out);

/* argv or env: `count` texts as one msgpack array. */
MUST_USE enum err texts_put(const char *const *text, uint32_t count, struct buffer *out);

/* A fresh key of the command line's: `t`, wall-clock seconds and 16 random bytes in hex. */
void job_key_make(uint64_t wall_us, const uint8_t random[16], char out[JOB_KEY_MAX + 1]);
/* True for such a key; then `made_us` is its time. */
bool job_key_time(const char *key, uint64_t *made_us);

/* --- JOB, JOB_CANCEL: [job prefix] --- */
MUST_USE enum err job_name_put(const char *prefix, struct buffer *out);
MUST_USE enum err job_name_get(struct bytes arguments, char prefix[ID_TEXT_LEN + 1]);

/* --- JOBS: [all, limit] --- */
struct jobs_ask {
	bool all; /* ended ones, too */
	uint32_t limit;
};
MUST_USE enum err jobs_ask_put(const struct jobs_ask *a, struct buffer *out);
MUST_USE enum err jobs_ask_get(struct bytes arguments, struct jobs_ask *out);

/* --- JOB_WAIT: [job prefix, seen, wait_ms] -> the news --- */
struct wait_ask {
	char prefix[ID_TEXT_LEN + 1];
	uint64_t seen; /* 0: nothing; else a job_news' `seen`, or a bare state */
	uint32_t wait_ms;
};

struct job_news {
	struct id job;
	enum job_state state;
	struct id worker;
	uint32_t step;
	uint32_t number;
	int32_t code;
	int32_t signal;
	char why[JOB_WHY_MAX];
	uint64_t out_size;
	uint64_t err_size;
	struct bytes out_tail;
	struct bytes err_tail;
	bool unknown;  /* its worker can not be reached now */
	uint64_t seen; /* what to ask with next */
	bool held;     /* it waits because the role is held for a director that was stopped */
};
MUST_USE enum err wait_ask_put(const struct wait_ask *a, struct buffer *out);
MUST_USE enum err wait_ask_get(struct bytes arguments, struct wait_ask *out);
MUST_USE enum err job_news_put(const struct job_news *n, struct buffer *out);
MUST_USE enum err job_news_get(struct bytes body, struct job_news *out); /* borrows */

/* One number for what a waiter has seen. */
uint64_t job_seen(enum job_state state, uint32_t number, bool unknown, bool held);
/* Whether that differs from what it saw: a bare state is compared as a state alone. */
bool job_seen_differs(uint64_t now, uint64_t seen);

/* --- a key's own record: which job, and what was asked for under it --- */
struct key_record {
	struct id job;
	uint64_t digest;
	uint64_t until_us; /* wall clock: forgotten after that */
};
MUST_USE enum err key_record_put(const struct key_record *k, struct buffer *out);
MUST_USE enum err key_record_get(struct bytes record, struct key_record *out);
/* Of the submit's arguments and who sent them: the same key with another digest is refused. */
uint64_t submit_digest(struct bytes arguments, uint32_t uid);

/* --- a worker's record --- */
struct worker_record {
	char name[NAME_MAX_LEN + 1];
	uint8_t machine_boot[16];
	uint64_t registered_us; /* wall clock */
};
MUST_USE enum err worker_record_put(const struct worker_record *w, struct buffer *out);
MUST_USE enum err worker_record_get(struct bytes record, struct worker_record *out);

/* --- names in the state --- */
#define STATE_KEY_MAX (8u + JOB_KEY_MAX)
struct state_key {
	uint8_t at[STATE_KEY_MAX];
	size_t len;
};
enum state_kind {
	STATE_OTHER,
	STATE_JOB,
	STATE_WORKER,
	STATE_KEY,
	STATE_TURN,
	STATE_LEVEL,
	STATE_ROLE,  /* sched/role_pack.h */
	STATE_HELD,  /* the same */
	STATE_AUDIT, /* sched/audit.h */
};

struct state_key state_key_job(struct id job);
struct state_key state_key_worker(struct id worker);
struct state_key state_key_key(const char *key);
struct state_key state_key_turn(void);
struct state_key state_key_role(void);
struct state_key state_key_held(void);
struct state_key state_key_audit(const uint8_t stamp[8]);
struct bytes state_key_bytes(const struct state_key *k);
/* Which kind a key is of, and what stands behind its prefix. */
enum state_kind state_key_kind(struct bytes key, struct bytes *name);
/* The first row of a kind that is not known; false: there is none. It does not look at every row of a known kind. */
bool state_find_strange(const struct kv *map, struct bytes *key);

#endif
