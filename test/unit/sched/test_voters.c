#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/pack.h"
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

static struct seat seat_of(uint8_t node, bool votes)
{
	return (struct seat){.voter = name((uint8_t)(node + 100)),
			     .node = name(node),
			     .scheduler = true,
			     .votes = votes};
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
	voters_add(&r->voters, seat_of(1, true));
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

static void two_votes_at_once_are_told_from_one(void **state)
{
	struct room r;
	struct voters next;

	(void)state;
	room_init(&r, 3, 0);
	next = r.voters;
	voters_add(&next, seat_of(2, true));
	voters_add(&next, seat_of(4, false));
	assert_true(voters_is_one_step(&r.voters, &next));
	assert_true(voters_is_one_step(&next, &r.voters));
	voters_add(&next, seat_of(3, true));
	assert_false(voters_is_one_step(&r.voters, &next));
	assert_false(voters_is_one_step(&next, &r.voters));
}

/* Voters 1, 2, 3 become 1, 4, 5. */
static struct voters joint(void)
{
	struct voters from = {0}, to = {0}, both;

	for (uint8_t i = 1; i <= 3; i++)
		voters_add(&from, seat_of(i, true));
	voters_add(&from, seat_of(4, false));
	voters_add(&from, seat_of(5, false));
	voters_add(&to, seat_of(1, true));
	voters_add(&to, seat_of(3, false));
	voters_add(&to, seat_of(4, true));
	voters_add(&to, seat_of(5, true));
	assert_true(voters_join(&from, &to, &both));
	return both;
}

static bool agree(const struct voters *v, const char *yes)
{
	bool says[STORE_REPLICAS_MAX] = {false};

	for (; *yes != '\0'; yes++)
		says[voters_find_node(v, name((uint8_t)(*yes - '0')))] = true;
	return voters_agree(v, says);
}

static void a_joint_set_needs_a_majority_of_both(void **state)
{
	struct voters both = joint();

	(void)state;
	assert_true(voters_is_joint(&both));
	assert_false(agree(&both, "123")); /* all of the old */
	assert_false(agree(&both, "145")); /* all of the new */
	assert_false(agree(&both, "45"));
	assert_false(agree(&both, "14"));
	assert_true(agree(&both, "1245"));
	assert_true(agree(&both, "124")); /* the first counts in both */
	assert_true(agree(&both, "2345"));
	for (uint8_t i = 1; i <= 5; i++)
		assert_true(voters_votes(&both, name((uint8_t)(i + 100))));
}

static void what_a_joint_set_has_reached_both_majorities_have(void **state)
{
	struct voters both = joint();
	uint64_t value[STORE_REPLICAS_MAX];
	static const uint64_t reached[] = {0, 50, 40, 40, 20, 10}; /* by node */

	(void)state;
	for (uint32_t i = 0; i < both.count; i++)
		value[i] = reached[both.seat[i].node.b[0]];
	assert_int_equal(voters_reached(&both, value), 20); /* old: 40, new: 20 */
	both = voters_settled(&both);
	for (uint32_t i = 0; i < both.count; i++)
		value[i] = reached[both.seat[i].node.b[0]];
	assert_int_equal(voters_reached(&both, value), 20);
}

static void of_a_joint_set_the_new_one_is_left(void **state)
{
	struct voters both = joint(), settled = voters_settled(&both);

	(void)state;
	assert_false(voters_is_joint(&settled));
	assert_int_equal(settled.count, 4);
	assert_int_equal(voters_count(&settled), 3);
	assert_int_equal(voters_find(&settled, name(102)), VOTERS_NONE);
	assert_false(voters_votes(&settled, name(103)));
	assert_int_not_equal(voters_find(&settled, name(103)), VOTERS_NONE);
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
	struct voters back, set;
	struct buffer packed, again;

	(void)state;
	room_init(&r, 3, 0);
	settle(&r);
	set = r.voters;
	for (int i = 0; i < 2; i++) {
		buffer_init(&packed, 4096);
		buffer_init(&again, 4096);
		set.seat[0].boot = 7;
		set.seat[0].nonce = 8;
		assert_int_equal(voters_put(&set, &packed), OK);
		for (size_t len = 0; len < packed.len; len++)
			assert_int_not_equal(voters_get(bytes_of(packed.at, len), &back), OK);
		assert_int_equal(voters_get(buffer_bytes(&packed), &back), OK);
		assert_int_equal(back.seat[0].boot, 7);
		assert_int_equal(back.seat[0].nonce, 8);
		assert_int_equal(voters_is_joint(&back), i == 1);
		assert_int_equal(voters_put(&back, &again), OK);
		assert_true(bytes_same(buffer_bytes(&packed), buffer_bytes(&again)));
		buffer_fini(&packed);
		buffer_fini(&again);
		set = joint();
	}
}

static void a_set_of_the_first_version_is_read(void **state)
{
	struct voters back;
	struct buffer out;
	struct pack p;

	(void)state;
	buffer_init(&out, FRAME_MAX);
	pack_init(&p, &out);
	pack_array(&p, 1);
	pack_array(&p, 4);
	pack_id(&p, (struct id){{1}});
	pack_id(&p, (struct id){{2}});
	pack_bool(&p, true);
	pack_bool(&p, true);
	assert_int_equal(pack_err(&p), OK);
	assert_int_equal(voters_get(buffer_bytes(&out), &back), OK);
	assert_int_equal(back.count, 1);
	assert_true(back.seat[0].votes);
	assert_false(voters_is_joint(&back));
	assert_int_equal(back.seat[0].boot, 0);
	buffer_fini(&out);
}

static void one_that_goes_and_votes_still_is_refused(void **state)
{
	struct voters both = joint(), back;
	struct buffer packed;

	(void)state;
	buffer_init(&packed, 4096);
	both.seat[voters_find(&both, name(104))].goes = true;
	assert_int_equal(voters_put(&both, &packed), OK);
	assert_int_equal(voters_get(buffer_bytes(&packed), &back), ERR_MALFORMED);
	buffer_fini(&packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_scheduler_drafts_nobody),
		cmocka_unit_test(two_votes_at_once_are_told_from_one),
		cmocka_unit_test(a_joint_set_needs_a_majority_of_both),
		cmocka_unit_test(what_a_joint_set_has_reached_both_majorities_have),
		cmocka_unit_test(of_a_joint_set_the_new_one_is_left),
		cmocka_unit_test(a_set_cut_anywhere_is_refused),
		cmocka_unit_test(a_set_of_the_first_version_is_read),
		cmocka_unit_test(one_that_goes_and_votes_still_is_refused),
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
