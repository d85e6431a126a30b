#include "core/config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/config_set.h"
#include "core/must.h"
#include "core/nearest.h"

/* Words of the CHOICE and SET settings; their order is that of the enums in the header. */
static const char *const words_role[] = {"scheduler", "worker", NULL};
static const char *const words_discovery[] = {"multicast", "static", "none", NULL};
static const char *const words_store[] = {"embedded", NULL};
static const char *const words_on_stop[] = {"hold", "hand-over", NULL};
static const char *const words_in_process_worker[] = {"auto", "yes", "no", NULL};
static const char *const words_log_level[] = {"error", "warn", "info", "debug", NULL};
static const char *const words_log_format[] = {"text", "json", NULL};

#define WORDS_NUMBER(name) NULL
#define WORDS_SIZE(name)   NULL
#define WORDS_FLAG(name)   NULL
#define WORDS_TEXT(name)   NULL
#define WORDS_CHOICE(name) words_##name
#define WORDS_SET(name)    words_##name
#define WORDS_LIST(name)   NULL
#define WORDS_CIDRS(name)  NULL
#define WORDS_HOSTS(name)  NULL
#define WORDS_IP(name)     NULL

static const struct setting settings[SETTINGS] = {
#define X(section_, type_, name_, initial_, low_, high_, marks_, help_)                            \
	{                                                                                          \
		.name = #name_,                                                                    \
		.section = #section_,                                                              \
		.initial = initial_,                                                               \
		.help = help_,                                                                     \
		.words = WORDS_##type_(name_),                                                     \
		.low = low_,                                                                       \
		.high = high_,                                                                     \
		.offset = offsetof(struct config, name_),                                          \
		.size = sizeof(((struct config *)0)->name_),                                       \
		.type = TYPE_##type_,                                                              \
		.marks = marks_,                                                                   \
	},
	CONFIG_SETTINGS(X)
#undef X
};

#define X(section, type, name, initial, low, high, marks, help)                                    \
	_Static_assert(sizeof(((struct config *)0)->name) <= FIELD_MAX, "FIELD_MAX too small");
CONFIG_SETTINGS(X)
#undef X

static const struct {
	const char *alias, *name;
} aliases[] = {{"static_peers", "seeds"}};

/* Settings that the design knows and this version does not. */
static const char *const later_names[] = {"public_port", "public_bind_to_any"};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

const struct setting *config_setting(enum setting_id which)
{
	must((unsigned)which < SETTINGS);
	return &settings[which];
}

void config_fold(const char *name, char *out, size_t size)
{
	size_t i = 0;

	must(size > 0);
	for (; name[i] && i + 1 < size; i++)
		out[i] = name[i] == '-' ? '_' : (char)tolower((unsigned char)name[i]);
	out[i] = '\0';
}

const struct setting *config_find(const char *name)
{
	char folded[64];

	config_fold(name, folded, sizeof(folded));
	for (size_t i = 0; i < COUNT(aliases); i++)
		if (strcmp(aliases[i].alias, folded) == 0)
			return config_find(aliases[i].name);
	for (size_t i = 0; i < SETTINGS; i++)
		if (strcmp(settings[i].name, folded) == 0)
			return &settings[i];
	return NULL;
}

bool config_is_later(const char *name)
{
	char folded[64];

	config_fold(name, folded, sizeof(folded));
	for (size_t i = 0; i < COUNT(later_names); i++)
		if (strcmp(later_names[i], folded) == 0)
			return true;
	return false;
}

const char *const *config_names(void)
{
	static const char *const names[] = {
#define X(section, type, name, initial, low, high, marks, help) #name,
		CONFIG_SETTINGS(X)
#undef X
			"static_peers",
		NULL,
	};

	return names;
}

enum err config_refuse(char why[CONFIG_WHY_MAX], const char *where, const char *format, ...)
{
	char text[CONFIG_WHY_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (where[0] == '\0')
		(void)snprintf(why, CONFIG_WHY_MAX, "%s", text);
	else if (snprintf(why, CONFIG_WHY_MAX, "%s: %s", where, text) >= (int)CONFIG_WHY_MAX)
		memcpy(why + CONFIG_WHY_MAX - 4, "...", 4);
	return ERR_USAGE;
}

enum err config_refuse_name(char why[CONFIG_WHY_MAX], const char *where, const char *name)
{
	const char *near = nearest(name, config_names());

	if (config_is_later(name))
		return config_refuse(why, where,
				     "%.64s: there is no public listener in this version", name);
	if (near)
		return config_refuse(why, where, "no setting \"%.64s\": did you mean \"%s\"?", name,
				     near);
	return config_refuse(why, where, "no setting \"%.64s\": `witan config show` lists them",
			     name);
}

static bool is_list(const struct setting *s)
{
	return s->type == TYPE_LIST || s->type == TYPE_CIDRS || s->type == TYPE_HOSTS ||
	       s->type == TYPE_SET;
}

static enum err twice(const struct config *c, const struct setting *s, const struct source *from,
		      char why[CONFIG_WHY_MAX])
{
	if (from->origin == ORIGIN_FILE)
		return config_refuse(why, from->where, "%s is given twice, first in line %u",
				     s->name, c->line[s - settings]);
	return config_refuse(why, from->where, "%s is given twice", s->name);
}

enum err config_take(struct config *c, const struct setting *s, const char *value,
		     const struct source *from, char why[CONFIG_WHY_MAX])
{
	size_t which = (size_t)(s - settings);
	struct field f = {.of = s, .where = from->where, .why = why};
	char *field = (char *)c + s->offset;
	bool again = from->origin == c->origin[which] && from->origin != ORIGIN_DEFAULT;
	enum err err;

	must(which < SETTINGS);
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return config_refuse(why, from->where,
					     "%s: a control character in the value", s->name);
	if (again && !is_list(s))
		return twice(c, s, from, why);
	if (again)
		memcpy(f.at, field, s->size);
	err = field_set(&f, value);
	if (err != OK)
		return err;
	if (c->origin[which] > from->origin)
		return OK;
	memcpy(field, f.at, s->size);
	c->origin[which] = (uint8_t)from->origin;
	c->line[which] = from->line;
	return OK;
}

void config_init(struct config *c)
{
	const struct source from = {.origin = ORIGIN_DEFAULT, .where = "default"};
	char why[CONFIG_WHY_MAX];

	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < SETTINGS; i++)
		must(config_take(c, &settings[i], settings[i].initial, &from, why) == OK);
}

enum err config_set(struct config *c, const char *name, const char *value, enum origin origin,
		    char why[CONFIG_WHY_MAX])
{
	const struct source from = {.origin = origin, .where = ""};
	const struct setting *s = config_find(name);

	if (!s)
		return config_refuse_name(why, "", name);
	return config_take(c, s, value, &from, why);
}

bool config_item(const char **at, struct bytes *item)
{
	size_t len = strcspn(*at, ",");

	if (len == 0)
		return false;
	*item = bytes_of(*at, len);
	*at += len + ((*at)[len] == ',');
	return true;
}
