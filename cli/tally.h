/* What became of the jobs of one listing, by a later one: for who rehearses a loss and wants to know what it cost. */
#ifndef CLI_TALLY_H
#define CLI_TALLY_H

#include <stdint.h>

#include "core/bytes.h"

struct tally {
	uint32_t ran_on;  /* ran before; run still, or have ended, in the same attempt */
	uint32_t lost;    /* nobody knows them any more, or they were given up */
	uint32_t twice;   /* ran before; begun again */
	uint32_t unknown; /* ran before; their worker can not be reached yet */
};

/* Both are sheets of CALL_JOBS: what had not ended before, and everything after. */
struct tally tally_of(struct bytes before, struct bytes after);

#endif
