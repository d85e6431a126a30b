#include "sched/role_pack.h"

#include "core/must.h"
#include "core/pack.h"

enum { ROLE_FIELDS = 10, HELD_FIELDS = 7 };

const char *role_how_name(enum role_how how)
{
	static const char *const names[HOWS] = {
		[HOW_FOUNDED] = "founded",
		[HOW_FAILED_OVER] = "failed-over",
		[HOW_SWITCHED_OVER] = "switched-over",
		[HOW_RETURNED] = "returned",
	};

	must(how < HOWS);
	return names[how];
}

enum err role_row_put(const struct role_row *r, struct buffer *out)
{
	struct pack p;

	must(r->how < HOWS);
	pack_init(&p, out);
	pack_array(&p, ROLE_FIELDS);
	pack_id(&p, r->node);
	pack_u64(&p, r->epoch.generation);
	pack_u64(&p, r->epoch.term);
	pack_u64(&p, r->since_us);
	pack_u64(&p, r->how);
	pack_id(&p, r->from);
	pack_u64(&p, r->took_ms);
	pack_bool(&p, r->asked);
	pack_str(&p, r->name);
	pack_str(&p, r->from_name);
	return pack_err(&p);
}

static enum err close_row(struct unpack *u, uint32_t count, uint32_t known)
{
	if (unpack_err(u) == OK)
		unpack_rest(u, count - known);
	if (unpack_err(u) == OK && !unpack_done(u))
		unpack_refuse(u, ERR_MALFORMED);
	return unpack_err(u);
}

enum err role_row_get(struct bytes packed, struct role_row *out)
{
	struct role_row r;
	struct unpack u;
	uint32_t n, how;

	unpack_init(&u, packed);
	n = unpack_array(&u, ROLE_FIELDS);
	r.node = unpack_id(&u);
	r.epoch.generation = unpack_u64(&u);
	r.epoch.term = unpack_u64(&u);
	r.since_us = unpack_u64(&u);
	how = unpack_u32(&u);
	r.from = unpack_id(&u);
	r.took_ms = unpack_u64(&u);
	r.asked = unpack_bool(&u);
	unpack_str(&u, r.name, sizeof(r.name));
	unpack_str(&u, r.from_name, sizeof(r.from_name));
	if (how >= HOWS || id_is_none(r.node))
		unpack_refuse(&u, ERR_MALFORMED);
	if (close_row(&u, n, ROLE_FIELDS) != OK)
		return unpack_err(&u);
	r.how = (enum role_how)how;
	*out = r;
	return OK;
}

enum err held_row_put(const struct held_row *h, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, HELD_FIELDS);
	pack_id(&p, h->node);
	pack_u64(&p, h->since_us);
	pack_u64(&p, h->until_us);
	pack_bool(&p, h->votes);
	pack_str(&p, h->name);
	pack_bool(&p, h->asked);
	pack_u64(&p, h->boot);
	return pack_err(&p);
}

enum err held_row_get(struct bytes packed, struct held_row *out)
{
	struct held_row h;
	struct unpack u;
	uint32_t n;

	unpack_init(&u, packed);
	n = unpack_array(&u, HELD_FIELDS);
	h.node = unpack_id(&u);
	h.since_us = unpack_u64(&u);
	h.until_us = unpack_u64(&u);
	h.votes = unpack_bool(&u);
	unpack_str(&u, h.name, sizeof(h.name));
	h.asked = unpack_bool(&u);
	h.boot = unpack_u64(&u);
	if (id_is_none(h.node))
		unpack_refuse(&u, ERR_MALFORMED);
	if (close_row(&u, n, HELD_FIELDS) != OK)
		return unpack_err(&u);
	*out = h;
	return OK;
}
