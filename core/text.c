#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/must.h"

struct unit {
	const char *name;
	uint64_t of;
};

/* Largest first, the last is always 1. */
static const struct unit times[] = {
	{"d", 86400000000u}, {"h", 3600000000u}, {"m", 60000000u},
	{"s", 1000000u},     {"ms", 1000u},      {"us", 1u},
};
static const struct unit sizes[] = {
	{"TiB", (uint64_t)1 << 40}, {"GiB", 1u << 30}, {"MiB", 1u << 20},
	{"KiB", 1u << 10},          {"", 1u},
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* Decimal digits at the front; `rest` is what follows. */
static enum err take_digits(const char *text, uint64_t *out, const char **rest)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; text[n] >= '0' && text[n] <= '9'; n++) {
		uint64_t digit = (uint64_t)(text[n] - '0');

		if (v > (UINT64_MAX - digit) / 10)
			return ERR_TOO_BIG;
		v = v * 10 + digit;
	}
	if (n == 0 || (n > 1 && text[0] == '0'))
		return ERR_MALFORMED;
	*out = v;
	*rest = text + n;
	return OK;
}

enum err text_to_u64(const char *text, uint64_t *out)
{
	const char *rest;
	uint64_t v;
	enum err err = take_digits(text, &v, &rest);

	if (err != OK)
		return err;
	if (*rest != '\0')
		return ERR_MALFORMED;
	*out = v;
	return OK;
}

enum err text_to_u32(const char *text, uint32_t *out)
{
	uint64_t v;
	enum err err = text_to_u64(text, &v);

	if (err != OK)
		return err;
	if (v > UINT32_MAX)
		return ERR_TOO_BIG;
	*out = (uint32_t)v;
	return OK;
}

enum err text_to_bool(const char *text, bool *out)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};

	for (size_t i = 0; i < COUNT(words); i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = i % 2 == 1;
			return OK;
		}
	}
	return ERR_MALFORMED;
}

static enum err take_units(const char *text, const struct unit *list, size_t count, uint64_t *out)
{
	const char *rest;
	uint64_t v;
	enum err err = take_digits(text, &v, &rest);

	if (err != OK)
		return err;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rest, list[i].name) != 0)
			continue;
		if (v > UINT64_MAX / list[i].of)
			return ERR_TOO_BIG;
		*out = v * list[i].of;
		return OK;
	}
	return ERR_MALFORMED;
}

enum err text_to_duration(const char *text, uint64_t *out_us)
{
	return take_units(text, times, COUNT(times), out_us);
}

enum err text_to_size(const char *text, uint64_t *out)
{
	return take_units(text, sizes, COUNT(sizes), out);
}

static struct text_short print(uint64_t v, const struct unit *list)
{
	struct text_short text;

	while (v % list->of != 0)
		list++;
	must(list->of > 0);
	int len = snprintf(text.s, sizeof(text.s), "%" PRIu64 "%s", v / list->of, list->name);
	must(len > 0 && (size_t)len < sizeof(text.s));
	return text;
}

struct text_short text_duration(uint64_t us)
{
	static const struct unit seconds = {"s", 1};

	return us == 0 ? print(0, &seconds) : print(us, times);
}

struct text_short text_size(uint64_t bytes)
{
	static const struct unit alone = {"", 1};

	return bytes == 0 ? print(0, &alone) : print(bytes, sizes);
}

struct text_short text_time(uint64_t wall_us)
{
	struct text_short out = {"-"};
	time_t seconds = (time_t)(wall_us / 1000000);
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(out.s, sizeof(out.s), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

/* Bytes of the well-formed UTF-8 character that `at` begins (Unicode, table 3-7), its number in `c`; 0 when it is none. */
static size_t character(const unsigned char *at, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

	if (len == 1) {
		*c = at[0];
		return 1;
	}
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	*c = at[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (at[i] & 0x3f);
	}
	if (*c < least[len] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return len;
}

/* C0, delete, C1, line and paragraph separators, and what overrides the direction of writing. */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

void text_clean(char *text, bool lines)
{
	unsigned char *at = (unsigned char *)text;

	must(text != NULL);
	while (*at != '\0') {
		uint32_t c;
		size_t len = character(at, &c);

		if (len == 0) {
			*at++ = '?';
		} else {
			if (is_control(c) && !(lines && c == '\n'))
				memset(at, '?', len);
			at += len;
		}
	}
}
