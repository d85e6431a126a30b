#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sched/store/voters.h"

enum { MAX = 8 };

/* Nodes 1 to n on machines of their own, all alive and asked, none sitting yet but the first. */
struct room {
	struct sitter sitter[MAX];
	uint32_t count;
	struct voters voters;
	struct voters_wish wish;
};

static struct id name(uint8_t n)
{
	struct id id = {{n}};

	return id;
}

static void room_init(struct room *r, uint32_t schedulers, uint32_t workers)
{
	memset(r, 0, sizeof(*r));
	r->wish.voters = 3;
	for (uint32_t i = 0; i < schedulers + workers; i++) {
		struct sitter *s = &r->sitter[r->count++];

		s->node = name((uint8_t)(i + 1));
		s->voter = name((uint8_t)(i + 101));
		s->machine[0] = (uint8_t)(i + 1);
		s->scheduler = i < schedulers;
		s->self = i == 0;
		s->alive = s->caught_up = true;
	}
	voters_add(&r->voters, (struct seat){r->sitter[0].voter, r->sitter[0].node, true, true});
}

/* Changes until nothing is left to change; how many it took. */
static uint32_t settle(struct room *r)
{
	struct voters next;
	uint32_t steps = 0;

	while (voters_next(&r->voters, r->sitter, r->count, r->wish, &next)) {
		assert_true(voters_is_one_step(&r->voters, &next));
		r->voters = next;
		assert_true(++steps < 20);
	}
	return steps;
}

static bool votes(const struct room *r, uint8_t node)
{
	return voters_votes(&r->voters, name((uint8_t)(node + 100)));
}

static void one_scheduler_drafts_nobody(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 1, 4);
	assert_int_equal(settle(&r), 0);
}

static void two_steps_at_once_are_told_from_one(void **state)
{
	struct room r;
	struct voters next;

	(void)state;
	room_init(&r, 3, 0);
	next = r.voters;
	voters_add(&next, (struct seat){name(102), name(2), true, false});
	assert_true(voters_is_one_step(&r.voters, &next));
	voters_add(&next, (struct seat){name(103), name(3), true, false});
	assert_false(voters_is_one_step(&r.voters, &next));
}

static void two_schedulers_and_a_worker_are_three_voters(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 2, 3);
	settle(&r);
	assert_int_equal(voters_count(&r.voters), 3);
	assert_int_equal(r.voters.count, 3);
	assert_true(votes(&r, 1) && votes(&r, 2) && votes(&r, 3));
}

static void a_third_scheduler_takes_the_witness_place(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 3, 2);
	r.sitter[2].alive = false;
	settle(&r);
	assert_true(votes(&r, 4) || votes(&r, 5));
	r.sitter[2].alive = true;
	settle(&r);
	assert_true(votes(&r, 1) && votes(&r, 2) && votes(&r, 3));
	assert_int_equal(r.voters.count, 3);
}

static void further_schedulers_only_learn(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 5, 2);
	settle(&r);
	assert_int_equal(voters_count(&r.voters), 3);
	assert_int_equal(r.voters.count, 5);
}

static void machines_of_their_own_come_first(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 4, 0);
	r.sitter[1].machine[0] = r.sitter[0].machine[0];
	settle(&r);
	assert_true(votes(&r, 1) && votes(&r, 3) && votes(&r, 4) && !votes(&r, 2));
}

static void one_machine_holds_three_voters_unless_they_must_be_spread(void **state)
{
	struct room r;

	(void)state;
	for (int spread = 0; spread < 2; spread++) {
		room_init(&r, 3, 0);
		for (uint32_t i = 0; i < r.count; i++)
			r.sitter[i].machine[0] = 1;
		r.wish.spread = spread == 1;
		settle(&r);
		assert_int_equal(voters_count(&r.voters), spread == 1 ? 1 : 3);
	}
}

static void a_voter_gone_for_long_is_replaced_before_it_is_dismissed(void **state)
{
	struct room r;
	struct voters next;

	(void)state;
	room_init(&r, 4, 0);
	settle(&r);
	r.sitter[1].alive = r.sitter[1].caught_up = false;
	assert_int_equal(settle(&r), 0);
	r.sitter[1].gone = true;
	assert_true(voters_next(&r.voters, r.sitter, r.count, r.wish, &next));
	assert_int_equal(voters_count(&next), 4);
	settle(&r);
	assert_false(votes(&r, 2));
	assert_int_equal(voters_count(&r.voters), 3);
}

static void one_that_lost_its_log_sits_anew(void **state)
{
	struct room r;

	(void)state;
	room_init(&r, 3, 0);
	settle(&r);
	r.sitter[2].voter = name(200);
	settle(&r);
	assert_int_equal(voters_find(&r.voters, name(103)), VOTERS_NONE);
	assert_true(voters_votes(&r.voters, name(200)));
	assert_int_equal(voters_count(&r.voters), 3);
}

static void a_set_cut_anywhere_is_refused(void **state)
{
	struct room r;
	struct voters back;
	struct buffer packed;

	(void)state;
	room_init(&r, 3, 0);
	settle(&r);
	buffer_init(&packed, 4096);
	assert_int_equal(voters_put(&r.voters, &packed), OK);
	for (size_t len = 0; len < packed.len; len++)
		assert_int_not_equal(voters_get(bytes_of(packed.at, len), &back), OK);
	assert_int_equal(voters_get(buffer_bytes(&packed), &back), OK);
	assert_memory_equal(back.seat, r.voters.seat, sizeof(back.seat[0]) * back.count);
	buffer_fini(&packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_scheduler_drafts_nobody),
		cmocka_unit_test(two_steps_at_once_are_told_from_one),
		cmocka_unit_test(a_set_cut_anywhere_is_refused),
		cmocka_unit_test(two_schedulers_and_a_worker_are_three_voters),
		cmocka_unit_test(a_third_scheduler_takes_the_witness_place),
		cmocka_unit_test(further_schedulers_only_learn),
		cmocka_unit_test(machines_of_their_own_come_first),
		cmocka_unit_test(one_machine_holds_three_voters_unless_they_must_be_spread),
		cmocka_unit_test(a_voter_gone_for_long_is_replaced_before_it_is_dismissed),
		cmocka_unit_test(one_that_lost_its_log_sits_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
