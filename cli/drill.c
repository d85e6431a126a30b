/* `witan drill`: the director is made to fall silent, as if it hung, and another takes over; then it says what that cost. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/tally.h"
#include "core/pack.h"

#define ASK_MS   10000
#define LOOK_MS  50    /* between two looks */
#define MOVE_MS  30000 /* until another directs: far above what it may take */
#define AGAIN_MS 20000 /* until the workers of what ran are heard again */

static int jobs(struct client *c, bool all, struct buffer *out)
{
	struct buffer arguments;
	struct bytes body;
	struct pack p;

	buffer_init(&arguments, 64);
	pack_init(&p, &arguments);
	pack_array(&p, 2);
	pack_bool(&p, all);
	pack_u64(&p, JOBS_SHEET_MAX);
	int code = client_call(c, CALL_JOBS, id_none, buffer_bytes(&arguments), ASK_MS, &body);
	buffer_clear(out);
	if (code == EXIT_GOOD && buffer_add(out, body) != OK)
		code = EXIT_OTHER;
	buffer_fini(&arguments);
	return code;
}

/* The director falls silent: the epoch that ends with it. */
static int begin(struct client *c, struct epoch *epoch)
{
	static const uint8_t none[] = {0x90}; /* an empty array */
	struct unpack u;
	struct bytes body;
	int code = client_call(c, CALL_DRILL, id_none, bytes_of(none, 1), ASK_MS, &body);

	if (code != EXIT_GOOD)
		return fail(code, "%s", c->why);
	unpack_init(&u, body);
	uint32_t fields = unpack_array(&u, 2);
	epoch->generation = unpack_u64(&u);
	epoch->term = unpack_u64(&u);
	unpack_rest(&u, fields > 2 ? fields - 2 : 0);
	return unpack_err(&u) ? fail(EXIT_OTHER, "the answer could not be read") : EXIT_GOOD;
}

static int read_moved(struct bytes body)
{
	char from[NAME_MAX_LEN + 1], to[NAME_MAX_LEN + 1];
	struct unpack u;

	unpack_init(&u, body);
	uint32_t fields = unpack_array(&u, 3);
	unpack_str(&u, from, sizeof(from));
	unpack_str(&u, to, sizeof(to));
	uint64_t took_ms = unpack_u64(&u);
	unpack_rest(&u, fields > 3 ? fields - 3 : 0);
	if (unpack_err(&u))
		return fail(EXIT_OTHER, "the answer could not be read");
	printf("role moved %s -> %s in %llu.%02llu s", from, to,
	       (unsigned long long)(took_ms / 1000), (unsigned long long)(took_ms % 1000 / 10));
	fflush(stdout);
	return EXIT_GOOD;
}

/* Asks until somebody directs in a later epoch, and says how he came to it. */
static int await_move(struct client *c, struct epoch epoch)
{
	struct buffer arguments;
	struct bytes body;
	struct pack p;
	int code = EXIT_NO_DIRECTOR;

	buffer_init(&arguments, 64);
	pack_init(&p, &arguments);
	pack_array(&p, 2);
	pack_u64(&p, epoch.generation);
	pack_u64(&p, epoch.term);
	for (int waited = 0; waited < MOVE_MS; waited += LOOK_MS) {
		code = client_call(c, CALL_DRILL, id_none, buffer_bytes(&arguments), ASK_MS, &body);
		if (code != EXIT_NO_DIRECTOR && code != EXIT_TIMEOUT)
			break;
		poll(NULL, 0, LOOK_MS);
	}
	if (code == EXIT_GOOD)
		code = read_moved(body);
	else
		fail(code, "the role did not move: %s", c->why);
	buffer_fini(&arguments);
	return code;
}

/* What ran is looked at until its workers have all been heard again. */
static int count(struct client *c, struct bytes before)
{
	struct tally t = {0};
	struct buffer after;
	int code = EXIT_GOOD;

	buffer_init(&after, FRAME_MAX);
	for (int waited = 0; waited < AGAIN_MS; waited += LOOK_MS) {
		code = jobs(c, true, &after);
		if (code == EXIT_GOOD) {
			t = tally_of(before, buffer_bytes(&after));
			if (t.unknown == 0)
				break;
		} else if (code != EXIT_NO_DIRECTOR && code != EXIT_TIMEOUT) {
			break;
		}
		poll(NULL, 0, LOOK_MS);
	}
	buffer_fini(&after);
	if (code != EXIT_GOOD) {
		putchar('\n');
		return fail(code, "%s", c->why);
	}
	printf("; %u jobs ran on; %u lost, %u twice", t.ran_on, t.lost, t.twice);
	if (t.unknown)
		printf("; of %u their worker is not back yet", t.unknown);
	putchar('\n');
	return t.lost || t.twice || t.unknown ? EXIT_OTHER : EXIT_GOOD;
}

static int drill(const struct config *config)
{
	struct client c;
	struct buffer before;
	struct epoch epoch = {0, 0};
	int code = client_open(&c, config);

	buffer_init(&before, FRAME_MAX);
	if (code == EXIT_GOOD)
		code = jobs(&c, false, &before);
	if (code != EXIT_GOOD)
		fail(code, "%s", c.why);
	else if ((code = begin(&c, &epoch)) == EXIT_GOOD &&
		 (code = await_move(&c, epoch)) == EXIT_GOOD)
		code = count(&c, buffer_bytes(&before));
	buffer_fini(&before);
	client_close(&c);
	return code;
}

int drill_command(int argc, char **argv)
{
	struct config config;
	char **rest = NULL;
	int words = 0;
	bool yes = false;
	int code = client_settings(&config, argc, argv, &rest, &words);

	for (int i = 0; code == EXIT_GOOD && i < words; i++) {
		if (!strcmp(rest[i], "--yes"))
			yes = true;
		else
			code = fail(EXIT_USAGE, "`witan drill` takes --yes, not `%s`", rest[i]);
	}
	free(rest);
	if (code == EXIT_GOOD && !yes)
		code = ask_first("The director falls silent for some seconds, as if it hung, and "
				 "another takes "
				 "over; what runs goes on.");
	return code == EXIT_GOOD ? drill(&config) : code;
}
