/* SWIM: who is here, and who is gone. One instance is one view of the cluster; a scheduler runs two.
 *
 * The paper is Das, Gupta, Motivala, DSN 2002 (SWIM), with Dadgar, Phillips, Currey, DSN 2018 (Lifeguard); where we
 * differ from them gossip/README.md says so. This core has no clock, no socket and no randomness but its seed: it is
 * told events and answers with effects.
 *
 * Invariants, quoted where they are kept:
 *   1. A view shows one identity once: a restart (higher boot) replaces the earlier life.
 *   2. Only the member itself raises its incarnation; what is known of one life never goes back.
 *   3. Facts are used only after their signature was checked; `left` only after the leaver's was.
 *   4. What was dead or left at (boot, incarnation) comes back only by something newer, also after it was reaped.
 *   5. No incarnation is told, and no `ver` shown, before the disk holds it: neither goes back over a crash.
 *   6. Every table, queue and packet stays within core/limits.h. */
#ifndef GOSSIP_SWIM_H
#define GOSSIP_SWIM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "core/facts.h"
#include "core/identity.h"
#include "core/outbox.h"
#include "core/sheet.h"
#include "gossip/card.h"
#include "gossip/member.h"

#define SWIM_PROBE_EVERY_MS   1000u
#define SWIM_PROBE_TIMEOUT_MS 500u
#define SWIM_GOSSIP_EVERY_MS  200u
#define SWIM_ALPHA            4u /* shortest suspicion: alpha * log10(n) probe periods */
#define SWIM_BETA             6u /* longest suspicion: beta times the shortest */
#define SWIM_LOG_MEMBERS_MAX  256u
#define SWIM_DEAD_KEEP_MS     86400000u

struct swim_config {
	enum view view;
	const struct identity *identity; /* signs our leave; outlives the swim */
	const struct facts *facts;       /* ours, signed; copied */
	struct bytes cluster;            /* the cluster's id; copied */
	uint64_t seed;
	uint32_t probe_every_ms; /* 0 in this and the next seven: the default */
	uint32_t probe_timeout_ms;
	uint32_t gossip_every_ms;
	uint32_t alpha;
	uint32_t beta;
	uint32_t log_members_max;
	uint32_t body_max;     /* bytes of one datagram's body: DATAGRAM_BODY_MAX */
	uint32_t dead_keep_ms; /* how long the dead are kept, and retried: a day */
	struct cards *
		cards; /* where facts are kept; shared by the views of a node; outlives. NULL: own */
};

struct swim;

/* Never fails: a damaged `saved` (the bytes last PUT to "gossip/<view>", or empty) is told in the log and left out.
 * Nothing is sent before the first step. */
struct swim *swim_open(const struct swim_config *config, struct bytes saved, uint64_t now_us);
void swim_close(struct swim *s); /* takes NULL */

/* DATAGRAM, FRAME (FRAME_GOSSIP of this view), LINK, DISK, VERIFIED, WAKE and TELL_CANDIDATE (of this view). Others
 * are ignored, SIGNAL too: swim_log_members is for that. A frame's body begins with its view, one byte. */
void swim_step(struct swim *s, const struct event *event, struct outbox *outbox);
uint64_t swim_deadline_us(const struct swim *s);

/* Leaves: signs it and hands it out until swim_left() says that it was told often enough, to wait for which longer than
 * two seconds is of no use. */
void swim_leave(struct swim *s, uint64_t now_us, struct outbox *outbox);
bool swim_left(const struct swim *s);
/* New facts of the same boot, signed, with higher `tags`; copied. */
void swim_retag(struct swim *s, const struct facts *facts, uint64_t now_us, struct outbox *outbox);

/* Alive and suspect members, ourselves included. */
uint32_t swim_size(const struct swim *s);
uint64_t swim_version(const struct swim *s);
/* The largest `ver` that a block has shown, or that an earlier life may have: never goes back. */
uint64_t swim_shown(const struct swim *s);
/* Members here (alive or suspect) that have all of `roles` and none of `without`; ourselves included. */
uint32_t swim_count(const struct swim *s, uint8_t roles, uint8_t without);
/* One of them, ourselves left out, picked by the id nearest above our own: each node picks its own. */
bool swim_any(const struct swim *s, uint8_t roles, struct id *out);
/* Borrowed until the next step; tombstones too. NULL when unknown. */
const struct member *swim_find(const struct swim *s, struct id id);
/* Facts of a member here, or of a tombstone: lent until the next call of this function. NULL when unknown. */
const struct facts *swim_facts(struct swim *s, struct id id);
/* Calls `each` for every member here, ourselves included, in no promised (but a deterministic) order. */
void swim_each(const struct swim *s, void (*each)(void *with, const struct member *m), void *with);

/* Logs the whole block. */
void swim_log_members(struct swim *s, uint64_t now_us, struct outbox *outbox);
/* Rows for `witan members`, tombstones included, sorted by address. */
extern const char *const swim_columns[];
void swim_sheet(struct swim *s, uint64_t now_us, struct sheet *sheet);

#endif
