#include "net/link.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/facts.h"
#include "core/limits.h"
#include "core/must.h"
#include "net/frame.h"
#include "net/link_table.h"

#define SCRATCH_MAX  (FRAME_MAX + (64u << 10)) /* a frame in its records */
#define SCRATCH_KEPT (64u << 10)               /* room kept between steps; more is given back */

static_assert((int)ROLE_SCHEDULER == FROM_SCHEDULER && (int)ROLE_WORKER == FROM_WORKER,
	      "a role is who may send");

struct links {
	struct links_config config;
	struct channel_self self;
	uint8_t secret[32]; /* what the next ephemeral key comes of */
	uint64_t dials;     /* numbers used up */
	struct link_table table;
	struct link *grave; /* ended in this step: somebody up the stack may still hold one */
	bool stepping;
	uint64_t now_us;
	uint64_t wall_us;
	struct buffer scratch; /* what is to be written, for the moment */
	struct links_counts counts;
};

/* --- life --- */

struct links *links_open(const struct links_config *config)
{
	struct links *l = calloc(1, sizeof(*l));

	must(config->deliver != NULL);
	must(config->hello != NULL);
	must(config->strangers != NULL);

	if (l == NULL)
		return NULL;
	l->config = *config;
	if (channel_self_init(&l->self, config->identity, config->keyring)) {
		free(l);
		return NULL;
	}
	/* Of the node's own key too: poor randomness then helps only who has that as well. */
	must(!crypto_generichash(l->secret, sizeof(l->secret), config->random,
				 sizeof(config->random), config->identity->secret_key,
				 sizeof(config->identity->secret_key)));
	sodium_memzero(l->config.random, sizeof(l->config.random));
	link_table_init(&l->table);
	buffer_init(&l->scratch, SCRATCH_MAX);
	return l;
}

static void link_free(struct link *k)
{
	channel_fini(&k->channel);
	buffer_fini(&k->queue);
	free(k);
}

static void bury(struct links *l)
{
	while (l->grave != NULL) {
		struct link *k = l->grave;

		must(k->gone);
		l->grave = k->after;
		link_free(k);
	}
}

void links_close(struct links *l)
{
	if (l == NULL)
		return;
	must(!l->stepping);

	for (unsigned i = 0; i < LINK_LISTS; i++) {
		while (l->table.list[i].first != NULL) {
			struct link *k = l->table.list[i].first;
			link_table_remove(&l->table, k);
			link_free(k);
		}
	}
	link_table_fini(&l->table);
	channel_self_fini(&l->self);
	buffer_fini(&l->scratch);
	sodium_memzero(l, sizeof(*l));
	free(l);
}

/* A fresh secret; the one it came of is gone, so that no old key can be found again in memory. */
static void draw(struct links *l, uint8_t out[32])
{
	static const uint8_t label[] = "witan ephemeral";
	uint8_t both[64];

	must(!crypto_generichash(both, sizeof(both), label, sizeof(label) - 1, l->secret,
				 sizeof(l->secret)));
	memcpy(out, both, 32);
	memcpy(l->secret, both + 32, 32);
	sodium_memzero(both, sizeof(both));
}

static struct hello hello_now(struct links *l, uint8_t purpose)
{
	struct hello h = {0};

	l->config.hello(l->config.with, &h);
	h.purpose = purpose;
	return h;
}

/* --- how a stream begins --- */

static struct link *link_new(struct links *l, uint64_t conn, uint64_t now_us)
{
	struct link *k = l->table.count < LINKS_MAX ? calloc(1, sizeof(*k)) : NULL;

	if (k == NULL)
		return NULL;
	k->conn = conn;
	k->since_us = now_us;
	k->uid = LINK_NO_UID;
	buffer_init(&k->queue, CHANNEL_QUEUE_MAX);
	return k;
}

static struct link *dial(struct links *l, uint64_t now_us, const struct peer *to, uint8_t purpose,
			 struct outbox *outbox)
{
	struct link *k = link_new(l, LINK_DIALLED | (l->dials + 1), now_us);

	if (k == NULL)
		return NULL;
	k->ours = true;
	k->purpose = purpose;
	k->peer = to->id;
	k->addr = to->addr;
	k->list = LINK_WAITS;
	if (!link_table_add(&l->table, k)) {
		link_free(k);
		return NULL;
	}
	l->dials++;
	l->counts.dialled++;
	outbox_dial(outbox, k->conn, k->addr);
	return k;
}

/* --- how it ends --- */

static void deliver_link(struct links *l, const struct link *k, bool broken)
{
	struct event e = {.kind = EVENT_LINK, .now_us = l->now_us, .wall_us = l->wall_us};

	e.link.peer = (struct peer){.id = k->peer, .addr = k->addr, .link = k->conn};
	e.link.purpose = (enum purpose)k->purpose;
	e.link.up = k->up && !k->gone;
	e.link.broken = broken;
	l->config.deliver(l->config.with, &e);
}

static void take_out(struct links *l, struct link *k)
{
	must(!k->gone);

	link_table_remove(&l->table, k);
	k->gone = true;
	k->after = l->grave;
	l->grave = k;
}

/* `broken`: the other end's doing. Nobody is told of a stranger who never got in. */
static void end(struct links *l, struct link *k, bool broken)
{
	must(l->stepping);

	take_out(l, k);
	if (!k->up)
		l->counts.failed++;
	if (k->up || k->ours)
		deliver_link(l, k, broken);
}

static void hang_up(struct links *l, struct link *k, struct outbox *outbox)
{
	outbox_hangup(outbox, k->conn);
	end(l, k, false);
}

static void fail(struct links *l, struct link *k, enum err why, struct outbox *outbox)
{
	must(why != OK);

	if (!k->up)
		strangers_met(l->config.strangers, l->now_us, k->addr, why, outbox);
	if (k->up || k->ours) /* strangers could fill the log */
		outbox_log(outbox, LOG_LEVEL_DEBUG, "stream ended: addr=%s why=\"%s\"",
			   addr_text(k->addr).s, err_text(why));
	hang_up(l, k, outbox);
}

/* --- writing --- */

static void write_out(struct links *l, const struct link *k, struct outbox *outbox)
{
	if (l->scratch.len > 0)
		outbox_output(outbox, k->conn, buffer_bytes(&l->scratch));
	if (l->scratch.room > SCRATCH_KEPT)
		buffer_fini(&l->scratch);
	else
		buffer_clear(&l->scratch);
}

static void touch(struct links *l, struct link *k, uint64_t now_us)
{
	if (k->list != LINK_GOSSIP)
		return;
	k->since_us = now_us;
	link_table_move(&l->table, k, LINK_GOSSIP);
}

static void flush_queue(struct links *l, struct link *k, struct outbox *outbox)
{
	struct bytes left = buffer_bytes(&k->queue);

	while (left.len > 0) {
		size_t len = left.len < FRAME_MAX ? left.len : FRAME_MAX;
		enum err err = channel_send_put(&k->channel, bytes_of(left.at, len), &l->scratch);
		must(err == OK);
		write_out(l, k, outbox);
		left = bytes_of(left.at + len, left.len - len);
	}
	buffer_fini(&k->queue);
}

static struct link *find(const struct links *l, const struct peer *to, uint8_t purpose)
{
	struct link *k = to->link ? link_table_conn(&l->table, to->link) : NULL;

	if (k == NULL)
		k = link_table_peer(&l->table, to->id, purpose);
	if (k == NULL && id_is_none(to->id))
		k = link_table_addr(&l->table, to->addr, purpose);
	return k;
}

void links_post(struct links *l, uint64_t now_us, const struct effect *effect,
		struct outbox *outbox)
{
	struct peer to = effect->post.peer;
	uint8_t purpose = (uint8_t)effect->post.purpose;
	struct frame frame = {.type = effect->post.type,
			      .request = effect->post.request,
			      .body = effect->post.body};

	must(effect->kind == EFFECT_POST);
	must(wire_senders(frame.type) != 0);

	struct link *k = find(l, &to, purpose);
	if (k == NULL) {
		if (addr_is_none(to.addr) || purpose == PURPOSE_LOCAL) {
			l->counts.refused_peer++;
			return;
		}
		k = dial(l, now_us, &to, purpose, outbox);
		if (k == NULL) {
			l->counts.refused_queue++;
			return;
		}
	}
	enum err err = k->up ? channel_send(&k->channel, &frame, &l->scratch)
			     : frame_put(&frame, &k->queue);
	if (err) {
		l->counts.refused_queue++;
		return;
	}
	write_out(l, k, outbox);
	touch(l, k, now_us);
	l->counts.frames_out++;
}

void links_unlink(struct links *l, const struct effect *effect, struct outbox *outbox)
{
	struct peer to = effect->post.peer;
	uint8_t purpose = (uint8_t)effect->post.purpose;
	struct link *k = to.link ? link_table_conn(&l->table, to.link) : NULL;
	bool one = to.link != 0;

	must(effect->kind == EFFECT_UNLINK);

	if (!one)
		k = link_table_peer(&l->table, to.id, purpose);
	while (k != NULL) {
		outbox_hangup(outbox, k->conn);
		take_out(l, k);
		k = one ? NULL : link_table_peer(&l->table, to.id, purpose);
	}
	if (!l->stepping)
		bury(l);
}

/* --- what the doors say --- */

/* The handshake ended well: is it the one we want? */
static enum err check_peer(const struct links *l, const struct link *k)
{
	struct id id = k->channel.theirs.id;

	if (id_same(id, l->config.identity->id))
		return ERR_EXISTS; /* we dialled ourselves */
	if (k->ours && !id_is_none(k->peer) && !id_same(k->peer, id))
		return ERR_REFUSED; /* somebody else has that address now */
	return OK;
}

static void opened(struct links *l, struct link *k, struct outbox *outbox)
{
	const struct hello *h = &k->channel.theirs;
	enum err err = check_peer(l, k);

	if (err == ERR_EXISTS)
		link_table_name(&l->table, k,
				h->id); /* so that whoever dialled learns who that is */
	if (err) {
		fail(l, k, err, outbox);
		return;
	}
	if (!k->ours) {
		must(id_is_none(k->peer));
		k->purpose = h->purpose;
		k->addr = addr_with_port(k->addr, h->port);
	}
	link_table_name(&l->table, k, h->id);
	k->up = true;
	k->since_us = l->now_us;
	link_table_move(&l->table, k, k->purpose == PURPOSE_GOSSIP ? LINK_GOSSIP : LINK_QUIET);
	l->counts.opened++;
	if (k->channel.older_key)
		outbox_log(outbox, LOG_LEVEL_INFO, "peer came with an older key: id=%s addr=%s",
			   id_text(k->peer).s, addr_text(k->addr).s);

	flush_queue(l, k, outbox); /* before anybody answers to the news, so that order stays */
	deliver_link(l, k, false);
}

static void frame_in(struct links *l, struct link *k, const struct frame *frame)
{
	struct event e = {.kind = EVENT_FRAME, .now_us = l->now_us, .wall_us = l->wall_us};
	uint8_t may = k->channel.plain ? FROM_CLIENT : k->channel.theirs.roles & FROM_NODE;

	must(k->up);

	if ((wire_senders(frame->type) & may) == 0) {
		l->counts.refused_type++;
		return;
	}
	l->counts.frames_in++;
	touch(l, k, l->now_us);
	e.frame.peer = (struct peer){.id = k->peer, .addr = k->addr, .link = k->conn};
	e.frame.purpose = (enum purpose)k->purpose;
	e.frame.type = frame->type;
	e.frame.request = frame->request;
	e.frame.body = frame->body;
	e.frame.uid = k->uid;
	l->config.deliver(l->config.with, &e);
}

static void input(struct links *l, struct link *k, struct bytes in, struct outbox *outbox)
{
	struct frame frame;

	must(k->connected);

	while (!k->gone) {
		enum channel_got got = channel_take(&k->channel, &in, &l->scratch, &frame);

		if (got == CHANNEL_GOT_ERROR)
			buffer_clear(&l->scratch); /* half an answer is none */
		write_out(l, k, outbox);
		switch (got) {
		case CHANNEL_GOT_NOTHING:
			must(in.len == 0);
			return;
		case CHANNEL_GOT_OPEN:
			opened(l, k, outbox);
			break;
		case CHANNEL_GOT_FRAME:
			frame_in(l, k, &frame);
			break;
		case CHANNEL_GOT_ERROR:
			fail(l, k, k->channel.err, outbox);
			break;
		}
	}
}

static bool accept_local(struct links *l, struct link *k, uint32_t uid)
{
	k->list = LINK_QUIET;
	k->purpose = PURPOSE_LOCAL;
	k->uid = uid;
	k->up = true;
	channel_local(&k->channel);
	return link_table_add(&l->table, k);
}

static bool accept_stranger(struct links *l, struct link *k, struct outbox *outbox)
{
	struct hello ours = hello_now(l, 0);
	uint8_t ephemeral[32];

	k->list = LINK_STRANGERS;
	draw(l, ephemeral);
	enum err err = channel_accept(&k->channel, &l->self, &ours, ephemeral);
	sodium_memzero(ephemeral, sizeof(ephemeral));
	if (err)
		return false;
	if (l->table.list[LINK_STRANGERS].count == LINKS_UNKNOWN_MAX) {
		l->counts.crowded_out++;
		hang_up(l, l->table.list[LINK_STRANGERS].first, outbox);
	}
	return link_table_add(&l->table, k);
}

static void accepted(struct links *l, const struct event *e, struct outbox *outbox)
{
	bool local = e->stream.door == DOOR_LOCAL;

	must(e->stream.conn != 0);
	must((e->stream.conn & LINK_DIALLED) == 0);

	struct link *k = link_new(l, e->stream.conn, l->now_us);
	if (k != NULL) {
		k->connected = true;
		k->addr = e->stream.from;
	}
	if (k == NULL ||
	    !(local ? accept_local(l, k, e->stream.uid) : accept_stranger(l, k, outbox))) {
		if (k != NULL)
			link_free(k);
		l->counts.crowded_out++;
		outbox_hangup(outbox, e->stream.conn);
		return;
	}
	l->counts.accepted++;
	if (local)
		deliver_link(l, k, false);
}

static void dialled(struct links *l, struct link *k, enum err err, struct outbox *outbox)
{
	struct hello ours;
	uint8_t ephemeral[32];

	must(k->ours);
	must(!k->connected);

	if (err) {
		end(l, k, err == ERR_REFUSED); /* a machine that is there, and no node on it */
		return;
	}
	k->connected = true;
	ours = hello_now(l, k->purpose);
	draw(l, ephemeral);
	err = channel_dial(&k->channel, &l->self, &ours, ephemeral, &l->scratch);
	sodium_memzero(ephemeral, sizeof(ephemeral));
	if (err) {
		buffer_clear(&l->scratch);
		hang_up(l, k, outbox);
		return;
	}
	write_out(l, k, outbox);
}

static uint64_t due_us(const struct link_table *t, enum link_list list)
{
	const struct link *k = t->list[list].first;

	if (k == NULL || list == LINK_QUIET)
		return UINT64_MAX;
	return k->since_us +
	       (list == LINK_GOSSIP ? LINK_IDLE_GOSSIP_MS : HANDSHAKE_MAX_MS) * 1000ull;
}

static void expire(struct links *l, struct outbox *outbox)
{
	for (enum link_list i = 0; i < LINK_LISTS; i++) {
		while (due_us(&l->table, i) <= l->now_us) {
			struct link *k = l->table.list[i].first;

			if (!k->up)
				l->counts.timed_out++;
			hang_up(l, k, outbox);
		}
	}
}

uint64_t links_deadline_us(const struct links *l)
{
	uint64_t first = UINT64_MAX;

	for (enum link_list i = 0; i < LINK_LISTS; i++)
		if (due_us(&l->table, i) < first)
			first = due_us(&l->table, i);
	return first;
}

static void route(struct links *l, const struct event *e, struct outbox *outbox)
{
	struct link *k = link_table_conn(&l->table, e->stream.conn);

	if (e->kind == EVENT_ACCEPTED)
		accepted(l, e, outbox);
	else if (k == NULL)
		return; /* we ended it; the door did not know yet */
	else if (e->kind == EVENT_DIALED)
		dialled(l, k, e->stream.err, outbox);
	else if (e->kind == EVENT_INPUT)
		input(l, k, e->stream.body, outbox);
	else
		end(l, k, e->stream.err != ERR_TIMEOUT);
}

void links_step(struct links *l, const struct event *event, struct outbox *outbox)
{
	must(!l->stepping);

	l->stepping = true;
	l->now_us = event->now_us;
	l->wall_us = event->wall_us;
	if (event->kind == EVENT_ACCEPTED || event->kind == EVENT_DIALED ||
	    event->kind == EVENT_INPUT || event->kind == EVENT_CLOSED)
		route(l, event, outbox);
	expire(l, outbox);
	l->stepping = false;
	bury(l);
}

/* --- what others ask --- */

const struct hello *links_hello(const struct links *l, uint64_t link)
{
	const struct link *k = link_table_conn(&l->table, link);

	return k != NULL && k->up && !k->channel.plain ? &k->channel.theirs : NULL;
}

struct links_counts links_counts(const struct links *l)
{
	struct links_counts counts = l->counts;

	counts.streams = l->table.count;
	return counts;
}
