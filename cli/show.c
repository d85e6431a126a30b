#include "cli/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "core/call.h"
#include "core/must.h"
#include "core/sheet.h"
#include "core/text.h"

#define COLUMNS_MAX 32u

struct grid {
	struct bytes name[COLUMNS_MAX]; /* without its '+' */
	bool wide[COLUMNS_MAX];
	uint32_t columns;
	uint32_t rows;
	struct cell *cell; /* row by row */
};

int show_flag(int *argc, char **argv, enum show_form *form)
{
	static const char *const words[] = {"table", "wide", "json", "jsonl", "name", NULL};
	int kept = 0;

	*form = SHOW_TABLE;
	for (int i = 0; i < *argc; i++) {
		const char *word = NULL;
		if (!strcmp(argv[i], "-o") || !strcmp(argv[i], "--output"))
			word = i + 1 < *argc ? argv[++i] : "";
		else if (!strncmp(argv[i], "-o", 2) && argv[i][2])
			word = argv[i] + 2 + (argv[i][2] == '=');
		else if (!strncmp(argv[i], "--output=", 9))
			word = argv[i] + 9;
		if (!word) {
			argv[kept++] = argv[i];
			continue;
		}
		uint32_t w = 0;
		while (words[w] && strcmp(words[w], word) != 0)
			w++;
		if (!words[w])
			return fail(EXIT_USAGE,
				    "-o takes table, wide, json, jsonl or name, not `%s`", word);
		*form = (enum show_form)w;
	}
	*argc = kept;
	return EXIT_GOOD;
}

static enum err grid_read(struct bytes packed, struct grid *g)
{
	struct sheet_reader r;
	enum err err = sheet_open(packed, &r);

	if (err)
		return err;
	if (r.columns > COLUMNS_MAX)
		return ERR_TOO_BIG;
	g->columns = r.columns;
	g->rows = r.rows;
	for (uint32_t i = 0; i < r.columns; i++) {
		struct bytes name = unpack_text(&r.names, NAME_MAX_LEN);
		g->wide[i] = name.len && name.at[0] == '+';
		g->name[i] = bytes_of(name.at + g->wide[i], name.len - g->wide[i]);
	}
	g->cell = calloc((size_t)g->rows * g->columns + 1, sizeof(*g->cell));
	must(g->cell);
	for (size_t i = 0; i < (size_t)g->rows * g->columns; i++) {
		err = sheet_next(&r, &g->cell[i]);
		if (err)
			return err;
	}
	return OK;
}

/* One cell for people, into `out`; its printed width. */
static int cell_print(const struct cell *c, char *out, size_t size)
{
	switch (c->kind) {
	case CELL_TEXT:
		snprintf(out, size, "%.*s", (int)c->text.len, (const char *)c->text.at);
		text_clean(out, false);
		break;
	case CELL_U64:
		snprintf(out, size, "%llu", (unsigned long long)c->number);
		break;
	case CELL_BOOL:
		snprintf(out, size, "%s", c->number ? "yes" : "no");
		break;
	case CELL_NIL:
		snprintf(out, size, "-");
		break;
	}
	if (!out[0])
		snprintf(out, size, "-");
	return (int)strlen(out);
}

static void json_text(struct bytes t)
{
	putchar('"');
	for (size_t i = 0; i < t.len; i++) {
		uint8_t c = t.at[i];
		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

/* A column's name as a key: `LAST HEARD` is last_heard. */
static void json_key(struct bytes name)
{
	putchar('"');
	for (size_t i = 0; i < name.len; i++) {
		char c = (char)name.at[i];
		putchar(c == ' ' ? '_' : c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	putchar('"');
}

static void json_row(const struct grid *g, uint32_t row)
{
	putchar('{');
	for (uint32_t i = 0; i < g->columns; i++) {
		const struct cell *c = &g->cell[(size_t)row * g->columns + i];
		if (i)
			putchar(',');
		json_key(g->name[i]);
		putchar(':');
		switch (c->kind) {
		case CELL_TEXT:
			json_text(c->text);
			break;
		case CELL_U64:
			printf("%llu", (unsigned long long)c->number);
			break;
		case CELL_BOOL:
			fputs(c->number ? "true" : "false", stdout);
			break;
		case CELL_NIL:
			fputs("null", stdout);
			break;
		}
	}
	putchar('}');
}

static void show_json(const struct grid *g)
{
	putchar('[');
	for (uint32_t r = 0; r < g->rows; r++) {
		fputs(r ? ",\n " : "", stdout);
		json_row(g, r);
	}
	puts("]");
}

/* From column `first` on. */
static void show_table(const struct grid *g, uint32_t first, bool wide)
{
	int width[COLUMNS_MAX] = {0};
	char text[1024];

	for (uint32_t i = 0; i < g->columns; i++)
		width[i] = (int)g->name[i].len;
	for (size_t i = 0; i < (size_t)g->rows * g->columns; i++) {
		int len = cell_print(&g->cell[i], text, sizeof(text));
		if (len > width[i % g->columns])
			width[i % g->columns] = len;
	}
	for (uint32_t r = 0; r <= g->rows; r++) {
		const char *gap = "";
		int owed = 0; /* blanks of the last column are never printed */
		for (uint32_t i = first; i < g->columns; i++) {
			if (g->wide[i] && !wide)
				continue;
			if (r == 0) {
				snprintf(text, sizeof(text), "%.*s", (int)g->name[i].len,
					 (const char *)g->name[i].at);
				for (char *c = text; *c; c++)
					*c = (char)(*c == '_'                ? ' '
						    : *c >= 'a' && *c <= 'z' ? *c - 32
									     : *c);
			} else {
				cell_print(&g->cell[(size_t)(r - 1) * g->columns + i], text,
					   sizeof(text));
			}
			printf("%s%*s%s", gap, owed, "", text);
			owed = width[i] - (int)strlen(text);
			gap = "  ";
		}
		putchar('\n');
	}
}

/* One row, a line for each of its first columns. */
static void show_row(const struct grid *g, uint32_t row, uint32_t columns)
{
	char text[1024];

	for (uint32_t i = 0; i < columns; i++) {
		cell_print(&g->cell[(size_t)row * g->columns + i], text, sizeof(text));
		printf("%-18.*s %s\n", (int)g->name[i].len, (const char *)g->name[i].at, text);
	}
}

static void show_upright(const struct grid *g)
{
	for (uint32_t r = 0; r < g->rows; r++) {
		show_row(g, r, g->columns);
		if (r + 1 < g->rows)
			putchar('\n');
	}
}

int show_parts(struct bytes packed, enum show_form form, uint32_t lead)
{
	struct grid g = {0};

	if (form != SHOW_TABLE && form != SHOW_WIDE)
		return show_sheet(packed, form, false);
	if (grid_read(packed, &g) != OK || g.columns <= lead) {
		free(g.cell);
		return fail(EXIT_OTHER,
			    "the answer could not be read: is the node of another version?");
	}
	if (g.rows > 0) {
		show_row(&g, 0, lead);
		putchar('\n');
		show_table(&g, lead, form == SHOW_WIDE);
	}
	free(g.cell);
	return EXIT_GOOD;
}

int show_sheet(struct bytes packed, enum show_form form, bool upright)
{
	struct grid g = {0};
	char text[1024];

	if (grid_read(packed, &g) != OK) {
		free(g.cell);
		return fail(EXIT_OTHER,
			    "the answer could not be read: is the node of another version?");
	}
	switch (form) {
	case SHOW_TABLE:
	case SHOW_WIDE:
		if (upright)
			show_upright(&g);
		else
			show_table(&g, 0, form == SHOW_WIDE);
		break;
	case SHOW_JSON:
		show_json(&g);
		break;
	case SHOW_JSONL:
		for (uint32_t r = 0; r < g.rows; r++) {
			json_row(&g, r);
			putchar('\n');
		}
		break;
	case SHOW_NAME:
		for (uint32_t r = 0; r < g.rows && g.columns; r++) {
			cell_print(&g.cell[(size_t)r * g.columns], text, sizeof(text));
			puts(text);
		}
		break;
	}
	free(g.cell);
	return EXIT_GOOD;
}
