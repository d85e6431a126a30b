#include "net/link.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/must.h"
#include "net/link_parts.h"

#define SCRATCH_MAX  (FRAME_MAX + (64u << 10)) /* a frame in its records */
#define SCRATCH_KEPT (64u << 10)               /* room kept between steps; more is given back */

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
	if (config->version_max != 0) {
		l->self.version_min = config->version_min;
		l->self.version_max = config->version_max;
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

void link_free(struct link *k)
{
	channel_fini(&k->channel);
	buffer_fini(&k->queue);
	free(k);
}

void links_bury(struct links *l)
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

/* --- how a stream begins --- */

struct link *link_new(struct links *l, uint64_t conn, uint64_t now_us)
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

void link_take_out(struct links *l, struct link *k)
{
	must(!k->gone);

	link_table_remove(&l->table, k);
	k->gone = true;
	k->after = l->grave;
	l->grave = k;
}

/* --- writing --- */

void link_write(struct links *l, const struct link *k, struct outbox *outbox)
{
	if (l->scratch.len > 0)
		outbox_output(outbox, k->conn, buffer_bytes(&l->scratch));
	if (l->scratch.room > SCRATCH_KEPT)
		buffer_fini(&l->scratch);
	else
		buffer_clear(&l->scratch);
}

void link_touch(struct links *l, struct link *k, uint64_t now_us)
{
	if (k->list != LINK_GOSSIP)
		return;
	k->since_us = now_us;
	link_table_move(&l->table, k, LINK_GOSSIP);
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
	link_write(l, k, outbox);
	link_touch(l, k, now_us);
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
		link_take_out(l, k);
		k = one ? NULL : link_table_peer(&l->table, to.id, purpose);
	}
	if (!l->stepping)
		links_bury(l);
}

uint64_t links_due_us(const struct link_table *t, enum link_list list)
{
	const struct link *k = t->list[list].first;

	if (k == NULL || list == LINK_QUIET)
		return UINT64_MAX;
	return k->since_us +
	       (list == LINK_GOSSIP ? LINK_IDLE_GOSSIP_MS : HANDSHAKE_MAX_MS) * 1000ull;
}

uint64_t links_deadline_us(const struct links *l)
{
	uint64_t first = UINT64_MAX;

	for (enum link_list i = 0; i < LINK_LISTS; i++)
		if (links_due_us(&l->table, i) < first)
			first = links_due_us(&l->table, i);
	return first;
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
