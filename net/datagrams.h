/* Datagrams off one socket, many with one call, into a tray that all sockets of a loop share. */
#ifndef NET_DATAGRAMS_H
#define NET_DATAGRAMS_H

#include <stdint.h>

#include "core/addr.h"
#include "core/bytes.h"

#define DATAGRAMS_TRAY 32u
#define DATAGRAM_ROOM  2048u /* above PACKET_MAX, so that a longer one is seen to be too long */

struct tray {
	uint8_t bytes[DATAGRAMS_TRAY][DATAGRAM_ROOM];
};

/* What a door saw and dropped. */
struct datagram_counts {
	uint64_t taken;
	uint64_t too_big; /* above PACKET_MAX: nobody of ours sends these */
	uint64_t sent;
	uint64_t unsent; /* the kernel refused: full queue, no route, firewall */
};

/* Hands each datagram that waits to `each`, at most PACKETS_TURN_MAX. Returns 0, or the errno that ended it: errors that
 * only concern one peer (ECONNREFUSED) do not. */
int datagrams_take(int fd, struct tray *tray, struct datagram_counts *counts,
		   void (*each)(void *with, struct addr from, struct bytes body), void *with);
/* One datagram, now or never. Returns 0 or an errno; counted either way. */
int datagram_send(int fd, struct datagram_counts *counts, struct addr to, struct bytes body);

#endif
