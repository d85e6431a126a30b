/* A frame: `length 4 | type 1 | request 8 | body`, little-endian; the length is the body's, at most FRAME_MAX.
 *
 * The reader takes bytes as they come and gives whole frames. It holds at most one frame, memory grows with what has
 * come and never with what a length promises, and a frame that lies whole in the input is not copied. */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"
#include "core/limits.h"

#define FRAME_HEAD 13u

struct frame {
	uint8_t type;
	uint64_t request;
	struct bytes body;
};

struct frames {
	struct buffer held; /* a frame that is not whole yet, or was the last given */
	bool given;         /* what is held was given: drop it at the next call */
	enum err err;       /* sticks */
};

/* ERR_TOO_BIG: the body is more than FRAME_MAX. ERR_FULL: no room in `out`, which is then unchanged. */
MUST_USE enum err frame_put(const struct frame *f, struct buffer *out);
/* The head alone. */
void frame_head(const struct frame *f, uint8_t head[FRAME_HEAD]);

void frames_init(struct frames *f);
void frames_fini(struct frames *f);
/* Takes bytes off the front of `in`. OK: a whole frame, which borrows until the next call; call again. ERR_SHORT: all
 * was taken and more is needed. ERR_TOO_BIG: the peer announced more than FRAME_MAX; nothing more can be read. */
MUST_USE enum err frames_next(struct frames *f, struct bytes *in, struct frame *out);

#endif
