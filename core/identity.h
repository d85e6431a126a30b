/* Who this node is, and which cluster it belongs to.
 *
 * identity: the node's own Ed25519 key pair; its id derives from the public key. keyring: the cluster's id and keys:
 * `wire` seals datagrams and is the channel's psk, `store` seals batches (only schedulers hold it once certificates
 * bind roles; in this version it is derived for everybody). Both live in locked memory and are wiped. */
#ifndef CORE_IDENTITY_H
#define CORE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"
#include "core/id.h"
#include "core/limits.h"

struct identity {
	struct id id;
	uint8_t public_key[32];
	uint8_t secret_key[64];
};

#define KEYS_MAX 4u /* keys installed at one time: a rotation needs two */

struct key {
	uint32_t id; /* first 4 bytes of a hash of the key: travels in the clear */
	uint8_t secret[32];
};

struct keyring {
	char cluster[CLUSTER_ID_MAX_LEN + 1];
	struct key key[KEYS_MAX]; /* [0] seals, all open */
	uint32_t count;
	uint8_t store_key[32];
};

/* From 32 random bytes. */
void identity_make(struct identity *me, const uint8_t seed[32]);
/* The file's form, 0600: text `witan-node-key 1\n<hex seed>\n`. */
MUST_USE enum err identity_get(struct bytes file, struct identity *me);
MUST_USE enum err identity_put(const uint8_t seed[32], struct buffer *out);
void identity_wipe(struct identity *me);
void identity_sign(const struct identity *me, struct bytes text, uint8_t signature[64]);
bool identity_check(const uint8_t public_key[32], struct bytes text, const uint8_t signature[64]);

/* The file's form, 0640: text `witan-keyring 1\ncluster <id>\nkey <hex>\n…store <hex>\n`. The first key seals. Without its
 * line the store key is derived from the last key, the oldest; keyring_put always writes it, so that a rotation of the
 * others never changes it. */
MUST_USE enum err keyring_get(struct bytes file, struct keyring *ring);
MUST_USE enum err keyring_put(const struct keyring *ring, struct buffer *out);
/* A ring with one key made of 32 random bytes. */
MUST_USE enum err keyring_make(struct keyring *ring, const char *cluster, const uint8_t secret[32]);
/* NULL when no such key is installed. */
const struct key *keyring_find(const struct keyring *ring, uint32_t id);
void keyring_wipe(struct keyring *ring);
/* 1 to CLUSTER_ID_MAX_LEN bytes, no control byte, no '/', no '.' in front: it names a folder too. */
bool keyring_names_cluster(const char *cluster);
/* 4-byte unkeyed hash of the cluster id: for one log line only. */
uint32_t keyring_tag(const char *cluster);

#endif
