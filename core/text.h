/* What people type, read strictly, and what they are shown.
 *
 * Reading takes the whole text or nothing: no space, no sign, no leading zero, no number without its unit. What is
 * printed here can be read here. */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

/* ERR_MALFORMED: not of the form. ERR_TOO_BIG: more than the type holds. On an error `out` is as it was. */
MUST_USE enum err text_to_u64(const char *text, uint64_t *out);
MUST_USE enum err text_to_u32(const char *text, uint32_t *out);
/* yes no true false on off */
MUST_USE enum err text_to_bool(const char *text, bool *out);
/* A number and its unit: us ms s m h d. */
MUST_USE enum err text_to_duration(const char *text, uint64_t *out_us);
/* A number, alone (bytes) or with its unit: KiB MiB GiB TiB. */
MUST_USE enum err text_to_size(const char *text, uint64_t *out);

struct text_short {
	char s[32];
};

/* Exact, in the largest unit that divides it: 90s, 1500ms, 64MiB, 1000. */
struct text_short text_duration(uint64_t us);
struct text_short text_size(uint64_t bytes);
/* Wall clock in UTC, to the second: 2026-11-21T23:55:06Z. */
struct text_short text_time(uint64_t wall_us);

/* In place: control characters, characters that turn the writing's direction and bytes that are no UTF-8 become '?', so
 * that a name from elsewhere can not drive a terminal. Newlines stay when `lines`. */
void text_clean(char *text, bool lines);

#endif
