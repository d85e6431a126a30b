#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/outbox.h"

static int open_box(void **state)
{
	*state = outbox_open();
	return 0;
}

static int close_box(void **state)
{
	outbox_close(*state);
	return 0;
}

static const struct effect *last(const struct outbox *o)
{
	return outbox_at(o, outbox_count(o) - 1);
}

static void what_is_put_is_copied(void **state)
{
	struct outbox *o = *state;
	char body[] = "body", file[] = "store/wal-1";

	outbox_append(o, file, 7, bytes_str(body), 100);
	outbox_sync(o, file, 9);
	memset(body, 'x', 4);
	memset(file, 'x', 4);
	assert_int_equal(outbox_count(o), 2);
	assert_int_equal(outbox_at(o, 0)->kind, EFFECT_APPEND);
	assert_string_equal(outbox_at(o, 0)->disk.file, "store/wal-1");
	assert_true(bytes_same(outbox_at(o, 0)->disk.body, BYTES("body")));
	assert_int_equal(outbox_at(o, 0)->disk.at, 7);
	assert_int_equal(outbox_at(o, 0)->disk.reserve, 100);
	assert_int_equal(outbox_at(o, 1)->disk.token, 9);
	assert_string_equal(outbox_at(o, 1)->disk.file, "store/wal-1");
}

static void bytes_and_effects_never_move_while_the_turn_lasts(void **state)
{
	struct outbox *o = *state;
	static uint8_t body[30000];

	outbox_datagram(o, VIEW_ALL, addr_v4(10, 0, 0, 1, 1), BYTES("first"));
	const struct effect *first = outbox_at(o, 0);
	const uint8_t *at = first->send.body.at;
	for (int i = 0; i < 5000; i++) {
		memset(body, i, sizeof(body));
		outbox_output(o, 1, bytes_of(body, (size_t)(i * 7) % (i % 100 == 0 ? 30000 : 500)));
	}
	assert_ptr_equal(outbox_at(o, 0), first);
	assert_ptr_equal(first->send.body.at, at);
	assert_true(bytes_same(first->send.body, BYTES("first")));
	for (int i = 0; i < 5000; i++) {
		struct bytes kept = outbox_at(o, (size_t)i + 1)->stream.body;

		assert_int_equal(kept.len, (size_t)(i * 7) % (i % 100 == 0 ? 30000 : 500));
		for (size_t j = 0; j < kept.len; j++)
			if (kept.at[j] != (uint8_t)i)
				fail();
	}
}

static void a_cleared_box_is_empty_and_has_all_its_room(void **state)
{
	struct outbox *o = *state;

	for (int turn = 0; turn < 3; turn++) {
		assert_true(outbox_room(o));
		while (outbox_room(o))
			outbox_hangup(o, 1);
		assert_true(outbox_count(o) > OUTBOX_EFFECTS_MAX / 2);
		outbox_clear(o);
		assert_int_equal(outbox_count(o), 0);
	}
	assert_true(outbox_room(o));
}

static void half_of_the_bytes_is_the_end_of_room_and_the_other_half_still_fits(void **state)
{
	struct outbox *o = *state;
	uint8_t *body = calloc(1, FRAME_MAX);

	for (uint32_t i = 0; i < OUTBOX_BYTES_MAX / 2 / FRAME_MAX; i++) {
		assert_true(outbox_room(o));
		outbox_output(o, 1, bytes_of(body, FRAME_MAX));
	}
	outbox_output(o, 1, bytes_of(body, 1));
	assert_false(outbox_room(o));
	for (uint32_t i = 1; i < OUTBOX_BYTES_MAX / 2 / FRAME_MAX; i++)
		outbox_output(o, 1, bytes_of(body, FRAME_MAX));
	free(body);
	outbox_clear(o);
	assert_true(outbox_room(o));
}

static void the_whole_bound_of_small_items_fits(void **state)
{
	struct outbox *o = *state;
	static uint8_t body[16u << 10];

	/* Just under large, and so that a block ends with the most unused. */
	for (size_t bytes = 0; bytes + sizeof(body) <= OUTBOX_BYTES_MAX; bytes += sizeof(body) - 16)
		outbox_output(o, 1, bytes_of(body, sizeof(body) - 16));
	outbox_clear(o);
}

static void an_empty_body_is_no_null(void **state)
{
	struct outbox *o = *state;

	outbox_keeper(o, bytes_of(NULL, 0));
	assert_non_null(last(o)->send.body.at);
	assert_int_equal(last(o)->send.body.len, 0);
}

static void a_word_between_siblings_is_copied_deep(void **state)
{
	struct outbox *o = *state;
	struct facts facts = {.name = "a", .boot = 4};
	char why[] = "disk full", batch[] = "batch";
	struct tell member = {.kind = TELL_MEMBER,
			      .member = {.view = VIEW_ALL, .state = MEMBER_DEAD, .facts = &facts}};
	struct tell fault = {.kind = TELL_FAULT,
			     .fault = {.err = ERR_NO_SPACE, .why = bytes_str(why)}};
	struct tell commit = {.kind = TELL_COMMIT,
			      .batch = {.token = 3, .batch = bytes_str(batch)}};
	struct tell done = {.kind = TELL_COMMITTED,
			    .batch = {.token = 3, .err = ERR_FENCED, .batch = {NULL, 99}}};

	outbox_tell(o, &member);
	outbox_tell(o, &fault);
	outbox_tell(o, &commit);
	outbox_tell(o, &done);
	facts.name[0] = why[0] = batch[0] = 'x';
	assert_string_equal(outbox_at(o, 0)->tell.member.facts->name, "a");
	assert_int_equal(outbox_at(o, 0)->tell.member.facts->boot, 4);
	assert_int_equal(outbox_at(o, 0)->tell.member.state, MEMBER_DEAD);
	assert_true(bytes_same(outbox_at(o, 1)->tell.fault.why, BYTES("disk full")));
	assert_int_equal(outbox_at(o, 1)->tell.fault.err, ERR_NO_SPACE);
	assert_true(bytes_same(outbox_at(o, 2)->tell.batch.batch, BYTES("batch")));
	assert_int_equal(outbox_at(o, 3)->tell.batch.err, ERR_FENCED);
	assert_int_equal(outbox_at(o, 3)->tell.batch.batch.len, 0);
}

static void a_spawn_is_copied_deep(void **state)
{
	struct outbox *o = *state;
	char word[] = "hello", directory[] = "/tmp/x";
	const char *argv[] = {"echo", word, NULL};
	const char *env[] = {NULL};
	struct spawn spawn = {.token = 5,
			      .argv = argv,
			      .env = env,
			      .directory = directory,
			      .user = "",
			      .out = "/tmp/x/out",
			      .err = "/tmp/x/err",
			      .cgroup = ""};

	outbox_spawn(o, &spawn);
	memset(word, 'x', 5);
	memset(directory, 'x', 5);
	argv[0] = NULL;
	const struct spawn *kept = &last(o)->spawn;
	assert_int_equal(kept->token, 5);
	assert_string_equal(kept->argv[0], "echo");
	assert_string_equal(kept->argv[1], "hello");
	assert_null(kept->argv[2]);
	assert_null(kept->env[0]);
	assert_string_equal(kept->directory, "/tmp/x");
	assert_string_equal(kept->user, "");
	assert_string_equal(kept->out, "/tmp/x/out");
	assert_string_equal(kept->err, "/tmp/x/err");
	assert_string_equal(kept->cgroup, "");
}

static void log_lines_are_cut_but_whole_entries_are_not(void **state)
{
	struct outbox *o = *state;
	static char block[4 * LOG_LINE_MAX];

	memset(block, 'm', sizeof(block) - 1);
	outbox_log(o, LOG_LEVEL_INFO, "member failed: id=%d", 7);
	assert_string_equal(last(o)->log.text, "member failed: id=7");
	assert_string_equal(last(o)->log.fields, "");
	assert_int_equal(last(o)->log.level, LOG_LEVEL_INFO);
	outbox_log(o, LOG_LEVEL_DEBUG, "%s", block);
	assert_int_equal(strlen(last(o)->log.text), LOG_LINE_MAX - 1);
	outbox_log_entry(o, LOG_LEVEL_WARN, "VIEW=all\n", block);
	assert_int_equal(strlen(last(o)->log.text), sizeof(block) - 1);
	assert_string_equal(last(o)->log.fields, "VIEW=all\n");
}

static void fill(struct outbox *o)
{
	struct peer peer = {.id = {{1}}, .addr = addr_v4(10, 0, 0, 1, 2), .link = 3};
	const char *const none[] = {"x", NULL};
	struct spawn spawn = {.argv = none,
			      .env = none,
			      .directory = "/d",
			      .user = "u",
			      .out = "/o",
			      .err = "/e",
			      .cgroup = "c",
			      .max_output = 23,
			      .fresh = true};
	struct tell tell = {.kind = TELL_RESTORED};
	uint8_t key[32] = {1}, signature[64] = {2};

	outbox_datagram(o, VIEW_ALL, peer.addr, BYTES("d"));
	outbox_beacon(o, BYTES("b"));
	outbox_post(o, &peer, PURPOSE_RPC, FRAME_CALL, 4, BYTES("p"));
	outbox_unlink(o, &peer, PURPOSE_BULK);
	outbox_append(o, "f", 1, BYTES("a"), 2);
	outbox_sync(o, "f", 3);
	outbox_put(o, "g", BYTES("u"), 4);
	outbox_cut(o, "f", 5, 6);
	outbox_drop(o, "h", 7);
	outbox_move(o, "i", "j", 24);
	outbox_read(o, "f", 8, 9, 10);
	outbox_verify(o, 14, key, signature, BYTES("v"));
	outbox_resolve(o, 15, "seed", 16);
	outbox_keeper(o, BYTES("k"));
	outbox_log(o, LOG_LEVEL_WARN, "l");
	outbox_tell(o, &tell);
	outbox_ready(o, "r");
	outbox_exit(o, 17);
	outbox_packet(o, DOOR_ALL, peer.addr, BYTES("q"));
	outbox_dial(o, 18, peer.addr);
	outbox_output(o, 19, BYTES("o"));
	outbox_hangup(o, 20);
	outbox_spawn(o, &spawn);
	outbox_kill(o, 21, 22, "c");
	outbox_agent(o, BYTES("g"));
}

static void every_kind_is_put_in_order_and_passed_on_as_it_is(void **state)
{
	struct outbox *o = outbox_open(), *to = *state;

	fill(o);
	assert_int_equal(outbox_count(o), EFFECT_AGENT + 1);
	for (size_t i = 0; i < outbox_count(o); i++) {
		assert_int_equal(outbox_at(o, i)->kind, i);
		outbox_pass(to, outbox_at(o, i));
	}
	outbox_close(o);

	assert_int_equal(outbox_at(to, EFFECT_DATAGRAM)->send.view, VIEW_ALL);
	assert_true(bytes_same(outbox_at(to, EFFECT_BEACON)->send.body, BYTES("b")));
	const struct effect *e = outbox_at(to, EFFECT_POST);
	assert_int_equal(e->post.peer.link, 3);
	assert_int_equal(e->post.purpose, PURPOSE_RPC);
	assert_int_equal(e->post.type, FRAME_CALL);
	assert_int_equal(e->post.request, 4);
	assert_true(bytes_same(e->post.body, BYTES("p")));
	assert_int_equal(outbox_at(to, EFFECT_UNLINK)->post.purpose, PURPOSE_BULK);
	assert_string_equal(outbox_at(to, EFFECT_PUT)->disk.file, "g");
	assert_int_equal(outbox_at(to, EFFECT_CUT)->disk.at, 5);
	assert_string_equal(outbox_at(to, EFFECT_DROP)->disk.file, "h");
	assert_string_equal(outbox_at(to, EFFECT_MOVE)->disk.file, "i");
	assert_string_equal(outbox_at(to, EFFECT_MOVE)->disk.to, "j");
	assert_int_equal(outbox_at(to, EFFECT_READ)->disk.len, 9);
	e = outbox_at(to, EFFECT_VERIFY);
	assert_int_equal(e->verify.key[0], 1);
	assert_int_equal(e->verify.signature[0], 2);
	assert_true(bytes_same(e->verify.body, BYTES("v")));
	assert_string_equal(outbox_at(to, EFFECT_RESOLVE)->resolve.name, "seed");
	assert_int_equal(outbox_at(to, EFFECT_RESOLVE)->resolve.port, 16);
	assert_true(bytes_same(outbox_at(to, EFFECT_KEEPER)->send.body, BYTES("k")));
	assert_string_equal(outbox_at(to, EFFECT_LOG)->log.text, "l");
	assert_int_equal(outbox_at(to, EFFECT_TELL)->tell.kind, TELL_RESTORED);
	assert_string_equal(outbox_at(to, EFFECT_READY)->log.text, "r");
	assert_int_equal(outbox_at(to, EFFECT_EXIT)->code, 17);
	assert_int_equal(outbox_at(to, EFFECT_PACKET)->send.door, DOOR_ALL);
	assert_int_equal(outbox_at(to, EFFECT_DIAL)->stream.conn, 18);
	assert_true(bytes_same(outbox_at(to, EFFECT_OUTPUT)->stream.body, BYTES("o")));
	assert_int_equal(outbox_at(to, EFFECT_HANGUP)->stream.conn, 20);
	assert_string_equal(outbox_at(to, EFFECT_SPAWN)->spawn.err, "/e");
	assert_int_equal(outbox_at(to, EFFECT_SPAWN)->spawn.max_output, 23);
	assert_true(outbox_at(to, EFFECT_SPAWN)->spawn.fresh);
	assert_int_equal(outbox_at(to, EFFECT_KILL)->kill.pid, 21);
	assert_int_equal(outbox_at(to, EFFECT_KILL)->kill.signal, 22);
	assert_string_equal(outbox_at(to, EFFECT_KILL)->kill.cgroup, "c");
	assert_true(bytes_same(outbox_at(to, EFFECT_AGENT)->send.body, BYTES("g")));
}

#define T(test) cmocka_unit_test_setup_teardown(test, open_box, close_box)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_put_is_copied),
		T(bytes_and_effects_never_move_while_the_turn_lasts),
		T(a_cleared_box_is_empty_and_has_all_its_room),
		T(half_of_the_bytes_is_the_end_of_room_and_the_other_half_still_fits),
		T(the_whole_bound_of_small_items_fits),
		T(an_empty_body_is_no_null),
		T(a_word_between_siblings_is_copied_deep),
		T(a_spawn_is_copied_deep),
		T(log_lines_are_cut_but_whole_entries_are_not),
		T(every_kind_is_put_in_order_and_passed_on_as_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
