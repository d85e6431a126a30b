#include "cli/keys.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/files.h"
#include "core/call.h"
#include "core/must.h"

#define KEY_FILE_MAX 4096u

static int read_ring(const char *path, struct keyring *ring, bool *found)
{
	struct buffer text;
	int code = EXIT_GOOD;

	buffer_init(&text, KEY_FILE_MAX);
	enum err err = file_read(path, &text);
	*found = err != ERR_NOT_FOUND;
	if (err == ERR_DENIED)
		code = fail(EXIT_DENIED, "%s: permission denied: run as root or as user witan",
			    path);
	else if (err && *found)
		code = fail(EXIT_CONFIG, "%s: %s", path, err_text(err));
	else if (*found && keyring_get(buffer_bytes(&text), ring) != OK)
		code = fail(EXIT_CONFIG,
			    "%s is not a keyring: write it anew with \"witan join INVITE\"", path);
	if (text.at)
		sodium_memzero(text.at, text.len);
	buffer_fini(&text);
	return code;
}

int keys_find_ring(const struct config *c, const char *root, struct keyring *ring)
{
	char beside[PATH_MAX] = "", own[PATH_MAX];
	bool found = false;

	snprintf(own, sizeof(own), "%s/keyring", root);
	if (c->path[0]) {
		const char *slash = strrchr(c->path, '/');
		snprintf(beside, sizeof(beside), "%.*skeyring",
			 slash ? (int)(slash - c->path + 1) : 0, c->path);
	}
	const char *const where[] = {own, beside, KEYRING_FILE};
	for (size_t i = 0; i < 3 && !found; i++) {
		int code = where[i][0] ? read_ring(where[i], ring, &found) : EXIT_GOOD;
		if (code != EXIT_GOOD)
			return code;
	}
	if (!found)
		return fail(EXIT_CONFIG,
			    "no cluster key: run \"witan init\" on the first machine, or "
			    "\"witan join INVITE\" here");
	if (c->cluster_id[0] && strcmp(c->cluster_id, ring->cluster) != 0)
		return fail(EXIT_CONFIG, "cluster_id is %s, but the key is of cluster %s",
			    c->cluster_id, ring->cluster);
	return EXIT_GOOD;
}

int keys_own(const char *root, struct identity *me)
{
	char path[PATH_MAX];
	struct buffer text;
	uint8_t seed[32];
	int code = EXIT_GOOD;

	snprintf(path, sizeof(path), "%s/node.key", root);
	buffer_init(&text, KEY_FILE_MAX);
	enum err err = file_read(path, &text);
	if (err == ERR_NOT_FOUND) {
		randombytes_buf(seed, sizeof(seed));
		err = identity_put(seed, &text);
		must(err == OK);
		err = file_write(path, buffer_bytes(&text), 0600, (gid_t)-1);
		sodium_memzero(seed, sizeof(seed));
	}
	if (err)
		code = fail(EXIT_CONFIG, "%s: %s", path, err_text(err));
	else if (identity_get(buffer_bytes(&text), me) != OK)
		code = fail(EXIT_CONFIG,
			    "%s is damaged: remove it, and this node comes back as a new one",
			    path);
	if (text.at)
		sodium_memzero(text.at, text.len);
	buffer_fini(&text);
	return code;
}

int keys_write_ring(const char *path, const struct keyring *ring, unsigned group)
{
	struct buffer text;

	buffer_init(&text, KEY_FILE_MAX);
	enum err err = keyring_put(ring, &text);
	if (!err)
		err = file_write(path, buffer_bytes(&text), 0640, (gid_t)group);
	if (text.at)
		sodium_memzero(text.at, text.len);
	buffer_fini(&text);
	return err ? fail(EXIT_CONFIG, "%s: %s", path, err_text(err)) : EXIT_GOOD;
}
