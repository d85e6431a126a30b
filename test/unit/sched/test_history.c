/* The check of histories, held against a search through all orders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/rng.h"
#include "test/proof/history.h"

static void op(struct history *h, enum op_kind kind, uint64_t value, uint64_t position,
	       uint64_t began, uint64_t ended)
{
	uint32_t at = history_begin(h, kind, value);

	h->ops[at].position = position;
	h->ops[at].began = began;
	h->ops[at].ended = ended;
}

static bool refused(struct history *h, const char *why)
{
	const char *bad = history_check(h);
	bool same = bad != NULL && strstr(bad, why) != NULL;

	history_fini(h);
	return same;
}

static void a_stale_read_is_refused(void **state)
{
	struct history h = {0};

	(void)state;
	op(&h, OP_WRITE, 1, 10, 1, 2);
	op(&h, OP_WRITE, 2, 11, 3, 4);
	op(&h, OP_READ, 1, 10, 5, 6);
	assert_true(refused(&h, "read what was old"));
	op(&h, OP_WRITE, 1, 10, 1, 2);
	op(&h, OP_WRITE, 2, 11, 3, 6);
	op(&h, OP_READ, 2, 11, 4, 5);
	op(&h, OP_READ, 1, 10, 7, 8);
	assert_true(refused(&h, "read what was old"));
}

static void a_read_of_what_was_never_there_is_refused(void **state)
{
	struct history h = {0};

	(void)state;
	op(&h, OP_WRITE, 1, 10, 1, 2);
	op(&h, OP_READ, 3, 10, 3, 4);
	assert_true(refused(&h, "what was written last"));
}

static void a_doubled_take_is_refused(void **state)
{
	struct history h = {0};

	(void)state;
	op(&h, OP_PUT, 7, 10, 1, 2);
	op(&h, OP_TAKE, 7, 11, 3, 4);
	op(&h, OP_TAKE, 7, 12, 5, 6);
	assert_true(refused(&h, "taken before"));
	op(&h, OP_PUT, 7, 10, 1, 2);
	op(&h, OP_PUT, 8, 11, 3, 4);
	op(&h, OP_TAKE, 8, 12, 5, 6);
	assert_true(refused(&h, "what stood first"));
}

static void a_queue_that_is_not_empty_does_not_look_so(void **state)
{
	struct history h = {0};

	(void)state;
	op(&h, OP_PUT, 7, 10, 1, 2);
	op(&h, OP_TAKE, 0, 10, 3, 4);
	assert_true(refused(&h, "was not empty"));
	op(&h, OP_PUT, 7, 10, 1, 2);
	op(&h, OP_TAKE, 0, 9, 3, 4);
	assert_true(refused(&h, "read what was old"));
}

static void an_acknowledged_write_without_effect_is_refused(void **state)
{
	struct history h = {0};

	(void)state;
	op(&h, OP_WRITE, 1, 0, 1, 2);
	assert_true(refused(&h, "never took effect"));
}

static void what_nobody_was_told_may_be_or_not(void **state)
{
	struct history h = {0};

	(void)state;
	op(&h, OP_WRITE, 1, 10, 1, 0);
	op(&h, OP_WRITE, 2, 0, 2, 0);
	op(&h, OP_READ, 1, 10, 3, 4);
	assert_null(history_check(&h));
	history_fini(&h);
}

/* ---- all orders ---- */

enum { OPS = 6 };

/* Wing and Gong: one operation after the other that nobody unfinished precedes. */
static bool has_order(const struct op *ops, uint32_t count, uint32_t done, uint64_t value,
		      const uint64_t *queue, uint32_t head, uint32_t tail)
{
	uint64_t ends = UINT64_MAX;

	if (done == (1u << count) - 1)
		return true;
	for (uint32_t i = 0; i < count; i++)
		if ((done >> i & 1) == 0 && ops[i].ended != 0 && ops[i].ended < ends)
			ends = ops[i].ended;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t next = value, longer[OPS];
		uint32_t from = head, to = tail;

		memcpy(longer, queue, sizeof(longer));
		if ((done >> i & 1) != 0 || ops[i].began > ends)
			continue;
		if (ops[i].kind == OP_WRITE)
			next = ops[i].value;
		else if (ops[i].kind == OP_PUT)
			longer[to++] = ops[i].value;
		else if (ops[i].kind == OP_READ && ops[i].value != value)
			continue;
		else if (ops[i].kind == OP_TAKE && ops[i].value == 0 && from < to)
			continue;
		else if (ops[i].kind == OP_TAKE && ops[i].value != 0 &&
			 (from == to || longer[from++] != ops[i].value))
			continue;
		if (has_order(ops, count, done | 1u << i, next, longer, from, to))
			return true;
	}
	return false;
}

/* A history as a store would make it, but for a lie here and there. */
static void invent(struct history *h, struct rng *rng)
{
	uint64_t value = 0, queue[OPS], taken = 0, put = 0;

	for (uint64_t i = 0; i < OPS; i++) {
		uint64_t middle = 200 * (i + 1), began = middle - rng_below(rng, 190),
			 ended = middle + 1 + rng_below(rng, 180);
		enum op_kind kind = (enum op_kind)rng_below(rng, 4);
		uint64_t told = i + 1, position = 10 + i;

		if (kind == OP_WRITE)
			value = told;
		else if (kind == OP_PUT)
			queue[put++] = told;
		else if (kind == OP_READ)
			told = value;
		else
			told = taken < put ? queue[taken++] : 0;
		if (rng_below(rng, 8) == 0)
			told = rng_below(rng, OPS + 1);
		if (rng_below(rng, 8) == 0)
			position -= 1;
		op(h, kind, told, position, began, ended);
	}
}

static void what_is_accepted_has_an_order_and_what_has_none_is_refused(void **state)
{
	uint32_t accepted = 0, without = 0;
	struct rng rng;

	(void)state;
	rng_init(&rng, 1);
	for (int i = 0; i < 20000; i++) {
		static const uint64_t none[OPS];
		struct history h = {0};
		bool order, good;

		invent(&h, &rng);
		order = has_order(h.ops, h.count, 0, 0, none, 0, 0);
		good = history_check(&h) == NULL;
		assert_true(order || !good);
		accepted += good;
		without += !order;
		history_fini(&h);
	}
	/* Neither is a rarity. */
	assert_true(accepted > 2000);
	assert_true(without > 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stale_read_is_refused),
		cmocka_unit_test(a_read_of_what_was_never_there_is_refused),
		cmocka_unit_test(a_doubled_take_is_refused),
		cmocka_unit_test(a_queue_that_is_not_empty_does_not_look_so),
		cmocka_unit_test(an_acknowledged_write_without_effect_is_refused),
		cmocka_unit_test(what_nobody_was_told_may_be_or_not),
		cmocka_unit_test(what_is_accepted_has_an_order_and_what_has_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
