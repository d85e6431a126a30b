#include "test/proof/history.h"

#include <stdlib.h>

#include "core/must.h"

void history_fini(struct history *h)
{
	free(h->ops);
	*h = (struct history){0};
}

uint32_t history_begin(struct history *h, enum op_kind kind, uint64_t value)
{
	if (h->count == h->room) {
		h->room = h->room == 0 ? 256 : h->room * 2;
		h->ops = realloc(h->ops, h->room * sizeof(*h->ops));
		must(h->ops != NULL);
	}
	h->ops[h->count] = (struct op){.kind = kind, .value = value, .began = ++h->clock};
	return h->count++;
}

void history_end(struct history *h, uint32_t at)
{
	must(at < h->count);
	must(h->ops[at].ended == 0);
	h->ops[at].ended = ++h->clock;
}

static bool is_question(const struct op *op)
{
	return op->kind == OP_READ || (op->kind == OP_TAKE && op->value == 0);
}

/* Nobody can tell whether the others were at all. */
static bool counts(const struct op *op)
{
	return is_question(op) ? op->ended != 0 : op->position != 0;
}

/* Its place in the order by position: a change, then the questions answered there. */
static uint64_t place(const struct op *op)
{
	return op->position * 2 + is_question(op);
}

static int by_place(const void *a, const void *b)
{
	uint64_t x = place(a), y = place(b);

	return x < y ? -1 : x > y;
}

/* One register and one queue live through all of it. */
static const char *check_life(const struct history *h)
{
	uint64_t *queue = calloc(h->count + 1, sizeof(*queue)), value = 0;
	uint32_t head = 0, tail = 0;
	const char *bad = NULL;

	must(queue != NULL);
	for (uint32_t i = 0; i < h->count && bad == NULL; i++) {
		const struct op *op = &h->ops[i];

		if (!counts(op))
			continue;
		if (i > 0 && !is_question(op) && h->ops[i - 1].position == op->position)
			bad = "two changes at one position";
		else if (op->kind == OP_WRITE)
			value = op->value;
		else if (op->kind == OP_PUT)
			queue[tail++] = op->value;
		else if (op->kind == OP_READ && op->value != value)
			bad = "a read did not get what was written last";
		else if (op->kind == OP_TAKE && op->value == 0 && head < tail)
			bad = "a take found nothing in a queue that was not empty";
		else if (op->kind == OP_TAKE && op->value != 0 &&
			 (head == tail || queue[head++] != op->value))
			bad = "a take did not get what stood first, or what was taken before";
	}
	free(queue);
	return bad;
}

struct moment {
	uint64_t at, place;
	bool ends;
};

static int by_time(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* What ended before another began stands before it. */
static const char *check_time(const struct history *h)
{
	struct moment *m = calloc(2 * (size_t)h->count + 1, sizeof(*m));
	uint64_t highest = 0;
	uint32_t count = 0;
	const char *bad = NULL;

	must(m != NULL);
	for (uint32_t i = 0; i < h->count; i++) {
		const struct op *op = &h->ops[i];

		if (!counts(op))
			continue;
		m[count++] = (struct moment){op->began, place(op), false};
		if (op->ended != 0)
			m[count++] = (struct moment){op->ended, place(op), true};
	}
	qsort(m, count, sizeof(*m), by_time);
	for (uint32_t i = 0; i < count && bad == NULL; i++) {
		if (!m[i].ends && m[i].place < highest)
			bad = "what began later took effect earlier, or read what was old";
		if (m[i].ends && m[i].place > highest)
			highest = m[i].place;
	}
	free(m);
	return bad;
}

const char *history_check(struct history *h)
{
	const char *bad;

	for (uint32_t i = 0; i < h->count; i++)
		if (h->ops[i].ended != 0 && h->ops[i].position == 0 && !is_question(&h->ops[i]))
			return "what was acknowledged never took effect";
	if (h->count == 0)
		return NULL;
	qsort(h->ops, h->count, sizeof(*h->ops), by_place);
	bad = check_life(h);
	return bad == NULL ? check_time(h) : bad;
}
