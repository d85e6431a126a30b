#include "sched/rows.h"

#include <stdlib.h>
#include <string.h>

#include "core/must.h"

enum { ROW_HEAD = 8 };

static struct rows *make(size_t len)
{
	struct rows *r = malloc(sizeof(*r) + len);

	must(r != NULL);
	must(len <= UINT32_MAX);
	r->refs = 1;
	r->len = (uint32_t)len;
	return r;
}

static void write_row(uint8_t *to, struct bytes key, struct bytes value)
{
	put_u32(to, (uint32_t)key.len);
	put_u32(to + 4, (uint32_t)value.len);
	memcpy(to + ROW_HEAD, key.at, key.len);
	if (value.len > 0)
		memcpy(to + ROW_HEAD + key.len, value.at, value.len);
}

struct rows *rows_of_one(struct bytes key, struct bytes value)
{
	struct rows *r = make(ROW_HEAD + key.len + value.len);

	write_row(r->bytes, key, value);
	return r;
}

void rows_drop(struct rows *r)
{
	must(r->refs > 0);
	if (--r->refs == 0)
		free(r);
}

struct bytes rows_first(const struct rows *r)
{
	return (struct bytes){r->bytes + ROW_HEAD, get_u32(r->bytes)};
}

struct row rows_at(const struct rows *r, uint32_t at)
{
	const uint8_t *from = r->bytes + at;
	uint32_t key = get_u32(from), value = get_u32(from + 4);

	must(at < r->len);
	return (struct row){
		.key = {from + ROW_HEAD, key},
		.value = {from + ROW_HEAD + key, value},
		.at = at,
		.len = ROW_HEAD + key + value,
	};
}

bool rows_find(const struct rows *r, struct bytes key, struct row *row)
{
	uint32_t len;

	for (uint32_t at = 0; at < r->len; at += ROW_HEAD + len + get_u32(r->bytes + at + 4)) {
		len = get_u32(r->bytes + at);
		if (bytes_cmp((struct bytes){r->bytes + at + ROW_HEAD, len}, key) >= 0) {
			*row = rows_at(r, at);
			return true;
		}
	}
	*row = (struct row){.at = r->len};
	return false;
}

struct rows *rows_with(const struct rows *r, uint32_t at, uint32_t gone, struct bytes key,
		       struct bytes value)
{
	uint32_t more = (uint32_t)(ROW_HEAD + key.len + value.len);
	struct rows *new = make((size_t)r->len - gone + more);

	must(at + gone <= r->len);
	memcpy(new->bytes, r->bytes, at);
	write_row(new->bytes + at, key, value);
	memcpy(new->bytes + at + more, r->bytes + at + gone, r->len - at - gone);
	return new;
}

struct rows *rows_without(const struct rows *r, uint32_t at, uint32_t gone)
{
	struct rows *new = make((size_t)r->len - gone);

	must(new->len > 0);
	memcpy(new->bytes, r->bytes, at);
	memcpy(new->bytes + at, r->bytes + at + gone, r->len - at - gone);
	return new;
}

struct rows *rows_split(struct rows **r)
{
	struct rows *front, *rest;
	uint32_t at = rows_at(*r, 0).len;

	must((*r)->refs == 1);
	if ((*r)->len <= ROWS_MAX || at == (*r)->len)
		return NULL;
	/* In the middle, or before the row that reaches over it. */
	for (uint32_t len = 0; at + (len = rows_at(*r, at).len) <= (*r)->len / 2;)
		at += len;
	front = make(at);
	rest = make((*r)->len - at);
	memcpy(front->bytes, (*r)->bytes, at);
	memcpy(rest->bytes, (*r)->bytes + at, rest->len);
	free(*r);
	*r = front;
	return rest;
}
