#include "cli/ports.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/addr.h"
#include "core/view.h"
#include "net/sockaddr.h"

#define BELOW_EPHEMERAL 32768u /* where the kernel's own choices usually begin */

static bool is_free(int type, uint32_t port)
{
	union sockaddr_any where;
	socklen_t len = sockaddr_put(addr_v4(127, 0, 0, 1, (uint16_t)port), &where);
	int one = 1;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	/* As the node does: connections of an earlier run that linger are no obstacle to it. */
	if (type == SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	bool free = bind(fd, &where.any, len) == 0;
	close(fd);
	return free;
}

uint16_t ports_free(uint16_t from)
{
	for (uint32_t p = from; p + 2 * VIEW_PORT_STEP < BELOW_EPHEMERAL; p++) {
		bool free = is_free(SOCK_STREAM, p);
		for (uint32_t v = 1; v <= VIEWS && free; v++)
			free = is_free(SOCK_STREAM, p + v * VIEW_PORT_STEP) &&
			       is_free(SOCK_DGRAM, p + v * VIEW_PORT_STEP);
		if (free)
			return (uint16_t)p;
	}
	return 0;
}
