/* The level's row: whatever it holds, it is a level, and one that is written back is the same. */
#include "core/must.h"
#include "sched/level.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t n = level_get(bytes_of(data, size));
	struct buffer row;

	buffer_init(&row, 16);
	must(n > 0);
	must(level_put(n, &row) == OK);
	must(level_get(buffer_bytes(&row)) == n);
	buffer_fini(&row);
	return 0;
}
