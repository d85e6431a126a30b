/* The write-ahead log on disk: what this node promised, and the entries it holds.
 *
 * Files "store/wal-<number>" of fixed, preallocated size. Head: "witanwal" | version 4 | number 4 | store 16 | voter 16 |
 * first index 8 | crc32c 4. Then records: length 4 | crc32c 4 | type 1 | run 4 | body; length counts type, run and body,
 * and the crc covers length, type, run and body. `run` is the offset in this file at which the record's run began.
 *
 * A run is what one sync makes durable. The next run begins only when the sync before it has ended, and never crosses
 * from one file into the next. So after a power failure only the last run can be torn, in any of its sectors: a bad
 * record followed by a valid one *of a later run* had been synced, and is corruption; else it is the tail, and cut.
 *
 * An entry with an index that was there already makes void what stood from there on. The records of one file never go
 * beneath its first index: a truncation that would begins a new file. Each file begins with the state, so that older
 * files can go once a snapshot holds what is in them. */
#ifndef SCHED_STORE_WAL_H
#define SCHED_STORE_WAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/disk.h"
#include "core/id.h"
#include "core/limits.h"
#include "core/outbox.h"
#include "sched/store/generation.h"
#include "sched/store/log.h"

#define WAL_HEAD_LEN   64u
#define WAL_RECORD_LEN 13u /* before the body */
#define WAL_VERSION    1u

enum wal_type {
	WAL_STATE = 1, /* generation 8 | term 8 | vote 16 | boot 8 */
	WAL_ENTRY = 2, /* index 8 | term 8 | kind 1 | body */
	WAL_BASE =
		3, /* index 8 | term 8: the log begins anew after it; a snapshot holds the rest */
	WAL_PROPOSAL = 4,    /* nodes, 16 each: the birth that was accepted; none: withdrawn */
	WAL_GENERATION = 24, /* the one we live in (sched/store/generation.h); the first has none */
	WAL_RIVAL = 25,      /* another of the same parent, which was met; empty: retired */
};

/* What survives besides the entries. */
struct wal_state {
	uint64_t generation;
	uint64_t term;
	struct id vote; /* voter id, none: nobody in this term */
	uint64_t boot;  /* starts of this voter */
};

struct wal {
	struct id store;
	struct id voter; /* drawn when the wal was made, kept only here */
	struct wal_state state;
	struct generation generation; /* the one we live in */
	struct generation rival;      /* number 0: none was met */
	struct id proposal[STORE_REPLICAS_MAX];
	uint32_t proposal_count;
	uint32_t first_file; /* the oldest that may be on the disk; 0: there is no wal */
	uint32_t file;       /* being written */
	uint64_t file_first; /* its first index */
	uint64_t end;        /* its length; 0: its head is not yet written */
	bool cut_due;        /* what stands after `end` was torn and must go first */
	/* The last file was read at start: what it holds may be in the page cache only, and is synced before anything
	 * is written after it, so that the next run is the only one that can be torn. */
	bool read_back;
	uint32_t torn_file; /* a file whose first run was torn, and must go first; 0: none */
	struct buffer run;  /* records not yet handed to the disk */
	uint64_t run_first; /* lowest index among them; UINT64_MAX: none */
	uint64_t next;      /* index after the last entry put */
	bool fresh;         /* the run wants a file of its own */
	struct buffer sent; /* the run under way, kept to be repeated when the disk was full */
	uint64_t sent_at;
	uint32_t file_max; /* bytes of one file */
	uint64_t runs;     /* handed over so far */
};

struct wal_name {
	char s[32];
};
struct wal_name wal_name(uint32_t file);

void wal_init(struct wal *w);
void wal_fini(struct wal *w);
/* True when there is a wal: this node is a voter, or may become one. */
bool wal_is_made(const struct wal *w);
/* A new wal; nothing is written before the next flush. */
void wal_make(struct wal *w, struct id store, struct id voter);
/* Forgets a wal whose birth came to nothing; its files go. */
void wal_forget(struct wal *w, struct outbox *o);

/* Reads what is there. `log` holds the entries after it, those beneath `base` (a snapshot's index and term) left out.
 * ERR_CORRUPT, ERR_VERSION or ERR_IO with a sentence in `why` that names the file. */
MUST_USE enum err wal_read(struct wal *w, const struct disk *disk, struct log *log, uint64_t base,
			   uint64_t base_term, char why[200]);

/* Records for the next run. */
void wal_put_state(struct wal *w);
void wal_put_entry(struct wal *w, const struct entry *e);
void wal_put_base(struct wal *w, uint64_t index, uint64_t term);
void wal_put_proposal(struct wal *w);
void wal_put_generation(struct wal *w);
void wal_put_rival(struct wal *w);

bool wal_has_run(const struct wal *w);
/* Bytes gathered: beyond WAL_RUN_MAX the caller takes no more. */
size_t wal_gathered(const struct wal *w);
/* Hands one run to the disk: APPEND and SYNC with `token`; only when the run before has ended. False when something had
 * to be mended first: that alone was handed over with `token`, and the records wait for the next flush. */
bool wal_flush(struct wal *w, uint64_t token, struct outbox *o);
/* The same run once more, after the disk was full. */
void wal_repeat(struct wal *w, uint64_t token, struct outbox *o);
/* The next entry of the run that was handed over last, from `*at` on (first 0): its index, and the place of its record in
 * the file. False: there is no other. */
bool wal_sent_entry(const struct wal *w, size_t *at, uint64_t *index, uint32_t *place);
/* Bytes of the record of an entry with a body of `len`. */
size_t wal_entry_len(size_t len);
/* The entry that a record holds, cut out of a file at its place; takes it off `records`. ERR_CORRUPT, ERR_SHORT. */
MUST_USE enum err wal_take_entry(struct bytes *records, struct entry *out);
/* Drops the files before `file`. */
void wal_drop_before(struct wal *w, uint32_t file, struct outbox *o);

/* One record at `at` of a file's bytes; OK, or ERR_SHORT (zeros, or the end), or ERR_CORRUPT. For wal_read and the
 * fuzzer. */
struct wal_record {
	enum wal_type type;
	uint32_t run;
	struct bytes body;
	size_t len; /* on disk */
};
MUST_USE enum err wal_record_get(struct bytes file, size_t at, struct wal_record *out);

#endif
