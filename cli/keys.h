/* Where keys lie: the cluster's ring and the node's own. */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include "core/config.h"
#include "core/identity.h"

#define KEYRING_FILE "/etc/witan/keyring"
#define FOUNDER_FILE                                                                               \
	"founder" /* in the data directory; never part of what is copied to other machines */

/* The ring of the data directory, else the one beside the configuration file, else the installed one. 0, or the exit
 * code after the sentence. */
int keys_find_ring(const struct config *c, const char *root, struct keyring *ring);
/* node.key in the data directory; made at the first start. */
int keys_own(const char *root, struct identity *me);
/* Writes the ring, 0640, for `group` (-1: ours). */
int keys_write_ring(const char *path, const struct keyring *ring, unsigned group);

#endif
