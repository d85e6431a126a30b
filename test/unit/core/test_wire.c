#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

#include "core/view.h"
#include "core/wire.h"

static void a_type_that_is_not_in_the_table_has_no_sender(void **state)
{
	(void)state;
	assert_int_equal(wire_senders(0), 0);
	assert_int_equal(wire_senders(255), 0);
	assert_string_equal(wire_name(255), "unknown");
}

static void a_worker_may_not_send_what_only_a_scheduler_may(void **state)
{
	(void)state;
	assert_int_equal(wire_senders(FRAME_ORDER) & FROM_WORKER, 0);
	assert_int_equal(wire_senders(FRAME_LEASE) & FROM_WORKER, 0);
	assert_int_equal(wire_senders(FRAME_END) & FROM_WORKER, 0);
	assert_int_equal(wire_senders(FRAME_REPORTED) & FROM_WORKER, 0);
}

static void a_local_program_may_send_nothing_but_calls(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		bool may = (wire_senders((uint8_t)type) & FROM_CLIENT) != 0;

		assert_int_equal(may, type == FRAME_CALL);
	}
}

static void every_type_of_the_table_has_its_name_and_a_sender(void **state)
{
	(void)state;
#define X(name, number, from)                                                                      \
	assert_string_equal(wire_name(number), #name);                                             \
	assert_int_equal(wire_senders(number), from);
	WIRE_TYPES(X)
#undef X
}

static void the_views_have_their_names(void **state)
{
	(void)state;
	assert_string_equal(view_name(VIEW_SCHEDULERS), "schedulers");
	assert_string_equal(view_name(VIEW_ALL), "all");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_type_that_is_not_in_the_table_has_no_sender),
		cmocka_unit_test(a_worker_may_not_send_what_only_a_scheduler_may),
		cmocka_unit_test(a_local_program_may_send_nothing_but_calls),
		cmocka_unit_test(every_type_of_the_table_has_its_name_and_a_sender),
		cmocka_unit_test(the_views_have_their_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
