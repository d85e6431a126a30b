/* What is believed. A claim comes in, is held against what is known, and changes a member or nothing. The diagram of a
 * member's states stands in gossip/member.h. */
#include "core/must.h"
#include "gossip/swim_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ASK_US    400000u
#define ASK_TRIES 5u

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
		move_to(s, s->self, MEMBER_ALIVE, s->wanted);
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
		move_admit(s, u, card, s->reply.to.introduction);
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

	if (!move_is_below_floor(s, u)) {
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

/* Here it is dead, there it lives, and after a partition they may be right: it is told as a doubt, for the member itself to
 * end. Told as dead it would be buried by those who hear it well. */
static void object(struct swim *s, const struct member *m)
{
	struct update doubt = {.id = m->id,
			       .boot = m->boot,
			       .incarnation = m->incarnation,
			       .state = MEMBER_SUSPECT,
			       .facts = m->card->digest,
			       .accuser = swim_self(s)->id};

	reply_update(s, &doubt);
}

/* Same life. The order of claims is that of the paper (4.2) but for `dead`, which a higher incarnation refutes. */
static void hear_of_known(struct swim *s, uint32_t slot, const struct update *u, bool synced)
{
	struct member *m = members_at(&s->members, slot);

	switch ((enum member_state)u->state) {
	case MEMBER_ALIVE:
		if (u->incarnation > m->incarnation)
			move_alive(s, slot, u->incarnation);
		else if (m->state == MEMBER_DEAD)
			object(s, m);
		break;
	case MEMBER_SUSPECT:
		if (member_is_here(m) && u->incarnation >= m->incarnation)
			move_doubt(s, slot, u->accuser, u->incarnation);
		break;
	case MEMBER_DEAD:
		if (u->incarnation < m->incarnation)
			break;
		if (m->state == MEMBER_DEAD)
			move_to(s, slot, MEMBER_DEAD, u->incarnation);
		else if (
			synced) /* news that old may be wrong: it shall have its chance to refute */
			move_doubt(s, slot, s->reply.to.id, u->incarnation);
		else
			move_bury(s, slot, u->incarnation, u->after_ms, u->accusers);
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

	if (s->newcomers.count ==
	    0) /* nobody waits for any: the common case, and decoding is not free */
		return;
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
		move_left(s, slot, &was.leave);
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
		move_admit(s, &claim, card, quietly);
	else
		s->refused++;
}

/* --- the passing of time --- */

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
