/* What a member says of itself: signed once per boot or tag change, immutable, kept once by content.
 *
 * The signature is Ed25519 by the member's own key over the packed fields before it, under the cluster's id, so that
 * nobody can speak for another or carry facts from one cluster to another. The id is that of the key.
 *
 * Packed: [id, key, boot, tags, addr, roles, machine, name, zone, labels, version, fingerprint, signature]. Other counts of
 * fields are ERR_VERSION: what is signed can not be skipped. Signed: "witan-facts-1", the cluster's id packed as text,
 * the packed fields before the signature. */
#ifndef CORE_FACTS_H
#define CORE_FACTS_H

#include <stdint.h>

#include "core/addr.h"
#include "core/bytes.h"
#include "core/err.h"
#include "core/id.h"
#include "core/limits.h"

enum role {
	ROLE_SCHEDULER = 1,
	ROLE_WORKER = 2,
};

struct facts {
	struct id id;
	uint8_t key[32];
	uint64_t boot;       /* ordered, persisted: a restart has a higher one */
	uint64_t tags;       /* rises when the tags below change within one boot */
	struct addr addr;    /* private address; the port is private_port P */
	uint8_t roles;       /* enum role, or-ed */
	uint8_t machine[16]; /* hash of the machine id: voters want three machines */
	char name[NAME_MAX_LEN + 1];
	char zone[NAME_MAX_LEN + 1];
	char labels[LABELS_MAX_LEN + 1];
	char version[VERSION_MAX_LEN + 1];
	uint8_t fingerprint[16]; /* of the settings marked `same` and the protocol version */
	uint8_t signature[64];
};

/* Signs the fields with `secret` (64 bytes, libsodium's; f->key is its public half), filling f->signature.
 * ERR_MALFORMED when others would refuse these facts. */
MUST_USE enum err facts_sign(struct facts *f, const uint8_t secret[64], struct bytes cluster);
MUST_USE enum err facts_put(const struct facts *f, struct buffer *out);
/* Checks form, limits, that no text holds a control byte and that the id is the key's; not the signature. */
MUST_USE enum err facts_get(struct bytes packed, struct facts *out);
/* What the signature is over, appended to `out`: the text of a VERIFY. */
MUST_USE enum err facts_signed(const struct facts *f, struct bytes cluster, struct buffer *out);
/* What the signature is over, appended to `out`: the body of a VERIFY. */
MUST_USE enum err facts_signed(const struct facts *f, struct bytes cluster, struct buffer *out);
/* About 100 us: an effect (VERIFY) in a core, called by the door. */
MUST_USE enum err facts_verify(const struct facts *f, struct bytes cluster);
/* 64 bit over everything signed: equal content, equal digest. */
uint64_t facts_digest(const struct facts *f);

#endif
