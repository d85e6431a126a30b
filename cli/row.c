#include "cli/row.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "core/sheet.h"

/* Where the column stands; `columns` when there is none. A '+' in front is not part of its name. */
static uint32_t column_at(struct sheet_reader *r, const char *column)
{
	struct unpack names = r->names;

	for (uint32_t i = 0; i < r->columns; i++) {
		struct bytes name = unpack_text(&names, 256);
		if (name.len && name.at[0] == '+')
			name = bytes_of(name.at + 1, name.len - 1);
		if (bytes_same(name, bytes_str(column)))
			return i;
	}
	return r->columns;
}

static bool cell_text(const struct cell *cell, char *out, size_t size)
{
	int len = 0;

	switch (cell->kind) {
	case CELL_NIL:
		break;
	case CELL_TEXT:
		len = snprintf(out, size, "%.*s", (int)cell->text.len, (const char *)cell->text.at);
		break;
	case CELL_U64:
		len = snprintf(out, size, "%" PRIu64, cell->number);
		break;
	case CELL_BOOL:
		len = snprintf(out, size, "%s", cell->number ? "yes" : "no");
		break;
	}
	return len >= 0 && (size_t)len < size;
}

bool row_text(struct bytes packed, uint32_t row, const char *column, char *out, size_t size)
{
	struct sheet_reader r;
	struct cell cell;

	must(size > 0);
	out[0] = '\0';
	if (sheet_open(packed, &r) != OK || row >= r.rows)
		return false;
	uint32_t at = column_at(&r, column);
	if (at == r.columns)
		return false;
	for (uint64_t i = 0; i <= (uint64_t)row * r.columns + at; i++)
		if (sheet_next(&r, &cell) != OK)
			return false;
	if (cell_text(&cell, out, size))
		return true;
	out[0] = '\0';
	return false;
}

uint64_t row_number(struct bytes packed, uint32_t row, const char *column)
{
	char text[32];

	return row_text(packed, row, column, text, sizeof(text)) ? strtoull(text, NULL, 10) : 0;
}
