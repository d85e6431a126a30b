/* Raft, after Ongaro's thesis, without I/O: terms, votes, the log and what of it is committed. What the entries mean is
 * not its business, nor are snapshots: it says who lacks one.
 *
 *            hears nobody            a majority would            a majority did
 *     FOLLOWER ------> PRECANDIDATE -----------> CANDIDATE ------------> LEADER
 *        ^    raft_tick     |       raft_prevoted    |       raft_won       |
 *        |                  |                        |                      |
 *        +------------------+------------------------+----------------------+
 *             a higher term, a leader of this one, or (leader) no majority heard: raft_follow
 *
 * Where it is stricter than the thesis: pre-vote (9.6) and check-quorum always; a vote under a living leader is refused
 * without moving the term (4.2.3), but for the leader's own transfer, and but for two kinds of evidence against it.
 *
 * `stored` is how far the log is synced here; `verified` how far it is known to equal the leader's of this very term. An
 * acknowledgement is the smaller of the two: a suffix of an earlier leader is stored, but nobody verified it. */
#ifndef SCHED_STORE_RAFT_H
#define SCHED_STORE_RAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/outbox.h"
#include "core/rng.h"
#include "sched/store/log.h"
#include "sched/store/raft_message.h"
#include "sched/store/roster.h"
#include "sched/store/voters.h"
#include "sched/store/wal.h"

enum raft_role {
	RAFT_FOLLOWER,
	RAFT_PRECANDIDATE,
	RAFT_CANDIDATE,
	RAFT_LEADER,
};

/* What a leader knows of one other member. */
struct follower {
	struct id voter;
	struct id node;
	uint64_t next;  /* first index not yet sent */
	uint64_t match; /* equal and synced there up to here */
	bool sure; /* it took something of this term: the logs are equal up to where we send from */
	uint64_t probe; /* not sure: what every message to it says that it stands on */
	uint64_t boot;  /* the start that said so */
	uint64_t round; /* highest fence round it answered */
	uint64_t sent_us;
	uint64_t heard_us;                  /* 0: never in this term */
	uint64_t flight[APPEND_WINDOW_MAX]; /* last index of each message under way */
	uint32_t flights;
	bool lacks;          /* what it needs is compacted: a snapshot must go first */
	bool wants_snapshot; /* a witness whose log grew long */
	bool asked_vote;
	bool voted; /* for us, in this term or pre-vote */
};

struct raft_config {
	struct id node;
	bool witness;
	uint64_t heartbeat_us;
	uint64_t election_min_us;
	uint64_t election_max_us;
};

struct raft {
	struct raft_config cfg;
	struct rng *rng;
	const struct roster *roster;
	struct wal *wal; /* holds term and vote */
	struct log log;
	uint64_t nonce; /* of this start */

	enum raft_role role;
	struct id leader; /* voter id; none: nobody known in this term */
	struct id leader_node;
	uint64_t leader_heard_us;
	bool leader_broken; /* our link to it broke since it was heard */
	bool held_back;     /* disk full: neither stands nor leads */
	bool mute;          /* a start that still asks: neither stands nor votes */
	/* A log that ends before this is not voted for: the best of those who began this generation. */
	uint64_t least_term;
	uint64_t least_index;
	uint64_t now_us;
	uint64_t deadline_us; /* of the election timer */
	uint64_t since_us;    /* when this leadership became known */
	const char *why;      /* it ended, or began */

	struct voters voters; /* the last set in the log */
	uint64_t voters_index;
	struct voters base_voters; /* the set as of the log's base */
	uint64_t base_voters_index;

	uint64_t commit;
	uint64_t stored;
	uint64_t verified;

	/* the disk */
	bool writing;       /* a run is under way */
	uint64_t sent_last; /* what it makes durable */
	uint64_t state_puts;
	uint64_t state_sent;
	uint64_t state_synced; /* equal to state_puts: term and vote are durable */

	/* promises waiting for the disk */
	bool ack_due;
	bool ack_waits; /* only worth sending once the entries are synced */
	struct peer ack_to;
	uint64_t ack_round;
	bool vote_due;
	struct peer vote_to;
	struct id vote_to_voter;

	/* standing */
	bool stands_by_transfer;
	bool votes_sent;
	uint64_t ask_again_us;
	uint64_t elections;

	/* leading */
	struct follower followers[STORE_REPLICAS_MAX];
	uint32_t follower_count;
	uint64_t lead_index; /* the no-op of this term */
	uint64_t quorum_us;  /* when to look for a majority again */
	uint64_t round;
	bool round_due;
	struct id transfer_to; /* voter; none: not moving */
	uint64_t transfer_until_us;
	bool transfer_sent;
	struct id
		forgot; /* a voter whose new start lacks what an earlier one acknowledged; none: nobody */
	uint64_t recall; /* a follower lacks this entry, which is only on our disk; 0: none does */
	bool leaving;    /* the set without us is committed: we hand over, then follow */
	bool wants_snapshots; /* follower: say so in the next acknowledgement */

	struct buffer scratch;
};

void raft_init(struct raft *r, const struct raft_config *cfg, struct rng *rng,
	       const struct roster *roster, struct wal *wal);
void raft_fini(struct raft *r);
/* The log was read: `stored` is all of it, the sets are looked up in it. */
void raft_restore(struct raft *r, const struct voters *base_voters, uint64_t base_voters_index,
		  uint64_t now_us);

uint64_t raft_term(const struct raft *r);
bool raft_votes(const struct raft *r); /* we do, in the last set */
bool raft_leads(const struct raft *r);
/* The no-op of our own term is committed: everything before it is. */
bool raft_is_sure(const struct raft *r);

/* Its sender may say that: who asks for votes or leads has a vote, in a set that we hold or can not hold yet. */
bool raft_may_speak(const struct raft *r, const struct message *m);
/* One message of our store for us, its start checked. */
void raft_step(struct raft *r, const struct peer *from, const struct message *m, struct outbox *o);
/* The link to a node fell by reset. */
void raft_broken(struct raft *r, struct id node);
/* Timers. */
void raft_tick(struct raft *r, struct outbox *o);
uint64_t raft_deadline_us(const struct raft *r);
/* End of the turn: hands a run to the disk and, when awake, sends what is to be sent. */
void raft_turn(struct raft *r, bool awake, uint64_t token, struct outbox *o);
/* The run ended well. */
void raft_synced(struct raft *r);
/* Steps down and does not stand while the disk is full. */
void raft_hold_back(struct raft *r, bool full);

/* The wal holds a later generation now: nothing of the earlier one counts any more but the log. */
void raft_begin_generation(struct raft *r);
void raft_mute(struct raft *r, bool mute);
void raft_least(struct raft *r, uint64_t term, uint64_t index);

/* More entries can be held now: else the disk, or the next snapshot, is waited for. */
bool raft_has_room(const struct raft *r);

/* The leader's. */
uint64_t raft_append(struct raft *r, enum entry_kind kind, struct bytes body);
bool raft_may_change(const struct raft *r);
/* To that set: at once when one vote differs, else by way of a joint one, after which it follows by itself. False when
 * both do not fit into one. */
MUST_USE bool raft_change(struct raft *r, const struct voters *to);
/* It was heard within the time that nobody waits longer for a leader; ourselves always. */
bool raft_hears(const struct raft *r, struct id voter);
/* Begins a fence: the round whose answers count. */
uint64_t raft_fence(struct raft *r);
/* Highest round that a majority answered. */
uint64_t raft_fenced(const struct raft *r);
/* To that voter, none: whoever is up to date; false when there is nobody. */
bool raft_transfer(struct raft *r, struct id node);

/* Nothing that voter said counts any more. */
void raft_discount(struct raft *r, struct id voter);

/* Snapshots, told by who keeps them. */
void raft_compact(struct raft *r, uint64_t base);
/* The log begins anew after an installed snapshot, unless it holds that very entry. */
void raft_install(struct raft *r, uint64_t index, uint64_t term, const struct voters *voters,
		  uint64_t voters_index);
struct voters raft_voters_at(const struct raft *r, uint64_t index, uint64_t *voters_index);
/* A leader's message of this term was heard: follow it. False when it is older. */
bool raft_heed(struct raft *r, const struct peer *from, const struct message *m);

/* ---- between raft.c and replicate.c ---- */
void raft_follow(struct raft *r, uint64_t term, const char *why);
struct follower *raft_follower(struct raft *r, struct id voter);
const struct follower *raft_look(const struct raft *r, struct id voter);
void raft_post(struct raft *r, const struct peer *to, struct id voter, struct message *m,
	       struct outbox *o);
struct peer raft_peer(const struct raft *r, struct id node);
void raft_arm(struct raft *r);
bool replicate_is_silent(const struct raft *r, const struct follower *f);
uint64_t replicate_beat_us(const struct raft *r, const struct follower *f);
void replicate_begin(struct raft *r);
void replicate_seats(struct raft *r);
void replicate_all(struct raft *r, struct outbox *o);
void replicate_commit(struct raft *r);
void replicate_append(struct raft *r, const struct peer *from, const struct message *m,
		      struct outbox *o);
void replicate_appended(struct raft *r, const struct message *m);
void replicate_ack(struct raft *r, struct outbox *o);
void replicate_set_voters(struct raft *r);
void replicate_put_voters(struct raft *r, const struct voters *v);

#endif
