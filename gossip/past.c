#include "gossip/past.h"

#include <stdlib.h>

#include "core/limits.h"
#include "core/must.h"
#include "core/pack.h"

#define FORMAT 1u

void past_fini(struct past *p)
{
	free(p->known);
	*p = (struct past){0};
}

static void get_known(struct unpack *u, struct past *p)
{
	uint32_t count = unpack_array(u, 0);

	if (count > KNOWN_MAX) {
		unpack_refuse(u, ERR_TOO_BIG);
		return;
	}
	p->known = malloc((count + 1) * sizeof(*p->known));
	must(p->known != NULL);
	for (; p->count < count; p->count++)
		p->known[p->count] = unpack_addr(u);
}

enum err past_get(struct bytes file, struct past *out)
{
	struct unpack u;

	*out = (struct past){0};
	unpack_init(&u, file);
	if (file.len == 0 || file.at[0] != FORMAT)
		return file.len == 0 ? ERR_SHORT : ERR_VERSION;
	u.left = bytes_of(file.at + 1, file.len - 1);
	uint32_t n = unpack_array(&u, 3);
	out->reserved = unpack_u64(&u);
	out->version = unpack_u64(&u);
	get_known(&u, out);
	unpack_rest(&u, n - 3);
	if (out->reserved > INCARNATION_MAX || out->version > INCARNATION_MAX)
		unpack_refuse(&u, ERR_CORRUPT);
	enum err err = unpack_err(&u);
	if (err != OK)
		past_fini(out);
	return err;
}

enum err past_put(const struct past *p, struct buffer *out)
{
	uint8_t format = FORMAT;
	struct pack pack;
	enum err err = buffer_add(out, bytes_of(&format, 1));

	must(p->count <= KNOWN_MAX);
	if (err != OK)
		return err;
	pack_init(&pack, out);
	pack_array(&pack, 3);
	pack_u64(&pack, p->reserved);
	pack_u64(&pack, p->version);
	pack_array(&pack, p->count);
	for (uint32_t i = 0; i < p->count; i++)
		pack_addr(&pack, p->known[i]);
	return pack_err(&pack);
}
