#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/strangers.h"

#define MINUTE UINT64_C(60000000)

struct world {
	struct strangers strangers;
	struct outbox *outbox;
};

static int set_up(void **state)
{
	static struct world w;

	strangers_init(&w.strangers);
	w.outbox = outbox_open();
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	outbox_close(((struct world *)*state)->outbox);
	return 0;
}

static bool met(struct world *w, uint64_t now_us, uint8_t last, enum err why)
{
	return strangers_met(&w->strangers, now_us, addr_v4(10, 0, 0, last, last), why, w->outbox);
}

static void a_datagram_that_does_not_open_says_nothing_of_its_sender(void **state)
{
	assert_false(met(*state, 5, 1, ERR_FORGED));
	assert_false(met(*state, 5, 1, ERR_REPLAYED));
	assert_false(met(*state, 5, 1, ERR_SHORT));
	assert_int_equal(outbox_count(((struct world *)*state)->outbox), 0);
}

static void one_stranger_has_one_line_a_minute(void **state)
{
	struct world *w = *state;

	assert_true(met(w, 5, 7, ERR_FOREIGN));
	assert_false(met(w, 5 + MINUTE - 1, 7, ERR_FOREIGN));
	assert_true(met(w, 5 + MINUTE, 7, ERR_FOREIGN));
	assert_true(met(w, 6, 8, ERR_KEY));
	assert_int_equal(w->strangers.silent, 1);
	assert_string_equal(outbox_at(w->outbox, 0)->log.text,
			    "10.0.0.7 belongs to another cluster");
	assert_string_equal(outbox_at(w->outbox, 2)->log.text,
			    "10.0.0.8 is of our cluster with another key: join it again");
	assert_int_equal(outbox_at(w->outbox, 0)->log.level, LOG_LEVEL_WARN);
}

static void another_port_is_the_same_stranger(void **state)
{
	struct world *w = *state;
	struct addr from = addr_v4(10, 0, 0, 7, 1);

	assert_true(strangers_met(&w->strangers, 5, from, ERR_FOREIGN, w->outbox));
	from.port = 2;
	assert_false(strangers_met(&w->strangers, 5, from, ERR_FOREIGN, w->outbox));
}

static void made_up_addresses_do_not_fill_the_log(void **state)
{
	struct world *w = *state;
	unsigned lines = 0;

	for (unsigned i = 0; i < 10000; i++) {
		struct addr from = addr_v4(1, 2, (uint8_t)(i >> 8), (uint8_t)i, 1);
		lines += strangers_met(&w->strangers, MINUTE + i, from, ERR_FOREIGN, w->outbox);
	}
	assert_int_equal(lines, STRANGERS_MAX);
	assert_int_equal(w->strangers.silent, 10000 - STRANGERS_MAX);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_datagram_that_does_not_open_says_nothing_of_its_sender),
		T(one_stranger_has_one_line_a_minute),
		T(another_port_is_the_same_stranger),
		T(made_up_addresses_do_not_fill_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
