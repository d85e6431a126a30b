#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/pack.h"
#include "sched/store/voters.h"

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

static void two_votes_at_once_are_told_from_one(void **state)
{
	struct voters one = {0}, next;

	(void)state;
	voters_add(&one, seat_of(1, true));
	next = one;
	voters_add(&next, seat_of(2, true));
	voters_add(&next, seat_of(4, false));
	assert_true(voters_is_one_step(&one, &next));
	assert_true(voters_is_one_step(&next, &one));
	voters_add(&next, seat_of(3, true));
	assert_false(voters_is_one_step(&one, &next));
	assert_false(voters_is_one_step(&next, &one));
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

static void a_set_cut_anywhere_is_refused(void **state)
{
	struct voters back, set = {0};
	struct buffer packed, again;

	(void)state;
	for (uint8_t i = 1; i <= 3; i++)
		voters_add(&set, seat_of(i, true));
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

static void the_bytes_of_a_set_are_as_written_down(void **state)
{
	static const uint8_t head[] = {0x91, 0x98, 0xc4, 0x10};
	static const uint8_t tail[] = {0xc3, 0xc2, 0x05, 0x06, 0xc3, 0xc3};
	struct seat seat = {.scheduler = true, .boot = 5, .nonce = 6, .voted = true, .goes = true};
	struct voters set = {0};
	struct buffer packed;

	(void)state;
	memset(seat.voter.b, 1, sizeof(seat.voter.b));
	memset(seat.node.b, 2, sizeof(seat.node.b));
	voters_add(&set, seat);
	buffer_init(&packed, 4096);
	assert_int_equal(voters_put(&set, &packed), OK);
	assert_int_equal(packed.len, 4 + 16 + 2 + 16 + sizeof(tail));
	assert_memory_equal(packed.at, head, sizeof(head));
	assert_memory_equal(packed.at + 4, seat.voter.b, 16);
	assert_memory_equal(packed.at + 22, seat.node.b, 16);
	assert_memory_equal(packed.at + 38, tail, sizeof(tail));
	buffer_fini(&packed);
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
		cmocka_unit_test(two_votes_at_once_are_told_from_one),
		cmocka_unit_test(a_joint_set_needs_a_majority_of_both),
		cmocka_unit_test(what_a_joint_set_has_reached_both_majorities_have),
		cmocka_unit_test(of_a_joint_set_the_new_one_is_left),
		cmocka_unit_test(a_set_cut_anywhere_is_refused),
		cmocka_unit_test(a_set_of_the_first_version_is_read),
		cmocka_unit_test(the_bytes_of_a_set_are_as_written_down),
		cmocka_unit_test(one_that_goes_and_votes_still_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
