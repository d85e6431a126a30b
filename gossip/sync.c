/* Whether views agree. Every ping carries the digest of the view; where two differ they are compared over a stream:
 *
 *     A                                                  B
 *       update and facts of A, DIGEST ask  ------------>
 *                        <------------  update of B, DIGEST; when it differs: SUMMARY of the first part
 *       what A has newer, ASK facts, NEXT part  ------->
 *                        <------------  facts; SUMMARY of the next part
 *       …
 *
 * B keeps nothing for it; A keeps one struct sync. A join is the same between strangers, and so is healing: whoever was
 * dead to the other hears it, and refutes. Parts are cut by the first bits of the id, about PART_MEMBERS each. */
#include "core/must.h"
#include "gossip/swim_parts.h"

#define PART_MEMBERS    256u
#define SYNC_GIVE_UP_US 10000000u
#define SETTLE_US       1000000u
#define PULL_EVERY_US   1000000u /* two pulls are at least so far apart, */
#define PULL_MEMBER_US  2000u    /* and so much more for each member: large views agree by gossip */
#define HEAL_EVERY_US   5000000u
#define HEAL_ALONE_US   1000000u

static struct sync *sync_of(struct swim *s, uint64_t request)
{
	for (uint32_t i = 0; request != 0 && i < SYNCS_MAX; i++)
		if (s->sync[i].request == request)
			return &s->sync[i];
	return NULL;
}

static struct sync *sync_free(struct swim *s)
{
	for (uint32_t i = 0; i < SYNCS_MAX; i++)
		if (s->sync[i].request == 0)
			return &s->sync[i];
	return NULL;
}

static bool is_dialled(const struct swim *s, struct addr addr)
{
	for (uint32_t i = 0; i < SYNCS_MAX; i++)
		if (s->sync[i].request != 0 && addr_same(s->sync[i].addr, addr))
			return true;
	return false;
}

/* --- beginning --- */

static void put_opening(struct swim *s, struct buffer *body, struct id peer)
{
	const struct member *me = swim_self(s);
	uint32_t slot = members_find(&s->members, peer);
	struct digest d = {s->members.sum, s->log.version, swim_size(s), true};
	struct update u = update_of(s, s->self);

	enum err err = message_put_update(body, &u);
	must(err == OK);
	err = message_put_facts(body, card_packed(me->card));
	must(err == OK);
	if (slot != SLOT_NONE && members_at(&s->members, slot)->state != MEMBER_ALIVE) {
		u = update_of(s, slot);
		err = message_put_update(body, &u);
		must(err == OK);
	}
	err = message_put_digest(body, &d);
	must(err == OK);
}

static bool begin(struct swim *s, enum sync_why why, const struct peer *to)
{
	struct sync *x = sync_free(s);
	struct buffer body;

	if (x == NULL || s->leaving || is_dialled(s, to->addr))
		return false;
	*x = (struct sync){
		.request = ++s->requests,
		.why = why,
		.addr = to->addr,
		.began_us = s->now_us,
		.alone = s->members.living.count == 0,
	};
	frame_begin(s, &body);
	put_opening(s, &body, to->id);
	frame_post(s, to, x->request, &body);
	timer_at(s, TIMER_SYNC, s->now_us + SYNC_GIVE_UP_US);
	return true;
}

/* Whichever of its ports was named. */
static bool is_at(const struct member *m, struct addr addr)
{
	uint32_t above = (uint32_t)addr.port - m->card->addr.port;

	return addr_same_ip(m->card->addr, addr) && above % VIEW_PORT_STEP == 0 &&
	       above / VIEW_PORT_STEP <= VIEWS;
}

static const struct member *member_at_addr(const struct swim *s, struct addr addr)
{
	if (is_at(swim_self(s), addr))
		return swim_self(s);
	for (uint32_t i = 0; i < s->members.living.count; i++) {
		const struct member *m = members_at(&s->members, s->members.living.at[i]);

		if (is_at(m, addr))
			return m;
	}
	return NULL;
}

static void tell_joined(struct swim *s, struct addr addr, struct id id)
{
	struct tell t = {.kind = TELL_JOINED,
			 .candidate = {.view = s->view, .addr = addr, .id = id}};

	outbox_tell(s->out, &t);
}

void sync_candidate(struct swim *s, struct addr addr)
{
	const struct member *known = member_at_addr(s, addr);
	struct peer to = {.addr = addr};

	if (known == NULL)
		begin(s, SYNC_JOIN, &to);
	else if (known != swim_self(s))
		tell_joined(s, addr, known->id);
}

/* --- comparing --- */

static uint8_t bits_for(uint32_t members)
{
	uint8_t bits = 0;

	while (bits < SUMMARY_BITS_MAX && members >> bits > PART_MEMBERS)
		bits++;
	return bits;
}

static bool is_here(const struct swim *s, struct id id)
{
	uint32_t slot = members_find(&s->members, id);

	return slot != SLOT_NONE && member_is_here(members_at(&s->members, slot));
}

/* Whom to compare with, as soon as it may be: not at every difference that gossip is about to mend. */
static void wish(struct swim *s)
{
	uint64_t gap_us = PULL_EVERY_US + (uint64_t)swim_size(s) * PULL_MEMBER_US;
	uint64_t soonest_us = s->synced_us + gap_us;

	if (!id_is_none(s->wish.id) || s->reply.to.stream)
		return;
	s->wish = (struct peer){.id = s->reply.to.id, .addr = s->reply.to.addr};
	soonest_us = soonest_us > s->now_us ? soonest_us : s->now_us;
	timer_at(s, TIMER_SYNC, soonest_us + rng_below(&s->rng, gap_us / 2));
}

static void answer_digest(struct swim *s, bool equal, bool same_version)
{
	if (!s->reply.to.stream) {
		if (!equal || !same_version)
			reply_digest(s, false);
		return;
	}
	reply_member(s, s->self, !is_here(s, s->reply.to.id));
	reply_digest(s, false);
	if (!equal)
		reply_summary(s, bits_for(members_count(&s->members)), 0);
}

static void end(struct swim *s, struct sync *x)
{
	if (x->why == SYNC_JOIN) {
		x->done_us = s->now_us;
		timer_at(s, TIMER_SYNC, s->now_us + SETTLE_US);
	} else {
		x->request = 0;
	}
}

static void hear_digest(struct swim *s, const struct digest *d)
{
	bool equal = d->sum == s->members.sum;
	bool same_version = d->version == s->log.version;
	struct sync *x = s->reply.to.stream ? sync_of(s, s->reply.to.request) : NULL;

	if (equal)
		view_log_agree(&s->log, d->version, s->now_us);
	if (d->ask) {
		answer_digest(s, equal, same_version);
	} else if (x != NULL) {
		x->id = s->reply.to.id;
		if (equal)
			end(s, x);
	} else if (!equal) {
		wish(s);
	}
}

static bool is_older(const struct update *u, const struct member *m)
{
	if (u->boot != m->boot)
		return u->boot < m->boot;
	if (u->incarnation != m->incarnation)
		return u->incarnation < m->incarnation;
	return u->state < m->state;
}

/* What the peer said of one member, beside what we hold. */
static void compare(struct swim *s, const struct update *u)
{
	uint32_t slot = members_find(&s->members, u->id);

	if (slot != SLOT_NONE) {
		struct member *m = members_at(&s->members, slot);

		m->marked = true;
		if (is_older(u, m))
			reply_member(s, slot, u->boot != m->boot || u->facts != m->card->digest);
	}
	claim_update(s, u, true);
}

/* Members of this part that the peer did not name: it has not heard of them. */
static void offer_unnamed(struct swim *s, uint8_t bits, uint8_t part)
{
	for (uint32_t slot = 0; slot < s->members.top; slot++) {
		struct member *m = &s->members.at[slot];

		if (id_is_none(m->id))
			continue;
		if (!m->marked && member_is_here(m) && m->id.b[0] >> (8 - bits) == part &&
		    !id_same(m->id, s->reply.to.id))
			reply_member(s, slot, true);
		m->marked = false;
	}
}

static void hear_summary(struct swim *s, struct summary *sum)
{
	struct sync *x = s->reply.to.stream ? sync_of(s, s->reply.to.request) : NULL;
	struct update u;

	if (x == NULL || x->done_us != 0)
		return;
	s->reply.to.introduction = x->alone;
	while (summary_next(sum, &u))
		compare(s, &u);
	offer_unnamed(s, sum->bits, sum->part);
	if (sum->part + 1u < 1u << sum->bits) {
		reply_next(s, sum->bits, (uint8_t)(sum->part + 1));
		x->began_us = s->now_us;
	} else {
		end(s, x);
	}
}

static void hear_ask(struct swim *s, struct bytes ids)
{
	for (size_t at = 0; at < ids.len; at += sizeof(struct id)) {
		struct id id;

		for (size_t i = 0; i < sizeof(id); i++)
			id.b[i] = ids.at[at + i];
		uint32_t slot = members_find(&s->members, id);
		if (slot != SLOT_NONE)
			reply_member(s, slot, true);
	}
}

void sync_hear(struct swim *s, struct message *m)
{
	if (m->type == MESSAGE_DIGEST)
		hear_digest(s, &m->digest);
	else if (m->type == MESSAGE_ASK)
		hear_ask(s, m->ask);
	else if (m->type == MESSAGE_SUMMARY)
		hear_summary(s, &m->summary);
	else if (m->type == MESSAGE_NEXT && s->reply.to.stream)
		reply_summary(s, m->summary.bits, m->summary.part);
}

/* --- the passing of time --- */

void sync_link_lost(struct swim *s, const struct peer *peer)
{
	for (uint32_t i = 0; i < SYNCS_MAX; i++) {
		struct sync *x = &s->sync[i];

		if (x->request != 0 && x->done_us == 0 &&
		    (addr_same(x->addr, peer->addr) ||
		     (!id_is_none(x->id) && id_same(x->id, peer->id))))
			x->request = 0;
	}
}

/* Discovery is told of a join when everybody it brought is a member: `members=` in its line is then true. */
void sync_settle(struct swim *s)
{
	for (uint32_t i = 0; i < SYNCS_MAX; i++) {
		struct sync *x = &s->sync[i];

		if (x->request == 0 || x->done_us == 0)
			continue;
		if (s->newcomers.count > 0 && s->now_us - x->done_us < SETTLE_US)
			continue;
		x->request = 0;
		if (!id_is_none(x->id) && is_here(s, x->id))
			tell_joined(s, x->addr, x->id);
	}
}

void sync_turn(struct swim *s)
{
	struct peer with = s->wish;

	s->timer[TIMER_SYNC] = NEVER;
	sync_settle(s);
	for (uint32_t i = 0; i < SYNCS_MAX; i++) {
		struct sync *x = &s->sync[i];
		uint64_t end_us =
			x->done_us != 0 ? x->done_us + SETTLE_US : x->began_us + SYNC_GIVE_UP_US;

		if (x->request != 0 && s->now_us >= end_us)
			x->request = 0;
		if (x->request != 0)
			timer_at(s, TIMER_SYNC, end_us);
	}
	if (id_is_none(with.id))
		return;
	s->wish = (struct peer){0};
	s->synced_us = s->now_us;
	begin(s, SYNC_PULL, &with);
}

/* --- healing --- */

uint64_t sync_heal_every_us(struct swim *s)
{
	uint64_t every_us = s->members.living.count == 0 ? HEAL_ALONE_US : HEAL_EVERY_US;

	return every_us + rng_below(&s->rng, every_us);
}

static void heal_dead(struct swim *s)
{
	uint32_t slot;

	if (slots_pick(&s->members.gone, &s->rng, SLOT_NONE, &slot, 1) == 0)
		return;
	const struct member *m = members_at(&s->members, slot);
	struct peer to = {.id = m->id, .addr = member_addr(s, m)};
	if (m->state == MEMBER_DEAD)
		begin(s, SYNC_HEAL, &to);
}

/* Whom an earlier life knew: one after the other, all over again, until they are here. */
static void heal_past(struct swim *s)
{
	if (s->past.count == 0)
		return;
	struct addr node = s->past.known[s->past_next++ % s->past.count];
	struct peer to = {.addr = view_addr(s->view, node)};
	if (member_at_addr(s, node) == NULL)
		begin(s, SYNC_HEAL, &to);
}

void sync_heal(struct swim *s)
{
	heal_dead(s);
	heal_past(s);
	s->timer[TIMER_HEAL] = s->members.gone.count == 0 && s->past.count == 0
				       ? NEVER
				       : s->now_us + sync_heal_every_us(s);
}
