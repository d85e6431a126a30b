#include "sched/order.h"

#include <string.h>

#include "core/must.h"

/* Bodies are msgpack arrays in the order of the struct's fields; an attempt is three fields in a row and a fence is
 * three (store, generation, term). Fields added later stand at the end and are skipped by older readers. */

enum {
	FENCE_FIELDS = 3,
	ATTEMPT_FIELDS = 3,
	HELD_FIELDS = ATTEMPT_FIELDS + 1,
	ATTACH_FIELDS = 4 + FENCE_FIELDS + 3,
	ATTACHED_FIELDS = FENCE_FIELDS + 5,
	ORDER_FIELDS = FENCE_FIELDS + ATTEMPT_FIELDS + 9,
	REPORT_FIELDS = 1 + ATTEMPT_FIELDS + 10,
	REPORTED_FIELDS = FENCE_FIELDS + ATTEMPT_FIELDS,
	LEASE_ASK_FIELDS = 2,
	LEASE_FIELDS = FENCE_FIELDS + 2,
	END_FIELDS = FENCE_FIELDS + ATTEMPT_FIELDS + 2,
	DIRECT_FIELDS = FENCE_FIELDS,
};

bool attempt_same(struct attempt a, struct attempt b)
{
	return id_same(a.job, b.job) && a.step == b.step && a.number == b.number;
}

static void put_fence(struct pack *p, struct fence f)
{
	pack_id(p, f.store);
	pack_u64(p, f.epoch.generation);
	pack_u64(p, f.epoch.term);
}

static struct fence get_fence(struct unpack *u)
{
	struct fence f;

	f.store = unpack_id(u);
	f.epoch.generation = unpack_u64(u);
	f.epoch.term = unpack_u64(u);
	return f;
}

static void put_attempt(struct pack *p, struct attempt a)
{
	pack_id(p, a.job);
	pack_u64(p, a.step);
	pack_u64(p, a.number);
}

static struct attempt get_attempt(struct unpack *u)
{
	struct attempt a;

	a.job = unpack_id(u);
	a.step = unpack_u32(u);
	a.number = unpack_u32(u);
	if (a.number == 0)
		unpack_refuse(u, ERR_MALFORMED);
	return a;
}

/* A number that stands for an enum of `count` members. */
static uint8_t get_choice(struct unpack *u, uint8_t count)
{
	uint8_t v = unpack_u8(u);

	must(count > 0);
	if (v >= count)
		unpack_refuse(u, ERR_MALFORMED);
	return v < count ? v : 0;
}

static int32_t get_i32(struct unpack *u)
{
	int64_t v = unpack_i64(u);

	if (v < INT32_MIN || v > INT32_MAX) {
		unpack_refuse(u, ERR_TOO_BIG);
		return 0;
	}
	return (int32_t)v;
}

/* Begins to read one body; `known` fields at least. */
static uint32_t open_body(struct unpack *u, struct bytes body, uint32_t known)
{
	unpack_init(u, body);
	return unpack_array(u, known);
}

/* Skips what a newer writer added and says whether all was well. Bytes after the array are refused. */
static enum err close_body(struct unpack *u, uint32_t count, uint32_t known)
{
	if (unpack_err(u) == OK)
		unpack_rest(u, count - known);
	if (unpack_err(u) == OK && !unpack_done(u))
		unpack_refuse(u, ERR_MALFORMED);
	return unpack_err(u);
}

enum err attach_put(const struct attach *a, struct buffer *out)
{
	struct pack p;

	must(a->count <= SLOTS_MAX);
	must(a->slots <= SLOTS_MAX);
	pack_init(&p, out);
	pack_array(&p, ATTACH_FIELDS);
	pack_id(&p, a->node);
	pack_u64(&p, a->boot);
	pack_bin(&p, bytes_of(a->machine_boot, sizeof(a->machine_boot)));
	put_fence(&p, a->highest);
	pack_u64(&p, a->slots);
	pack_bool(&p, a->whole);
	pack_array(&p, a->count);
	for (uint32_t i = 0; i < a->count; i++) {
		pack_array(&p, HELD_FIELDS);
		put_attempt(&p, a->held[i].attempt);
		pack_u64(&p, a->held[i].state);
	}
	pack_u64(&p, a->serial);
	return pack_err(&p);
}

static void get_held(struct unpack *u, struct held *h)
{
	uint32_t n = unpack_array(u, HELD_FIELDS);

	h->attempt = get_attempt(u);
	h->state = (enum held_state)get_choice(u, HELD_ENDED + 1);
	if (unpack_err(u) == OK)
		unpack_rest(u, n - HELD_FIELDS);
}

enum err attach_get(struct bytes body, struct attach *out)
{
	struct unpack u;
	struct bytes boot;
	uint32_t n = open_body(&u, body, ATTACH_FIELDS);

	out->node = unpack_id(&u);
	out->boot = unpack_u64(&u);
	boot = unpack_bin(&u, sizeof(out->machine_boot));
	if (boot.len == sizeof(out->machine_boot))
		memcpy(out->machine_boot, boot.at, boot.len);
	else
		unpack_refuse(&u, ERR_MALFORMED);
	out->highest = get_fence(&u);
	out->slots = unpack_u32(&u);
	out->whole = unpack_bool(&u);
	out->count = unpack_array(&u, 0);
	if (out->count > SLOTS_MAX || out->slots > SLOTS_MAX) {
		unpack_refuse(&u, ERR_TOO_BIG);
		return unpack_err(&u);
	}
	for (uint32_t i = 0; i < out->count && unpack_err(&u) == OK; i++)
		get_held(&u, &out->held[i]);
	out->serial = unpack_u64(&u);
	return close_body(&u, n, ATTACH_FIELDS);
}

enum err attached_put(const struct attached *a, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, ATTACHED_FIELDS);
	put_fence(&p, a->fence);
	pack_bool(&p, a->accepted);
	pack_bool(&p, a->registered);
	pack_u64(&p, a->lease_ms);
	pack_str(&p, a->why);
	pack_u64(&p, a->serial);
	return pack_err(&p);
}

enum err attached_get(struct bytes body, struct attached *out)
{
	struct unpack u;
	uint32_t n = open_body(&u, body, ATTACHED_FIELDS);

	out->fence = get_fence(&u);
	out->accepted = unpack_bool(&u);
	out->registered = unpack_bool(&u);
	out->lease_ms = unpack_u32(&u);
	unpack_str(&u, out->why, sizeof(out->why));
	out->serial = unpack_u64(&u);
	return close_body(&u, n, ATTACHED_FIELDS);
}

enum err order_put(const struct order *o, struct buffer *out)
{
	struct pack p;

	must(o->attempt.number > 0);
	must(o->command.len > 0);
	pack_init(&p, out);
	pack_array(&p, ORDER_FIELDS);
	put_fence(&p, o->fence);
	put_attempt(&p, o->attempt);
	pack_u64(&p, o->on_lost);
	pack_u64(&p, o->kill_after_ms);
	pack_u64(&p, o->timeout_ms);
	pack_u64(&p, o->max_output);
	pack_bin(&p, o->command);
	pack_bin(&p, o->env);
	pack_str(&p, o->user);
	pack_str(&p, o->directory);
	pack_u64(&p, o->serial);
	return pack_err(&p);
}

/* An array of text, whole and nothing after it: what a worker turns into argv or env without asking again. */
static void check_texts(struct unpack *u, struct bytes packed, uint32_t least)
{
	struct unpack inner;
	uint32_t n;

	unpack_init(&inner, packed);
	n = unpack_array(&inner, least);
	if (n < least || n > ARGV_MAX) {
		unpack_refuse(u, ERR_MALFORMED);
		return;
	}
	for (uint32_t i = 0; i < n && unpack_err(&inner) == OK; i++)
		(void)unpack_text(&inner, JOB_TEXT_MAX);
	if (!unpack_done(&inner))
		unpack_refuse(u, ERR_MALFORMED);
}

enum err order_get(struct bytes body, struct order *out)
{
	struct unpack u;
	uint32_t n = open_body(&u, body, ORDER_FIELDS);

	out->fence = get_fence(&u);
	out->attempt = get_attempt(&u);
	out->on_lost = (enum on_lost)get_choice(&u, ON_LOST_HOLD + 1);
	out->kill_after_ms = unpack_u32(&u);
	out->timeout_ms = unpack_u64(&u);
	out->max_output = unpack_u64(&u);
	out->command = unpack_bin(&u, JOB_TEXT_MAX);
	out->env = unpack_bin(&u, JOB_TEXT_MAX);
	unpack_str(&u, out->user, sizeof(out->user));
	unpack_str(&u, out->directory, sizeof(out->directory));
	out->serial = unpack_u64(&u);
	if (unpack_err(&u) == OK) {
		check_texts(&u, out->command, 1);
		check_texts(&u, out->env, 0);
	}
	return close_body(&u, n, ORDER_FIELDS);
}

enum err report_put(const struct report *r, struct buffer *out)
{
	struct pack p;

	must(r->out_tail.len <= OUTPUT_TAIL_MAX);
	must(r->err_tail.len <= OUTPUT_TAIL_MAX);
	pack_init(&p, out);
	pack_array(&p, REPORT_FIELDS);
	pack_id(&p, r->node);
	put_attempt(&p, r->attempt);
	pack_u64(&p, r->kind);
	pack_i64(&p, r->code);
	pack_i64(&p, r->signal);
	pack_u64(&p, r->began_wall_us);
	pack_u64(&p, r->ended_wall_us);
	pack_u64(&p, r->out_size);
	pack_u64(&p, r->err_size);
	pack_bin(&p, r->out_tail);
	pack_bin(&p, r->err_tail);
	pack_str(&p, r->why);
	return pack_err(&p);
}

enum err report_get(struct bytes body, struct report *out)
{
	struct unpack u;
	uint32_t n = open_body(&u, body, REPORT_FIELDS);

	out->node = unpack_id(&u);
	out->attempt = get_attempt(&u);
	out->kind = (enum report_kind)get_choice(&u, REPORT_REFUSED + 1);
	out->code = get_i32(&u);
	out->signal = get_i32(&u);
	out->began_wall_us = unpack_u64(&u);
	out->ended_wall_us = unpack_u64(&u);
	out->out_size = unpack_u64(&u);
	out->err_size = unpack_u64(&u);
	out->out_tail = unpack_bin(&u, OUTPUT_TAIL_MAX);
	out->err_tail = unpack_bin(&u, OUTPUT_TAIL_MAX);
	unpack_str(&u, out->why, sizeof(out->why));
	return close_body(&u, n, REPORT_FIELDS);
}

enum err reported_put(const struct reported *r, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, REPORTED_FIELDS);
	put_fence(&p, r->fence);
	put_attempt(&p, r->attempt);
	return pack_err(&p);
}

enum err reported_get(struct bytes body, struct reported *out)
{
	struct unpack u;
	uint32_t n = open_body(&u, body, REPORTED_FIELDS);

	out->fence = get_fence(&u);
	out->attempt = get_attempt(&u);
	return close_body(&u, n, REPORTED_FIELDS);
}

enum err lease_ask_put(const struct lease_ask *l, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, LEASE_ASK_FIELDS);
	pack_id(&p, l->node);
	pack_u64(&p, l->sent_us);
	return pack_err(&p);
}

enum err lease_ask_get(struct bytes body, struct lease_ask *out)
{
	struct unpack u;
	uint32_t n = open_body(&u, body, LEASE_ASK_FIELDS);

	out->node = unpack_id(&u);
	out->sent_us = unpack_u64(&u);
	return close_body(&u, n, LEASE_ASK_FIELDS);
}

enum err lease_put(const struct lease *l, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, LEASE_FIELDS);
	put_fence(&p, l->fence);
	pack_u64(&p, l->sent_us);
	pack_u64(&p, l->lease_ms);
	return pack_err(&p);
}

enum err lease_get(struct bytes body, struct lease *out)
{
	struct unpack u;
	uint32_t n = open_body(&u, body, LEASE_FIELDS);

	out->fence = get_fence(&u);
	out->sent_us = unpack_u64(&u);
	out->lease_ms = unpack_u32(&u);
	return close_body(&u, n, LEASE_FIELDS);
}

enum err end_put(const struct end *e, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, END_FIELDS);
	put_fence(&p, e->fence);
	put_attempt(&p, e->attempt);
	pack_bool(&p, e->force);
	pack_str(&p, e->why);
	return pack_err(&p);
}

enum err end_get(struct bytes body, struct end *out)
{
	struct unpack u;
	uint32_t n = open_body(&u, body, END_FIELDS);

	out->fence = get_fence(&u);
	out->attempt = get_attempt(&u);
	out->force = unpack_bool(&u);
	unpack_str(&u, out->why, sizeof(out->why));
	return close_body(&u, n, END_FIELDS);
}

enum err direct_put(const struct direct *d, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, DIRECT_FIELDS);
	put_fence(&p, d->fence);
	return pack_err(&p);
}

enum err direct_get(struct bytes body, struct direct *out)
{
	struct unpack u;
	uint32_t n = open_body(&u, body, DIRECT_FIELDS);

	out->fence = get_fence(&u);
	return close_body(&u, n, DIRECT_FIELDS);
}
