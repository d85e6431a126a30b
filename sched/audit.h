/* The audit: what a person moved, where, and when. One row for each, under its stamp, so that they stand in order; beyond
 * AUDIT_MAX the oldest goes with the batch that brings the newest.
 *
 *     audit/ + stamp, big-endian   [uid, node that was asked, what, text] */
#ifndef SCHED_AUDIT_H
#define SCHED_AUDIT_H

#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"
#include "core/id.h"
#include "core/limits.h"
#include "core/sheet.h"
#include "sched/job_pack.h"
#include "sched/kv.h"

struct audit_row {
	uint32_t uid;
	struct id node;
	char what[AUDIT_WHAT_MAX];
	char text[AUDIT_TEXT_MAX];
};

MUST_USE enum err audit_row_put(const struct audit_row *a, struct buffer *out);
MUST_USE enum err audit_row_get(struct bytes packed, struct audit_row *out);

struct state_key audit_key(uint64_t stamp_us);
/* The stamp behind the prefix of such a key. */
uint64_t audit_stamp(struct bytes name);
/* The key of the oldest row, when one more would be too many: false, none has to go. */
bool audit_oldest(const struct kv *map, struct bytes *key);

/* --- AUDIT: [limit] -> sheet, newest first --- */
extern const char *const audit_names[];
/* `limit` 0: all. Rows that can not be read are left out. */
void audit_sheet(const struct kv *map, uint32_t limit, struct sheet *s);

#endif
