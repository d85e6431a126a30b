/* Free ports on the loopback, for nodes of one machine. */
#ifndef CLI_PORTS_H
#define CLI_PORTS_H

#include <stdint.h>

/* The first P from `from` on for which P, and both views' ports above it, are free on 127.0.0.1 now; 0: none. They stay
 * free only as long as nobody else takes them. */
uint16_t ports_free(uint16_t from);

#endif
