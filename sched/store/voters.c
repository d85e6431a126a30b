#include "sched/store/voters.h"

#include <string.h>

#include "core/must.h"
#include "core/pack.h"

uint32_t voters_find(const struct voters *v, struct id voter)
{
	for (uint32_t i = 0; i < v->count; i++)
		if (id_same(v->seat[i].voter, voter))
			return i;
	return VOTERS_NONE;
}

uint32_t voters_find_node(const struct voters *v, struct id node)
{
	for (uint32_t i = 0; i < v->count; i++)
		if (id_same(v->seat[i].node, node))
			return i;
	return VOTERS_NONE;
}

uint32_t voters_count(const struct voters *v)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < v->count; i++)
		n += v->seat[i].votes;
	return n;
}

uint32_t voters_quorum(const struct voters *v)
{
	return voters_count(v) / 2 + 1;
}

static bool seat_votes(const struct seat *s)
{
	return s->votes || s->voted;
}

bool voters_votes(const struct voters *v, struct id voter)
{
	uint32_t at = voters_find(v, voter);

	return at != VOTERS_NONE && seat_votes(&v->seat[at]);
}

bool voters_is_alone(const struct voters *v, struct id voter)
{
	for (uint32_t i = 0; i < v->count; i++)
		if (seat_votes(&v->seat[i]) != id_same(v->seat[i].voter, voter))
			return false;
	return voters_find(v, voter) != VOTERS_NONE;
}

void voters_add(struct voters *v, struct seat seat)
{
	must(v->count < STORE_REPLICAS_MAX);
	must(voters_find(v, seat.voter) == VOTERS_NONE);
	v->seat[v->count++] = seat;
}

void voters_remove(struct voters *v, uint32_t at)
{
	must(at < v->count);
	memmove(&v->seat[at], &v->seat[at + 1], (v->count - at - 1) * sizeof(v->seat[0]));
	v->count--;
}

/* ---- majorities ---- */

bool voters_agree(const struct voters *v, const bool yes[STORE_REPLICAS_MAX])
{
	uint32_t now = 0, before = 0, of_now = 0, of_before = 0;

	for (uint32_t i = 0; i < v->count; i++) {
		now += v->seat[i].votes && yes[i];
		of_now += v->seat[i].votes;
		before += v->seat[i].voted && yes[i];
		of_before += v->seat[i].voted;
	}
	return now > of_now / 2 && (of_before == 0 || before > of_before / 2);
}

uint64_t voters_reached(const struct voters *v, const uint64_t value[STORE_REPLICAS_MAX])
{
	uint64_t best = 0;

	for (uint32_t i = 0; i < v->count; i++) {
		bool yes[STORE_REPLICAS_MAX];

		for (uint32_t k = 0; k < v->count; k++)
			yes[k] = value[k] >= value[i];
		if (seat_votes(&v->seat[i]) && value[i] > best && voters_agree(v, yes))
			best = value[i];
	}
	return best;
}

/* ---- from one set to the next ---- */

bool voters_is_one_step(const struct voters *a, const struct voters *b)
{
	uint32_t differ = 0;

	must(!voters_is_joint(a) && !voters_is_joint(b));
	for (uint32_t i = 0; i < a->count; i++)
		differ += a->seat[i].votes != voters_votes(b, a->seat[i].voter);
	for (uint32_t i = 0; i < b->count; i++)
		differ += b->seat[i].votes && voters_find(a, b->seat[i].voter) == VOTERS_NONE;
	return differ <= 1;
}

bool voters_is_joint(const struct voters *v)
{
	for (uint32_t i = 0; i < v->count; i++)
		if (v->seat[i].voted)
			return true;
	return false;
}

bool voters_join(const struct voters *from, const struct voters *to, struct voters *out)
{
	struct voters both = *to;

	must(!voters_is_joint(from) && !voters_is_joint(to));
	for (uint32_t i = 0; i < from->count; i++) {
		uint32_t at = voters_find(&both, from->seat[i].voter);

		if (!from->seat[i].votes)
			continue;
		if (at == VOTERS_NONE && both.count == STORE_REPLICAS_MAX)
			return false;
		if (at == VOTERS_NONE) {
			at = both.count;
			voters_add(&both, from->seat[i]);
			both.seat[at].votes = false;
			both.seat[at].goes = true;
		}
		both.seat[at].voted = true;
	}
	must(voters_is_joint(&both));
	*out = both;
	return true;
}

struct voters voters_settled(const struct voters *v)
{
	struct voters settled = {0};

	for (uint32_t i = 0; i < v->count; i++) {
		struct seat seat = v->seat[i];

		seat.voted = false;
		if (!seat.goes)
			voters_add(&settled, seat);
	}
	return settled;
}

/* ---- packed ---- */

/* The first version had the first four. */
enum { SEAT_FIELDS = 8, SEAT_FIELDS_FIRST = 4 };

enum err voters_put(const struct voters *v, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, v->count);
	for (uint32_t i = 0; i < v->count; i++) {
		pack_array(&p, SEAT_FIELDS);
		pack_id(&p, v->seat[i].voter);
		pack_id(&p, v->seat[i].node);
		pack_bool(&p, v->seat[i].scheduler);
		pack_bool(&p, v->seat[i].votes);
		pack_u64(&p, v->seat[i].boot);
		pack_u64(&p, v->seat[i].nonce);
		pack_bool(&p, v->seat[i].voted);
		pack_bool(&p, v->seat[i].goes);
	}
	return pack_err(&p);
}

enum err voters_get(struct bytes packed, struct voters *out)
{
	struct voters v = {0};
	struct unpack u;
	uint32_t count;

	unpack_init(&u, packed);
	count = unpack_array(&u, 1);
	if (count > STORE_REPLICAS_MAX)
		unpack_refuse(&u, ERR_TOO_BIG);
	for (uint32_t i = 0; i < count && unpack_err(&u) == OK; i++) {
		uint32_t n = unpack_array(&u, SEAT_FIELDS_FIRST);
		struct seat seat = {0};

		seat.voter = unpack_id(&u);
		seat.node = unpack_id(&u);
		seat.scheduler = unpack_bool(&u);
		seat.votes = unpack_bool(&u);
		if (n >= SEAT_FIELDS) {
			seat.boot = unpack_u64(&u);
			seat.nonce = unpack_u64(&u);
			seat.voted = unpack_bool(&u);
			seat.goes = unpack_bool(&u);
		}
		if (unpack_err(&u) != OK)
			break;
		unpack_rest(&u, n - (n >= SEAT_FIELDS ? SEAT_FIELDS : SEAT_FIELDS_FIRST));
		if (id_is_none(seat.voter) || voters_find(&v, seat.voter) != VOTERS_NONE ||
		    (seat.goes && (seat.votes || !seat.voted)))
			unpack_refuse(&u, ERR_MALFORMED);
		else
			voters_add(&v, seat);
	}
	if (unpack_err(&u) == OK && voters_count(&v) == 0)
		unpack_refuse(&u, ERR_MALFORMED);
	if (unpack_err(&u) == OK)
		*out = v;
	return unpack_err(&u);
}

bool entry_is_whole(uint8_t kind, struct bytes body)
{
	struct voters v;

	return kind == ENTRY_NOOP || kind == ENTRY_BATCH ||
	       (kind == ENTRY_VOTERS && voters_get(body, &v) == OK);
}
