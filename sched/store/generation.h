/* A generation: an unbroken line of leaders. It ends when a person confirms that the voters who could outvote the others
 * are lost for good; then those who are left agree on the next one, and whoever still lives in an earlier one neither
 * votes nor directs any more.
 *
 * The first generation of a store is its birth: its id is the store's. Every later one names its ancestors, its parent
 * first: who finds the own generation among them is outlived; who finds it neither there nor the other way round has met
 * a second one of the same parent, and a person must decide.
 *
 * Terms rise over generations: a term holds the generation it belongs to in its upper bits, so an entry says by its term
 * alone in which one it was written, and the log of a later generation is always the better one. An epoch shows both parts.
 *
 * Packed: [number, id, store, [ancestors], voters as bin, base index, base term, node, uid, wall, retired]. */
#ifndef SCHED_STORE_GENERATION_H
#define SCHED_STORE_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/id.h"
#include "core/limits.h"
#include "sched/store/voters.h"

#define GENERATION_TERM_BITS 40u
#define GENERATION_MARK_BITS 20u /* of a mark hold the number */
#define GENERATION_MAX                                                                             \
	((UINT64_C(1) << GENERATION_MARK_BITS) - 1) /* so that its terms fit into 64 bits */

struct generation {
	uint64_t number; /* 0: none */
	struct id id;
	struct id store;
	uint32_t ancestors;
	struct id ancestor
		[GENERATION_ANCESTORS_MAX]; /* the parent first; then theirs, and what was retired */
	struct voters voters;               /* who were left */
	/* What was held where it was confirmed: beyond that, acknowledged entries may be missing. */
	uint64_t base_index;
	uint64_t base_term;
	struct id node; /* there it was confirmed */
	uint32_t uid;   /* by whom */
	uint64_t wall_us;
	struct id retired; /* the other one that ends with it; none: a loss was confirmed */
};

struct generation generation_first(struct id store);
/* The next one after `parent`, with its ancestors; the rest is the caller's. */
struct generation generation_after(const struct generation *parent, struct id id);
/* One more that ends with it: what was retired. The oldest is forgotten when there is no room. */
void generation_retires(struct generation *g, struct id other);
bool generation_is_ancestor(const struct generation *g, struct id id);
/* Number and id in one word, for the head of every message: the number below, above it a piece of the id, which of the
 * first is nothing. 0: none. */
uint64_t generation_mark(const struct generation *g);
/* What a mark of that store says is ours, or an ancestor of ours. */
bool generation_is_ours(const struct generation *g, struct id store, uint64_t mark);
bool generation_outlived(const struct generation *g, struct id store, uint64_t mark);
/* Its voters hold this one. */
bool generation_seats(const struct generation *g, struct id voter);

enum relation {
	RELATION_SAME,
	RELATION_OLDER, /* a is an ancestor of b */
	RELATION_NEWER, /* b is an ancestor of a */
	RELATION_APART, /* neither: two that a person must decide between */
};
enum relation generation_relation(const struct generation *a, const struct generation *b);

/* ---- terms ---- */
uint64_t generation_of_term(uint64_t term);
uint64_t generation_first_term(uint64_t number); /* lower than any in which somebody leads */
struct epoch generation_epoch(uint64_t term);

MUST_USE enum err generation_put(const struct generation *g, struct buffer *out);
/* On an error `out` is as it was. */
MUST_USE enum err generation_get(struct bytes packed, struct generation *out);

/* For people: number, id, when and where. */
struct generation_text {
	char s[192];
};
struct generation_text generation_text(const struct generation *g);

#endif
