/* Datagrams off one socket, many with one call, into a tray that all sockets of a loop share. */
#ifndef NET_DATAGRAMS_H
#define NET_DATAGRAMS_H

#include <stdint.h>

#include "core/addr.h"
#include "core/bytes.h"
#include "core/metrics.h"

#define DATAGRAMS_TRAY 32u
#define DATAGRAM_ROOM  2048u /* above PACKET_MAX, so that a longer one is seen to be too long */

struct tray {
	uint8_t bytes[DATAGRAMS_TRAY][DATAGRAM_ROOM];
};

/* Hands each datagram that waits to `each`, at most PACKETS_TURN_MAX; those above PACKET_MAX (nobody of
 * ours sends these) are dropped and counted. Returns 0, or the errno that ended it: errors that
 * only concern one peer (ECONNREFUSED) do not. */
int datagrams_take(int fd, struct tray *tray, struct metrics *metrics,
		   void (*each)(void *with, struct addr from, struct bytes body), void *with);
/* One datagram, now or never. Returns 0 or an errno: then it is counted as unsent. */
int datagram_send(int fd, struct metrics *metrics, struct addr to, struct bytes body);

#endif
