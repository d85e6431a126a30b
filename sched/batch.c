#include "sched/batch.h"

#include "core/limits.h"
#include "core/must.h"
#include "core/pack.h"

void batch_init(struct batch *b)
{
	buffer_init(&b->ops, BATCH_MAX);
	b->count = 0;
}

void batch_fini(struct batch *b)
{
	buffer_fini(&b->ops);
	b->count = 0;
}

/* A half-written operation is taken back, so that a full batch is still a whole one. */
static enum err keep(struct batch *b, const struct pack *p, size_t before)
{
	if (pack_err(p) != OK) {
		b->ops.len = before;
		return pack_err(p);
	}
	b->count++;
	return OK;
}

enum err batch_put(struct batch *b, struct bytes key, struct bytes value)
{
	size_t before = b->ops.len;
	struct pack p;

	must(key.len > 0);
	pack_init(&p, &b->ops);
	pack_bin(&p, key);
	pack_bin(&p, value);
	return keep(b, &p, before);
}

enum err batch_drop(struct batch *b, struct bytes key)
{
	static const uint8_t nil = 0xc0;
	size_t before = b->ops.len;
	struct pack p;

	must(key.len > 0);
	pack_init(&p, &b->ops);
	pack_bin(&p, key);
	if (p.err == OK)
		p.err = buffer_add(&b->ops, bytes_of(&nil, 1));
	return keep(b, &p, before);
}

enum err batch_pack(const struct batch *b, uint64_t stamp_us, struct buffer *out)
{
	size_t before = out->len;
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, 2);
	pack_u64(&p, stamp_us);
	pack_array(&p, b->count * 2);
	if (p.err == OK)
		p.err = buffer_add(out, buffer_bytes(&b->ops));
	if (p.err == OK && out->len - before > BATCH_MAX)
		p.err = ERR_TOO_BIG;
	if (p.err != OK)
		out->len = before;
	return p.err;
}

enum err batch_open(struct bytes packed, struct batch_reader *r)
{
	struct unpack u;
	uint32_t elements;

	if (packed.len > BATCH_MAX)
		return ERR_TOO_BIG;
	unpack_init(&u, packed);
	unpack_array(&u, 2);
	r->stamp_us = unpack_u64(&u);
	elements = unpack_array(&u, 0);
	if (elements % 2 != 0)
		unpack_refuse(&u, ERR_MALFORMED);
	r->count = elements / 2;
	r->left = u.left;
	return unpack_err(&u);
}

enum err batch_next(struct batch_reader *r, struct bytes *key, struct bytes *value, bool *drop)
{
	struct unpack u;
	bool gone;

	if (r->count == 0)
		return ERR_NOT_FOUND;
	unpack_init(&u, r->left);
	*key = unpack_bin(&u, BATCH_MAX);
	if (key->len == 0)
		unpack_refuse(&u, ERR_MALFORMED);
	gone = u.left.len > 0 && u.left.at[0] == 0xc0;
	if (gone)
		unpack_rest(&u, 1);
	*value = gone ? (struct bytes){NULL, 0} : unpack_bin(&u, BATCH_MAX);
	*drop = gone;
	r->left = u.left;
	r->count--;
	return unpack_err(&u);
}

enum err batch_check(struct bytes packed, size_t *growth)
{
	struct batch_reader r;
	struct bytes key, value;
	bool drop;
	enum err err = batch_open(packed, &r);

	*growth = 0;
	while (err == OK) {
		err = batch_next(&r, &key, &value, &drop);
		if (err == OK && !drop)
			*growth += key.len + value.len;
	}
	return err == ERR_NOT_FOUND ? OK : err;
}

enum err batch_apply(struct bytes packed, struct kv *kv)
{
	struct batch_reader r;
	struct bytes key, value;
	bool drop;
	size_t growth;
	enum err err = batch_check(packed, &growth);

	if (err != OK)
		return err;
	if (!kv_has_room(kv, growth))
		return ERR_FULL;
	err = batch_open(packed, &r);
	must(err == OK);
	while (batch_next(&r, &key, &value, &drop) == OK) {
		if (drop) {
			kv_drop(kv, key);
		} else {
			err = kv_put(kv, key, value);
			must(err == OK);
		}
	}
	return OK;
}
