/* Borrowed slice and owned buffer.
 *
 * struct bytes always borrows and lasts for the call; struct buffer always owns. A buffer grows up to the limit it was
 * made with and then refuses: what fills it can be hostile. */
#ifndef CORE_BYTES_H
#define CORE_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/err.h"

struct bytes {
	const uint8_t *at;
	size_t len;
};

struct buffer {
	uint8_t *at;
	size_t len;
	size_t room; /* allocated */
	size_t limit;
};

#define BYTES(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})

struct bytes bytes_of(const void *at, size_t len);
struct bytes bytes_str(const char *text);
bool bytes_same(struct bytes a, struct bytes b);
int bytes_cmp(struct bytes a, struct bytes b);

/* In place, holding nothing; it will never own more than `limit` bytes. */
void buffer_init(struct buffer *b, size_t limit);
void buffer_fini(struct buffer *b);
void buffer_clear(struct buffer *b);
/* ERR_FULL beyond the limit, or without memory; the buffer is then unchanged. `more` is not of this buffer. */
MUST_USE enum err buffer_add(struct buffer *b, struct bytes more);
/* Room for `len` more bytes at the end, to be written by the caller, who then adds to b->len. NULL beyond the limit. */
uint8_t *buffer_room(struct buffer *b, size_t len);
/* Drops the first `len` bytes. */
void buffer_skip(struct buffer *b, size_t len);
struct bytes buffer_bytes(const struct buffer *b);

/* Little-endian fixed integers: fixed formats are little-endian everywhere in witan. Here, not in bytes.c, for they stand
 * in the innermost loops: each becomes one instruction. */
static inline void put_u16(uint8_t *at, uint16_t v)
{
	v = htole16(v);
	memcpy(at, &v, sizeof(v));
}

static inline void put_u32(uint8_t *at, uint32_t v)
{
	v = htole32(v);
	memcpy(at, &v, sizeof(v));
}

static inline void put_u64(uint8_t *at, uint64_t v)
{
	v = htole64(v);
	memcpy(at, &v, sizeof(v));
}

static inline uint16_t get_u16(const uint8_t *at)
{
	uint16_t v;

	memcpy(&v, at, sizeof(v));
	return le16toh(v);
}

static inline uint32_t get_u32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return le32toh(v);
}

static inline uint64_t get_u64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return le64toh(v);
}

#endif
