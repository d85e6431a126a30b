#include "net/udp_uv.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/must.h"
#include "net/sockaddr.h"

/* A burst (a thousand members who say hello at once) waits in the kernel while we do something else. */
#define UDP_BUFFER (1 << 20)

static void udp_packet(void *with, struct addr from, struct bytes body)
{
	struct udp_door *u = with;
	struct event e = {.kind = EVENT_PACKET};

	e.packet.door = u->door;
	e.packet.from = from;
	e.packet.body = body;
	sink_tell(&u->sink, &e);
}

/* An error leaves the socket as it is: what waits next may be good again. */
static void udp_readable(uv_poll_t *poll, int status, int events)
{
	struct udp_door *u = poll->data;

	(void)status;
	(void)events;
	(void)datagrams_take(u->fd, u->tray, u->sink.metrics, udp_packet, u);
}

static int udp_bind(struct addr *at)
{
	union sockaddr_any where;
	socklen_t len = sockaddr_put(*at, &where);
	int room = UDP_BUFFER;
	int one = 1;

	must(len > 0);
	int fd = socket(where.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (at->family == ADDR_V6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	if (bind(fd, &where.any, len) == 0 && getsockname(fd, &where.any, &len) == 0) {
		*at = addr_with_port(*at, sockaddr_get(&where.any).port);
		return fd;
	}
	int why = errno;
	close(fd);
	errno = why;
	return -1;
}

int udp_open(struct udp_door *u, uv_loop_t *loop, enum door door, struct addr *at,
	     struct tray *tray, struct sink sink)
{
	int fd = udp_bind(at);

	if (fd < 0)
		return errno;
	*u = (struct udp_door){.fd = fd, .door = door, .sink = sink, .tray = tray};
	int bad = uv_poll_init(loop, &u->poll, fd);
	must(bad == 0);
	u->poll.data = u;
	bad = uv_poll_start(&u->poll, UV_READABLE, udp_readable);
	must(bad == 0);
	return 0;
}

void udp_send(struct udp_door *u, struct addr to, struct bytes body)
{
	(void)datagram_send(u->fd, u->sink.metrics, to, body);
}

static void udp_closed(uv_handle_t *handle)
{
	struct udp_door *u = handle->data;

	close(u->fd);
}

void udp_close(struct udp_door *u)
{
	uv_close((uv_handle_t *)&u->poll, udp_closed);
}
