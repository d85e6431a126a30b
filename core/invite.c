#include "core/invite.h"

#include <sodium.h>
#include <string.h>

#include "core/must.h"
#include "core/pack.h"

#define INVITE_PREFIX "wi1-"
#define RAW_MAX       160u
#define CHECK_LEN     4u

static const char digits[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/* base58: no digit that a person could take for another. Leading zero bytes become leading ones. */
static enum err base58_print(struct bytes in, char *out, size_t size)
{
	uint8_t d[RAW_MAX * 2] = {0};
	size_t used = 0, zeros = 0;

	must(in.len <= RAW_MAX);
	while (zeros < in.len && in.at[zeros] == 0)
		zeros++;
	for (size_t i = zeros; i < in.len; i++) {
		uint32_t carry = in.at[i];
		for (size_t k = 0; k < used || carry; k++) {
			carry += (k < used ? (uint32_t)d[k] : 0u) << 8;
			d[k] = (uint8_t)(carry % 58);
			carry /= 58;
			if (k == used)
				used++;
		}
	}
	if (zeros + used + 1 > size)
		return ERR_TOO_BIG;
	memset(out, '1', zeros);
	for (size_t k = 0; k < used; k++)
		out[zeros + k] = digits[d[used - 1 - k]];
	out[zeros + used] = '\0';
	sodium_memzero(d, sizeof(d));
	return OK;
}

static enum err base58_parse(const char *text, size_t len, uint8_t out[RAW_MAX], size_t *out_len)
{
	uint8_t b[RAW_MAX] = {0};
	size_t used = 0, zeros = 0;

	while (zeros < len && text[zeros] == '1')
		zeros++;
	for (size_t i = zeros; i < len; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
		if (!digit)
			return ERR_MALFORMED;
		uint32_t carry = (uint32_t)(digit - digits);
		for (size_t k = 0; k < used || carry; k++) {
			if (k == RAW_MAX)
				return ERR_TOO_BIG;
			carry += (k < used ? (uint32_t)b[k] : 0u) * 58;
			b[k] = (uint8_t)carry;
			carry >>= 8;
			if (k == used)
				used++;
		}
	}
	if (zeros + used > RAW_MAX)
		return ERR_TOO_BIG;
	memset(out, 0, zeros);
	for (size_t k = 0; k < used; k++)
		out[zeros + k] = b[used - 1 - k];
	*out_len = zeros + used;
	sodium_memzero(b, sizeof(b));
	return OK;
}

static void checksum(const uint8_t *raw, size_t len, uint8_t out[CHECK_LEN])
{
	uint8_t hash[crypto_generichash_BYTES];

	crypto_generichash(hash, sizeof(hash), raw, len, (const uint8_t *)"witan-invite-1", 14);
	memcpy(out, hash, CHECK_LEN);
}

enum err invite_print(const struct invite *invite, char out[INVITE_TEXT_MAX])
{
	struct buffer raw;
	struct pack p;
	uint8_t check[CHECK_LEN];

	must(invite->ring.count >= 1);
	buffer_init(&raw, RAW_MAX);
	pack_init(&p, &raw);
	pack_array(&p, 2);
	pack_str(&p, invite->ring.cluster);
	pack_bin(&p, bytes_of(invite->ring.key[0].secret, sizeof(invite->ring.key[0].secret)));
	enum err err = pack_err(&p);
	if (!err) {
		checksum(raw.at, raw.len, check);
		err = buffer_add(&raw, bytes_of(check, sizeof(check)));
	}
	memcpy(out, INVITE_PREFIX, sizeof(INVITE_PREFIX));
	if (!err)
		err = base58_print(buffer_bytes(&raw), out + strlen(out),
				   INVITE_TEXT_MAX - strlen(out));
	if (!err && invite->address[0]) {
		if (strlen(out) + 1 + strlen(invite->address) >= INVITE_TEXT_MAX) {
			err = ERR_TOO_BIG;
		} else {
			strcat(out, "@");
			strcat(out, invite->address);
		}
	}
	if (raw.at)
		sodium_memzero(raw.at, raw.len);
	buffer_fini(&raw);
	return err;
}

enum err invite_parse(const char *text, struct invite *out)
{
	uint8_t raw[RAW_MAX], check[CHECK_LEN];
	size_t len = 0;
	struct invite made = {0};

	if (strncmp(text, "wi", 2) != 0)
		return ERR_MALFORMED;
	if (strncmp(text, INVITE_PREFIX, strlen(INVITE_PREFIX)) != 0)
		return ERR_VERSION;
	text += strlen(INVITE_PREFIX);

	size_t digits_len = strcspn(text, "@");
	if (text[digits_len] == '@') {
		const char *address = text + digits_len + 1;
		if (!*address || strlen(address) >= sizeof(made.address))
			return ERR_MALFORMED;
		memcpy(made.address, address, strlen(address) + 1);
	}
	enum err err = base58_parse(text, digits_len, raw, &len);
	if (err)
		return err;
	if (len <= CHECK_LEN)
		return ERR_MALFORMED;
	checksum(raw, len - CHECK_LEN, check);
	if (sodium_memcmp(check, raw + len - CHECK_LEN, CHECK_LEN) != 0)
		return ERR_MALFORMED;

	struct unpack u;
	char cluster[CLUSTER_ID_MAX_LEN + 1];
	unpack_init(&u, bytes_of(raw, len - CHECK_LEN));
	uint32_t count = unpack_array(&u, 2);
	unpack_str(&u, cluster, sizeof(cluster));
	struct bytes secret = unpack_bin(&u, 32);
	unpack_rest(&u, count - (count >= 2 ? 2 : count));
	err = unpack_err(&u);
	if (!err && secret.len != 32)
		err = ERR_MALFORMED;
	if (!err)
		err = keyring_make(&made.ring, cluster, secret.at);
	sodium_memzero(raw, sizeof(raw));
	if (!err)
		*out = made;
	return err;
}
