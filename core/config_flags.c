/* Flags and environment. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/config_set.h"
#include "core/must.h"
#include "core/nearest.h"

#define NAME_SIZE 64u

/* `--no_spread` */
static const struct setting *flag_off(const char *name)
{
	const struct setting *s = NULL;

	if (strncmp(name, "no_", 3) == 0)
		s = config_find(name + 3);
	return s && s->type == TYPE_FLAG ? s : NULL;
}

/* One flag, at argv[*i]; moves *i on to the flag's value where that is the next argument. ERR_NOT_FOUND: no setting. */
static enum err flag_take(struct config *c, int argc, char *const *argv, int *i,
			  char why[CONFIG_WHY_MAX])
{
	const char *flag = argv[*i], *equals = strchr(flag, '=');
	size_t len = equals ? (size_t)(equals - flag) : strlen(flag);
	char name[NAME_SIZE], shown[NAME_SIZE + 2];
	const struct setting *s;
	struct source from = {.origin = ORIGIN_FLAG, .where = shown};

	if (len >= sizeof(name))
		return ERR_NOT_FOUND;
	(void)snprintf(shown, sizeof(shown), "%.*s", (int)len, flag);
	config_fold(shown + 2, name, sizeof(name));
	if (config_is_later(name))
		return config_refuse_name(why, shown, name);
	if (!equals && flag_off(name))
		return config_take(c, flag_off(name), "no", &from, why);
	s = config_find(name);
	if (!s)
		return ERR_NOT_FOUND;
	if (equals)
		return config_take(c, s, equals + 1, &from, why);
	if (s->type == TYPE_FLAG)
		return config_take(c, s, "yes", &from, why);
	if (*i + 1 >= argc || strncmp(argv[*i + 1], "--", 2) == 0)
		return config_refuse(why, shown, "it needs a value: %s=...", shown);
	return config_take(c, s, argv[++*i], &from, why);
}

enum err config_flags(struct config *c, int argc, char *const *argv, char **rest, int *rest_count,
		      char why[CONFIG_WHY_MAX])
{
	int left = 0;

	for (int i = 0; i < argc; i++) {
		enum err err = ERR_NOT_FOUND;

		if (strcmp(argv[i], "--") == 0) {
			while (i < argc)
				rest[left++] = argv[i++];
			break;
		}
		if (strncmp(argv[i], "--", 2) == 0)
			err = flag_take(c, argc, argv, &i, why);
		if (err == ERR_NOT_FOUND)
			rest[left++] = argv[i];
		else if (err != OK)
			return err;
	}
	must(left <= argc);
	*rest_count = left;
	return OK;
}

void config_unknown(const char *flag, char why[CONFIG_WHY_MAX])
{
	char name[NAME_SIZE];
	const char *near;

	while (*flag == '-')
		flag++;
	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(flag, "="), flag);
	near = nearest(name, config_names());
	if (near)
		(void)config_refuse(why, "", "no flag --%s: did you mean --%s?", name, near);
	else
		(void)config_refuse(why, "", "no flag --%s: --help lists them", name);
}

/* A WITAN_ name that is no setting is somebody else's (jobs get WITAN_JOB and more), unless it is a slip of ours. */
static enum err stranger_check(const char *variable, const char *name, char why[CONFIG_WHY_MAX])
{
	const char *near = nearest(name, config_names());

	if (config_is_later(name))
		return config_refuse_name(why, variable, name);
	if (near && strlen(name) > 6)
		return config_refuse_name(why, variable, name);
	return OK;
}

enum err config_env(struct config *c, const char *const *environ, char why[CONFIG_WHY_MAX])
{
	enum err err = OK;

	for (; *environ && err == OK; environ++) {
		const char *equals = strchr(*environ, '=');
		char variable[NAME_SIZE], name[NAME_SIZE];
		struct source from = {.origin = ORIGIN_ENVIRONMENT, .where = variable};
		const struct setting *s;
		size_t len;

		if (!equals || strncmp(*environ, "WITAN_", 6) != 0)
			continue;
		len = (size_t)(equals - *environ);
		if (len >= sizeof(variable))
			continue;
		memcpy(variable, *environ, len);
		variable[len] = '\0';
		config_fold(variable + 6, name, sizeof(name));
		s = config_find(name);
		if (s)
			err = config_take(c, s, equals + 1, &from, why);
		else
			err = stranger_check(variable, name, why);
	}
	return err;
}

static const char *value_word(const struct setting *s)
{
	must(s->type <= TYPE_IP);
	switch (s->type) {
	case TYPE_NUMBER:
		return "=N";
	case TYPE_SIZE:
		return "=SIZE";
	case TYPE_FLAG:
		return "";
	case TYPE_TEXT:
		return "=TEXT";
	case TYPE_CHOICE:
		return "=WORD";
	case TYPE_SET:
		return "=WORD,...";
	case TYPE_LIST:
		return "=TEXT,...";
	case TYPE_CIDRS:
		return "=CIDR,...";
	case TYPE_HOSTS:
		return "=HOST,...";
	case TYPE_IP:
		return "=IP";
	}
	return "";
}

enum err config_help(struct buffer *out)
{
	const char *section = "";
	enum err err = OK;

	for (size_t i = 0; i < SETTINGS && err == OK; i++) {
		const struct setting *s = config_setting((enum setting_id)i);
		char flag[NAME_SIZE], text[512];
		bool opens = strcmp(section, s->section) != 0;

		section = s->section;
		(void)snprintf(flag, sizeof(flag), "--%s%s", s->name, value_word(s));
		(void)snprintf(text, sizeof(text), "%s%s%s%s  %-32s %s%s%s%s\n",
			       opens && i > 0 ? "\n" : "", opens ? "[" : "", opens ? section : "",
			       opens ? "]\n" : "", flag, s->help, s->initial[0] ? " (" : "",
			       s->initial, s->initial[0] ? ")" : "");
		err = buffer_add(out, bytes_str(text));
	}
	return err;
}
