#include "discovery/row.h"

#include "core/text.h"

/* To the second above ten of them, else to the millisecond. */
static uint64_t rounded(uint64_t us)
{
	uint64_t grain = us >= 10000000 ? 1000000 : 1000;

	return us / grain * grain;
}

void row_times(struct sheet *s, uint64_t answered_us, uint64_t next_us, uint64_t now_us)
{
	if (answered_us == 0)
		sheet_text(s, "never");
	else
		sheet_format(
			s, "%s ago",
			text_duration(rounded(now_us > answered_us ? now_us - answered_us : 0)).s);
	sheet_format(s, "in %s", text_duration(rounded(next_us > now_us ? next_us - now_us : 0)).s);
}
