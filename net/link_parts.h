/* What the table of streams is made of. Private to link.c (what the cores ask) and link_doors.c (what the doors say). */
#ifndef NET_LINK_PARTS_H
#define NET_LINK_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/outbox.h"
#include "net/link.h"
#include "net/link_table.h"

struct links {
	struct links_config config;
	struct channel_self self;
	uint8_t secret[32]; /* what the next ephemeral key comes of */
	uint64_t dials;     /* numbers used up */
	struct link_table table;
	struct link *grave; /* ended in this step: somebody up the stack may still hold one */
	bool stepping;
	uint64_t now_us;
	uint64_t wall_us;
	struct buffer scratch; /* what is to be written, for the moment */
	struct links_counts counts;
};

/* A stream that is in no table yet; NULL: no memory, or LINKS_MAX. */
struct link *link_new(struct links *l, uint64_t conn, uint64_t now_us);
void link_free(struct link *k);
/* Out of the table; freed by links_bury, when nobody up the stack holds it. */
void link_take_out(struct links *l, struct link *k);
void links_bury(struct links *l);
/* Hands what the scratch holds to the door. */
void link_write(struct links *l, const struct link *k, struct outbox *outbox);
/* It was used: it is not idle. */
void link_touch(struct links *l, struct link *k, uint64_t now_us);
/* When the first of a list is due; UINT64_MAX: never. */
uint64_t links_due_us(const struct link_table *t, enum link_list list);

#endif
