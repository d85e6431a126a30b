#include "cli/tally.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/id.h"
#include "core/must.h"
#include "core/sheet.h"

enum column { ID, STATE, ATTEMPT, CODE, COLUMNS };

struct row {
	char cell[COLUMNS][ID_TEXT_LEN + 1];
};

struct rows {
	struct row *row;
	uint32_t count;
};

static enum column column_of(struct bytes name)
{
	static const char *const names[COLUMNS] = {"ID", "STATE", "ATTEMPT", "CODE"};
	enum column c = ID;

	while (c < COLUMNS && !bytes_same(name, bytes_str(names[c])))
		c++;
	return c;
}

static void put_cell(struct row *row, enum column c, const struct cell *cell)
{
	char *out = row->cell[c];

	if (cell->kind == CELL_TEXT)
		snprintf(out, sizeof(row->cell[c]), "%.*s", (int)cell->text.len,
			 (const char *)cell->text.at);
	else if (cell->kind == CELL_U64)
		snprintf(out, sizeof(row->cell[c]), "%" PRIu64, cell->number);
}

/* Of no sheet there are no rows. */
static struct rows read_rows(struct bytes packed)
{
	struct rows out = {0};
	struct sheet_reader r;
	struct cell cell;

	if (sheet_open(packed, &r) != OK || r.rows == 0)
		return out;
	out.row = calloc(r.rows, sizeof(*out.row));
	must(out.row);
	for (; out.count < r.rows; out.count++) {
		struct unpack names = r.names;

		for (uint32_t i = 0; i < r.columns; i++) {
			enum column c = column_of(unpack_text(&names, 256));
			enum err err = sheet_next(&r, &cell);

			must(err == OK);
			if (c < COLUMNS)
				put_cell(&out.row[out.count], c, &cell);
		}
	}
	return out;
}

static const struct row *find(const struct rows *rows, const char *id)
{
	for (uint32_t i = 0; i < rows->count; i++)
		if (!strcmp(rows->row[i].cell[ID], id))
			return &rows->row[i];
	return NULL;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static void add(struct tally *t, const struct row *was, const struct row *is)
{
	bool ran = begins(was->cell[STATE], "executing");

	if (!is)
		t->lost++;
	else if (begins(is->cell[STATE], "failed") && !is->cell[CODE][0])
		t->lost++; /* one that failed by itself has a code */
	else if (ran && strcmp(is->cell[ATTEMPT], was->cell[ATTEMPT]) != 0)
		t->twice++;
	else if (ran && strstr(is->cell[STATE], "(unknown)"))
		t->unknown++;
	else if (ran)
		t->ran_on++;
}

struct tally tally_of(struct bytes before, struct bytes after)
{
	struct rows was = read_rows(before), is = read_rows(after);
	struct tally t = {0};

	for (uint32_t i = 0; i < was.count; i++)
		add(&t, &was.row[i], find(&is, was.row[i].cell[ID]));
	free(was.row);
	free(is.row);
	return t;
}
