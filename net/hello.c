#include "net/hello.h"

#include <string.h>

#include "core/limits.h"
#include "core/must.h"
#include "core/pack.h"

#define FIELDS 12u

enum err hello_put(const struct hello *h, struct buffer *out)
{
	struct pack p;

	must(h->version_min <= h->version_max);

	pack_init(&p, out);
	pack_array(&p, FIELDS);
	pack_bin(&p, bytes_of(h->key, sizeof(h->key)));
	pack_bin(&p, (struct bytes){0}); /* the certificate's place */
	pack_str(&p, h->cluster);
	pack_u64(&p, h->version_min);
	pack_u64(&p, h->version_max);
	pack_id(&p, h->store);
	pack_u64(&p, h->epoch.generation);
	pack_u64(&p, h->epoch.term);
	pack_u64(&p, h->boot);
	pack_u64(&p, h->purpose);
	pack_u64(&p, h->roles);
	pack_u64(&p, h->port);
	return pack_err(&p);
}

enum err hello_get(struct bytes packed, struct hello *out)
{
	struct hello h = {0};
	struct unpack u;

	unpack_init(&u, packed);
	uint32_t fields = unpack_array(&u, FIELDS);
	struct bytes key = unpack_bin(&u, sizeof(h.key));
	(void)unpack_bin(&u, CERTIFICATE_MAX);
	unpack_str(&u, h.cluster, sizeof(h.cluster));
	h.version_min = unpack_u8(&u);
	h.version_max = unpack_u8(&u);
	h.store = unpack_id(&u);
	h.epoch.generation = unpack_u64(&u);
	h.epoch.term = unpack_u64(&u);
	h.boot = unpack_u64(&u);
	h.purpose = unpack_u8(&u);
	h.roles = unpack_u8(&u);
	h.port = unpack_u16(&u);
	if (unpack_err(&u))
		return unpack_err(&u);
	unpack_rest(&u, fields - FIELDS);
	if (key.len != sizeof(h.key) || h.version_min > h.version_max)
		unpack_refuse(&u, ERR_MALFORMED);
	if (!unpack_err(&u) && !unpack_done(&u))
		unpack_refuse(&u, ERR_MALFORMED);
	if (unpack_err(&u))
		return unpack_err(&u);

	memcpy(h.key, key.at, sizeof(h.key));
	h.id = id_of_key(h.key);
	*out = h;
	return OK;
}
