#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched/job_pack.h"

#define COMMAND BYTES("\x92\xa2ls\xa1/")
#define ENV                                                                                        \
	BYTES("\x91\xa3"                                                                           \
	      "A=b")

static const struct task task = {.command = {(const uint8_t *)"\x92\xa2ls\xa1/", 6},
				 .env = {(const uint8_t *)"\x91\xa3"
							  "A=b",
					 5},
				 .name = "build",
				 .directory = "/src",
				 .timeout_ms = 5,
				 .on_lost = ON_LOST_FAIL,
				 .priority = 7,
				 .kill_after_ms = 8,
				 .max_output = 9};

static struct job full(void)
{
	return (struct job){.id = {{1}},
			    .state = JOB_FAILED,
			    .number = 3,
			    .worker = {{2}},
			    .worker_boot = 4,
			    .refusals = 1,
			    .uid = 1000,
			    .submitted_us = 10,
			    .assigned_us = 11,
			    .ended_us = 12,
			    .task = task,
			    .code = 137,
			    .signal = 9,
			    .began_us = 13,
			    .out_size = 14,
			    .err_size = 15,
			    .out_tail = BYTES("out"),
			    .err_tail = BYTES("e\0r"),
			    .why = "timeout"};
}

static enum err through(const struct job *in, struct job *out, struct buffer *b)
{
	buffer_clear(b);
	assert_int_equal(job_put(in, b), OK);
	return job_get(buffer_bytes(b), out);
}

static void a_record_no_director_writes_is_refused(void **state)
{
	struct job job = full(), out = {.number = 99};
	struct buffer b;

	(void)state;
	buffer_init(&b, JOB_RECORD_MAX);
	assert_int_equal(through(&job, &out, &b), OK);
	out.number = 99;
	for (size_t len = 0; len < b.len; len++)
		assert_int_not_equal(job_get(bytes_of(b.at, len), &out), OK);
	job.state = JOB_EXECUTING;
	job.number = 0;
	assert_int_equal(through(&job, &out, &b), ERR_MALFORMED);
	job.number = 1;
	job.worker = id_none;
	assert_int_equal(through(&job, &out, &b), ERR_MALFORMED);
	job = full();
	job.task.priority = JOB_PRIORITY_MAX + 1;
	assert_int_equal(through(&job, &out, &b), ERR_MALFORMED);
	assert_int_equal(through(&(struct job){.state = JOB_STATES, .task = task}, &out, &b),
			 ERR_MALFORMED);
	assert_int_equal(out.number, 99); /* written on success only */
	buffer_fini(&b);
}

static void a_record_comes_back_as_it_was(void **state)
{
	struct job in = full(), out;
	struct buffer b, again;

	(void)state;
	buffer_init(&b, JOB_RECORD_MAX);
	buffer_init(&again, JOB_RECORD_MAX);
	assert_int_equal(through(&in, &out, &b), OK);
	assert_true(bytes_same(out.task.command, COMMAND));
	assert_true(bytes_same(out.task.env, ENV));
	assert_string_equal(out.task.name, "build");
	assert_true(bytes_same(out.err_tail, in.err_tail));
	assert_string_equal(out.why, "timeout");
	assert_int_equal(out.code, 137);
	assert_int_equal(job_put(&out, &again), OK);
	assert_true(bytes_same(buffer_bytes(&b), buffer_bytes(&again)));
	buffer_fini(&b);
	buffer_fini(&again);
}

static void a_submit_that_makes_no_sense_says_why(void **state)
{
	struct submit s = {.task = task};

	(void)state;
	assert_null(submit_check(&s));
	s.task.command = BYTES("\x91\xa0");
	assert_string_equal(submit_check(&s), "the job has no program to run");
	s.task = task;
	s.task.env = BYTES("\x91\xa1"
			   "A");
	assert_string_equal(submit_check(&s), "an environment entry is not NAME=value");
	s.task.env = BYTES("\x91\xa2=b");
	assert_string_equal(submit_check(&s), "an environment entry is not NAME=value");
	s.task = task;
	memcpy(s.task.directory, "tmp", 4);
	assert_string_equal(submit_check(&s), "the directory is not an absolute path");
}

static void a_submit_comes_over_and_one_too_large_does_not(void **state)
{
	struct submit in = {.key = "k", .task = task}, out;
	static char large[JOB_TEXT_MAX];
	const char *argv[] = {large};
	struct buffer command, b;

	(void)state;
	buffer_init(&b, 4 * JOB_TEXT_MAX);
	assert_int_equal(submit_put(&in, &b), OK);
	assert_int_equal(submit_get(buffer_bytes(&b), &out), OK);
	assert_string_equal(out.key, "k");
	assert_true(bytes_same(out.task.command, COMMAND));
	assert_int_equal(out.task.on_lost, ON_LOST_FAIL);
	for (size_t len = 0; len < b.len; len++)
		assert_int_not_equal(submit_get(bytes_of(b.at, len), &out), OK);
	memset(large, 'x', sizeof(large) - 1);
	buffer_init(&command, 4 * JOB_TEXT_MAX);
	assert_int_equal(texts_put(argv, 1, &command), OK);
	in.task.command = buffer_bytes(&command);
	buffer_clear(&b);
	assert_int_equal(submit_put(&in, &b), OK);
	assert_int_equal(submit_get(buffer_bytes(&b), &out), ERR_TOO_BIG);
	buffer_fini(&command);
	buffer_fini(&b);
}

static void too_many_words_are_refused(void **state)
{
	static const char *argv[ARGV_MAX + 1];
	struct buffer b;

	(void)state;
	for (uint32_t i = 0; i <= ARGV_MAX; i++)
		argv[i] = "x";
	buffer_init(&b, JOB_TEXT_MAX);
	assert_int_equal(texts_put(argv, ARGV_MAX + 1, &b), ERR_TOO_BIG);
	assert_int_equal(texts_put(argv, ARGV_MAX, &b), OK);
	buffer_fini(&b);
}

static void a_key_of_ours_tells_its_time_and_a_users_does_not(void **state)
{
	static const char *const others[] = {"",
					     "t",
					     "t-",
					     "t5",
					     "t5-",
					     "nightly",
					     "t5-0123456789abcdef0123456789abcde",
					     "t5-0123456789abcdef0123456789abcdeg",
					     "t5-0123456789abcdef0123456789abcdef0",
					     "t99999999999999-0123456789abcdef0123456789abcdef"};
	uint8_t random[16] = {0xab, 1};
	char key[JOB_KEY_MAX + 1];
	uint64_t made_us = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(job_key_time(others[i], &made_us));
	assert_int_equal(made_us, 1);
	job_key_make(1700000000999999, random, key);
	assert_string_equal(key, "t1700000000-ab010000000000000000000000000000");
	assert_true(job_key_time(key, &made_us));
	assert_true(made_us == 1700000000000000);
}

static void the_news_come_over(void **state)
{
	struct job_news in = {.job = {{1}},
			      .state = JOB_DONE,
			      .worker = {{2}},
			      .number = 2,
			      .code = -5,
			      .signal = 15,
			      .why = "w",
			      .out_size = 1,
			      .err_size = 2,
			      .out_tail = BYTES("o"),
			      .err_tail = BYTES("e"),
			      .unknown = true,
			      .seen = UINT64_MAX};
	struct job_news out;
	struct buffer b;

	(void)state;
	buffer_init(&b, 4096);
	assert_int_equal(job_news_put(&in, &b), OK);
	assert_int_equal(job_news_get(buffer_bytes(&b), &out), OK);
	assert_int_equal(out.state, JOB_DONE);
	assert_int_equal(out.code, -5);
	assert_true(out.unknown);
	assert_true(out.seen == UINT64_MAX);
	assert_true(bytes_same(out.err_tail, in.err_tail));
	for (size_t len = 0; len < b.len; len++)
		assert_int_not_equal(job_news_get(bytes_of(b.at, len), &out), OK);
	buffer_fini(&b);
}

static void what_was_seen_is_state_number_and_flag_or_a_state_alone(void **state)
{
	uint64_t now = job_seen(JOB_EXECUTING, 2, false, false);

	(void)state;
	assert_false(job_seen_differs(now, now));
	assert_true(job_seen_differs(now, job_seen(JOB_EXECUTING, 1, false, false)));
	assert_true(job_seen_differs(now, job_seen(JOB_EXECUTING, 2, true, false)));
	assert_false(job_seen_differs(now, JOB_EXECUTING));
	assert_true(job_seen_differs(now, JOB_QUEUED));
	assert_true(job_seen_differs(now, 0));
}

static void the_questions_come_over(void **state)
{
	struct wait_ask wait = {.prefix = "abc", .seen = 5, .wait_ms = 6}, wait2;
	struct jobs_ask jobs = {true, 7}, jobs2;
	struct submitted made = {{{1}}, 8}, made2;
	char prefix[ID_TEXT_LEN + 1];
	struct buffer b;

	(void)state;
	buffer_init(&b, 4096);
	assert_int_equal(wait_ask_put(&wait, &b), OK);
	assert_int_equal(wait_ask_get(buffer_bytes(&b), &wait2), OK);
	assert_string_equal(wait2.prefix, "abc");
	assert_int_equal(wait2.wait_ms, 6);
	assert_int_not_equal(job_name_get(bytes_of(b.at, b.len - 1), prefix), OK);
	buffer_clear(&b);
	assert_int_equal(jobs_ask_put(&jobs, &b), OK);
	assert_int_equal(jobs_ask_get(buffer_bytes(&b), &jobs2), OK);
	assert_true(jobs2.all);
	assert_int_equal(jobs2.limit, 7);
	assert_int_not_equal(wait_ask_get(buffer_bytes(&b), &wait2), OK);
	buffer_clear(&b);
	assert_int_equal(submitted_put(&made, &b), OK);
	assert_int_equal(submitted_get(buffer_bytes(&b), &made2), OK);
	assert_int_equal(made2.position, 8);
	buffer_clear(&b);
	assert_int_equal(job_name_put("0123456789012345678901234567890123456", &b), OK);
	assert_int_equal(job_name_get(buffer_bytes(&b), prefix), ERR_TOO_BIG);
	buffer_fini(&b);
}

static void another_body_or_another_user_has_another_digest(void **state)
{
	(void)state;
	assert_true(submit_digest(BYTES("a"), 1) == submit_digest(BYTES("a"), 1));
	assert_true(submit_digest(BYTES("a"), 1) != submit_digest(BYTES("b"), 1));
	assert_true(submit_digest(BYTES("a"), 1) != submit_digest(BYTES("a"), 2));
}

static void keys_of_the_state_tell_their_kind(void **state)
{
	struct state_key job = state_key_job((struct id){{'a', '/', 0}});
	struct state_key worker = state_key_worker((struct id){{7}});
	struct state_key key = state_key_key("job/k");
	struct state_key turn = state_key_turn();
	struct bytes name;

	(void)state;
	assert_int_equal(state_key_kind(state_key_bytes(&job), &name), STATE_JOB);
	assert_int_equal(name.len, 16);
	assert_int_equal(name.at[0], 'a');
	assert_int_equal(state_key_kind(state_key_bytes(&worker), &name), STATE_WORKER);
	assert_int_equal(state_key_kind(state_key_bytes(&key), &name), STATE_KEY);
	assert_true(bytes_same(name, BYTES("job/k")));
	assert_int_equal(state_key_kind(state_key_bytes(&turn), &name), STATE_TURN);
	assert_int_equal(state_key_kind(BYTES("job/short"), &name), STATE_OTHER);
	assert_int_equal(state_key_kind(BYTES("turning"), &name), STATE_OTHER);
	assert_int_equal(state_key_kind(BYTES("key/"), &name), STATE_OTHER);
	assert_int_equal(state_key_kind(BYTES("else"), &name), STATE_OTHER);
}

static void the_small_records_come_back(void **state)
{
	struct worker_record worker = {.name = "w", .machine_boot = {5}, .registered_us = 6},
			     worker2;
	struct key_record key = {{{1}}, 2, 3}, key2;
	struct buffer b;

	(void)state;
	buffer_init(&b, 4096);
	assert_int_equal(worker_record_put(&worker, &b), OK);
	assert_int_equal(worker_record_get(buffer_bytes(&b), &worker2), OK);
	assert_string_equal(worker2.name, "w");
	assert_memory_equal(worker2.machine_boot, worker.machine_boot, 16);
	assert_int_not_equal(key_record_get(buffer_bytes(&b), &key2), OK);
	buffer_clear(&b);
	assert_int_equal(key_record_put(&key, &b), OK);
	assert_int_equal(key_record_get(buffer_bytes(&b), &key2), OK);
	assert_int_equal(key2.until_us, 3);
	assert_int_not_equal(worker_record_get(buffer_bytes(&b), &worker2), OK);
	buffer_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_no_director_writes_is_refused),
		cmocka_unit_test(a_record_comes_back_as_it_was),
		cmocka_unit_test(a_submit_that_makes_no_sense_says_why),
		cmocka_unit_test(a_submit_comes_over_and_one_too_large_does_not),
		cmocka_unit_test(too_many_words_are_refused),
		cmocka_unit_test(a_key_of_ours_tells_its_time_and_a_users_does_not),
		cmocka_unit_test(the_news_come_over),
		cmocka_unit_test(what_was_seen_is_state_number_and_flag_or_a_state_alone),
		cmocka_unit_test(the_questions_come_over),
		cmocka_unit_test(another_body_or_another_user_has_another_digest),
		cmocka_unit_test(keys_of_the_state_tell_their_kind),
		cmocka_unit_test(the_small_records_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
