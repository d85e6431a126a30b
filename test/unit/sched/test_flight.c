#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/limits.h"
#include "sched/flight.h"

static void a_token_nobody_sent_is_unknown(void **state)
{
	struct flights f;
	struct flight *flight;

	(void)state;
	flights_init(&f);
	assert_null(flights_take(&f, 1));
	assert_null(flights_next(&f));
	flight = flights_open(&f);
	assert_null(flights_take(&f, flight->token)); /* open, not yet sent */
	flights_fini(&f);
}

static void no_more_than_the_window_is_in_flight(void **state)
{
	uint64_t token[FLIGHTS_MAX + 1];
	struct flights f;

	(void)state;
	flights_init(&f);
	for (uint32_t i = 0; i <= FLIGHTS_MAX; i++) {
		struct flight *flight = flights_open(&f);

		flight_put(&f, flight, BYTES("k"), BYTES("v"));
		token[i] = flight->token;
		if (i == FLIGHTS_MAX) {
			assert_null(flights_next(&f));
			break;
		}
		assert_ptr_equal(flights_next(&f), flight);
		flights_sent(&f, flight);
		assert_int_equal(f.bytes, 0);
	}
	flight_free(flights_take(&f, token[2])); /* in whatever order the answers come */
	assert_int_equal(flights_next(&f)->token, token[FLIGHTS_MAX]);
	flights_fini(&f);
	assert_int_equal(f.bytes, 0);
	assert_int_equal(f.sent, 0);
}

static void a_batch_that_is_large_enough_is_closed_and_the_largest_record_fits(void **state)
{
	static uint8_t record[JOB_RECORD_MAX];
	struct flights f;
	struct flight *first;

	(void)state;
	flights_init(&f);
	first = flights_open(&f);
	while (flights_open(&f) == first)
		flight_put(&f, first, BYTES("job/0123456789abcdef"),
			   bytes_of(record, sizeof(record)));
	assert_true(first->batch.ops.len <= BATCH_MAX);
	assert_ptr_equal(flights_next(&f), first); /* they leave in order */
	flights_fini(&f);
}

static void it_keeps_what_was_promised_and_changed(void **state)
{
	struct flights f;
	struct flight *flight;

	(void)state;
	flights_init(&f);
	flight = flights_open(&f);
	for (uint32_t i = 0; i < 100; i++) {
		flight_promise(flight, &(struct promise){.attempt.number = i});
		flight_changes(flight, (struct id){{(uint8_t)i}});
	}
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(flight->promise[i].attempt.number, i);
		assert_int_equal(flight->job[i].b[0], i);
	}
	flights_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_nobody_sent_is_unknown),
		cmocka_unit_test(no_more_than_the_window_is_in_flight),
		cmocka_unit_test(
			a_batch_that_is_large_enough_is_closed_and_the_largest_record_fits),
		cmocka_unit_test(it_keeps_what_was_promised_and_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
