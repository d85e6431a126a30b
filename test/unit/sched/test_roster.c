#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/facts.h"
#include "sched/store/roster.h"

static struct facts scheduler(uint64_t boot)
{
	return (struct facts){.id = {{1}}, .roles = ROLE_SCHEDULER, .boot = boot, .name = "a"};
}

static const struct known *take(struct roster *r, enum view view, enum member_state state,
				uint64_t boot)
{
	struct facts f = scheduler(boot);

	roster_take(r, view, state, &f, 1000);
	return roster_look(r, f.id);
}

static void what_one_view_says_late_of_an_earlier_life_is_not_heard(void **state)
{
	static struct roster r;
	const struct known *k;

	(void)state;
	take(&r, VIEW_ALL, MEMBER_ALIVE, 5);
	k = take(&r, VIEW_SCHEDULERS, MEMBER_DEAD, 4);
	assert_int_equal(k->boot, 5);
	assert_true(known_is_alive(k));
	assert_false(known_is_doubted(k));
}

static void who_left_and_is_back_in_one_view_is_back(void **state)
{
	static struct roster r;
	const struct known *k;

	(void)state;
	take(&r, VIEW_ALL, MEMBER_LEFT, 4);
	take(&r, VIEW_ALL, MEMBER_ALIVE, 4);
	take(&r, VIEW_SCHEDULERS, MEMBER_ALIVE, 4);
	take(&r, VIEW_ALL, MEMBER_LEFT, 4);
	k = take(&r, VIEW_SCHEDULERS, MEMBER_LEFT, 4);
	assert_false(known_is_alive(k));
	k = take(&r, VIEW_SCHEDULERS, MEMBER_ALIVE, 5);
	assert_true(known_is_alive(k));
	assert_int_not_equal(k->state[VIEW_ALL], MEMBER_LEFT);
	assert_int_equal(k->since_us, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_one_view_says_late_of_an_earlier_life_is_not_heard),
		cmocka_unit_test(who_left_and_is_back_in_one_view_is_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
