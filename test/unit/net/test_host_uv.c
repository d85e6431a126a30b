#include "test/unit/net/world_uv.h"

#include <ftw.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core/config.h"
#include "core/facts.h"
#include "core/outbox.h"
#include "net/alarm_uv.h"
#include "net/host_uv.h"
#include "net/sockaddr.h"

#define DIALLED (1ull << 63)

/* What stands for a node: each test gives it a script. */
struct fake {
	void (*script)(struct fake *f, const struct event *e, struct outbox *o);
	uint64_t deadline_us;
	uint32_t step; /* the script's own */
	uint32_t wakes, turns;
	uint64_t last_now_us;
	struct host_start start;
	struct config config;
	struct identity identity;
	struct keyring keyring;
	char root[64];
	char socket[80];
	char log[1024]; /* the last line */
	bool refuse;    /* to open */
	bool stands;    /* it said that it is ready */
};

static struct fake *the;

static enum err fake_open(const struct node_start *start, void **self, char why[200])
{
	assert_true(start->now_us > 0);
	assert_true(start->wall_us > start->now_us);
	assert_non_null(start->disk->read);
	if (the->refuse) {
		snprintf(why, 200, "the disk is of another cluster");
		return ERR_FOREIGN;
	}
	*self = the;
	return OK;
}

static void fake_close(void *self)
{
	assert_ptr_equal(self, the);
}

static void fake_step(void *self, const struct event *e, struct outbox *o)
{
	struct fake *f = self;

	assert_true(e->now_us >= f->last_now_us);
	f->last_now_us = e->now_us;
	f->wakes += e->kind == EVENT_WAKE;
	if (!f->stands)
		outbox_ready(o, "up");
	f->stands = true;
	f->script(f, e, o);
}

static void fake_turn(void *self, uint64_t now_us, uint64_t wall_us, struct outbox *o)
{
	struct fake *f = self;

	(void)o;
	assert_true(now_us >= f->last_now_us);
	assert_true(wall_us > 0);
	f->turns++;
}

static uint64_t fake_deadline(const void *self)
{
	return ((const struct fake *)self)->deadline_us;
}

static const struct host_ops fake_ops = {fake_open, fake_close, fake_step, fake_turn,
					 fake_deadline};

static void fake_log(void *self, enum log_level level, uint64_t wall_us, const char *fields,
		     const char *text)
{
	struct fake *f = self;

	(void)level;
	(void)wall_us;
	(void)fields;
	snprintf(f->log, sizeof f->log, "%s", text);
}

static int fake_begin(void **state)
{
	struct fake *f = calloc(1, sizeof *f);
	uint32_t pid = (uint32_t)getpid();
	const uint8_t seed[32] = {1};

	assert_non_null(f);
	strcpy(f->root, "/tmp/witan-host-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	snprintf(f->socket, sizeof f->socket, "%s/witan.sock", f->root);
	config_init(&f->config);
	f->config.discovery = DISCOVER_NONE;
	identity_make(&f->identity, seed);
	f->deadline_us = UINT64_MAX;
	f->start = (struct host_start){
		.ops = &fake_ops,
		.config = &f->config,
		.identity = &f->identity,
		.keyring = &f->keyring,
		.root = f->root,
		.socket = f->socket,
		/* An address of this process alone. */
		.addr = addr_v4(127, (uint8_t)(1 + (pid >> 16)), (uint8_t)(pid >> 8), (uint8_t)pid,
				8081),
		.roles = ROLE_SCHEDULER | ROLE_WORKER,
		.log_self = f,
		.log = fake_log,
	};
	*state = the = f;
	return 0;
}

static int forget(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

static int fake_end(void **state)
{
	struct fake *f = *state;

	assert_int_equal(nftw(f->root, forget, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(f);
	return 0;
}

static void told_nothing(struct fake *f, const struct event *e, struct outbox *o)
{
	(void)f;
	(void)e;
	(void)o;
	fail_msg("a node that never opened was told something");
}

/* Refusals. */

static int occupy(struct addr at, int type)
{
	union sockaddr_any where;
	socklen_t len = sockaddr_put(at, &where);
	int fd = socket(AF_INET, type, 0);

	assert_int_equal(bind(fd, &where.any, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void a_port_in_use_ends_the_start_with_its_name(void **state)
{
	struct fake *f = *state;
	int fd = occupy(addr_with_port(f->start.addr, 9081), SOCK_STREAM);

	f->script = told_nothing;
	assert_int_equal(host_run(&f->start), 1);
	assert_string_equal(f->log, "port 9081 (gossip of schedulers) is in use");
	close(fd);
	fd = occupy(addr_with_port(f->start.addr, 10081), SOCK_DGRAM);
	assert_int_equal(host_run(&f->start), 1);
	assert_string_equal(f->log, "port 10081 (gossip of all nodes) is in use");
	close(fd);
	assert_int_not_equal(access(f->socket, F_OK), 0);
}

static void an_address_of_another_machine_ends_the_start(void **state)
{
	struct fake *f = *state;

	f->script = told_nothing;
	f->start.addr = addr_v4(192, 0, 2, 77, 8081);
	assert_int_equal(host_run(&f->start), 1);
	assert_string_equal(f->log, "address 192.0.2.77 is not one of this machine's");
}

static void a_node_that_can_not_open_ends_with_its_sentence(void **state)
{
	struct fake *f = *state;

	f->script = told_nothing;
	f->refuse = true;
	assert_int_equal(host_run(&f->start), 1);
	assert_string_equal(f->log, "the disk is of another cluster");
}

static void exit_at_once(struct fake *f, const struct event *e, struct outbox *o)
{
	(void)f;
	(void)e;
	outbox_exit(o, 0);
}

static void a_worker_leaves_the_schedulers_port_alone(void **state)
{
	struct fake *f = *state;
	int fd = occupy(addr_with_port(f->start.addr, 9081), SOCK_STREAM);

	f->start.roles = ROLE_WORKER;
	f->script = exit_at_once;
	assert_int_equal(host_run(&f->start), 0);
	close(fd);
}

/* Every door, one after the other. */

static void all_doors(struct fake *f, const struct event *e, struct outbox *o)
{
	const uint8_t none[64] = {0};
	struct addr all = addr_with_port(f->start.addr, 10081);

	if (f->step == 0 && e->kind == EVENT_WAKE) {
		outbox_packet(o, DOOR_SCHEDULERS, all, BYTES("sealed"));
		f->step = 1;
	} else if (f->step == 1 && e->kind == EVENT_PACKET) {
		assert_int_equal(e->packet.door, DOOR_ALL);
		assert_true(addr_same(e->packet.from, addr_with_port(all, 9081)));
		outbox_dial(o, DIALLED | 1, f->start.addr);
		f->step = 2;
	} else if (f->step == 2 && e->kind == EVENT_DIALED) {
		assert_int_equal(e->stream.err, OK);
		outbox_output(o, DIALLED | 1, BYTES("frame"));
		outbox_hangup(o, DIALLED | 1);
		f->step = 3;
	} else if (f->step == 3 && e->kind == EVENT_INPUT) {
		assert_true(bytes_same(e->stream.body, BYTES("frame")));
		outbox_append(o, "store/wal", 0, BYTES("record"), 0);
		outbox_sync(o, "store/wal", 5);
		f->step = 4;
	} else if (f->step == 4 && e->kind == EVENT_DISK) {
		assert_int_equal(e->disk.token, 5);
		assert_int_equal(e->disk.err, OK);
		outbox_read(o, "store/wal", 0, 100, 6);
		f->step = 5;
	} else if (f->step == 5 && e->kind == EVENT_READ) {
		assert_true(bytes_same(e->read.body, BYTES("record")));
		outbox_verify(o, 7, f->identity.public_key, none, BYTES("facts"));
		f->step = 6;
	} else if (f->step == 6 && e->kind == EVENT_VERIFIED) {
		uint8_t signature[64];

		assert_int_equal(e->verified.token, 7);
		assert_false(e->verified.good);
		identity_sign(&f->identity, BYTES("facts"), signature);
		outbox_verify(o, 8, f->identity.public_key, signature, BYTES("facts"));
		f->step = 7;
	} else if (f->step == 7 && e->kind == EVENT_VERIFIED) {
		assert_true(e->verified.good);
		outbox_resolve(o, 9, "127.0.0.9", 8081);
		f->step = 8;
	} else if (f->step == 8 && e->kind == EVENT_RESOLVED) {
		assert_int_equal(e->resolved.err, OK);
		assert_int_equal(e->resolved.count, 1);
		assert_true(addr_same(e->resolved.list[0], addr_v4(127, 0, 0, 9, 8081)));
		outbox_resolve(o, 10, "", 8081);
		outbox_dial(o, DIALLED | 2, addr_v4(255, 255, 255, 255, 1));
		f->step = 9;
	} else if (f->step == 9 && e->kind == EVENT_DIALED) {
		assert_int_not_equal(e->stream.err, OK);
		outbox_log(o, LOG_LEVEL_INFO, "all doors seen: step=%u", f->step);
		outbox_append(o, "store/wal", 6, BYTES(" last"), 0);
		outbox_sync(o, "store/wal", 0);
		outbox_exit(o, 7);
		f->step = 10;
	}
}

static void every_door_opens_and_the_exit_code_is_the_nodes(void **state)
{
	struct fake *f = *state;
	char path[96], text[32] = "";

	f->script = all_doors;
	assert_int_equal(host_run(&f->start), 7);
	assert_int_equal(f->step, 10);
	assert_string_equal(f->log, "all doors seen: step=9");
	/* What was asked for in the last turn is done. */
	snprintf(path, sizeof path, "%s/store/wal", f->root);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof text, file));
	fclose(file);
	assert_string_equal(text, "record last");
	assert_int_not_equal(access(f->socket, F_OK), 0);
}

/* The clock. */

static void always_late(struct fake *f, const struct event *e, struct outbox *o)
{
	if (f->step == 0) {
		outbox_packet(o, DOOR_ALL, addr_with_port(f->start.addr, 10081), BYTES("x"));
		f->step = 1;
	} else if (e->kind == EVENT_PACKET) {
		outbox_exit(o, 0);
	}
}

static void a_deadline_that_is_always_past_starves_no_socket(void **state)
{
	struct fake *f = *state;

	f->script = always_late;
	f->deadline_us = 0;
	assert_int_equal(host_run(&f->start), 0);
}

static void wait_for_it(struct fake *f, const struct event *e, struct outbox *o)
{
	if (f->step == 0) {
		f->deadline_us = e->now_us + 20000;
		f->step = 1;
	} else if (e->kind == EVENT_WAKE && e->now_us >= f->deadline_us) {
		f->deadline_us = UINT64_MAX;
		outbox_exit(o, 0);
	}
}

static void the_deadline_wakes_the_node_once(void **state)
{
	struct fake *f = *state;

	f->script = wait_for_it;
	assert_int_equal(host_run(&f->start), 0);
	assert_int_equal(f->wakes, 2);
	assert_true(f->turns <= 4);
}

/* Signals. */

static void stop_nicely(struct fake *f, const struct event *e, struct outbox *o)
{
	if (e->kind == EVENT_WAKE) {
		raise(SIGUSR1);
	} else if (e->kind == EVENT_SIGNAL && e->signal == SIGNAL_MEMBERS) {
		f->step = 1;
		raise(SIGTERM);
	} else if (e->kind == EVENT_SIGNAL && e->signal == SIGNAL_STOP) {
		assert_int_equal(f->step, 1);
		outbox_exit(o, 0);
	}
}

static void a_signal_is_the_operators_wish(void **state)
{
	struct fake *f = *state;

	f->script = stop_nicely;
	assert_int_equal(host_run(&f->start), 0);
}

static void never_stop(struct fake *f, const struct event *e, struct outbox *o)
{
	(void)f;
	(void)o;
	if (e->kind == EVENT_WAKE || e->kind == EVENT_SIGNAL)
		raise(SIGINT);
}

static void a_second_wish_to_stop_needs_no_consent(void **state)
{
	struct fake *f = *state;

	f->script = never_stop;
	assert_int_equal(host_run(&f->start), 130);
}

#define alone(test) cmocka_unit_test_setup_teardown(test, fake_begin, fake_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		alone(a_port_in_use_ends_the_start_with_its_name),
		alone(an_address_of_another_machine_ends_the_start),
		alone(a_node_that_can_not_open_ends_with_its_sentence),
		alone(a_worker_leaves_the_schedulers_port_alone),
		alone(every_door_opens_and_the_exit_code_is_the_nodes),
		alone(a_deadline_that_is_always_past_starves_no_socket),
		alone(the_deadline_wakes_the_node_once),
		alone(a_signal_is_the_operators_wish),
		alone(a_second_wish_to_stop_needs_no_consent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
