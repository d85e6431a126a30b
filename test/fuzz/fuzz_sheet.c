/* Sheets from outside: refused when they are opened, or read to their end without a fault and with all their cells. */
#include "core/must.h"
#include "core/sheet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sheet_reader r;
	struct cell cell;
	uint64_t cells = 0;

	if (sheet_open(bytes_of(data, size), &r) != OK)
		return 0;
	for (uint32_t i = 0; i < r.columns; i++)
		unpack_text(&r.names, size);
	must(unpack_err(&r.names) == OK);
	for (; sheet_next(&r, &cell) == OK; cells++) {
		must(cell.kind == CELL_TEXT || cell.text.len == 0);
		must(cell.kind != CELL_BOOL || cell.number <= 1);
		must(cell.text.len < size);
	}
	must(cells == (uint64_t)r.columns * r.rows);
	must(sheet_next(&r, &cell) == ERR_NOT_FOUND);
	return 0;
}
