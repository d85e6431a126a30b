#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/tell.h"
#include "gossip/message.h"

static struct buffer b;

static int set_up(void **state)
{
	(void)state;
	buffer_init(&b, DATAGRAM_BODY_MAX);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	buffer_fini(&b);
	return 0;
}

static struct id an_id(uint8_t n)
{
	struct id id = {{n, 1, 2, 3}};
	return id;
}

static void one_of_each(void)
{
	static const uint8_t signature[64] = {9};
	struct probing p = {.seq = 77, .target = an_id(1), .timeout_ms = 500};
	struct update u = {.id = an_id(2),
			   .boot = 3,
			   .incarnation = 4,
			   .state = MEMBER_DEAD,
			   .facts = 5,
			   .accuser = an_id(6),
			   .after_ms = 2300,
			   .accusers = 3};
	struct leave l = {an_id(3), 1, 2, signature};
	struct digest d = {11, 12, 13, true};
	struct id asked[2] = {an_id(4), an_id(5)};
	struct summary_writer w;

	buffer_clear(&b);
	for (enum message_type t = MESSAGE_PING; t <= MESSAGE_NACK; t++)
		assert_int_equal(message_put_probing(&b, t, &p), OK);
	assert_int_equal(message_put_update(&b, &u), OK);
	assert_int_equal(message_put_facts(&b, BYTES("facts")), OK);
	assert_int_equal(message_put_ask(&b, asked, 2), OK);
	assert_int_equal(message_put_leave(&b, &l), OK);
	assert_int_equal(message_put_digest(&b, &d), OK);
	summary_begin(&w, &b, 2, 3, 2);
	summary_add(&w, &u);
	u.state = MEMBER_ALIVE;
	summary_add(&w, &u);
	assert_int_equal(summary_end(&w), OK);
	assert_int_equal(message_put_next(&b, 2, 3), OK);
}

static void a_body_cut_anywhere_but_between_messages_is_refused_whole(void **state)
{
	size_t ends = 0;
	(void)state;

	one_of_each();
	assert_int_equal(message_check(buffer_bytes(&b)), OK);
	for (size_t len = 1; len < b.len; len++) {
		/* In memory of its own, so that reading past the end is seen. */
		uint8_t *cut = malloc(len);

		memcpy(cut, b.at, len);
		ends += message_check(bytes_of(cut, len)) == OK;
		free(cut);
	}
	assert_int_equal(ends, 10); /* after each of eleven messages but the last */
}

static void refuse(const char *what, const uint8_t *at, size_t len)
{
	if (message_check(bytes_of(at, len)) == OK)
		fail_msg("accepted: %s", what);
}

static void what_is_out_of_bounds_is_refused(void **state)
{
	static const uint8_t bits_9[] = {MESSAGE_NEXT, 0x92, 9, 0};
	static const uint8_t part_beyond[] = {MESSAGE_NEXT, 0x92, 2, 4};
	static const uint8_t no_ids[] = {MESSAGE_ASK, 0x91, 0xc4, 0};
	static const uint8_t half_an_id[] = {MESSAGE_ASK, 0x91, 0xc4, 8, 1, 2, 3, 4, 5, 6, 7, 8};
	static const uint8_t huge_array[] = {MESSAGE_PING, 0xdd, 0x0f, 0xff, 0xff, 0xff};
	static const uint8_t no_facts[] = {MESSAGE_FACTS, 0x91, 0xc4, 0};
	static const uint8_t unknown_without_array[] = {200, 5};
	struct update u = {.id = an_id(1), .incarnation = INCARNATION_MAX};
	(void)state;

	refuse("bits", bits_9, sizeof(bits_9));
	refuse("part", part_beyond, sizeof(part_beyond));
	refuse("no ids", no_ids, sizeof(no_ids));
	refuse("half an id", half_an_id, sizeof(half_an_id));
	refuse("huge array", huge_array, sizeof(huge_array));
	refuse("no facts", no_facts, sizeof(no_facts));
	refuse("unknown", unknown_without_array, sizeof(unknown_without_array));

	assert_int_equal(message_put_update(&b, &u), OK);
	assert_int_equal(message_check(buffer_bytes(&b)), OK);
	uint8_t *incarnation = memchr(b.at, 0xcf, b.len); /* eight bytes, the highest first */
	assert_non_null(incarnation);
	incarnation[8] = 1;
	assert_int_not_equal(message_check(buffer_bytes(&b)), OK);
}

static void a_state_that_does_not_exist_is_refused(void **state)
{
	struct update u = {.id = an_id(1), .boot = 1, .state = MEMBER_LEFT};
	(void)state;

	assert_int_equal(message_put_update(&b, &u), OK);
	assert_int_equal(b.at[b.len - 2], MEMBER_LEFT);
	b.at[b.len - 2] = MEMBER_LEFT + 1;
	assert_int_not_equal(message_check(buffer_bytes(&b)), OK);
}

static void what_does_not_fit_is_not_there_at_all(void **state)
{
	struct buffer small;
	struct update u = {.id = an_id(1), .boot = 1, .facts = UINT64_MAX};
	(void)state;

	for (size_t limit = 0; limit < 30; limit++) {
		buffer_init(&small, limit);
		assert_int_equal(message_put_update(&small, &u), ERR_FULL);
		assert_int_equal(small.len, 0);
		buffer_fini(&small);
	}
}

static void what_was_written_is_read(void **state)
{
	struct message m;
	struct update u;
	(void)state;

	one_of_each();
	struct bytes left = buffer_bytes(&b);
	for (enum message_type t = MESSAGE_PING; t <= MESSAGE_NACK; t++) {
		assert_true(message_next(&left, &m));
		assert_int_equal(m.type, t);
		assert_int_equal(m.probing.seq, 77);
		assert_true(id_same(m.probing.target, an_id(1)));
		assert_int_equal(m.probing.timeout_ms, t == MESSAGE_PING_REQ ? 500 : 0);
	}
	assert_true(message_next(&left, &m));
	assert_true(id_same(m.update.id, an_id(2)) && id_same(m.update.accuser, an_id(6)));
	assert_true(m.update.boot == 3 && m.update.incarnation == 4 && m.update.facts == 5);
	assert_true(m.update.state == MEMBER_DEAD && m.update.after_ms == 2300 &&
		    m.update.accusers == 3);
	assert_true(message_next(&left, &m));
	assert_true(bytes_same(m.facts, BYTES("facts")));
	assert_true(message_next(&left, &m));
	assert_int_equal(m.ask.len, 32);
	assert_true(message_next(&left, &m));
	assert_true(id_same(m.leave.id, an_id(3)) && m.leave.signature[0] == 9);
	assert_true(message_next(&left, &m));
	assert_true(m.digest.sum == 11 && m.digest.version == 12 && m.digest.size == 13 &&
		    m.digest.ask);
	assert_true(message_next(&left, &m));
	assert_true(m.summary.bits == 2 && m.summary.part == 3 && m.summary.count == 2);
	assert_true(summary_next(&m.summary, &u) && u.state == MEMBER_DEAD);
	assert_true(summary_next(&m.summary, &u) && u.state == MEMBER_ALIVE);
	assert_false(summary_next(&m.summary, &u));
	assert_true(message_next(&left, &m));
	assert_true(m.type == MESSAGE_NEXT && m.summary.part == 3);
	assert_false(message_next(&left, &m));
}

static void a_later_version_may_add_fields_and_types(void **state)
{
	static const uint8_t later[] = {MESSAGE_NEXT, 0x93,         1,    1, 0xa1, 'x', 99, 0x91,
					0xc0,         MESSAGE_NEXT, 0x92, 0, 0};
	struct bytes left = bytes_of(later, sizeof(later));
	struct message m;
	(void)state;

	assert_int_equal(message_check(left), OK);
	assert_true(message_next(&left, &m) && m.type == MESSAGE_NEXT && m.summary.bits == 1);
	assert_true(message_next(&left, &m) && m.type == MESSAGE_UNKNOWN);
	assert_true(message_next(&left, &m) && m.type == MESSAGE_NEXT);
	assert_false(message_next(&left, &m));
}

static void the_text_of_a_leave_is_fixed(void **state)
{
	struct leave l = {an_id(7), 0x0102, 0x0304, NULL};
	(void)state;

	assert_int_equal(leave_text(&l, BYTES("cluster"), &b), OK);
	assert_int_equal(b.len, 13 + 7 + 16 + 8 + 8);
	assert_memory_equal(b.at, "witan-leave-1cluster\x07\x01\x02\x03", 24);
	assert_memory_equal(b.at + 36, "\x02\x01\0\0\0\0\0\0\x04\x03\0\0\0\0\0\0", 16);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_body_cut_anywhere_but_between_messages_is_refused_whole),
		TEST(what_is_out_of_bounds_is_refused),
		TEST(a_state_that_does_not_exist_is_refused),
		TEST(what_does_not_fit_is_not_there_at_all),
		TEST(what_was_written_is_read),
		TEST(a_later_version_may_add_fields_and_types),
		TEST(the_text_of_a_leave_is_fixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
