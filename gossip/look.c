/* What others see of a view: lookup, counting, and the rows of `witan members`. */
#include <stdlib.h>

#include "core/must.h"
#include "gossip/swim_parts.h"

const char *const swim_columns[] = {"view",  "address",  "id",           "name",         "roles",
				    "zone",  "state",    "since_s",      "+labels",      "+version",
				    "+boot", "+machine", "+incarnation", "+fingerprint", NULL};

const struct member *swim_find(const struct swim *s, struct id id)
{
	uint32_t slot = members_find(&s->members, id);

	return slot == SLOT_NONE ? NULL : members_at(&s->members, slot);
}

const struct facts *swim_facts(struct swim *s, struct id id)
{
	const struct member *m = swim_find(s, id);

	if (m == NULL)
		return NULL;
	card_facts(m->card, &s->lent);
	return &s->lent;
}

void swim_each(const struct swim *s, void (*each)(void *with, const struct member *m), void *with)
{
	for (uint32_t slot = 0; slot < s->members.top; slot++) {
		const struct member *m = &s->members.at[slot];

		if (!id_is_none(m->id) && member_is_here(m))
			each(with, m);
	}
}

static bool has(const struct member *m, uint8_t roles, uint8_t without)
{
	return (m->card->roles & roles) == roles && (m->card->roles & without) == 0;
}

uint32_t swim_count(const struct swim *s, uint8_t roles, uint8_t without)
{
	uint32_t count = has(swim_self(s), roles, without);

	for (uint32_t i = 0; i < s->members.living.count; i++)
		count += has(members_at(&s->members, s->members.living.at[i]), roles, without);
	return count;
}

/* How far `id` lies above ours, around the circle of all ids. */
static uint64_t distance(const struct swim *s, struct id id)
{
	return id_hash(id) - id_hash(swim_self(s)->id);
}

bool swim_any(const struct swim *s, uint8_t roles, struct id *out)
{
	uint64_t nearest = UINT64_MAX;
	bool found = false;

	for (uint32_t i = 0; i < s->members.living.count; i++) {
		const struct member *m = members_at(&s->members, s->members.living.at[i]);

		if (!has(m, roles, 0) || m->state != MEMBER_ALIVE || distance(s, m->id) > nearest)
			continue;
		nearest = distance(s, m->id);
		*out = m->id;
		found = true;
	}
	return found;
}

/* --- rows --- */

static const char *state_name(uint8_t state)
{
	static const char *const name[] = {"alive", "suspect", "dead", "left"};

	must(state <= MEMBER_LEFT);
	return name[state];
}

static const char *roles_name(uint8_t roles)
{
	static const char *const name[] = {"", "scheduler", "worker", "scheduler,worker"};

	return name[roles & (ROLE_SCHEDULER | ROLE_WORKER)];
}

static void hex(struct sheet *sheet, const uint8_t bytes[16])
{
	char text[33];

	for (int i = 0; i < 16; i++) {
		text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
	}
	text[32] = 0;
	sheet_text(sheet, text);
}

static void row(struct swim *s, const struct member *m, uint64_t now_us, struct sheet *sheet)
{
	const struct facts *f = swim_facts(s, m->id);

	sheet_text(sheet, view_name(s->view));
	sheet_text(sheet, addr_text(member_addr(s, m)).s);
	sheet_text(sheet, id_text(m->id).s);
	sheet_text(sheet, f->name);
	sheet_text(sheet, roles_name(f->roles));
	sheet_text(sheet, f->zone);
	sheet_text(sheet, state_name(m->state));
	sheet_u64(sheet, now_us > m->since_us ? (now_us - m->since_us) / 1000000 : 0);
	sheet_text(sheet, f->labels);
	sheet_text(sheet, f->version);
	sheet_u64(sheet, m->boot);
	hex(sheet, f->machine);
	sheet_u64(sheet, m->incarnation);
	hex(sheet, f->fingerprint);
}

struct at {
	struct addr addr;
	const struct member *member;
};

static int at_cmp(const void *a, const void *b)
{
	const struct at *x = a, *y = b;
	int order = addr_cmp(x->addr, y->addr);

	return order != 0 ? order : id_cmp(x->member->id, y->member->id);
}

void swim_sheet(struct swim *s, uint64_t now_us, struct sheet *sheet)
{
	uint32_t count = 0;
	struct at *all = malloc(members_count(&s->members) * sizeof(*all));

	must(all != NULL);
	for (uint32_t slot = 0; slot < s->members.top; slot++) {
		const struct member *m = &s->members.at[slot];

		if (!id_is_none(m->id))
			all[count++] = (struct at){m->card->addr, m};
	}
	must(count == members_count(&s->members));
	qsort(all, count, sizeof(*all), at_cmp);
	for (uint32_t i = 0; i < count; i++)
		row(s, all[i].member, now_us, sheet);
	free(all);
}
