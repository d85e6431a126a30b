#include "sched/audit.h"

#include <stdlib.h>

#include "core/must.h"
#include "core/pack.h"
#include "core/text.h"

enum { AUDIT_FIELDS = 4 };

enum err audit_row_put(const struct audit_row *a, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, AUDIT_FIELDS);
	pack_u64(&p, a->uid);
	pack_id(&p, a->node);
	pack_str(&p, a->what);
	pack_str(&p, a->text);
	return pack_err(&p);
}

enum err audit_row_get(struct bytes packed, struct audit_row *out)
{
	struct audit_row a;
	struct unpack u;
	uint32_t n;

	unpack_init(&u, packed);
	n = unpack_array(&u, AUDIT_FIELDS);
	a.uid = unpack_u32(&u);
	a.node = unpack_id(&u);
	unpack_str(&u, a.what, sizeof(a.what));
	unpack_str(&u, a.text, sizeof(a.text));
	if (unpack_err(&u) == OK)
		unpack_rest(&u, n - AUDIT_FIELDS);
	if (unpack_err(&u) == OK && !unpack_done(&u))
		unpack_refuse(&u, ERR_MALFORMED);
	if (unpack_err(&u) != OK)
		return unpack_err(&u);
	*out = a;
	return OK;
}

struct state_key audit_key(uint64_t stamp_us)
{
	uint8_t name[8];

	for (int i = 0; i < 8; i++)
		name[i] = (uint8_t)(stamp_us >> (56 - 8 * i));
	return state_key_audit(name);
}

uint64_t audit_stamp(struct bytes name)
{
	uint64_t stamp = 0;

	must(name.len == 8);
	for (int i = 0; i < 8; i++)
		stamp = stamp << 8 | name.at[i];
	return stamp;
}

/* Goes through all rows, oldest first; they are few. */
static bool next_row(const struct kv *map, struct bytes *key, struct bytes *value,
		     struct bytes *name)
{
	return kv_next(map, *key, key, value) == OK && state_key_kind(*key, name) == STATE_AUDIT;
}

static struct bytes before_all(void)
{
	return BYTES("audit/");
}

bool audit_oldest(const struct kv *map, struct bytes *key)
{
	struct bytes at = before_all(), value, name;
	uint32_t count = 0;

	while (next_row(map, &at, &value, &name))
		if (count++ == 0)
			*key = at;
	return count >= AUDIT_MAX;
}

const char *const audit_names[] = {"WHEN", "UID", "NODE", "WHAT", "TEXT", NULL};

struct found {
	uint64_t stamp_us;
	struct bytes value;
};

void audit_sheet(const struct kv *map, uint32_t limit, struct sheet *s)
{
	struct found *found = calloc(AUDIT_MAX + 1, sizeof(*found));
	struct bytes at = before_all(), value, name;
	uint32_t count = 0;

	must(found);
	while (count <= AUDIT_MAX && next_row(map, &at, &value, &name))
		found[count++] = (struct found){audit_stamp(name), value};
	for (uint32_t i = count; i > 0 && (limit == 0 || count - i < limit); i--) {
		struct audit_row a;

		if (audit_row_get(found[i - 1].value, &a) != OK)
			continue;
		sheet_text(s, text_time(found[i - 1].stamp_us).s);
		sheet_u64(s, a.uid);
		sheet_text(s, id_text(a.node).s);
		sheet_text(s, a.what);
		sheet_text(s, a.text);
	}
	free(found);
}
