#include "core/id.h"

#include <sodium.h>
#include <stddef.h>
#include <string.h>

#include "core/bytes.h"
#include "core/must.h"

const struct id id_none = {{0}};

bool id_same(struct id a, struct id b)
{
	return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

bool id_is_none(struct id id)
{
	return id_same(id, id_none);
}

int id_cmp(struct id a, struct id b)
{
	int order = memcmp(a.b, b.b, sizeof(a.b));

	return (order > 0) - (order < 0);
}

uint64_t id_hash(struct id id)
{
	return get_u64(id.b);
}

/* RFC 9562: the version is the high half of byte 6, the variant the two high bits of byte 8. */
static void mark(struct id *id, uint8_t version)
{
	id->b[6] = (uint8_t)((id->b[6] & 0x0f) | (version << 4));
	id->b[8] = (uint8_t)((id->b[8] & 0x3f) | 0x80);
}

struct id id_of_key(const uint8_t public_key[32])
{
	struct id id;
	int rc = crypto_generichash(id.b, sizeof(id.b), public_key, 32, NULL, 0);

	must(rc == 0);
	mark(&id, 8);
	return id;
}

struct id id_of_random(const uint8_t random[16])
{
	struct id id;

	memcpy(id.b, random, sizeof(id.b));
	mark(&id, 4);
	return id;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* A dash stands before the bytes 4, 6, 8 and 10. */
static bool dash_before(size_t byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

enum err id_parse(const char *text, struct id *out)
{
	struct id id;

	must(text != NULL);
	if (strnlen(text, ID_TEXT_LEN + 1) != ID_TEXT_LEN)
		return ERR_MALFORMED;
	for (size_t i = 0; i < sizeof(id.b); i++) {
		if (dash_before(i) && *text++ != '-')
			return ERR_MALFORMED;
		int high = hex_value(*text++);
		int low = hex_value(*text++);
		if (high < 0 || low < 0)
			return ERR_MALFORMED;
		id.b[i] = (uint8_t)(high << 4 | low);
	}
	must(*text == '\0');
	*out = id;
	return OK;
}

char *id_print(struct id id, char out[ID_TEXT_LEN + 1])
{
	static const char digit[] = "0123456789abcdef";
	char *at = out;

	for (size_t i = 0; i < sizeof(id.b); i++) {
		if (dash_before(i))
			*at++ = '-';
		*at++ = digit[id.b[i] >> 4];
		*at++ = digit[id.b[i] & 15];
	}
	*at = '\0';
	must(at == out + ID_TEXT_LEN);
	return out;
}

struct id_text id_text(struct id id)
{
	struct id_text text;

	id_print(id, text.s);
	return text;
}

int epoch_cmp(struct epoch a, struct epoch b)
{
	if (a.generation != b.generation)
		return a.generation < b.generation ? -1 : 1;
	return (a.term > b.term) - (a.term < b.term);
}
