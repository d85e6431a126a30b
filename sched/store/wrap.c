#include "sched/store/wrap.h"

#include <string.h>

#include <sodium.h>

#include "core/must.h"

enum { NONCE_LEN = 24, TAG_LEN = 16, PLACE_LEN = 14 + 16 + 4 * 8 };

_Static_assert(NONCE_LEN + TAG_LEN == WRAP_OVERHEAD, "what sealing adds");

static void put_place(const struct wrap_place *at, uint8_t out[PLACE_LEN])
{
	memcpy(out, "witan store 1", 14);
	memcpy(out + 14, at->store.b, 16);
	put_u64(out + 30, at->epoch.generation);
	put_u64(out + 38, at->epoch.term);
	put_u64(out + 46, at->number);
	put_u64(out + 54, at->piece);
}

enum err wrap_put(const uint8_t key[32], const struct wrap_place *at, struct bytes plain,
		  struct buffer *out)
{
	uint8_t place[PLACE_LEN], nonce[NONCE_LEN];
	crypto_generichash_state hash;
	unsigned long long len;
	uint8_t *room = buffer_room(out, plain.len + WRAP_OVERHEAD);

	if (room == NULL)
		return ERR_FULL;
	put_place(at, place);
	crypto_generichash_init(&hash, key, 32, sizeof(nonce));
	crypto_generichash_update(&hash, place, sizeof(place));
	crypto_generichash_update(&hash, plain.at, plain.len);
	crypto_generichash_final(&hash, nonce, sizeof(nonce));
	memcpy(room, nonce, sizeof(nonce));
	crypto_aead_xchacha20poly1305_ietf_encrypt(room + NONCE_LEN, &len, plain.at, plain.len,
						   place, sizeof(place), NULL, nonce, key);
	must(len == plain.len + TAG_LEN);
	out->len += plain.len + WRAP_OVERHEAD;
	return OK;
}

enum err wrap_get(const uint8_t key[32], const struct wrap_place *at, struct bytes sealed,
		  struct buffer *out)
{
	uint8_t place[PLACE_LEN];
	unsigned long long len;
	uint8_t *room;

	if (sealed.len < WRAP_OVERHEAD)
		return ERR_SHORT;
	room = buffer_room(out, sealed.len - WRAP_OVERHEAD + 1);
	if (room == NULL)
		return ERR_FULL;
	put_place(at, place);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(room, &len, NULL, sealed.at + NONCE_LEN,
						       sealed.len - NONCE_LEN, place, sizeof(place),
						       sealed.at, key) != 0)
		return ERR_FORGED;
	must(len == sealed.len - WRAP_OVERHEAD);
	out->len += sealed.len - WRAP_OVERHEAD;
	return OK;
}
