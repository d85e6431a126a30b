/* One line per stranger and minute: who speaks to us without being one of us, and why it is not heard.
 *
 * The source of a datagram can be forged, so the whole table is the bound: STRANGERS_MAX lines a minute, whatever
 * comes; more is counted in silence. One of us with whom we share no version of the protocol has a line an hour: it will
 * be there for longer, and whoever upgrades the cluster reads it once. */
#ifndef NET_STRANGERS_H
#define NET_STRANGERS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/outbox.h"

struct stranger {
	struct addr from; /* port 0; none: a free slot */
	enum err why;
	uint64_t logged_us;
	bool apart; /* a member of another version */
};

struct strangers {
	struct stranger known[STRANGERS_MAX];
	uint64_t silent; /* lines that were not written */
};

struct channel_self;
struct hello;

void strangers_init(struct strangers *s);
/* Logs a warning for ERR_FOREIGN, ERR_KEY and ERR_VERSION when it is due; every other error says nothing of the
 * sender and is ignored. True when a line was written. */
bool strangers_met(struct strangers *s, uint64_t now_us, struct addr from, enum err why,
		   struct outbox *outbox);
/* The same for a member that speaks no version that we speak: names both ranges. */
bool strangers_apart(struct strangers *s, uint64_t now_us, struct addr from,
		     const struct hello *theirs, const struct channel_self *ours,
		     struct outbox *outbox);

#endif
