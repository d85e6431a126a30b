/* Batches and pieces of snapshots under the store key, so that a witness keeps what it can not read, and so that nothing
 * can be moved: where it stands is part of what is authenticated.
 *
 * Sealed: nonce 24 | XChaCha20-Poly1305. The nonce is a keyed hash of the place and the content: no counter and no
 * randomness to lose, and two different contents never share one. */
#ifndef SCHED_STORE_WRAP_H
#define SCHED_STORE_WRAP_H

#include "core/bytes.h"
#include "core/id.h"

#define WRAP_OVERHEAD 40u

struct wrap_place {
	struct id store;
	struct epoch epoch;
	uint64_t number; /* the position in the log; for a snapshot the position it was taken at */
	uint64_t piece;  /* 0: a batch; else a snapshot's piece, from 1 */
};

/* Appended to `out`. */
MUST_USE enum err wrap_put(const uint8_t key[32], const struct wrap_place *at, struct bytes plain,
			   struct buffer *out);
/* ERR_FORGED: another key, another place, or touched. */
MUST_USE enum err wrap_get(const uint8_t key[32], const struct wrap_place *at, struct bytes sealed,
			   struct buffer *out);

#endif
