#include "test/unit/sched/store_world.h"

static void start_all(struct world *w)
{
	for (uint32_t i = 0; i < w->count; i++)
		world_up(w, i);
}

static void a_founder_alone_serves_at_once_and_after_a_crash_again(void **state)
{
	struct world *w = world_open(1, 1, 1);
	uint64_t token;

	(void)state;
	w->node[0].founder = true;
	start_all(w);
	world_run(w, 1000 * MS);
	assert_int_equal(world_server(w), 0);
	token = world_commit(w, 0);
	world_run(w, 100 * MS);
	assert_true(world_is_acked(w, token));
	world_kill(w, 0);
	world_up(w, 0);
	world_run(w, 2000 * MS);
	assert_int_equal(world_server(w), 0);
	assert_int_equal(kv_count(store_map(w->node[0].store)), 1);
	assert_null(w->breach);
	world_close(w);
}

static void three_schedulers_become_three_voters(void **state)
{
	struct world *w = world_open(2, 3, 3);

	(void)state;
	w->node[0].founder = true;
	start_all(w);
	world_run(w, 5000 * MS);
	assert_int_equal(world_server(w), 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(voters_count(&w->node[i].store->raft.voters), 3);
	assert_int_equal(store_state(w->node[0].store), STORE_COUPLED);
	assert_null(w->breach);
	world_close(w);
}

static void a_dead_leader_is_replaced_and_nothing_acknowledged_is_lost(void **state)
{
	struct world *w = world_open(3, 3, 3);
	uint32_t next;

	(void)state;
	w->node[0].founder = true;
	start_all(w);
	world_run(w, 5000 * MS);
	for (int i = 0; i < 200; i++) {
		world_commit(w, 0);
		world_run(w, 1 * MS);
	}
	world_run(w, 100 * MS);
	assert_int_equal(w->acked, 200);
	world_kill(w, 0);
	world_run(w, 2000 * MS);
	next = world_server(w);
	assert_true(next == 1 || next == 2);
	assert_int_equal(w->node[next].store->applied >= 200, 1);
	world_up(w, 0);
	world_run(w, 2000 * MS);
	assert_int_equal(world_map_crc(w->node[0].store), world_map_crc(w->node[next].store));
	assert_null(w->breach);
	world_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_founder_alone_serves_at_once_and_after_a_crash_again),
		cmocka_unit_test(three_schedulers_become_three_voters),
		cmocka_unit_test(a_dead_leader_is_replaced_and_nothing_acknowledged_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
