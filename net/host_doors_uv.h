/* All doors of one host: opened together, closed together. */
#ifndef NET_HOST_DOORS_UV_H
#define NET_HOST_DOORS_UV_H

#include <uv.h>

#include "core/view.h"
#include "net/alarm_uv.h"
#include "net/disk_uv.h"
#include "net/host_uv.h"
#include "net/keeper_link_uv.h"
#include "net/multicast_uv.h"
#include "net/resolve_uv.h"
#include "net/stream_uv.h"
#include "net/udp_uv.h"
#include "net/verify_uv.h"

#define DOORS_WHY_MAX 640u

struct doors {
	bool admits; /* who connected is taken in */
	uv_loop_t loop;
	struct tray tray;
	struct shelf shelf;
	struct alarm alarm;
	struct udp_door udp[VIEWS];
	bool has_udp[VIEWS];
	struct streams *streams;
	struct multicast *multicast; /* NULL: no beacons */
	struct disk_door *disk;
	struct verifier *verifier;
	struct resolver *resolver;
	struct keeper_link *keeper;
	struct sink sink;
};

/* Everything, or nothing and a sentence in `why`. */
MUST_USE enum err doors_open(struct doors *d, const struct host_start *start, struct sink sink,
			     char why[DOORS_WHY_MAX]);
/* Accepts and hears from now on: not before the node stands. */
void doors_start(struct doors *d, const struct host_start *start);
/* The node is up: who waits at a listener is taken in from now on. Later calls do nothing. */
void doors_admit(struct doors *d);
/* Carries out a raw effect of the node's; LOG, READY and EXIT are the host's. Returns 0, or the errno for which there is
 * no keeper. */
int doors_effect(struct doors *d, const struct effect *e);
/* At the end of a turn: what was gathered goes out. The outbox may be cleared then. */
void doors_flush(struct doors *d);
/* Writes out what is under way, then closes. False when something hangs: the loop can not be left then but by ending the
 * process. */
bool doors_close(struct doors *d);

#endif
