#include "core/facts.h"

#include <sodium.h>
#include <string.h>

#include "core/must.h"
#include "core/pack.h"

#define FIELDS        13u
#define SIGNED_HEAD   "witan-facts-1"
#define ROLES_KNOWN   (ROLE_SCHEDULER | ROLE_WORKER)
#define PORT_STEP_MAX 2000u /* the views' ports stand above P */

/* A newline in a name would forge a line of the member list; none of these texts needs a control byte. */
static bool is_clean(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static enum err check(const struct facts *f)
{
	if (!id_same(f->id, id_of_key(f->key)))
		return ERR_FORGED;
	if (addr_is_none(f->addr) || f->addr.port == 0 || f->addr.port > UINT16_MAX - PORT_STEP_MAX)
		return ERR_MALFORMED;
	if (f->roles == 0 || (f->roles & ~ROLES_KNOWN) != 0)
		return ERR_MALFORMED;
	if (!is_clean(f->name) || !is_clean(f->zone))
		return ERR_MALFORMED;
	return is_clean(f->labels) && is_clean(f->version) ? OK : ERR_MALFORMED;
}

/* The fields before the signature. */
static void put_fields(struct pack *p, const struct facts *f)
{
	pack_id(p, f->id);
	pack_bin(p, bytes_of(f->key, sizeof(f->key)));
	pack_u64(p, f->boot);
	pack_u64(p, f->tags);
	pack_addr(p, f->addr);
	pack_u64(p, f->roles);
	pack_bin(p, bytes_of(f->machine, sizeof(f->machine)));
	pack_str(p, f->name);
	pack_str(p, f->zone);
	pack_str(p, f->labels);
	pack_str(p, f->version);
	pack_bin(p, bytes_of(f->fingerprint, sizeof(f->fingerprint)));
}

enum err facts_signed(const struct facts *f, struct bytes cluster, struct buffer *out)
{
	struct pack p;
	size_t began = out->len;
	enum err err = buffer_add(out, BYTES(SIGNED_HEAD));

	pack_init(&p, out);
	pack_text(&p, cluster);
	put_fields(&p, f);
	if (err == OK)
		err = pack_end(&p);
	if (err != OK)
		out->len = began;
	return err;
}

/* Room for what is signed: the fields, the cluster's id, the head. */
static void signed_init(struct buffer *b)
{
	buffer_init(b, FACTS_MAX + CLUSTER_ID_MAX_LEN + sizeof(SIGNED_HEAD) + 5);
}

enum err facts_sign(struct facts *f, const uint8_t secret[64], struct bytes cluster)
{
	struct buffer text;
	enum err err = check(f);

	must(memcmp(secret + 32, f->key, 32) == 0);
	if (err != OK)
		return err;
	signed_init(&text);
	err = facts_signed(f, cluster, &text);
	if (err == OK) {
		int rc = crypto_sign_detached(f->signature, NULL, text.at, text.len, secret);

		must(rc == 0);
	}
	buffer_fini(&text);
	return err;
}

enum err facts_put(const struct facts *f, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, FIELDS);
	put_fields(&p, f);
	pack_bin(&p, bytes_of(f->signature, sizeof(f->signature)));
	if (pack_err(&p) == OK)
		must(out->len - p.began <= FACTS_MAX);
	return pack_end(&p);
}

/* Exactly `len` bytes. */
static void get_exact(struct unpack *u, uint8_t *out, size_t len)
{
	struct bytes raw = unpack_bin(u, len);

	if (raw.len != len)
		unpack_refuse(u, ERR_MALFORMED);
	else
		memcpy(out, raw.at, len);
}

enum err facts_get(struct bytes packed, struct facts *out)
{
	struct facts f = {.roles = 0};
	struct unpack u;

	if (packed.len > FACTS_MAX)
		return ERR_TOO_BIG;
	unpack_init(&u, packed);
	if (unpack_array(&u, 1) != FIELDS)
		unpack_refuse(&u, ERR_VERSION);
	f.id = unpack_id(&u);
	get_exact(&u, f.key, sizeof(f.key));
	f.boot = unpack_u64(&u);
	f.tags = unpack_u64(&u);
	f.addr = unpack_addr(&u);
	f.roles = unpack_u8(&u);
	get_exact(&u, f.machine, sizeof(f.machine));
	unpack_str(&u, f.name, sizeof(f.name));
	unpack_str(&u, f.zone, sizeof(f.zone));
	unpack_str(&u, f.labels, sizeof(f.labels));
	unpack_str(&u, f.version, sizeof(f.version));
	get_exact(&u, f.fingerprint, sizeof(f.fingerprint));
	get_exact(&u, f.signature, sizeof(f.signature));
	if (unpack_err(&u) != OK)
		return unpack_err(&u);
	if (!unpack_done(&u))
		return ERR_MALFORMED;

	enum err err = check(&f);
	if (err == OK)
		*out = f;
	return err;
}

enum err facts_verify(const struct facts *f, struct bytes cluster)
{
	struct buffer text;

	signed_init(&text);
	enum err err = facts_signed(f, cluster, &text);
	if (err == OK && !id_same(f->id, id_of_key(f->key)))
		err = ERR_FORGED;
	if (err == OK && crypto_sign_verify_detached(f->signature, text.at, text.len, f->key) != 0)
		err = ERR_FORGED;
	buffer_fini(&text);
	return err;
}

uint64_t facts_digest(const struct facts *f)
{
	uint8_t sum[16];
	struct buffer text;

	signed_init(&text);
	enum err err = facts_signed(f, BYTES(""), &text);
	must(err == OK);
	int rc = crypto_generichash(sum, sizeof(sum), text.at, text.len, NULL, 0);
	must(rc == 0);
	buffer_fini(&text);
	return get_u64(sum);
}
