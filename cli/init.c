/* The first machine: `witan init` makes a cluster's id and key, marks this data directory as the founder's, and starts
 * a scheduler. `witan invite` prints what admits the next. */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/files.h"
#include "cli/keys.h"
#include "cli/place.h"
#include "core/call.h"
#include "core/invite.h"
#include "core/must.h"

static void name_cluster(char out[CLUSTER_ID_MAX_LEN + 1])
{
	char host[NAME_MAX_LEN + 1] = "";

	if (gethostname(host, sizeof(host) - 1) != 0 || !host[0])
		strcpy(host, "witan");
	host[strcspn(host, ".")] = '\0';
	snprintf(out, CLUSTER_ID_MAX_LEN + 1, "%.48s-%04x", host, randombytes_uniform(0x10000));
}

/* `--cluster NAME`, `--no-start`; the rest is settings. */
static int read_words(int count, char **rest, const char **cluster, bool *start)
{
	for (int i = 0; i < count; i++) {
		if (!strncmp(rest[i], "--cluster=", 10))
			*cluster = rest[i] + 10;
		else if (!strcmp(rest[i], "--cluster") && i + 1 < count)
			*cluster = rest[++i];
		else if (!strcmp(rest[i], "--no-start"))
			*start = false;
		else
			return fail(EXIT_USAGE,
				    "`witan init` takes --cluster NAME and --no-start, not `%s`",
				    rest[i]);
	}
	if (*cluster && (strlen(*cluster) > CLUSTER_ID_MAX_LEN || !**cluster))
		return fail(EXIT_USAGE, "a cluster's name has 1 to %u bytes", CLUSTER_ID_MAX_LEN);
	return EXIT_GOOD;
}

int init_command(int argc, char **argv)
{
	static struct config c;
	struct place place;
	struct keyring ring = {0};
	const char *cluster = NULL;
	char **rest = NULL;
	int count = 0;
	bool start = true;
	int code = settings(&c, "scheduler", argc, argv, &rest, &count);

	if (code == EXIT_GOOD)
		code = read_words(count, rest, &cluster, &start);
	if (code == EXIT_GOOD)
		code = place_find(&place, &c, "scheduler");
	bool again = code == EXIT_GOOD && file_exists(place.ring);
	if (again) {
		/* Twice is harmless: what stands is left as it is. */
		code = keys_find_ring(&c, place.data, &ring);
		if (code == EXIT_GOOD && !file_exists(place.founder))
			code = fail(EXIT_CONFIG,
				    "this machine belongs to cluster \"%s\" already, which was "
				    "made elsewhere",
				    ring.cluster);
	} else if (code == EXIT_GOOD) {
		uint8_t secret[32];
		char named[CLUSTER_ID_MAX_LEN + 1];
		name_cluster(named);
		randombytes_buf(secret, sizeof(secret));
		enum err err = keyring_make(&ring, cluster ? cluster : named, secret);
		must(err == OK);
		sodium_memzero(secret, sizeof(secret));
		code = place_make(&place, &ring);
		if (code == EXIT_GOOD)
			code = place_mark_founder(&place);
	}
	if (code == EXIT_GOOD)
		code = place_configure(&place, &c, "scheduler", NULL);
	if (code == EXIT_GOOD && start)
		code = place_start(&place, &c, "scheduler");
	if (code == EXIT_GOOD) {
		char invite[INVITE_TEXT_MAX];
		code = place_invite(&c, &ring, invite);
		if (code == EXIT_GOOD)
			printf("cluster \"%s\" is %s. More machines (the invite is a secret):\n"
			       "  sudo witan join %s\n",
			       ring.cluster, start && place.systemd ? "up" : "made", invite);
	}
	keyring_wipe(&ring);
	free(rest);
	return code;
}

int invite_command(int argc, char **argv)
{
	static struct config c;
	struct place place;
	struct keyring ring = {0};
	char invite[INVITE_TEXT_MAX];
	char **rest = NULL;
	int count = 0;
	int code = settings(&c, NULL, argc, argv, &rest, &count);

	if (code == EXIT_GOOD && count > 0)
		code = fail(EXIT_USAGE, "`witan invite` takes no `%s`", rest[0]);
	if (code == EXIT_GOOD)
		code = place_find(&place, &c, NULL);
	if (code == EXIT_GOOD)
		code = keys_find_ring(&c, place.data, &ring);
	if (code == EXIT_GOOD)
		code = place_invite(&c, &ring, invite);
	if (code == EXIT_GOOD)
		puts(invite);
	keyring_wipe(&ring);
	free(rest);
	return code;
}
