#include "sched/keeper_wire.h"

#include <string.h>

#include "core/must.h"

/* Fields after the word, by word; an attempt is three in a row. */
enum {
	ATTEMPT_FIELDS = 3,
	LIST_FIELDS = 1, /* the agent's version */
	LEASE_FIELDS = 2,
	SPAWN_FIELDS = ATTEMPT_FIELDS + 11,
	KILL_FIELDS = ATTEMPT_FIELDS + 2,
	ACK_FIELDS = ATTEMPT_FIELDS,
	HOLDS_FIELDS = ATTEMPT_FIELDS + 1,
	WHOLE_FIELDS = 5,
	REFUSED_FIELDS = ATTEMPT_FIELDS + 1,
	EXITED_FIELDS = ATTEMPT_FIELDS + 7,
	FRAME_HEAD = 4,
	OWN_ENV = 16, /* entries that the worker adds to an order's environment, at most */
};

static uint32_t fields(enum keeper_word word)
{
	switch (word) {
	case KEEPER_LIST:
		return LIST_FIELDS;
	case KEEPER_LEASE:
		return LEASE_FIELDS;
	case KEEPER_SPAWN:
		return SPAWN_FIELDS;
	case KEEPER_KILL:
		return KILL_FIELDS;
	case KEEPER_ACK:
		return ACK_FIELDS;
	case KEEPER_HOLDS:
	case KEEPER_SPAWNED:
		return HOLDS_FIELDS;
	case KEEPER_WHOLE:
		return WHOLE_FIELDS;
	case KEEPER_REFUSED:
		return REFUSED_FIELDS;
	case KEEPER_EXITED:
		return EXITED_FIELDS;
	}
	return UINT32_MAX;
}

static bool has_attempt(enum keeper_word word)
{
	return word != KEEPER_LIST && word != KEEPER_LEASE && word != KEEPER_WHOLE;
}

static void put_spawn(struct pack *p, const struct keeper_said *s)
{
	pack_u64(p, s->spawn.on_lost);
	pack_u64(p, s->spawn.kill_after_ms);
	pack_u64(p, s->spawn.timeout_ms);
	pack_u64(p, s->spawn.max_output);
	pack_raw(p, s->spawn.argv);
	pack_raw(p, s->spawn.env);
	pack_str(p, s->spawn.directory);
	pack_str(p, s->spawn.user);
	pack_str(p, s->spawn.out);
	pack_str(p, s->spawn.err);
	pack_bool(p, s->spawn.fresh);
}

static void put_exited(struct pack *p, const struct keeper_said *s)
{
	pack_i64(p, s->exited.code);
	pack_i64(p, s->exited.signal);
	pack_u64(p, s->exited.began_wall_us);
	pack_u64(p, s->exited.ended_wall_us);
	pack_u64(p, s->exited.out_size);
	pack_u64(p, s->exited.err_size);
	pack_str(p, s->exited.why);
}

static void put_rest(struct pack *p, const struct keeper_said *s)
{
	switch (s->word) {
	case KEEPER_LIST:
		pack_u64(p, KEEPER_VERSION);
		break;
	case KEEPER_LEASE:
		pack_u64(p, s->lease.ends_us);
		pack_u64(p, s->lease.lease_ms);
		break;
	case KEEPER_SPAWN:
		put_spawn(p, s);
		break;
	case KEEPER_KILL:
		pack_bool(p, s->kill.force);
		pack_str(p, s->kill.why);
		break;
	case KEEPER_ACK:
		break;
	case KEEPER_HOLDS:
	case KEEPER_SPAWNED:
		pack_i64(p, s->holds.pid);
		break;
	case KEEPER_WHOLE:
		pack_u64(p, s->whole.version);
		pack_u64(p, s->whole.born_us);
		pack_u64(p, s->whole.lease_ends_us);
		pack_u64(p, s->whole.count);
		pack_i64(p, s->whole.pid);
		break;
	case KEEPER_REFUSED:
		pack_str(p, s->refused.why);
		break;
	case KEEPER_EXITED:
		put_exited(p, s);
		break;
	}
}

enum err keeper_put(const struct keeper_said *said, struct buffer *out)
{
	const size_t before = out->len;
	struct pack p;

	must(fields(said->word) != UINT32_MAX);
	pack_init(&p, out);
	pack_array(&p, 1 + fields(said->word));
	pack_u64(&p, said->word);
	if (has_attempt(said->word)) {
		pack_id(&p, said->attempt.job);
		pack_u64(&p, said->attempt.step);
		pack_u64(&p, said->attempt.number);
	}
	put_rest(&p, said);
	if (pack_err(&p) != OK)
		out->len = before;
	return pack_err(&p);
}

static const char *get_text(struct unpack *u, struct keeper_said *out, uint32_t slot)
{
	must(slot < sizeof(out->text) / sizeof(out->text[0]));
	unpack_str(u, out->text[slot], sizeof(out->text[slot]));
	return out->text[slot];
}

static int32_t get_i32(struct unpack *u)
{
	int64_t v = unpack_i64(u);

	if (v >= INT32_MIN && v <= INT32_MAX)
		return (int32_t)v;
	unpack_refuse(u, ERR_TOO_BIG);
	return 0;
}

/* An array of at least `least` texts, checked whole, as packed. */
static struct bytes get_texts(struct unpack *u, uint32_t least)
{
	const struct bytes all = u->left;
	uint32_t count = unpack_array(u, least);

	if (count > ARGV_MAX + OWN_ENV)
		unpack_refuse(u, ERR_TOO_BIG);
	for (uint32_t i = 0; i < count && unpack_err(u) == OK; i++)
		(void)unpack_text(u, JOB_TEXT_MAX);
	if (unpack_err(u) != OK)
		return (struct bytes){0};
	return bytes_of(all.at, all.len - u->left.len);
}

static void get_spawn(struct unpack *u, struct keeper_said *out)
{
	uint8_t on_lost = unpack_u8(u);

	if (on_lost > ON_LOST_HOLD)
		unpack_refuse(u, ERR_MALFORMED);
	out->spawn.on_lost = on_lost <= ON_LOST_HOLD ? (enum on_lost)on_lost : ON_LOST_RESTART;
	out->spawn.kill_after_ms = unpack_u32(u);
	out->spawn.timeout_ms = unpack_u64(u);
	out->spawn.max_output = unpack_u64(u);
	out->spawn.argv = get_texts(u, 1);
	out->spawn.env = get_texts(u, 0);
	out->spawn.directory = get_text(u, out, 0);
	out->spawn.user = get_text(u, out, 1);
	out->spawn.out = get_text(u, out, 2);
	out->spawn.err = get_text(u, out, 3);
	out->spawn.fresh = unpack_bool(u);
	if (out->spawn.directory[0] != '/' || out->spawn.out[0] != '/' || out->spawn.err[0] != '/')
		unpack_refuse(u, ERR_MALFORMED);
}

static void get_exited(struct unpack *u, struct keeper_said *out)
{
	out->exited.code = get_i32(u);
	out->exited.signal = get_i32(u);
	out->exited.began_wall_us = unpack_u64(u);
	out->exited.ended_wall_us = unpack_u64(u);
	out->exited.out_size = unpack_u64(u);
	out->exited.err_size = unpack_u64(u);
	out->exited.why = get_text(u, out, 0);
}

static void get_rest(struct unpack *u, struct keeper_said *out)
{
	switch (out->word) {
	case KEEPER_LIST:
		(void)unpack_u32(u);
		break;
	case KEEPER_LEASE:
		out->lease.ends_us = unpack_u64(u);
		out->lease.lease_ms = unpack_u32(u);
		break;
	case KEEPER_SPAWN:
		get_spawn(u, out);
		break;
	case KEEPER_KILL:
		out->kill.force = unpack_bool(u);
		out->kill.why = get_text(u, out, 0);
		break;
	case KEEPER_ACK:
		break;
	case KEEPER_HOLDS:
	case KEEPER_SPAWNED:
		out->holds.pid = get_i32(u);
		break;
	case KEEPER_WHOLE:
		out->whole.version = unpack_u32(u);
		out->whole.born_us = unpack_u64(u);
		out->whole.lease_ends_us = unpack_u64(u);
		out->whole.count = unpack_u32(u);
		out->whole.pid = get_i32(u);
		break;
	case KEEPER_REFUSED:
		out->refused.why = get_text(u, out, 0);
		break;
	case KEEPER_EXITED:
		get_exited(u, out);
		break;
	}
}

enum err keeper_get(struct bytes body, struct keeper_said *out)
{
	struct unpack u;

	unpack_init(&u, body);
	uint32_t count = unpack_array(&u, 1);
	uint8_t word = unpack_u8(&u);
	if (unpack_err(&u) != OK)
		return unpack_err(&u);
	out->word = (enum keeper_word)word;
	uint32_t known = fields(out->word);
	if (known == UINT32_MAX)
		return ERR_VERSION;
	if (count < 1 + known)
		return ERR_MALFORMED;
	if (has_attempt(out->word)) {
		out->attempt.job = unpack_id(&u);
		out->attempt.step = unpack_u32(&u);
		out->attempt.number = unpack_u32(&u);
		if (out->attempt.number == 0)
			unpack_refuse(&u, ERR_MALFORMED);
	}
	get_rest(&u, out);
	if (unpack_err(&u) == OK)
		unpack_rest(&u, count - 1 - known);
	if (unpack_err(&u) == OK && !unpack_done(&u))
		unpack_refuse(&u, ERR_MALFORMED);
	return unpack_err(&u);
}

enum err keeper_frame(struct bytes body, struct buffer *out)
{
	uint8_t head[FRAME_HEAD];
	const size_t before = out->len;

	must(body.len > 0);
	must(body.len <= KEEPER_FRAME_MAX);
	put_u32(head, (uint32_t)body.len);
	enum err err = buffer_add(out, bytes_of(head, sizeof(head)));
	if (err == OK)
		err = buffer_add(out, body);
	if (err != OK)
		out->len = before;
	return err;
}

enum err keeper_unframe(struct bytes in, struct bytes *body, size_t *used)
{
	if (in.len < FRAME_HEAD)
		return ERR_SHORT;
	uint32_t len = get_u32(in.at);
	if (len == 0)
		return ERR_MALFORMED;
	if (len > KEEPER_FRAME_MAX)
		return ERR_TOO_BIG;
	if (in.len - FRAME_HEAD < len)
		return ERR_SHORT;
	*body = bytes_of(in.at + FRAME_HEAD, len);
	*used = FRAME_HEAD + (size_t)len;
	return OK;
}
