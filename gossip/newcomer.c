#include "gossip/newcomer.h"

#include <stdlib.h>

#include "core/facts.h"
#include "core/limits.h"
#include "core/must.h"

void newcomers_init(struct newcomers *n)
{
	*n = (struct newcomers){0};
	table_init(&n->by_id, NEWCOMERS_MAX);
}

static void forget_all(struct newcomers *n)
{
	free(n->at);
	table_fini(&n->by_id);
	newcomers_init(n);
}

void newcomers_fini(struct newcomers *n)
{
	for (uint32_t i = 0; i < n->count; i++)
		free(n->at[i].facts);
	forget_all(n);
}

struct newcomer *newcomers_find(struct newcomers *n, struct id id)
{
	uint32_t at = table_find(&n->by_id, id);

	must(at == TABLE_NONE || at < n->count);
	return at == TABLE_NONE ? NULL : &n->at[at];
}

struct newcomer *newcomers_by_token(struct newcomers *n, uint64_t token)
{
	must(token != 0);

	for (uint32_t i = 0; i < n->count; i++)
		if (n->at[i].token == token)
			return &n->at[i];
	return NULL;
}

static struct newcomer *place_new(struct newcomers *n, struct id id)
{
	if (n->count == NEWCOMERS_MAX)
		return NULL;
	if (n->count == n->room) {
		n->room = n->room == 0 ? 4 : 2 * n->room;
		n->at = realloc(n->at, n->room * sizeof(*n->at));
		must(n->at != NULL);
	}
	enum err err = table_add(&n->by_id, id, n->count);
	must(err == OK);
	return &n->at[n->count++];
}

static bool is_newer(const struct update *a, const struct update *b)
{
	return a->boot > b->boot || (a->boot == b->boot && a->incarnation > b->incarnation);
}

struct newcomer *newcomers_want(struct newcomers *n, const struct update *claim,
				const struct source *source)
{
	struct newcomer *x = newcomers_find(n, claim->id);

	if (x == NULL) {
		x = place_new(n, claim->id);
		if (x == NULL)
			return NULL;
	} else if (!is_newer(claim, &x->claim)) {
		return x;
	} else if (claim->facts == x->claim.facts && claim->boot == x->claim.boot) {
		x->claim = *claim;
		return x;
	} else {
		free(x->facts);
	}
	*x = (struct newcomer){.claim = *claim, .source = *source};
	return x;
}

void newcomers_drop(struct newcomers *n, struct id id)
{
	uint32_t at = table_take(&n->by_id, id);

	if (at == TABLE_NONE)
		return;
	must(at < n->count);
	free(n->at[at].facts);
	n->count--;
	if (at < n->count) {
		n->at[at] = n->at[n->count];
		table_take(&n->by_id, n->at[at].claim.id);
		enum err err = table_add(&n->by_id, n->at[at].claim.id, at);
		must(err == OK);
	}
	if (n->count == 0)
		forget_all(n);
}
