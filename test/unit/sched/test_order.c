#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched/order.h"

static const struct fence fence = {.store = {{1, 2, 3}}, .epoch = {4, 0x123456789abcdef0}};
static const struct attempt attempt = {.job = {{9, 8, 7}}, .step = 2, .number = 3};

/* Every shorter piece of a good body is refused, and so is one byte more. */
#define REFUSES_EVERY_PIECE(get, type, buffer)                                                     \
	do {                                                                                       \
		static type piece;                                                                 \
		uint8_t more[8192];                                                                \
		assert_true((buffer).len < sizeof(more));                                          \
		for (size_t len = 0; len < (buffer).len; len++)                                    \
			assert_int_not_equal(get(bytes_of((buffer).at, len), &piece), OK);         \
		memcpy(more, (buffer).at, (buffer).len);                                           \
		more[(buffer).len] = 0;                                                            \
		assert_int_equal(get(bytes_of(more, (buffer).len), &piece), OK);                   \
		assert_int_not_equal(get(bytes_of(more, (buffer).len + 1), &piece), OK);           \
	} while (0)

static void an_attempt_is_job_step_and_number(void **state)
{
	struct attempt other = attempt;

	(void)state;
	assert_true(attempt_same(attempt, other));
	other.number++;
	assert_false(attempt_same(attempt, other));
	other = attempt;
	other.step++;
	assert_false(attempt_same(attempt, other));
	other = attempt;
	other.job.b[15]++;
	assert_false(attempt_same(attempt, other));
}

static void an_attempt_without_a_number_is_refused(void **state)
{
	struct reported in = {.fence = fence, .attempt = {.job = attempt.job}}, out;
	struct buffer b;

	(void)state;
	buffer_init(&b, 4096);
	assert_int_equal(reported_put(&in, &b), OK);
	assert_int_equal(reported_get(buffer_bytes(&b), &out), ERR_MALFORMED);
	buffer_fini(&b);
}

static void what_is_no_choice_is_refused(void **state)
{
	struct report in = {.attempt = attempt, .kind = (enum report_kind)(REPORT_REFUSED + 1)},
		      out;
	struct buffer b;

	(void)state;
	buffer_init(&b, 4096);
	assert_int_equal(report_put(&in, &b), OK);
	assert_int_equal(report_get(buffer_bytes(&b), &out), ERR_MALFORMED);
	buffer_fini(&b);
}

static void an_inventory_comes_over_whole(void **state)
{
	static struct attach in, out;
	struct buffer b;

	(void)state;
	in = (struct attach){.node = {{5}},
			     .boot = 77,
			     .machine_boot = {1, 2, 3},
			     .highest = fence,
			     .slots = SLOTS_MAX,
			     .whole = true,
			     .count = SLOTS_MAX,
			     .serial = 12};
	for (uint32_t i = 0; i < SLOTS_MAX; i++)
		in.held[i] = (struct held){{attempt.job, i, i + 1}, (enum held_state)(i % 3)};
	buffer_init(&b, FRAME_MAX);
	assert_int_equal(attach_put(&in, &b), OK);
	assert_int_equal(attach_get(buffer_bytes(&b), &out), OK);
	assert_true(id_same(out.node, in.node));
	assert_int_equal(out.boot, 77);
	assert_int_equal(out.serial, 12);
	assert_memory_equal(out.machine_boot, in.machine_boot, 16);
	assert_int_equal(out.highest.epoch.term, fence.epoch.term);
	assert_int_equal(out.slots, SLOTS_MAX);
	assert_true(out.whole);
	assert_int_equal(out.count, SLOTS_MAX);
	for (uint32_t i = 0; i < SLOTS_MAX; i++) {
		assert_true(attempt_same(out.held[i].attempt, in.held[i].attempt));
		assert_int_equal(out.held[i].state, in.held[i].state);
	}
	in.count = 2;
	buffer_clear(&b);
	assert_int_equal(attach_put(&in, &b), OK);
	REFUSES_EVERY_PIECE(attach_get, struct attach, b);
	buffer_fini(&b);
}

static void an_order_comes_over_and_borrows_its_command(void **state)
{
	struct order in = {.fence = fence,
			   .attempt = attempt,
			   .on_lost = ON_LOST_HOLD,
			   .kill_after_ms = 5,
			   .timeout_ms = 6,
			   .max_output = 7,
			   .command = BYTES("\x92\xa2ls\xa1/"),
			   .env = BYTES("\x91\xa3"
					"A=b"),
			   .user = "u",
			   .directory = "/d"};
	struct order out;
	struct buffer b;

	(void)state;
	buffer_init(&b, 4096);
	assert_int_equal(order_put(&in, &b), OK);
	assert_int_equal(order_get(buffer_bytes(&b), &out), OK);
	assert_true(bytes_same(out.command, in.command));
	assert_true(bytes_same(out.env, in.env));
	assert_int_equal(out.on_lost, ON_LOST_HOLD);
	assert_int_equal(out.kill_after_ms, 5);
	assert_int_equal(out.timeout_ms, 6);
	assert_int_equal(out.max_output, 7);
	assert_string_equal(out.user, "u");
	assert_string_equal(out.directory, "/d");
	assert_true(id_same(out.fence.store, fence.store));
	REFUSES_EVERY_PIECE(order_get, struct order, b);
	buffer_clear(&b);
	in.command = BYTES("\x91\x07"); /* a number is no argument */
	assert_int_equal(order_put(&in, &b), OK);
	assert_int_equal(order_get(buffer_bytes(&b), &out), ERR_MALFORMED);
	buffer_clear(&b);
	in.command = BYTES("\x90"); /* nothing to run */
	assert_int_equal(order_put(&in, &b), OK);
	assert_int_equal(order_get(buffer_bytes(&b), &out), ERR_MALFORMED);
	buffer_fini(&b);
}

static void a_report_comes_over(void **state)
{
	struct report in = {.node = {{4}},
			    .attempt = attempt,
			    .kind = REPORT_ENDED,
			    .code = -1,
			    .signal = 9,
			    .began_wall_us = 1,
			    .ended_wall_us = UINT64_MAX,
			    .out_size = 3,
			    .err_size = 4,
			    .out_tail = BYTES("out"),
			    .err_tail = BYTES("er\0r"),
			    .why = "timeout"};
	struct report out;
	struct buffer b;

	(void)state;
	buffer_init(&b, 4096);
	assert_int_equal(report_put(&in, &b), OK);
	assert_int_equal(report_get(buffer_bytes(&b), &out), OK);
	assert_true(attempt_same(out.attempt, attempt));
	assert_int_equal(out.kind, REPORT_ENDED);
	assert_int_equal(out.code, -1);
	assert_int_equal(out.signal, 9);
	assert_true(out.ended_wall_us == UINT64_MAX);
	assert_true(bytes_same(out.out_tail, in.out_tail));
	assert_true(bytes_same(out.err_tail, in.err_tail));
	assert_string_equal(out.why, "timeout");
	REFUSES_EVERY_PIECE(report_get, struct report, b);
	buffer_fini(&b);
}

static void the_short_words_come_over(void **state)
{
	struct attached attached = {fence, true, true, 60000, 34, "why"}, attached2;
	struct reported reported = {fence, attempt}, reported2;
	struct lease_ask ask = {{{3}}, 12}, ask2;
	struct lease lease = {fence, 12, 60000}, lease2;
	struct end end = {fence, attempt, true, "cancelled"}, end2;
	struct direct direct = {fence}, direct2;
	struct buffer b;

	(void)state;
	buffer_init(&b, 4096);
	assert_int_equal(attached_put(&attached, &b), OK);
	assert_int_equal(attached_get(buffer_bytes(&b), &attached2), OK);
	assert_true(attached2.accepted && attached2.registered);
	assert_int_equal(attached2.lease_ms, 60000);
	assert_int_equal(attached2.serial, 34);
	assert_string_equal(attached2.why, "why");
	REFUSES_EVERY_PIECE(attached_get, struct attached, b);
	buffer_clear(&b);
	assert_int_equal(reported_put(&reported, &b), OK);
	assert_int_equal(reported_get(buffer_bytes(&b), &reported2), OK);
	assert_true(attempt_same(reported2.attempt, attempt));
	REFUSES_EVERY_PIECE(reported_get, struct reported, b);
	buffer_clear(&b);
	assert_int_equal(lease_ask_put(&ask, &b), OK);
	assert_int_equal(lease_ask_get(buffer_bytes(&b), &ask2), OK);
	assert_int_equal(ask2.sent_us, 12);
	REFUSES_EVERY_PIECE(lease_ask_get, struct lease_ask, b);
	buffer_clear(&b);
	assert_int_equal(lease_put(&lease, &b), OK);
	assert_int_equal(lease_get(buffer_bytes(&b), &lease2), OK);
	assert_int_equal(lease2.sent_us, 12);
	assert_int_equal(lease2.lease_ms, 60000);
	REFUSES_EVERY_PIECE(lease_get, struct lease, b);
	buffer_clear(&b);
	assert_int_equal(end_put(&end, &b), OK);
	assert_int_equal(end_get(buffer_bytes(&b), &end2), OK);
	assert_true(end2.force);
	assert_string_equal(end2.why, "cancelled");
	REFUSES_EVERY_PIECE(end_get, struct end, b);
	buffer_clear(&b);
	assert_int_equal(direct_put(&direct, &b), OK);
	assert_int_equal(direct_get(buffer_bytes(&b), &direct2), OK);
	assert_int_equal(epoch_cmp(direct2.fence.epoch, fence.epoch), 0);
	REFUSES_EVERY_PIECE(direct_get, struct direct, b);
	buffer_fini(&b);
}

static void what_a_newer_version_adds_is_skipped(void **state)
{
	struct lease_ask ask;

	(void)state;
	assert_int_equal(lease_ask_get(BYTES("\x94\xc4\x10"
					     "0123456789abcdef"
					     "\x05\xa1x\x91\xc0"),
				       &ask),
			 OK);
	assert_int_equal(ask.sent_us, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_attempt_is_job_step_and_number),
		cmocka_unit_test(an_attempt_without_a_number_is_refused),
		cmocka_unit_test(what_is_no_choice_is_refused),
		cmocka_unit_test(an_inventory_comes_over_whole),
		cmocka_unit_test(an_order_comes_over_and_borrows_its_command),
		cmocka_unit_test(a_report_comes_over),
		cmocka_unit_test(the_short_words_come_over),
		cmocka_unit_test(what_a_newer_version_adds_is_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
