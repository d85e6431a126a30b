/* Where log entries go: systemd's journal, stderr or a file.
 *
 * The journal is spoken to through its native protocol, so that one entry is one record however many lines it has, and
 * carries its fields. libsystemd says nothing when there is no journal to hear it: so the socket is looked for before
 * each entry, and what the journal does not take goes to stderr. A journal that is frozen makes us wait once its queue is
 * full: losing what operators and tests rely on would be worse.
 *
 * `auto` takes the journal when stderr is connected to it (JOURNAL_STREAM names it), as in a unit. */
#ifndef NET_JOURNAL_H
#define NET_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"
#include "core/log.h"

#define JOURNAL_FIELDS_MAX 24u        /* of one entry, our own included; more are left out */
#define JOURNAL_ENTRY_MAX  (8u << 20) /* a block of all members fits; a longer entry is cut */

enum journal_to { JOURNAL_NATIVE, JOURNAL_FILE };

struct journal {
	enum journal_to to;
	int fd;              /* of stderr, or of a file that is ours */
	bool json;           /* on stderr and in a file */
	enum log_level most; /* entries above it are not written */
	const char *path;    /* of the file; borrowed from the configuration; NULL: stderr */
	uint64_t lost;       /* entries that nobody took */
	struct buffer line;  /* the entry being written */
};

/* `to` is auto, journal, stderr or file:PATH (as config_check let it pass), and outlives the journal. ERR_IO and a
 * sentence when it can not be had. */
MUST_USE enum err journal_open(struct journal *j, const char *to, bool json, enum log_level most,
			       char why[200]);
void journal_close(struct journal *j);
/* Opens the file anew, for who rotates it; the old one stays in use when that fails. */
MUST_USE enum err journal_reopen(struct journal *j);
/* `fields` is "NAME=value\n..." or ""; `text` may hold many lines. Both are cleaned here. */
void journal_write(struct journal *j, enum log_level level, uint64_t wall_us, const char *fields,
		   const char *text);
/* The entry as stderr or a file gets it, appended to `out`; text and fields are clean. */
MUST_USE enum err journal_format(bool json, enum log_level level, uint64_t wall_us,
				 const char *fields, const char *text, struct buffer *out);

#endif
