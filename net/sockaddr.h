/* Between our addresses and the kernel's, and between the kernel's errors and ours. */
#ifndef NET_SOCKADDR_H
#define NET_SOCKADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "core/addr.h"
#include "core/err.h"

union sockaddr_any {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Fills `out` and returns its length; 0 for ADDR_NONE. */
socklen_t sockaddr_put(struct addr a, union sockaddr_any *out);
/* ADDR_NONE for families we do not speak. A v4-mapped IPv6 address becomes the IPv4 one it is. */
struct addr sockaddr_get(const struct sockaddr *from);
/* What a positive errno of a socket call means to a core. */
enum err socket_err(int errnum);
/* What a positive errno of a file call means to a core. */
enum err file_err(int errnum);

#endif
