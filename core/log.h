/* How an entry leaves the program: journald's native protocol, stderr or a file.
 *
 * One entry is one record, however many lines it has: under systemd it is sent through the native protocol, so that the
 * journal keeps the member block whole. Text is cleaned first: one control byte would make the entry a blob. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR, /* someone must act */
	LOG_LEVEL_WARN,  /* we went on, and how */
	LOG_LEVEL_INFO,  /* the cluster changed */
	LOG_LEVEL_DEBUG, /* why */
};

const char *log_level_name(enum log_level level);

/* In place: control bytes but newline become '?', invalid UTF-8 bytes too. */
void log_clean(char *text);

#endif
