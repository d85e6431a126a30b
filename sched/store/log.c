#include "sched/store/log.h"

#include <stdlib.h>
#include <string.h>

#include "core/must.h"

void log_init(struct log *l)
{
	*l = (struct log){0};
}

static struct log_slot *slot(const struct log *l, uint64_t index)
{
	must(index > l->base);
	must(index - l->base <= l->count);
	return &l->slots[(l->head + (size_t)(index - l->base - 1)) & (l->room - 1)];
}

void log_fini(struct log *l)
{
	log_reset(l, l->base, l->base_term);
	free(l->slots);
	*l = (struct log){0};
}

uint64_t log_last(const struct log *l)
{
	return l->base + l->count;
}

uint64_t log_last_term(const struct log *l)
{
	return log_term(l, log_last(l));
}

bool log_has(const struct log *l, uint64_t index)
{
	return index > l->base && index <= log_last(l);
}

uint64_t log_term(const struct log *l, uint64_t index)
{
	if (index == l->base)
		return l->base_term;
	return log_has(l, index) ? slot(l, index)->term : 0;
}

struct entry log_at(const struct log *l, uint64_t index)
{
	const struct log_slot *s = slot(l, index);

	return (struct entry){index, s->term, s->kind, {s->bytes, s->bytes == NULL ? 0 : s->len}};
}

bool log_is_held(const struct log *l, uint64_t index)
{
	return slot(l, index)->bytes != NULL;
}

size_t log_len(const struct log *l, uint64_t index)
{
	return slot(l, index)->len;
}

uint32_t log_file(const struct log *l, uint64_t index)
{
	return slot(l, index)->file;
}

uint32_t log_place(const struct log *l, uint64_t index)
{
	return slot(l, index)->at;
}

void log_set_file(struct log *l, uint64_t index, uint32_t file, uint32_t at)
{
	slot(l, index)->file = file;
	slot(l, index)->at = at;
}

static void let_go(struct log *l, struct log_slot *s)
{
	if (s->bytes == NULL)
		return;
	must(l->held >= s->len);
	l->held -= s->len;
	free(s->bytes);
	s->bytes = NULL;
}

static void hold(struct log *l, struct log_slot *s, struct bytes body)
{
	must(s->bytes == NULL && body.len == s->len);
	s->bytes = malloc(body.len + 1);
	must(s->bytes != NULL);
	if (body.len > 0)
		memcpy(s->bytes, body.at, body.len);
	l->held += s->len;
}

void log_shed(struct log *l, size_t spare)
{
	if (l->tail_max == 0)
		return;
	must(spare < l->tail_max);
	if (l->tail <= l->base)
		l->tail = l->base + 1;
	for (; l->held > l->tail_max - spare && l->tail <= log_last(l); l->tail++)
		if (slot(l, l->tail)->kind == ENTRY_BATCH)
			let_go(l, slot(l, l->tail));
}

void log_recall(struct log *l, uint64_t index, struct bytes body)
{
	hold(l, slot(l, index), body);
	if (index < l->tail)
		l->tail = index;
}

static void grow(struct log *l)
{
	size_t room = l->room == 0 ? 64 : l->room * 2;
	struct log_slot *slots = malloc(room * sizeof(*slots));

	must(slots != NULL);
	for (size_t i = 0; i < l->count; i++)
		slots[i] = l->slots[(l->head + i) & (l->room - 1)];
	free(l->slots);
	l->slots = slots;
	l->room = room;
	l->head = 0;
}

void log_append(struct log *l, const struct entry *e, uint32_t file)
{
	struct log_slot *s;

	must(e->index == log_last(l) + 1);
	must(e->term >= log_last_term(l));
	must(e->body.len <= UINT32_MAX);
	if (l->count == l->room)
		grow(l);
	l->count++;
	s = slot(l, e->index);
	*s = (struct log_slot){
		.term = e->term, .len = (uint32_t)e->body.len, .file = file, .kind = e->kind};
	hold(l, s, e->body);
	l->size += e->body.len;
	log_shed(l, l->tail_max / 4);
}

void log_truncate(struct log *l, uint64_t from)
{
	must(from > l->base);
	while (log_last(l) >= from) {
		struct log_slot *s = slot(l, log_last(l));

		l->size -= s->len;
		let_go(l, s);
		l->count--;
	}
	if (l->tail > from)
		l->tail = from;
}

void log_compact(struct log *l, uint64_t base)
{
	must(base >= l->base);
	must(base <= log_last(l));
	while (l->base < base) {
		struct log_slot *s = slot(l, l->base + 1);

		l->base_term = s->term;
		l->size -= s->len;
		let_go(l, s);
		l->head = (l->head + 1) & (l->room - 1);
		l->base++;
		l->count--;
	}
}

void log_reset(struct log *l, uint64_t base, uint64_t term)
{
	log_truncate(l, l->base + 1);
	must(l->size == 0);
	l->base = base;
	l->base_term = term;
	l->tail = base + 1;
}
