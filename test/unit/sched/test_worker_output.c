/* Who follows an attempt's output. */
#include "test/unit/sched/worker_world.h"

/* --- output --- */

static void ask_output(struct world *w, uint8_t number, uint64_t from, uint64_t wait_ms)
{
	struct buffer arguments;
	struct pack p;

	buffer_init(&arguments, 256);
	pack_init(&p, &arguments);
	pack_array(&p, 6);
	pack_id(&p, job(number).job);
	pack_u64(&p, 0);
	pack_u64(&p, 1);
	pack_u64(&p, from);
	pack_u64(&p, 0);
	pack_u64(&p, wait_ms);
	SAY(w, bert, FRAME_CALL, call_put,
	    &(struct call){
		    .verb = CALL_OUTPUT, .node = self, .arguments = buffer_bytes(&arguments)});
	buffer_fini(&arguments);
}

struct output {
	uint8_t code;
	bool eof;
	uint64_t total;
	struct bytes out;
};

static bool answered(struct world *w, struct output *out)
{
	const struct said *s = last_post(w, FRAME_ANSWER);
	struct answer a;
	struct unpack u;

	if (s == NULL)
		return false;
	must(s->request == 5);
	must(answer_get(buffer_bytes(&s->body), &a) == OK);
	out->code = a.code;
	if (a.code != EXIT_GOOD)
		return true;
	unpack_init(&u, a.body);
	must(unpack_array(&u, 5) == 5);
	out->eof = unpack_bool(&u);
	out->total = unpack_u64(&u);
	unpack_u64(&u);
	out->out = unpack_bin(&u, PIECE_MAX);
	return true;
}

#define OUT_FILE "spool/c8010000-0000-0000-0000-000000000000.0.1/out"

static void output_of_an_unknown_attempt_is_a_sentence(void **state)
{
	struct world *w = world_make();
	struct output out;

	(void)state;
	ask_output(w, 1, 0, 1000);
	assert_true(answered(w, &out));
	assert_int_equal(out.code, EXIT_OTHER);
	world_end(w);
}

static void a_follower_is_held_until_bytes_come(void **state)
{
	struct world *w = world_make();
	struct output out;

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	ask_output(w, 1, 0, 20000);
	pass(w, SECOND);
	assert_false(answered(w, &out));
	must(buffer_add(&file_make(w, OUT_FILE)->bytes, BYTES("ab")) == OK);
	pass(w, SECOND / 10);
	assert_true(answered(w, &out));
	assert_false(out.eof);
	assert_true(bytes_same(out.out, BYTES("ab")));
	assert_int_equal(out.total, 2);
	world_end(w);
}

static void a_follower_is_answered_when_its_patience_ends(void **state)
{
	struct world *w = world_make();
	struct output out;

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	ask_output(w, 1, 0, 1000);
	pass(w, SECOND + SECOND / 10);
	assert_true(answered(w, &out));
	assert_false(out.eof);
	assert_int_equal(out.out.len, 0);
	world_end(w);
}

static void the_end_of_output_comes_with_the_end_of_the_attempt(void **state)
{
	struct world *w = world_make();
	struct output out;

	(void)state;
	join(w, 4);
	say_order(w, anna, 4, 1);
	must(buffer_add(&file_make(w, OUT_FILE)->bytes, BYTES("abc")) == OK);
	ask_output(w, 1, 3, 20000);
	assert_false(answered(w, &out));
	child_exits(w, w->pid, 0);
	pass(w, 1000);
	assert_true(answered(w, &out));
	assert_true(out.eof);
	assert_int_equal(out.total, 3);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_of_an_unknown_attempt_is_a_sentence),
		cmocka_unit_test(a_follower_is_held_until_bytes_come),
		cmocka_unit_test(a_follower_is_answered_when_its_patience_ends),
		cmocka_unit_test(the_end_of_output_comes_with_the_end_of_the_attempt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
