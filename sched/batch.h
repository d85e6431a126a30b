/* A batch: a stamp, then puts and deletes, computed by the director. Applying it computes nothing, so replicas of two
 * versions can not drift. Sealing it is the store's business.
 *
 * Packed: [stamp_us, [key, value | nil, key, value | nil, …]] */
#ifndef SCHED_BATCH_H
#define SCHED_BATCH_H

#include "core/bytes.h"
#include "core/err.h"
#include "sched/kv.h"

struct batch {
	struct buffer ops;
	uint32_t count; /* puts and deletes */
};

void batch_init(struct batch *b);
void batch_fini(struct batch *b);
MUST_USE enum err batch_put(struct batch *b, struct bytes key, struct bytes value);
MUST_USE enum err batch_drop(struct batch *b, struct bytes key);
/* Appends the finished batch. */
MUST_USE enum err batch_pack(const struct batch *b, uint64_t stamp_us, struct buffer *out);

struct batch_reader {
	struct bytes left;
	uint64_t stamp_us;
	uint32_t count; /* operations left */
};

MUST_USE enum err batch_open(struct bytes packed, struct batch_reader *r);
/* One operation; `drop` true: value is empty. ERR_NOT_FOUND after the last. */
MUST_USE enum err batch_next(struct batch_reader *r, struct bytes *key, struct bytes *value,
			     bool *drop);
/* OK when every operation is whole; `growth`: bytes the map may grow by, at most. */
MUST_USE enum err batch_check(struct bytes packed, size_t *growth);
/* Checks the whole batch first: all of it is applied or nothing. */
MUST_USE enum err batch_apply(struct bytes packed, struct kv *kv);

#endif
