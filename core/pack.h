/* Bounded msgpack: written with msgpack-c, read through our own cursor.
 *
 * msgpack-c's unpacker reserves gigabytes on five hostile bytes, so reading never uses it: the cursor takes what it is
 * asked to take, checks every count against the bytes that remain, and never allocates. The first thing wrong sticks:
 * after it every take answers zero or empty and unpack_err() says why. A decoder therefore takes all its fields and
 * asks once at its end.
 *
 * A record is an array with fixed order; trailing fields that the reader does not know are skipped, so that versions
 * can grow (unpack_array, then the known fields, then unpack_rest).
 *
 *     uint32_t n = unpack_array(&u, 3);          // at least 3 fields, or the cursor goes bad
 *     uint64_t seq = unpack_u64(&u);
 *     struct id target = unpack_id(&u);
 *     struct bytes name = unpack_text(&u, NAME_MAX_LEN);
 *     unpack_rest(&u, n - 3);
 *     return unpack_err(&u); */
#ifndef CORE_PACK_H
#define CORE_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/bytes.h"
#include "core/err.h"
#include "core/id.h"

struct unpack {
	struct bytes left;
	enum err err;
};

void unpack_init(struct unpack *u, struct bytes from);
enum err unpack_err(const struct unpack *u);
/* Marks the cursor bad, for what only the caller can know to be wrong. Keeps the first error. */
void unpack_refuse(struct unpack *u, enum err why);
bool unpack_done(const struct unpack *u); /* nothing left, and nothing wrong */

/* Count of an array's elements, at least `least`, and never more than the bytes that remain. */
uint32_t unpack_array(struct unpack *u, uint32_t least);
uint64_t unpack_u64(struct unpack *u);
uint32_t unpack_u32(struct unpack *u);
uint16_t unpack_u16(struct unpack *u);
uint8_t unpack_u8(struct unpack *u);
int64_t unpack_i64(struct unpack *u);
bool unpack_bool(struct unpack *u);
struct bytes unpack_bin(struct unpack *u, size_t max);
/* UTF-8 is not checked here: text is cleaned when it is shown. No NUL inside. */
struct bytes unpack_text(struct unpack *u, size_t max);
/* Text copied into `out` of `size` bytes, always terminated; too long is ERR_TOO_BIG. */
void unpack_str(struct unpack *u, char *out, size_t size);
struct id unpack_id(struct unpack *u);
/* Binary: ip (4 or 16 bytes), then port, little-endian; an empty one is ADDR_NONE. A mapped one comes out as IPv4. */
struct addr unpack_addr(struct unpack *u);
/* True, and taken, when the next value is nil; else nothing happens. */
bool unpack_nil(struct unpack *u);
/* The bytes of the next whole element as they are, nested ones included, at most `max`: to be read later. */
struct bytes unpack_raw(struct unpack *u, size_t max);
/* Skips `count` whole elements, nested ones included, to a depth of PACK_DEPTH_MAX. */
void unpack_rest(struct unpack *u, uint32_t count);

/* Writing. A pack appends to a buffer; when the buffer is full the pack goes bad and pack_err() says ERR_FULL. */
struct pack {
	struct buffer *to;
	enum err err;
	size_t began; /* the buffer's length at pack_init */
};

void pack_init(struct pack *p, struct buffer *to);
enum err pack_err(const struct pack *p);
/* The same at the end of a message: when it went bad, the buffer is cut back to where pack_init found it. */
MUST_USE enum err pack_end(struct pack *p);
void pack_array(struct pack *p, uint32_t count);
void pack_u64(struct pack *p, uint64_t v);
void pack_i64(struct pack *p, int64_t v);
void pack_bool(struct pack *p, bool v);
void pack_nil(struct pack *p);
void pack_bin(struct pack *p, struct bytes v);
void pack_text(struct pack *p, struct bytes v);
void pack_str(struct pack *p, const char *v);
void pack_id(struct pack *p, struct id v);
void pack_addr(struct pack *p, struct addr v);
/* One whole element that was packed elsewhere. */
void pack_raw(struct pack *p, struct bytes packed);

#endif
