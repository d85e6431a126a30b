/* What a swim is made of. Private to the files of this folder that act on a whole swim: swim.c composes, send.c puts
 * packets together, claim.c decides what is believed and move.c carries it out, probe.c asks who is there, sync.c compares
 * views, saving.c keeps what outlives us, look.c shows it to others. */
#ifndef GOSSIP_SWIM_PARTS_H
#define GOSSIP_SWIM_PARTS_H

#include "core/limits.h"
#include "gossip/health.h"
#include "gossip/member.h"
#include "gossip/message.h"
#include "gossip/newcomer.h"
#include "gossip/past.h"
#include "gossip/rumor.h"
#include "gossip/suspect.h"
#include "gossip/swim.h"
#include "gossip/view.h"

#define NEVER   UINT64_MAX
#define RESERVE 1024u /* incarnations taken from the disk at a time */

/* Each is the time of the next call, or NEVER. */
enum timer {
	TIMER_PROBE,  /* probe_tick: begin a probe */
	TIMER_ANSWER, /* probe_turn: answers that did not come, for us or for others */
	TIMER_GOSSIP, /* send_gossip: while there is something to tell */
	TIMER_DOUBT,  /* move_turn: suspicions that ended */
	TIMER_ASK,    /* claim_ask: facts that did not come */
	TIMER_SYNC,   /* sync_turn: comparisons wanted, or that took too long */
	TIMER_HEAL,   /* sync_heal: try the dead again */
	TIMER_REAP,   /* move_reap: forget the dead */
	TIMER_LEAVE,  /* told often enough, or nobody hears */
	TIMERS,
};

struct probe {
	uint32_t seq; /* 0: unused */
	struct id target;
	uint64_t indirect_us; /* when to ask others; NEVER: done */
	uint64_t end_us;
	struct id helper[HELPERS_MAX];
	uint8_t helpers;
	uint8_t nacked; /* a bit for each helper */
	bool again;     /* of one whom we suspect already */
};

/* A ping made for somebody else. */
struct relay {
	uint32_t seq;       /* ours; 0: unused */
	uint32_t their_seq; /* to be repeated in the answer */
	struct id target;
	struct addr asker;
	uint64_t nack_us; /* NEVER: said */
	uint64_t end_us;
};

enum sync_why {
	SYNC_JOIN, /* a candidate of discovery's */
	SYNC_PULL, /* its digest differs from ours */
	SYNC_HEAL, /* it was dead */
};

struct sync {
	uint64_t request; /* 0: unused */
	enum sync_why why;
	struct addr addr; /* dialled */
	struct id id;     /* who answered; none: nobody yet */
	uint64_t began_us;
	uint64_t done_us; /* compared to the end; 0: not yet */
	bool alone;       /* we were, when it began */
};

/* One PUT at a time. */
struct saving {
	uint64_t token; /* of the PUT in flight; 0: none */
	bool again;     /* more has changed since */
	uint64_t reserved;
	uint64_t version;
};

/* A leave whose signature is being checked. */
struct parting {
	uint64_t token; /* 0: unused */
	struct leave leave;
	uint8_t signature[64];
};

/* What goes back to where the body being handled came from. */
struct reply {
	struct source to;
	struct buffer body;
	uint32_t sent;
	struct id ask[ASK_MAX];
	uint32_t asks;
};

struct swim {
	enum view view;
	const struct identity *identity;
	char cluster[CLUSTER_ID_MAX_LEN + 1];
	struct bytes cluster_id; /* of the above */
	uint32_t probe_every_ms;
	uint32_t probe_timeout_ms;
	uint32_t gossip_every_ms;
	uint32_t alpha, beta;
	uint32_t body_max;
	uint32_t dead_keep_ms;
	struct cards *cards;
	bool own_cards;

	struct rng rng;
	struct members members;
	uint32_t self; /* slot */
	struct newcomers newcomers;
	struct parting parting[PARTINGS_MAX];
	struct rumors rumors;
	struct health health;
	struct view_log log;

	uint64_t timer[TIMERS];
	uint32_t seq; /* of pings */
	struct probe probe[PROBES_MAX];
	struct relay *relay; /* RELAYS_MAX, made at the first */
	struct sync sync[SYNCS_MAX];
	uint64_t requests; /* of syncs, a running number */
	uint64_t tokens;   /* of VERIFY and PUT, a running number */
	struct peer wish;  /* whom to compare with; an id of none: nobody */
	uint64_t synced_us;

	struct past past; /* of the earlier life: addresses to be tried */
	uint32_t past_next;
	uint64_t reserved; /* incarnations below are ours to use: the disk says so */
	uint64_t wanted;   /* to be used as soon as it may; 0: none */
	struct saving saving;
	bool started; /* the first step was taken */
	bool saved_damaged;
	bool cloned; /* told once */

	bool leaving, left;
	struct farewell farewell;

	/* one step */
	uint64_t now_us;
	struct outbox *out;
	struct buffer packet;
	struct reply reply;
	struct facts lent;
	uint64_t refused; /* bodies and claims that were no good */
};

static inline struct member *swim_self(const struct swim *s)
{
	return members_at(&s->members, s->self);
}

static inline void timer_at(struct swim *s, enum timer t, uint64_t us)
{
	if (us < s->timer[t])
		s->timer[t] = us;
}

/* --- send.c: packets and answers --- */

/* What we hold of a member, to be told. */
struct update update_of(const struct swim *s, uint32_t slot);
void packet_begin(struct swim *s);
/* Rumors into what is left, then out. */
void packet_send(struct swim *s, struct addr to);
struct addr member_addr(const struct swim *s, const struct member *m);
/* To be told to everybody, beginning soon. */
void spread(struct swim *s, uint32_t slot, enum rumor_kind kind);
void send_gossip(struct swim *s);

void reply_begin(struct swim *s, const struct source *to);
void reply_end(struct swim *s);
void reply_probing(struct swim *s, enum message_type type, const struct probing *p);
void reply_update(struct swim *s, const struct update *u);
/* All there is to say of a member: its update and facts, or its signed leave. */
void reply_member(struct swim *s, uint32_t slot, bool facts);
void reply_digest(struct swim *s, bool ask);
void reply_summary(struct swim *s, uint8_t bits, uint8_t part);
void reply_next(struct swim *s, uint8_t bits, uint8_t part);
/* For the facts of a newcomer, unless they came by the end of the body that is being read; or whatever there is. */
void reply_ask(struct swim *s, struct id who);
void reply_ask_now(struct swim *s, struct id who);
/* The beginning of a frame that nobody asked for. */
void frame_begin(const struct swim *s, struct buffer *body);
void frame_post(struct swim *s, const struct peer *to, uint64_t request, struct buffer *body);

/* --- move.c: from state to state --- */

/* Within one life, without telling anybody. */
void move_to(struct swim *s, uint32_t slot, enum member_state state, uint64_t incarnation);
void move_alive(struct swim *s, uint32_t slot, uint64_t incarnation);
void move_doubt(struct swim *s, uint32_t slot, struct id accuser, uint64_t incarnation);
void move_bury(struct swim *s, uint32_t slot, uint64_t incarnation, uint32_t after_ms,
	       uint32_t accusers);
void move_left(struct swim *s, uint32_t slot, const struct leave *l);
/* The facts behind a claim are good (invariant 3). Takes over the hold on `card`. */
void move_admit(struct swim *s, const struct update *u, struct card *card, bool quietly);
bool move_is_below_floor(const struct swim *s, const struct update *u);
/* A probe of ours failed. */
void move_accuse(struct swim *s, uint32_t slot);
void move_turn(struct swim *s);
/* We were away: every suspicion has time again. */
void move_paused(struct swim *s);
void move_reap(struct swim *s);

/* --- claim.c: what is believed --- */

void claim_update(struct swim *s, const struct update *u, bool synced);
void claim_facts(struct swim *s, struct bytes packed);
void claim_leave(struct swim *s, const struct leave *l);
void claim_verified(struct swim *s, uint64_t token, bool good);
void claim_ask(struct swim *s);
/* A higher incarnation of our own, as soon as the disk has it reserved. */
void claim_raise(struct swim *s, uint64_t incarnation);
void claim_raised(struct swim *s);

/* --- saving.c: what outlives us --- */

/* Saves now, or as soon as the PUT in flight ends. */
void swim_save(struct swim *s);
void swim_saved(struct swim *s, enum err err);

/* --- probe.c: who answers --- */

void probe_tick(struct swim *s);
void probe_turn(struct swim *s);
/* Beside the period: a sign that it may be gone. */
void probe_now(struct swim *s, struct id who);
/* We were away: nothing that was asked before counts. */
void probe_forget(struct swim *s);
void probe_hear(struct swim *s, const struct message *m);

/* --- sync.c: whether views agree --- */

void sync_candidate(struct swim *s, struct addr addr);
void sync_hear(struct swim *s, struct message *m);
void sync_link_lost(struct swim *s, const struct peer *peer);
void sync_turn(struct swim *s);
void sync_heal(struct swim *s);
/* Joins whose members are all known are told to discovery. */
void sync_settle(struct swim *s);
uint64_t sync_heal_every_us(struct swim *s);

#endif
