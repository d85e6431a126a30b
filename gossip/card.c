#include "gossip/card.h"

#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/must.h"
#include "core/table.h"

/* By id first; a member has one card, or for a moment two when its tags change. */
struct cards {
	struct table by_key;
	struct card **at;
	uint32_t room;
	uint32_t *unused; /* places, a stack */
	uint32_t unused_count;
};

/* One number of 128 bits from id and digest: what the map is asked for. */
static struct id key_of(struct id id, uint64_t digest)
{
	uint8_t bytes[8];

	put_u64(bytes, digest);
	for (int i = 0; i < 8; i++) {
		id.b[i] ^= bytes[i];
		id.b[15 - i] ^= bytes[i];
	}
	return id;
}

struct cards *cards_open(void)
{
	struct cards *c = calloc(1, sizeof(*c));

	must(c != NULL);
	table_init(&c->by_key, CARDS_MAX);
	return c;
}

void cards_close(struct cards *c)
{
	if (c == NULL)
		return;
	must(c->by_key.count == 0);
	table_fini(&c->by_key);
	free(c->at);
	free(c->unused);
	free(c);
}

static uint32_t place_new(struct cards *c)
{
	if (c->unused_count > 0)
		return c->unused[--c->unused_count];

	uint32_t was = c->room;
	c->room = was == 0 ? 8 : 2 * was;
	c->at = realloc(c->at, c->room * sizeof(struct card *));
	c->unused = realloc(c->unused, c->room * sizeof(uint32_t));
	must(c->at != NULL && c->unused != NULL);
	for (uint32_t i = c->room; i > was + 1; i--)
		c->unused[c->unused_count++] = i - 1;
	return was;
}

struct card *card_find(struct cards *c, struct id id, uint64_t digest)
{
	uint32_t place = table_find(&c->by_key, key_of(id, digest));

	if (place == TABLE_NONE)
		return NULL;
	struct card *card = c->at[place];
	must(card->refs > 0);
	if (!id_same(card->id, id) || card->digest != digest)
		return NULL;
	card->refs++;
	return card;
}

struct card *card_keep(struct cards *c, const struct facts *facts)
{
	uint64_t digest = facts_digest(facts);
	struct card *card = card_find(c, facts->id, digest);
	struct buffer packed;

	if (card != NULL)
		return card;
	buffer_init(&packed, FACTS_MAX);
	enum err err = facts_put(facts, &packed);
	must(err == OK);
	card = malloc(sizeof(*card) + packed.len);
	must(card != NULL);
	*card = (struct card){
		.id = facts->id,
		.digest = digest,
		.boot = facts->boot,
		.tags = facts->tags,
		.addr = facts->addr,
		.refs = 1,
		.len = (uint16_t)packed.len,
		.roles = facts->roles,
	};
	memcpy(card->packed, packed.at, packed.len);
	buffer_fini(&packed);

	uint32_t place = place_new(c);
	c->at[place] = card;
	err = table_add(&c->by_key, key_of(card->id, digest), place);
	must(err == OK);
	return card;
}

void card_drop(struct cards *c, struct card *card)
{
	if (card == NULL)
		return;
	must(card->refs > 0);
	if (--card->refs > 0)
		return;
	uint32_t place = table_take(&c->by_key, key_of(card->id, card->digest));
	must(place != TABLE_NONE && c->at[place] == card);
	c->unused[c->unused_count++] = place;
	free(card);
}

struct bytes card_packed(const struct card *card)
{
	return bytes_of(card->packed, card->len);
}

void card_facts(const struct card *card, struct facts *out)
{
	enum err err = facts_get(card_packed(card), out);

	must(err == OK); /* it was decoded once before it was kept */
}
