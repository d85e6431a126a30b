#include "net/noise.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "core/must.h"

#define DH_LEN     32u
#define HASH_BLOCK 128u /* BLAKE2b's block: HMAC's */
#define MESSAGES   3u

static const char protocol[] = "Noise_XXpsk0_25519_ChaChaPoly_BLAKE2b";

static_assert(sizeof(protocol) - 1 <= NOISE_HASH, "a short name is the first hash itself");
static_assert(NOISE_HASH == crypto_generichash_BYTES_MAX, "BLAKE2b's longest output");
static_assert(NOISE_TAG == crypto_aead_chacha20poly1305_ietf_ABYTES, "Poly1305");
static_assert(DH_LEN == crypto_scalarmult_curve25519_BYTES, "X25519");

/* --- hashes: sections 4.3 and 5.2 --- */

static void hash2(struct bytes a, struct bytes b, uint8_t out[NOISE_HASH])
{
	crypto_generichash_state s;

	must(!crypto_generichash_init(&s, NULL, 0, NOISE_HASH));
	must(!crypto_generichash_update(&s, a.at, a.len));
	must(!crypto_generichash_update(&s, b.at, b.len));
	must(!crypto_generichash_final(&s, out, NOISE_HASH));
}

void noise_hmac(const uint8_t key[NOISE_HASH], struct bytes a, struct bytes b,
		uint8_t out[NOISE_HASH])
{
	crypto_generichash_state s;
	uint8_t pad[HASH_BLOCK];
	uint8_t inner[NOISE_HASH];

	for (unsigned i = 0; i < HASH_BLOCK; i++)
		pad[i] = (uint8_t)((i < NOISE_HASH ? key[i] : 0) ^ 0x36);
	must(!crypto_generichash_init(&s, NULL, 0, NOISE_HASH));
	must(!crypto_generichash_update(&s, pad, sizeof(pad)));
	must(!crypto_generichash_update(&s, a.at, a.len));
	must(!crypto_generichash_update(&s, b.at, b.len));
	must(!crypto_generichash_final(&s, inner, sizeof(inner)));

	for (unsigned i = 0; i < HASH_BLOCK; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	hash2(bytes_of(pad, sizeof(pad)), bytes_of(inner, sizeof(inner)), out);
	sodium_memzero(&s, sizeof(s));
	sodium_memzero(pad, sizeof(pad));
	sodium_memzero(inner, sizeof(inner));
}

/* HKDF with two or three outputs (`third` may be NULL). No output may be `chain` itself. */
static void hkdf(const uint8_t chain[NOISE_HASH], struct bytes material, uint8_t first[NOISE_HASH],
		 uint8_t second[NOISE_HASH], uint8_t third[NOISE_HASH])
{
	static const uint8_t one = 1, two = 2, three = 3;
	uint8_t key[NOISE_HASH];

	noise_hmac(chain, material, (struct bytes){0}, key);
	noise_hmac(key, bytes_of(&one, 1), (struct bytes){0}, first);
	noise_hmac(key, bytes_of(first, NOISE_HASH), bytes_of(&two, 1), second);
	if (third != NULL)
		noise_hmac(key, bytes_of(second, NOISE_HASH), bytes_of(&three, 1), third);
	sodium_memzero(key, sizeof(key));
}

/* --- one direction's cipher: section 5.1 --- */

static void nonce_of(uint64_t n, uint8_t out[crypto_aead_chacha20poly1305_ietf_NPUBBYTES])
{
	memset(out, 0, 4);
	put_u64(out + 4, n);
}

void noise_seal(struct noise_cipher *c, uint8_t *at, size_t len, struct bytes associated)
{
	uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

	must(len <= NOISE_MESSAGE_MAX - NOISE_TAG);
	must(c->nonce < UINT64_MAX);

	nonce_of(c->nonce++, nonce);
	must(!crypto_aead_chacha20poly1305_ietf_encrypt(at, NULL, at, len, associated.at,
							associated.len, NULL, nonce, c->key));
	c->spent += len;
}

enum err noise_open(struct noise_cipher *c, uint8_t *at, size_t len, struct bytes associated)
{
	uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

	must(c->nonce < UINT64_MAX);

	if (len < NOISE_TAG)
		return ERR_SHORT;
	nonce_of(c->nonce, nonce);
	if (crypto_aead_chacha20poly1305_ietf_decrypt(at, NULL, NULL, at, len, associated.at,
						      associated.len, nonce, c->key))
		return ERR_FORGED;
	c->nonce++;
	c->spent += len - NOISE_TAG;
	return OK;
}

/* Section 11.3: the new key is 32 zeros sealed under the nonce that nothing else uses. */
void noise_rekey(struct noise_cipher *c)
{
	uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
	uint8_t sealed[sizeof(c->key) + NOISE_TAG] = {0};

	nonce_of(UINT64_MAX, nonce);
	must(!crypto_aead_chacha20poly1305_ietf_encrypt(sealed, NULL, sealed, sizeof(c->key), NULL,
							0, NULL, nonce, c->key));
	memcpy(c->key, sealed, sizeof(c->key));
	c->spent = 0;
	sodium_memzero(sealed, sizeof(sealed));
}

/* --- the symmetric state: section 5.2 --- */

static void mix_hash(struct noise *n, struct bytes data)
{
	hash2(bytes_of(n->hash, NOISE_HASH), data, n->hash);
}

static void set_key(struct noise *n, const uint8_t key[NOISE_HASH])
{
	memcpy(n->cipher.key, key, sizeof(n->cipher.key));
	n->cipher.nonce = 0;
}

static void mix_key(struct noise *n, struct bytes material)
{
	uint8_t chain[NOISE_HASH], key[NOISE_HASH];

	hkdf(n->chain, material, chain, key, NULL);
	memcpy(n->chain, chain, sizeof(chain));
	set_key(n, key);
	sodium_memzero(chain, sizeof(chain));
	sodium_memzero(key, sizeof(key));
}

static void mix_psk(struct noise *n)
{
	uint8_t chain[NOISE_HASH], hash[NOISE_HASH], key[NOISE_HASH];

	hkdf(n->chain, bytes_of(n->psk, sizeof(n->psk)), chain, hash, key);
	memcpy(n->chain, chain, sizeof(chain));
	mix_hash(n, bytes_of(hash, sizeof(hash)));
	set_key(n, key);
	sodium_memzero(chain, sizeof(chain));
	sodium_memzero(key, sizeof(key));
}

/* A small-order key gives all zeros, which libsodium refuses. */
static enum err mix_dh(struct noise *n, const struct noise_keys *ours, const uint8_t theirs[DH_LEN])
{
	uint8_t shared[DH_LEN];

	if (crypto_scalarmult_curve25519(shared, ours->secret, theirs))
		return ERR_FORGED;
	mix_key(n, bytes_of(shared, sizeof(shared)));
	sodium_memzero(shared, sizeof(shared));
	return OK;
}

static enum err seal_and_hash(struct noise *n, struct bytes plain, struct buffer *out)
{
	uint8_t *at = buffer_room(out, plain.len + NOISE_TAG);

	if (at == NULL)
		return ERR_FULL;
	if (plain.len > 0)
		memcpy(at, plain.at, plain.len);
	noise_seal(&n->cipher, at, plain.len, bytes_of(n->hash, NOISE_HASH));
	mix_hash(n, bytes_of(at, plain.len + NOISE_TAG));
	out->len += plain.len + NOISE_TAG;
	return OK;
}

static enum err open_and_hash(struct noise *n, struct bytes sealed, struct buffer *out)
{
	uint8_t hash[NOISE_HASH];

	if (sealed.len < NOISE_TAG)
		return ERR_SHORT;
	uint8_t *at = buffer_room(out, sealed.len);
	if (at == NULL)
		return ERR_FULL;
	memcpy(at, sealed.at, sealed.len);
	hash2(bytes_of(n->hash, NOISE_HASH), sealed, hash);
	enum err err = noise_open(&n->cipher, at, sealed.len, bytes_of(n->hash, NOISE_HASH));
	if (err)
		return err;
	memcpy(n->hash, hash, sizeof(hash));
	out->len += sealed.len - NOISE_TAG;
	return OK;
}

/* --- the handshake: section 5.3, with section 9's psk --- */

void noise_init(struct noise *n, bool initiator, struct bytes prologue, const uint8_t psk[32],
		const struct noise_keys *own, const uint8_t ephemeral[32])
{
	must(own != NULL);

	*n = (struct noise){.initiator = initiator, .own = *own};
	memcpy(n->psk, psk, sizeof(n->psk));
	memcpy(n->ephemeral.secret, ephemeral, sizeof(n->ephemeral.secret));

	memcpy(n->hash, protocol, sizeof(protocol) - 1);
	memcpy(n->chain, n->hash, sizeof(n->chain));
	mix_hash(n, prologue);
}

void noise_fini(struct noise *n)
{
	sodium_memzero(n, sizeof(*n));
}

bool noise_is_done(const struct noise *n)
{
	return n->next == MESSAGES;
}

bool noise_is_turn(const struct noise *n)
{
	return !noise_is_done(n) && (n->next % 2 == 0) == n->initiator;
}

/* The token e: in a handshake with a psk it is also mixed into the key. */
static void mix_ephemeral(struct noise *n, const uint8_t key[DH_LEN])
{
	mix_hash(n, bytes_of(key, DH_LEN));
	mix_key(n, bytes_of(key, DH_LEN));
}

/* What both sides compute after message 2's e and its s, and after message 3's s: the same secret from either end. */
static enum err mix_ee(struct noise *n)
{
	return mix_dh(n, &n->ephemeral, n->peer_ephemeral);
}

static enum err mix_es(struct noise *n)
{
	return n->initiator ? mix_dh(n, &n->ephemeral, n->peer)
			    : mix_dh(n, &n->own, n->peer_ephemeral);
}

static enum err mix_se(struct noise *n)
{
	return n->initiator ? mix_dh(n, &n->own, n->peer_ephemeral)
			    : mix_dh(n, &n->ephemeral, n->peer);
}

static enum err write_tokens(struct noise *n, struct buffer *out)
{
	struct bytes s = bytes_of(n->own.public_key, DH_LEN);
	enum err err;

	if (n->next == 0)
		mix_psk(n);
	if (n->next < 2) {
		/* Only now: a first message that does not open has cost us some hashes and no curve. */
		must(!crypto_scalarmult_curve25519_base(n->ephemeral.public_key,
							n->ephemeral.secret));
		if ((err = buffer_add(out, bytes_of(n->ephemeral.public_key, DH_LEN))))
			return err;
		mix_ephemeral(n, n->ephemeral.public_key);
	}
	if (n->next == 0)
		return OK;
	if (n->next == 1 && (err = mix_ee(n)))
		return err;
	if ((err = seal_and_hash(n, s, out)))
		return err;
	return n->next == 1 ? mix_es(n) : mix_se(n);
}

enum err noise_write(struct noise *n, struct bytes payload, struct buffer *out)
{
	must(noise_is_turn(n));

	enum err err = write_tokens(n, out);
	if (!err)
		err = seal_and_hash(n, payload, out);
	if (!err)
		n->next++;
	return err;
}

/* Takes the first bytes of a message. */
static bool take(struct bytes *from, size_t len, struct bytes *out)
{
	if (from->len < len)
		return false;
	*out = bytes_of(from->at, len);
	*from = bytes_of(from->at + len, from->len - len);
	return true;
}

static enum err read_static(struct noise *n, struct bytes *message)
{
	struct bytes sealed;
	struct buffer key;

	if (!take(message, DH_LEN + NOISE_TAG, &sealed))
		return ERR_SHORT;
	buffer_init(&key, sealed.len);
	enum err err = open_and_hash(n, sealed, &key);
	if (!err)
		memcpy(n->peer, key.at, DH_LEN);
	buffer_fini(&key);
	return err;
}

static enum err read_tokens(struct noise *n, struct bytes *message)
{
	struct bytes e;
	enum err err;

	if (n->next == 0)
		mix_psk(n);
	if (n->next < 2) {
		if (!take(message, DH_LEN, &e))
			return ERR_SHORT;
		memcpy(n->peer_ephemeral, e.at, DH_LEN);
		mix_ephemeral(n, n->peer_ephemeral);
	}
	if (n->next == 0)
		return OK;
	if (n->next == 1 && (err = mix_ee(n)))
		return err;
	if ((err = read_static(n, message)))
		return err;
	return n->next == 1 ? mix_es(n) : mix_se(n);
}

enum err noise_read(struct noise *n, struct bytes message, struct buffer *payload)
{
	must(!noise_is_done(n));
	must(!noise_is_turn(n));

	if (message.len > NOISE_MESSAGE_MAX)
		return ERR_TOO_BIG;
	enum err err = read_tokens(n, &message);
	if (!err)
		err = open_and_hash(n, message, payload);
	if (!err)
		n->next++;
	return err;
}

void noise_split(const struct noise *n, struct noise_cipher *out, struct noise_cipher *in)
{
	uint8_t first[NOISE_HASH], second[NOISE_HASH];

	must(noise_is_done(n));

	hkdf(n->chain, (struct bytes){0}, first, second, NULL);
	*out = (struct noise_cipher){0};
	*in = (struct noise_cipher){0};
	memcpy(out->key, n->initiator ? first : second, sizeof(out->key));
	memcpy(in->key, n->initiator ? second : first, sizeof(in->key));
	sodium_memzero(first, sizeof(first));
	sodium_memzero(second, sizeof(second));
}
