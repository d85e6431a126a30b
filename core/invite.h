/* An invite admits a machine: `wi1-` + base58 of what it carries, with a checksum, then optionally `@address`.
 *
 * In this version it carries the cluster's id and key themselves, so it is a secret; what it carries will change, the
 * word and the command will not. */
#ifndef CORE_INVITE_H
#define CORE_INVITE_H

#include "core/identity.h"

#define INVITE_TEXT_MAX 512u

struct invite {
	struct keyring ring;           /* its first key only */
	char address[INVITE_TEXT_MAX]; /* `host[:port]`, or "" */
};

/* Into `out`, terminated. */
MUST_USE enum err invite_print(const struct invite *invite, char out[INVITE_TEXT_MAX]);
/* ERR_MALFORMED: not an invite, or mistyped (the checksum tells); ERR_VERSION: of a newer form. */
MUST_USE enum err invite_parse(const char *text, struct invite *out);

#endif
