/* The doors for streams: TCP, listening and dialling, and the Unix socket of local programs.
 *
 * Every connection has a number: what we accept is counted from 1, what we dial is numbered by the node (link.h keeps
 * the two apart). What a connection may hold in memory is bounded: input passes in slices, output beyond
 * CHANNEL_QUEUE_MAX closes it.
 *
 *          ACCEPTED                                   stream_hangup
 *   (new) ------------------------------> OPEN -------------------> FLUSHING --all written--> CLOSING --> (gone: CLOSED)
 *     | stream_dial          DIALED ok     |  end of file, an error, a full queue                ^
 *     +-------> DIALLING ----------------->+-------------------------------------------------->--+
 *                   | refused, or stream_hangup: gone with DIALED err (hangup: with CLOSED)
 *
 * Invariants:
 *  1. ACCEPTED, or DIALED without an error, is followed by exactly one CLOSED, its last event; a DIALED with an error is
 *     the last event itself.
 *  2. No INPUT after stream_hangup.
 *  3. Nothing is told from within stream_dial, stream_output, stream_hangup or stream_flush. */
#ifndef NET_STREAM_UV_H
#define NET_STREAM_UV_H

#include <uv.h>

#include "core/limits.h"
#include "net/sink.h"

struct streams; /* opaque */

/* `from`: the address that dialled streams come from, ADDR_NONE for the kernel's choice. */
struct streams *streams_open(uv_loop_t *loop, struct addr from, struct sink sink);
/* Binds and listens at once, but takes nobody before streams_start. Returns 0 or an errno. The real port is in `at`
 * when that was 0. */
int streams_listen(struct streams *s, enum door door, struct addr *at);
/* The Unix socket at `path` (0660, of the group witan where there is one). A stale one is replaced, one that somebody
 * answers at is EADDRINUSE. */
int streams_listen_local(struct streams *s, const char *path);
void streams_start(struct streams *s);
void stream_dial(struct streams *s, uint64_t conn, struct addr to);
/* Bytes of `body` must stay until stream_flush, which writes them or copies the rest. Unknown numbers are ignored: it may
 * have ended meanwhile. */
void stream_output(struct streams *s, uint64_t conn, struct bytes body);
void stream_hangup(struct streams *s, uint64_t conn);
void stream_flush(struct streams *s);
uint32_t streams_count(const struct streams *s);
/* No more events; what was written goes out for up to EXIT_FLUSH_MS. Frees itself once the loop has run. */
void streams_close(struct streams *s);

#endif
