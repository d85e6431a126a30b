/* A table on its way to a person or a program: named columns, rows of cells. One form for every listing, so that the
 * command line prints tables, JSON, JSON lines and names of all of them with the same code.
 *
 * Packed: [columns: [name, …], rows: [[cell, …], …]]; a cell is text, unsigned, bool or nil. A column whose name begins
 * with '+' is shown only by `-o wide` and the programs' forms. */
#ifndef CORE_SHEET_H
#define CORE_SHEET_H

#include "core/bytes.h"
#include "core/err.h"
#include "core/pack.h"

struct sheet {
	struct buffer rows;
	struct pack pack;
	uint32_t columns;
	uint32_t count;  /* rows */
	uint32_t filled; /* cells of the row being written */
	const char *const *names;
};

/* `names` ends with NULL and outlives the sheet. */
void sheet_init(struct sheet *s, const char *const *names, size_t limit);
void sheet_fini(struct sheet *s);
void sheet_text(struct sheet *s, const char *text);
void sheet_format(struct sheet *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sheet_u64(struct sheet *s, uint64_t v);
void sheet_bool(struct sheet *s, bool v);
void sheet_nil(struct sheet *s);
/* Every row must be complete. ERR_FULL when the sheet has outgrown its limit, or `out` its own. */
MUST_USE enum err sheet_put(struct sheet *s, struct buffer *out);

enum cell_kind { CELL_NIL, CELL_TEXT, CELL_U64, CELL_BOOL };
struct cell {
	enum cell_kind kind;
	struct bytes text;
	uint64_t number;
};

struct sheet_reader {
	struct unpack u;
	struct unpack names; /* cursor at the first column name */
	uint32_t columns;
	uint32_t rows; /* in all */
	uint32_t row;  /* begun */
	uint32_t left; /* cells still to come in the row being read */
};

/* Checks the whole sheet, so that nothing read from it later can be malformed. Borrows `packed`. */
MUST_USE enum err sheet_open(struct bytes packed, struct sheet_reader *r);
/* Cells come row by row; ERR_NOT_FOUND after the last. */
MUST_USE enum err sheet_next(struct sheet_reader *r, struct cell *out);

#endif
