/* The commands that ask one question and print one sheet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/show.h"
#include "core/pack.h"

#define LIST_WAIT_MS 10000

/* Asks with what is packed in `arguments` and prints the answer. */
static int list(const struct config *config, enum call_verb verb, const struct buffer *arguments,
		enum show_form form, bool upright)
{
	struct client c;
	struct bytes body;
	int code = client_open(&c, config);

	if (code == EXIT_GOOD)
		code = client_call(&c, verb, id_none, buffer_bytes(arguments), LIST_WAIT_MS, &body);
	if (code != EXIT_GOOD)
		fail(code, "%s", c.why);
	else if (body.len)
		code = show_sheet(body, form, upright);
	client_close(&c);
	return code;
}

/* Settings and `-o`; what is left over is refused unless `most` words may stay. */
static int prepare(struct config *config, int argc, char **argv, enum show_form *form, char ***rest,
		   int *count)
{
	int code = client_settings(config, argc, argv, rest, count);

	if (code == EXIT_GOOD)
		code = show_flag(count, *rest, form);
	return code;
}

static int plain(const char *name, enum call_verb verb, bool upright, int argc, char **argv)
{
	struct config config;
	enum show_form form;
	struct buffer arguments;
	char **rest = NULL;
	int count = 0;
	int code = prepare(&config, argc, argv, &form, &rest, &count);

	buffer_init(&arguments, 64);
	if (code == EXIT_GOOD && count > 0)
		code = fail(EXIT_USAGE, "`witan %s` takes no `%s`", name, rest[0]);
	if (code == EXIT_GOOD) {
		struct pack p;
		pack_init(&p, &arguments);
		pack_array(&p, 0);
		code = list(&config, verb, &arguments, form, upright);
	}
	buffer_fini(&arguments);
	free(rest);
	return code;
}

int workers_command(int argc, char **argv)
{
	return plain("workers", CALL_WORKERS, false, argc, argv);
}

/* The audit: its one argument is a number of rows; 0: all. */
int audit_command(int argc, char **argv)
{
	struct config config;
	enum show_form form;
	struct buffer arguments;
	struct pack p;
	char **rest = NULL;
	int count = 0;
	int code = prepare(&config, argc, argv, &form, &rest, &count);

	buffer_init(&arguments, 64);
	if (code == EXIT_GOOD && count > 0)
		code = fail(EXIT_USAGE, "`witan audit` takes no `%s`", rest[0]);
	if (code == EXIT_GOOD) {
		pack_init(&p, &arguments);
		pack_array(&p, 1);
		pack_u64(&p, 0);
		code = list(&config, CALL_AUDIT, &arguments, form, false);
	}
	buffer_fini(&arguments);
	free(rest);
	return code;
}

int status_command(int argc, char **argv)
{
	return plain("status", CALL_STATUS, true, argc, argv);
}

int discovery_command(int argc, char **argv)
{
	return plain("discovery", CALL_DISCOVERY, false, argc, argv);
}

int members_command(int argc, char **argv)
{
	struct config config;
	enum show_form form;
	struct buffer arguments;
	struct pack p;
	char **rest = NULL;
	int count = 0;
	enum view view = VIEW_ALL;
	enum call_verb verb = CALL_MEMBERS;
	int code = prepare(&config, argc, argv, &form, &rest, &count);

	for (int i = 0; code == EXIT_GOOD && i < count; i++) {
		const char *word = rest[i];
		if (!strcmp(word, "--log"))
			verb = CALL_MEMBERS_LOG;
		else if (!strcmp(word, "--view=schedulers") ||
			 (!strcmp(word, "--view") && i + 1 < count &&
			  !strcmp(rest[i + 1], "schedulers")))
			view = VIEW_SCHEDULERS;
		else if (!strcmp(word, "--view=all") ||
			 (!strcmp(word, "--view") && i + 1 < count && !strcmp(rest[i + 1], "all")))
			view = VIEW_ALL;
		else
			code = fail(
				EXIT_USAGE,
				"`witan members` takes --view schedulers|all and --log, not `%s`",
				word);
		i += !strcmp(word, "--view");
	}
	buffer_init(&arguments, 64);
	if (code == EXIT_GOOD) {
		pack_init(&p, &arguments);
		pack_array(&p, 1);
		pack_u64(&p, view);
		code = list(&config, verb, &arguments, form, false);
	}
	buffer_fini(&arguments);
	free(rest);
	return code;
}

int jobs_command(int argc, char **argv)
{
	struct config config;
	enum show_form form;
	struct buffer arguments;
	struct pack p;
	char **rest = NULL;
	int count = 0;
	bool all = false;
	int code = prepare(&config, argc, argv, &form, &rest, &count);

	for (int i = 0; code == EXIT_GOOD && i < count; i++) {
		if (!strcmp(rest[i], "--all") || !strcmp(rest[i], "-a"))
			all = true;
		else
			code = fail(EXIT_USAGE, "`witan jobs` takes --all, not `%s`", rest[i]);
	}
	buffer_init(&arguments, 64);
	if (code == EXIT_GOOD) {
		pack_init(&p, &arguments);
		pack_array(&p, 2);
		pack_bool(&p, all);
		pack_u64(&p, 1000);
		code = list(&config, CALL_JOBS, &arguments, form, false);
	}
	buffer_fini(&arguments);
	free(rest);
	return code;
}
