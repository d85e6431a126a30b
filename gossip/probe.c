/* Who answers: direct ping, then through others and by stream, then doubt (SWIM 3.1; Lifeguard "LHA-Probe").
 *
 *     0                  timeout                       period
 *     |--- ping -------->|--- ping-req to three ------>|
 *     |                  |--- ping by stream --------->| no ack at all: doubt, and our own health is worse by one
 *     |                                                | and by one for every helper that did not even say nack
 *
 * An ack counts when it names the probe's number and target and comes from the target itself or from one that was asked
 * to help. Timeout and period are stretched by our health. */
#include "core/must.h"
#include "gossip/swim_parts.h"

#include <stdlib.h>

#define NACK_PERCENT 80u /* of the asker's patience (Lifeguard) */

static void watch(struct swim *s, const struct probe *p)
{
	timer_at(s, TIMER_ANSWER, p->indirect_us < p->end_us ? p->indirect_us : p->end_us);
}

static uint32_t seq_new(struct swim *s)
{
	if (++s->seq == 0)
		s->seq = 1;
	return s->seq;
}

static struct probe *probe_of(struct swim *s, struct id target)
{
	for (uint32_t i = 0; i < PROBES_MAX; i++)
		if (s->probe[i].seq != 0 && id_same(s->probe[i].target, target))
			return &s->probe[i];
	return NULL;
}

static struct probe *probe_free(struct swim *s)
{
	for (uint32_t i = 0; i < PROBES_MAX; i++)
		if (s->probe[i].seq == 0)
			return &s->probe[i];
	return NULL;
}

/* --- asking --- */

/* A suspect hears first of all that it is suspected, so that it can refute (Lifeguard, "Buddy System"). */
static void send_ping(struct swim *s, uint32_t slot, uint32_t seq)
{
	const struct member *m = members_at(&s->members, slot);
	struct probing ping = {.seq = seq, .target = m->id};
	struct digest d = {s->members.sum, s->log.version, swim_size(s), true};
	struct update u = update_of(s, slot);

	packet_begin(s);
	enum err err = message_put_probing(&s->packet, MESSAGE_PING, &ping);
	must(err == OK);
	if (m->state != MEMBER_ALIVE)
		err = message_put_update(&s->packet, &u);
	must(err == OK);
	err = message_put_digest(&s->packet, &d);
	must(err == OK);
	packet_send(s, member_addr(s, m));
}

static void begin(struct swim *s, uint32_t slot, bool again)
{
	const struct member *m = members_at(&s->members, slot);
	struct probe *p = probe_free(s);

	if (p == NULL || probe_of(s, m->id) != NULL)
		return;
	*p = (struct probe){
		.seq = seq_new(s),
		.target = m->id,
		.again = again,
		.indirect_us = s->now_us + health_stretch_us(&s->health, s->probe_timeout_ms),
		.end_us = s->now_us + health_stretch_us(&s->health, s->probe_every_ms),
	};
	send_ping(s, slot, p->seq);
	watch(s, p);
}

void probe_tick(struct swim *s)
{
	uint32_t slot = members_next(&s->members, &s->rng);

	s->timer[TIMER_PROBE] = NEVER;
	if (slot == SLOT_NONE)
		return;
	begin(s, slot, false);
	s->timer[TIMER_PROBE] = s->now_us + health_stretch_us(&s->health, s->probe_every_ms);
}

void probe_now(struct swim *s, struct id who)
{
	uint32_t slot = members_find(&s->members, who);

	if (slot != SLOT_NONE && slot != s->self && member_is_here(members_at(&s->members, slot)))
		begin(s, slot, false);
}

void probe_forget(struct swim *s)
{
	for (uint32_t i = 0; i < PROBES_MAX; i++)
		s->probe[i].seq = 0;
}

static void ask_by_stream(struct swim *s, uint32_t slot, uint32_t seq)
{
	const struct member *m = members_at(&s->members, slot);
	struct peer to = {.id = m->id, .addr = member_addr(s, m)};
	struct probing ping = {.seq = seq, .target = m->id};
	struct update u = update_of(s, slot);
	struct buffer body;

	frame_begin(s, &body);
	enum err err = message_put_probing(&body, MESSAGE_PING, &ping);
	must(err == OK);
	if (m->state != MEMBER_ALIVE)
		err = message_put_update(&body, &u);
	must(err == OK);
	frame_post(s, &to, 0, &body);
}

static void ask_others(struct swim *s, struct probe *p, uint32_t slot)
{
	uint32_t helper[HELPERS_MAX];
	uint32_t count = slots_pick(&s->members.living, &s->rng, slot, helper, HELPERS_MAX);
	struct probing ask = {
		.seq = p->seq,
		.target = p->target,
		.timeout_ms = (uint32_t)((p->end_us - s->now_us) / 1000),
	};

	for (uint32_t i = 0; i < count; i++) {
		const struct member *m = members_at(&s->members, helper[i]);

		p->helper[p->helpers++] = m->id;
		packet_begin(s);
		enum err err = message_put_probing(&s->packet, MESSAGE_PING_REQ, &ask);
		must(err == OK);
		packet_send(s, member_addr(s, m));
	}
}

/* --- no answer --- */

static uint32_t under_way(const struct swim *s)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < PROBES_MAX; i++)
		count += s->probe[i].seq != 0;
	return count;
}

/* Whom we accused we go on asking, period after period, so that it hears of it and can refute in time; that it still does
 * not answer is no news of our own health. Half of the probes are kept for everybody else. */
static void failed(struct swim *s, struct probe *p, uint32_t slot)
{
	uint32_t nacks = (uint32_t)__builtin_popcount(p->nacked);

	must(nacks <= p->helpers);
	if (!p->again)
		health_worse(&s->health, 1 + p->helpers - nacks);
	p->seq = 0;
	move_accuse(s, slot);
	if (under_way(s) < PROBES_MAX / 2)
		begin(s, slot, true);
}

static void turn_one(struct swim *s, struct probe *p)
{
	uint32_t slot = members_find(&s->members, p->target);

	if (slot == SLOT_NONE || !member_is_here(members_at(&s->members, slot))) {
		p->seq = 0;
	} else if (s->now_us >= p->end_us) {
		failed(s, p, slot);
	} else if (s->now_us >= p->indirect_us) {
		p->indirect_us = NEVER;
		ask_others(s, p, slot);
		ask_by_stream(s, slot, p->seq);
	}
	if (p->seq != 0)
		watch(s, p);
}

static void turn_relay(struct swim *s, struct relay *r)
{
	struct probing nack = {.seq = r->their_seq, .target = r->target};

	if (s->now_us >= r->end_us) {
		r->seq = 0;
		return;
	}
	if (s->now_us >= r->nack_us) {
		r->nack_us = NEVER;
		packet_begin(s);
		enum err err = message_put_probing(&s->packet, MESSAGE_NACK, &nack);
		must(err == OK);
		packet_send(s, r->asker);
	}
	timer_at(s, TIMER_ANSWER, r->nack_us < r->end_us ? r->nack_us : r->end_us);
}

void probe_turn(struct swim *s)
{
	s->timer[TIMER_ANSWER] = NEVER;
	for (uint32_t i = 0; i < PROBES_MAX; i++)
		if (s->probe[i].seq != 0)
			turn_one(s, &s->probe[i]);
	for (uint32_t i = 0; s->relay != NULL && i < RELAYS_MAX; i++)
		if (s->relay[i].seq != 0)
			turn_relay(s, &s->relay[i]);
}

/* --- answers, and being asked --- */

/* For another identity at our address we do not answer: it is gone. */
static void hear_ping(struct swim *s, const struct probing *ping)
{
	if (id_same(ping->target, swim_self(s)->id))
		reply_probing(s, MESSAGE_ACK, ping);
}

static void relay_answer(struct swim *s, struct relay *r)
{
	struct probing ack = {.seq = r->their_seq, .target = r->target};

	packet_begin(s);
	enum err err = message_put_probing(&s->packet, MESSAGE_ACK, &ack);
	must(err == OK);
	packet_send(s, r->asker);
	r->seq = 0;
}

static int helper_of(const struct probe *p, struct id who)
{
	for (uint32_t i = 0; i < p->helpers; i++)
		if (id_same(p->helper[i], who))
			return (int)i;
	return -1;
}

static void hear_ack(struct swim *s, const struct probing *ack)
{
	struct id from = s->reply.to.id;

	for (uint32_t i = 0; i < PROBES_MAX; i++) {
		struct probe *p = &s->probe[i];

		if (p->seq == 0 || p->seq != ack->seq || !id_same(p->target, ack->target))
			continue;
		if (!id_same(from, p->target) && helper_of(p, from) < 0)
			continue;
		p->seq = 0;
		health_better(&s->health);
	}
	for (uint32_t i = 0; s->relay != NULL && i < RELAYS_MAX; i++) {
		struct relay *r = &s->relay[i];

		if (r->seq != 0 && r->seq == ack->seq && id_same(r->target, ack->target) &&
		    id_same(from, r->target))
			relay_answer(s, r);
	}
}

static void hear_nack(struct swim *s, const struct probing *nack)
{
	struct probe *p = probe_of(s, nack->target);

	if (p == NULL || p->seq != nack->seq)
		return;
	int helper = helper_of(p, s->reply.to.id);
	if (helper >= 0)
		p->nacked |= (uint8_t)(1u << helper);
}

static struct relay *relay_free(struct swim *s)
{
	if (s->relay == NULL) {
		s->relay = calloc(RELAYS_MAX, sizeof(*s->relay));
		must(s->relay != NULL);
	}
	for (uint32_t i = 0; i < RELAYS_MAX; i++)
		if (s->relay[i].seq == 0)
			return &s->relay[i];
	return NULL;
}

/* Only members may send us to others, and only to where we ourselves know the target to be: else one packet to us would
 * make us send one to anywhere. Whoever can not help says so at once, and is at least seen to be well. */
static void hear_ping_req(struct swim *s, const struct probing *ask)
{
	uint32_t slot = members_find(&s->members, ask->target);
	uint32_t asker = members_find(&s->members, s->reply.to.id);
	struct relay *r = relay_free(s);

	if (asker == SLOT_NONE || s->reply.to.stream)
		return;
	if (slot == SLOT_NONE || slot == s->self || r == NULL) {
		reply_probing(s, MESSAGE_NACK, ask);
		return;
	}
	uint64_t patience_us = (uint64_t)ask->timeout_ms * 1000;
	*r = (struct relay){
		.seq = seq_new(s),
		.their_seq = ask->seq,
		.target = ask->target,
		.asker = s->reply.to.addr,
		.nack_us = s->now_us + patience_us * NACK_PERCENT / 100,
		.end_us = s->now_us + patience_us + 1,
	};
	send_ping(s, slot, r->seq);
	timer_at(s, TIMER_ANSWER, r->nack_us);
}

void probe_hear(struct swim *s, const struct message *m)
{
	switch (m->type) {
	case MESSAGE_PING:
		hear_ping(s, &m->probing);
		break;
	case MESSAGE_ACK:
		hear_ack(s, &m->probing);
		break;
	case MESSAGE_NACK:
		hear_nack(s, &m->probing);
		break;
	case MESSAGE_PING_REQ:
		hear_ping_req(s, &m->probing);
		break;
	case MESSAGE_UNKNOWN:
	case MESSAGE_UPDATE:
	case MESSAGE_FACTS:
	case MESSAGE_ASK:
	case MESSAGE_LEAVE:
	case MESSAGE_DIGEST:
	case MESSAGE_SUMMARY:
	case MESSAGE_NEXT:
		never("not a probing message");
	}
}
