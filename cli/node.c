/* What is done to the local node: `witan node stop|leave|abort`; and its counters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/command.h"
#include "core/pack.h"

#define NODE_WAIT_MS 10000

struct wish {
	enum call_verb verb;
	bool hand_over;
	bool yes; /* not to be asked */
};

static int read_wish(struct wish *w, int count, char **rest)
{
	static const struct {
		const char *word;
		enum call_verb verb;
	} words[] = {{"stop", CALL_STOP}, {"leave", CALL_LEAVE}, {"abort", CALL_ABORT}};
	bool known = false;

	for (size_t i = 0; count > 0 && i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(rest[0], words[i].word)) {
			w->verb = words[i].verb;
			known = true;
		}
	if (!known)
		return fail(EXIT_USAGE,
			    "say what: witan node stop [--hand-over], leave or abort [--yes]");
	for (int i = 1; i < count; i++) {
		if (w->verb == CALL_STOP && !strcmp(rest[i], "--hand-over"))
			w->hand_over = true;
		else if (w->verb != CALL_STOP && !strcmp(rest[i], "--yes"))
			w->yes = true;
		else
			return fail(EXIT_USAGE, "`witan node %s` takes no `%s`", rest[0], rest[i]);
	}
	return EXIT_GOOD;
}

static int ask(const struct wish *w)
{
	if (w->yes || w->verb == CALL_STOP)
		return EXIT_GOOD;
	if (w->verb == CALL_ABORT)
		return ask_first("The local node ends at once, without a word, as by kill -9.");
	return ask_first("The local node leaves for good: it gives up its vote, and ends.");
}

static int tell_local(const struct wish *w, const struct config *config)
{
	struct client c = {.fd = -1};
	struct buffer arguments;
	struct bytes body;
	struct pack p;
	int code = client_open(&c, config);
	bool there = code == EXIT_GOOD;

	buffer_init(&arguments, 64);
	pack_init(&p, &arguments);
	pack_array(&p, 1);
	pack_bool(&p, w->hand_over);
	if (code == EXIT_GOOD)
		code = client_call(&c, w->verb, id_none, buffer_bytes(&arguments), NODE_WAIT_MS,
				   &body);
	if (w->verb == CALL_ABORT && there && c.fd < 0)
		code = EXIT_GOOD; /* it is gone, as it should be */
	if (code != EXIT_GOOD)
		fail(code, "%s", c.why);
	buffer_fini(&arguments);
	client_close(&c);
	return code;
}

int node_command(int argc, char **argv)
{
	struct config config;
	struct wish wish = {0};
	char **rest = NULL;
	int count = 0;
	int code = client_settings(&config, argc, argv, &rest, &count);

	if (code == EXIT_GOOD)
		code = read_wish(&wish, count, rest);
	if (code == EXIT_GOOD)
		code = ask(&wish);
	if (code == EXIT_GOOD)
		code = tell_local(&wish, &config);
	free(rest);
	return code;
}

int metrics_command(int argc, char **argv)
{
	struct config config;
	struct client c = {.fd = -1};
	struct bytes body = {0};
	char **rest = NULL;
	int count = 0;
	static const uint8_t none[] = {0x90}; /* an empty array */
	int code = client_settings(&config, argc, argv, &rest, &count);

	if (code == EXIT_GOOD && count > 0)
		code = fail(EXIT_USAGE, "no `%s` is known here", rest[0]);
	if (code == EXIT_GOOD && (code = client_open(&c, &config)) != EXIT_GOOD)
		fail(code, "%s", c.why);
	else if (code == EXIT_GOOD &&
		 (code = client_call(&c, CALL_METRICS, id_none, bytes_of(none, 1), NODE_WAIT_MS,
				     &body)) != EXIT_GOOD)
		fail(code, "%s", c.why);
	if (code == EXIT_GOOD)
		fwrite(body.at, 1, body.len, stdout);
	client_close(&c);
	free(rest);
	return code;
}
