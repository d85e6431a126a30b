#include "core/sheet.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/must.h"

#define SHEET_FIELDS 2u

/* --- writing --- */

void sheet_init(struct sheet *s, const char *const *names, size_t limit)
{
	*s = (struct sheet){.names = names};
	while (names[s->columns] != NULL)
		s->columns++;
	must(s->columns > 0);
	must(s->columns <= SHEET_COLUMNS_MAX);
	buffer_init(&s->rows, limit);
	pack_init(&s->pack, &s->rows);
}

void sheet_fini(struct sheet *s)
{
	buffer_fini(&s->rows);
}

/* Before each cell: the first of a row opens it, the last completes it. */
static struct pack *cell(struct sheet *s)
{
	must(s->filled < s->columns);

	s->pack.to = &s->rows; /* the sheet may have been moved since it was made */
	if (s->filled++ == 0)
		pack_array(&s->pack, s->columns);
	if (s->filled == s->columns) {
		s->filled = 0;
		s->count++;
	}
	return &s->pack;
}

void sheet_text(struct sheet *s, const char *text)
{
	pack_str(cell(s), text);
}

void sheet_format(struct sheet *s, const char *format, ...)
{
	char text[LOG_LINE_MAX];
	va_list with;

	va_start(with, format);
	int len = vsnprintf(text, sizeof(text), format, with);
	va_end(with);
	must(len >= 0);
	sheet_text(s, text);
}

void sheet_u64(struct sheet *s, uint64_t v)
{
	pack_u64(cell(s), v);
}

void sheet_bool(struct sheet *s, bool v)
{
	pack_bool(cell(s), v);
}

void sheet_nil(struct sheet *s)
{
	pack_nil(cell(s));
}

enum err sheet_put(struct sheet *s, struct buffer *out)
{
	struct pack p;

	must(s->filled == 0);
	if (pack_err(&s->pack) != OK)
		return pack_err(&s->pack);
	pack_init(&p, out);
	pack_array(&p, SHEET_FIELDS);
	pack_array(&p, s->columns);
	for (uint32_t i = 0; i < s->columns; i++)
		pack_str(&p, s->names[i]);
	pack_array(&p, s->count);
	if (s->count > 0)
		pack_raw(&p, buffer_bytes(&s->rows));
	return pack_end(&p);
}

/* --- reading --- */

/* One cell: what it is shows in its first byte, which the cursor is asked for kind by kind. */
static struct cell cell_get(struct unpack *u)
{
	struct cell c = {.kind = CELL_NIL, .text = BYTES("")};
	uint8_t head = u->left.len == 0 ? 0 : u->left.at[0];

	if (unpack_nil(u))
		return c;
	if (head == 0xc2 || head == 0xc3) {
		c.kind = CELL_BOOL;
		c.number = unpack_bool(u);
	} else if ((head & 0xe0) == 0xa0 || (head >= 0xd9 && head <= 0xdb)) {
		c.kind = CELL_TEXT;
		c.text = unpack_text(u, FRAME_MAX);
	} else {
		c.kind = CELL_U64;
		c.number = unpack_u64(u);
	}
	return c;
}

enum err sheet_open(struct bytes packed, struct sheet_reader *r)
{
	struct sheet_reader made = {.left = 0};
	struct unpack u;

	unpack_init(&u, packed);
	uint32_t n = unpack_array(&u, SHEET_FIELDS);
	made.columns = unpack_array(&u, 1);
	if (made.columns > SHEET_COLUMNS_MAX)
		unpack_refuse(&u, ERR_TOO_BIG);
	made.names = u;
	for (uint32_t i = 0; i < made.columns && unpack_err(&u) == OK; i++)
		unpack_text(&u, NAME_MAX_LEN);
	made.rows = unpack_array(&u, 0);
	made.u = u;
	for (uint32_t row = 0; row < made.rows && unpack_err(&u) == OK; row++) {
		if (unpack_array(&u, made.columns) != made.columns)
			unpack_refuse(&u, ERR_MALFORMED);
		for (uint32_t i = 0; i < made.columns && unpack_err(&u) == OK; i++)
			cell_get(&u);
	}
	unpack_rest(&u, n - SHEET_FIELDS);
	if (unpack_err(&u) != OK)
		return unpack_err(&u);
	if (!unpack_done(&u))
		return ERR_MALFORMED;
	*r = made;
	return OK;
}

enum err sheet_next(struct sheet_reader *r, struct cell *out)
{
	if (r->left == 0) {
		if (r->row == r->rows)
			return ERR_NOT_FOUND;
		r->row++;
		r->left = unpack_array(&r->u, r->columns);
	}
	must(r->left > 0);
	r->left--;
	*out = cell_get(&r->u);
	must(unpack_err(&r->u) == OK);
	return OK;
}
