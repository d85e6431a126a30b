/* The private address that the configuration and this machine's interfaces give. */
#ifndef CLI_ADDRESS_H
#define CLI_ADDRESS_H

#include "core/addr.h"
#include "core/config.h"

/* With port P. 0, or the exit code after the sentence. */
int address_choose(const struct config *c, struct addr *out);

#endif
