/* The door of one gossip port for datagrams.
 *
 * No error of a peer closes it: what the kernel refuses to send is counted and forgotten, for gossip asks again. */
#ifndef NET_UDP_UV_H
#define NET_UDP_UV_H

#include <uv.h>

#include "net/datagrams.h"
#include "net/sink.h"

struct udp_door {
	uv_poll_t poll;
	int fd;
	enum door door;
	struct sink sink;
	struct tray *tray;
};

/* Binds `at`; its packets are told as EVENT_PACKET of `door`. Returns 0 or the errno of what failed; nothing is left
 * then. `tray` is shared and outlives the door. The socket's own port is in `at` when that was 0. */
int udp_open(struct udp_door *u, uv_loop_t *loop, enum door door, struct addr *at,
	     struct tray *tray, struct sink sink);
void udp_send(struct udp_door *u, struct addr to, struct bytes body);
/* The memory is free again once the loop has run. */
void udp_close(struct udp_door *u);

#endif
