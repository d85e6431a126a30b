#include "core/log.h"

#include "core/must.h"

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};

	must(level <= LOG_LEVEL_DEBUG);
	return names[level];
}

/* Bytes of the well-formed, printable character at `at`, or 0. Overlong forms, surrogates and what lies beyond Unicode
 * are not well-formed; C1 controls are not printable (the journal would make the entry a blob). */
static size_t character(const unsigned char *at)
{
	size_t len = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	uint32_t c;

	if (len == 1)
		return (at[0] >= ' ' && at[0] != 0x7f) || at[0] == '\n';
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	c = at[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (at[i] & 0x3fu);
	}
	if (c < 0xa0 || (len == 3 && c < 0x800) || (len == 4 && (c < 0x10000 || c > 0x10ffff)) ||
	    (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return len;
}

void log_clean(char *text)
{
	unsigned char *at = (unsigned char *)text;

	while (*at) {
		size_t len = character(at);

		if (len == 0)
			*at = '?';
		at += len ? len : 1;
	}
}
