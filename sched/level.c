#include "sched/level.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/must.h"
#include "core/pack.h"

void level_init(struct level *l, uint32_t known)
{
	*l = (struct level){.known = known ? known : LEVEL_NOW, .state = LEVEL_FIRST};
}

struct bytes level_key(void)
{
	return BYTES("level");
}

uint32_t level_get(struct bytes row)
{
	struct unpack u;

	unpack_init(&u, row);
	uint32_t fields = unpack_array(&u, 1);
	uint32_t n = unpack_u32(&u);
	if (!unpack_err(&u))
		unpack_rest(&u, fields - 1);
	return unpack_err(&u) || !unpack_done(&u) || n == 0 ? UINT32_MAX : n;
}

uint32_t level_of(const struct kv *map)
{
	struct bytes row;

	return kv_get(map, level_key(), &row) == OK ? level_get(row) : LEVEL_FIRST;
}

enum err level_put(uint32_t n, struct buffer *out)
{
	struct pack p;

	must(n > 0);
	pack_init(&p, out);
	pack_array(&p, 1);
	pack_u64(&p, n);
	return pack_err(&p);
}

uint32_t level_due(const struct level *l)
{
	uint32_t to = l->announced < l->known ? l->announced : l->known;

	return l->token || to <= l->state ? 0 : to;
}

enum err level_fits(uint32_t state, uint32_t known, char why[200])
{
	if (state <= known)
		return OK;
	snprintf(why, 200,
		 "the cluster's state is newer than this program: its level is %" PRIu32
		 ", known here is %" PRIu32 "; install the version that the other schedulers run",
		 state, known);
	return ERR_VERSION;
}

void level_strange(struct bytes key, char why[200])
{
	int shown = key.len < 16 ? (int)key.len : 16;
	char text[17];

	for (int i = 0; i < shown; i++)
		text[i] = key.at[i] >= 0x20 && key.at[i] < 0x7f ? (char)key.at[i] : '?';
	text[shown] = '\0';
	snprintf(why, 200,
		 "the cluster's state holds a kind of row that this program does not know (%s); "
		 "install "
		 "the version that the other schedulers run",
		 text);
}
