/* What members say to each other: bytes to values and back. All bounds are checked here, nowhere later.
 *
 * A body is one message after the other, each a type byte and one msgpack array of fixed order. Unknown trailing fields
 * are skipped, so that versions can grow; unknown types are skipped too, and counted by who reads. The body of a frame
 * begins with the view, one byte, which is no part of this. message_check() reads a body whole before the first message
 * of it is believed: a body with one bad byte changes nothing.
 *
 *   PING      1  [seq, target]                          are you there
 *   ACK       2  [seq, target]                          target is
 *   PING_REQ  3  [seq, target, timeout_ms]              ask it for me
 *   NACK      4  [seq, target]                          I asked, and have no answer yet; I at least am well
 *   UPDATE    5  [id, boot, incarnation, state, facts, accuser?, after_ms?, accusers?]
 *   FACTS     6  [packed facts]                         behind an update that names their digest
 *   ASK       7  [ids]                                  tell me what you know of these, with facts
 *   LEAVE     8  [id, boot, incarnation, signature]
 *   DIGEST    9  [sum, version, size, ask]              of the view; ask: compare and answer
 *   SUMMARY  10  [bits, part, [update…]]                all members whose id begins with these bits, tombstones too
 *   NEXT     11  [bits, part]                           the next part, please */
#ifndef GOSSIP_MESSAGE_H
#define GOSSIP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/bytes.h"
#include "core/id.h"
#include "core/limits.h"
#include "core/pack.h"

#define SUMMARY_BITS_MAX 8u

enum message_type {
	MESSAGE_UNKNOWN,
	MESSAGE_PING,
	MESSAGE_ACK,
	MESSAGE_PING_REQ,
	MESSAGE_NACK,
	MESSAGE_UPDATE,
	MESSAGE_FACTS,
	MESSAGE_ASK,
	MESSAGE_LEAVE,
	MESSAGE_DIGEST,
	MESSAGE_SUMMARY,
	MESSAGE_NEXT,
};

/* PING, ACK, PING_REQ, NACK */
struct probing {
	uint32_t seq;
	struct id target;
	uint32_t timeout_ms; /* PING_REQ: how long we wait */
};

/* A claim: this is what I hold of that member. */
struct update {
	struct id id;
	uint64_t boot;
	uint64_t incarnation;
	uint8_t state;     /* enum member_state */
	uint64_t facts;    /* digest */
	struct id accuser; /* SUSPECT, DEAD: who says so; else none */
	uint32_t after_ms; /* DEAD: how long it was doubted */
	uint16_t accusers; /* DEAD: by how many */
};

struct leave {
	struct id id;
	uint64_t boot;
	uint64_t incarnation;
	const uint8_t *signature; /* 64 bytes, borrowed */
};

struct digest {
	uint64_t sum;
	uint64_t version;
	uint32_t size;
	bool ask;
};

struct summary {
	uint8_t bits;
	uint8_t part;
	uint32_t count;
	struct unpack updates; /* for summary_next */
};

struct message {
	enum message_type type;
	union {
		struct probing probing;
		struct update update;
		struct bytes facts;
		struct bytes ask; /* ids, 16 bytes each */
		struct leave leave;
		struct digest digest;
		struct summary summary; /* NEXT: bits and part only */
	};
};

/* The whole body, before any of it is believed. */
MUST_USE enum err message_check(struct bytes body);
/* The next message of a checked body, which is cut from its front; false at its end. */
bool message_next(struct bytes *body, struct message *out);
/* The next update of a summary; false after the last. */
bool summary_next(struct summary *s, struct update *out);

/* Each appends one message, or leaves `to` as it was and says ERR_FULL. */
MUST_USE enum err message_put_probing(struct buffer *to, enum message_type type,
				      const struct probing *p);
MUST_USE enum err message_put_update(struct buffer *to, const struct update *u);
MUST_USE enum err message_put_facts(struct buffer *to, struct bytes packed);
MUST_USE enum err message_put_ask(struct buffer *to, const struct id *ids, uint32_t count);
MUST_USE enum err message_put_leave(struct buffer *to, const struct leave *l);
MUST_USE enum err message_put_digest(struct buffer *to, const struct digest *d);
MUST_USE enum err message_put_next(struct buffer *to, uint8_t bits, uint8_t part);

/* A summary is written update by update: begin, `count` times add, end. */
struct summary_writer {
	struct buffer *to;
	struct pack pack;
	size_t began;
};
void summary_begin(struct summary_writer *w, struct buffer *to, uint8_t bits, uint8_t part,
		   uint32_t count);
void summary_add(struct summary_writer *w, const struct update *u);
MUST_USE enum err summary_end(struct summary_writer *w);

/* What a leaver signs: "witan-leave-1" | cluster | id | boot | incarnation, appended to `out`. */
MUST_USE enum err leave_text(const struct leave *l, struct bytes cluster, struct buffer *out);

#endif
