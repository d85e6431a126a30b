/* The cluster's state: an ordered map from key to value, both bytes. Only the store writes it, by applying batches;
 * everybody else reads. Pointers handed out live until the next write. */
#ifndef SCHED_KV_H
#define SCHED_KV_H

#include "core/bytes.h"
#include "core/err.h"

struct kv;

struct kv *kv_open(size_t limit); /* bytes of keys and values together */
void kv_close(struct kv *kv);
void kv_clear(struct kv *kv);
MUST_USE enum err kv_get(const struct kv *kv, struct bytes key, struct bytes *value);
/* The first key greater than `after` (empty: the very first); ERR_NOT_FOUND at the end. */
MUST_USE enum err kv_next(const struct kv *kv, struct bytes after, struct bytes *key,
			  struct bytes *value);
size_t kv_size(const struct kv *kv); /* bytes of keys and values */
size_t kv_count(const struct kv *kv);

MUST_USE enum err kv_put(struct kv *kv, struct bytes key, struct bytes value);
void kv_drop(struct kv *kv, struct bytes key);

#endif
