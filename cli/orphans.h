/* What others leave behind when they end, for a process that adopts it (PR_SET_CHILD_SUBREAPER). */
#ifndef CLI_ORPHANS_H
#define CLI_ORPHANS_H

#include <stdint.h>

/* SIGKILL for whoever is our child now; each that ends hands us its own children. How many there were. */
uint32_t orphans_kill(void);

#endif
