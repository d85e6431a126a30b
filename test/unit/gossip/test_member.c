#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/identity.h"
#include "core/limits.h"
#include "gossip/member.h"
#include "gossip/suspect.h"

static struct members t;
static struct cards *cards;
static struct rng rng;

static int set_up(void **state)
{
	(void)state;
	members_init(&t);
	cards = cards_open();
	rng_init(&rng, 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	members_fini(&t, cards);
	cards_close(cards); /* asserts that every card was dropped */
	return 0;
}

static struct card *a_card(uint32_t n, uint64_t boot)
{
	uint8_t seed[32] = {0};
	struct identity me;

	put_u32(seed, n + 1);
	identity_make(&me, seed);
	struct facts f = {.id = me.id,
			  .boot = boot,
			  .roles = ROLE_WORKER,
			  .addr = addr_v4(10, 0, (uint8_t)(n >> 8), (uint8_t)n, 8081)};
	memcpy(f.key, me.public_key, sizeof(f.key));
	return card_keep(cards, &f);
}

static uint32_t add(uint32_t n)
{
	return members_add(&t, a_card(n, 1), 0, false, &rng, 0);
}

static void set(uint32_t slot, enum member_state state, uint64_t incarnation)
{
	members_set(&t, slot, state, members_at(&t, slot)->boot, incarnation, &rng, 7);
}

static void the_same_facts_are_kept_once(void **state)
{
	struct card *a = a_card(1, 1), *b = a_card(1, 1), *c = a_card(1, 2);
	(void)state;

	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	assert_int_equal(a->refs, 2);
	assert_null(card_find(cards, a->id, a->digest + 1));
	card_drop(cards, a);
	card_drop(cards, b);
	card_drop(cards, c);
}

static void who_is_unknown_is_not_found(void **state)
{
	uint32_t slot = add(1);
	struct id stranger = {{1, 2, 3}};
	(void)state;

	assert_int_equal(members_find(&t, stranger), SLOT_NONE);
	assert_int_equal(members_find(&t, members_at(&t, slot)->id), slot);
}

static void one_round_probes_everybody_once_however_they_come_and_go(void **state)
{
	bool seen[400] = {false};
	uint32_t here[400], count = 0;
	(void)state;

	for (uint32_t n = 0; n < 200; n++)
		here[count++] = add(n);
	/* Half a round, during which some go and some come. */
	for (int i = 0; i < 100; i++) {
		uint32_t slot = members_next(&t, &rng);
		assert_false(seen[slot]);
		seen[slot] = true;
		if (i % 3 == 0)
			set(here[i], MEMBER_DEAD, 0);
		if (i % 4 == 0)
			here[count++] = add(200 + (uint32_t)i);
	}
	while (t.cursor < t.living.count) {
		uint32_t slot = members_next(&t, &rng);
		assert_false(seen[slot]);
		seen[slot] = true;
	}
	for (uint32_t i = 0; i < count; i++)
		if (member_is_here(members_at(&t, here[i])))
			assert_true(seen[here[i]]);
}

static void equal_views_have_equal_digests_whatever_the_way_there(void **state)
{
	struct members other;
	(void)state;

	members_init(&other);
	uint32_t a = add(1);
	add(2);
	uint32_t three = add(3);
	set(three, MEMBER_DEAD, 0);
	members_add(&other, a_card(2, 1), 0, false, &rng, 0);
	uint32_t b = members_add(&other, a_card(1, 1), 0, false, &rng, 0);
	assert_true(t.sum == other.sum);
	set(a, MEMBER_SUSPECT, 0);
	members_at(&t, a)->suspicion = suspicion_open(doubt_of(3, 4, 6, 1000), id_none, 0);
	assert_true(t.sum == other.sum); /* a doubt is no difference */
	members_set(&other, b, MEMBER_ALIVE, 1, 5, &rng, 0);
	assert_true(t.sum != other.sum);
	set(a, MEMBER_ALIVE, 5);
	assert_true(t.sum == other.sum);
	assert_int_equal(t.suspects, 0);
	members_fini(&other, cards);
}

static void of_the_reaped_a_floor_remains_that_only_rises(void **state)
{
	uint32_t slot = add(1);
	struct id id = members_at(&t, slot)->id;
	(void)state;

	assert_null(members_floor(&t, id));
	set(slot, MEMBER_DEAD, 9);
	members_reap(&t, cards, slot);
	assert_int_equal(members_find(&t, id), SLOT_NONE);
	assert_true(members_floor(&t, id)->incarnation == 9);
	members_floor_set(&t, id, 1, 3);
	assert_true(members_floor(&t, id)->incarnation == 9);
	members_floor_set(&t, id, 2, 0);
	assert_true(members_floor(&t, id)->boot == 2 && members_floor(&t, id)->incarnation == 0);
	assert_int_equal(add(5), slot); /* the slot is used again */
}

static void floors_are_bounded_and_the_oldest_goes_first(void **state)
{
	struct id id = {{0}};
	(void)state;

	for (uint32_t i = 1; i <= FLOORS_MAX + 10; i++) {
		put_u64(id.b, i * UINT64_C(0x9e3779b97f4a7c15));
		members_floor_set(&t, id, 1, i);
	}
	assert_int_equal(t.floors_room, FLOORS_MAX);
	put_u64(id.b, 10 * UINT64_C(0x9e3779b97f4a7c15));
	assert_null(members_floor(&t, id));
	put_u64(id.b, 11 * UINT64_C(0x9e3779b97f4a7c15));
	assert_non_null(members_floor(&t, id));
}

static void some_are_picked_all_different_and_never_the_excepted(void **state)
{
	uint32_t out[3];
	(void)state;

	assert_int_equal(slots_pick(&t.living, &rng, SLOT_NONE, out, 3), 0);
	uint32_t first = add(1);
	assert_int_equal(slots_pick(&t.living, &rng, first, out, 3), 0);
	for (uint32_t n = 2; n < 20; n++)
		add(n);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(slots_pick(&t.living, &rng, first, out, 3), 3);
		assert_true(out[0] != out[1] && out[1] != out[2] && out[0] != out[2]);
		assert_true(out[0] != first && out[1] != first && out[2] != first);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_same_facts_are_kept_once),
		TEST(who_is_unknown_is_not_found),
		TEST(one_round_probes_everybody_once_however_they_come_and_go),
		TEST(equal_views_have_equal_digests_whatever_the_way_there),
		TEST(of_the_reaped_a_floor_remains_that_only_rises),
		TEST(floors_are_bounded_and_the_oldest_goes_first),
		TEST(some_are_picked_all_different_and_never_the_excepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
