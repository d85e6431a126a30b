#include "cli/conf.h"

#include <stdio.h>
#include <string.h>

#include "core/must.h"

struct line {
	const char *at;
	size_t len; /* without the newline */
};

static bool next_line(struct bytes *left, struct line *l)
{
	if (!left->len)
		return false;
	const uint8_t *end = memchr(left->at, '\n', left->len);
	l->at = (const char *)left->at;
	l->len = end ? (size_t)(end - left->at) : left->len;
	size_t skip = l->len + (end != NULL);
	*left = bytes_of(left->at + skip, left->len - skip);
	return true;
}

static bool is_section(struct line l, const char *section)
{
	size_t len = strlen(section);

	return l.len == len + 2 && l.at[0] == '[' && !memcmp(l.at + 1, section, len) &&
	       l.at[len + 1] == ']';
}

/* `key = …`, perhaps behind a comment sign. */
static bool is_key(struct line l, const char *key)
{
	size_t i = 0, len = strlen(key);

	while (i < l.len && (l.at[i] == '#' || l.at[i] == ';' || l.at[i] == ' '))
		i++;
	if (l.len - i < len || memcmp(l.at + i, key, len) != 0)
		return false;
	i += len;
	while (i < l.len && l.at[i] == ' ')
		i++;
	return i < l.len && l.at[i] == '=';
}

static enum err add_setting(struct buffer *out, const char *key, const char *value)
{
	char line[4096];
	int len = snprintf(line, sizeof(line), "%s = %s\n", key, value);

	must(len > 0);
	return (size_t)len < sizeof(line) ? buffer_add(out, bytes_of(line, (size_t)len))
					  : ERR_TOO_BIG;
}

static enum err add_line(struct buffer *out, struct line l)
{
	enum err err = buffer_add(out, bytes_of(l.at, l.len));

	return err ? err : buffer_add(out, BYTES("\n"));
}

enum err conf_set(struct buffer *text, const char *section, const char *key, const char *value)
{
	struct bytes left = buffer_bytes(text);
	struct buffer out;
	struct line l;
	bool inside = false, done = false;
	char head[128];
	enum err err = OK;

	buffer_init(&out, text->limit);
	while (!err && next_line(&left, &l)) {
		if (inside && !done && l.len && l.at[0] == '[') {
			err = add_setting(&out, key, value);
			done = true;
		}
		if (l.len && l.at[0] == '[')
			inside = is_section(l, section);
		if (!err && inside && is_key(l, key)) {
			if (!done)
				err = add_setting(&out, key, value);
			done = true;
		} else if (!err) {
			err = add_line(&out, l);
		}
	}
	if (!err && !done && !inside) {
		int len = snprintf(head, sizeof(head), "%s[%s]\n", out.len ? "\n" : "", section);
		must(len > 0);
		err = buffer_add(&out, bytes_of(head, (size_t)len));
	}
	if (!err && !done)
		err = add_setting(&out, key, value);
	if (err) {
		buffer_fini(&out);
		return err;
	}
	buffer_fini(text);
	*text = out;
	return OK;
}
