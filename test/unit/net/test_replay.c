#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/id.h"
#include "net/replay.h"

static struct id sender(uint32_t n)
{
	struct id id = {{0}};

	id.b[0] = (uint8_t)n;
	id.b[1] = (uint8_t)(n >> 8);
	id.b[2] = (uint8_t)(n >> 16);
	id.b[15] = 1;
	return id;
}

static int set_up(void **state)
{
	static struct replay r;

	replay_init(&r, REPLAY_MAX);
	*state = &r;
	return 0;
}

static int tear_down(void **state)
{
	replay_fini(*state);
	return 0;
}

static void the_same_counter_is_refused(void **state)
{
	assert_int_equal(replay_admit(*state, sender(1), 7, 1), OK);
	assert_int_equal(replay_admit(*state, sender(1), 7, 1), ERR_REPLAYED);
}

static void an_older_boot_is_refused_and_a_newer_one_begins_anew(void **state)
{
	assert_int_equal(replay_admit(*state, sender(1), 7, 500), OK);
	assert_int_equal(replay_admit(*state, sender(1), 6, 501), ERR_REPLAYED);
	assert_int_equal(replay_admit(*state, sender(1), 8, 1), OK);
	assert_int_equal(replay_admit(*state, sender(1), 8, 1), ERR_REPLAYED);
	assert_int_equal(replay_admit(*state, sender(1), 7, 502), ERR_REPLAYED);
}

static void what_fell_out_of_the_window_is_refused(void **state)
{
	assert_int_equal(replay_admit(*state, sender(1), 1, 10), OK);
	assert_int_equal(replay_admit(*state, sender(1), 1, 10 + REPLAY_WINDOW), OK);
	assert_int_equal(replay_admit(*state, sender(1), 1, 9), ERR_REPLAYED);
	assert_int_equal(replay_admit(*state, sender(1), 1, 10), ERR_REPLAYED);
	assert_int_equal(replay_admit(*state, sender(1), 1, 11), OK);
}

static void counters_that_nobody_sends_are_refused(void **state)
{
	assert_int_equal(replay_admit(*state, sender(1), 1, 0), ERR_REPLAYED);
	assert_int_equal(replay_admit(*state, sender(1), 1, UINT64_MAX), ERR_REPLAYED);
	assert_int_equal(replay_admit(*state, id_none, 1, 1), ERR_REPLAYED);
	assert_int_equal(replay_count(*state), 0);
}

/* Against the plain truth: a list of all that was admitted. */
static void a_shuffled_stream_is_admitted_once_each(void **state)
{
	uint8_t seen[4096] = {0};
	uint64_t newest = 0;
	uint64_t x = 88172645463325252u;

	for (unsigned i = 0; i < 100000; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		uint64_t base = i / 25;
		uint64_t counter = 1 + base % 3700 + x % 390;
		enum err want =
			seen[counter] || (counter < newest && newest - counter >= REPLAY_WINDOW)
				? ERR_REPLAYED
				: OK;
		assert_int_equal(replay_admit(*state, sender(3), 1, counter), want);
		if (want == OK)
			seen[counter] = 1;
		if (counter > newest)
			newest = counter;
	}
}

static void senders_do_not_disturb_each_other(void **state)
{
	for (uint32_t n = 1; n <= 5000; n++)
		assert_int_equal(replay_admit(*state, sender(n), n, n), OK);
	assert_int_equal(replay_count(*state), 5000);
	for (uint32_t n = 1; n <= 5000; n++)
		assert_int_equal(replay_admit(*state, sender(n), n, n), ERR_REPLAYED);
	assert_int_equal(replay_count(*state), 5000);
}

static void whoever_speaks_is_remembered_when_the_table_is_full(void **state)
{
	struct replay r;

	(void)state;
	replay_init(&r, 100);
	assert_int_equal(replay_admit(&r, sender(1), 1, 1), OK);
	for (uint32_t n = 2; n < 2000; n++) {
		assert_int_equal(replay_admit(&r, sender(n), 1, 1), OK);
		if (n % 50 == 0)
			assert_int_equal(replay_admit(&r, sender(1), 1, n), OK);
		assert_int_equal(replay_admit(&r, sender(1), 1, 1), ERR_REPLAYED);
		assert_true(replay_count(&r) <= 200);
	}
	replay_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_same_counter_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_older_boot_is_refused_and_a_newer_one_begins_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_fell_out_of_the_window_is_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(counters_that_nobody_sends_are_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_shuffled_stream_is_admitted_once_each, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(senders_do_not_disturb_each_other, set_up,
						tear_down),
		cmocka_unit_test(whoever_speaks_is_remembered_when_the_table_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
