/* The moves of a member from state to state, and what each sets off: a rumor, a line, a word to the siblings. Whether a
 * move is to be made was decided before (claim.c), but for those that only time makes. The diagram stands in
 * gossip/member.h. */
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "gossip/swim_parts.h"

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

void move_to(struct swim *s, uint32_t slot, enum member_state state, uint64_t incarnation)
{
	members_set(&s->members, slot, state, members_at(&s->members, slot)->boot, incarnation,
		    &s->rng, s->now_us);
}

/* --- the moves --- */

/* It is alive, and says so by an incarnation above all that is known. */
void move_alive(struct swim *s, uint32_t slot, uint64_t incarnation)
{
	struct member *m = members_at(&s->members, slot);
	enum member_state was = m->state;
	struct facts facts;

	must(was != MEMBER_LEFT);
	must(incarnation > m->incarnation);
	move_to(s, slot, MEMBER_ALIVE, incarnation);
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

void move_doubt(struct swim *s, uint32_t slot, struct id accuser, uint64_t incarnation)
{
	struct member *m = members_at(&s->members, slot);
	bool anew = m->state == MEMBER_ALIVE || incarnation > m->incarnation;

	must(member_is_here(m));
	must(incarnation >= m->incarnation);
	if (anew) {
		bool was_alive = m->state == MEMBER_ALIVE;

		if (!was_alive)
			move_to(s, slot, MEMBER_ALIVE, incarnation);
		move_to(s, slot, MEMBER_SUSPECT, incarnation);
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

void move_bury(struct swim *s, uint32_t slot, uint64_t incarnation, uint32_t after_ms,
	       uint32_t accusers)
{
	struct member *m = members_at(&s->members, slot);
	struct doubt d = doubt_of(swim_size(s), s->alpha, s->beta, s->probe_every_ms);
	uint32_t before = swim_size(s);
	struct facts facts;

	must(member_is_here(m));
	move_to(s, slot, MEMBER_DEAD, incarnation);
	m->after_ms = after_ms;
	m->accusers = accusers;
	rumor_drop(&s->rumors, slot);
	spread(s, slot, RUMOR_BAD);
	/* Alone there is nobody to tell. Kept, these deaths would be the first thing said to whoever is met again, who would
	 * believe them; a sync tells them so that they are doubted first. */
	if (s->members.living.count == 0) {
		rumors_fini(&s->rumors);
		rumors_init(&s->rumors);
	}
	card_facts(m->card, &facts);
	view_log_failed(&s->log, &facts, after_ms, accusers, before, s->members.suspects,
			(uint64_t)d.max_ms * 1000, s->now_us, s->out);
	tell(s, MEMBER_DEAD, &facts);
	timer_at(s, TIMER_HEAL, s->now_us + sync_heal_every_us(s));
	timer_at(s, TIMER_REAP, s->now_us + REAP_US);
}

/* Its signature was checked. */
void move_left(struct swim *s, uint32_t slot, const struct leave *l)
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
		move_alive(s, slot, u->incarnation);
	spread(s, slot, RUMOR_FACTS);
	if (m->state == MEMBER_ALIVE)
		tell_slot(s, slot);
}

bool move_is_below_floor(const struct swim *s, const struct update *u)
{
	const struct floor *f = members_floor(&s->members, u->id);

	return f != NULL &&
	       (u->boot < f->boot || (u->boot == f->boot && u->incarnation <= f->incarnation));
}

/* The facts behind a claim are good (invariant 3). Takes over the hold on `card`. */
void move_admit(struct swim *s, const struct update *u, struct card *card, bool quietly)
{
	uint32_t slot = members_find(&s->members, u->id);
	bool welcome_here = s->view != VIEW_SCHEDULERS || (card->roles & ROLE_SCHEDULER);

	must(id_same(u->id, card->id));
	must(u->boot == card->boot);
	if (slot == s->self || !welcome_here || (slot == SLOT_NONE && move_is_below_floor(s, u))) {
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
		move_doubt(s, slot, u->accuser, u->incarnation);
}

/* --- the passing of time --- */

void move_accuse(struct swim *s, uint32_t slot)
{
	const struct member *m = members_at(&s->members, slot);

	if (member_is_here(m))
		move_doubt(s, slot, swim_self(s)->id, m->incarnation);
}

/* Suspicions whose time is over, and when the next one's is. */
void move_turn(struct swim *s)
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
		move_bury(s, slot, m->incarnation,
			  (uint32_t)((s->now_us - m->suspicion->began_us) / 1000),
			  suspicion_accusers(m->suspicion));
	}
	timer_at(s, TIMER_DOUBT, next);
}

void move_paused(struct swim *s)
{
	for (uint32_t slot = 0; slot < s->members.top && s->members.suspects > 0; slot++) {
		const struct member *m = &s->members.at[slot];

		if (!id_is_none(m->id) && m->state == MEMBER_SUSPECT)
			suspicion_extend(m->suspicion, s->now_us);
	}
}

/* Of the dead only the floor remains (invariant 4). */
void move_reap(struct swim *s)
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
