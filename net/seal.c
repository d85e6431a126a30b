#include "net/seal.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "core/must.h"

/* The clear header, and what is sealed before the body. */
#define AT_TAG    1u
#define AT_KEY    5u
#define AT_NONCE  9u
#define CLEAR     33u
#define AT_BOOT   16u
#define AT_COUNT  24u
#define INNER     32u
#define TAG       crypto_aead_xchacha20poly1305_ietf_ABYTES
#define NONCE     crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define SCOPE_LEN 1u

static_assert(CLEAR == AT_NONCE + NONCE, "the nonce ends the clear header");
static_assert(SEAL_OVERHEAD == CLEAR + INNER + TAG, "limits.h counts what sealing adds");
static_assert(sizeof(((struct key *)0)->secret) == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
	      "the ring's keys are the cipher's");

void seal_init(struct seal *s, const struct keyring *ring, struct id self, uint64_t boot,
	       const uint8_t random[32])
{
	crypto_generichash_state hash;
	uint8_t boot_bytes[8];

	must(ring->count > 0);
	must(!id_is_none(self));

	*s = (struct seal){.ring = ring, .self = self, .boot = boot};
	s->tag = keyring_tag(ring->cluster);
	for (unsigned i = 0; i < SEAL_SCOPES; i++)
		replay_init(&s->replay[i], REPLAY_MAX);

	/* Of sender and boot too: even the same randomness twice makes no nonce twice. */
	put_u64(boot_bytes, boot);
	must(!crypto_generichash_init(&hash, NULL, 0, sizeof(s->prefix)));
	must(!crypto_generichash_update(&hash, random, 32));
	must(!crypto_generichash_update(&hash, self.b, sizeof(self.b)));
	must(!crypto_generichash_update(&hash, boot_bytes, sizeof(boot_bytes)));
	must(!crypto_generichash_final(&hash, s->prefix, sizeof(s->prefix)));
}

void seal_fini(struct seal *s)
{
	for (unsigned i = 0; i < SEAL_SCOPES; i++)
		replay_fini(&s->replay[i]);
	sodium_memzero(s->room, sizeof(s->room));
}

/* The associated data: clear header, cluster id, scope. Its length. */
static size_t associate(const struct seal *s, const uint8_t clear[CLEAR], enum seal_scope scope,
			uint8_t out[CLEAR + CLUSTER_ID_MAX_LEN + SCOPE_LEN])
{
	size_t cluster = strlen(s->ring->cluster);

	must(cluster <= CLUSTER_ID_MAX_LEN);
	must(scope < SEAL_SCOPES);

	memcpy(out, clear, CLEAR);
	memcpy(out + CLEAR, s->ring->cluster, cluster);
	out[CLEAR + cluster] = (uint8_t)scope;
	return CLEAR + cluster + SCOPE_LEN;
}

static enum err put(struct seal *s, enum seal_scope scope, struct bytes body, struct buffer *out)
{
	uint8_t extra[CLEAR + CLUSTER_ID_MAX_LEN + SCOPE_LEN];
	uint8_t plain[INNER + DATAGRAM_BODY_MAX];

	if (body.len > DATAGRAM_BODY_MAX)
		return ERR_TOO_BIG;
	uint8_t *at = buffer_room(out, SEAL_OVERHEAD + body.len);
	if (at == NULL)
		return ERR_FULL;

	uint64_t counter = ++s->counter;
	must(counter < UINT64_MAX);
	at[0] = SEAL_VERSION;
	put_u32(at + AT_TAG, s->tag);
	put_u32(at + AT_KEY, s->ring->key[0].id);
	memcpy(at + AT_NONCE, s->prefix, sizeof(s->prefix));
	put_u64(at + AT_NONCE + sizeof(s->prefix), counter);

	memcpy(plain, s->self.b, sizeof(s->self.b));
	put_u64(plain + AT_BOOT, s->boot);
	put_u64(plain + AT_COUNT, counter);
	if (body.len > 0)
		memcpy(plain + INNER, body.at, body.len);

	size_t extra_len = associate(s, at, scope, extra);
	must(!crypto_aead_xchacha20poly1305_ietf_encrypt(at + CLEAR, NULL, plain, INNER + body.len,
							 extra, extra_len, NULL, at + AT_NONCE,
							 s->ring->key[0].secret));
	out->len += SEAL_OVERHEAD + body.len;
	return OK;
}

static enum err open(struct seal *s, enum seal_scope scope, struct bytes from, struct sealed *out)
{
	uint8_t extra[CLEAR + CLUSTER_ID_MAX_LEN + SCOPE_LEN];

	if (from.len < 1)
		return ERR_SHORT;
	if (from.at[0] != SEAL_VERSION)
		return ERR_VERSION;
	if (from.len < SEAL_OVERHEAD)
		return ERR_SHORT;
	if (from.len > PACKET_MAX)
		return ERR_TOO_BIG;
	if (get_u32(from.at + AT_TAG) != s->tag)
		return ERR_FOREIGN;
	const struct key *key = keyring_find(s->ring, get_u32(from.at + AT_KEY));
	if (key == NULL)
		return ERR_KEY;

	size_t extra_len = associate(s, from.at, scope, extra);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(s->room, NULL, NULL, from.at + CLEAR,
						       from.len - CLEAR, extra, extra_len,
						       from.at + AT_NONCE, key->secret))
		return ERR_FORGED;

	struct sealed sealed = {.boot = get_u64(s->room + AT_BOOT),
				.older_key = key != s->ring->key};
	memcpy(sealed.sender.b, s->room, sizeof(sealed.sender.b));
	sealed.body = bytes_of(s->room + INNER, from.len - SEAL_OVERHEAD);

	if (id_same(sealed.sender, s->self))
		return ERR_REPLAYED; /* a reflection, or a beacon come back by the loop */
	enum err err = replay_admit(&s->replay[scope], sealed.sender, sealed.boot,
				    get_u64(s->room + AT_COUNT));
	if (err)
		return err;
	*out = sealed;
	return OK;
}

enum err seal_put(struct seal *s, enum view view, struct bytes body, struct buffer *out)
{
	must(view < VIEWS);

	return put(s, (enum seal_scope)view, body, out);
}

enum err seal_put_beacon(struct seal *s, struct bytes body, struct buffer *out)
{
	return put(s, SEAL_BEACON, body, out);
}

enum err seal_open(struct seal *s, enum view view, struct bytes datagram, struct sealed *out)
{
	must(view < VIEWS);

	return open(s, (enum seal_scope)view, datagram, out);
}

enum err seal_open_beacon(struct seal *s, struct bytes datagram, struct sealed *out)
{
	return open(s, SEAL_BEACON, datagram, out);
}
