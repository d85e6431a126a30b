#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/err.h"

static const enum err all[] = {
#define X(name, text) name,
	ERR_LIST(X)
#undef X
};

#define ALL (sizeof(all) / sizeof(all[0]))

static void every_error_has_a_sentence_of_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < ALL; i++) {
		assert_true(strlen(err_text(all[i])) > 1);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(err_text(all[i]), err_text(all[j]));
	}
}

static void a_number_that_is_no_error_still_has_words(void **state)
{
	(void)state;
	assert_non_null(err_text((enum err)250));
	assert_string_equal(err_text(OK), "ok");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_a_sentence_of_its_own),
		cmocka_unit_test(a_number_that_is_no_error_still_has_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
