/* A spare file, ".spare", beside those of a log: zeros, written and synced ahead in the background.
 *
 * What is appended into room that was never written has to be mapped by the file system's journal at each sync; over
 * zeros that stand there a sync is the write alone: half the time and less, and nobody else is waited for (measured). A
 * log that begins its next file takes the spare's place, and the next spare is made while it fills. Without a spare, or
 * of another size, room is only set aside: slower, and as safe. */
#ifndef NET_SPARE_H
#define NET_SPARE_H

#include <stdint.h>

#include "net/shelf.h"

/* Makes the file `leaf`, which is not there, of `size` bytes: the spare's place is taken, or, where none stands nor is
 * being made, as with a log's first file, it is filled now. Open to read and write; its entry in the directory is not
 * yet synced. -1 with errno: ENOSPC when there is no room. */
int spare_file(int directory, const char *leaf, uint32_t size);
/* Makes the spare, unless it stands there, for the file that is to follow `name`. Blocks for tens of milliseconds. It
 * may fail: then there is none. */
void spare_make(const struct shelf *s, const char *name, uint32_t size);

#endif
