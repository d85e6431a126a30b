/* One authenticated connection: bytes in and out on one side, frames on the other. No I/O.
 *
 * On the wire everything is a record, `length 2 | bytes`. The first record of the one that dialled is
 * `version 1 | cluster tag 4 | key id 4 | first Noise message`; the two after it are the other Noise messages, whose
 * payloads carry each side's hello; from then on each is a Noise transport message, whose plain texts, one after the
 * other, are the stream of frames. The prologue is "witan stream", the nine clear bytes and the cluster's id.
 *
 * The peer is who its Noise static key says: its hello brings an Ed25519 key whose conversion must be that key, and its
 * id is that of the Ed25519 key. A peer that can not open the first record gets no answer.
 *
 * The hellos name the versions of the protocol that each speaks; the highest that both do is spoken. When there is none,
 * both know it: who dialled sends its hello all the same before it hangs up.
 *
 * Invariants
 *   1  No frame is given before the peer's hello was checked.
 *   2  Until it is open, a channel holds at most CHANNEL_HANDSHAKE_MAX bytes of its peer; then a record and a frame.
 *   3  After an error a channel gives and takes nothing more. */
#ifndef NET_CHANNEL_H
#define NET_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"
#include "core/id.h"
#include "core/identity.h"
#include "core/limits.h"
#include "core/wire.h"
#include "net/frame.h"
#include "net/hello.h"
#include "net/noise.h"

#define CHANNEL_VERSION_MIN 1u
#define CHANNEL_VERSION_MAX 1u

/* What all channels of one node share. */
struct channel_self {
	const struct identity *identity;
	const struct keyring *ring;
	struct noise_keys keys; /* the identity's, converted to X25519 */
	uint8_t version_min, version_max;
};

/*   channel_dial ──> ASKED ───────────── channel_take: second message, writes the third ──┐
 *                                                                                         v
 *   channel_accept ──> WAITING ── first, writes the second ──> ANSWERED ── third ──────> OPEN
 *                                                                                         ^
 *   channel_local ────────────────────────────────────────────────────────────────────────┘
 *   any ── channel_take: an error ──> FAILED */
enum channel_state {
	CHANNEL_ASKED,
	CHANNEL_WAITING,
	CHANNEL_ANSWERED,
	CHANNEL_OPEN,
	CHANNEL_FAILED,
};

struct handshake; /* only while it runs */

struct channel {
	enum channel_state state;
	bool plain;     /* the local socket: frames as they are */
	bool older_key; /* the peer came with a key that is not the one we use first */
	uint8_t version;
	enum err err; /* why it FAILED */
	const struct channel_self *self;
	struct handshake *handshake;
	struct noise_cipher out;
	struct noise_cipher in;
	struct buffer record; /* being gathered, or opened */
	bool whole;           /* the record was opened: forget it before the next */
	struct bytes opened;  /* what is left to read of an opened record */
	struct frames frames;
	struct hello theirs; /* once OPEN, and not plain */
};

enum channel_got {
	CHANNEL_GOT_NOTHING, /* all was taken; more is needed */
	CHANNEL_GOT_OPEN,    /* the handshake ended well just now: c->theirs is who; call again */
	CHANNEL_GOT_FRAME,   /* call again */
	/* c->err: FOREIGN KEY VERSION FORGED MALFORMED TOO_BIG …; VERSION after its hello: c->theirs is who, and what was
	 * appended to `out` is our hello, so that it can say so, too. */
	CHANNEL_GOT_ERROR,
};

/* Wants what was once converted; ERR_KEY: the identity's key is none. */
MUST_USE enum err channel_self_init(struct channel_self *s, const struct identity *identity,
				    const struct keyring *ring);
void channel_self_fini(struct channel_self *s);

/* `ours`: key, cluster, versions and id are filled in here. `ephemeral`: 32 fresh secret bytes. The first record is
 * appended to `out`. ERR_FULL: no memory. */
MUST_USE enum err channel_dial(struct channel *c, const struct channel_self *self,
			       const struct hello *ours, const uint8_t ephemeral[32],
			       struct buffer *out);
MUST_USE enum err channel_accept(struct channel *c, const struct channel_self *self,
				 const struct hello *ours, const uint8_t ephemeral[32]);
void channel_local(struct channel *c); /* open at once, in the clear */
void channel_fini(struct channel *c);

/* Takes bytes off the front of `in`; handshake answers are appended to `out`; a frame borrows until the next call. */
enum channel_got channel_take(struct channel *c, struct bytes *in, struct buffer *out,
			      struct frame *frame);

/* Of an OPEN channel. Appends to `out` what is to be written. ERR_TOO_BIG: more than FRAME_MAX; ERR_FULL: no room in
 * `out`, and the channel is unchanged. */
MUST_USE enum err channel_send(struct channel *c, const struct frame *frame, struct buffer *out);
/* The same for frames that were put one after the other before the channel was open. */
MUST_USE enum err channel_send_put(struct channel *c, struct bytes frames, struct buffer *out);

#endif
