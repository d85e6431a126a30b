#include "core/identity.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "core/must.h"

#define SECRET_LEN    32u
#define HEX_LEN       (2 * SECRET_LEN)

#define IDENTITY_HEAD "witan-node-key 1"
#define KEYRING_HEAD  "witan-keyring 1"

static_assert(crypto_sign_SEEDBYTES == SECRET_LEN, "a node key's file holds the seed");
static_assert(crypto_sign_PUBLICKEYBYTES == 32, "identity.h says so");
static_assert(crypto_sign_SECRETKEYBYTES == 64, "identity.h says so");
static_assert(crypto_sign_BYTES == 64, "identity.h says so");

/* --- lines of a key file --- */

/* Takes the next line of `file` into `line`, without its end; false when there is none, or it has no end. */
static bool line_take(struct bytes *file, struct bytes *line)
{
	const uint8_t *end = file->len == 0 ? NULL : memchr(file->at, '\n', file->len);

	if (end == NULL)
		return false;
	*line = bytes_of(file->at, (size_t)(end - file->at));
	*file = bytes_of(end + 1, file->len - line->len - 1);
	return true;
}

/* True, and cut off, when `line` begins with `word`. */
static bool word_take(struct bytes *line, struct bytes word)
{
	if (line->len < word.len || !bytes_same(bytes_of(line->at, word.len), word))
		return false;
	*line = bytes_of(line->at + word.len, line->len - word.len);
	return true;
}

static enum err hex_get(struct bytes text, uint8_t out[SECRET_LEN])
{
	size_t len = 0;

	if (text.len != HEX_LEN)
		return ERR_MALFORMED;
	if (sodium_hex2bin(out, SECRET_LEN, (const char *)text.at, text.len, NULL, &len, NULL) != 0)
		return ERR_MALFORMED;
	return len == SECRET_LEN ? OK : ERR_MALFORMED;
}

/* `word`, then the secret in hex, then the line's end. */
static enum err secret_put(struct buffer *out, struct bytes word, const uint8_t secret[SECRET_LEN])
{
	char hex[HEX_LEN + 1];
	enum err err = buffer_add(out, word);

	sodium_bin2hex(hex, sizeof(hex), secret, SECRET_LEN);
	hex[HEX_LEN] = '\n';
	if (err == OK)
		err = buffer_add(out, bytes_of(hex, sizeof(hex)));
	sodium_memzero(hex, sizeof(hex));
	return err;
}

/* --- the node's own key --- */

void identity_make(struct identity *me, const uint8_t seed[32])
{
	int rc = crypto_sign_seed_keypair(me->public_key, me->secret_key, seed);

	must(rc == 0);
	me->id = id_of_key(me->public_key);
	must(!id_is_none(me->id));
}

enum err identity_get(struct bytes file, struct identity *me)
{
	uint8_t seed[SECRET_LEN];
	struct bytes line;

	if (!line_take(&file, &line) || !bytes_same(line, BYTES(IDENTITY_HEAD)))
		return ERR_MALFORMED;
	if (!line_take(&file, &line) || file.len != 0)
		return ERR_MALFORMED;

	enum err err = hex_get(line, seed);
	if (err == OK)
		identity_make(me, seed);
	sodium_memzero(seed, sizeof(seed));
	return err;
}

enum err identity_put(const uint8_t seed[32], struct buffer *out)
{
	size_t began = out->len;
	enum err err = secret_put(out, BYTES(IDENTITY_HEAD "\n"), seed);

	if (err != OK)
		out->len = began;
	return err;
}

void identity_wipe(struct identity *me)
{
	sodium_memzero(me, sizeof(*me));
}

void identity_sign(const struct identity *me, struct bytes text, uint8_t signature[64])
{
	int rc = crypto_sign_detached(signature, NULL, text.at, text.len, me->secret_key);

	must(rc == 0);
}

bool identity_check(const uint8_t public_key[32], struct bytes text, const uint8_t signature[64])
{
	return crypto_sign_verify_detached(signature, text.at, text.len, public_key) == 0;
}

/* --- the cluster's keys --- */

/* BLAKE2b of `text`, keyed or not, into `len` bytes. */
static void hash(uint8_t *out, size_t len, struct bytes text, const uint8_t *key)
{
	uint8_t full[32];
	int rc = crypto_generichash(full, sizeof(full), text.at, text.len, key,
				    key == NULL ? 0 : SECRET_LEN);

	must(rc == 0);
	must(len <= sizeof(full));
	memcpy(out, full, len);
	sodium_memzero(full, sizeof(full));
}

bool keyring_names_cluster(const char *cluster)
{
	size_t len = strnlen(cluster, CLUSTER_ID_MAX_LEN + 1);

	if (len == 0 || len > CLUSTER_ID_MAX_LEN || cluster[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)cluster[i];

		if (c < 0x20 || c == 0x7f || c == '/')
			return false;
	}
	return true;
}

static struct key key_of(const uint8_t secret[SECRET_LEN])
{
	struct key key;
	uint8_t id[4];

	memcpy(key.secret, secret, SECRET_LEN);
	hash(id, sizeof(id), BYTES("witan-key-id-1"), secret);
	key.id = get_u32(id);
	return key;
}

static void store_key_derive(struct keyring *ring)
{
	must(ring->count > 0);

	hash(ring->store_key, sizeof(ring->store_key), BYTES("witan-store-key-1"),
	     ring->key[ring->count - 1].secret);
}

static enum err cluster_set(struct keyring *ring, struct bytes name)
{
	if (name.len > CLUSTER_ID_MAX_LEN || memchr(name.at, '\0', name.len) != NULL)
		return ERR_MALFORMED;
	memset(ring->cluster, 0, sizeof(ring->cluster));
	memcpy(ring->cluster, name.at, name.len);
	return keyring_names_cluster(ring->cluster) ? OK : ERR_MALFORMED;
}

static enum err key_add(struct keyring *ring, struct bytes hex)
{
	uint8_t secret[SECRET_LEN];
	enum err err = hex_get(hex, secret);

	if (err == OK && ring->count == KEYS_MAX)
		err = ERR_FULL;
	if (err == OK) {
		struct key key = key_of(secret);

		if (keyring_find(ring, key.id) != NULL)
			err = ERR_EXISTS;
		else
			ring->key[ring->count++] = key;
		sodium_memzero(&key, sizeof(key));
	}
	sodium_memzero(secret, sizeof(secret));
	return err;
}

/* The lines behind the cluster's: keys, then perhaps the store's. */
static enum err keys_get(struct bytes file, struct keyring *ring)
{
	struct bytes line;
	bool store = false;

	while (file.len > 0) {
		enum err err = ERR_MALFORMED;

		if (store || !line_take(&file, &line))
			return ERR_MALFORMED;
		if (word_take(&line, BYTES("key ")))
			err = key_add(ring, line);
		else if (word_take(&line, BYTES("store "))) {
			err = hex_get(line, ring->store_key);
			store = true;
		}
		if (err != OK)
			return err;
	}
	if (ring->count == 0)
		return ERR_MALFORMED;
	if (!store)
		store_key_derive(ring);
	return OK;
}

enum err keyring_get(struct bytes file, struct keyring *ring)
{
	struct keyring made = {.count = 0};
	struct bytes line;
	enum err err = ERR_MALFORMED;

	if (!line_take(&file, &line) || !bytes_same(line, BYTES(KEYRING_HEAD)))
		return ERR_MALFORMED;
	if (!line_take(&file, &line) || !word_take(&line, BYTES("cluster ")))
		return ERR_MALFORMED;
	err = cluster_set(&made, line);
	if (err == OK)
		err = keys_get(file, &made);
	if (err == OK)
		*ring = made;
	keyring_wipe(&made);
	return err;
}

enum err keyring_put(const struct keyring *ring, struct buffer *out)
{
	size_t began = out->len;
	enum err err = buffer_add(out, BYTES(KEYRING_HEAD "\ncluster "));

	must(keyring_names_cluster(ring->cluster));
	must(ring->count > 0);
	must(ring->count <= KEYS_MAX);
	if (err == OK)
		err = buffer_add(out, bytes_str(ring->cluster));
	if (err == OK)
		err = buffer_add(out, BYTES("\n"));
	for (uint32_t i = 0; err == OK && i < ring->count; i++)
		err = secret_put(out, BYTES("key "), ring->key[i].secret);
	if (err == OK)
		err = secret_put(out, BYTES("store "), ring->store_key);
	if (err != OK)
		out->len = began;
	return err;
}

enum err keyring_make(struct keyring *ring, const char *cluster, const uint8_t secret[32])
{
	if (!keyring_names_cluster(cluster))
		return ERR_MALFORMED;

	struct keyring made = {.key = {key_of(secret)}, .count = 1};
	enum err err = cluster_set(&made, bytes_str(cluster));

	must(err == OK);
	store_key_derive(&made);
	*ring = made;
	keyring_wipe(&made);
	return OK;
}

const struct key *keyring_find(const struct keyring *ring, uint32_t id)
{
	must(ring->count <= KEYS_MAX);

	for (uint32_t i = 0; i < ring->count; i++)
		if (ring->key[i].id == id)
			return &ring->key[i];
	return NULL;
}

void keyring_wipe(struct keyring *ring)
{
	sodium_memzero(ring, sizeof(*ring));
}

uint32_t keyring_tag(const char *cluster)
{
	uint8_t tag[4];

	hash(tag, sizeof(tag), bytes_str(cluster), NULL);
	return get_u32(tag);
}
