#include "gossip/message.h"

#include "core/must.h"
#include "core/tell.h"

#define SIGNATURE_LEN  64u
#define ID_LEN         16u
#define TIMEOUT_MAX_MS 60000u /* no probe waits longer, however sick the prober */

/* --- reading --- */

static void get_probing(struct unpack *u, enum message_type type, struct probing *p)
{
	uint32_t least = type == MESSAGE_PING_REQ ? 3 : 2;
	uint32_t n = unpack_array(u, least);

	*p = (struct probing){0};
	p->seq = unpack_u32(u);
	p->target = unpack_id(u);
	if (type == MESSAGE_PING_REQ) {
		p->timeout_ms = unpack_u32(u);
		if (p->timeout_ms > TIMEOUT_MAX_MS)
			unpack_refuse(u, ERR_MALFORMED);
	}
	unpack_rest(u, n - least);
}

static void get_update(struct unpack *u, struct update *out)
{
	uint32_t n = unpack_array(u, 5);
	uint32_t known = 5;

	*out = (struct update){0};
	out->id = unpack_id(u);
	out->boot = unpack_u64(u);
	out->incarnation = unpack_u64(u);
	out->state = unpack_u8(u);
	out->facts = unpack_u64(u);
	bool accused = out->state == MEMBER_SUSPECT || out->state == MEMBER_DEAD;
	if (accused) {
		out->accuser = unpack_id(u);
		known++;
	}
	if (out->state == MEMBER_DEAD) {
		out->after_ms = unpack_u32(u);
		out->accusers = unpack_u16(u);
		known += 2;
	}
	if (n < known || out->state > MEMBER_LEFT || out->incarnation > INCARNATION_MAX ||
	    id_is_none(out->id))
		unpack_refuse(u, ERR_MALFORMED);
	unpack_rest(u, n < known ? 0 : n - known);
}

static void get_leave(struct unpack *u, struct leave *l)
{
	uint32_t n = unpack_array(u, 4);

	*l = (struct leave){0};
	l->id = unpack_id(u);
	l->boot = unpack_u64(u);
	l->incarnation = unpack_u64(u);
	struct bytes signature = unpack_bin(u, SIGNATURE_LEN);
	if (signature.len != SIGNATURE_LEN || l->incarnation > INCARNATION_MAX || id_is_none(l->id))
		unpack_refuse(u, ERR_MALFORMED);
	l->signature = signature.at;
	unpack_rest(u, n - 4);
}

static void get_digest(struct unpack *u, struct digest *d)
{
	uint32_t n = unpack_array(u, 4);

	*d = (struct digest){0};
	d->sum = unpack_u64(u);
	d->version = unpack_u64(u);
	d->size = unpack_u32(u);
	d->ask = unpack_bool(u);
	unpack_rest(u, n - 4);
}

static void get_part(struct unpack *u, struct summary *s)
{
	*s = (struct summary){0};
	s->bits = unpack_u8(u);
	s->part = unpack_u8(u);
	if (s->bits > SUMMARY_BITS_MAX || s->part >> s->bits != 0)
		unpack_refuse(u, ERR_MALFORMED);
}

static void get_summary(struct unpack *u, struct summary *s)
{
	uint32_t n = unpack_array(u, 3);
	struct update skipped;

	get_part(u, s);
	s->count = unpack_array(u, 0);
	s->updates = *u;
	if (s->count > SUMMARY_MAX)
		unpack_refuse(u, ERR_TOO_BIG);
	for (uint32_t i = 0; i < s->count && unpack_err(u) == OK; i++)
		get_update(u, &skipped);
	unpack_rest(u, n - 3);
}

static void get_next(struct unpack *u, struct summary *s)
{
	uint32_t n = unpack_array(u, 2);

	get_part(u, s);
	unpack_rest(u, n - 2);
}

static struct bytes get_bin(struct unpack *u, size_t max, size_t unit)
{
	uint32_t n = unpack_array(u, 1);
	struct bytes b = unpack_bin(u, max);

	if (b.len == 0 || b.len % unit != 0)
		unpack_refuse(u, ERR_MALFORMED);
	unpack_rest(u, n - 1);
	return b;
}

/* One message from the cursor's front; the cursor says what was wrong. */
static void get(struct unpack *u, struct message *out)
{
	uint8_t type = u->left.at[0];

	*out = (struct message){.type = type <= MESSAGE_NEXT ? type : MESSAGE_UNKNOWN};
	u->left = bytes_of(u->left.at + 1, u->left.len - 1);
	switch (out->type) {
	case MESSAGE_PING:
	case MESSAGE_ACK:
	case MESSAGE_PING_REQ:
	case MESSAGE_NACK:
		get_probing(u, out->type, &out->probing);
		break;
	case MESSAGE_UPDATE:
		get_update(u, &out->update);
		break;
	case MESSAGE_FACTS:
		out->facts = get_bin(u, FACTS_MAX, 1);
		break;
	case MESSAGE_ASK:
		out->ask = get_bin(u, ASK_MAX * ID_LEN, ID_LEN);
		break;
	case MESSAGE_LEAVE:
		get_leave(u, &out->leave);
		break;
	case MESSAGE_DIGEST:
		get_digest(u, &out->digest);
		break;
	case MESSAGE_SUMMARY:
		get_summary(u, &out->summary);
		break;
	case MESSAGE_NEXT:
		get_next(u, &out->summary);
		break;
	case MESSAGE_UNKNOWN:
		unpack_rest(u, unpack_array(u, 0));
		break;
	}
}

enum err message_check(struct bytes body)
{
	struct unpack u;
	struct message skipped;

	unpack_init(&u, body);
	while (unpack_err(&u) == OK && u.left.len > 0)
		get(&u, &skipped);
	return unpack_err(&u);
}

bool message_next(struct bytes *body, struct message *out)
{
	struct unpack u;

	if (body->len == 0)
		return false;
	unpack_init(&u, *body);
	get(&u, out);
	must(unpack_err(&u) == OK); /* message_check has seen it */
	*body = u.left;
	return true;
}

bool summary_next(struct summary *s, struct update *out)
{
	if (s->count == 0)
		return false;
	s->count--;
	get_update(&s->updates, out);
	must(unpack_err(&s->updates) == OK);
	return true;
}

/* --- writing --- */

static void begin(struct pack *p, struct buffer *to, enum message_type type)
{
	uint8_t byte = (uint8_t)type;

	must(type != MESSAGE_UNKNOWN);
	pack_init(p, to);
	p->err = buffer_add(to, bytes_of(&byte, 1));
}

/* A message that does not fit whole is not there at all. */
static enum err end(const struct pack *p, struct buffer *to, size_t began)
{
	enum err err = pack_err(p);

	must(began <= to->len);
	if (err != OK)
		to->len = began;
	return err;
}

enum err message_put_probing(struct buffer *to, enum message_type type,
			     const struct probing *probing)
{
	size_t began = to->len;
	struct pack p;

	begin(&p, to, type);
	pack_array(&p, type == MESSAGE_PING_REQ ? 3 : 2);
	pack_u64(&p, probing->seq);
	pack_id(&p, probing->target);
	if (type == MESSAGE_PING_REQ)
		pack_u64(&p, probing->timeout_ms);
	return end(&p, to, began);
}

static void put_update(struct pack *p, const struct update *u)
{
	bool dead = u->state == MEMBER_DEAD;
	bool accused = dead || u->state == MEMBER_SUSPECT;

	must(u->state <= MEMBER_LEFT);
	must(u->incarnation <= INCARNATION_MAX);
	pack_array(p, dead ? 8 : accused ? 6 : 5);
	pack_id(p, u->id);
	pack_u64(p, u->boot);
	pack_u64(p, u->incarnation);
	pack_u64(p, u->state);
	pack_u64(p, u->facts);
	if (accused)
		pack_id(p, u->accuser);
	if (dead) {
		pack_u64(p, u->after_ms);
		pack_u64(p, u->accusers);
	}
}

enum err message_put_update(struct buffer *to, const struct update *u)
{
	size_t began = to->len;
	struct pack p;

	begin(&p, to, MESSAGE_UPDATE);
	put_update(&p, u);
	return end(&p, to, began);
}

static enum err put_bin(struct buffer *to, enum message_type type, struct bytes bin)
{
	size_t began = to->len;
	struct pack p;

	must(bin.len > 0);
	begin(&p, to, type);
	pack_array(&p, 1);
	pack_bin(&p, bin);
	return end(&p, to, began);
}

enum err message_put_facts(struct buffer *to, struct bytes packed)
{
	must(packed.len <= FACTS_MAX);

	return put_bin(to, MESSAGE_FACTS, packed);
}

enum err message_put_ask(struct buffer *to, const struct id *ids, uint32_t count)
{
	must(count <= ASK_MAX);

	return put_bin(to, MESSAGE_ASK, bytes_of(ids, count * sizeof(*ids)));
}

enum err message_put_leave(struct buffer *to, const struct leave *l)
{
	size_t began = to->len;
	struct pack p;

	must(l->incarnation <= INCARNATION_MAX);
	begin(&p, to, MESSAGE_LEAVE);
	pack_array(&p, 4);
	pack_id(&p, l->id);
	pack_u64(&p, l->boot);
	pack_u64(&p, l->incarnation);
	pack_bin(&p, bytes_of(l->signature, SIGNATURE_LEN));
	return end(&p, to, began);
}

enum err message_put_digest(struct buffer *to, const struct digest *d)
{
	size_t began = to->len;
	struct pack p;

	begin(&p, to, MESSAGE_DIGEST);
	pack_array(&p, 4);
	pack_u64(&p, d->sum);
	pack_u64(&p, d->version);
	pack_u64(&p, d->size);
	pack_bool(&p, d->ask);
	return end(&p, to, began);
}

static void put_part(struct pack *p, uint8_t bits, uint8_t part)
{
	must(bits <= SUMMARY_BITS_MAX);
	must(part >> bits == 0);

	pack_u64(p, bits);
	pack_u64(p, part);
}

enum err message_put_next(struct buffer *to, uint8_t bits, uint8_t part)
{
	size_t began = to->len;
	struct pack p;

	begin(&p, to, MESSAGE_NEXT);
	pack_array(&p, 2);
	put_part(&p, bits, part);
	return end(&p, to, began);
}

void summary_begin(struct summary_writer *w, struct buffer *to, uint8_t bits, uint8_t part,
		   uint32_t count)
{
	must(count <= SUMMARY_MAX);

	*w = (struct summary_writer){.to = to, .began = to->len};
	begin(&w->pack, to, MESSAGE_SUMMARY);
	pack_array(&w->pack, 3);
	put_part(&w->pack, bits, part);
	pack_array(&w->pack, count);
}

void summary_add(struct summary_writer *w, const struct update *u)
{
	put_update(&w->pack, u);
}

enum err summary_end(struct summary_writer *w)
{
	return end(&w->pack, w->to, w->began);
}

enum err leave_text(const struct leave *l, struct bytes cluster, struct buffer *out)
{
	uint8_t tail[ID_LEN + 16];
	enum err err;

	for (uint32_t i = 0; i < ID_LEN; i++)
		tail[i] = l->id.b[i];
	put_u64(tail + ID_LEN, l->boot);
	put_u64(tail + ID_LEN + 8, l->incarnation);
	err = buffer_add(out, BYTES("witan-leave-1"));
	if (err == OK)
		err = buffer_add(out, cluster);
	if (err == OK)
		err = buffer_add(out, bytes_of(tail, sizeof(tail)));
	return err;
}
