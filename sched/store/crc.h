/* CRC-32C (Castagnoli, RFC 3720): what tells a rotten record from a good one. */
#ifndef SCHED_STORE_CRC_H
#define SCHED_STORE_CRC_H

#include "core/bytes.h"

/* Of `bytes`, continued from `before` (0 at first). */
uint32_t crc32c(uint32_t before, struct bytes bytes);

#endif
