/* What is done to the local node: `witan node stop`; and its counters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "core/pack.h"

#define NODE_WAIT_MS 10000

static int ask_local(int argc, char **argv, const char *word, enum call_verb verb, bool print)
{
	struct config config;
	struct client c = {.fd = -1};
	struct bytes body = {0};
	char **rest = NULL;
	int count = 0;
	static const uint8_t none[] = {0x90}; /* an empty array */
	int code = client_settings(&config, argc, argv, &rest, &count);

	if (code == EXIT_GOOD && word && (count != 1 || strcmp(rest[0], word) != 0))
		code = fail(EXIT_USAGE, "say what: witan node %s", word);
	else if (code == EXIT_GOOD && !word && count > 0)
		code = fail(EXIT_USAGE, "no `%s` is known here", rest[0]);
	if (code == EXIT_GOOD && (code = client_open(&c, &config)) != EXIT_GOOD)
		fail(code, "%s", c.why);
	else if (code == EXIT_GOOD && (code = client_call(&c, verb, id_none, bytes_of(none, 1),
							  NODE_WAIT_MS, &body)) != EXIT_GOOD)
		fail(code, "%s", c.why);
	if (code == EXIT_GOOD && print)
		fwrite(body.at, 1, body.len, stdout);
	client_close(&c);
	free(rest);
	return code;
}

int node_command(int argc, char **argv)
{
	return ask_local(argc, argv, "stop", CALL_STOP, false);
}

int metrics_command(int argc, char **argv)
{
	return ask_local(argc, argv, NULL, CALL_METRICS, true);
}
