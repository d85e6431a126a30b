#include "discovery/beacon.h"

#include "core/must.h"
#include "core/pack.h"

enum err beacon_put(const struct beacon *b, struct buffer *out)
{
	struct pack p;

	must(b->addr.port != 0);
	pack_init(&p, out);
	pack_array(&p, 4);
	pack_u64(&p, BEACON_FORMAT);
	pack_u64(&p, b->roles);
	pack_addr(&p, b->addr);
	pack_bool(&p, b->alone);
	return pack_err(&p);
}

/* 0.0.0.0/8, 224.0.0.0/4 and what is above; ::, ff00::/8. */
static bool can_be_dialled(struct addr a)
{
	bool zero = true;

	if (a.port == 0 || addr_is_none(a))
		return false;
	if (a.family == ADDR_V4)
		return a.ip[0] != 0 && a.ip[0] < 224;
	for (size_t i = 0; i < sizeof(a.ip); i++)
		zero = zero && a.ip[i] == 0;
	return !zero && a.ip[0] != 0xff;
}

enum err beacon_get(struct bytes body, struct beacon *out)
{
	struct beacon b;
	struct unpack u;
	uint32_t fields;
	uint64_t format;

	unpack_init(&u, body);
	fields = unpack_array(&u, 1);
	format = unpack_u64(&u);
	if (unpack_err(&u) == OK && format != BEACON_FORMAT)
		return ERR_VERSION;
	if (fields < 4)
		unpack_refuse(&u, ERR_MALFORMED);
	b.roles = unpack_u8(&u);
	b.addr = unpack_addr(&u);
	b.alone = unpack_bool(&u);
	if (unpack_err(&u) == OK)
		unpack_rest(&u, fields - 4);
	if (unpack_err(&u) == OK && (!unpack_done(&u) || !can_be_dialled(b.addr)))
		return ERR_MALFORMED;
	if (unpack_err(&u) == OK)
		*out = b;
	return unpack_err(&u);
}
