/* A snapshot: the whole state as of one position, in one file, "store/snapshot-<position>".
 *
 * Records as the wal's, without the run: length 4 | crc32c 4 | type 1 | body. First one HEAD {version 4, store 16,
 * generation 8, index 8, term 8, voters index 8, packed voters}, then PIECEs (sealed: rows of key length 4, value length
 * 4, key, value), then END {pieces 4}. A file without its END was not finished, and is nothing.
 *
 * It is written in slices from a frozen map, shipped as the bytes it has on disk, and read in any slices: a witness
 * checks it without being able to read it. */
#ifndef SCHED_STORE_SNAPSHOT_H
#define SCHED_STORE_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/disk.h"
#include "core/outbox.h"
#include "sched/kv.h"
#include "sched/store/voters.h"

struct snapshot_head {
	struct id store;
	struct epoch epoch; /* of the last entry in it */
	uint64_t index;
	uint64_t voters_index;
	struct voters voters;
};

struct snapshot_name {
	char s[48];
};
struct snapshot_name snapshot_name(uint64_t index);

/* ---- writing ---- */

struct snapshot_writer {
	struct snapshot_head head;
	struct kv *frozen; /* what is left to write; NULL: nothing is being written */
	uint64_t offset;
	uint32_t pieces;
	bool waits; /* for its sync: the disk gets no more than a little at one time, for the log uses it too */
	bool ended;
};

void snapshot_begin(struct snapshot_writer *w, const struct snapshot_head *head,
		    const struct kv *kv);
/* One piece more. Some, and the last, ask for a sync with `token`: until that has come, none is written. */
void snapshot_write(struct snapshot_writer *w, const uint8_t key[32], uint64_t token,
		    struct outbox *o);
void snapshot_end(struct snapshot_writer *w); /* lets go of the frozen map */

/* ---- reading ---- */

struct snapshot_reader {
	const uint8_t *key; /* NULL: a witness, checks only */
	struct kv *kv;      /* filled; NULL for a witness */
	struct buffer left; /* the beginning of a record */
	struct snapshot_head head;
	uint32_t pieces;
	bool begun;
	bool ended;
};

void snapshot_reader_init(struct snapshot_reader *r, const uint8_t *key);
void snapshot_reader_fini(struct snapshot_reader *r);
/* The file's next bytes. */
MUST_USE enum err snapshot_read(struct snapshot_reader *r, struct bytes more);

/* ---- at start ---- */

struct snapshot_found {
	struct snapshot_head head; /* index 0: there is none */
	struct kv *kv;             /* the caller's; NULL when none, and for a witness */
	uint64_t size;
	uint64_t other[16]; /* positions of files that are to go */
	uint32_t others;
};
/* The newest whole one. */
MUST_USE enum err snapshot_find(const struct disk *disk, const uint8_t *key,
				struct snapshot_found *found, char why[200]);

#endif
