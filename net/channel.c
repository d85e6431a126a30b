#include "net/channel.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"

/* The first record's clear part. */
#define STREAM_VERSION 1u
#define AT_TAG         1u
#define AT_KEY         5u
#define CLEAR          9u

#define RECORD_HEAD    2u
#define RECORD_PLAIN   (NOISE_MESSAGE_MAX - NOISE_TAG)
#define KEPT_ROOM      (4u << 10) /* room kept between records; more is given back */

static const char greeting[] = "witan stream";

struct handshake {
	struct noise noise;
	struct hello ours;
	uint8_t ephemeral[32];
};

static_assert(CHANNEL_HANDSHAKE_MAX <= NOISE_MESSAGE_MAX, "a handshake message is a Noise message");
static_assert(CHANNEL_HANDSHAKE_MAX >= CERTIFICATE_MAX + CLUSTER_ID_MAX_LEN + 512,
	      "a hello fits its record");

/* --- life --- */

enum err channel_self_init(struct channel_self *s, const struct identity *identity,
			   const struct keyring *ring)
{
	*s = (struct channel_self){.identity = identity,
				   .ring = ring,
				   .version_min = CHANNEL_VERSION_MIN,
				   .version_max = CHANNEL_VERSION_MAX};
	if (crypto_sign_ed25519_pk_to_curve25519(s->keys.public_key, identity->public_key) ||
	    crypto_sign_ed25519_sk_to_curve25519(s->keys.secret, identity->secret_key))
		return ERR_KEY;
	return OK;
}

void channel_self_fini(struct channel_self *s)
{
	sodium_memzero(s, sizeof(*s));
}

static void drop_handshake(struct channel *c)
{
	if (c->handshake != NULL)
		sodium_memzero(c->handshake, sizeof(*c->handshake));
	free(c->handshake);
	c->handshake = NULL;
}

void channel_fini(struct channel *c)
{
	drop_handshake(c);
	frames_fini(&c->frames);
	buffer_fini(&c->record);
	sodium_memzero(c, sizeof(*c));
}

static void prepare(struct channel *c, const struct channel_self *self)
{
	*c = (struct channel){.self = self};
	frames_init(&c->frames);
	buffer_init(&c->record, RECORD_HEAD + NOISE_MESSAGE_MAX);
}

static enum err prepare_handshake(struct channel *c, const struct channel_self *self,
				  const struct hello *ours, const uint8_t ephemeral[32])
{
	must(self->ring->count > 0);

	prepare(c, self);
	c->handshake = calloc(1, sizeof(*c->handshake));
	if (c->handshake == NULL)
		return ERR_FULL;

	struct hello *h = &c->handshake->ours;
	*h = *ours;
	memcpy(h->key, self->identity->public_key, sizeof(h->key));
	memcpy(h->cluster, self->ring->cluster, sizeof(h->cluster));
	h->version_min = self->version_min;
	h->version_max = self->version_max;
	memcpy(c->handshake->ephemeral, ephemeral, sizeof(c->handshake->ephemeral));
	return OK;
}

void channel_local(struct channel *c)
{
	prepare(c, NULL);
	c->plain = true;
	c->state = CHANNEL_OPEN;
}

static enum channel_got fail(struct channel *c, enum err err)
{
	must(err != OK);
	must(c->state != CHANNEL_FAILED);

	c->state = CHANNEL_FAILED;
	c->err = err;
	drop_handshake(c);
	return CHANNEL_GOT_ERROR;
}

/* --- records --- */

/* Opens a record in `out`; what is added until record_end is in it. */
static enum err record_begin(struct buffer *out, size_t *begin)
{
	static const uint8_t blank[RECORD_HEAD];

	*begin = out->len;
	return buffer_add(out, bytes_of(blank, sizeof(blank)));
}

static void record_end(struct buffer *out, size_t begin)
{
	size_t len = out->len - begin - RECORD_HEAD;

	must(len <= NOISE_MESSAGE_MAX);
	put_u16(out->at + begin, (uint16_t)len);
}

static enum err gather(struct channel *c, struct bytes *in, size_t len)
{
	size_t more = len > c->record.len ? len - c->record.len : 0;

	if (more > in->len)
		more = in->len;
	enum err err = buffer_add(&c->record, bytes_of(in->at, more));
	if (err)
		return err;
	*in = bytes_of(in->at + more, in->len - more);
	return c->record.len < len ? ERR_SHORT : OK;
}

/* OK: a whole record is held. ERR_SHORT: all was taken. */
static enum err gather_record(struct channel *c, struct bytes *in, size_t max)
{
	enum err err = gather(c, in, RECORD_HEAD);

	if (err)
		return err;
	size_t len = get_u16(c->record.at);
	if (len > max)
		return ERR_TOO_BIG;
	return gather(c, in, RECORD_HEAD + len);
}

static struct bytes record_body(const struct channel *c)
{
	must(c->record.len >= RECORD_HEAD);

	return bytes_of(c->record.at + RECORD_HEAD, c->record.len - RECORD_HEAD);
}

static void record_forget(struct channel *c)
{
	if (c->record.room > KEPT_ROOM)
		buffer_fini(&c->record);
	else
		buffer_clear(&c->record);
}

/* --- the handshake --- */

static void begin_noise(struct channel *c, bool initiator, const uint8_t clear[CLEAR],
			const struct key *key)
{
	uint8_t prologue[sizeof(greeting) - 1 + CLEAR + CLUSTER_ID_MAX_LEN];
	size_t cluster = strlen(c->self->ring->cluster);
	uint8_t *at = prologue;

	must(cluster <= CLUSTER_ID_MAX_LEN);

	memcpy(at, greeting, sizeof(greeting) - 1);
	at += sizeof(greeting) - 1;
	memcpy(at, clear, CLEAR);
	at += CLEAR;
	memcpy(at, c->self->ring->cluster, cluster);
	at += cluster;
	noise_init(&c->handshake->noise, initiator, bytes_of(prologue, (size_t)(at - prologue)),
		   key->secret, &c->self->keys, c->handshake->ephemeral);
}

static enum err write_hello(struct channel *c, struct buffer *out)
{
	struct buffer payload;
	size_t begin;

	buffer_init(&payload, CHANNEL_HANDSHAKE_MAX);
	enum err err = hello_put(&c->handshake->ours, &payload);
	if (!err)
		err = record_begin(out, &begin);
	if (!err)
		err = noise_write(&c->handshake->noise, buffer_bytes(&payload), out);
	if (!err)
		record_end(out, begin);
	buffer_fini(&payload);
	return err;
}

/* Is the peer who its hello says, and one we can talk with? */
static enum err check_hello(struct channel *c)
{
	const struct hello *h = &c->theirs;
	uint8_t converted[32];

	if (crypto_sign_ed25519_pk_to_curve25519(converted, h->key) ||
	    sodium_memcmp(converted, c->handshake->noise.peer, sizeof(converted)) != 0)
		return ERR_FORGED;
	if (strcmp(h->cluster, c->self->ring->cluster) != 0)
		return ERR_FOREIGN;

	if (c->state == CHANNEL_ANSWERED &&
	    (h->purpose < PURPOSE_GOSSIP || h->purpose > PURPOSE_BULK))
		return ERR_MALFORMED;

	c->version = h->version_max < c->self->version_max ? h->version_max : c->self->version_max;
	if (c->version < c->self->version_min || c->version < h->version_min)
		return ERR_VERSION;
	return OK;
}

static enum err read_hello(struct channel *c)
{
	struct buffer payload;

	buffer_init(&payload, CHANNEL_HANDSHAKE_MAX);
	enum err err = noise_read(&c->handshake->noise, record_body(c), &payload);
	if (!err)
		err = hello_get(buffer_bytes(&payload), &c->theirs);
	if (!err)
		err = check_hello(c);
	buffer_fini(&payload);
	return err;
}

/* The first record: whether we answer at all. */
static enum err read_greeting(struct channel *c)
{
	struct bytes body = record_body(c);
	struct buffer payload;

	if (body.len < 1)
		return ERR_SHORT;
	if (body.at[0] != STREAM_VERSION)
		return ERR_VERSION;
	if (body.len < CLEAR)
		return ERR_SHORT;
	if (get_u32(body.at + AT_TAG) != keyring_tag(c->self->ring->cluster))
		return ERR_FOREIGN;
	const struct key *key = keyring_find(c->self->ring, get_u32(body.at + AT_KEY));
	if (key == NULL)
		return ERR_KEY;

	c->older_key = key != c->self->ring->key;
	begin_noise(c, false, body.at, key);
	buffer_init(&payload, CHANNEL_HANDSHAKE_MAX); /* says nothing yet */
	enum err err = noise_read(&c->handshake->noise, bytes_of(body.at + CLEAR, body.len - CLEAR),
				  &payload);
	buffer_fini(&payload);
	return err;
}

enum err channel_dial(struct channel *c, const struct channel_self *self, const struct hello *ours,
		      const uint8_t ephemeral[32], struct buffer *out)
{
	uint8_t clear[CLEAR];
	size_t begin;

	must(ours->purpose >= PURPOSE_GOSSIP);
	must(ours->purpose <= PURPOSE_BULK);

	enum err err = prepare_handshake(c, self, ours, ephemeral);
	if (err)
		return err;
	c->state = CHANNEL_ASKED;
	clear[0] = STREAM_VERSION;
	put_u32(clear + AT_TAG, keyring_tag(self->ring->cluster));
	put_u32(clear + AT_KEY, self->ring->key[0].id);
	begin_noise(c, true, clear, &self->ring->key[0]);

	err = record_begin(out, &begin);
	if (!err)
		err = buffer_add(out, bytes_of(clear, sizeof(clear)));
	if (!err)
		err = noise_write(&c->handshake->noise, (struct bytes){0}, out);
	if (err) {
		channel_fini(c);
		return err;
	}
	record_end(out, begin);
	return OK;
}

enum err channel_accept(struct channel *c, const struct channel_self *self,
			const struct hello *ours, const uint8_t ephemeral[32])
{
	enum err err = prepare_handshake(c, self, ours, ephemeral);

	if (err)
		return err;
	c->state = CHANNEL_WAITING;
	c->handshake->ours.purpose = 0;
	return OK;
}

static enum channel_got become_open(struct channel *c)
{
	noise_split(&c->handshake->noise, &c->out, &c->in);
	drop_handshake(c);
	c->state = CHANNEL_OPEN;
	return CHANNEL_GOT_OPEN;
}

static enum channel_got shake(struct channel *c, struct bytes *in, struct buffer *out)
{
	enum err err = gather_record(c, in, CHANNEL_HANDSHAKE_MAX);

	if (err == ERR_SHORT)
		return CHANNEL_GOT_NOTHING;
	if (err)
		return fail(c, err);

	enum channel_state was = c->state;
	err = was == CHANNEL_WAITING ? read_greeting(c) : read_hello(c);
	bool apart = err == ERR_VERSION && was == CHANNEL_ASKED;
	if ((!err || apart) && was != CHANNEL_ANSWERED) {
		enum err wrote = write_hello(c, out);
		if (wrote)
			err = wrote;
	}
	if (err)
		return fail(c, err);
	record_forget(c);
	if (was != CHANNEL_WAITING)
		return become_open(c);
	c->state = CHANNEL_ANSWERED;
	/* The peer has nothing more to say before it has our answer. */
	return in->len > 0 ? fail(c, ERR_MALFORMED) : CHANNEL_GOT_NOTHING;
}

/* --- frames --- */

/* Opens the next record into c->opened. ERR_SHORT: all was taken. */
static enum err next_record(struct channel *c, struct bytes *in)
{
	must(c->opened.len == 0);

	if (c->whole)
		record_forget(c);
	c->whole = false;
	enum err err = gather_record(c, in, NOISE_MESSAGE_MAX);
	if (err)
		return err;

	size_t len = c->record.len - RECORD_HEAD;
	if (len < NOISE_TAG)
		return ERR_MALFORMED;
	err = noise_open(&c->in, c->record.at + RECORD_HEAD, len, (struct bytes){0});
	if (err)
		return err;
	if (c->in.spent >= REKEY_BYTES)
		noise_rekey(&c->in);
	c->opened = bytes_of(c->record.at + RECORD_HEAD, len - NOISE_TAG);
	c->whole = true;
	return OK;
}

static enum err next_frame(struct channel *c, struct bytes *in, struct frame *frame)
{
	enum err err;

	if (c->plain)
		return frames_next(&c->frames, in, frame);
	for (;;) {
		err = frames_next(&c->frames, &c->opened, frame);
		if (err != ERR_SHORT)
			return err;
		err = next_record(c, in);
		if (err)
			return err;
	}
}

enum channel_got channel_take(struct channel *c, struct bytes *in, struct buffer *out,
			      struct frame *frame)
{
	if (c->state == CHANNEL_FAILED)
		return CHANNEL_GOT_ERROR;
	if (c->state != CHANNEL_OPEN)
		return shake(c, in, out);

	enum err err = next_frame(c, in, frame);
	if (err == OK)
		return CHANNEL_GOT_FRAME;
	return err == ERR_SHORT ? CHANNEL_GOT_NOTHING : fail(c, err);
}

/* Moves up to `room` bytes from the front of `from` to `to`. How many. */
static size_t move(struct bytes *from, uint8_t *to, size_t room)
{
	size_t len = from->len < room ? from->len : room;

	if (len == 0)
		return 0;
	memcpy(to, from->at, len);
	*from = bytes_of(from->at + len, from->len - len);
	return len;
}

/* Two pieces of the stream, one after the other, cut into records. */
static enum err send_stream(struct channel *c, struct bytes a, struct bytes b, struct buffer *out)
{
	size_t plain = a.len + b.len;
	size_t records = (plain + RECORD_PLAIN - 1) / RECORD_PLAIN;
	size_t total = c->plain ? plain : plain + records * (RECORD_HEAD + NOISE_TAG);
	uint8_t *at = buffer_room(out, total);

	if (at == NULL)
		return ERR_FULL;
	out->len += total;
	if (c->plain) {
		at += move(&a, at, a.len);
		move(&b, at, b.len);
		return OK;
	}
	while (a.len + b.len > 0) {
		size_t len = move(&a, at + RECORD_HEAD, RECORD_PLAIN);
		len += move(&b, at + RECORD_HEAD + len, RECORD_PLAIN - len);
		noise_seal(&c->out, at + RECORD_HEAD, len, (struct bytes){0});
		if (c->out.spent >= REKEY_BYTES)
			noise_rekey(&c->out);
		put_u16(at, (uint16_t)(len + NOISE_TAG));
		at += RECORD_HEAD + len + NOISE_TAG;
	}
	must(at == out->at + out->len);
	return OK;
}

enum err channel_send(struct channel *c, const struct frame *frame, struct buffer *out)
{
	uint8_t head[FRAME_HEAD];

	must(c->state == CHANNEL_OPEN);

	if (frame->body.len > FRAME_MAX)
		return ERR_TOO_BIG;
	frame_head(frame, head);
	return send_stream(c, bytes_of(head, sizeof(head)), frame->body, out);
}

enum err channel_send_put(struct channel *c, struct bytes frames, struct buffer *out)
{
	must(c->state == CHANNEL_OPEN);

	return send_stream(c, frames, (struct bytes){0}, out);
}
