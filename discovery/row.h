/* Two cells that every row of the `discovery` sheet has. */
#ifndef DISCOVERY_ROW_H
#define DISCOVERY_ROW_H

#include <stdint.h>

#include "core/sheet.h"

/* How long ago the last answer came (`answered_us`, 0: never), and how long until the next question. */
void row_times(struct sheet *s, uint64_t answered_us, uint64_t next_us, uint64_t now_us);

#endif
