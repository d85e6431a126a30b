/* Many nodes on one LAN: each a discovery, and in place of gossip the simplest that could be: a dialled node and all it
 * knows are one island from 5 ms later on. Virtual time, one seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/discovery/world.h"

#define NODES     100u
#define MS        1000ull
#define DIAL_US   (5 * MS)
#define DIALS_MAX 100000u

struct dial {
	uint64_t at_us;
	uint32_t from, to;
};

static struct lan {
	uint64_t now_us;
	uint32_t count; /* nodes switched on */
	bool cut;       /* between the lower half and the upper */
	struct discovery *node[NODES];
	uint32_t island[NODES];
	struct outbox *out;
	struct dial dial[DIALS_MAX];
	uint32_t dials, dialled; /* put, done */
	uint32_t dials_to[NODES];
	uint32_t beacons;
} lan;

static struct addr addr_of(uint32_t i)
{
	return addr_v4(10, 0, 0, (uint8_t)(i + 1), 8081);
}

static bool apart(uint32_t a, uint32_t b)
{
	return lan.cut && (a < NODES / 2) != (b < NODES / 2);
}

static void switch_on(void)
{
	struct discovery_config config = {
		.multicast = true,
		.id = id_number((uint8_t)(lan.count + 1)),
		.self = addr_of(lan.count),
		.roles = ROLE_WORKER,
		.port = 8081,
		.seeds = "",
		.seed = 1000 + lan.count,
		.fast_low_ms = 50,
		.fast_high_ms = 200,
		.slow_low_ms = 5000,
		.slow_high_ms = 15000,
	};

	lan.node[lan.count] = discovery_open(&config, lan.now_us);
	assert_non_null(lan.node[lan.count]);
	lan.island[lan.count] = lan.count;
	lan.count++;
}

static void member_tell(uint32_t to, uint32_t about)
{
	struct facts facts = {.id = id_number((uint8_t)(about + 1)), .addr = addr_of(about)};
	struct event e = {.kind = EVENT_TELL, .now_us = lan.now_us};

	e.tell.kind = TELL_MEMBER;
	e.tell.member.view = VIEW_ALL;
	e.tell.member.state = MEMBER_ALIVE;
	e.tell.member.facts = &facts;
	discovery_step(lan.node[to], &e, lan.out);
}

static void merge(uint32_t a, uint32_t b)
{
	uint32_t from = lan.island[b], into = lan.island[a];

	if (from == into || apart(a, b))
		return;
	for (uint32_t i = 0; i < lan.count; i++)
		if (lan.island[i] == from)
			lan.island[i] = into;
	member_tell(a, b);
	member_tell(b, a);
}

/* What one node left in the outbox: beacons are heard at once, dials take their time. */
static void carry(uint32_t from)
{
	struct outbox *mine = lan.out;

	lan.out = outbox_open();
	assert_non_null(lan.out);
	for (size_t i = 0; i < outbox_count(mine); i++) {
		const struct effect *x = outbox_at(mine, i);

		if (x->kind == EFFECT_TELL && lan.dials < DIALS_MAX) {
			uint32_t to = (uint32_t)x->tell.candidate.addr.ip[3] - 1;

			lan.dials_to[to]++;
			lan.dial[lan.dials++] = (struct dial){lan.now_us + DIAL_US, from, to};
		}
		if (x->kind != EFFECT_BEACON)
			continue;
		lan.beacons++;
		for (uint32_t to = 0; to < lan.count; to++) {
			struct event e = {.kind = EVENT_BEACON, .now_us = lan.now_us};

			if (apart(from, to))
				continue;
			e.beacon.sender = id_number((uint8_t)(from + 1));
			e.beacon.from = addr_of(from);
			e.beacon.body = x->send.body;
			discovery_step(lan.node[to], &e, lan.out);
			if (outbox_count(lan.out) > 0)
				carry(to);
		}
	}
	outbox_close(lan.out);
	lan.out = mine;
	outbox_clear(mine);
}

static void run(uint64_t us)
{
	for (uint64_t end = lan.now_us + us; lan.now_us < end; lan.now_us += MS) {
		while (lan.dialled < lan.dials && lan.dial[lan.dialled].at_us <= lan.now_us) {
			const struct dial *d = &lan.dial[lan.dialled++];

			merge(d->from, d->to);
		}
		for (uint32_t i = 0; i < lan.count; i++) {
			struct event e = {.kind = EVENT_WAKE, .now_us = lan.now_us};

			if (discovery_deadline_us(lan.node[i]) > lan.now_us)
				continue;
			discovery_step(lan.node[i], &e, lan.out);
			carry(i);
		}
	}
}

static uint32_t islands(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < lan.count; i++) {
		bool seen = false;

		for (uint32_t k = 0; k < i; k++)
			seen = seen || lan.island[k] == lan.island[i];
		n += !seen;
	}
	return n;
}

static int start(void **state)
{
	(void)state;
	memset(&lan, 0, sizeof(lan));
	lan.now_us = 100 * SECOND;
	lan.out = outbox_open();
	return lan.out ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < lan.count; i++)
		discovery_close(lan.node[i]);
	outbox_close(lan.out);
	return 0;
}

static void three_nodes_find_each_other_within_a_quarter_of_a_second(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		switch_on();
	run(250 * MS);
	assert_int_equal(islands(), 1);
}

static void a_hundred_switched_on_together_are_one_island_without_a_storm(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < NODES; i++)
		switch_on();
	run(2 * SECOND);
	assert_int_equal(islands(), 1);
	assert_true(lan.beacons <= 3 * NODES);
	for (uint32_t i = 0; i < NODES; i++)
		assert_true(lan.dials_to[i] <= NODES);
	run(120 * SECOND);
	lan.beacons = 0;
	run(60 * SECOND);
	assert_true(lan.beacons > 0);
	assert_true(lan.beacons <= 120);
}

static void a_newcomer_to_many_is_in_within_a_second_and_dialled_by_few(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < NODES - 1; i++)
		switch_on();
	run(60 * SECOND);
	assert_int_equal(islands(), 1);
	switch_on();
	run(SECOND);
	assert_int_equal(islands(), 1);
	assert_true(lan.dials_to[NODES - 1] <= 5);
}

static void two_islands_that_formed_apart_merge_once_the_cut_heals(void **state)
{
	(void)state;
	lan.cut = true;
	for (uint32_t i = 0; i < NODES; i++)
		switch_on();
	run(60 * SECOND);
	assert_int_equal(islands(), 2);
	lan.cut = false;
	run(60 * SECOND);
	assert_int_equal(islands(), 1);
}

static void one_that_was_alone_for_an_hour_is_found_at_once(void **state)
{
	(void)state;
	switch_on();
	run(3600 * SECOND);
	assert_true(lan.beacons < 800);
	switch_on();
	run(300 * MS);
	assert_int_equal(islands(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			three_nodes_find_each_other_within_a_quarter_of_a_second, start, end),
		cmocka_unit_test_setup_teardown(
			a_hundred_switched_on_together_are_one_island_without_a_storm, start, end),
		cmocka_unit_test_setup_teardown(
			a_newcomer_to_many_is_in_within_a_second_and_dialled_by_few, start, end),
		cmocka_unit_test_setup_teardown(
			two_islands_that_formed_apart_merge_once_the_cut_heals, start, end),
		cmocka_unit_test_setup_teardown(one_that_was_alone_for_an_hour_is_found_at_once,
						start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
