/* The door for beacons: one socket for each interface chosen, all in one group.
 *
 * Each socket is bound to the group's own address and takes only what came for it on its interface
 * (IP_MULTICAST_ALL off), so that no other group and no unicast gets in; loop is on, so that nodes of one machine find
 * each other. Nothing here is fatal: an interface that is not there, goes away or refuses is logged once and tried again,
 * ever more rarely; it is quiet until it works again.
 *
 *   CLOSED --door_try: joined--> OPEN
 *   CLOSED --door_try: refused--> CLOSED, and again after the back-off, which doubles
 *   OPEN --the interface is gone (door_lost)--> CLOSED */
#ifndef NET_MULTICAST_UV_H
#define NET_MULTICAST_UV_H

#include <uv.h>

#include "core/limits.h"
#include "core/log.h"
#include "net/datagrams.h"
#include "net/select.h"
#include "net/sink.h"

struct multicast_start {
	struct addr group; /* with port */
	uint8_t ttl;
	uint32_t count;
	char interface[MULTICAST_DOORS][INTERFACE_NAME_MAX];
	/* Whether beacons on it come from `source` (IPv4); else the kernel chooses an address. */
	bool has_source[MULTICAST_DOORS];
	struct addr source;
	void *log_self;
	void (*log)(void *self, enum log_level level, const char *text);
};

struct multicast; /* opaque */

struct multicast *multicast_open(uv_loop_t *loop, const struct multicast_start *start,
				 struct tray *tray, struct sink sink);
/* On every interface that works. Our own beacons come back to us, too. */
void multicast_send(struct multicast *m, struct bytes body);
uint32_t multicast_working(const struct multicast *m); /* interfaces */
/* Frees itself once the loop has run. */
void multicast_close(struct multicast *m);

#endif
