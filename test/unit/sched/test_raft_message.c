#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sched/store/raft_message.h"

static struct message some(enum message_kind kind)
{
	struct message m = {.kind = kind,
			    .store = {{1}},
			    .generation = 1,
			    .from = {{2}},
			    .to = {{3}},
			    .boot = 4,
			    .nonce = 5,
			    .term = 9};

	if (kind == MESSAGE_APPEND) {
		m.append.prev = 100;
		m.append.prev_term = 7;
		m.append.commit = 99;
		m.append.round = 3;
	} else if (kind == MESSAGE_SNAPSHOT) {
		m.snapshot.index = 50;
		m.snapshot.index_term = 6;
		m.snapshot.piece = BYTES("piece");
	} else if (kind == MESSAGE_PROPOSE) {
		m.propose.count = 2;
		m.propose.node[1].b[0] = 8;
	}
	return m;
}

static void put_append(struct buffer *out, uint64_t first_term, uint64_t second_term)
{
	struct message m = some(MESSAGE_APPEND);
	struct entry a = {101, first_term, ENTRY_NOOP, {NULL, 0}};
	struct entry b = {102, second_term, ENTRY_BATCH, BYTES("batch")};

	m.append.count = 2;
	buffer_clear(out);
	assert_int_equal(message_put(&m, out), OK);
	assert_int_equal(message_put_entry(&a, out), OK);
	assert_int_equal(message_put_entry(&b, out), OK);
}

static void every_kind_cut_anywhere_is_refused(void **state)
{
	struct buffer out;
	struct message back;

	(void)state;
	buffer_init(&out, FRAME_MAX);
	for (enum message_kind k = MESSAGE_PREVOTE; k <= MESSAGE_COPIED; k++) {
		struct message m = some(k);

		if (k > MESSAGE_WITHDRAWN && k < MESSAGE_GIVE_UP)
			continue;

		buffer_clear(&out);
		assert_int_equal(message_put(&m, &out), OK);
		for (size_t len = 0; len < out.len; len++)
			assert_int_not_equal(message_get(bytes_of(out.at, len), &back), OK);
		assert_int_equal(message_get(buffer_bytes(&out), &back), OK);
		assert_int_equal(back.kind, k);
		assert_int_equal(back.term, 9);
		assert_int_equal(back.nonce, 5);
	}
	put_append(&out, 8, 9);
	for (size_t len = 0; len < out.len; len++)
		assert_int_not_equal(message_get(bytes_of(out.at, len), &back), OK);
	buffer_fini(&out);
}

/* The first version said no level: what it says is read, and it knows the first one. */
static void a_hello_of_the_first_version_is_read(void **state)
{
	struct message m = some(MESSAGE_HELLO), back;
	struct buffer out;

	(void)state;
	m.hello.level = 3;
	m.hello.state = 2;
	buffer_init(&out, FRAME_MAX);
	assert_int_equal(message_put(&m, &out), OK);
	assert_int_equal(message_get(buffer_bytes(&out), &back), OK);
	assert_int_equal(back.hello.level, 3);
	assert_int_equal(back.hello.state, 2);
	assert_int_equal(out.at[0], 0x9d);
	out.at[0] = 0x9b; /* an array of two fields less */
	assert_int_equal(message_get(bytes_of(out.at, out.len - 2), &back), OK);
	assert_int_equal(back.hello.level, 1);
	assert_int_equal(back.hello.state, 1);
	buffer_fini(&out);
}

static void terms_that_fall_or_pass_the_leaders_are_refused(void **state)
{
	struct buffer out;
	struct message back;

	(void)state;
	buffer_init(&out, FRAME_MAX);
	put_append(&out, 6, 9); /* beneath the one before */
	assert_int_not_equal(message_get(buffer_bytes(&out), &back), OK);
	put_append(&out, 9, 8);
	assert_int_not_equal(message_get(buffer_bytes(&out), &back), OK);
	put_append(&out, 9, 10); /* above the leader's own */
	assert_int_not_equal(message_get(buffer_bytes(&out), &back), OK);
	put_append(&out, 7, 9);
	assert_int_equal(message_get(buffer_bytes(&out), &back), OK);
	buffer_fini(&out);
}

static void an_unknown_kind_is_refused(void **state)
{
	struct message m = some(MESSAGE_WITHDRAWN), back;
	struct buffer out;

	(void)state;
	buffer_init(&out, FRAME_MAX);
	assert_int_equal(message_put(&m, &out), OK);
	assert_int_equal(out.at[1], MESSAGE_WITHDRAWN);
	out.at[1] = MESSAGE_WITHDRAWN + 1;
	assert_int_not_equal(message_get(buffer_bytes(&out), &back), OK);
	out.at[1] = 0;
	assert_int_not_equal(message_get(buffer_bytes(&out), &back), OK);
	buffer_fini(&out);
}

static void an_unknown_answer_to_a_vote_given_up_is_refused(void **state)
{
	struct message m = some(MESSAGE_GIVEN_UP), back;
	struct buffer out;

	(void)state;
	m.give.gave = GAVE_NOT;
	buffer_init(&out, FRAME_MAX);
	assert_int_equal(message_put(&m, &out), OK);
	assert_int_equal(message_get(buffer_bytes(&out), &back), OK);
	assert_int_equal(back.give.gave, GAVE_NOT);
	out.at[out.len - 1]++;
	assert_int_not_equal(message_get(buffer_bytes(&out), &back), OK);
	buffer_fini(&out);
}

static void fields_of_a_later_version_are_skipped(void **state)
{
	struct message m = some(MESSAGE_APPENDED), back;
	struct buffer out;

	(void)state;
	m.appended.match = 77;
	buffer_init(&out, FRAME_MAX);
	assert_int_equal(message_put(&m, &out), OK);
	out.at[0]++; /* one field more */
	assert_int_equal(buffer_add(&out, BYTES("\x2a")), OK);
	assert_int_equal(message_get(buffer_bytes(&out), &back), OK);
	assert_int_equal(back.appended.match, 77);
	buffer_fini(&out);
}

static void entries_come_back_in_order(void **state)
{
	struct buffer out;
	struct message back;
	struct bytes entries;
	struct entry e;

	(void)state;
	buffer_init(&out, FRAME_MAX);
	put_append(&out, 8, 9);
	assert_int_equal(message_get(buffer_bytes(&out), &back), OK);
	assert_int_equal(back.append.count, 2);
	entries = back.append.entries;
	e = message_entry(&entries, 101);
	assert_true(e.kind == ENTRY_NOOP && e.term == 8 && e.index == 101);
	e = message_entry(&entries, 102);
	assert_true(e.kind == ENTRY_BATCH && e.term == 9);
	assert_true(bytes_same(e.body, BYTES("batch")));
	buffer_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_cut_anywhere_is_refused),
		cmocka_unit_test(a_hello_of_the_first_version_is_read),
		cmocka_unit_test(terms_that_fall_or_pass_the_leaders_are_refused),
		cmocka_unit_test(an_unknown_kind_is_refused),
		cmocka_unit_test(an_unknown_answer_to_a_vote_given_up_is_refused),
		cmocka_unit_test(fields_of_a_later_version_are_skipped),
		cmocka_unit_test(entries_come_back_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
