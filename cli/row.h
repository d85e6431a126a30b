/* One cell of a sheet, by the name of its column. */
#ifndef CLI_ROW_H
#define CLI_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"

/* The cell of row `row` (from 0) as text: numbers in decimal, nil as "". False, and "" in `out`, when the sheet has no
 * such row or column, or the text does not fit. */
bool row_text(struct bytes packed, uint32_t row, const char *column, char *out, size_t size);
/* The same as a number; 0 when there is none. */
uint64_t row_number(struct bytes packed, uint32_t row, const char *column);

#endif
