/* What is believed. A claim comes in, is held against what is known, and changes a member or nothing. The diagram of a
 * member's states stands in gossip/member.h. */
#include "core/must.h"
#include "gossip/swim_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ASK_US       400000u
#define ASK_TRIES    5u
#define LEFT_KEEP_US (3600u * UINT64_C(1000000)) /* no one needs to be told longer */
#define REAP_US      10000000u

/* --- telling --- */

static void tell(struct swim *s, enum member_state state, const struct facts *facts)
{
	struct tell t = {.kind = TELL_MEMBER,
			 .member = {.view = s->view, .state = state, .facts = facts}};

	outbox_tell(s->out, &t);
}

static void tell_slot(struct swim *s, uint32_t slot)
{
	const struct member *m = members_at(&s->members, slot);
	struct facts facts;

	card_facts(m->card, &facts);
	tell(s, m->state, &facts);
}

/* A member came, or came back. */
static void welcome(struct swim *s, uint32_t slot, bool quietly)
{
	tell_slot(s, slot);
	timer_at(s, TIMER_PROBE,
		 s->now_us + rng_below(&s->rng, (uint64_t)s->probe_every_ms * 1000));
	if (quietly)
		return;
	spread(s, slot, RUMOR_GOOD);
	spread(s, slot, RUMOR_FACTS);
}

static void settle_state(struct swim *s, uint32_t slot, enum member_state state,
			 uint64_t incarnation)
{
	members_set(&s->members, slot, state, members_at(&s->members, slot)->boot, incarnation,
		    &s->rng, s->now_us);
}

/* --- the moves --- */

/* It is alive, and says so by an incarnation above all that is known. */
static void claim_alive(struct swim *s, uint32_t slot, uint64_t incarnation)
{
	struct member *m = members_at(&s->members, slot);
	enum member_state was = m->state;
	struct facts facts;

	must(was != MEMBER_LEFT);
	must(incarnation > m->incarnation);
	settle_state(s, slot, MEMBER_ALIVE, incarnation);
	if (was == MEMBER_DEAD) {
		card_facts(m->card, &facts);
		view_log_join(&s->log, &facts, s->now_us);
		welcome(s, slot, false);
		return;
	}
	spread(s, slot, RUMOR_GOOD);
	if (was == MEMBER_SUSPECT)
		tell_slot(s, slot);
}

static void doubt(struct swim *s, uint32_t slot, struct id accuser, uint64_t incarnation)
{
	struct member *m = members_at(&s->members, slot);
	bool anew = m->state == MEMBER_ALIVE || incarnation > m->incarnation;

	must(member_is_here(m));
	must(incarnation >= m->incarnation);
	if (anew) {
		bool was_alive = m->state == MEMBER_ALIVE;

		if (!was_alive)
			settle_state(s, slot, MEMBER_ALIVE, incarnation);
		settle_state(s, slot, MEMBER_SUSPECT, incarnation);
		m->suspicion =
			suspicion_open(doubt_of(swim_size(s), s->alpha, s->beta, s->probe_every_ms),
				       accuser, s->now_us);
		outbox_log(s->out, LOG_LEVEL_DEBUG, "member suspected: id=%s view=%s accuser=%s",
			   id_text(m->id).s, view_name(s->view), id_text(accuser).s);
		if (was_alive)
			tell_slot(s, slot);
	} else if (!suspicion_confirm(m->suspicion, accuser)) {
		return;
	}
	/* The first independent confirmations are told anew, each by everybody (Lifeguard). */
	spread(s, slot, RUMOR_BAD);
	timer_at(s, TIMER_DOUBT, suspicion_deadline_us(m->suspicion));
}

static void bury(struct swim *s, uint32_t slot, uint64_t incarnation, uint32_t after_ms,
		 uint32_t accusers)
{
	struct member *m = members_at(&s->members, slot);
	struct doubt d = doubt_of(swim_size(s), s->alpha, s->beta, s->probe_every_ms);
	uint32_t before = swim_size(s);
	struct facts facts;

	must(member_is_here(m));
	settle_state(s, slot, MEMBER_DEAD, incarnation);
	m->after_ms = after_ms;
	m->accusers = accusers;
	rumor_drop(&s->rumors, slot);
	spread(s, slot, RUMOR_BAD);
	card_facts(m->card, &facts);
	view_log_failed(&s->log, &facts, after_ms, accusers, before, s->members.suspects,
			(uint64_t)d.max_ms * 1000, s->now_us, s->out);
	tell(s, MEMBER_DEAD, &facts);
	timer_at(s, TIMER_HEAL, s->now_us + sync_heal_every_us(s));
	timer_at(s, TIMER_REAP, s->now_us + REAP_US);
}

/* Its signature was checked. */
static void claim_left(struct swim *s, uint32_t slot, const struct leave *l)
{
	struct member *m = members_at(&s->members, slot);
	bool was_here = member_is_here(m);
	struct farewell *farewell = malloc(sizeof(*farewell));
	struct facts facts;

	must(farewell != NULL);
	memcpy(farewell->signature, l->signature, sizeof(farewell->signature));
	members_set(&s->members, slot, MEMBER_LEFT, l->boot, l->incarnation, &s->rng, s->now_us);
	m->farewell = farewell;
	rumor_drop(&s->rumors, slot);
	spread(s, slot, RUMOR_BAD);
	timer_at(s, TIMER_REAP, s->now_us + REAP_US);
	if (!was_here)
		return;
	card_facts(m->card, &facts);
	view_log_left(&s->log, &facts, s->now_us);
	tell(s, MEMBER_LEFT, &facts);
}

/* A higher boot: whatever the earlier life was, it is over (invariant 1). Takes over the hold on `card`. */
static void next_life(struct swim *s, uint32_t slot, const struct update *u, struct card *card)
{
	struct member *m = members_at(&s->members, slot);
	bool was_here = member_is_here(m);
	struct facts facts;

	must(card->boot > m->boot);
	if (was_here) {
		card_facts(m->card, &facts);
		tell(s, MEMBER_DEAD, &facts);
	}
	rumor_drop(&s->rumors, slot);
	members_set(&s->members, slot, MEMBER_ALIVE, card->boot, u->incarnation, &s->rng,
		    s->now_us);
	members_card(&s->members, s->cards, slot, card);
	card_facts(card, &facts);
	if (was_here)
		view_log_again(&s->log, &facts, s->now_us);
	else
		view_log_join(&s->log, &facts, s->now_us);
	welcome(s, slot, false);
}

/* New tags of the same life. Takes over the hold on `card`. */
static void new_tags(struct swim *s, uint32_t slot, const struct update *u, struct card *card)
{
	struct member *m = members_at(&s->members, slot);

	if (m->state == MEMBER_LEFT || card->tags <= m->card->tags) {
		card_drop(s->cards, card);
		return;
	}
	members_card(&s->members, s->cards, slot, card);
	if (u->incarnation > m->incarnation)
		claim_alive(s, slot, u->incarnation);
	spread(s, slot, RUMOR_FACTS);
	if (m->state == MEMBER_ALIVE)
		tell_slot(s, slot);
}

static bool is_below_floor(const struct swim *s, const struct update *u)
{
	const struct floor *f = members_floor(&s->members, u->id);

	return f != NULL &&
	       (u->boot < f->boot || (u->boot == f->boot && u->incarnation <= f->incarnation));
}

/* The facts behind a claim are good (invariant 3). Takes over the hold on `card`. */
static void claim_admit(struct swim *s, const struct update *u, struct card *card, bool quietly)
{
	uint32_t slot = members_find(&s->members, u->id);
	bool welcome_here = s->view != VIEW_SCHEDULERS || (card->roles & ROLE_SCHEDULER);

	must(id_same(u->id, card->id));
	must(u->boot == card->boot);
	if (slot == s->self || !welcome_here || (slot == SLOT_NONE && is_below_floor(s, u))) {
		s->refused++;
		card_drop(s->cards, card);
		return;
	}
	if (slot != SLOT_NONE) {
		const struct member *m = members_at(&s->members, slot);

		if (card->boot > m->boot)
			next_life(s, slot, u, card);
		else if (card->boot == m->boot)
			new_tags(s, slot, u, card);
		else
			card_drop(s->cards, card);
		return;
	}
	slot = members_add(&s->members, card, u->incarnation, false, &s->rng, s->now_us);
	if (slot == SLOT_NONE) {
		s->refused++;
		card_drop(s->cards, card);
		return;
	}
	struct facts facts;
	card_facts(card, &facts);
	view_log_join(&s->log, &facts, s->now_us);
	welcome(s, slot, quietly);
	if (u->state == MEMBER_SUSPECT)
		doubt(s, slot, u->accuser, u->incarnation);
}

/* --- what we hear of ourselves --- */

void claim_raise(struct swim *s, uint64_t incarnation)
{
	if (incarnation > s->wanted)
		s->wanted = incarnation;
	claim_raised(s);
}

void claim_raised(struct swim *s)
{
	struct member *me = swim_self(s);

	if (s->wanted == 0 || s->leaving)
		return;
	if (s->wanted >= s->reserved) {
		swim_save(s); /* invariant 5; goes on when the disk answers */
		return;
	}
	if (s->wanted > me->incarnation)
		settle_state(s, s->self, MEMBER_ALIVE, s->wanted);
	s->wanted = 0;
	spread(s, s->self, RUMOR_GOOD);
	if (s->reserved - me->incarnation < RESERVE / 2)
		swim_save(s);
}

/* Whoever accuses us of what we have refuted already has not heard it: all that we told may have been lost. */
static void refute(struct swim *s, const struct update *u)
{
	const struct member *me = swim_self(s);

	if (u->incarnation >= me->incarnation && u->incarnation >= s->wanted) {
		health_worse(&s->health, 1);
		outbox_log(s->out, LOG_LEVEL_DEBUG, "accused: view=%s by=%s incarnation=%" PRIu64,
			   view_name(s->view), id_text(u->accuser).s, u->incarnation);
		claim_raise(s, u->incarnation + 1);
	} else if (!rumor_is_told(&s->rumors, s->self)) {
		spread(s, s->self, RUMOR_GOOD);
	}
	struct update mine = update_of(s, s->self);
	reply_update(s, &mine);
}

static void hear_of_self(struct swim *s, const struct update *u)
{
	struct member *me = swim_self(s);

	if (u->boot > me->boot && !s->cloned) {
		s->cloned = true;
		outbox_log(s->out, LOG_LEVEL_ERROR,
			   "another node runs with this identity: id=%s boot=%" PRIu64
			   " ours=%" PRIu64 "; stop one of them and give it its own data directory",
			   id_text(me->id).s, u->boot, me->boot);
	}
	if (s->leaving || u->boot != me->boot)
		return;
	if (u->incarnation > me->incarnation + INCARNATION_STEP_MAX) {
		s->refused++;
		return;
	}
	bool accused = u->state == MEMBER_SUSPECT || u->state == MEMBER_DEAD;
	if (accused)
		refute(s, u);
	else if (u->incarnation > me->incarnation)
		claim_raise(s, u->incarnation + 1);
}

/* --- what we hear of others --- */

/* The claim names facts we do not have. */
static void want_facts(struct swim *s, const struct update *u)
{
	struct card *card;

	if (u->state != MEMBER_ALIVE && u->state != MEMBER_SUSPECT) {
		newcomers_drop(&s->newcomers, u->id); /* gone before it was here */
		return;
	}
	card = card_find(s->cards, u->id, u->facts);
	if (card != NULL && card->boot == u->boot) {
		newcomers_drop(&s->newcomers, u->id);
		claim_admit(s, u, card, s->reply.to.introduction);
		return;
	}
	card_drop(s->cards, card);
	struct newcomer *n = newcomers_want(&s->newcomers, u, &s->reply.to);
	if (n == NULL) {
		s->refused++;
	} else if (n->token == 0 && (n->asked_us == 0 || s->now_us - n->asked_us >= ASK_US)) {
		n->asked_us = s->now_us;
		reply_ask(s, u->id);
		timer_at(s, TIMER_ASK, s->now_us + ASK_US);
	}
}

static void hear_of_stranger(struct swim *s, const struct update *u)
{
	const struct floor *f = members_floor(&s->members, u->id);

	if (!is_below_floor(s, u)) {
		want_facts(s, u);
		return;
	}
	s->refused++;
	/* Whoever tells it, and at last the member itself, is to know what it must be above (invariant 4). */
	if (f->incarnation <= INCARNATION_MAX && u->state != MEMBER_DEAD) {
		struct update grave = {.id = f->id,
				       .boot = f->boot,
				       .incarnation = f->incarnation,
				       .state = MEMBER_DEAD,
				       .accuser = swim_self(s)->id,
				       .accusers = 1};
		reply_update(s, &grave);
	}
}

/* True when facts have to come first: the claim is of tags that we do not know. */
static bool is_about_new_facts(const struct member *m, const struct update *u)
{
	return u->facts != m->card->digest && u->incarnation > m->incarnation &&
	       (u->state == MEMBER_ALIVE || u->state == MEMBER_SUSPECT);
}

/* Same life. The order of claims is that of the paper (4.2) but for `dead`, which a higher incarnation refutes. */
static void hear_of_known(struct swim *s, uint32_t slot, const struct update *u, bool synced)
{
	struct member *m = members_at(&s->members, slot);

	switch ((enum member_state)u->state) {
	case MEMBER_ALIVE:
		if (u->incarnation > m->incarnation)
			claim_alive(s, slot, u->incarnation);
		else if (m->state == MEMBER_DEAD)
			reply_member(s, slot, false);
		break;
	case MEMBER_SUSPECT:
		if (member_is_here(m) && u->incarnation >= m->incarnation)
			doubt(s, slot, u->accuser, u->incarnation);
		else if (m->state == MEMBER_DEAD)
			reply_member(s, slot, false);
		break;
	case MEMBER_DEAD:
		if (u->incarnation < m->incarnation)
			break;
		if (m->state == MEMBER_DEAD)
			settle_state(s, slot, MEMBER_DEAD, u->incarnation);
		else if (
			synced) /* news that old may be wrong: it shall have its chance to refute */
			doubt(s, slot, s->reply.to.id, u->incarnation);
		else
			bury(s, slot, u->incarnation, u->after_ms, u->accusers);
		break;
	case MEMBER_LEFT: /* never on another's word */
		reply_ask_now(s, u->id);
		break;
	}
}

void claim_update(struct swim *s, const struct update *u, bool synced)
{
	uint32_t slot = members_find(&s->members, u->id);

	if (slot == s->self) {
		hear_of_self(s, u);
		return;
	}
	if (slot == SLOT_NONE) {
		hear_of_stranger(s, u);
		return;
	}
	const struct member *m = members_at(&s->members, slot);
	if (u->boot > m->boot) {
		want_facts(s, u);
		return;
	}
	if (u->boot < m->boot)
		return;
	if (u->incarnation > m->incarnation + INCARNATION_STEP_MAX) {
		s->refused++;
		return;
	}
	if (m->state == MEMBER_LEFT) {
		if (u->state != MEMBER_LEFT)
			reply_member(s, slot, false);
		return;
	}
	if (is_about_new_facts(m, u))
		want_facts(s, u);
	else
		hear_of_known(s, slot, u, synced);
}

/* --- facts and signatures --- */

static void verify(struct swim *s, uint64_t token, const struct facts *f)
{
	struct buffer text;

	buffer_init(&text, 2 * FACTS_MAX);
	enum err err = facts_signed(f, s->cluster_id, &text);
	must(err == OK);
	outbox_verify(s->out, token, f->key, f->signature, buffer_bytes(&text));
	buffer_fini(&text);
}

void claim_facts(struct swim *s, struct bytes packed)
{
	struct facts facts;
	struct newcomer *n;

	if (facts_get(packed, &facts) != OK) {
		s->refused++;
		return;
	}
	n = newcomers_find(&s->newcomers, facts.id);
	if (n == NULL || n->token != 0 || facts.boot != n->claim.boot ||
	    facts_digest(&facts) != n->claim.facts)
		return;
	n->facts = malloc(sizeof(facts));
	must(n->facts != NULL);
	*n->facts = facts;
	n->token = ++s->tokens;
	verify(s, n->token, &facts);
}

/* The signed text of a leave is checked like facts, by the key in the leaver's own. */
void claim_leave(struct swim *s, const struct leave *l)
{
	uint32_t slot = members_find(&s->members, l->id);
	uint32_t free_at = PARTINGS_MAX;
	struct buffer text;
	struct facts facts;

	if (slot == SLOT_NONE || slot == s->self)
		return;
	const struct member *m = members_at(&s->members, slot);
	bool newer = l->boot > m->boot || (l->boot == m->boot && m->state != MEMBER_LEFT &&
					   l->incarnation >= m->incarnation);
	if (!newer)
		return;
	for (uint32_t i = 0; i < PARTINGS_MAX; i++) {
		if (s->parting[i].token == 0)
			free_at = i;
		else if (id_same(s->parting[i].leave.id, l->id))
			return;
	}
	if (free_at == PARTINGS_MAX) {
		s->refused++; /* it is told again */
		return;
	}
	struct parting *p = &s->parting[free_at];
	*p = (struct parting){.token = ++s->tokens, .leave = *l};
	memcpy(p->signature, l->signature, sizeof(p->signature));
	p->leave.signature = p->signature;
	card_facts(m->card, &facts);
	buffer_init(&text, 256);
	enum err err = leave_text(l, s->cluster_id, &text);
	must(err == OK);
	outbox_verify(s->out, p->token, facts.key, p->signature, buffer_bytes(&text));
	buffer_fini(&text);
}

static void leave_verified(struct swim *s, struct parting *p, bool good)
{
	struct parting was = *p;
	uint32_t slot = members_find(&s->members, was.leave.id);

	*p = (struct parting){0};
	was.leave.signature = was.signature;
	if (!good || slot == SLOT_NONE) {
		s->refused++;
		return;
	}
	const struct member *m = members_at(&s->members, slot);
	bool newer = was.leave.boot > m->boot ||
		     (was.leave.boot == m->boot && was.leave.incarnation >= m->incarnation);
	if (newer && m->state != MEMBER_LEFT)
		claim_left(s, slot, &was.leave);
}

void claim_verified(struct swim *s, uint64_t token, bool good)
{
	struct newcomer *n = newcomers_by_token(&s->newcomers, token);

	for (uint32_t i = 0; i < PARTINGS_MAX; i++) {
		if (s->parting[i].token == token) {
			leave_verified(s, &s->parting[i], good);
			return;
		}
	}
	if (n == NULL)
		return;
	struct update claim = n->claim;
	bool quietly = n->source.introduction;
	struct card *card = good ? card_keep(s->cards, n->facts) : NULL;

	newcomers_drop(&s->newcomers, claim.id);
	if (card != NULL)
		claim_admit(s, &claim, card, quietly);
	else
		s->refused++;
}

/* --- the passing of time --- */

void claim_doubt(struct swim *s, uint32_t slot)
{
	const struct member *m = members_at(&s->members, slot);

	if (member_is_here(m))
		doubt(s, slot, swim_self(s)->id, m->incarnation);
}

/* Suspicions whose time is over, and when the next one's is. */
void claim_turn(struct swim *s)
{
	uint64_t next = NEVER;

	s->timer[TIMER_DOUBT] = NEVER;
	for (uint32_t slot = 0; slot < s->members.top && s->members.suspects > 0; slot++) {
		const struct member *m = &s->members.at[slot];

		if (id_is_none(m->id) || m->state != MEMBER_SUSPECT)
			continue;
		uint64_t deadline = suspicion_deadline_us(m->suspicion);
		if (deadline > s->now_us) {
			next = deadline < next ? deadline : next;
			continue;
		}
		bury(s, slot, m->incarnation,
		     (uint32_t)((s->now_us - m->suspicion->began_us) / 1000),
		     suspicion_accusers(m->suspicion));
	}
	timer_at(s, TIMER_DOUBT, next);
}

void claim_paused(struct swim *s)
{
	for (uint32_t slot = 0; slot < s->members.top && s->members.suspects > 0; slot++) {
		const struct member *m = &s->members.at[slot];

		if (!id_is_none(m->id) && m->state == MEMBER_SUSPECT)
			suspicion_extend(m->suspicion, s->now_us);
	}
}

/* Asks again whoever named them; walks backwards, because dropping one moves the last into its place. */
void claim_ask(struct swim *s)
{
	bool waiting = false;

	s->timer[TIMER_ASK] = NEVER;
	for (uint32_t i = s->newcomers.count; i > 0; i--) {
		struct newcomer *n = &s->newcomers.at[i - 1];

		if (n->token != 0)
			continue;
		if (s->now_us - n->asked_us >= ASK_US) {
			if (++n->tries == ASK_TRIES) {
				newcomers_drop(&s->newcomers, n->claim.id);
				continue;
			}
			n->asked_us = s->now_us;
			reply_begin(s, &n->source);
			reply_ask_now(s, n->claim.id);
			reply_end(s);
		}
		waiting = true;
	}
	if (waiting)
		s->timer[TIMER_ASK] = s->now_us + ASK_US;
}

/* Of the dead only the floor remains (invariant 4). */
void claim_reap(struct swim *s)
{
	struct slots *gone = &s->members.gone;
	uint64_t dead_us = (uint64_t)s->dead_keep_ms * 1000;
	uint64_t left_us = dead_us < LEFT_KEEP_US ? dead_us : LEFT_KEEP_US;

	for (uint32_t i = gone->count; i > 0; i--) {
		uint32_t slot = gone->at[i - 1];
		const struct member *m = members_at(&s->members, slot);
		uint64_t keep_us = m->state == MEMBER_LEFT ? left_us : dead_us;

		if (s->now_us - m->since_us < keep_us)
			continue;
		rumor_drop(&s->rumors, slot);
		members_reap(&s->members, s->cards, slot);
	}
	s->timer[TIMER_REAP] = gone->count == 0 ? NEVER : s->now_us + REAP_US;
}
