/* The disk's door: carries out APPEND SYNC PUT CUT DROP MOVE READ in the thread pool.
 *
 * Three lanes by the first part of a file's name (store, spool, all others), each strictly in order and one piece of
 * work at a time: a sync of the store never waits for the spool. What comes while a piece is under way is the next
 * piece, so that a loaded disk groups by itself; there a SYNC followed only by APPENDs and another SYNC of the same file
 * is answered by that one. */
#ifndef NET_DISK_UV_H
#define NET_DISK_UV_H

#include <uv.h>

#include "core/effect.h"
#include "net/shelf.h"
#include "net/sink.h"

struct disk_door; /* opaque */

/* `shelf` outlives the door. */
struct disk_door *disk_open(uv_loop_t *loop, struct shelf *shelf, struct sink sink);
/* Of the kinds APPEND SYNC PUT CUT DROP MOVE READ; what it borrows is copied. */
void disk_effect(struct disk_door *d, const struct effect *e);
/* Begins what was asked for: once at the end of each turn, so that a turn's effects are one piece of work. */
void disk_flush(struct disk_door *d);
/* True while something is under way. */
bool disk_busy(const struct disk_door *d);
/* Only when not busy. */
void disk_close(struct disk_door *d);

#endif
