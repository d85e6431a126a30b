#include "sched/store/generation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/must.h"
#include "core/pack.h"
#include "core/text.h"

enum { FIELDS = 11, VOTERS_PACKED_MAX = 4096 };

struct generation generation_first(struct id store)
{
	return (struct generation){.number = 1, .id = store, .store = store};
}

struct generation generation_after(const struct generation *parent, struct id id)
{
	struct generation g = {.number = parent->number + 1, .id = id, .store = parent->store};
	uint32_t kept = parent->ancestors < GENERATION_ANCESTORS_MAX ? parent->ancestors
								     : GENERATION_ANCESTORS_MAX - 1;

	must(parent->number > 0);
	must(parent->number < GENERATION_MAX);
	g.ancestor[0] = parent->id;
	memcpy(g.ancestor + 1, parent->ancestor, kept * sizeof(struct id));
	g.ancestors = kept + 1;
	return g;
}

void generation_retires(struct generation *g, struct id other)
{
	uint32_t kept = g->ancestors < GENERATION_ANCESTORS_MAX ? g->ancestors
								: GENERATION_ANCESTORS_MAX - 1;

	must(g->ancestors > 0);
	memmove(g->ancestor + 2, g->ancestor + 1, (kept - 1) * sizeof(struct id));
	g->ancestor[1] = other;
	g->retired = other;
	g->ancestors = kept + 1;
}

bool generation_is_ancestor(const struct generation *g, struct id id)
{
	for (uint32_t i = 0; i < g->ancestors; i++)
		if (id_same(g->ancestor[i], id))
			return true;
	return false;
}

static uint64_t mark_of(uint64_t number, struct id id)
{
	uint64_t low = (UINT64_C(1) << GENERATION_MARK_BITS) - 1;

	return number <= 1 ? number : (number & low) | (id_hash(id) & ~low);
}

uint64_t generation_mark(const struct generation *g)
{
	return mark_of(g->number, g->id);
}

bool generation_is_ours(const struct generation *g, struct id store, uint64_t mark)
{
	return id_same(g->store, store) && generation_mark(g) == mark;
}

bool generation_outlived(const struct generation *g, struct id store, uint64_t mark)
{
	uint64_t number = mark & ((UINT64_C(1) << GENERATION_MARK_BITS) - 1);

	if (number <= 1)
		return (id_same(g->store, store) && g->number > 1) ||
		       generation_is_ancestor(g, store);
	for (uint32_t i = 0; i < g->ancestors; i++)
		if (mark_of(number, g->ancestor[i]) == mark)
			return true;
	return false;
}

bool generation_seats(const struct generation *g, struct id voter)
{
	return voters_find(&g->voters, voter) != VOTERS_NONE;
}

enum relation generation_relation(const struct generation *a, const struct generation *b)
{
	if (id_same(a->id, b->id))
		return RELATION_SAME;
	if (generation_is_ancestor(b, a->id))
		return RELATION_OLDER;
	if (generation_is_ancestor(a, b->id))
		return RELATION_NEWER;
	return RELATION_APART;
}

/* ---- terms ---- */

uint64_t generation_of_term(uint64_t term)
{
	return (term >> GENERATION_TERM_BITS) + 1;
}

uint64_t generation_first_term(uint64_t number)
{
	must(number > 0);
	must(number <= GENERATION_MAX + 1);
	return (number - 1) << GENERATION_TERM_BITS;
}

struct epoch generation_epoch(uint64_t term)
{
	return (struct epoch){generation_of_term(term),
			      term & ((UINT64_C(1) << GENERATION_TERM_BITS) - 1)};
}

/* ---- bytes ---- */

enum err generation_put(const struct generation *g, struct buffer *out)
{
	struct bytes none = {0};
	struct buffer voters;
	struct pack p;
	enum err err;

	must(g->number > 0);
	must(g->ancestors <= GENERATION_ANCESTORS_MAX);
	buffer_init(&voters, VOTERS_PACKED_MAX);
	err = voters_put(&g->voters, &voters);
	must(err == OK);
	pack_init(&p, out);
	pack_array(&p, FIELDS);
	pack_u64(&p, g->number);
	pack_id(&p, g->id);
	pack_id(&p, g->store);
	pack_array(&p, g->ancestors);
	for (uint32_t i = 0; i < g->ancestors; i++)
		pack_id(&p, g->ancestor[i]);
	pack_bin(&p, g->voters.count == 0 ? none : buffer_bytes(&voters));
	pack_u64(&p, g->base_index);
	pack_u64(&p, g->base_term);
	pack_id(&p, g->node);
	pack_u64(&p, g->uid);
	pack_u64(&p, g->wall_us);
	pack_id(&p, g->retired);
	buffer_fini(&voters);
	return pack_err(&p);
}

static void get_ancestors(struct unpack *u, struct generation *g)
{
	uint32_t count = unpack_array(u, 0);

	if (count > GENERATION_ANCESTORS_MAX) {
		unpack_refuse(u, ERR_TOO_BIG);
		return;
	}
	g->ancestors = count;
	for (uint32_t i = 0; i < count && unpack_err(u) == OK; i++) {
		g->ancestor[i] = unpack_id(u);
		if (unpack_err(u) == OK && id_is_none(g->ancestor[i]))
			unpack_refuse(u, ERR_MALFORMED);
	}
}

/* The first has neither ancestors nor a set of its own; every later one has both, and is none of its ancestors. */
static bool is_sound(const struct generation *g)
{
	if (g->number == 0 || g->number > GENERATION_MAX || id_is_none(g->id) ||
	    id_is_none(g->store))
		return false;
	if (g->number == 1)
		return id_same(g->id, g->store) && g->ancestors == 0 && g->voters.count == 0;
	return g->ancestors > 0 && voters_count(&g->voters) > 0 && !voters_is_joint(&g->voters) &&
	       !generation_is_ancestor(g, g->id);
}

enum err generation_get(struct bytes packed, struct generation *out)
{
	struct generation g = {0};
	struct unpack u;
	struct bytes voters;
	uint32_t fields;

	unpack_init(&u, packed);
	fields = unpack_array(&u, FIELDS);
	g.number = unpack_u64(&u);
	g.id = unpack_id(&u);
	g.store = unpack_id(&u);
	get_ancestors(&u, &g);
	voters = unpack_bin(&u, VOTERS_PACKED_MAX);
	g.base_index = unpack_u64(&u);
	g.base_term = unpack_u64(&u);
	g.node = unpack_id(&u);
	g.uid = unpack_u32(&u);
	g.wall_us = unpack_u64(&u);
	g.retired = unpack_id(&u);
	if (unpack_err(&u) == OK)
		unpack_rest(&u, fields - FIELDS);
	if (unpack_err(&u) == OK && voters.len > 0 && voters_get(voters, &g.voters) != OK)
		unpack_refuse(&u, ERR_MALFORMED);
	if (unpack_err(&u) == OK && (!unpack_done(&u) || !is_sound(&g)))
		unpack_refuse(&u, ERR_MALFORMED);
	if (unpack_err(&u) == OK)
		*out = g;
	return unpack_err(&u);
}

struct generation_text generation_text(const struct generation *g)
{
	struct generation_text t;

	if (g->number <= 1)
		snprintf(t.s, sizeof(t.s), "1 %s (the store's birth)", id_text(g->id).s);
	else
		snprintf(t.s, sizeof(t.s),
			 "%" PRIu64 " %s (of %s, confirmed %s at node %s by uid %" PRIu32 ")",
			 g->number, id_text(g->id).s, id_text(g->ancestor[0]).s,
			 text_time(g->wall_us).s, id_text(g->node).s, g->uid);
	return t;
}
