/* The configuration of one command: file, environment, flags. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/files.h"
#include "cli/show.h"
#include "core/call.h"
#include "core/must.h"

#define CONFIG_FILE     "/etc/witan/witan.conf"
#define CONFIG_FILE_MAX (1u << 20)

extern char **environ;

/* --config may stand anywhere among the flags, and must be known before they are read. */
static const char *named_file(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (!strncmp(argv[i], "--config=", 9))
			return argv[i] + 9;
		if (!strcmp(argv[i], "--config") && i + 1 < argc)
			return argv[i + 1];
	}
	return getenv("WITAN_CONFIG");
}

static int read_file(struct config *c, const char *named, bool may_lack)
{
	char why[CONFIG_WHY_MAX];
	const char *path = named ? named : CONFIG_FILE;
	struct buffer text;
	int code = EXIT_GOOD;

	buffer_init(&text, CONFIG_FILE_MAX);
	enum err err = file_read(path, &text);
	if (err == ERR_NOT_FOUND && (!named || may_lack))
		err = OK;
	else if (err == ERR_DENIED && !named)
		code = fail(EXIT_DENIED,
			    "%s: permission denied: sudo usermod -aG witan $USER, then log in "
			    "again",
			    path);
	else if (err)
		code = fail(EXIT_CONFIG, "%s: %s", path, err_text(err));
	else if (config_file(c, path, buffer_bytes(&text), why) != OK)
		code = fail(EXIT_CONFIG, "%s", why);
	buffer_fini(&text);
	return code;
}

static int gather(struct config *c, const char *role, bool may_lack, int argc, char **argv,
		  char ***rest, int *rest_count)
{
	char why[CONFIG_WHY_MAX];

	*rest_count = 0;
	*rest = calloc((size_t)argc + 1, sizeof(**rest));
	must(*rest);
	config_init(c);
	int code = read_file(c, named_file(argc, argv), may_lack);
	if (code != EXIT_GOOD)
		return code;
	if (config_env(c, (const char *const *)environ, why) != OK ||
	    config_flags(c, argc, argv, *rest, rest_count, why) != OK)
		return fail(EXIT_CONFIG, "%s", why);
	if (role && config_set(c, "role", role, ORIGIN_FLAG, why) != OK)
		return fail(EXIT_CONFIG, "%s", why);
	return EXIT_GOOD;
}

int settings(struct config *c, const char *role, int argc, char **argv, char ***rest,
	     int *rest_count)
{
	return gather(c, role, false, argc, argv, rest, rest_count);
}

int settings_to_write(struct config *c, const char *role, int argc, char **argv, char ***rest,
		      int *rest_count)
{
	return gather(c, role, true, argc, argv, rest, rest_count);
}

/* Flags that a program asking a node understands; `--name` of a job is not `--name` of a node. */
static bool is_client_flag(const char *word, bool *takes_next)
{
	static const char *const names[] = {"--socket", "--address", "--config", "--data_dir",
					    "--data-dir"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t len = strlen(names[i]);
		if (strncmp(word, names[i], len) != 0 || (word[len] != '=' && word[len] != '\0'))
			continue;
		*takes_next = word[len] == '\0';
		return true;
	}
	return false;
}

int client_settings(struct config *c, int argc, char **argv, char ***rest, int *rest_count)
{
	char **ours = calloc((size_t)argc + 1, sizeof(*ours));
	char **none = NULL;
	int our_count = 0, none_count = 0;
	bool end = false, next = false;

	must(ours);
	*rest_count = 0;
	*rest = calloc((size_t)argc + 1, sizeof(**rest));
	must(*rest);
	for (int i = 0; i < argc; i++) {
		end = end || !strcmp(argv[i], "--");
		if (end || !is_client_flag(argv[i], &next)) {
			(*rest)[(*rest_count)++] = argv[i];
			continue;
		}
		ours[our_count++] = argv[i];
		if (next && i + 1 < argc)
			ours[our_count++] = argv[++i];
	}
	int code = settings(c, NULL, our_count, ours, &none, &none_count);
	free(none);
	free(ours);
	return code;
}

/* Name, value and, when asked for, where it came from. */
static int show(const struct config *c, enum show_form form, bool origin)
{
	struct sheet s;
	struct buffer packed;

	config_show(c, &s);
	buffer_init(&packed, CONFIG_FILE_MAX);
	enum err err = sheet_put(&s, &packed);
	must(err == OK);
	int code = show_sheet(buffer_bytes(&packed),
			      origin && form == SHOW_TABLE ? SHOW_WIDE : form, false);
	sheet_fini(&s);
	buffer_fini(&packed);
	return code;
}

int config_command(int argc, char **argv)
{
	enum show_form form = SHOW_TABLE;
	struct config c;
	char why[CONFIG_WHY_MAX];
	char **rest = NULL;
	int count = 0;
	bool origin = false;
	const char *what = NULL;
	int code = settings(&c, NULL, argc, argv, &rest, &count);

	if (code == EXIT_GOOD)
		code = show_flag(&count, rest, &form);
	for (int i = 0; code == EXIT_GOOD && i < count; i++) {
		if (!strcmp(rest[i], "--origin"))
			origin = true;
		else if (!what && (!strcmp(rest[i], "check") || !strcmp(rest[i], "show") ||
				   !strcmp(rest[i], "default")))
			what = rest[i];
		else if (rest[i][0] == '-') {
			config_unknown(rest[i], why);
			code = fail(EXIT_USAGE, "%s", why);
		} else
			code = fail(EXIT_USAGE,
				    "`witan config` takes check, show or default, not `%s`",
				    rest[i]);
	}
	if (code == EXIT_GOOD && !what)
		code = fail(EXIT_USAGE,
			    "say what: witan config check, or witan config show --origin");
	if (code == EXIT_GOOD && !strcmp(what, "default")) {
		struct buffer text;
		buffer_init(&text, CONFIG_FILE_MAX);
		if (config_write_default(&text) == OK)
			fwrite(text.at, 1, text.len, stdout);
		buffer_fini(&text);
	} else if (code == EXIT_GOOD && config_check(&c, why) != OK) {
		code = fail(EXIT_CONFIG, "%s", why);
	} else if (code == EXIT_GOOD && !strcmp(what, "show")) {
		code = show(&c, form, origin);
	} else if (code == EXIT_GOOD) {
		printf("the configuration is good%s%s\n", c.path[0] ? ": " : "", c.path);
	}
	free(rest);
	return code;
}
