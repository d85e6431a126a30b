#include "test/unit/net/world_uv.h"

#include <errno.h>
#include <sys/socket.h>

#include "core/limits.h"
#include "net/sockaddr.h"
#include "net/udp_uv.h"

static struct tray tray;

static struct event *door_get(struct world *w, struct udp_door *from, struct udp_door *to,
			      struct addr where, const char *text)
{
	(void)to;
	uint32_t before = w->count;

	udp_send(from, where, bytes_str(text));
	return world_until(w, EVENT_PACKET, before);
}

static void a_packet_names_its_sender_and_its_door(void **state)
{
	struct world *w = world_open();
	struct addr a = addr_v4(127, 0, 0, 1, 0), b = a;
	struct udp_door one, two;
	(void)state;

	assert_int_equal(udp_open(&one, &w->loop, DOOR_ALL, &a, &tray, world_sink(w)), 0);
	assert_int_equal(udp_open(&two, &w->loop, DOOR_SCHEDULERS, &b, &tray, world_sink(w)), 0);
	struct event *e = door_get(w, &one, &two, b, "hello");
	assert_int_equal(e->packet.door, DOOR_SCHEDULERS);
	assert_true(addr_same(e->packet.from, a));
	assert_true(bytes_same(e->packet.body, BYTES("hello")));
	udp_close(&one);
	udp_close(&two);
	world_close(w);
}

static void a_port_in_use_is_said_to_be_in_use(void **state)
{
	struct world *w = world_open();
	struct addr a = addr_v4(127, 0, 0, 1, 0);
	struct udp_door one, two;
	(void)state;

	assert_int_equal(udp_open(&one, &w->loop, DOOR_ALL, &a, &tray, world_sink(w)), 0);
	assert_int_equal(udp_open(&two, &w->loop, DOOR_ALL, &a, &tray, world_sink(w)), EADDRINUSE);
	udp_close(&one);
	world_close(w);
}

static void what_is_too_long_is_dropped_and_counted(void **state)
{
	struct world *w = world_open();
	struct addr a = addr_v4(127, 0, 0, 1, 0);
	struct udp_door one;
	uint8_t big[PACKET_MAX + 1] = {0};
	union sockaddr_any to;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	(void)state;

	assert_int_equal(udp_open(&one, &w->loop, DOOR_ALL, &a, &tray, world_sink(w)), 0);
	socklen_t len = sockaddr_put(a, &to);
	assert_int_equal(sendto(fd, big, sizeof big, 0, &to.any, len), sizeof big);
	assert_int_equal(sendto(fd, big, PACKET_MAX, 0, &to.any, len), PACKET_MAX);
	struct event *e = world_until(w, EVENT_PACKET, 0);
	assert_int_equal(e->packet.body.len, PACKET_MAX);
	assert_int_equal(w->count, 1);
	assert_int_equal(w->metrics.value[METRIC_DROPPED_BIG], 1);
	close(fd);
	udp_close(&one);
	world_close(w);
}

static void a_dead_peer_disturbs_nobody(void **state)
{
	struct world *w = world_open();
	struct addr a = addr_v4(127, 0, 0, 1, 0), b = a, dead = a;
	struct udp_door one, two, third;
	(void)state;

	assert_int_equal(udp_open(&one, &w->loop, DOOR_ALL, &a, &tray, world_sink(w)), 0);
	assert_int_equal(udp_open(&two, &w->loop, DOOR_ALL, &b, &tray, world_sink(w)), 0);
	assert_int_equal(udp_open(&third, &w->loop, DOOR_ALL, &dead, &tray, world_sink(w)), 0);
	udp_close(&third);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	for (int i = 0; i < 10; i++)
		udp_send(&one, dead, BYTES("anybody?"));
	struct event *e = door_get(w, &one, &two, b, "still here");
	assert_true(bytes_same(e->packet.body, BYTES("still here")));
	/* Nor does a place that has no route at all. */
	udp_send(&one, addr_v4(255, 255, 255, 255, 9), BYTES("x"));
	assert_int_equal(w->metrics.value[METRIC_PACKETS_UNSENT], 1);
	e = door_get(w, &two, &one, a, "and back");
	assert_true(bytes_same(e->packet.body, BYTES("and back")));
	udp_close(&one);
	udp_close(&two);
	world_close(w);
}

static void a_flood_is_taken_in_slices(void **state)
{
	struct world *w = world_open();
	struct addr a = addr_v4(127, 0, 0, 1, 0), b = a;
	struct udp_door one, two;
	(void)state;

	assert_int_equal(udp_open(&one, &w->loop, DOOR_ALL, &a, &tray, world_sink(w)), 0);
	assert_int_equal(udp_open(&two, &w->loop, DOOR_ALL, &b, &tray, world_sink(w)), 0);
	for (uint32_t i = 0; i < PACKETS_TURN_MAX + 5; i++)
		udp_send(&one, b, BYTES("flood"));
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(w->count, PACKETS_TURN_MAX);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(w->count, PACKETS_TURN_MAX + 5);
	udp_close(&one);
	udp_close(&two);
	world_close(w);
}

static void ipv6_is_as_good(void **state)
{
	struct world *w = world_open();
	struct addr a, b;
	struct udp_door one, two;
	(void)state;

	assert_int_equal(addr_parse("::1", 0, &a), OK);
	b = a;
	if (udp_open(&one, &w->loop, DOOR_ALL, &a, &tray, world_sink(w)) != 0) {
		world_close(w);
		skip(); /* this machine has no IPv6 */
	}
	assert_int_equal(udp_open(&two, &w->loop, DOOR_ALL, &b, &tray, world_sink(w)), 0);
	struct event *e = door_get(w, &one, &two, b, "six");
	assert_true(addr_same(e->packet.from, a));
	udp_close(&one);
	udp_close(&two);
	world_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_in_use_is_said_to_be_in_use),
		cmocka_unit_test(what_is_too_long_is_dropped_and_counted),
		cmocka_unit_test(a_dead_peer_disturbs_nobody),
		cmocka_unit_test(a_packet_names_its_sender_and_its_door),
		cmocka_unit_test(a_flood_is_taken_in_slices),
		cmocka_unit_test(ipv6_is_as_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
