#include "core/bytes.h"

#include <stdlib.h>
#include <string.h>

#include "core/must.h"

#define BUFFER_FIRST 64u /* the first room: most messages fit */

struct bytes bytes_of(const void *at, size_t len)
{
	must(at != NULL || len == 0);

	return (struct bytes){.at = at, .len = len};
}

struct bytes bytes_str(const char *text)
{
	must(text != NULL);

	return (struct bytes){.at = (const uint8_t *)text, .len = strlen(text)};
}

bool bytes_same(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

int bytes_cmp(struct bytes a, struct bytes b)
{
	size_t both = a.len < b.len ? a.len : b.len;
	int order = both == 0 ? 0 : memcmp(a.at, b.at, both);

	if (order != 0)
		return order < 0 ? -1 : 1;
	return (a.len > b.len) - (a.len < b.len);
}

void buffer_init(struct buffer *b, size_t limit)
{
	must(b != NULL);

	*b = (struct buffer){.limit = limit};
}

void buffer_fini(struct buffer *b)
{
	free(b->at);
	*b = (struct buffer){.limit = b->limit};
}

void buffer_clear(struct buffer *b)
{
	must(b->len <= b->room);

	b->len = 0;
}

uint8_t *buffer_room(struct buffer *b, size_t len)
{
	must(b->len <= b->room);
	must(b->room <= b->limit);

	if (len > b->limit - b->len)
		return NULL;
	if (b->at == NULL || len > b->room - b->len) {
		size_t need = b->len + len;
		size_t room = b->room < BUFFER_FIRST ? BUFFER_FIRST : b->room;

		while (room < need)
			room = room > b->limit / 2 ? b->limit : room * 2;
		if (room > b->limit)
			room = b->limit;

		uint8_t *at = realloc(b->at, room == 0 ? 1 : room);
		if (at == NULL)
			return NULL;
		b->at = at;
		b->room = room;
	}
	return b->at + b->len;
}

/* Growing moves a buffer's bytes: what it is given must not be its own. */
static bool is_own(const struct buffer *b, struct bytes more)
{
	uintptr_t at = (uintptr_t)more.at;
	uintptr_t own = (uintptr_t)b->at;

	return b->at != NULL && at >= own && at < own + b->room;
}

enum err buffer_add(struct buffer *b, struct bytes more)
{
	must(more.len == 0 || !is_own(b, more));

	if (more.len == 0)
		return OK;

	uint8_t *room = buffer_room(b, more.len);
	if (room == NULL)
		return ERR_FULL;
	memcpy(room, more.at, more.len);
	b->len += more.len;
	must(b->len <= b->room);
	return OK;
}

void buffer_skip(struct buffer *b, size_t len)
{
	must(len <= b->len);

	if (len == 0)
		return;
	memmove(b->at, b->at + len, b->len - len);
	b->len -= len;
}

struct bytes buffer_bytes(const struct buffer *b)
{
	must(b->len <= b->room);

	return (struct bytes){.at = b->at, .len = b->len};
}
