/* `witan director`: who directs, who could, and moving it from one to another. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/show.h"
#include "core/pack.h"
#include "sched/store.h"

#define SHOW_WAIT_MS   10000
#define SWITCH_WAIT_MS 50000 /* above what one node waits for another's answer */

static int show_director(const struct config *config, enum show_form form)
{
	static const uint8_t none[] = {0x90}; /* an empty array */
	struct client c = {.fd = -1};
	struct bytes body;
	int code = client_open(&c, config);

	if (code == EXIT_GOOD)
		code = client_call(&c, CALL_DIRECTOR, id_none, bytes_of(none, 1), SHOW_WAIT_MS,
				   &body);
	if (code == EXIT_GOOD)
		code = show_parts(body, form, STORE_SHEET_LEAD);
	else
		fail(code, "%s", c.why);
	client_close(&c);
	return code;
}

/* --- switch-over --- */

struct wish {
	const char *to;
	bool wait, force;
};

static int read_wish(struct wish *w, int count, char **rest)
{
	for (int i = 0; i < count; i++) {
		if (!strcmp(rest[i], "--wait"))
			w->wait = true;
		else if (!strcmp(rest[i], "--force"))
			w->force = true;
		else if (!strncmp(rest[i], "--to=", 5))
			w->to = rest[i] + 5;
		else if (!strcmp(rest[i], "--to") && i + 1 < count)
			w->to = rest[++i];
		else
			return fail(
				EXIT_USAGE,
				"`witan director switch-over` takes --to NODE, --wait and --force, "
				"not `%s`",
				rest[i]);
	}
	if (w->wait && w->force)
		return fail(EXIT_USAGE, "--wait and --force: one or the other");
	if (w->to && strlen(w->to) > NAME_MAX_LEN)
		return fail(EXIT_USAGE, "no node's name is longer than %u bytes", NAME_MAX_LEN);
	return EXIT_GOOD;
}

static int print_moved(struct bytes body)
{
	char to[NAME_MAX_LEN + 1], from[NAME_MAX_LEN + 1];
	struct unpack u;

	unpack_init(&u, body);
	uint32_t count = unpack_array(&u, 3);
	unpack_str(&u, to, sizeof(to));
	unpack_str(&u, from, sizeof(from));
	uint64_t took_ms = unpack_u64(&u);
	unpack_rest(&u, count - (count >= 3 ? 3 : count));
	if (unpack_err(&u))
		return fail(EXIT_OTHER, "the answer could not be read");
	printf("role moved %s -> %s in %llu ms\n", from, to, (unsigned long long)took_ms);
	return EXIT_GOOD;
}

/* With --wait the director answers now and then that it still waits: it is asked again. */
static int switch_over(const struct config *config, const struct wish *w)
{
	struct client c = {.fd = -1};
	struct buffer arguments;
	struct bytes body = {0};
	struct pack p;
	int code = client_open(&c, config);

	buffer_init(&arguments, 256);
	pack_init(&p, &arguments);
	pack_array(&p, 4);
	pack_str(&p, w->to ? w->to : "");
	pack_bool(&p, w->wait);
	pack_bool(&p, w->force);
	pack_bool(&p, false); /* a person's wish, no preference */
	if (code == EXIT_GOOD)
		do
			code = client_call(&c, CALL_SWITCH_OVER, id_none, buffer_bytes(&arguments),
					   SWITCH_WAIT_MS, &body);
		while (code == EXIT_TIMEOUT && w->wait);
	if (code == EXIT_GOOD)
		code = print_moved(body);
	else
		fail(code, "%s", c.why);
	buffer_fini(&arguments);
	client_close(&c);
	return code;
}

int director_command(int argc, char **argv)
{
	struct config config;
	enum show_form form;
	struct wish wish = {0};
	char **rest = NULL;
	int count = 0;

	int code = client_settings(&config, argc, argv, &rest, &count);
	if (code == EXIT_GOOD)
		code = show_flag(&count, rest, &form);
	if (code == EXIT_GOOD && count == 0) {
		code = show_director(&config, form);
	} else if (code == EXIT_GOOD && !strcmp(rest[0], "switch-over")) {
		code = read_wish(&wish, count - 1, rest + 1);
		if (code == EXIT_GOOD)
			code = switch_over(&config, &wish);
	} else if (code == EXIT_GOOD && !strcmp(rest[0], "confirm-loss")) {
		code = confirm_loss(&config, count - 1, rest + 1);
	} else if (code == EXIT_GOOD) {
		code = fail(EXIT_USAGE,
			    "`witan director` takes switch-over and confirm-loss, not `%s`",
			    rest[0]);
	}
	free(rest);
	return code;
}
