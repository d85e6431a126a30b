/* The configuration file: inih behind a reader of our own, which hands it one line at a time and refuses first what inih
 * would do silently: cut a long line and take its rest for another key, take an indented key for more of the value above
 * it, stop at a NUL. */
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "core/config_set.h"
#include "core/must.h"
#include "core/nearest.h"

struct reader {
	struct config *config;
	const char *path;
	struct bytes left;
	uint32_t line;
	enum err err; /* the first thing wrong, with its sentence in `why` */
	char *why;
};

#define WHERE_MAX (CONFIG_PATH_MAX + 16u)

static const char *where(const struct reader *r, char out[WHERE_MAX])
{
	(void)snprintf(out, WHERE_MAX, "%.*s:%u", (int)CONFIG_PATH_MAX, r->path, r->line);
	return out;
}

static const char *const *sections(void)
{
	static const char *const names[] = {"node", "network", "discovery", "gossip", "store",
					    "jobs", "log",     "client",    NULL};

	return names;
}

/* For inih: the next line without the blanks before it, into `out` of `size` bytes. NULL ends the reading. */
static char *line_next(char *out, int size, void *with)
{
	struct reader *r = with;
	const uint8_t *end;
	size_t len, blanks = 0;
	char at[WHERE_MAX];

	must(size > 3);
	if (r->err != OK || r->left.len == 0)
		return NULL;
	r->line++;
	end = memchr(r->left.at, '\n', r->left.len);
	len = end ? (size_t)(end - r->left.at) + 1 : r->left.len;
	while (blanks < len && (r->left.at[blanks] == ' ' || r->left.at[blanks] == '\t'))
		blanks++;
	/* inih keeps room for the line's end: what is this long it would cut. */
	if (len - blanks > (size_t)size - 3) {
		r->err = config_refuse(r->why, where(r, at),
				       "the line is longer than %d bytes; a list may be given on "
				       "several lines, each with its name",
				       size - 3);
		return NULL;
	}
	if (memchr(r->left.at, '\0', len)) {
		r->err = config_refuse(r->why, where(r, at), "a NUL byte: this is not a text file");
		return NULL;
	}
	memcpy(out, r->left.at + blanks, len - blanks);
	out[len - blanks] = '\0';
	r->left = bytes_of(r->left.at + len, r->left.len - len);
	return out;
}

/* For inih: one key and its value. 0 says that it was refused. */
static int key_take(void *with, const char *section, const char *name, const char *value)
{
	struct reader *r = with;
	const struct setting *s = config_find(name);
	char at[WHERE_MAX];
	struct source from = {.origin = ORIGIN_FILE, .where = where(r, at), .line = r->line};

	if (r->err != OK)
		return 0;
	if (!s)
		r->err = config_refuse_name(r->why, at, name);
	else if (section[0] == '\0')
		r->err = config_refuse(r->why, at,
				       "%s stands before any section: it belongs under [%s]",
				       s->name, s->section);
	else if (strcmp(section, s->section) != 0)
		r->err = config_refuse(r->why, at, "%s stands under [%s]: it belongs under [%s]",
				       s->name, section, s->section);
	else if (strstr(value, " #"))
		r->err = config_refuse(r->why, at, "%s: a comment behind a value begins with ;",
				       s->name);
	else if (s == config_setting(SETTING_config))
		r->err = config_refuse(r->why, at, "config: a file can not name another one");
	else
		r->err = config_take(r->config, s, value, &from, r->why);
	return r->err == OK;
}

/* inih tells nobody of a section without keys: its name is checked here. */
static enum err section_check(struct reader *r, const char *line, size_t len)
{
	char name[32] = "", at[WHERE_MAX];
	const char *close = memchr(line, ']', len);
	size_t n = close ? (size_t)(close - line) - 1 : 0;
	const char *near;

	if (!close)
		return config_refuse(r->why, where(r, at), "a section ends with ]");
	memcpy(name, line + 1, n < sizeof(name) - 1 ? n : sizeof(name) - 1);
	for (size_t i = 0; sections()[i]; i++)
		if (strcmp(sections()[i], name) == 0)
			return OK;
	near = nearest(name, sections());
	if (near)
		return config_refuse(r->why, where(r, at), "no section [%s]: did you mean [%s]?",
				     name, near);
	return config_refuse(r->why, where(r, at), "no section [%s]", name);
}

static char *line_next_checked(char *out, int size, void *with)
{
	struct reader *r = with;
	char *line = line_next(out, size, with);

	if (line && line[0] == '[')
		r->err = section_check(r, line, strlen(line));
	return r->err == OK ? line : NULL;
}

enum err config_file(struct config *c, const char *path, struct bytes text,
		     char why[CONFIG_WHY_MAX])
{
	struct reader r = {.config = c, .path = path, .left = text, .why = why};
	char at[WHERE_MAX];
	int bad;

	bad = ini_parse_stream(line_next_checked, &r, key_take, &r);
	if (r.err == OK && bad != 0) {
		r.line = bad > 0 ? (uint32_t)bad : 0;
		r.err = config_refuse(why, where(&r, at), "neither [section] nor name = value");
	}
	(void)snprintf(c->path, sizeof(c->path), "%.*s", (int)CONFIG_PATH_MAX, path);
	return r.err;
}

enum err config_write_default(struct buffer *out)
{
	static const char head[] =
		"# witan: every setting, at its default. Take a line's # away to change it.\n"
		"# A list may be given on several lines, each with its name. A comment behind a "
		"value "
		"begins with ;\n";
	const char *section = "";
	enum err err = buffer_add(out, bytes_str(head));

	for (size_t i = 0; i < SETTINGS && err == OK; i++) {
		const struct setting *s = config_setting((enum setting_id)i);
		char text[512];

		if (s == config_setting(SETTING_config))
			continue;
		if (strcmp(section, s->section) != 0) {
			section = s->section;
			(void)snprintf(text, sizeof(text), "\n[%s]\n", section);
			err = buffer_add(out, bytes_str(text));
		}
		if (err != OK)
			break;
		(void)snprintf(text, sizeof(text), "\n# %s\n#%s =%s%s\n", s->help, s->name,
			       s->initial[0] ? " " : "", s->initial);
		err = buffer_add(out, bytes_str(text));
	}
	return err;
}
