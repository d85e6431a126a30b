#include "core/pack.h"

#include <string.h>

#include "core/limits.h"
#include "core/must.h"

/* The first byte of a value says what it is (msgpack specification, "Formats"). */
enum {
	AT_NIL = 0xc0,
	AT_FALSE = 0xc2,
	AT_TRUE = 0xc3,
	AT_BIN8 = 0xc4,
	AT_EXT8 = 0xc7,
	AT_FLOAT32 = 0xca,
	AT_FLOAT64 = 0xcb,
	AT_UINT8 = 0xcc,
	AT_INT8 = 0xd0,
	AT_FIXEXT1 = 0xd4,
	AT_STR8 = 0xd9,
	AT_ARRAY16 = 0xdc,
	AT_MAP16 = 0xde,
	AT_NEGATIVE = 0xe0,
};

#define ADDR_V4_LEN 6u
#define ADDR_V6_LEN 18u

void unpack_init(struct unpack *u, struct bytes from)
{
	must(from.at != NULL || from.len == 0);

	*u = (struct unpack){.left = from};
}

enum err unpack_err(const struct unpack *u)
{
	return u->err;
}

void unpack_refuse(struct unpack *u, enum err why)
{
	must(why != OK);

	if (u->err == OK)
		u->err = why;
}

bool unpack_done(const struct unpack *u)
{
	return u->err == OK && u->left.len == 0;
}

/* The next `len` bytes; NULL when the cursor is or goes bad. */
static const uint8_t *take(struct unpack *u, size_t len)
{
	if (u->err != OK)
		return NULL;
	if (len > u->left.len) {
		u->err = ERR_SHORT;
		return NULL;
	}
	const uint8_t *at = u->left.at;
	u->left.at += len;
	u->left.len -= len;
	return at;
}

/* A big-endian number of `len` bytes; 0 when bad. */
static uint64_t take_number(struct unpack *u, size_t len)
{
	const uint8_t *at = take(u, len);
	uint64_t v = 0;

	must(len <= 8);
	for (size_t i = 0; at != NULL && i < len; i++)
		v = v << 8 | at[i];
	return v;
}

/* The byte that begins a value; AT_NIL when the cursor is or goes bad (and then err says so). */
static uint8_t take_head(struct unpack *u)
{
	const uint8_t *at = take(u, 1);

	return at == NULL ? AT_NIL : *at;
}

/* A value's length may never be more than the bytes that remain. */
static uint32_t checked(struct unpack *u, uint64_t count)
{
	if (u->err == OK && count > u->left.len)
		u->err = ERR_SHORT;
	return u->err == OK ? (uint32_t)count : 0;
}

static bool take_array(struct unpack *u, uint8_t head, uint32_t *count)
{
	if ((head & 0xf0) == 0x90)
		*count = checked(u, head & 0x0f);
	else if (head == AT_ARRAY16 || head == AT_ARRAY16 + 1)
		*count = checked(u, take_number(u, head == AT_ARRAY16 ? 2 : 4));
	else
		return false;
	return true;
}

static bool take_bin(struct unpack *u, uint8_t head, uint32_t *len)
{
	if (head < AT_BIN8 || head > AT_BIN8 + 2)
		return false;
	*len = checked(u, take_number(u, (size_t)1 << (head - AT_BIN8)));
	return true;
}

static bool take_str(struct unpack *u, uint8_t head, uint32_t *len)
{
	if ((head & 0xe0) == 0xa0)
		*len = checked(u, head & 0x1f);
	else if (head >= AT_STR8 && head <= AT_STR8 + 2)
		*len = checked(u, take_number(u, (size_t)1 << (head - AT_STR8)));
	else
		return false;
	return true;
}

uint32_t unpack_array(struct unpack *u, uint32_t least)
{
	uint32_t count = 0;

	if (!take_array(u, take_head(u), &count) || count < least)
		unpack_refuse(u, ERR_MALFORMED);
	return u->err == OK ? count : 0;
}

/* Any integer. `negative` false: `v` is its value; true: `v` is its value in two's complement. */
static uint64_t take_integer(struct unpack *u, bool *negative)
{
	uint8_t head = take_head(u);
	uint64_t v = 0;

	*negative = false;
	if (u->err != OK)
		return 0;
	if (head < 0x80)
		return head;
	if (head >= AT_NEGATIVE) {
		*negative = true;
		return (uint64_t)(int64_t)(int8_t)head;
	}
	if (head >= AT_UINT8 && head < AT_UINT8 + 4)
		return take_number(u, (size_t)1 << (head - AT_UINT8));
	if (head >= AT_INT8 && head < AT_INT8 + 4) {
		size_t len = (size_t)1 << (head - AT_INT8);
		uint64_t sign = (uint64_t)1 << (8 * len - 1);

		v = take_number(u, len);
		*negative = (v & sign) != 0;
		return (v ^ sign) - sign;
	}
	unpack_refuse(u, ERR_MALFORMED);
	return 0;
}

/* An unsigned of at most `max`. */
static uint64_t take_unsigned(struct unpack *u, uint64_t max)
{
	bool negative;
	uint64_t v = take_integer(u, &negative);

	if (negative)
		unpack_refuse(u, ERR_MALFORMED);
	else if (v > max)
		unpack_refuse(u, ERR_TOO_BIG);
	return u->err == OK ? v : 0;
}

uint64_t unpack_u64(struct unpack *u)
{
	return take_unsigned(u, UINT64_MAX);
}

uint32_t unpack_u32(struct unpack *u)
{
	return (uint32_t)take_unsigned(u, UINT32_MAX);
}

uint16_t unpack_u16(struct unpack *u)
{
	return (uint16_t)take_unsigned(u, UINT16_MAX);
}

uint8_t unpack_u8(struct unpack *u)
{
	return (uint8_t)take_unsigned(u, UINT8_MAX);
}

int64_t unpack_i64(struct unpack *u)
{
	bool negative;
	uint64_t v = take_integer(u, &negative);

	if (!negative && v > INT64_MAX)
		unpack_refuse(u, ERR_TOO_BIG);
	return u->err == OK ? (int64_t)v : 0;
}

bool unpack_bool(struct unpack *u)
{
	uint8_t head = take_head(u);

	if (head != AT_TRUE && head != AT_FALSE)
		unpack_refuse(u, ERR_MALFORMED);
	return u->err == OK && head == AT_TRUE;
}

/* `len` bytes, at most `max`; empty (never NULL) when bad. */
static struct bytes take_bytes(struct unpack *u, uint32_t len, size_t max)
{
	if (len > max)
		unpack_refuse(u, ERR_TOO_BIG);
	const uint8_t *at = take(u, len);
	return at == NULL ? BYTES("") : bytes_of(at, len);
}

struct bytes unpack_bin(struct unpack *u, size_t max)
{
	uint32_t len = 0;

	if (!take_bin(u, take_head(u), &len))
		unpack_refuse(u, ERR_MALFORMED);
	return take_bytes(u, len, max);
}

struct bytes unpack_text(struct unpack *u, size_t max)
{
	uint32_t len = 0;

	if (!take_str(u, take_head(u), &len))
		unpack_refuse(u, ERR_MALFORMED);
	struct bytes text = take_bytes(u, len, max);
	if (text.len > 0 && memchr(text.at, '\0', text.len) != NULL) {
		unpack_refuse(u, ERR_MALFORMED);
		return BYTES("");
	}
	return text;
}

void unpack_str(struct unpack *u, char *out, size_t size)
{
	must(size > 0);

	struct bytes text = unpack_text(u, size - 1);
	must(text.len < size);
	memset(out, 0, size);
	memcpy(out, text.at, text.len);
}

struct id unpack_id(struct unpack *u)
{
	struct id id = id_none;
	struct bytes raw = unpack_bin(u, sizeof(id.b));

	if (raw.len != sizeof(id.b))
		unpack_refuse(u, ERR_MALFORMED);
	else
		memcpy(id.b, raw.at, sizeof(id.b));
	return id;
}

struct addr unpack_addr(struct unpack *u)
{
	struct addr addr = {.family = ADDR_NONE};
	struct bytes raw = unpack_bin(u, ADDR_V6_LEN);

	if (raw.len == 0)
		return addr;
	if (raw.len != ADDR_V4_LEN && raw.len != ADDR_V6_LEN) {
		unpack_refuse(u, ERR_MALFORMED);
		return addr;
	}
	addr.family = raw.len == ADDR_V4_LEN ? ADDR_V4 : ADDR_V6;
	memcpy(addr.ip, raw.at, raw.len - 2);
	addr.port = get_u16(raw.at + raw.len - 2);
	return addr_unmapped(addr);
}

/* Skips the bytes of a number, float, bool, nil, bin, str or ext whose head is taken. False when it is none of them. */
static bool skip_flat(struct unpack *u, uint8_t head)
{
	uint32_t len = 0;

	if (head < 0x80 || head >= AT_NEGATIVE || head == AT_NIL || head == AT_FALSE ||
	    head == AT_TRUE)
		return true;
	if (take_bin(u, head, &len) || take_str(u, head, &len))
		take(u, len);
	else if (head >= AT_EXT8 && head < AT_EXT8 + 3)
		take(u, take_number(u, (size_t)1 << (head - AT_EXT8)) + 1);
	else if (head >= AT_FIXEXT1 && head < AT_FIXEXT1 + 5)
		take(u, ((size_t)1 << (head - AT_FIXEXT1)) + 1);
	else if (head == AT_FLOAT32 || head == AT_FLOAT64)
		take(u, head == AT_FLOAT32 ? 4 : 8);
	else if (head >= AT_UINT8 && head < AT_UINT8 + 4)
		take(u, (size_t)1 << (head - AT_UINT8));
	else if (head >= AT_INT8 && head < AT_INT8 + 4)
		take(u, (size_t)1 << (head - AT_INT8));
	else
		return false;
	return true;
}

/* Elements inside an array or map whose head is taken: a map holds two for each of its entries. */
static bool take_inside(struct unpack *u, uint8_t head, uint32_t *count)
{
	if (take_array(u, head, count))
		return true;
	if ((head & 0xf0) == 0x80)
		*count = checked(u, 2u * (head & 0x0f));
	else if (head == AT_MAP16 || head == AT_MAP16 + 1)
		*count = checked(u, 2 * take_number(u, head == AT_MAP16 ? 2 : 4));
	else
		return false;
	return true;
}

void unpack_rest(struct unpack *u, uint32_t count)
{
	uint32_t open[PACK_DEPTH_MAX + 1]; /* elements still to skip, at each depth */
	unsigned depth = 0;

	open[0] = count;
	while (u->err == OK) {
		if (open[depth] == 0) {
			if (depth == 0)
				return;
			depth--;
			continue;
		}
		open[depth]--;

		uint8_t head = take_head(u);
		uint32_t inside = 0;
		if (u->err == OK && !take_inside(u, head, &inside) && !skip_flat(u, head))
			unpack_refuse(u, ERR_MALFORMED);
		if (inside == 0)
			continue;
		if (depth == PACK_DEPTH_MAX)
			unpack_refuse(u, ERR_TOO_BIG);
		else
			open[++depth] = inside;
	}
}

bool unpack_nil(struct unpack *u)
{
	if (u->err != OK || u->left.len == 0 || u->left.at[0] != AT_NIL)
		return false;
	take(u, 1);
	return true;
}

struct bytes unpack_raw(struct unpack *u, size_t max)
{
	const uint8_t *from = u->left.at;

	unpack_rest(u, 1);
	if (u->err != OK)
		return BYTES("");
	size_t len = (size_t)(u->left.at - from);
	must(len > 0);
	if (len > max) {
		unpack_refuse(u, ERR_TOO_BIG);
		return BYTES("");
	}
	return bytes_of(from, len);
}
