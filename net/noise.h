/* Noise_XXpsk0_25519_ChaChaPoly_BLAKE2b (noiseprotocol.org, revision 34) on libsodium's primitives.
 *
 *     -> psk, e
 *     <- e, ee, s, es
 *     -> s, se
 *
 * HKDF is over HMAC-BLAKE2b (block 128, hash 64), built from crypto_generichash. Randomness is the caller's: the
 * ephemeral key comes in. After an error a handshake is good for nothing but noise_fini. */
#ifndef NET_NOISE_H
#define NET_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"

#define NOISE_TAG         16u
#define NOISE_MESSAGE_MAX 65535u
#define NOISE_HASH        64u

/* One direction's key. `spent` counts the plain bytes under the present key; the caller decides when to rekey. */
struct noise_cipher {
	uint8_t key[32];
	uint64_t nonce;
	uint64_t spent;
};

struct noise_keys {
	uint8_t secret[32];
	uint8_t public_key[32];
};

struct noise {
	bool initiator;
	uint8_t next; /* message, from 0; 3: done */
	uint8_t psk[32];
	uint8_t chain[NOISE_HASH];
	uint8_t hash[NOISE_HASH];
	struct noise_cipher cipher;
	struct noise_keys own; /* static */
	struct noise_keys ephemeral;
	uint8_t peer[32]; /* static, once its message was read */
	uint8_t peer_ephemeral[32];
};

/* `ephemeral`: 32 fresh random bytes, used in this handshake alone. */
void noise_init(struct noise *n, bool initiator, struct bytes prologue, const uint8_t psk[32],
		const struct noise_keys *own, const uint8_t ephemeral[32]);
void noise_fini(struct noise *n); /* wipes */
bool noise_is_done(const struct noise *n);
bool noise_is_turn(const struct noise *n); /* ours to write */

/* The next message, appended to `out`. ERR_FULL: no room, ERR_FORGED: the peer's key is no key. */
MUST_USE enum err noise_write(struct noise *n, struct bytes payload, struct buffer *out);
/* Reads the next message; its payload is appended to `payload`. ERR_SHORT, ERR_FORGED, ERR_FULL. */
MUST_USE enum err noise_read(struct noise *n, struct bytes message, struct buffer *payload);
/* The two directions' keys, once done. */
void noise_split(const struct noise *n, struct noise_cipher *out, struct noise_cipher *in);

/* In place: `len` plain bytes at `at` become len + NOISE_TAG. */
void noise_seal(struct noise_cipher *c, uint8_t *at, size_t len, struct bytes associated);
/* In place: `len` sealed bytes become len - NOISE_TAG. ERR_SHORT, ERR_FORGED. */
MUST_USE enum err noise_open(struct noise_cipher *c, uint8_t *at, size_t len,
			     struct bytes associated);
void noise_rekey(struct noise_cipher *c);

/* HMAC-BLAKE2b-512 of two pieces; the second may be empty. */
void noise_hmac(const uint8_t key[NOISE_HASH], struct bytes a, struct bytes b,
		uint8_t out[NOISE_HASH]);

#endif
