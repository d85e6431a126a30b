#include "core/call.h"

#include "core/limits.h"
#include "core/must.h"
#include "core/pack.h"

#define CALL_FIELDS   5u
#define ANSWER_FIELDS 3u

/* -1 for an unknown verb. */
static int place_of(uint8_t verb)
{
	switch (verb) {
#define X(name, number, place)                                                                     \
	case name:                                                                                 \
		return place;
		CALL_VERBS(X)
#undef X
	default:
		return -1;
	}
}

enum call_place call_place(uint8_t verb)
{
	int place = place_of(verb);

	must(place >= 0);
	return (enum call_place)place;
}

/* One whole msgpack array and nothing else. */
static bool is_array(struct bytes packed)
{
	struct unpack u;

	unpack_init(&u, packed);
	unpack_rest(&u, unpack_array(&u, 0));
	return unpack_done(&u);
}

enum err call_put(const struct call *c, struct buffer *out)
{
	struct bytes arguments = c->arguments.len == 0 ? BYTES("\x90") : c->arguments;
	struct pack p;

	must(place_of(c->verb) >= 0);
	must(place_of(c->verb) != AT_NODE || !id_is_none(c->node));
	must(is_array(arguments));
	pack_init(&p, out);
	pack_array(&p, CALL_FIELDS);
	pack_u64(&p, c->verb);
	pack_id(&p, c->node);
	pack_u64(&p, c->uid);
	pack_u64(&p, c->hops);
	pack_bin(&p, arguments);
	return pack_end(&p);
}

enum err call_get(struct bytes body, struct call *out)
{
	struct unpack u;
	struct call c;

	unpack_init(&u, body);
	uint32_t n = unpack_array(&u, CALL_FIELDS);
	c.verb = unpack_u8(&u);
	c.node = unpack_id(&u);
	c.uid = unpack_u32(&u);
	c.hops = unpack_u8(&u);
	c.arguments = unpack_bin(&u, FRAME_MAX);
	unpack_rest(&u, n - CALL_FIELDS);
	if (unpack_err(&u) != OK)
		return unpack_err(&u);

	int place = place_of(c.verb);
	if (place < 0)
		return ERR_VERSION;
	if (!unpack_done(&u) || !is_array(c.arguments))
		return ERR_MALFORMED;
	if (place == AT_NODE && id_is_none(c.node))
		return ERR_MALFORMED;
	*out = c;
	return OK;
}

enum err answer_put(const struct answer *a, struct buffer *out)
{
	struct bytes why = a->why;
	struct pack p;

	if (why.len > ANSWER_WHY_MAX)
		why.len = ANSWER_WHY_MAX;
	pack_init(&p, out);
	pack_array(&p, ANSWER_FIELDS);
	pack_u64(&p, a->code);
	pack_bin(&p, a->body);
	pack_text(&p, why);
	return pack_end(&p);
}

enum err answer_get(struct bytes body, struct answer *out)
{
	struct unpack u;
	struct answer a;

	unpack_init(&u, body);
	uint32_t n = unpack_array(&u, ANSWER_FIELDS);
	a.code = unpack_u8(&u);
	a.body = unpack_bin(&u, FRAME_MAX);
	a.why = unpack_text(&u, ANSWER_WHY_MAX);
	unpack_rest(&u, n - ANSWER_FIELDS);
	if (unpack_err(&u) != OK)
		return unpack_err(&u);
	if (!unpack_done(&u))
		return ERR_MALFORMED;
	*out = a;
	return OK;
}
