#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/call.h"
#include "core/limits.h"

static const struct id someone = {{7}};

static enum err get_call(struct bytes body)
{
	struct call got = {.uid = 4242};
	enum err err = call_get(body, &got);

	if (err != OK)
		assert_int_equal(got.uid, 4242);
	return err;
}

#define ID16 "\xc4\x10\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define NONE "\xc4\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void a_malformed_call_is_refused(void **state)
{
	(void)state;
	assert_int_equal(get_call(BYTES("")), ERR_SHORT);
	assert_int_equal(get_call(BYTES("\x95\x01" ID16 "\0\0\xc4\x01\x90")), OK);
	/* too few fields; another kind; arguments that are no array, two of them, or cut */
	assert_int_equal(get_call(BYTES("\x94\x01" ID16 "\0\xc4\x01\x90")), ERR_MALFORMED);
	assert_int_equal(get_call(BYTES("\x95\xa1x" ID16 "\0\0\xc4\x01\x90")), ERR_MALFORMED);
	assert_int_equal(get_call(BYTES("\x95\x01" ID16 "\0\0\xc4\x01\x05")), ERR_MALFORMED);
	assert_int_equal(get_call(BYTES("\x95\x01" ID16 "\0\0\xc4\x02\x90\x90")), ERR_MALFORMED);
	assert_int_equal(get_call(BYTES("\x95\x01" ID16 "\0\0\xc4\x02\x92\x01")), ERR_MALFORMED);
	assert_int_equal(get_call(BYTES("\x95\x01" ID16 "\0\0\xc4\x00")), ERR_MALFORMED);
	/* something behind */
	assert_int_equal(get_call(BYTES("\x95\x01" ID16 "\0\0\xc4\x01\x90\x01")), ERR_MALFORMED);
}

static void an_unknown_verb_is_of_another_version(void **state)
{
	(void)state;
	assert_int_equal(get_call(BYTES("\x95\x00" ID16 "\0\0\xc4\x01\x90")), ERR_VERSION);
	assert_int_equal(get_call(BYTES("\x95\x7f" ID16 "\0\0\xc4\x01\x90")), ERR_VERSION);
}

static void a_call_to_a_node_names_it(void **state)
{
	(void)state;
	assert_int_equal(get_call(BYTES("\x95\x28" NONE "\0\0\xc4\x01\x90")), ERR_MALFORMED);
	assert_int_equal(get_call(BYTES("\x95\x28" ID16 "\0\0\xc4\x01\x90")), OK);
	assert_int_equal(get_call(BYTES("\x95\x01" NONE "\0\0\xc4\x01\x90")), OK);
}

static void fields_of_a_later_version_are_skipped(void **state)
{
	struct answer answer;

	(void)state;
	assert_int_equal(get_call(BYTES("\x96\x01" ID16 "\0\0\xc4\x01\x90\x81\x01\x02")), OK);
	assert_int_equal(answer_get(BYTES("\x94\x00\xc4\x00\xa0\x92\x01\x02"), &answer), OK);
}

static void every_verb_travels(void **state)
{
	static const uint8_t verbs[] = {
#define X(name, number, place) name,
		CALL_VERBS(X)
#undef X
	};

	(void)state;
	for (size_t i = 0; i < sizeof(verbs); i++) {
		struct call call = {.verb = verbs[i],
				    .node = someone,
				    .uid = 1000,
				    .hops = 2,
				    .arguments = BYTES("\x92\x01\xa1x")};
		struct call got;
		struct buffer b;

		buffer_init(&b, 100);
		assert_int_equal(call_put(&call, &b), OK);
		assert_int_equal(call_get(buffer_bytes(&b), &got), OK);
		assert_int_equal(got.verb, call.verb);
		assert_true(id_same(got.node, someone));
		assert_int_equal(got.uid, 1000);
		assert_int_equal(got.hops, 2);
		assert_true(bytes_same(got.arguments, call.arguments));
		buffer_fini(&b);
	}
	assert_int_equal(call_place(CALL_STATUS), AT_HERE);
	assert_int_equal(call_place(CALL_DIRECTOR), AT_SCHEDULER);
	assert_int_equal(call_place(CALL_SUBMIT), AT_DIRECTOR);
	assert_int_equal(call_place(CALL_OUTPUT), AT_NODE);
}

static void no_arguments_are_an_array_without_elements(void **state)
{
	struct call call = {.verb = CALL_STATUS}, got;
	struct buffer b;

	(void)state;
	buffer_init(&b, 100);
	assert_int_equal(call_put(&call, &b), OK);
	assert_int_equal(call_get(buffer_bytes(&b), &got), OK);
	assert_true(bytes_same(got.arguments, BYTES("\x90")));
	buffer_fini(&b);
}

static void a_malformed_answer_is_refused(void **state)
{
	static const struct {
		const char *at;
		size_t len;
	} bad[] = {
		{"\x92\x00\xc4\x00", 4},         {"\x93\x00\xc4\x01\xa0", 5},
		{"\x93\x00\xa0\xa0", 4},         {"\x93\xcd\x01\x00\xc4\x00\xa0", 7},
		{"\x93\x00\xc4\x00\xa0\x01", 6}, {"\x93\x00\xc4\x00\xa1\0", 6},
	};
	struct answer answer = {.code = 99};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_not_equal(answer_get(bytes_of(bad[i].at, bad[i].len), &answer), OK);
		assert_int_equal(answer.code, 99);
	}
}

static void a_sentence_too_long_is_cut_and_its_answer_arrives(void **state)
{
	char why[2 * ANSWER_WHY_MAX] = "";
	struct answer answer = {EXIT_TIMEOUT, BYTES("body"), bytes_of(why, sizeof(why))}, got;
	struct buffer b;

	(void)state;
	memset(why, 'w', sizeof(why));
	buffer_init(&b, 4096);
	assert_int_equal(answer_put(&answer, &b), OK);
	assert_int_equal(answer_get(buffer_bytes(&b), &got), OK);
	assert_int_equal(got.code, EXIT_TIMEOUT);
	assert_true(bytes_same(got.body, BYTES("body")));
	assert_int_equal(got.why.len, ANSWER_WHY_MAX);
	buffer_fini(&b);
}

static void a_full_buffer_is_left_as_it_was(void **state)
{
	struct answer answer = {0, BYTES("0123456789"), BYTES("")};
	struct call call = {.verb = CALL_STATUS};
	struct buffer b;

	(void)state;
	buffer_init(&b, 10);
	assert_int_equal(answer_put(&answer, &b), ERR_FULL);
	assert_int_equal(call_put(&call, &b), ERR_FULL);
	assert_int_equal(b.len, 0);
	buffer_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_malformed_call_is_refused),
		cmocka_unit_test(an_unknown_verb_is_of_another_version),
		cmocka_unit_test(a_call_to_a_node_names_it),
		cmocka_unit_test(fields_of_a_later_version_are_skipped),
		cmocka_unit_test(every_verb_travels),
		cmocka_unit_test(no_arguments_are_an_array_without_elements),
		cmocka_unit_test(a_malformed_answer_is_refused),
		cmocka_unit_test(a_sentence_too_long_is_cut_and_its_answer_arrives),
		cmocka_unit_test(a_full_buffer_is_left_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
