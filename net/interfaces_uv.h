/* The machine's network interfaces and their addresses, as the kernel has them now. */
#ifndef NET_INTERFACES_UV_H
#define NET_INTERFACES_UV_H

#include "core/limits.h"
#include "net/select.h"

/* One for each address (IPv4 and IPv6, link-local IPv6 ones left out), in the kernel's order, loopback included. Returns
 * how many, INTERFACES_MAX at most; 0 when the kernel does not say. */
uint32_t interfaces_list(struct interface list[INTERFACES_MAX]);

#endif
