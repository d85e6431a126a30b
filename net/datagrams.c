#include "net/datagrams.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/limits.h"
#include "core/must.h"
#include "net/sockaddr.h"

_Static_assert(DATAGRAM_ROOM > PACKET_MAX, "a datagram too long must be seen to be");

/* Errors that the kernel reports here about an earlier datagram of ours. */
static bool is_about_a_peer(int errnum)
{
	return errnum == ECONNREFUSED || errnum == EHOSTUNREACH || errnum == ENETUNREACH ||
	       errnum == EHOSTDOWN || errnum == EPROTO || errnum == ENOPROTOOPT;
}

int datagrams_take(int fd, struct tray *tray, struct metrics *metrics,
		   void (*each)(void *with, struct addr from, struct bytes body), void *with)
{
	struct mmsghdr message[DATAGRAMS_TRAY];
	struct iovec part[DATAGRAMS_TRAY];
	union sockaddr_any from[DATAGRAMS_TRAY];

	for (uint32_t round = 0; round < PACKETS_TURN_MAX / DATAGRAMS_TRAY; round++) {
		memset(message, 0, sizeof message);
		for (uint32_t i = 0; i < DATAGRAMS_TRAY; i++) {
			part[i] = (struct iovec){tray->bytes[i], DATAGRAM_ROOM};
			message[i].msg_hdr.msg_iov = &part[i];
			message[i].msg_hdr.msg_iovlen = 1;
			message[i].msg_hdr.msg_name = &from[i];
			message[i].msg_hdr.msg_namelen = sizeof from[i];
		}
		int got = recvmmsg(fd, message, DATAGRAMS_TRAY, MSG_DONTWAIT, NULL);
		if (got < 0) {
			if (errno == EINTR || is_about_a_peer(errno))
				continue;
			return errno == EAGAIN ? 0 : errno;
		}
		for (int i = 0; i < got; i++) {
			if (message[i].msg_len > PACKET_MAX) {
				metrics_add(metrics, METRIC_DROPPED_BIG, 1);
				continue;
			}
			each(with, sockaddr_get(&from[i].any),
			     bytes_of(tray->bytes[i], message[i].msg_len));
		}
		if (got < (int)DATAGRAMS_TRAY)
			return 0;
	}
	return 0;
}

int datagram_send(int fd, struct metrics *metrics, struct addr to, struct bytes body)
{
	union sockaddr_any where;
	socklen_t len = sockaddr_put(to, &where);

	must(body.len <= PACKET_MAX);
	must(len > 0);
	ssize_t n = sendto(fd, body.at, body.len, MSG_DONTWAIT | MSG_NOSIGNAL, &where.any, len);
	if (n < 0 && is_about_a_peer(errno)) /* perhaps an old error of another peer: once more */
		n = sendto(fd, body.at, body.len, MSG_DONTWAIT | MSG_NOSIGNAL, &where.any, len);
	if (n < 0) {
		metrics_add(metrics, METRIC_PACKETS_UNSENT, 1);
		return errno;
	}
	return 0;
}
