/* Finding the cluster on the local network: what a node does with its beacons, done once, by a program that has the key
 * but is no node yet. Only a beacon that the key opens counts. */
#ifndef CLI_HEAR_H
#define CLI_HEAR_H

#include "core/addr.h"
#include "core/config.h"
#include "core/identity.h"

/* Says on the group that someone is alone (a settled node then answers at once), and listens until a scheduler or, when
 * wait_ms is over, any node was heard. `ours` is where this machine will be. 0 and the node's address; else the exit
 * code after the sentence. */
int hear_cluster(const struct config *c, const struct keyring *ring, struct addr ours, int wait_ms,
		 struct addr *out);

#endif
