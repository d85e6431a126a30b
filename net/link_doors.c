/* What the doors say of raw connections, and what becomes of it. */
#include "net/link_parts.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "core/facts.h"
#include "core/limits.h"
#include "core/must.h"

static_assert((int)ROLE_SCHEDULER == FROM_SCHEDULER && (int)ROLE_WORKER == FROM_WORKER,
	      "a role is who may send");

/* --- how a stream ends --- */

static void deliver_link(struct links *l, const struct link *k, bool broken)
{
	struct event e = {.kind = EVENT_LINK, .now_us = l->now_us, .wall_us = l->wall_us};

	e.link.peer = (struct peer){.id = k->peer, .addr = k->addr, .link = k->conn};
	e.link.purpose = (enum purpose)k->purpose;
	e.link.up = k->up && !k->gone;
	e.link.broken = broken;
	l->config.deliver(l->config.with, &e);
}

/* `broken`: the other end's doing. Nobody is told of a stranger who never got in. */
static void end(struct links *l, struct link *k, bool broken)
{
	must(l->stepping);

	link_take_out(l, k);
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

	if (!k->up && why == ERR_VERSION && k->channel.theirs.version_max != 0)
		strangers_apart(l->config.strangers, l->now_us, k->addr, &k->channel.theirs,
				&l->self, outbox);
	else if (!k->up)
		strangers_met(l->config.strangers, l->now_us, k->addr, why, outbox);
	if (k->up || k->ours) /* strangers could fill the log */
		outbox_log(outbox, LOG_LEVEL_DEBUG, "stream ended: addr=%s why=\"%s\"",
			   addr_text(k->addr).s, err_text(why));
	hang_up(l, k, outbox);
}

/* --- how it opens --- */

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

static void flush_queue(struct links *l, struct link *k, struct outbox *outbox)
{
	struct bytes left = buffer_bytes(&k->queue);

	while (left.len > 0) {
		size_t len = left.len < FRAME_MAX ? left.len : FRAME_MAX;
		enum err err = channel_send_put(&k->channel, bytes_of(left.at, len), &l->scratch);
		must(err == OK);
		link_write(l, k, outbox);
		left = bytes_of(left.at + len, left.len - len);
	}
	buffer_fini(&k->queue);
}

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

	if (err == ERR_EXISTS) /* whoever dialled learns who that is */
		link_table_name(&l->table, k, h->id);
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
	link_touch(l, k, l->now_us);
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

		if (got == CHANNEL_GOT_ERROR && k->channel.err != ERR_VERSION)
			buffer_clear(&l->scratch); /* half an answer is none */
		link_write(l, k, outbox);
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
	link_write(l, k, outbox);
}

/* --- time --- */

static void expire(struct links *l, struct outbox *outbox)
{
	for (enum link_list i = 0; i < LINK_LISTS; i++) {
		while (links_due_us(&l->table, i) <= l->now_us) {
			struct link *k = l->table.list[i].first;

			if (!k->up)
				l->counts.timed_out++;
			hang_up(l, k, outbox);
		}
	}
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
	links_bury(l);
}
