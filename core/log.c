#include "core/log.h"

#include <stdbool.h>

#include "core/must.h"
#include "core/text.h"

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};

	must(level <= LOG_LEVEL_DEBUG);
	return names[level];
}

void log_clean(char *text)
{
	text_clean(text, true);
}
