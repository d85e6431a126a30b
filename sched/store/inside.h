/* The store's inside: what its files share. Nobody else includes this, but for its own test. */
#ifndef SCHED_STORE_INSIDE_H
#define SCHED_STORE_INSIDE_H

#include "sched/batch.h"
#include "sched/level.h"
#include "sched/store.h"
#include "sched/store/plan.h"
#include "sched/store/raft.h"
#include "sched/store/roster.h"
#include "sched/store/snapshot.h"
#include "sched/store/wrap.h"

/* What a disk or read token is about; the count above it tells an old answer from a new one. */
enum errand {
	ERRAND_RUN = 1,
	ERRAND_SNAPSHOT,
	ERRAND_RECEIVE,
	ERRAND_READ,
	ERRAND_ASIDE,
	ERRAND_KNOWN,
	ERRAND_RECALL,
};

/* A director's word under way. */
struct pending {
	uint64_t token;
	uint64_t at; /* commit: its index; fence: its round */
	uint64_t term;
	size_t growth;
	struct buffer
		plain; /* commit: as it came, so that its own leader need not open what it sealed */
};

/* First in, first out, bounded by STORE_PENDING_MAX. */
struct pendings {
	struct pending *ring;
	uint32_t head;
	uint32_t count;
};

/* A snapshot on its way to one follower: one piece at a time. */
struct shipment {
	struct id voter; /* none: unused */
	uint64_t index;
	uint64_t offset;
	uint64_t token; /* of the read under way; 0: none */
	uint64_t tried_us;
	uint64_t shipped; /* index of the last one installed there */
};

/* One voter's start, as heard or as recorded. */
struct start {
	struct id voter;
	uint64_t boot;
	uint64_t nonce;
	uint64_t since_us;
	uint64_t told_us; /* not told again before that it was copied */
	bool copied;      /* two starts at once: none is listened to */
};

/* A vote that is to be given up. */
struct parting {
	struct id node;
	bool leaves;       /* for good; else it only stops */
	bool ours;         /* asked for here: answered by a TELL; else by a message */
	bool needed;       /* leader: the set must do without it */
	bool asked;        /* the others know */
	struct peer from;  /* who asked */
	struct id voter;   /* its */
	uint64_t until_us; /* then it was in vain */
	uint64_t ask_us;   /* when to ask again */
};

/* Generations, as this node knows them. */
struct lineage {
	struct generation known;   /* the last one heard of; nodes without a store know it, too */
	struct generation foreign; /* of another store of this cluster; number 0: none was met */
	bool looked;               /* whether what we know outlives what we live in */
	uint64_t known_token;      /* of its write; 0: none is under way */
	uint64_t known_us;         /* when to write it again; 0: it is written */
	bool rival_said;           /* a node without a store met two */
	uint64_t show_us;          /* not before then are strangers shown ours again */
	/* Where the survivors' logs end, by seat of the generation. */
	bool reported[STORE_REPLICAS_MAX];
	uint64_t report_term[STORE_REPLICAS_MAX];
	uint64_t report_index[STORE_REPLICAS_MAX];
	uint64_t report_us; /* when to tell ours again */
	/* a start asks */
	bool asks;
	uint64_t ask_us;
	uint64_t ask_until_us; /* 0: not begun */
	struct id said[STORE_REPLICAS_MAX];
	uint32_t saids;
};

/* What one node said when a person wanted to confirm a loss. */
struct answerer {
	struct id node;
	struct id voter;
	uint64_t last;
	uint64_t last_term;
	bool led;
	uint32_t count;
	struct id here[STORE_REPLICAS_MAX];
};

/*     NONE --loss_call--> ASKS --(all said, or 2 s) refused, or the question: answered--> NONE
 *                         ASKS --act, and nothing changed (loss_turn)--> BEGINS --somebody leads, or 10 s--> NONE */
enum inquiry_state {
	INQUIRY_NONE,
	INQUIRY_ASKS,
	INQUIRY_BEGINS,
};

struct inquiry {
	enum inquiry_state state;
	bool retires;
	bool acts;
	uint64_t facts; /* acts: what the person was told */
	struct peer to;
	enum purpose purpose;
	uint64_t request;
	uint32_t uid;
	uint64_t token;
	uint64_t ask_us;
	uint64_t until_us;
	uint32_t names;
	char name[STORE_REPLICAS_MAX][NAME_MAX_LEN + 1];
	uint32_t saids;
	struct answerer said[2 * STORE_REPLICAS_MAX];
};

struct store {
	struct store_config cfg;
	struct rng rng;
	struct roster roster;
	struct wal wal;
	struct raft raft;
	struct kv *kv;
	uint64_t applied;
	uint64_t applied_term;
	uint64_t now_us;
	uint64_t wall_us;
	uint64_t errands; /* counts tokens */
	uint64_t run_token;
	enum err fault;
	bool full; /* the disk: the run is tried again */
	uint64_t retry_us;
	bool awake;    /* this start's boot count is synced: we may speak */
	bool restored; /* RESTORED is owed to the director */
	bool marked;   /* the birth's mark is on the disk */
	bool ready_said;
	bool foreign_said;
	uint64_t empty_us; /* when to say again that there is no store */

	struct tell lead; /* as last told */
	bool lead_told;
	struct id old_director; /* and of what epoch: as last logged */
	struct epoch old_epoch;
	const char *old_why;  /* it was lost */
	uint64_t say_lost_us; /* when to say so; UINT64_MAX: there is nothing to say */
	bool lost_said;
	uint64_t old_lost_us; /* when it was last heard, or this start; 0: it leads still */
	struct pendings commits;
	struct pendings fences;
	size_t growth; /* of the commits under way */

	/* birth and hello */
	bool accepted[STORE_REPLICAS_MAX]; /* by place in the wal's proposal */
	struct id accepted_voter[STORE_REPLICAS_MAX];
	bool refused;      /* our proposal was: it is to be withdrawn */
	uint64_t hello_us; /* when to say it again */
	uint64_t warm_us;
	bool hello_owed; /* an answer that waits for the wal to be durable */
	struct peer hello_to;

	/* seats */
	uint64_t seats_us;    /* when to look at them again */
	uint64_t seats_round; /* of the fence before a change; 0: none */
	struct voters votes;  /* as last noted: who votes, and since when */
	uint64_t votes_index;
	uint64_t votes_us;
	uint64_t
		pair_us; /* since when two could vote while a third is waited for; 0: they could not */
	struct parting partings[STORE_REPLICAS_MAX];
	uint32_t parting_count;

	/* standbys, while we lead */
	struct standby standbys[STORE_REPLICAS_MAX]; /* as last told */
	uint32_t standby_count;
	bool standby_quorum; /* without us */
	bool standbys_told;
	uint64_t mark_us;
	uint64_t mark[2]; /* what was committed at mark_us, and the time before */

	/* snapshots */
	struct snapshot_head snapshot; /* the newest whole one; index 0: none */
	uint64_t snapshot_size;
	bool snapshot_read; /* at start, and not known to be durable: what it replaces stays */
	uint64_t read_token;
	struct snapshot_writer writer;
	struct kv *withering; /* an older version of the map, let go of a little in each turn */
	uint64_t compact_to;  /* the log's base is to rise so far, a little in each turn */
	uint64_t writer_token;
	struct snapshot_reader reader; /* receiving */
	bool receiving;
	bool received; /* waits for its sync */
	uint64_t receive_index;
	uint64_t receive_offset;
	uint64_t receive_token;
	struct peer receive_from;
	struct id receive_voter;
	struct shipment shipments[STORE_REPLICAS_MAX];
	uint64_t stale_snapshots[16]; /* files to drop at the first turn */
	uint32_t stale_count;

	struct lineage lineage;
	struct inquiry inquiry;
	uint64_t lost_us; /* since when no majority is heard; 0: one is */

	/* a state being set aside: until the disk answers there is no other */
	uint64_t aside_token; /* 0: none is */
	uint32_t aside_tries;
	char aside[64]; /* the folder's new name */

	uint64_t recall_token; /* entries being read back from the log; 0: none are */

	struct start starts[2 * STORE_REPLICAS_MAX];
	uint32_t start_count;
	bool twin_said;
	uint64_t refusals;
	uint64_t malformed;
	struct buffer scratch;
	struct buffer plain;
};

bool store_is_scheduler(const struct store *s);
uint64_t store_errand(struct store *s, enum errand what);

/* commits.c: the director's words, and what is applied */
void commits_take(struct store *s, const struct tell *t, struct outbox *o);
void fences_take(struct store *s, const struct tell *t, struct outbox *o);
void commits_forget(struct store *s);
void commits_settle(struct store *s, struct outbox *o); /* answers what can be answered */
void commits_apply(struct store *s, struct outbox *o);
void commits_tell_lead(struct store *s, struct outbox *o);
void commits_say_lost(struct store *s, struct outbox *o);
bool commits_serves(const struct store *s);

/* Tells that nobody leads here: there is no store any more. */
void commits_tell_nobody(struct store *s, struct outbox *o);

/* aside.c: a state that does not count any more */
/* Stops at once; the folder gets a dated name, and this node goes on as one that holds nothing. `why` is for people. */
void store_set_aside(struct store *s, const char *why, struct outbox *o);
bool store_is_moving(const struct store *s);
void aside_moved(struct store *s, enum err err, struct outbox *o);

/* lineage.c: generations, shown and heard */
const struct generation *lineage_own(const struct store *s);
void lineage_open(struct store *s, const struct disk *disk);
void lineage_turn(struct store *s, struct outbox *o);
void lineage_step(struct store *s, const struct peer *from, const struct message *m,
		  struct outbox *o);
/* A message of another generation came: whoever is behind is shown why. */
void lineage_mismatch(struct store *s, const struct peer *from, const struct message *m,
		      struct outbox *o);
/* With our head, whatever we are. */
void lineage_post(struct store *s, const struct peer *to, struct message *m, struct outbox *o);
/* `g` is a child of ours and seats us. */
void lineage_adopt(struct store *s, const struct generation *g, struct outbox *o);
/* Alive or suspect in any view. */
bool lineage_holds(const struct store *s, struct id node);
void lineage_written(struct store *s, enum err err, struct outbox *o);
/* The director hears how its generation began. */
void lineage_tell(struct store *s, struct outbox *o);
void lineage_forget(struct store *s);
uint64_t lineage_deadline_us(const struct store *s);

/* loss.c: a person confirms a loss, or retires a generation */
void loss_call(struct store *s, const struct event *e, struct outbox *o);
void loss_said(struct store *s, const struct peer *from, const struct message *m);
void loss_turn(struct store *s, struct outbox *o);
uint64_t loss_deadline_us(const struct store *s);

/* birth.c: how a store comes to be here, and how others hear of it */
/* A wal of which nothing came: a birth, or an offer; it may be forgotten without a trace. */
bool birth_is_blank(const struct store *s);
void birth_forget(struct store *s, struct outbox *o);
void birth_open(struct store *s, const struct disk *disk);
void birth_turn(struct store *s, struct outbox *o);
void birth_step(struct store *s, const struct peer *from, const struct message *m,
		struct outbox *o);
uint64_t birth_deadline_us(const struct store *s);
/* The least level that all members and all schedulers alive have announced; 0: somebody has not yet. */
uint32_t birth_level(const struct store *s);

/* seats.c: who should sit */
uint32_t seats_gather(const struct store *s, struct sitter out[STORE_MEMBERS_MAX]);
struct wish seats_wish(const struct store *s);
void seats_turn(struct store *s, struct outbox *o);

/* parting.c: a vote that is to be given up */
void parting_take(struct store *s, const struct tell *t, struct outbox *o);
void parting_step(struct store *s, const struct peer *from, const struct message *m,
		  struct outbox *o);
void parting_turn(struct store *s, struct outbox *o);
uint64_t parting_deadline_us(const struct store *s);
const struct parting *parting_of(const struct store *s, struct id node); /* NULL: it stays */

/* starts.c: whose voice counts */
bool starts_is_true(struct store *s, const struct peer *from, const struct message *m,
		    struct outbox *o);
bool starts_is_copied(const struct store *s, struct id voter);
/* Who learns says nothing by itself: it is told when it says hello. */
void starts_heard_hello(struct store *s, const struct peer *from, const struct message *m,
			struct outbox *o);
void starts_heard_self(struct store *s, const struct peer *from, const struct message *m,
		       struct outbox *o);
/* The set with what was heard of starts since; false: nothing. */
bool starts_record(struct store *s, struct voters *next);
/* What raft found of a start that lacks what it should have. */
void starts_forgot(struct store *s, struct outbox *o);
void starts_step(struct store *s, const struct message *m, struct outbox *o);

/* recall.c: what a witness that leads holds only on its disk */
void recall_turn(struct store *s, struct outbox *o);
void recall_read(struct store *s, const struct event *e);

/* ship.c: snapshots taken, shipped, received */
void ship_turn(struct store *s, struct outbox *o);
void ship_step(struct store *s, const struct peer *from, const struct message *m, struct outbox *o);
void ship_read(struct store *s, const struct event *e, struct outbox *o);
void ship_synced(struct store *s, uint64_t token, struct outbox *o);
uint64_t ship_deadline_us(const struct store *s);
void ship_forget(struct store *s);

/* standby.c: who could take over */
void standby_turn(struct store *s, struct outbox *o);
/* It has all that was committed a moment ago: what is on its way does not count. We lead. */
bool standby_is_current(const struct store *s, const struct follower *f);

void store_fail(struct store *s, enum err err, const char *why, struct outbox *o);

#endif
