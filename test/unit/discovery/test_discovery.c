#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/config.h"
#include "discovery/configure.h"
#include "test/unit/discovery/world.h"

static struct world w;

static int done(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

static void a_node_alone_by_choice_asks_nobody_and_never_wakes(void **state)
{
	(void)state;
	world_open(&w, "", false, ROLE_WORKER);
	assert_int_equal(discovery_deadline_us(w.d), UINT64_MAX);
	world_step(&w, (struct event){.kind = EVENT_WAKE});
	world_beacon(&w, id_number(2), addr_v4(10, 0, 0, 2, 8081), ROLE_WORKER, true);
	assert_int_equal(outbox_count(w.out), 0);
}

static void events_of_others_are_passed_over(void **state)
{
	struct event e = {.kind = EVENT_TELL};

	(void)state;
	world_open(&w, "10.0.0.2", true, ROLE_WORKER);
	e.tell.kind = TELL_LEAD;
	world_step(&w, e);
	world_step(&w, (struct event){.kind = EVENT_SIGNAL});
	world_step(&w, (struct event){.kind = EVENT_RESOLVED});
	assert_int_equal(outbox_count(w.out), 0);
}

static void both_mechanisms_run_side_by_side(void **state)
{
	uint32_t beacons = 0, given = 0;

	(void)state;
	world_open(&w, "10.0.0.2", true, ROLE_WORKER);
	for (int i = 0; i < 20; i++) {
		world_wake(&w);
		beacons += world_count(&w, EFFECT_BEACON);
		given += world_count(&w, EFFECT_TELL);
	}
	assert_true(beacons > 5);
	assert_true(given > 2);
}

static bool row_has(const char *mechanism, const char *target, const char *state_word)
{
	struct sheet s;
	struct sheet_reader r;
	struct buffer packed;
	struct cell cell[6];
	bool found = false;

	buffer_init(&packed, 65536);
	discovery_sheet(w.d, w.now_us, &s);
	assert_int_equal(sheet_put(&s, &packed), OK);
	assert_int_equal(sheet_open(buffer_bytes(&packed), &r), OK);
	assert_int_equal(r.columns, 6);
	for (uint32_t i = 0; i < r.rows; i++) {
		for (size_t k = 0; k < 6; k++)
			assert_int_equal(sheet_next(&r, &cell[k]), OK);
		found = found || (bytes_same(cell[0].text, bytes_str(mechanism)) &&
				  bytes_same(cell[1].text, bytes_str(target)) &&
				  bytes_same(cell[2].text, bytes_str(state_word)));
	}
	buffer_fini(&packed);
	sheet_fini(&s);
	return found;
}

static void the_sheet_has_a_row_for_each_mechanism_and_seed(void **state)
{
	(void)state;
	world_open(&w, "10.0.0.2,10.0.0.1,b.example:7000", true, ROLE_WORKER);
	assert_true(row_has("multicast", "beacons", "fast"));
	assert_true(row_has("static", "10.0.0.2:8081", "trying"));
	assert_true(row_has("static", "10.0.0.1:8081", "self"));
	assert_true(row_has("static", "b.example:7000", "trying"));
	world_joined(&w, addr_v4(10, 0, 0, 2, 8081), id_number(2));
	assert_true(row_has("static", "10.0.0.2:8081", "joined"));
	assert_true(row_has("multicast", "beacons", "slow"));
}

static void the_settings_become_what_discovery_is_given(void **state)
{
	struct discovery_config d;
	struct config c;
	char why[CONFIG_WHY_MAX];

	(void)state;
	config_init(&c);
	d = discovery_configure(&c, id_number(1), addr_v4(10, 0, 0, 1, 8081), 5);
	assert_true(d.multicast);
	assert_false(d.stat);
	assert_int_equal(config_set(&c, "seeds", "a,b", ORIGIN_FLAG, why), OK);
	assert_int_equal(config_set(&c, "role", "scheduler", ORIGIN_FLAG, why), OK);
	d = discovery_configure(&c, id_number(1), addr_v4(10, 0, 0, 1, 8081), 5);
	assert_true(d.stat);
	assert_string_equal(d.seeds, "a,b");
	assert_int_equal(d.roles, ROLE_SCHEDULER);
	assert_int_equal(d.port, 8081);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_node_alone_by_choice_asks_nobody_and_never_wakes, done),
		cmocka_unit_test_teardown(events_of_others_are_passed_over, done),
		cmocka_unit_test_teardown(both_mechanisms_run_side_by_side, done),
		cmocka_unit_test_teardown(the_sheet_has_a_row_for_each_mechanism_and_seed, done),
		cmocka_unit_test(the_settings_become_what_discovery_is_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
