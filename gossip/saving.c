/* What outlives us: PUT to "gossip/<view>", one at a time. */
#include <stdio.h>

#include "core/must.h"
#include "gossip/swim_parts.h"

/* The addresses to be tried after the next start: of the members known now or, while we are alone, of the past. */
static uint32_t gather(const struct swim *s, struct addr known[KNOWN_MAX])
{
	const struct slots *living = &s->members.living;
	uint32_t count = 0;

	for (; count < living->count && count < KNOWN_MAX; count++)
		known[count] = members_at(&s->members, living->at[count])->card->addr;
	if (count > 0)
		return count;
	for (; count < s->past.count; count++)
		known[count] = s->past.known[count];
	return count;
}

void swim_save(struct swim *s)
{
	struct addr known[KNOWN_MAX];
	char file[FILE_NAME_MAX];
	struct buffer body;

	if (s->saving.token != 0) {
		s->saving.again = true;
		return;
	}
	uint64_t used = swim_self(s)->incarnation;
	used = s->wanted > used ? s->wanted : used;
	s->saving = (struct saving){
		.token = ++s->tokens,
		.reserved = used + RESERVE > s->reserved ? used + RESERVE : s->reserved,
		.version = view_log_version_to_save(&s->log),
	};
	struct past past = {.reserved = s->saving.reserved,
			    .version = s->saving.version,
			    .known = known,
			    .count = gather(s, known)};
	buffer_init(&body, 64 + KNOWN_MAX * 32);
	enum err err = past_put(&past, &body);
	must(err == OK);
	snprintf(file, sizeof(file), "gossip/%s", view_name(s->view));
	outbox_put(s->out, file, buffer_bytes(&body), s->saving.token);
	buffer_fini(&body);
}

/* A disk that fails keeps nobody from gossiping: the boot, which the node saved before its first packet, still tells
 * this life from the next. */
void swim_saved(struct swim *s, enum err err)
{
	struct saving done = s->saving;
	bool again = done.again;

	if (err != OK)
		outbox_log(s->out, LOG_LEVEL_WARN,
			   "membership not saved, going on: view=%s reason=\"%s\"",
			   view_name(s->view), err_text(err));
	s->saving = (struct saving){0};
	s->reserved = done.reserved;
	claim_raised(s);
	if (s->log.saving && done.version >= s->log.saved)
		again |= !view_log_show(&s->log, &s->members, swim_self(s)->id, s->now_us, s->out);
	else
		again |= s->log.saving;
	if (again)
		swim_save(s);
}
