/* The first machine: `witan init` makes a cluster's id and key, marks this data directory as the founder's, and starts
 * a scheduler. `witan invite` prints what admits the next. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/address.h"
#include "cli/command.h"
#include "cli/files.h"
#include "cli/keys.h"
#include "cli/place.h"
#include "cli/row.h"
#include "core/call.h"
#include "core/invite.h"
#include "core/limits.h"
#include "core/must.h"

#define DIRECTOR_WAIT_MS 20000

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
	if (*cluster && !keyring_names_cluster(*cluster))
		return fail(EXIT_USAGE,
			    "a cluster's name has 1 to %u bytes, no `/`, and no `.` in front",
			    CLUSTER_ID_MAX_LEN);
	return EXIT_GOOD;
}

static void make_ring(const char *cluster, struct keyring *ring)
{
	char named[CLUSTER_ID_MAX_LEN + 1];
	uint8_t secret[32];

	name_cluster(named);
	randombytes_buf(secret, sizeof(secret));
	enum err err = keyring_make(ring, cluster ? cluster : named, secret);
	must(err == OK);
	sodium_memzero(secret, sizeof(secret));
}

/* Twice is harmless: what stands is left as it is. */
static int found_cluster(const struct config *c, const struct place *place, const char *cluster,
			 struct keyring *ring)
{
	if (!file_exists(place->ring)) {
		make_ring(cluster, ring);
		int code = place_make(place, ring);
		return code == EXIT_GOOD ? place_mark_founder(place) : code;
	}
	int code = keys_find_ring(c, place->data, ring);
	if (code != EXIT_GOOD)
		return code;
	if (!file_exists(place->founder))
		return fail(EXIT_CONFIG,
			    "this machine belongs to cluster \"%s\" already, which was made "
			    "elsewhere",
			    ring->cluster);
	if (cluster && strcmp(cluster, ring->cluster) != 0)
		return fail(EXIT_CONFIG, "this machine has made cluster \"%s\" already",
			    ring->cluster);
	return place_make(place, ring);
}

static bool has_director(void *with, struct bytes status)
{
	char name[NAME_MAX_LEN + 1];

	(void)with;
	return row_text(status, 0, "director", name, sizeof(name)) && name[0];
}

static int tell(const struct config *c, const struct place *place, const struct keyring *ring,
		bool started)
{
	char invite[INVITE_TEXT_MAX], name[NAME_MAX_LEN + 1] = "";
	struct buffer status;
	struct addr addr;
	int code = place_invite(c, ring, invite);

	buffer_init(&status, FRAME_MAX);
	if (code == EXIT_GOOD && started && place->systemd) {
		code = place_await(c, has_director, NULL, DIRECTOR_WAIT_MS, &status);
		if (code == EXIT_TIMEOUT)
			fail(code,
			     "cluster \"%s\" is up, but has no director yet: journalctl -u "
			     "scheduler",
			     ring->cluster);
		if (code == EXIT_GOOD &&
		    row_text(buffer_bytes(&status), 0, "director", name, sizeof(name)) &&
		    (code = address_choose(c, &addr)) == EXIT_GOOD)
			printf("cluster \"%s\" is up, director %s (%s). More machines:  sudo witan "
			       "join %s\n",
			       ring->cluster, name, addr_ip_text(addr).s, invite);
	} else if (code == EXIT_GOOD) {
		printf("cluster \"%s\" is made. More machines:  sudo witan join %s\n",
		       ring->cluster, invite);
	}
	if (code == EXIT_GOOD && isatty(STDOUT_FILENO))
		fputs("The invite is a secret: who has it can join.\n", stderr);
	buffer_fini(&status);
	sodium_memzero(invite, sizeof(invite));
	return code;
}

int init_command(int argc, char **argv)
{
	static struct config c;
	struct place place;
	struct keyring ring = {0};
	const char *cluster = NULL;
	char **rest = NULL;
	int count = 0;
	bool start = true, changed = false;
	int code = settings_to_write(&c, "scheduler", argc, argv, &rest, &count);

	if (code == EXIT_GOOD)
		code = read_words(count, rest, &cluster, &start);
	if (code == EXIT_GOOD)
		code = place_find(&place, &c, "scheduler");
	if (code == EXIT_GOOD)
		code = found_cluster(&c, &place, cluster, &ring);
	if (code == EXIT_GOOD)
		code = place_configure(&place, &c, "scheduler", NULL, &changed);
	if (code == EXIT_GOOD && start)
		code = place_start(&place, &c, "scheduler", changed);
	if (code == EXIT_GOOD)
		code = tell(&c, &place, &ring, start);
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
