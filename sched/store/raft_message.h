/* What stores say to each other: the body of one FRAME_STORE.
 *
 * [kind, store, generation's mark, from voter, to voter, boot, nonce, term, …fields of the kind]. Every message names the
 * store and its generation; another's is refused, with the record as the reason. `boot` and `nonce` are the sender's start: one voter that is heard from two
 * starts at once has been copied. Unknown trailing fields are skipped. */
#ifndef SCHED_STORE_RAFT_MESSAGE_H
#define SCHED_STORE_RAFT_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/id.h"
#include "core/limits.h"
#include "core/pack.h"
#include "core/tell.h"
#include "sched/store/log.h"

/*
 *     candidate: PREVOTE -> PREVOTED    VOTE -> VOTED
 *     leader:    APPEND -> APPENDED     SNAPSHOT -> SNAPSHOTTED     TRANSFER ->
 *     member:    GIVE_UP -> GIVEN_UP     (leader) COPIED ->
 *     anybody:   HELLO -> HELLOED       PROPOSE -> ACCEPTED | REFUSED     WITHDRAWN ->
 *                ASK -> SAY | GENERATION     GENERATION ->     REPORT ->
 */
enum message_kind {
	MESSAGE_PREVOTE = 1, /* would you vote for me? moves nobody's term */
	MESSAGE_PREVOTED,
	MESSAGE_VOTE,
	MESSAGE_VOTED,
	MESSAGE_APPEND,
	MESSAGE_APPENDED,
	MESSAGE_SNAPSHOT,
	MESSAGE_SNAPSHOTTED,
	MESSAGE_TRANSFER, /* stand for election now */
	MESSAGE_HELLO,    /* from a leader: here is a store; without one: what have you? */
	MESSAGE_HELLOED,
	MESSAGE_PROPOSE, /* birth */
	MESSAGE_ACCEPTED,
	MESSAGE_REFUSED,
	MESSAGE_WITHDRAWN,
	MESSAGE_GIVE_UP = 32, /* a member goes: what becomes of its vote? */
	MESSAGE_GIVEN_UP,     /* the leader's answer */
	MESSAGE_COPIED, /* from the leader: your log was copied or put back, and you have no seat */
	MESSAGE_GENERATION = 48, /* the record of mine */
	MESSAGE_ASK,             /* what do you hold? */
	MESSAGE_SAY,             /* that */
	MESSAGE_REPORT,          /* where my log ends: before a generation's first election */
};

enum holding {
	HOLDING_NOTHING,  /* no store here */
	HOLDING_PROPOSAL, /* a birth was accepted */
	HOLDING_STORE,    /* this very store, or another: message.store says which */
};

struct message {
	enum message_kind kind;
	struct id store;
	uint64_t generation; /* its mark (sched/store/generation.h); 0: no store */
	struct id from;      /* voter */
	struct id to;        /* voter; none: whoever is there */
	uint64_t boot;
	uint64_t nonce;
	uint64_t term;
	union {
		struct {
			uint64_t last;
			uint64_t last_term;
			bool transfer; /* the leader itself wants it */
		} vote;
		struct {
			bool granted;
			uint64_t asked; /* the term that was asked for */
		} voted;
		struct {
			uint64_t prev;
			uint64_t prev_term;
			uint64_t commit;
			uint64_t round; /* of the read fence */
			uint32_t count;
			struct bytes entries; /* count packed entries: message_entry takes one */
		} append;
		struct {
			bool good;
			uint64_t
				match; /* good: equal and synced up to here. else: look from here */
			uint64_t round;
			bool wants_snapshot; /* a witness whose log grew long */
			uint64_t
				last; /* end of its log; UINT64_MAX: the first version does not say */
		} appended;
		struct {
			uint64_t index;
			uint64_t index_term;
			uint64_t offset;
			bool done;
			struct bytes piece;
		} snapshot;
		struct {
			uint64_t index;
			uint64_t offset; /* wants the bytes from here */
			bool done;       /* installed and synced */
		} snapshotted;
		struct {
			enum holding holding; /* HELLOED */
			bool scheduler;       /* HELLOED */
			bool leads;           /* HELLO: the sender leads this store */
			uint32_t level;       /* known there; one that does not say: LEVEL_FIRST */
			uint32_t state;       /* HELLO of a leader: the state's level */
		} hello;
		struct {
			uint32_t count;
			struct id node[STORE_REPLICAS_MAX];
		} propose;
		struct {
			bool leaves;       /* GIVE_UP: for good */
			enum gave_up gave; /* GIVEN_UP */
		} give;
		struct {
			uint64_t boot; /* the start that is meant */
			uint64_t nonce;
		} copied;
		struct bytes record; /* GENERATION: packed, checked */
		struct {
			uint64_t token;
		} ask;
		struct {
			uint64_t token; /* of the question */
			uint64_t last;
			uint64_t last_term;
			bool scheduler;
			bool led; /* it leads, or hears a leader */
			uint32_t count;
			struct id here
				[STORE_REPLICAS_MAX]; /* voters' nodes that its views hold alive or suspect */
		} say;
		struct {
			uint64_t last;
			uint64_t last_term;
		} report;
	};
};

/* Entries are put one by one after message_put of an APPEND that announces how many. */
MUST_USE enum err message_put(const struct message *m, struct buffer *out);
MUST_USE enum err message_put_entry(const struct entry *e, struct buffer *out);
/* Checks everything, each entry too; borrows. */
MUST_USE enum err message_get(struct bytes body, struct message *out);
/* Takes the next entry off `entries`, which message_get has checked; its index is the caller's. */
struct entry message_entry(struct bytes *entries, uint64_t index);

#endif
