/* What only a person can know: `witan director confirm-loss`, `witan store retire`. The node says what would be done; the
 * person says yes; the node does it when nothing has changed meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/command.h"
#include "core/limits.h"
#include "core/pack.h"

#define CONFIRM_WAIT_MS 20000
#define CONFIRM_TEXT    4096u

struct told {
	uint64_t facts;
	char text[CONFIRM_TEXT];
};

static int ask(struct client *c, enum call_verb verb, bool acts, uint64_t facts, int count,
	       char **names, struct told *out)
{
	struct buffer arguments;
	struct bytes body;
	struct unpack u;
	struct pack p;
	int code;

	buffer_init(&arguments, FRAME_MAX);
	pack_init(&p, &arguments);
	pack_array(&p, 3);
	pack_bool(&p, acts);
	pack_u64(&p, facts);
	pack_array(&p, (uint32_t)count);
	for (int i = 0; i < count; i++)
		pack_str(&p, names[i]);
	code = client_call(c, verb, id_none, buffer_bytes(&arguments), CONFIRM_WAIT_MS, &body);
	buffer_fini(&arguments);
	if (code != EXIT_GOOD)
		return fail(code, "%s", c->why);
	unpack_init(&u, body);
	uint32_t fields = unpack_array(&u, 2);
	out->facts = unpack_u64(&u);
	unpack_str(&u, out->text, sizeof(out->text));
	unpack_rest(&u, fields - (fields >= 2 ? 2 : fields));
	return unpack_err(&u) ? fail(EXIT_OTHER, "the answer could not be read") : EXIT_GOOD;
}

static bool says_yes(void)
{
	char line[16] = "";

	fputs("\nDo it? yes/no: ", stderr);
	return fgets(line, sizeof(line), stdin) && !strcmp(line, "yes\n");
}

/* `usage` stands behind "say which: ". */
static int confirm(const struct config *config, enum call_verb verb, const char *usage, int count,
		   char **rest)
{
	struct client c = {.fd = -1};
	struct told told = {0};
	int names = 0, code = EXIT_GOOD;
	bool yes = false;

	for (int i = 0; code == EXIT_GOOD && i < count; i++) {
		if (!strcmp(rest[i], "--yes"))
			yes = true;
		else if (rest[i][0] == '-')
			code = fail(EXIT_USAGE, "no `%s` is known here", rest[i]);
		else if (strlen(rest[i]) > NAME_MAX_LEN)
			code = fail(EXIT_USAGE, "no name is longer than %u bytes", NAME_MAX_LEN);
		else
			rest[names++] = rest[i];
	}
	if (code == EXIT_GOOD && (names == 0 || names > (int)STORE_REPLICAS_MAX))
		code = fail(EXIT_USAGE, "say which: %s", usage);
	if (code == EXIT_GOOD && (code = client_open(&c, config)) != EXIT_GOOD)
		fail(code, "%s", c.why);
	if (code == EXIT_GOOD)
		code = ask(&c, verb, false, 0, names, rest, &told);
	if (code == EXIT_GOOD) {
		puts(told.text);
		fflush(stdout);
		if (!yes && !says_yes())
			code = fail(EXIT_OTHER, "nothing was done");
	}
	if (code == EXIT_GOOD)
		code = ask(&c, verb, true, told.facts, names, rest, &told);
	if (code == EXIT_GOOD)
		puts(told.text);
	client_close(&c);
	return code;
}

int confirm_loss(const struct config *config, int count, char **rest)
{
	return confirm(config, CALL_CONFIRM_LOSS, "witan director confirm-loss NODE… [--yes]",
		       count, rest);
}

int store_command(int argc, char **argv)
{
	struct config config;
	char **rest = NULL;
	int count = 0;
	int code = client_settings(&config, argc, argv, &rest, &count);

	if (code == EXIT_GOOD && (count == 0 || strcmp(rest[0], "retire") != 0))
		code = fail(EXIT_USAGE, "say what: witan store retire ID [--yes]");
	if (code == EXIT_GOOD)
		code = confirm(&config, CALL_RETIRE, "witan store retire ID [--yes]", count - 1,
			       rest + 1);
	free(rest);
	return code;
}
