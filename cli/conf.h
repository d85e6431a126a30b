/* Changing one line of a configuration file without touching the rest: what a person wrote stays. */
#ifndef CLI_CONF_H
#define CLI_CONF_H

#include "core/bytes.h"
#include "core/err.h"

/* Sets `key = value` under [section] in the text: its line is replaced (a commented one too), else it is added at the
 * end of its section, which is made when it is missing. ERR_FULL beyond the buffer's limit; the text is then unchanged. */
MUST_USE enum err conf_set(struct buffer *text, const char *section, const char *key,
			   const char *value);

#endif
