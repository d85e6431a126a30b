/* The cursor against msgpack-c.
 *
 * Any bytes: no read outside them, no value longer than they are, an error that sticks. What the cursor takes for one
 * whole value, msgpack-c takes for the same one, to the last byte (asked second: on hostile bytes it reserves gigabytes).
 * What msgpack-c writes, whatever it is, the cursor takes. */
#include <msgpack.h>
#include <string.h>

#include "core/limits.h"
#include "core/must.h"
#include "core/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct bytes part, struct bytes whole)
{
	if (part.len == 0)
		return;
	must(part.at >= whole.at);
	must(part.at + part.len <= whole.at + whole.len);
}

/* Takes whatever the bytes say to take: the first byte of each pair chooses, the rest is the message. */
static void take_anything(struct bytes choices, struct bytes from)
{
	struct unpack u;
	char text[9];

	unpack_init(&u, from);
	for (size_t i = 0; i < choices.len; i++) {
		enum err before = unpack_err(&u);
		size_t left = u.left.len;

		switch (choices.at[i] % 12) {
		case 0:
			must(unpack_array(&u, 0) <= u.left.len);
			break;
		case 1:
			unpack_u64(&u);
			break;
		case 2:
			unpack_u32(&u);
			break;
		case 3:
			unpack_u8(&u);
			break;
		case 4:
			unpack_i64(&u);
			break;
		case 5:
			unpack_bool(&u);
			break;
		case 6:
			inside(unpack_bin(&u, 40), from);
			break;
		case 7:
			inside(unpack_text(&u, 40), from);
			break;
		case 8:
			unpack_str(&u, text, sizeof(text));
			must(memchr(text, '\0', sizeof(text)) != NULL);
			break;
		case 9:
			unpack_id(&u);
			break;
		case 10:
			unpack_addr(&u);
			break;
		default:
			inside(unpack_raw(&u, SIZE_MAX), from);
			break;
		}
		must(u.left.len <= left);
		must(before == OK || unpack_err(&u) == before);
		must(before == OK || u.left.len == left);
	}
}

/* What msgpack-c found, read through the cursor. */
static void compare(struct unpack *u, const msgpack_object *o)
{
	struct bytes raw;

	switch (o->type) {
	case MSGPACK_OBJECT_NIL:
		must(unpack_nil(u));
		break;
	case MSGPACK_OBJECT_BOOLEAN:
		must(unpack_bool(u) == o->via.boolean);
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		must(unpack_u64(u) == o->via.u64);
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		must(unpack_i64(u) == o->via.i64);
		break;
	case MSGPACK_OBJECT_STR:
		if (o->via.str.size > 0 && memchr(o->via.str.ptr, '\0', o->via.str.size) != NULL) {
			unpack_rest(u, 1);
			break;
		}
		raw = unpack_text(u, SIZE_MAX);
		must(bytes_same(raw, bytes_of(o->via.str.ptr, o->via.str.size)));
		break;
	case MSGPACK_OBJECT_BIN:
		raw = unpack_bin(u, SIZE_MAX);
		must(bytes_same(raw, bytes_of(o->via.bin.ptr, o->via.bin.size)));
		break;
	case MSGPACK_OBJECT_ARRAY:
		must(unpack_array(u, 0) == o->via.array.size);
		for (uint32_t i = 0; i < o->via.array.size; i++)
			compare(u, &o->via.array.ptr[i]);
		break;
	case MSGPACK_OBJECT_MAP:
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
	case MSGPACK_OBJECT_EXT:
		unpack_rest(u, 1);
		break;
	}
	must(unpack_err(u) == OK);
}

/* The next byte of what decides the shape of a value; 0 when all are used. */
static uint8_t choice(struct bytes *from)
{
	if (from->len == 0)
		return 0;
	from->len--;
	return *from->at++;
}

static void write_text(msgpack_packer *k, struct bytes *from, uint8_t kind)
{
	size_t len = choice(from);

	if (len > from->len)
		len = from->len;
	if (kind == 4) {
		msgpack_pack_str(k, len);
		msgpack_pack_str_body(k, from->at, len);
	} else if (kind == 5) {
		msgpack_pack_bin(k, len);
		msgpack_pack_bin_body(k, from->at, len);
	} else {
		msgpack_pack_ext(k, len, (int8_t)len);
		msgpack_pack_ext_body(k, from->at, len);
	}
	*from = bytes_of(from->at + len, from->len - len);
}

/* Writes any value with msgpack-c. */
static void write_value(msgpack_packer *k, struct bytes *from, unsigned depth)
{
	uint8_t kind = choice(from) % (depth == PACK_DEPTH_MAX ? 9 : 11);
	uint64_t v = 0;

	for (int i = 0; (kind == 2 || kind == 3) && i < 8; i++)
		v = v << 8 | choice(from);
	if (kind == 0)
		msgpack_pack_nil(k);
	else if (kind == 1)
		msgpack_pack_true(k);
	else if (kind == 2)
		msgpack_pack_uint64(k, v >> (v & 63));
	else if (kind == 3)
		msgpack_pack_int64(k, (int64_t)v / (int64_t)(1 + (v & 0xffff)));
	else if (kind < 7)
		write_text(k, from, kind);
	else if (kind == 7)
		msgpack_pack_float(k, (float)choice(from));
	else if (kind == 8)
		msgpack_pack_double(k, (double)choice(from));
	if (kind < 9)
		return;

	size_t count = choice(from) % 20;
	if (kind == 9)
		msgpack_pack_array(k, count);
	else
		msgpack_pack_map(k, count);
	for (size_t i = 0; i < count * (kind == 9 ? 1 : 2); i++)
		write_value(k, from, depth + 1);
}

static void take_what_is_written(struct bytes from)
{
	msgpack_sbuffer written;
	msgpack_packer k;
	struct unpack u;

	msgpack_sbuffer_init(&written);
	msgpack_packer_init(&k, &written, msgpack_sbuffer_write);
	write_value(&k, &from, 0);
	unpack_init(&u, bytes_of(written.data, written.size));
	unpack_rest(&u, 1);
	must(unpack_done(&u));
	msgpack_sbuffer_destroy(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes from = bytes_of(data, size);
	struct unpack u;

	if (size > 4096)
		return 0;
	if (size > 0 && data[0] < size)
		take_anything(bytes_of(data + 1, data[0]),
			      bytes_of(data + 1 + data[0], size - 1 - data[0]));

	take_what_is_written(from);

	unpack_init(&u, from);
	struct bytes raw = unpack_raw(&u, SIZE_MAX);
	inside(raw, from);
	if (unpack_err(&u) != OK)
		return 0;

	/* The cursor took it, so it is whole and msgpack-c, given just those bytes, must agree to the last one. */
	msgpack_unpacked whole;
	size_t used = 0;
	msgpack_unpacked_init(&whole);
	msgpack_unpack_return rc =
		msgpack_unpack_next(&whole, (const char *)raw.at, raw.len, &used);
	must(rc == MSGPACK_UNPACK_SUCCESS);
	must(used == raw.len);
	unpack_init(&u, raw);
	compare(&u, &whole.data);
	must(unpack_done(&u));
	msgpack_unpacked_destroy(&whole);
	return 0;
}
