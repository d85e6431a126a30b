#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/nearest.h"

static const char *const words[] = {"members", "workers", "private_port", "log", NULL};

static void a_word_too_far_from_all_has_no_neighbour(void **state)
{
	(void)state;
	assert_null(nearest("", words));
	assert_null(nearest("zebra", words));
	assert_null(nearest("xyz", words));
	assert_null(nearest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", words));
}

static void a_slip_finds_its_word(void **state)
{
	(void)state;
	assert_string_equal(nearest("membres", words), "members");
	assert_string_equal(nearest("wrokers", words), "workers");
	assert_string_equal(nearest("worker", words), "workers");
	assert_string_equal(nearest("private-prot", words), "private_port");
	assert_string_equal(nearest("PrivatePort", words), "private_port");
	assert_string_equal(nearest("lgo", words), "log");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_too_far_from_all_has_no_neighbour),
		cmocka_unit_test(a_slip_finds_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
