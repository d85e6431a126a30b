/* The log in memory: the entries after the base, in order. What is at or beneath the base is in the snapshot.
 *
 * Who applies nothing (a witness) needs no more than the tail: of older batches only place and term are kept, and their
 * bytes are read from the wal when a follower lacks them. Sets of voters are always kept.
 *
 * Invariant: indices are dense; entry i stands at place i - base - 1; terms never fall; `held` never passes `tail_max`. */
#ifndef SCHED_STORE_LOG_H
#define SCHED_STORE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"

enum entry_kind {
	ENTRY_NOOP = 1,  /* a leader's first: what was before it may then be counted as committed */
	ENTRY_BATCH = 2, /* a sealed batch */
	ENTRY_VOTERS = 3, /* who the members are from here on (sched/store/voters.h) */
};

struct entry {
	uint64_t index;
	uint64_t term;
	enum entry_kind kind;
	struct bytes body; /* borrowed */
};

struct log_slot {
	uint64_t term;
	uint8_t *bytes; /* NULL: only on the disk */
	uint32_t len;
	uint32_t file; /* number of the wal file that holds it; 0: not yet written */
	uint32_t at;   /* its record's place there */
	enum entry_kind kind;
};

struct log {
	uint64_t base;
	uint64_t base_term;
	struct log_slot *slots; /* a ring: room is a power of two */
	size_t room;
	size_t head;
	size_t count;
	size_t size;     /* bytes of all bodies */
	size_t held;     /* of those in memory */
	size_t tail_max; /* of them at most; 0: all are held */
	uint64_t tail;   /* before it no batch is in memory */
};

void log_init(struct log *l);
void log_fini(struct log *l);

uint64_t log_last(const struct log *l);
uint64_t log_last_term(const struct log *l);
/* The entry is in memory. */
bool log_has(const struct log *l, uint64_t index);
/* 0 when it is neither in memory nor the base. */
uint64_t log_term(const struct log *l, uint64_t index);
/* Borrowed until the log changes; without its body when that is only on the disk. */
struct entry log_at(const struct log *l, uint64_t index);
bool log_is_held(const struct log *l, uint64_t index); /* with its body */
size_t log_len(const struct log *l, uint64_t index);   /* of its body, wherever it is */
uint32_t log_file(const struct log *l, uint64_t index);
uint32_t log_place(const struct log *l, uint64_t index); /* in that file */

/* Copies the body; e->index must be the next. */
void log_append(struct log *l, const struct entry *e, uint32_t file);
void log_set_file(struct log *l, uint64_t index, uint32_t file, uint32_t at);
/* A body is back from the disk; the next log_shed may let it go again. */
void log_recall(struct log *l, uint64_t index, struct bytes body);
/* Lets go of the oldest batches until no more than `spare` less than tail_max is held. */
void log_shed(struct log *l, size_t spare);
/* Forgets `from` and all after it. */
void log_truncate(struct log *l, uint64_t from);
/* Forgets all up to `base`, which is in memory or the base. */
void log_compact(struct log *l, uint64_t base);
/* Forgets everything: the log begins after `base`. */
void log_reset(struct log *l, uint64_t base, uint64_t term);

#endif
