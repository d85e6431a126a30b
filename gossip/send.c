/* Putting packets together: answers first, then rumors into whatever room is left. */
#include "core/must.h"
#include "gossip/swim_parts.h"

#define DEAD_GOSSIP_US 30000000u /* how long the dead are still told what happens: they may hear */

struct addr member_addr(const struct swim *s, const struct member *m)
{
	return view_addr(s->view, m->card->addr);
}

struct update update_of(const struct swim *s, uint32_t slot)
{
	const struct member *m = members_at(&s->members, slot);
	struct update u = {
		.id = m->id,
		.boot = m->boot,
		.incarnation = m->incarnation,
		.state = m->state,
		.facts = m->card->digest,
	};

	if (m->state == MEMBER_SUSPECT) {
		u.accuser = suspicion_last(m->suspicion);
	} else if (m->state == MEMBER_DEAD) {
		u.accuser = swim_self(s)->id;
		u.after_ms = m->after_ms;
		u.accusers = m->accusers > UINT16_MAX ? UINT16_MAX : (uint16_t)m->accusers;
	}
	return u;
}

/* --- rumors --- */

void spread(struct swim *s, uint32_t slot, enum rumor_kind kind)
{
	rumor_add(&s->rumors, slot, kind);
	timer_at(s, TIMER_GOSSIP,
		 s->now_us + rng_below(&s->rng, (uint64_t)s->gossip_every_ms * 1000));
}

static enum err put_state(const struct swim *s, uint32_t slot, struct buffer *to)
{
	const struct member *m = members_at(&s->members, slot);
	struct update u = update_of(s, slot);

	if (m->state != MEMBER_LEFT)
		return message_put_update(to, &u);
	must(m->farewell != NULL);
	struct leave l = {m->id, m->boot, m->incarnation, m->farewell->signature};
	return message_put_leave(to, &l);
}

static enum err put_member(const struct swim *s, uint32_t slot, bool facts, struct buffer *to)
{
	const struct member *m = members_at(&s->members, slot);
	size_t began = to->len;
	enum err err = put_state(s, slot, to);

	if (err == OK && facts && member_is_here(m))
		err = message_put_facts(to, card_packed(m->card));
	if (err != OK)
		to->len = began;
	return err;
}

/* Rumors of one kind, until `until` bytes are used or nothing more fits. */
static void fill(struct swim *s, enum rumor_kind kind, size_t until)
{
	uint32_t limit = rumor_limit(swim_size(s));
	uint32_t misfit[3];
	uint32_t misfits = 0;

	while (misfits < 3 && s->packet.len < until) {
		uint32_t rumor = rumor_pick(&s->rumors, kind);
		if (rumor == RUMOR_NONE)
			break;
		size_t began = s->packet.len;
		enum err err = put_member(s, rumor_slot(&s->rumors, rumor), kind == RUMOR_FACTS,
					  &s->packet);
		if (err == OK && s->packet.len <= until) {
			rumor_sent(&s->rumors, rumor, limit);
		} else {
			s->packet.len = began;
			misfit[misfits++] = rumor;
		}
	}
	for (uint32_t i = 0; i < misfits; i++)
		rumor_unpick(&s->rumors, misfit[i]);
}

void packet_begin(struct swim *s)
{
	buffer_clear(&s->packet);
}

/* Each kind has a third of the room for itself; what one leaves the others may use, deaths before joins. */
void packet_send(struct swim *s, struct addr to)
{
	size_t share = (s->body_max - s->packet.len) / RUMOR_KINDS;

	must(s->packet.len <= s->body_max);
	if (!rumors_empty(&s->rumors)) {
		rumor_packet(&s->rumors);
		for (uint32_t kind = 0; kind < RUMOR_KINDS; kind++)
			fill(s, kind, s->packet.len + share);
		for (uint32_t kind = 0; kind < RUMOR_KINDS; kind++)
			fill(s, kind, s->body_max);
	}
	if (s->packet.len > 0)
		outbox_datagram(s->out, s->view, to, buffer_bytes(&s->packet));
}

static uint32_t recently_dead(struct swim *s)
{
	uint32_t slot;

	if (slots_pick(&s->members.gone, &s->rng, SLOT_NONE, &slot, 1) == 0)
		return SLOT_NONE;
	const struct member *m = members_at(&s->members, slot);
	bool recent = m->state == MEMBER_DEAD && s->now_us - m->since_us < DEAD_GOSSIP_US;
	return recent ? slot : SLOT_NONE;
}

void send_gossip(struct swim *s)
{
	uint32_t to[FANOUT + 1];
	uint32_t count = slots_pick(&s->members.living, &s->rng, SLOT_NONE, to, FANOUT);

	s->timer[TIMER_GOSSIP] = NEVER;
	to[count] = recently_dead(s);
	count += to[count] != SLOT_NONE;
	for (uint32_t i = 0; i < count; i++) {
		packet_begin(s);
		packet_send(s, member_addr(s, members_at(&s->members, to[i])));
	}
	if (count > 0 && !rumors_empty(&s->rumors))
		s->timer[TIMER_GOSSIP] = s->now_us + (uint64_t)s->gossip_every_ms * 1000;
}

/* --- frames --- */

void frame_begin(const struct swim *s, struct buffer *body)
{
	uint8_t view = (uint8_t)s->view;

	buffer_init(body, SYNC_BYTES_MAX);
	enum err err = buffer_add(body, bytes_of(&view, 1));
	must(err == OK);
}

void frame_post(struct swim *s, const struct peer *to, uint64_t request, struct buffer *body)
{
	outbox_post(s->out, to, PURPOSE_GOSSIP, FRAME_GOSSIP, request, buffer_bytes(body));
	buffer_fini(body);
}

/* --- answers --- */

/* A datagram's answer is put together in s->packet's size, a frame's in a frame's; both are sent when full, and a bounded
 * number of times: what is left out comes with the next comparison. */
static void reply_open(struct swim *s)
{
	struct reply *r = &s->reply;

	if (r->to.stream)
		frame_begin(s, &r->body);
	else
		buffer_init(&r->body, s->body_max);
}

void reply_begin(struct swim *s, const struct source *to)
{
	struct reply *r = &s->reply;

	r->to = *to;
	r->sent = 0;
	r->asks = 0;
	reply_open(s);
}

static bool is_blank(const struct reply *r)
{
	return r->body.len == (r->to.stream ? 1u : 0u);
}

static void reply_flush(struct swim *s)
{
	struct reply *r = &s->reply;

	if (is_blank(r)) {
		buffer_fini(&r->body);
		return;
	}
	r->sent++;
	if (r->to.stream) {
		frame_post(s, &r->to.peer, r->to.request, &r->body);
		return;
	}
	packet_begin(s);
	enum err err = buffer_add(&s->packet, buffer_bytes(&r->body));
	must(err == OK);
	packet_send(s, r->to.addr);
	buffer_fini(&r->body);
}

/* After a message did not fit: true when there is new room, and so another try is worth it. */
static bool reply_more(struct swim *s, enum err err)
{
	struct reply *r = &s->reply;

	if (err == OK || is_blank(r) || r->sent + 1 >= ANSWER_PACKETS_MAX)
		return false;
	reply_flush(s);
	reply_open(s);
	return true;
}

static void put_asks(struct swim *s)
{
	struct reply *r = &s->reply;
	uint32_t count = 0;

	/* Facts that came in the same body need not be asked for. */
	for (uint32_t i = 0; i < r->asks; i++) {
		struct newcomer *n = newcomers_find(&s->newcomers, r->ask[i]);

		if (n != NULL && n->token == 0)
			r->ask[count++] = r->ask[i];
	}
	r->asks = 0;
	while (count > 0 && reply_more(s, message_put_ask(&r->body, r->ask, count)))
		;
}

void reply_end(struct swim *s)
{
	put_asks(s);
	reply_flush(s);
	buffer_init(&s->reply.body, 0);
}

void reply_ask(struct swim *s, struct id who)
{
	struct reply *r = &s->reply;

	for (uint32_t i = 0; i < r->asks; i++)
		if (id_same(r->ask[i], who))
			return;
	if (r->asks == ASK_MAX)
		put_asks(s);
	r->ask[r->asks++] = who;
}

void reply_ask_now(struct swim *s, struct id who)
{
	while (reply_more(s, message_put_ask(&s->reply.body, &who, 1)))
		;
}

void reply_probing(struct swim *s, enum message_type type, const struct probing *p)
{
	while (reply_more(s, message_put_probing(&s->reply.body, type, p)))
		;
}

void reply_update(struct swim *s, const struct update *u)
{
	while (reply_more(s, message_put_update(&s->reply.body, u)))
		;
}

void reply_member(struct swim *s, uint32_t slot, bool facts)
{
	while (reply_more(s, put_member(s, slot, facts, &s->reply.body)))
		;
}

void reply_digest(struct swim *s, bool ask)
{
	struct digest d = {s->members.sum, s->log.version, swim_size(s), ask};

	while (reply_more(s, message_put_digest(&s->reply.body, &d)))
		;
}

void reply_next(struct swim *s, uint8_t bits, uint8_t part)
{
	while (reply_more(s, message_put_next(&s->reply.body, bits, part)))
		;
}

static bool is_in_part(struct id id, uint8_t bits, uint8_t part)
{
	return id.b[0] >> (8 - bits) == part;
}

static enum err put_summary(const struct swim *s, uint8_t bits, uint8_t part, struct buffer *to)
{
	const struct members *t = &s->members;
	struct summary_writer w;
	uint32_t count = 0;

	for (uint32_t i = 0; i < t->top; i++)
		count += !id_is_none(t->at[i].id) && is_in_part(t->at[i].id, bits, part);
	count = count > SUMMARY_MAX ? SUMMARY_MAX : count;
	summary_begin(&w, to, bits, part, count);
	for (uint32_t i = 0; i < t->top && count > 0; i++) {
		if (id_is_none(t->at[i].id) || !is_in_part(t->at[i].id, bits, part))
			continue;
		struct update u = update_of(s, i);
		summary_add(&w, &u);
		count--;
	}
	return summary_end(&w);
}

void reply_summary(struct swim *s, uint8_t bits, uint8_t part)
{
	while (reply_more(s, put_summary(s, bits, part, &s->reply.body)))
		;
}
