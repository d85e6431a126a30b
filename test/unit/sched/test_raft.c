/* Every schedule with a name, and lives of clusters under random faults, one seed each. `make proof` plays many more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test/proof/life.h"
#include "test/proof/story.h"

enum { SEEDS = 100 };

static void every_schedule_ends_as_it_must(void **state)
{
	uint32_t bad = 0;

	(void)state;
	for (uint32_t i = 0; i < story_count; i++)
		if (story_run(&stories[i], false) != NULL) {
			print_error("schedule %s\n", stories[i].name);
			bad++;
		}
	assert_int_equal(bad, 0);
}

static void no_seed_breaks_an_invariant(void **state)
{
	struct lives sum = {0};
	uint32_t bad = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		bad += life_run(seed, 0, false, &sum) != NULL;
	assert_int_equal(bad, 0);
	/* They were lives. */
	assert_true(sum.acked > 10000);
	assert_true(sum.elections > SEEDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_schedule_ends_as_it_must),
		cmocka_unit_test(no_seed_breaks_an_invariant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
