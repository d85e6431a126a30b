#include "test/unit/net/world_uv.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "net/sockaddr.h"
#include "net/stream_uv.h"

#define DIALLED (1ull << 63)

struct pair {
	struct world *w;
	struct streams *streams;
	struct addr at;
	uint64_t near; /* dialled by us */
	uint64_t far;  /* the same connection, as accepted */
};

static int pair_open(void **state)
{
	struct pair *p = calloc(1, sizeof *p);

	assert_non_null(p);
	p->w = world_open();
	p->at = addr_v4(127, 0, 0, 1, 0);
	p->streams = streams_open(&p->w->loop, addr_v4(127, 0, 0, 1, 0), world_sink(p->w));
	assert_int_equal(streams_listen(p->streams, DOOR_RPC, &p->at), 0);
	streams_start(p->streams);
	p->near = DIALLED | 1;
	stream_dial(p->streams, p->near, p->at);
	struct event *e = world_until(p->w, EVENT_DIALED, 0);
	assert_int_equal(e->stream.err, OK);
	assert_int_equal(e->stream.conn, p->near);
	e = world_until(p->w, EVENT_ACCEPTED, 0);
	assert_int_equal(e->stream.door, DOOR_RPC);
	assert_true(addr_same_ip(e->stream.from, p->at));
	p->far = e->stream.conn;
	*state = p;
	return 0;
}

static int pair_close(void **state)
{
	struct pair *p = *state;

	streams_close(p->streams);
	world_close(p->w);
	free(p);
	return 0;
}

/* Runs the loop until `conn` has closed, and says why it did; its bytes so far are in `out`. */
static enum err pair_gone(struct pair *p, uint64_t conn, struct buffer *out)
{
	uint32_t from = 0;
	struct event *e;

	do {
		e = world_until(p->w, EVENT_CLOSED, from);
		from = (uint32_t)(e - p->w->event) + 1;
	} while (e->stream.conn != conn);
	for (uint32_t i = 0; out != NULL && i < p->w->count; i++)
		if (p->w->event[i].kind == EVENT_INPUT && p->w->event[i].stream.conn == conn)
			assert_int_equal(buffer_add(out, p->w->event[i].stream.body), OK);
	/* The last event of it. */
	for (uint32_t i = from; i < p->w->count; i++)
		assert_int_not_equal(p->w->event[i].stream.conn, conn);
	return e->stream.err;
}

static void a_port_in_use_is_said_to_be_in_use(void **state)
{
	struct pair *p = *state;
	struct addr same = p->at;

	assert_int_equal(streams_listen(p->streams, DOOR_ALL, &same), EADDRINUSE);
}

static void an_address_of_another_machine_can_not_be_bound(void **state)
{
	struct pair *p = *state;
	struct addr other = addr_v4(192, 0, 2, 1, 0);

	assert_int_equal(streams_listen(p->streams, DOOR_ALL, &other), EADDRNOTAVAIL);
}

static void a_refused_dial_is_told_once_and_is_its_end(void **state)
{
	struct world *w = world_open();
	struct addr at = addr_v4(127, 0, 0, 1, 0);
	struct streams *s = streams_open(&w->loop, at, world_sink(w));
	union sockaddr_any where;
	socklen_t len = sockaddr_put(at, &where);
	int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound, but it does not listen */
	(void)state;

	assert_int_equal(bind(fd, &where.any, len), 0);
	assert_int_equal(getsockname(fd, &where.any, &len), 0);
	stream_dial(s, DIALLED | 7, sockaddr_get(&where.any));
	struct event *e = world_until(w, EVENT_DIALED, 0);
	assert_int_equal(e->stream.err, ERR_REFUSED);
	assert_int_equal(e->stream.conn, DIALLED | 7);
	close(fd);
	streams_close(s);
	world_close(w);
}

static void nothing_follows_a_refused_dial(void **state)
{
	struct pair *p = *state;
	uint32_t before = p->w->count;

	stream_dial(p->streams, DIALLED | 7, addr_v4(255, 255, 255, 255, 1));
	struct event *e = world_until(p->w, EVENT_DIALED, before);
	assert_int_not_equal(e->stream.err, OK);
	stream_output(p->streams, DIALLED | 7, BYTES("lost"));
	stream_flush(p->streams);
	stream_hangup(p->streams, DIALLED | 7);
	stream_hangup(p->streams, p->near);
	assert_int_equal(pair_gone(p, p->far, NULL), ERR_CLOSED);
	assert_int_equal(world_count(p->w, EVENT_DIALED), 2);
	for (uint32_t i = before; i < p->w->count; i++)
		if (p->w->event[i].kind == EVENT_CLOSED)
			assert_int_not_equal(p->w->event[i].stream.conn, DIALLED | 7);
}

static void what_nobody_takes_closes_the_stream(void **state)
{
	struct pair *p = *state;
	uint8_t *block = calloc(1, 1 << 20);
	uint32_t sent = 0;

	/* The loop does not run, so that the other end takes nothing. */
	while (p->w->metrics.value[METRIC_STREAMS_OVERFLOWED] == 0) {
		assert_true(++sent < 64);
		stream_output(p->streams, p->near, bytes_of(block, 1 << 20));
		stream_flush(p->streams);
	}
	assert_true(sent >= CHANNEL_QUEUE_MAX >> 20);
	assert_int_equal(pair_gone(p, p->near, NULL), ERR_FULL);
	free(block);
}

static void bytes_come_in_order_through_many_outputs(void **state)
{
	struct pair *p = *state;
	struct buffer got;
	char text[1000][12];

	for (int i = 0; i < 1000; i++) {
		snprintf(text[i], sizeof text[i], "%07d", i);
		stream_output(p->streams, p->near, bytes_of(text[i], 7));
		if (i % 100 == 0)
			stream_flush(p->streams);
	}
	stream_hangup(p->streams, p->near);
	buffer_init(&got, 1 << 20);
	assert_int_equal(pair_gone(p, p->far, &got), ERR_CLOSED);
	assert_int_equal(got.len, 7000);
	for (int i = 0; i < 1000; i++)
		assert_memory_equal(got.at + i * 7, text[i], 7);
	assert_int_equal(pair_gone(p, p->near, NULL), OK);
	buffer_fini(&got);
}

static void a_hangup_lets_the_last_bytes_out_first(void **state)
{
	struct pair *p = *state;
	size_t size = 6 << 20; /* more than the kernel takes at once */
	uint8_t *block = malloc(size);
	struct buffer got;

	for (size_t i = 0; i < size; i++)
		block[i] = (uint8_t)(i * 7 + i / 256);
	stream_output(p->streams, p->near, bytes_of(block, size));
	stream_hangup(p->streams, p->near);
	stream_output(p->streams, p->near, BYTES("too late"));
	stream_flush(p->streams);
	buffer_init(&got, 16 << 20);
	assert_int_equal(pair_gone(p, p->far, &got), ERR_CLOSED);
	assert_int_equal(got.len, size);
	assert_memory_equal(got.at, block, size);
	for (uint32_t i = 0; i < p->w->count; i++)
		if (p->w->event[i].kind == EVENT_INPUT)
			assert_true(p->w->event[i].stream.body.len <= INPUT_MAX);
	buffer_fini(&got);
	free(block);
}

static void nothing_comes_in_after_a_hangup(void **state)
{
	struct pair *p = *state;
	uint32_t before = p->w->count;

	stream_output(p->streams, p->far, BYTES("unread"));
	stream_flush(p->streams);
	stream_hangup(p->streams, p->near);
	pair_gone(p, p->near, NULL);
	for (uint32_t i = before; i < p->w->count; i++)
		assert_int_not_equal(p->w->event[i].kind, EVENT_INPUT);
}

static void a_hangup_while_dialling_ends_with_closed_alone(void **state)
{
	struct pair *p = *state;

	stream_dial(p->streams, DIALLED | 9, p->at);
	stream_hangup(p->streams, DIALLED | 9);
	assert_int_equal(pair_gone(p, DIALLED | 9, NULL), OK);
	assert_int_equal(world_count(p->w, EVENT_DIALED), 1);
}

static void many_streams_are_kept_apart(void **state)
{
	struct pair *p = *state;

	for (uint64_t i = 2; i < 302; i++)
		stream_dial(p->streams, DIALLED | i, p->at);
	while (world_count(p->w, EVENT_ACCEPTED) < 301 || world_count(p->w, EVENT_DIALED) < 301)
		world_until(p->w, EVENT_ACCEPTED, p->w->count);
	assert_int_equal(streams_count(p->streams), 602);
	stream_output(p->streams, DIALLED | 200, BYTES("x"));
	stream_flush(p->streams);
	world_until(p->w, EVENT_INPUT, 0);
	assert_int_equal(world_count(p->w, EVENT_INPUT), 1);
}

/* So that those who are in shake hands before the next are let in. */
static void a_crowd_is_let_in_a_few_in_a_turn(void **state)
{
	struct pair *p = *state;

	for (uint64_t i = 2; i < 302; i++)
		stream_dial(p->streams, DIALLED | i, p->at);
	for (uint32_t before = 1; before < 301;) {
		uv_run(&p->w->loop, UV_RUN_ONCE);
		uint32_t now = world_count(p->w, EVENT_ACCEPTED);
		/* What a turn left over comes by the timer, before the next turn's own. */
		assert_true(now - before <= ACCEPTS_TURN_MAX + 1);
		before = now;
	}
}

/* The local socket. */

static int local_connect(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(to.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

static void a_local_program_is_known_by_its_user(void **state)
{
	struct world *w = world_open();
	struct streams *s = streams_open(&w->loop, (struct addr){0}, world_sink(w));
	char dir[] = "/tmp/witan-local-XXXXXX", path[64];
	struct stat st;
	char answer[8] = "";
	(void)state;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/sock", dir);
	assert_int_equal(streams_listen_local(s, path), 0);
	streams_start(s);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	int fd = local_connect(path);
	struct event *e = world_until(w, EVENT_ACCEPTED, 0);
	assert_int_equal(e->stream.door, DOOR_LOCAL);
	assert_int_equal(e->stream.uid, getuid());
	stream_output(s, e->stream.conn, BYTES("welcome"));
	stream_flush(s);
	assert_int_equal(read(fd, answer, sizeof answer), 7);
	close(fd);
	world_until(w, EVENT_CLOSED, 0);
	streams_close(s);
	assert_int_not_equal(access(path, F_OK), 0);
	world_close(w);
	assert_int_equal(rmdir(dir), 0);
}

static void only_a_stale_socket_is_replaced(void **state)
{
	struct world *w = world_open();
	struct streams *one = streams_open(&w->loop, (struct addr){0}, world_sink(w));
	struct streams *two = streams_open(&w->loop, (struct addr){0}, world_sink(w));
	char dir[] = "/tmp/witan-local-XXXXXX", path[64], file[64];
	(void)state;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/sock", dir);
	snprintf(file, sizeof file, "%s/file", dir);
	struct sockaddr_un stale = {.sun_family = AF_UNIX};
	strcpy(stale.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&stale, sizeof stale), 0);
	close(fd); /* as a killed node leaves it */

	assert_int_equal(streams_listen_local(one, path), 0);
	assert_int_equal(streams_listen_local(two, path), EADDRINUSE);
	fclose(fopen(file, "w"));
	assert_int_equal(streams_listen_local(two, file), EEXIST);
	assert_int_equal(unlink(file), 0);
	streams_close(one);
	streams_close(two);
	world_close(w);
	assert_int_equal(rmdir(dir), 0);
}

#define in_a_pair(test) cmocka_unit_test_setup_teardown(test, pair_open, pair_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_pair(a_port_in_use_is_said_to_be_in_use),
		in_a_pair(an_address_of_another_machine_can_not_be_bound),
		cmocka_unit_test(a_refused_dial_is_told_once_and_is_its_end),
		in_a_pair(nothing_follows_a_refused_dial),
		in_a_pair(what_nobody_takes_closes_the_stream),
		in_a_pair(bytes_come_in_order_through_many_outputs),
		in_a_pair(a_hangup_lets_the_last_bytes_out_first),
		in_a_pair(nothing_comes_in_after_a_hangup),
		in_a_pair(a_hangup_while_dialling_ends_with_closed_alone),
		in_a_pair(many_streams_are_kept_apart),
		in_a_pair(a_crowd_is_let_in_a_few_in_a_turn),
		cmocka_unit_test(a_local_program_is_known_by_its_user),
		cmocka_unit_test(only_a_stale_socket_is_replaced),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
