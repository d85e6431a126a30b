#include "sched/bond.h"

#include <stdio.h>
#include <string.h>

#include "core/must.h"

#define RETRY_LOW_US  UINT64_C(100000)
#define RETRY_HIGH_US UINT64_C(500000)
#define RETRY_QUICK   10u /* tries; then it is slower */
#define RETRY_SLOW    4u  /* times as slow */
#define ANSWER_US                                                                                  \
	UINT64_C(2000000) /* an ATTACH unanswered for so long is sent anew, on a new stream */

static uint64_t after(uint64_t now, uint64_t us)
{
	return now + us;
}

static void ask_around(struct bond *b, uint64_t now)
{
	uint64_t factor = b->tries < RETRY_QUICK ? 1 : RETRY_SLOW;

	b->attach_us = after(now, rng_between(&b->rng, RETRY_LOW_US, RETRY_HIGH_US) * factor);
}

void bond_init(struct bond *b, struct id self, bool scheduler, uint32_t lease_ms, uint64_t seed,
	       struct fence highest, uint64_t now_us)
{
	must(lease_ms > 0);
	*b = (struct bond){.self = self,
			   .highest = highest,
			   .lease_ms = lease_ms,
			   .attach_us = now_us,
			   .ask_us = UINT64_MAX,
			   .began_us = now_us};
	rng_init(&b->rng, seed);
	if (scheduler)
		b->peer[0] = (struct bond_peer){.id = self, .alive = true};
}

static struct bond_peer *find(struct bond *b, struct id id)
{
	for (uint32_t i = 0; i < BONDS_MAX; i++)
		if (!id_is_none(b->peer[i].id) && id_same(b->peer[i].id, id))
			return &b->peer[i];
	return NULL;
}

/* A free place, or one of a scheduler that is gone, or of one that we do not obey. */
static struct bond_peer *make(struct bond *b, struct id id, bool insist)
{
	struct bond_peer *found = NULL;

	for (uint32_t i = 0; i < BONDS_MAX && found == NULL; i++)
		if (id_is_none(b->peer[i].id))
			found = &b->peer[i];
	for (uint32_t i = 0; i < BONDS_MAX && found == NULL; i++)
		if (!b->peer[i].alive && !id_same(b->peer[i].id, b->director.id))
			found = &b->peer[i];
	for (uint32_t i = 0; i < BONDS_MAX && found == NULL && insist; i++)
		if (!id_same(b->peer[i].id, b->self) && !id_same(b->peer[i].id, b->director.id))
			found = &b->peer[i];
	if (found != NULL)
		*found = (struct bond_peer){.id = id};
	return found;
}

static void stop_obeying(struct bond *b)
{
	b->obeys = false;
	b->ask_us = UINT64_MAX;
}

/* Whoever was asked while we obeyed somebody else had no cause to answer: its stream is not doubted for that. */
void bond_loosen(struct bond *b, uint64_t now_us)
{
	for (uint32_t i = 0; i < BONDS_MAX && b->obeys; i++)
		b->peer[i].asked_us = 0;
	stop_obeying(b);
	b->tries = 0;
	if (b->attach_us == UINT64_MAX)
		ask_around(b, now_us);
}

void bond_member(struct bond *b, const struct tell *t, uint64_t now_us)
{
	const struct facts *f = t->member.facts;
	struct bond_peer *p;
	bool was;

	if (t->kind != TELL_MEMBER || t->member.view != VIEW_ALL || !(f->roles & ROLE_SCHEDULER))
		return;
	bool alive = t->member.state == MEMBER_ALIVE || t->member.state == MEMBER_SUSPECT;
	p = find(b, f->id);
	if (p == NULL && alive)
		p = make(b, f->id, false);
	if (p == NULL)
		return;
	was = p->alive;
	p->alive = alive || id_same(f->id, b->self);
	p->addr = f->addr;
	memcpy(p->name, f->name, sizeof(p->name));
	if (!alive)
		p->asked_us = 0;
	if (!was && alive && !b->obeys && b->attach_us > now_us)
		b->attach_us = now_us; /* somebody new to ask */
}

bool bond_link_down(struct bond *b, const struct peer *peer, uint64_t now_us)
{
	struct bond_peer *p = find(b, peer->id);

	if (p == NULL)
		return false;
	p->asked_us = 0;
	if (!b->obeys || !id_same(b->director.id, peer->id))
		return false;
	if (b->director.link != 0 && peer->link != 0 && b->director.link != peer->link)
		return false; /* another stream with it */
	bond_loosen(b, now_us);
	return true;
}

/* Whether a director with this fence may be followed at all. */
static bool may_follow(const struct bond *b, struct fence fence, bool holds)
{
	if (id_is_none(b->highest.store))
		return true;
	if (!id_same(b->highest.store, fence.store))
		return !holds || id_same(b->highest.store, b->retired);
	return epoch_cmp(fence.epoch, b->highest.epoch) >= 0;
}

bool bond_direct(struct bond *b, const struct peer *from, struct fence fence, bool holds,
		 struct peer *out)
{
	struct bond_peer *p;

	if (!may_follow(b, fence, holds))
		return false;
	if (b->obeys && id_same(b->director.id, from->id) &&
	    epoch_cmp(fence.epoch, b->highest.epoch) == 0)
		stop_obeying(b); /* it has forgotten us */
	p = find(b, from->id);
	if (p == NULL)
		p = make(b, from->id, true);
	if (p == NULL)
		return false;
	p->alive = true;
	/* Asked once more, should it have been asked: it may not have directed then. But on the stream of before. */
	*out = addr_is_none(p->addr) ? *from : (struct peer){.id = p->id, .addr = p->addr};
	b->tries = 0;
	return true;
}

enum bond_verdict bond_attached(struct bond *b, const struct peer *from, const struct attached *a,
				bool holds, uint64_t now_us)
{
	struct bond_peer *p = find(b, from->id);

	if (p == NULL || a->serial != p->serial)
		return BOND_IGNORED;
	if (b->obeys && id_same(b->director.id, from->id) && a->accepted &&
	    bond_obeys(b, from, a->fence)) {
		/* It was shown us once more: it means the stream that this came on, and has forgotten what we asked. */
		b->director = *from;
		b->ask_us = now_us;
		return BOND_OBEYED;
	}
	if (p->asked_us == 0)
		return BOND_IGNORED;
	p->asked_us = 0;
	if (!a->accepted)
		return BOND_REFUSED;
	if (!may_follow(b, a->fence, holds))
		return BOND_IGNORED;
	if (b->obeys && id_same(b->highest.store, a->fence.store) &&
	    epoch_cmp(a->fence.epoch, b->highest.epoch) == 0)
		return BOND_IGNORED; /* one director in one epoch, and we have it */
	if (p->mark != b->taken) {
		b->highest = a->fence;
		return BOND_AGAIN;
	}
	b->obeys = true;
	b->granted = false;
	b->director = *from;
	b->session = a->serial;
	b->highest = a->fence;
	b->attach_us = UINT64_MAX;
	b->tries = 0;
	b->heard_us = now_us;
	b->ask_us = now_us; /* a lease at once: without one nothing starts */
	if (a->lease_ms > 0)
		b->lease_ms = a->lease_ms;
	return BOND_OBEYED;
}

bool bond_obeys(const struct bond *b, const struct peer *from, struct fence fence)
{
	return b->obeys && id_same(b->director.id, from->id) &&
	       id_same(b->highest.store, fence.store) &&
	       epoch_cmp(b->highest.epoch, fence.epoch) == 0;
}

bool bond_leased(struct bond *b, const struct lease *l, uint64_t now_us)
{
	if (l->sent_us < b->began_us || l->sent_us > now_us)
		return false; /* not a question of this life */
	b->heard_us = now_us;
	b->granted = true;
	uint64_t ends = l->sent_us + (uint64_t)l->lease_ms * 1000;
	if (ends <= b->lease_ends_us)
		return false;
	b->lease_ends_us = ends;
	b->lease_ms = l->lease_ms > 0 ? l->lease_ms : b->lease_ms;
	return true;
}

void bond_took(struct bond *b)
{
	b->taken++;
}

/* --- what is due --- */

static uint64_t silent_us(const struct bond *b)
{
	return b->obeys ? after(b->heard_us, (uint64_t)b->lease_ms * 1000 / 2) : UINT64_MAX;
}

bool bond_silent(struct bond *b, uint64_t now_us, struct peer *out)
{
	if (now_us < silent_us(b))
		return false;
	*out = b->director;
	bond_loosen(b, now_us);
	return true;
}

bool bond_next(struct bond *b, uint64_t now_us, struct peer *out, bool *fresh)
{
	if (b->obeys || now_us < b->attach_us)
		return false;
	for (uint32_t i = 0; i < BONDS_MAX; i++) {
		const struct bond_peer *p = &b->peer[i];
		bool waits = p->asked_us != 0;

		if (id_is_none(p->id) || !p->alive)
			continue;
		if (waits && now_us < p->asked_us + ANSWER_US)
			continue;
		*out = (struct peer){.id = p->id, .addr = p->addr};
		*fresh = !waits;
		return true;
	}
	b->tries++;
	ask_around(b, now_us);
	return false;
}

uint64_t bond_ask(struct bond *b, const struct peer *to, uint64_t now_us)
{
	struct bond_peer *p = find(b, to->id);

	must(p != NULL);
	stop_obeying(b);
	p->asked_us = now_us > 0 ? now_us : 1;
	p->mark = b->taken;
	p->serial = ++b->serial;
	if (b->attach_us == UINT64_MAX)
		ask_around(b, now_us);
	return p->serial;
}

bool bond_lease_due(struct bond *b, uint64_t now_us)
{
	if (now_us < b->ask_us)
		return false;
	must(b->obeys);
	b->ask_us = after(now_us, (uint64_t)b->lease_ms * 1000 / 5);
	return true;
}

uint64_t bond_deadline_us(const struct bond *b, bool may_ask)
{
	uint64_t least = b->attach_us;
	bool anybody = false;

	for (uint32_t i = 0; i < BONDS_MAX; i++)
		anybody = anybody || (!id_is_none(b->peer[i].id) && b->peer[i].alive);
	if (b->obeys || !anybody || !may_ask)
		least = UINT64_MAX;
	if (b->ask_us < least)
		least = b->ask_us;
	return silent_us(b) < least ? silent_us(b) : least;
}

bool bond_lease_runs(const struct bond *b, uint64_t now_us)
{
	return b->obeys && b->granted && now_us < b->lease_ends_us;
}

const char *bond_name(const struct bond *b, struct id id)
{
	for (uint32_t i = 0; i < BONDS_MAX; i++)
		if (id_same(b->peer[i].id, id))
			return b->peer[i].name;
	return "";
}
