/* The streams of one node by number, by peer and by address, and in the order in which they are due.
 *
 * Every stream is in the index of its number, in that of (peer, purpose) once the peer is known or wanted, and, when we
 * dialled, in that of (address, purpose). Each list holds streams that are due after the same time, so that its first
 * is the next due and no heap is needed. */
#ifndef NET_LINK_TABLE_H
#define NET_LINK_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/bytes.h"
#include "core/event.h"
#include "core/id.h"
#include "net/channel.h"

enum link_index { LINK_BY_CONN, LINK_BY_PEER, LINK_BY_ADDR, LINK_INDEXES };

/*   dialled ──> DIALLED ── handshake ends ──> GOSSIP, when that is its purpose
 *   accepted ──> STRANGERS ──────"──────────> QUIET, when not
 *   accepted on the local socket ───────────> QUIET                       (link_doors.c: opened, accepted) */
enum link_list {
	LINK_STRANGERS, /* accepted, not yet known: due after HANDSHAKE_MAX_MS */
	LINK_WAITS,     /* dialled, not yet open: the same */
	LINK_GOSSIP,    /* open, least recently used first: due after LINK_IDLE_GOSSIP_MS */
	LINK_QUIET,     /* open, never due */
	LINK_LISTS,
};

struct link {
	uint64_t conn;
	struct link *chain[LINK_INDEXES];
	struct link *before, *after; /* in its list */
	enum link_list list;
	uint64_t since_us; /* dialled, accepted, or last used */
	bool ours;         /* we dialled */
	bool connected;    /* the door said so */
	bool up;           /* EVENT_LINK up was delivered */
	bool gone;         /* out of the table; freed when the step ends */
	uint8_t purpose;
	uint32_t uid;
	struct id peer;   /* none: not known, and nobody in particular was wanted */
	struct addr addr; /* dialled; or where it came from, with the port its hello names */
	struct channel channel;
	struct buffer queue; /* frames posted before it was open */
};

struct link_table {
	struct link **bucket[LINK_INDEXES];
	uint32_t buckets; /* a power of two, the same for all indexes */
	uint32_t count;
	struct {
		struct link *first, *last;
		uint32_t count;
	} list[LINK_LISTS];
};

void link_table_init(struct link_table *t);
void link_table_fini(struct link_table *t); /* must be empty */
/* False: no memory. The link's number, purpose, peer, addr, ours and list are set; it is appended to its list. */
MUST_USE bool link_table_add(struct link_table *t, struct link *k);
void link_table_remove(struct link_table *t, struct link *k);
/* To the end of `list`. */
void link_table_move(struct link_table *t, struct link *k, enum link_list list);
void link_table_name(struct link_table *t, struct link *k, struct id peer); /* now known */

struct link *link_table_conn(const struct link_table *t, uint64_t conn);
/* An open one before one that waits, one of ours before an accepted one; NULL when there is none. */
struct link *link_table_peer(const struct link_table *t, struct id peer, uint8_t purpose);
/* One of ours that was dialled at this address, whoever answers there. */
struct link *link_table_addr(const struct link_table *t, struct addr addr, uint8_t purpose);

#endif
