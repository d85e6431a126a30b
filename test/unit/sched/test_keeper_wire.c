#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/must.h"
#include "sched/keeper_wire.h"

static const struct attempt first = {.job = {{7}}, .step = 2, .number = 3};

static struct bytes texts(struct buffer *b, uint32_t count, const char *const *list)
{
	struct pack p;

	buffer_init(b, 4096);
	pack_init(&p, b);
	pack_array(&p, count);
	for (uint32_t i = 0; i < count; i++)
		pack_str(&p, list[i]);
	must(pack_err(&p) == OK);
	return buffer_bytes(b);
}

static struct keeper_said a_spawn(struct buffer *argv, struct buffer *env)
{
	static const char *const words[] = {"echo", "two words"};

	return (struct keeper_said){.word = KEEPER_SPAWN,
				    .attempt = first,
				    .spawn = {.on_lost = ON_LOST_FAIL,
					      .kill_after_ms = 10,
					      .timeout_ms = 20,
					      .max_output = 30,
					      .argv = texts(argv, 2, words),
					      .env = texts(env, 0, NULL),
					      .directory = "/d",
					      .user = "",
					      .out = "/o",
					      .err = "/e",
					      .fresh = true}};
}

static void a_spawn_without_a_command_is_refused(void **state)
{
	struct buffer argv, env, out;
	struct keeper_said said = a_spawn(&argv, &env), got;

	(void)state;
	buffer_init(&out, 4096);
	said.spawn.argv = said.spawn.env;
	assert_int_equal(keeper_put(&said, &out), OK);
	assert_int_not_equal(keeper_get(buffer_bytes(&out), &got), OK);
	buffer_fini(&out);
	buffer_fini(&argv);
	buffer_fini(&env);
}

static void a_path_that_is_not_absolute_is_refused(void **state)
{
	struct buffer argv, env, out;
	struct keeper_said said = a_spawn(&argv, &env), got;

	(void)state;
	buffer_init(&out, 4096);
	said.spawn.out = "o";
	assert_int_equal(keeper_put(&said, &out), OK);
	assert_int_equal(keeper_get(buffer_bytes(&out), &got), ERR_MALFORMED);
	buffer_fini(&out);
	buffer_fini(&argv);
	buffer_fini(&env);
}

static void an_unknown_word_is_a_newer_version(void **state)
{
	struct keeper_said got;

	(void)state;
	assert_int_equal(keeper_get(BYTES("\x91\x63"), &got), ERR_VERSION);
}

static void an_attempt_number_of_zero_is_refused(void **state)
{
	struct buffer out;
	struct keeper_said said = {.word = KEEPER_ACK, .attempt = first}, got;

	(void)state;
	buffer_init(&out, 4096);
	said.attempt.number = 0;
	assert_int_equal(keeper_put(&said, &out), OK);
	assert_int_equal(keeper_get(buffer_bytes(&out), &got), ERR_MALFORMED);
	buffer_fini(&out);
}

static void every_prefix_of_a_word_is_refused(void **state)
{
	struct buffer argv, env, out;
	struct keeper_said said = a_spawn(&argv, &env), got;

	(void)state;
	buffer_init(&out, 4096);
	assert_int_equal(keeper_put(&said, &out), OK);
	for (size_t len = 0; len < out.len; len++)
		assert_int_not_equal(keeper_get(bytes_of(out.at, len), &got), OK);
	assert_int_equal(keeper_get(buffer_bytes(&out), &got), OK);
	buffer_fini(&out);
	buffer_fini(&argv);
	buffer_fini(&env);
}

static void a_spawn_comes_back_as_it_was(void **state)
{
	struct buffer argv, env, out;
	struct keeper_said said = a_spawn(&argv, &env), got;

	(void)state;
	buffer_init(&out, 4096);
	assert_int_equal(keeper_put(&said, &out), OK);
	assert_int_equal(keeper_get(buffer_bytes(&out), &got), OK);
	assert_int_equal(got.word, KEEPER_SPAWN);
	assert_true(attempt_same(got.attempt, first));
	assert_int_equal(got.spawn.on_lost, ON_LOST_FAIL);
	assert_int_equal(got.spawn.timeout_ms, 20);
	assert_int_equal(got.spawn.max_output, 30);
	assert_true(bytes_same(got.spawn.argv, said.spawn.argv));
	assert_true(bytes_same(got.spawn.env, said.spawn.env));
	assert_string_equal(got.spawn.directory, "/d");
	assert_string_equal(got.spawn.err, "/e");
	assert_true(got.spawn.fresh);
	buffer_fini(&out);
	buffer_fini(&argv);
	buffer_fini(&env);
}

static void an_end_comes_back_as_it_was(void **state)
{
	struct keeper_said got, said = {.word = KEEPER_EXITED,
					.attempt = first,
					.exited = {.code = 143,
						   .signal = 15,
						   .began_wall_us = 1,
						   .ended_wall_us = 2,
						   .out_size = 3,
						   .err_size = 4,
						   .why = "timeout"}};
	struct buffer out;

	(void)state;
	buffer_init(&out, 4096);
	assert_int_equal(keeper_put(&said, &out), OK);
	assert_int_equal(keeper_get(buffer_bytes(&out), &got), OK);
	assert_int_equal(got.exited.code, 143);
	assert_int_equal(got.exited.signal, 15);
	assert_int_equal(got.exited.err_size, 4);
	assert_string_equal(got.exited.why, "timeout");
	buffer_fini(&out);
}

static void what_a_newer_keeper_adds_is_skipped(void **state)
{
	struct keeper_said got;

	(void)state;
	/* [LEASE, 5, 6, "x"] */
	assert_int_equal(keeper_get(BYTES("\x94\x02\x05\x06\xa1x"), &got), OK);
	assert_int_equal(got.lease.ends_us, 5);
	assert_int_equal(got.lease.lease_ms, 6);
}

static void a_frame_too_long_or_empty_is_refused_before_its_body_comes(void **state)
{
	struct bytes body;
	size_t used;

	(void)state;
	assert_int_equal(keeper_unframe(BYTES("\0\0\0\0"), &body, &used), ERR_MALFORMED);
	assert_int_equal(keeper_unframe(BYTES("\xff\xff\xff\xff"), &body, &used), ERR_TOO_BIG);
}

static void a_frame_is_short_until_its_last_byte(void **state)
{
	struct buffer out;
	struct bytes body;
	size_t used;

	(void)state;
	buffer_init(&out, 64);
	assert_int_equal(keeper_frame(BYTES("word"), &out), OK);
	for (size_t len = 0; len < out.len; len++)
		assert_int_equal(keeper_unframe(bytes_of(out.at, len), &body, &used), ERR_SHORT);
	assert_int_equal(keeper_unframe(buffer_bytes(&out), &body, &used), OK);
	assert_true(bytes_same(body, BYTES("word")));
	assert_int_equal(used, 8);
	buffer_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_spawn_without_a_command_is_refused),
		cmocka_unit_test(a_path_that_is_not_absolute_is_refused),
		cmocka_unit_test(an_unknown_word_is_a_newer_version),
		cmocka_unit_test(an_attempt_number_of_zero_is_refused),
		cmocka_unit_test(every_prefix_of_a_word_is_refused),
		cmocka_unit_test(a_spawn_comes_back_as_it_was),
		cmocka_unit_test(an_end_comes_back_as_it_was),
		cmocka_unit_test(what_a_newer_keeper_adds_is_skipped),
		cmocka_unit_test(a_frame_too_long_or_empty_is_refused_before_its_body_comes),
		cmocka_unit_test(a_frame_is_short_until_its_last_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
