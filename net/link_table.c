#include "net/link_table.h"

#include <stdlib.h>
#include <string.h>

#include "core/must.h"

#define BUCKETS_FIRST 16u

void link_table_init(struct link_table *t)
{
	memset(t, 0, sizeof(*t));
}

void link_table_fini(struct link_table *t)
{
	must(t->count == 0);

	for (unsigned i = 0; i < LINK_INDEXES; i++)
		free(t->bucket[i]);
	link_table_init(t);
}

/* --- indexes --- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= UINT64_C(0x9e3779b97f4a7c15);
	return x ^ (x >> 29);
}

static uint64_t hash_addr(struct addr a, uint8_t purpose)
{
	uint64_t h = mix(get_u64(a.ip) + a.port);

	return mix(h ^ get_u64(a.ip + 8) ^ purpose);
}

static uint64_t hash_peer(struct id peer, uint8_t purpose)
{
	return mix(id_hash(peer) + purpose);
}

static bool is_indexed(const struct link *k, enum link_index i)
{
	if (i == LINK_BY_PEER)
		return !id_is_none(k->peer);
	return i == LINK_BY_CONN || k->ours;
}

static struct link **head(const struct link_table *t, const struct link *k, enum link_index i)
{
	uint64_t h = i == LINK_BY_CONN   ? mix(k->conn)
		     : i == LINK_BY_PEER ? hash_peer(k->peer, k->purpose)
					 : hash_addr(k->addr, k->purpose);

	return &t->bucket[i][h & (t->buckets - 1)];
}

static void chain_in(struct link_table *t, struct link *k, enum link_index i)
{
	if (!is_indexed(k, i))
		return;
	struct link **at = head(t, k, i);
	k->chain[i] = *at;
	*at = k;
}

static void chain_out(struct link_table *t, struct link *k, enum link_index i)
{
	if (!is_indexed(k, i))
		return;
	struct link **at = head(t, k, i);
	while (*at != k) {
		must(*at != NULL);
		at = &(*at)->chain[i];
	}
	*at = k->chain[i];
	k->chain[i] = NULL;
}

/* Room for one more: as many buckets as streams, or more. */
static bool grow(struct link_table *t)
{
	struct link_table more = *t;
	bool good = true;

	if (t->count < t->buckets)
		return true;
	more.buckets = t->buckets ? t->buckets * 2 : BUCKETS_FIRST;
	for (unsigned i = 0; i < LINK_INDEXES; i++) {
		more.bucket[i] = calloc(more.buckets, sizeof(struct link *));
		good = good && more.bucket[i] != NULL;
	}
	if (!good) {
		for (unsigned i = 0; i < LINK_INDEXES; i++)
			free(more.bucket[i]);
		return false;
	}
	for (unsigned l = 0; l < LINK_LISTS; l++)
		for (struct link *k = t->list[l].first; k != NULL; k = k->after)
			for (unsigned i = 0; i < LINK_INDEXES; i++)
				chain_in(&more, k, i);
	for (unsigned i = 0; i < LINK_INDEXES; i++)
		free(t->bucket[i]);
	*t = more;
	return true;
}

/* --- lists --- */

static void append(struct link_table *t, struct link *k)
{
	k->before = t->list[k->list].last;
	k->after = NULL;
	if (k->before != NULL)
		k->before->after = k;
	else
		t->list[k->list].first = k;
	t->list[k->list].last = k;
	t->list[k->list].count++;
}

static void detach(struct link_table *t, struct link *k)
{
	must(t->list[k->list].count > 0);

	if (k->before != NULL)
		k->before->after = k->after;
	else
		t->list[k->list].first = k->after;
	if (k->after != NULL)
		k->after->before = k->before;
	else
		t->list[k->list].last = k->before;
	t->list[k->list].count--;
	k->before = k->after = NULL;
}

void link_table_move(struct link_table *t, struct link *k, enum link_list list)
{
	detach(t, k);
	k->list = list;
	append(t, k);
}

/* --- both --- */

bool link_table_add(struct link_table *t, struct link *k)
{
	must(k->conn != 0);

	if (!grow(t))
		return false;
	must(link_table_conn(t, k->conn) == NULL);
	for (unsigned i = 0; i < LINK_INDEXES; i++)
		chain_in(t, k, i);
	append(t, k);
	t->count++;
	return true;
}

void link_table_remove(struct link_table *t, struct link *k)
{
	must(t->count > 0);

	for (unsigned i = 0; i < LINK_INDEXES; i++)
		chain_out(t, k, i);
	detach(t, k);
	t->count--;
}

void link_table_name(struct link_table *t, struct link *k, struct id peer)
{
	must(!id_is_none(peer));

	chain_out(t, k, LINK_BY_PEER);
	k->peer = peer;
	chain_in(t, k, LINK_BY_PEER);
}

struct link *link_table_conn(const struct link_table *t, uint64_t conn)
{
	if (t->buckets == 0)
		return NULL;
	struct link *k = t->bucket[LINK_BY_CONN][mix(conn) & (t->buckets - 1)];
	while (k != NULL && k->conn != conn)
		k = k->chain[LINK_BY_CONN];
	return k;
}

/* Which of two to use: the open one, then ours, then the older one; not the one that a hash put first. */
static bool is_better(const struct link *k, const struct link *than)
{
	if (than == NULL)
		return true;
	if (k->up != than->up)
		return k->up;
	if (k->ours != than->ours)
		return k->ours;
	return k->conn < than->conn;
}

struct link *link_table_peer(const struct link_table *t, struct id peer, uint8_t purpose)
{
	struct link *best = NULL;

	if (t->buckets == 0 || id_is_none(peer))
		return NULL;
	struct link *k = t->bucket[LINK_BY_PEER][hash_peer(peer, purpose) & (t->buckets - 1)];
	for (; k != NULL; k = k->chain[LINK_BY_PEER])
		if (k->purpose == purpose && id_same(k->peer, peer) && is_better(k, best))
			best = k;
	return best;
}

struct link *link_table_addr(const struct link_table *t, struct addr addr, uint8_t purpose)
{
	struct link *best = NULL;

	if (t->buckets == 0)
		return NULL;
	struct link *k = t->bucket[LINK_BY_ADDR][hash_addr(addr, purpose) & (t->buckets - 1)];
	for (; k != NULL; k = k->chain[LINK_BY_ADDR])
		if (k->purpose == purpose && addr_same(k->addr, addr) && is_better(k, best))
			best = k;
	return best;
}
