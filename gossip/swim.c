#include "gossip/swim.h"

#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "gossip/swim_parts.h"

#define LEAVE_MAX_US 2000000u

static uint32_t or_default(uint32_t value, uint32_t standard)
{
	return value != 0 ? value : standard;
}

static void configure(struct swim *s, const struct swim_config *c)
{
	must(c->identity != NULL && c->facts != NULL);
	must(c->cluster.len <= CLUSTER_ID_MAX_LEN);

	s->view = c->view;
	s->identity = c->identity;
	memcpy(s->cluster, c->cluster.at, c->cluster.len);
	s->cluster_id = bytes_of(s->cluster, c->cluster.len);
	s->probe_every_ms = or_default(c->probe_every_ms, SWIM_PROBE_EVERY_MS);
	s->probe_timeout_ms = or_default(c->probe_timeout_ms, SWIM_PROBE_TIMEOUT_MS);
	s->gossip_every_ms = or_default(c->gossip_every_ms, SWIM_GOSSIP_EVERY_MS);
	s->alpha = or_default(c->alpha, SWIM_ALPHA);
	s->beta = or_default(c->beta, SWIM_BETA);
	s->body_max = or_default(c->body_max, DATAGRAM_BODY_MAX);
	s->dead_keep_ms = or_default(c->dead_keep_ms, SWIM_DEAD_KEEP_MS);
	s->own_cards = c->cards == NULL;
	s->cards = s->own_cards ? cards_open() : c->cards;
	must(s->body_max <= DATAGRAM_BODY_MAX);
}

struct swim *swim_open(const struct swim_config *config, struct bytes saved, uint64_t now_us)
{
	struct swim *s = calloc(1, sizeof(*s));

	must(s != NULL);
	must(id_same(config->facts->id, config->identity->id));
	configure(s, config);
	rng_init(&s->rng, config->seed);
	members_init(&s->members);
	newcomers_init(&s->newcomers);
	rumors_init(&s->rumors);
	buffer_init(&s->packet, s->body_max);
	for (uint32_t i = 0; i < TIMERS; i++)
		s->timer[i] = NEVER;
	s->saved_damaged = past_get(saved, &s->past) != OK && saved.len > 0;
	s->reserved = s->past.reserved;
	s->self = members_add(&s->members, card_keep(s->cards, config->facts), s->past.reserved,
			      true, &s->rng, now_us);
	view_log_init(&s->log, s->view, or_default(config->log_members_max, SWIM_LOG_MEMBERS_MAX),
		      s->past.version, now_us);
	return s;
}

void swim_close(struct swim *s)
{
	if (s == NULL)
		return;
	members_fini(&s->members, s->cards);
	newcomers_fini(&s->newcomers);
	rumors_fini(&s->rumors);
	view_log_fini(&s->log);
	past_fini(&s->past);
	buffer_fini(&s->packet);
	buffer_fini(&s->reply.body);
	free(s->relay);
	if (s->own_cards)
		cards_close(s->cards);
	free(s);
}

/* --- one thing happened --- */

static void hear(struct swim *s, struct message *m, bool synced)
{
	switch (m->type) {
	case MESSAGE_PING:
	case MESSAGE_ACK:
	case MESSAGE_PING_REQ:
	case MESSAGE_NACK:
		probe_hear(s, m);
		break;
	case MESSAGE_UPDATE:
		claim_update(s, &m->update, synced);
		break;
	case MESSAGE_FACTS:
		claim_facts(s, m->facts);
		break;
	case MESSAGE_LEAVE:
		claim_leave(s, &m->leave);
		break;
	case MESSAGE_ASK:
	case MESSAGE_DIGEST:
	case MESSAGE_SUMMARY:
	case MESSAGE_NEXT:
		sync_hear(s, m);
		break;
	case MESSAGE_UNKNOWN:
		s->refused++;
		break;
	}
}

/* A sender of whom, or of whose life, we do not know is asked who it is. */
static void meet(struct swim *s, struct id who, uint64_t boot)
{
	uint32_t slot = members_find(&s->members, who);
	bool known = slot != SLOT_NONE && members_at(&s->members, slot)->boot >= boot;

	if (!known && newcomers_find(&s->newcomers, who) == NULL)
		reply_ask_now(s, who);
}

static void read_body(struct swim *s, const struct source *from, uint64_t boot, struct bytes body)
{
	struct message m;

	if (message_check(body) != OK) {
		s->refused++;
		return;
	}
	reply_begin(s, from);
	while (message_next(&body, &m))
		hear(s, &m, from->stream);
	if (!from->stream)
		meet(s, from->id, boot);
	reply_end(s);
}

static void hear_datagram(struct swim *s, const struct event *e)
{
	struct source from = {.id = e->datagram.sender, .addr = e->datagram.from};

	if (e->datagram.view != s->view || id_same(from.id, swim_self(s)->id))
		return;
	read_body(s, &from, e->datagram.boot, e->datagram.body);
}

static void hear_frame(struct swim *s, const struct event *e)
{
	struct source from = {.id = e->frame.peer.id,
			      .stream = true,
			      .addr = e->frame.peer.addr,
			      .peer = e->frame.peer,
			      .request = e->frame.request};
	struct bytes body = e->frame.body;

	if (e->frame.type != FRAME_GOSSIP || body.len == 0 || body.at[0] != s->view ||
	    id_same(from.id, swim_self(s)->id))
		return;
	read_body(s, &from, 0, bytes_of(body.at + 1, body.len - 1));
}

/* A stream that broke is a sign that its other end is gone: ask now rather than at its turn. */
static void hear_link(struct swim *s, const struct event *e)
{
	if (e->link.up)
		return;
	if (e->link.purpose == PURPOSE_GOSSIP)
		sync_link_lost(s, &e->link.peer);
	if (e->link.broken)
		probe_now(s, e->link.peer.id);
}

static void take(struct swim *s, const struct event *e)
{
	switch (e->kind) {
	case EVENT_DATAGRAM:
		hear_datagram(s, e);
		break;
	case EVENT_FRAME:
		hear_frame(s, e);
		break;
	case EVENT_LINK:
		hear_link(s, e);
		break;
	case EVENT_DISK:
		if (e->disk.token == s->saving.token && e->disk.token != 0)
			swim_saved(s, e->disk.err);
		break;
	case EVENT_VERIFIED:
		if (e->verified.token != 0)
			claim_verified(s, e->verified.token, e->verified.good);
		break;
	case EVENT_TELL:
		if (e->tell.kind == TELL_CANDIDATE && e->tell.candidate.view == s->view &&
		    !s->leaving)
			sync_candidate(s, e->tell.candidate.addr);
		break;
	case EVENT_WAKE:
	case EVENT_BEACON:
	case EVENT_READ:
	case EVENT_RESOLVED:
	case EVENT_KEEPER:
	case EVENT_SIGNAL:
	case EVENT_PACKET:
	case EVENT_ACCEPTED:
	case EVENT_DIALED:
	case EVENT_INPUT:
	case EVENT_CLOSED:
	case EVENT_AGENT:
	case EVENT_SPAWNED:
	case EVENT_EXITED:
		break;
	}
}

/* --- time passes --- */

/* Told often enough when the rumor of it is used up, or nobody is there to hear. */
static void leave_turn(struct swim *s)
{
	s->left = true;
	s->timer[TIMER_LEAVE] = NEVER;
}

static void (*const on_timer[TIMERS])(struct swim *s) = {
	[TIMER_PROBE] = probe_tick, [TIMER_ANSWER] = probe_turn, [TIMER_GOSSIP] = send_gossip,
	[TIMER_DOUBT] = move_turn,  [TIMER_ASK] = claim_ask,     [TIMER_SYNC] = sync_turn,
	[TIMER_HEAL] = sync_heal,   [TIMER_REAP] = move_reap,    [TIMER_LEAVE] = leave_turn,
};

static uint64_t next_timer_us(const struct swim *s)
{
	uint64_t first = NEVER;

	for (uint32_t i = 0; i < TIMERS; i++)
		first = s->timer[i] < first ? s->timer[i] : first;
	return first;
}

/* Each timer once: one that is due again at once has its turn with the next step. */
static void turn(struct swim *s)
{
	for (uint32_t i = 0; i < TIMERS; i++)
		if (s->timer[i] <= s->now_us)
			on_timer[i](s);
	sync_settle(s);
	if (view_log_due(&s->log, s->now_us))
		swim_save(s);
	if (s->leaving && !s->left &&
	    (s->members.living.count == 0 || !rumor_is_told(&s->rumors, s->self)))
		leave_turn(s);
}

static void start(struct swim *s)
{
	s->started = true;
	if (s->saved_damaged)
		outbox_log(s->out, LOG_LEVEL_WARN,
			   "membership of an earlier life is damaged, ignoring: file=gossip/%s",
			   view_name(s->view));
	if (s->past.count > 0)
		s->timer[TIMER_HEAL] = s->now_us;
}

/* Between two looks at the clock we were stopped. */
static void paused(struct swim *s)
{
	outbox_log(s->out, LOG_LEVEL_DEBUG, "was paused: view=%s health=%u", view_name(s->view),
		   (unsigned)s->health.score);
	probe_forget(s);
	move_paused(s);
}

void swim_step(struct swim *s, const struct event *event, struct outbox *outbox)
{
	must(event->now_us >= s->now_us);

	uint64_t due_us = next_timer_us(s);
	s->now_us = event->now_us;
	s->out = outbox;
	if (!s->started)
		start(s);
	else if (health_gap(&s->health, due_us, s->now_us, s->probe_timeout_ms))
		paused(s);
	take(s, event);
	turn(s);
}

uint64_t swim_deadline_us(const struct swim *s)
{
	uint64_t timer_us = next_timer_us(s);
	uint64_t log_us = view_log_deadline_us(&s->log);

	return timer_us < log_us ? timer_us : log_us;
}

/* --- what others may ask of us --- */

void swim_leave(struct swim *s, uint64_t now_us, struct outbox *outbox)
{
	struct member *me = swim_self(s);
	struct leave l = {.id = me->id, .boot = me->boot, .incarnation = me->incarnation};
	struct farewell *farewell;
	struct buffer text;

	if (s->leaving)
		return;
	s->now_us = now_us;
	s->out = outbox;
	s->leaving = true;
	farewell = malloc(sizeof(*farewell));
	must(farewell != NULL);
	buffer_init(&text, 256);
	enum err err = leave_text(&l, s->cluster_id, &text);
	must(err == OK);
	identity_sign(s->identity, buffer_bytes(&text), farewell->signature);
	buffer_fini(&text);
	members_set(&s->members, s->self, MEMBER_LEFT, me->boot, me->incarnation, &s->rng, now_us);
	me->farewell = farewell;
	rumor_drop(&s->rumors, s->self);
	spread(s, s->self, RUMOR_BAD);
	send_gossip(s);
	s->timer[TIMER_PROBE] = NEVER;
	timer_at(s, TIMER_LEAVE, now_us + LEAVE_MAX_US);
	s->left = s->members.living.count == 0;
}

bool swim_left(const struct swim *s)
{
	return s->left;
}

void swim_retag(struct swim *s, const struct facts *facts, uint64_t now_us, struct outbox *outbox)
{
	const struct member *me = swim_self(s);

	must(id_same(facts->id, me->id));
	must(facts->boot == me->boot);
	must(facts->tags > me->card->tags);
	s->now_us = now_us;
	s->out = outbox;
	members_card(&s->members, s->cards, s->self, card_keep(s->cards, facts));
	claim_raise(s, me->incarnation + 1);
	spread(s, s->self, RUMOR_FACTS);
}

uint32_t swim_size(const struct swim *s)
{
	return s->members.living.count + 1;
}

uint64_t swim_version(const struct swim *s)
{
	return s->log.version;
}

uint64_t swim_shown(const struct swim *s)
{
	return s->log.shown;
}

void swim_log_members(struct swim *s, uint64_t now_us, struct outbox *outbox)
{
	s->now_us = now_us;
	view_log_whole(&s->log, "asked for", &s->members, swim_self(s)->id, outbox);
}
