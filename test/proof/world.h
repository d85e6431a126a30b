/* A small world of stores: their disks, which survive, and their net, which does not. One seed is one life.
 *
 * What it can break: messages are lost, doubled, delayed and cut off, also one way; nodes lose power, and with it any
 * unsynced sector, or only their process; they stand still; their disks are slow, full, lost, put back or copied; removed
 * files come back. After every step watch.c checks the invariants numbered in sched/store.h. */
#ifndef TEST_PROOF_WORLD_H
#define TEST_PROOF_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/call.h"
#include "core/facts.h"
#include "core/must.h"
#include "core/outbox.h"
#include "core/pack.h"
#include "core/rng.h"
#include "sched/store.h"
#include "sched/store/crc.h"
#include "sched/store/inside.h"
#include "test/proof/shelf.h"

enum { NODES_MAX = 12, INDEX_MAX = 100000, TERMS_MAX = 5000, VOTES_MAX = 4096 };
#define MS 1000ull

struct wnode {
	struct id id;
	struct store *store; /* NULL: down */
	struct shelf shelf;
	struct shelf backup; /* what a person kept of it, by the way */
	uint64_t backup_boot;
	struct id backup_voter;
	struct voters backup_set;
	uint32_t life;
	uint64_t wake_us;
	uint64_t paused_us; /* it stands still until then */
	uint64_t lane_us;   /* its disk is at work until then */
	uint64_t down_us;   /* since when; 0: up */
	bool told_down;     /* the others' views say so */
	bool scheduler, founder, late, wiped, full;
	bool left;        /* for good: nobody starts it again */
	bool twin;        /* a second machine with another's identity */
	uint64_t slow_us; /* added to every sync */
	uint64_t checked; /* commit index checked */
	uint64_t seen;    /* log index checked, and its term */
	uint64_t seen_term;
	uint64_t applied; /* last APPLIED */
	uint64_t highest_term, highest_boot;
	struct id highest_voter;
	bool serving;
	bool given; /* it was told what became of its vote */
	bool apart; /* it was told to assign nothing */
	struct epoch epoch;
	uint32_t faults, exits;
	char *logs; /* all lines */
	size_t logs_len;
};

enum wkind { W_FRAME, W_DISK };
struct wevent {
	uint64_t at, order;
	enum wkind kind;
	uint32_t from, to, life;
	uint64_t token;
	/* disk */
	enum effect_kind act;
	uint64_t offset;
	uint32_t wanted;
	enum err err;
	char name[64], name_to[64];
	uint8_t *body;
	size_t len;
};

struct wcommitted {
	uint64_t term;
	uint32_t crc;
	uint32_t kind;
};

/* What stood at one index in one term, wherever it did. */
struct wfact {
	uint64_t index, term, before; /* the term of the entry before it */
	uint32_t kind, crc, next;
};

struct world {
	struct rng rng;
	uint64_t seed, now, order, steps;
	uint32_t count;
	struct wnode node[NODES_MAX];
	struct wevent **queue; /* a heap */
	uint32_t queued, queue_room;
	bool cut[NODES_MAX][NODES_MAX];
	uint32_t loss, twice; /* of 1000 */
	uint64_t delay_min, delay_max, sync_min, sync_max;
	struct keyring keys;
	struct store_config base;
	struct outbox *outbox;
	/* What the watch knows. */
	struct wcommitted *committed; /* by index */
	uint64_t committed_max;
	struct wfact *facts;
	uint32_t facts_count, facts_room;
	uint32_t *fact_at; /* by index: the newest fact, plus one */
	struct {
		uint64_t term;
		uint32_t who;
	} leader[TERMS_MAX];
	uint32_t leaders;
	uint32_t *map_crc; /* by position; 0: not known */
	struct {
		struct id voter, candidate;
		uint64_t term;
	} vote[VOTES_MAX];
	uint32_t votes;
	struct id forgetful
		[NODES_MAX]; /* voters that were put back or copied: their votes are no promise */
	uint32_t forgetful_count;
	/* The director's words and their answers. */
	uint64_t next_token, acked, unknown;
	uint64_t *acked_at; /* by token: position, 0 none */
	uint64_t fenced;    /* token of the last fence answered */
	enum err fenced_err, committed_err;
	void (*hear)(void *with, uint32_t at, const struct tell *t); /* every word of a store */
	void *with;
	/* True: this message gets lost. */
	bool (*drop)(struct world *w, uint32_t from, uint32_t to, const struct message *m);
	/* What a person was answered last. */
	struct {
		bool came;
		uint8_t code;
		uint64_t facts;
		char text[2048];
	} told;
	bool wiped; /* a disk was lost */
	bool apart; /* several stores, and each is right */
	bool quiet; /* a breach is not printed */
	bool loud;  /* every log line is */
	const char *breach;
};

struct world *world_open(uint64_t seed, uint32_t count, uint32_t schedulers);
void world_close(struct world *w);

/* ---- life ---- */
/* False: it refused to start, with `why`. */
bool world_start(struct world *w, uint32_t at, char why[200]);
void world_up(struct world *w, uint32_t at);   /* starts what is down; a refusal is a breach */
void world_kill(struct world *w, uint32_t at); /* the power goes */
void world_stop(struct world *w, uint32_t at); /* only the process ends */
void world_wipe(struct world *w, uint32_t at); /* the power goes, and the disk with it */
/* `at` becomes a second machine with the identity, and a copy of the disk, of `of`, which is down. */
void world_twin(struct world *w, uint32_t at, uint32_t of);
void world_pause(struct world *w, uint32_t at, uint64_t us);
void world_cut(struct world *w, uint32_t at, bool in, bool out); /* from all others */
void world_heal(struct world *w);                                /* no cut is left */
void world_tell_member(struct world *w, uint32_t to, uint32_t about, enum member_state state);
void world_step(struct world *w, uint32_t at, struct event *e);
void world_run(struct world *w, uint64_t us);

/* ---- the director's words: the token, whatever becomes of it ---- */
uint64_t world_put(struct world *w, uint32_t at, const struct batch *b); /* the node is up */
/* A batch to the node, with a value of `len` bytes. */
uint64_t world_commit_of(struct world *w, uint32_t at, size_t len);
uint64_t world_commit(struct world *w, uint32_t at);
uint64_t world_fence(struct world *w, uint32_t at);
void world_give_up(struct world *w, uint32_t at, bool leaves);
void world_resign(struct world *w, uint32_t at, struct id to);
bool world_is_acked(const struct world *w, uint64_t token);
/* A message as if from the voter of node `from`, in its start `boot` and `nonce`. */
void world_inject(struct world *w, uint32_t from, uint32_t to, struct message *m);
void world_inject_birth(struct world *w, uint32_t from, uint32_t to, const struct message *m);
void world_resend(struct world *w, uint32_t from, uint32_t to, struct bytes frame);

/* A person's word at the node (CALL_CONFIRM_LOSS, CALL_RETIRE), about these names, NULL at the end. The answer comes later,
 * into w->told. */
void world_call(struct world *w, uint32_t at, uint8_t verb, bool acts, uint64_t facts,
		const char *const *names);

/* ---- looking ---- */
uint32_t world_server(const struct world *w); /* of the highest epoch; NODES_MAX: none */
uint32_t world_who(const struct world *w, struct id id);
bool world_said(const struct wnode *n, const char *text);
/* One line for each node: what its raft holds; - after a seat: a learner, ?: not the one that lives there now. */
void world_show(const struct world *w);
uint32_t world_map_crc(const struct store *s);

/* ---- watch.c ---- */
void world_breach(struct world *w, const char *what);
void watch_commit(struct world *w, uint32_t at);
void watch_node(struct world *w, uint32_t at);
void watch_vote(struct world *w, const struct message *m);
/* What this voter promised nobody can know any more. */
void watch_doubt(struct world *w, struct id voter);
void watch_forget(struct world *w, uint32_t at); /* its disk is not what it was */

#endif
