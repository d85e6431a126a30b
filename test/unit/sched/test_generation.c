/* Generations: a loss that a person confirms, and what becomes of those who were lost. Stories of small worlds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test/proof/world.h"

/* A founder and its friends, settled. */
static struct world *settled(uint64_t seed, uint32_t count, uint32_t schedulers)
{
	struct world *w = world_open(seed, count, schedulers);

	w->node[0].founder = true;
	for (uint32_t i = 0; i < w->count; i++)
		world_up(w, i);
	world_run(w, 5000 * MS);
	assert_int_equal(world_server(w), 0);
	return w;
}

static void commit_many(struct world *w, uint32_t at, int count)
{
	for (int i = 0; i < count; i++) {
		world_commit(w, at);
		world_run(w, 2 * MS);
	}
	world_run(w, 100 * MS);
}

static void end(struct world *w)
{
	assert_null(w->breach);
	world_close(w);
}

/* Files of a state that was set aside. */
static uint32_t files_aside(const struct wnode *n)
{
	uint32_t count = 0;

	for (int i = 0; i < FILES_MAX; i++)
		count += strncmp(n->shelf.file[i].name, "store-aside-", 12) == 0;
	return count;
}

/* ---- a state set aside ---- */

static void set_aside(struct world *w, uint32_t at)
{
	struct event wake = {.kind = EVENT_WAKE};

	watch_forget(w, at);
	store_set_aside(w->node[at].store, "a test wants it", w->outbox);
	world_step(w, at, &wake);
}

static void a_state_set_aside_is_kept_under_a_dated_name_and_the_node_joins_anew(void **state)
{
	struct world *w = settled(1, 3, 3);
	struct id before = w->node[2].store->wal.voter;

	(void)state;
	commit_many(w, 0, 20);
	set_aside(w, 2);
	assert_true(id_is_none(store_where(w->node[2].store).store));
	assert_int_equal(kv_count(store_map(w->node[2].store)), 0);
	world_run(w, 10000 * MS);
	assert_true(files_aside(&w->node[2]) > 0);
	assert_true(world_said(&w->node[2], "state set aside: folder=store-aside-"));
	assert_false(id_same(before, w->node[2].store->wal.voter));
	assert_int_equal(world_map_crc(w->node[2].store), world_map_crc(w->node[0].store));
	assert_true(raft_votes(&w->node[2].store->raft));
	end(w);
}

static void a_founder_that_set_its_state_aside_founds_no_second_one(void **state)
{
	struct world *w = settled(2, 1, 1);

	(void)state;
	set_aside(w, 0);
	world_run(w, 5000 * MS);
	assert_int_equal(store_state(w->node[0].store), STORE_EMPTY);
	world_kill(w, 0);
	world_up(w, 0);
	world_run(w, 5000 * MS);
	assert_int_equal(store_state(w->node[0].store), STORE_EMPTY);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_state_set_aside_is_kept_under_a_dated_name_and_the_node_joins_anew),
		cmocka_unit_test(a_founder_that_set_its_state_aside_founds_no_second_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
