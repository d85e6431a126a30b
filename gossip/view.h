/* The member log: what operators read.
 *
 *     all: 172.17.0.5 joined (worker c)
 *     Members {size:3, ver:3} [
 *             Member [172.17.0.3]:10081 - 5515cf45-9244-44df-b086-bc8eca4c83ae this
 *             Member [172.17.0.4]:10081 - bafe827d-b4d9-46ff-bac5-0528de71964e
 *             Member [172.17.0.5]:10081 - 8ce4c57c-e860-4257-b98b-0a8330ad7606
 *     ]
 *
 * A change waits for 100 ms, so that those which come together are shown together, and then for the disk: `version`
 * rises by one for each join and each leave, and none is shown that a crash could take back (invariant 5).
 *
 *              view_log_join, view_log_gone          100 ms, view_log_due            disk, view_log_show
 *     QUIET ------------------------------> GATHER ----------------------> SAVING ---------------------> QUIET
 *       |  view_log_agree: a larger version            1 s without change    ^  |
 *       +--------------------------------> AGREE ----------------------------+  +--> SAVING again, when more changed
 *
 * Above log_members_max members a block shows only what changed; the whole list follows after 10 s without change. */
#ifndef GOSSIP_VIEW_H
#define GOSSIP_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/outbox.h"
#include "core/view.h"
#include "gossip/member.h"

#define VIEW_CAUSE_MAX 256u

struct view_change {
	struct id id;
	struct addr addr; /* of the view */
	bool gone;
};

struct view_log {
	enum view view;
	uint32_t members_max; /* log_members_max */
	uint64_t version;
	uint64_t shown; /* the largest shown */

	/* since the last block */
	uint32_t joined, gone, changes;
	char cause[VIEW_CAUSE_MAX]; /* of the last change; shown when it is the only one */
	struct view_change *change;
	uint32_t listed, room; /* of `change`: at most members_max */

	uint64_t flush_us; /* when GATHER ends; UINT64_MAX: no change waits */
	uint64_t agree_us; /* when AGREE ends */
	uint64_t whole_us; /* when the whole list is due */
	bool saving;
	uint32_t again; /* times the disk was asked for this block */
	uint64_t saved; /* version that the disk holds, or is asked to hold */

	/* those who vanished within one suspicion time */
	uint64_t lost_us;
	uint32_t lost, lost_of;
	bool isolated;
};

/* `saved`: the version of an earlier life, 0 for none. Our own start is a join. */
void view_log_init(struct view_log *v, enum view view, uint32_t members_max, uint64_t saved,
		   uint64_t now_us);
void view_log_fini(struct view_log *v);

struct addr view_addr(enum view view,
		      struct addr node); /* where a member gossips: node is at port P */

void view_log_join(struct view_log *v, const struct facts *who, uint64_t now_us);
/* One life ended and the next began: a leave and a join. */
void view_log_again(struct view_log *v, const struct facts *who, uint64_t now_us);
void view_log_left(struct view_log *v, const struct facts *who, uint64_t now_us);
/* `doubted`: suspects that are left. Logs `member failed`, or `isolated` once for all of them. */
void view_log_failed(struct view_log *v, const struct facts *who, uint32_t after_ms,
		     uint32_t accusers, uint32_t size_before, uint32_t doubted, uint64_t window_us,
		     uint64_t now_us, struct outbox *outbox);
/* Somebody whose view is equal counts `version`: the larger is taken. */
void view_log_agree(struct view_log *v, uint64_t version, uint64_t now_us);

uint64_t view_log_deadline_us(const struct view_log *v);
/* True when a block is due: save view_log_version_to_save() and call view_log_show() when the disk has it. */
bool view_log_due(struct view_log *v, uint64_t now_us);
uint64_t view_log_version_to_save(const struct view_log *v);
/* The disk holds it. False: more has changed meanwhile; save again. */
bool view_log_show(struct view_log *v, const struct members *t, struct id self, uint64_t now_us,
		   struct outbox *outbox);
/* The whole block, now, on request. */
void view_log_whole(struct view_log *v, const char *cause, const struct members *t, struct id self,
		    struct outbox *outbox);

#endif
