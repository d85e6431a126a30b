/* Facts, kept once by content.
 *
 * A card is a member's facts whose signature was checked, packed as they travel, with the few fields that are needed
 * at every step beside them. Cards are counted: the two views of a node, or the thousand nodes of a simulator, that
 * know the same facts hold the same card, and check its signature once. */
#ifndef GOSSIP_CARD_H
#define GOSSIP_CARD_H

#include <stdint.h>

#include "core/facts.h"

struct card {
	struct id id;
	uint64_t digest; /* facts_digest */
	uint64_t boot;
	uint64_t tags;
	struct addr addr; /* port P */
	uint32_t refs;
	uint16_t len;
	uint8_t roles;
	uint8_t packed[];
};

struct cards;

struct cards *cards_open(void);
void cards_close(struct cards *c); /* takes NULL; every card must have been dropped */

/* A new hold on a card of exactly this digest; NULL when there is none. */
struct card *card_find(struct cards *c, struct id id, uint64_t digest);
/* A new hold on a card with these facts, made when there is none. The signature has been checked. */
struct card *card_keep(struct cards *c, const struct facts *facts);
void card_drop(struct cards *c, struct card *card); /* takes NULL */

struct bytes card_packed(const struct card *card);
void card_facts(const struct card *card, struct facts *out);

#endif
