/* The cluster's state: an ordered map from key to value, both bytes. Only the store writes it, by applying batches;
 * everybody else reads. Pointers handed out live until the next write.
 *
 * It is a balanced tree (AVL) of small pieces of rows (sched/rows.h), shared between versions: kv_freeze hands out what
 * the map holds now for the price of one counter, and later writes copy only the path they touch. A snapshot is written in slices from such a
 * frozen version while the map goes on. */
#ifndef SCHED_KV_H
#define SCHED_KV_H

#include <stdbool.h>

#include "core/bytes.h"
#include "core/err.h"

struct kv;

struct kv *kv_open(size_t limit); /* bytes of keys and values together */
void kv_close(struct kv *kv);     /* takes NULL */
void kv_clear(struct kv *kv);
MUST_USE enum err kv_get(const struct kv *kv, struct bytes key, struct bytes *value);
/* The first key greater than `after` (empty: the very first); ERR_NOT_FOUND at the end. */
MUST_USE enum err kv_next(const struct kv *kv, struct bytes after, struct bytes *key,
			  struct bytes *value);
size_t kv_size(const struct kv *kv); /* bytes of keys and values */
size_t kv_count(const struct kv *kv);
bool kv_has_room(const struct kv *kv, size_t more); /* for `more` bytes of keys and values */

/* A key is never empty. ERR_FULL beyond the limit: the map is then unchanged. */
MUST_USE enum err kv_put(struct kv *kv, struct bytes key, struct bytes value);
void kv_drop(struct kv *kv, struct bytes key);

/* Takes the first rows out, some of them at one time, and shows each; false when there are none. */
bool kv_shift(struct kv *kv, void (*each)(void *with, struct bytes key, struct bytes value),
	      void *with);
/* Lets go of at most `most` pieces of what the map holds; true when nothing is left and the map is closed. For maps so large
 * that closing them would hold the loop. */
bool kv_wither(struct kv *kv, size_t most);

/* `to` holds what `from` held, which is then empty. */
void kv_move(struct kv *to, struct kv *from);
/* What the map holds now, as a map of its own that the caller closes. */
struct kv *kv_freeze(const struct kv *kv);

#endif
