/* The store: where the cluster's state lives. A fenced log of small sealed batches, applied to an ordered map, plus
 * snapshots. Who may append is decided together with the log itself, so that leadership, fencing and durability are
 * one thing. This is the embedded back end: Raft among the cluster's own nodes (sched/store/README.md).
 *
 * Words in (EVENT_TELL): MEMBER, COMMIT, FENCE, RESIGN, GIVE_UP. Words out (EFFECT_TELL): LEAD at every change, COMMITTED
 * and FENCED once for each token, GIVEN_UP once for each node, APPLIED in order on every scheduler, RESTORED when the map
 * was replaced, FAULT.
 * The leader hears APPLIED of its own batch first and COMMITTED right after it.
 *
 * Invariants, by number; test/proof/watch.c checks 1 to 6 after every step:
 *   1. at most one leader in a term (election safety)
 *   2. two logs that hold the same index and term are equal up to there (log matching)
 *   3. what is committed is in the log of every later leader (leader completeness)
 *   4. no two nodes apply different batches at one position (state machine safety)
 *   5. what was acknowledged is never lost
 *   6. term, vote, commit index and boot count never go back, over crashes too
 *   7. nothing is promised (vote, acknowledgement) before what it promises is synced
 *   8. a node without a store never makes one by itself, but for the founder and a full bootstrap */
#ifndef SCHED_STORE_H
#define SCHED_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/disk.h"
#include "core/event.h"
#include "core/identity.h"
#include "core/limits.h"
#include "core/outbox.h"
#include "core/sheet.h"
#include "sched/kv.h"

struct store;

struct store_config {
	struct id self;
	uint8_t roles; /* enum role: without ROLE_SCHEDULER the node can only be a witness */
	bool founder;  /* the founder's mark: may bear a store, once */
	uint32_t bootstrap_expect; /* 0: never; N schedulers without a store bear one together */
	uint8_t machine[16];       /* hash of the machine id */
	char zone[NAME_MAX_LEN + 1];
	const struct keyring *keyring; /* outlives the store */
	uint32_t heartbeat_ms;         /* 0: 50 */
	uint32_t election_min_ms;      /* 0: 300 */
	uint32_t election_max_ms;      /* 0: 600 */
	uint32_t
		replace_after_ms; /* 0: 600,000: how long a voter may be dead before it is replaced */
	uint32_t change_every_ms;  /* 0: 60,000: between two changes of who votes that can wait */
	uint32_t voters;           /* 0: 3 */
	uint32_t confirm_after_ms; /* 0: 30,000: no loss may be confirmed sooner */
	bool spread;               /* voters only ever on machines of their own */
	uint32_t wal_file;         /* bytes of one file of the log; 0: WAL_FILE_MAX */
	uint64_t snapshot_every;   /* bytes of log between snapshots; 0: SNAPSHOT_EVERY */
	uint64_t seed;             /* from the kernel's entropy */
	uint32_t level;            /* of the state, known by this program; 0: LEVEL_NOW */
};

/* Reads what earlier lives left beneath "store/". NULL and a sentence in `why` when that is damaged or foreign. */
struct store *store_open(const struct store_config *cfg, const struct disk *disk, uint64_t now_us,
			 char why[200]);
void store_close(struct store *s); /* takes NULL; nothing more is written */

void store_step(struct store *s, const struct event *event, struct outbox *outbox);
/* Group commit: what the turn's steps gathered becomes one run on the disk and one message to each follower. */
void store_turn(struct store *s, uint64_t now_us, uint64_t wall_us, struct outbox *outbox);
uint64_t store_deadline_us(const struct store *s);

/* The applied state. The pointer stays; what it points into lives until the next step or turn. */
const struct kv *store_map(const struct store *s);

/* What handshakes carry: all zero while there is no store here. */
struct store_where {
	struct id store;
	struct epoch epoch;
	uint64_t mark; /* of the generation; known to nodes without a store, too */
};
struct store_where store_where(const struct store *s);

/* The other end of a stream, or a director, showed where it is: whoever lives in an earlier generation is shown the later
 * one's record. */
void store_meet(struct store *s, const struct peer *peer, const struct store_where *theirs,
		struct outbox *outbox);
/* A person retired that store: ours is the one that stays. */
bool store_is_retired(const struct store *s, struct id store);
/* It lives in a generation that is neither ours nor an ancestor of ours, nor known to us as a later one: our worker does not
 * obey its director, and our director wants none of its workers. */
bool store_is_apart(const struct store *s, const struct store_where *theirs);
/* A director of this generation spoke to our worker: the same. */
void store_directed(struct store *s, const struct peer *from, struct id store, uint64_t generation,
		    struct outbox *outbox);
/* Since when no majority is heard; 0: one is, or there is no store here. */
uint64_t store_lost_us(const struct store *s);

enum store_state {
	STORE_EMPTY,     /* no store here yet */
	STORE_COUPLED,   /* a director, and a standby has all that is committed */
	STORE_UNCOUPLED, /* a director, no standby is up to date */
	STORE_NO_DIRECTOR, /* nobody leads whom we could hear: an election is under way, or only a witness leads */
	STORE_NO_QUORUM, /* for more than three election timeouts */
	STORE_FAULT,     /* the disk */
};
enum store_state store_state(const struct store *s);
/* Why leadership last ended or began, as this node saw it; lives until the next step. */
const char *store_why(const struct store *s);
/* For people: what the loss of which this store survives now. Into `out`, returned. */
const char *store_survives(const struct store *s, char out[128]);

/* One row for each member of the set, as this node sees it; the columns are store_sheet_names, of which the first
 * STORE_SHEET_LEAD are the same in every row. */
#define STORE_SHEET_LEAD 11u
extern const char *const store_sheet_names[];
struct role_watch;
void store_sheet(const struct store *s, const struct role_watch *role, uint64_t now_us,
		 struct sheet *sheet);

/* Figures for the metrics. */
struct store_figures {
	uint64_t applied;
	uint64_t committed;
	uint64_t last;      /* highest index in the log */
	uint64_t elections; /* begun here */
	uint64_t refused;   /* messages of another store, voter or boot */
	uint64_t malformed;
	uint64_t runs; /* disk syncs */
};
struct store_figures store_figures(const struct store *s);

#endif
