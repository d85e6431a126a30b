/* One job: what it is, what it wrote, giving it up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/follow.h"
#include "cli/show.h"
#include "core/must.h"

#define JOB_CALL_WAIT_MS 10000

static int ask(struct client *c, enum call_verb verb, const char *name, struct bytes *body)
{
	struct buffer b;
	int code;

	buffer_init(&b, 256);
	if (job_name_put(name, &b) != OK)
		code = fail(EXIT_USAGE, "`%s` is not the id of a job", name);
	else if ((code = client_call(c, verb, id_none, buffer_bytes(&b), JOB_CALL_WAIT_MS, body)) !=
		 EXIT_GOOD)
		fail(code, "%s", c->why);
	buffer_fini(&b);
	return code;
}

int job_command(int argc, char **argv)
{
	struct config config;
	enum show_form form = SHOW_TABLE;
	struct client c = {.fd = -1};
	struct bytes body = {0};
	char **rest = NULL;
	int count = 0;
	int code = client_settings(&config, argc, argv, &rest, &count);

	if (code == EXIT_GOOD)
		code = show_flag(&count, rest, &form);
	if (code == EXIT_GOOD &&
	    (count != 2 || (strcmp(rest[0], "show") != 0 && strcmp(rest[0], "cancel") != 0)))
		code = fail(EXIT_USAGE, "say which: witan job show ID, or witan job cancel ID");
	if (code == EXIT_GOOD && (code = client_open(&c, &config)) != EXIT_GOOD)
		fail(code, "%s", c.why);
	if (code == EXIT_GOOD) {
		bool show = !strcmp(rest[0], "show");
		code = ask(&c, show ? CALL_JOB : CALL_JOB_CANCEL, rest[1], &body);
		if (code == EXIT_GOOD && show)
			code = show_sheet(body, form, true);
	}
	client_close(&c);
	free(rest);
	return code;
}

/* The whole id behind a prefix. */
static int find_job(struct client *c, const char *name, struct id *out)
{
	struct wait_ask question = {0};
	struct job_news news;
	struct buffer b;
	struct bytes body;
	int code = EXIT_GOOD;

	if (strlen(name) >= sizeof(question.prefix))
		return fail(EXIT_USAGE, "`%s` is not the id of a job", name);
	memcpy(question.prefix, name, strlen(name) + 1);
	buffer_init(&b, 256);
	enum err err = wait_ask_put(&question, &b);
	must(err == OK);
	code = client_call(c, CALL_JOB_WAIT, id_none, buffer_bytes(&b), JOB_CALL_WAIT_MS, &body);
	if (code != EXIT_GOOD)
		fail(code, "%s", c->why);
	else if (job_news_get(body, &news) != OK)
		code = fail(EXIT_OTHER, "the answer could not be read");
	else
		*out = news.job;
	buffer_fini(&b);
	return code;
}

int logs_command(int argc, char **argv)
{
	struct config config;
	struct client c = {.fd = -1};
	struct follow f = {.quiet = true};
	struct outcome outcome;
	const char *name = NULL;
	char **rest = NULL;
	int count = 0;
	int code = client_settings(&config, argc, argv, &rest, &count);

	for (int i = 0; code == EXIT_GOOD && i < count; i++) {
		if (!strcmp(rest[i], "-f") || !strcmp(rest[i], "--follow"))
			f.until_end = true;
		else if (rest[i][0] != '-' && !name)
			name = rest[i];
		else
			code = fail(EXIT_USAGE, "`witan logs` takes -f and one ID, not `%s`",
				    rest[i]);
	}
	if (code == EXIT_GOOD && !name)
		code = fail(EXIT_USAGE, "say which: witan logs [-f] ID");
	if (code == EXIT_GOOD && (code = client_open(&c, &config)) != EXIT_GOOD)
		fail(code, "%s", c.why);
	if (code == EXIT_GOOD)
		code = find_job(&c, name, &f.job);
	if (code == EXIT_GOOD && (code = follow(&c, &f, &outcome)) == EXIT_NOBODY)
		fail(code, "%s", c.why);
	client_close(&c);
	free(rest);
	return code;
}
