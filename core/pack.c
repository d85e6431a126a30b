#include "core/pack.h"

#include <msgpack.h>
#include <string.h>

#include "core/must.h"

void pack_init(struct pack *p, struct buffer *to)
{
	must(to != NULL);

	*p = (struct pack){.to = to, .began = to->len};
}

enum err pack_err(const struct pack *p)
{
	return p->err;
}

enum err pack_end(struct pack *p)
{
	must(p->began <= p->to->len);

	if (p->err != OK)
		p->to->len = p->began;
	return p->err;
}

static int write_packed(void *with, const char *at, size_t len)
{
	struct pack *p = with;

	if (p->err == OK)
		p->err = buffer_add(p->to, bytes_of(at, len));
	return p->err == OK ? 0 : -1;
}

static msgpack_packer packer(struct pack *p)
{
	msgpack_packer k;

	msgpack_packer_init(&k, p, write_packed);
	return k;
}

void pack_array(struct pack *p, uint32_t count)
{
	msgpack_packer k = packer(p);

	msgpack_pack_array(&k, count);
}

void pack_u64(struct pack *p, uint64_t v)
{
	msgpack_packer k = packer(p);

	msgpack_pack_uint64(&k, v);
}

void pack_i64(struct pack *p, int64_t v)
{
	msgpack_packer k = packer(p);

	msgpack_pack_int64(&k, v);
}

void pack_bool(struct pack *p, bool v)
{
	msgpack_packer k = packer(p);

	if (v)
		msgpack_pack_true(&k);
	else
		msgpack_pack_false(&k);
}

void pack_nil(struct pack *p)
{
	msgpack_packer k = packer(p);

	msgpack_pack_nil(&k);
}

void pack_bin(struct pack *p, struct bytes v)
{
	msgpack_packer k = packer(p);

	must(v.len <= UINT32_MAX);
	msgpack_pack_bin(&k, v.len);
	msgpack_pack_bin_body(&k, v.at, v.len);
}

void pack_text(struct pack *p, struct bytes v)
{
	msgpack_packer k = packer(p);

	must(v.len <= UINT32_MAX);
	msgpack_pack_str(&k, v.len);
	msgpack_pack_str_body(&k, v.at, v.len);
}

void pack_str(struct pack *p, const char *v)
{
	pack_text(p, bytes_str(v));
}

void pack_id(struct pack *p, struct id v)
{
	pack_bin(p, bytes_of(v.b, sizeof(v.b)));
}

void pack_addr(struct pack *p, struct addr v)
{
	uint8_t raw[16 + 2];
	size_t len = v.family == ADDR_V4 ? 4 : 16;

	if (v.family == ADDR_NONE) {
		pack_bin(p, BYTES(""));
		return;
	}
	must(v.family == ADDR_V4 || v.family == ADDR_V6);
	memcpy(raw, v.ip, len);
	put_u16(raw + len, v.port);
	pack_bin(p, bytes_of(raw, len + 2));
}

void pack_raw(struct pack *p, struct bytes packed)
{
	must(packed.len > 0);

	write_packed(p, (const char *)packed.at, packed.len);
}
