/* A clock for deadlines of programs: milliseconds that never go back. */
#ifndef CLI_STEADY_H
#define CLI_STEADY_H

#include <stdint.h>

int64_t steady_ms(void);

#endif
