/* Where a node lives on this machine: its configuration, keys, data, user and unit; and putting them there. */
#ifndef CLI_PLACE_H
#define CLI_PLACE_H

#include <limits.h>
#include <sys/types.h>

#include "core/config.h"
#include "core/identity.h"
#include "core/invite.h"

struct place {
	char config[PATH_MAX];  /* the file */
	char ring[PATH_MAX];    /* keyring beside it */
	char data[PATH_MAX];    /* of the role */
	char founder[PATH_MAX]; /* the mark in it */
	uid_t user;             /* witan, or ours where there is none */
	gid_t group;
	bool systemd; /* it is PID 1, and the units are installed */
};

/* All exit codes: 0, or after the sentence was said. `role` NULL: the configured one. */
int place_find(struct place *p, const struct config *c, const char *role);
/* Directories and the ring, with their owners; a ring that is there is left as it is. */
int place_make(const struct place *p, const struct keyring *ring);
int place_mark_founder(const struct place *p);
/* Writes what was asked for into the configuration file: role, seeds (NULL: unchanged), and each setting given as a flag.
 * `changed`: it is not what it was. */
int place_configure(const struct place *p, const struct config *c, const char *role,
		    const char *seeds, bool *changed);
/* Enables and starts the unit (one that runs is left alone unless `anew`), and waits until the node answers; without
 * systemd prints the command that starts it. `c` has its role. */
int place_start(const struct place *p, const struct config *c, const char *role, bool anew);
/* Asks the local node for its STATUS until `enough` says so, or wait_ms is over; the answer is in `body` then. 0,
 * EXIT_TIMEOUT with the last answer in `body` (nothing said), or another exit code after the sentence. */
int place_await(const struct config *c, bool (*enough)(void *with, struct bytes status), void *with,
		int wait_ms, struct buffer *body);
/* What admits another machine, with our address. */
int place_invite(const struct config *c, const struct keyring *ring, char out[INVITE_TEXT_MAX]);

#endif
