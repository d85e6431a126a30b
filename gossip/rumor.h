/* What is still to be told, and how often it was.
 *
 * A rumor is not bytes but a member's slot and a kind; its text is made from what is known of the member when it is
 * sent, so that nothing stale is told and a newer change replaces the older by itself. The one told least often goes
 * first (SWIM, 4.1), and each kind has its share of a packet, so that a storm of joins does not hide a death.
 *
 * Per kind and number of tellings there is a queue; picking and filing cost the same whatever is queued. Memory is
 * given back when there is nothing left to tell. */
#ifndef GOSSIP_RUMOR_H
#define GOSSIP_RUMOR_H

#include <stdbool.h>
#include <stdint.h>

#define RUMOR_NONE      UINT32_MAX
#define RUMOR_SENDS_MAX 24u
#define RUMOR_LAMBDA    4u

enum rumor_kind {
	RUMOR_BAD,   /* suspect, dead, left */
	RUMOR_GOOD,  /* alive */
	RUMOR_FACTS, /* alive, and who that is */
	RUMOR_KINDS,
};

struct rumor {
	uint32_t slot;
	uint32_t next, prev; /* in its queue */
	uint32_t packet;     /* the last one it was considered for */
	uint8_t kind;
	uint8_t sends;
};

struct rumor_queue {
	uint32_t first, last;
};

struct rumors {
	struct rumor *at;
	uint32_t room, count;
	uint32_t unused;   /* chained by `next` */
	uint32_t *by_slot; /* two for each slot: its state, its facts */
	uint32_t slots;    /* room of by_slot */
	uint32_t packet;   /* running number */
	struct rumor_queue queue[RUMOR_KINDS][RUMOR_SENDS_MAX];
};

void rumors_init(struct rumors *r);
void rumors_fini(struct rumors *r);
bool rumors_empty(const struct rumors *r);

/* To be told from the beginning: what was told of it earlier is out of date. GOOD and BAD replace each other. */
void rumor_add(struct rumors *r, uint32_t slot, enum rumor_kind kind);
/* Nothing more to tell of this slot. */
void rumor_drop(struct rumors *r, uint32_t slot);
/* Whether the state of this slot is still to be told. */
bool rumor_is_told(const struct rumors *r, uint32_t slot);

/* A packet is filled: pick, and when it fitted say so. */
void rumor_packet(struct rumors *r);
/* The rumor told least often that was not yet picked for this packet; RUMOR_NONE: no more. */
uint32_t rumor_pick(struct rumors *r, enum rumor_kind kind);
/* It did not fit; there may be room later in this packet. */
void rumor_unpick(struct rumors *r, uint32_t rumor);
uint32_t rumor_slot(const struct rumors *r, uint32_t rumor);
/* It went out once more; at `limit` tellings it is done. */
void rumor_sent(struct rumors *r, uint32_t rumor, uint32_t limit);

/* lambda * ceil(log10(members + 1)). */
uint32_t rumor_limit(uint32_t members);

#endif
