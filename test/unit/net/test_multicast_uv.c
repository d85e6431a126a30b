#include "test/unit/net/world_uv.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "net/multicast_uv.h"

static struct tray tray;

struct heard {
	char text[512];
	uint32_t lines;
};

static void hear(void *self, enum log_level level, const char *text)
{
	struct heard *h = self;

	(void)level;
	h->lines++;
	snprintf(h->text, sizeof h->text, "%s", text);
}

/* A port of its own for each test process, so that nobody's beacons are heard here. */
static uint16_t own_port(void)
{
	return (uint16_t)(20000 + getpid() % 20000);
}

static struct multicast_start start_on(const char *interface, struct heard *h)
{
	struct multicast_start m = {.group = addr_v4(224, 2, 2, 3, own_port()),
				    .ttl = 0,
				    .count = 1,
				    .source = addr_v4(127, 0, 0, 5, 0),
				    .has_source = {true},
				    .log_self = h,
				    .log = hear};

	snprintf(m.interface[0], sizeof m.interface[0], "%s", interface);
	return m;
}

static void a_missing_interface_is_complained_about_once(void **state)
{
	struct world *w = world_open();
	struct heard h = {0};
	struct multicast_start start = start_on("nosuch0", &h);
	struct multicast *m = multicast_open(&w->loop, &start, &tray, world_sink(w));
	(void)state;

	assert_int_equal(multicast_working(m), 0);
	assert_string_equal(h.text, "multicast failed, trying again: interface=nosuch0 join: "
				    "No such device");
	for (int i = 0; i < 10; i++)
		multicast_send(m, BYTES("nobody hears it"));
	assert_int_equal(h.lines, 1);
	multicast_close(m);
	world_close(w);
}

static void nodes_of_one_machine_hear_each_other(void **state)
{
	struct world *one = world_open(), *two = world_open();
	struct heard h = {0};
	struct multicast_start start = start_on("lo", &h);
	struct multicast *a = multicast_open(&one->loop, &start, &tray, world_sink(one));
	struct multicast *b = multicast_open(&two->loop, &start, &tray, world_sink(two));
	(void)state;

	assert_string_equal(h.text, "");
	assert_int_equal(multicast_working(a), 1);
	multicast_send(a, BYTES("beacon"));
	struct event *e = world_until(two, EVENT_PACKET, 0);
	assert_int_equal(e->packet.door, DOOR_MULTICAST);
	assert_true(bytes_same(e->packet.body, BYTES("beacon")));
	assert_true(addr_same_ip(e->packet.from, start.source));
	/* Our own comes back, too. */
	e = world_until(one, EVENT_PACKET, 0);
	assert_true(bytes_same(e->packet.body, BYTES("beacon")));
	multicast_close(a);
	multicast_close(b);
	world_close(one);
	world_close(two);
}

static void another_group_on_the_same_port_is_not_heard(void **state)
{
	struct world *w = world_open();
	struct heard h = {0};
	struct multicast_start ours = start_on("lo", &h), theirs = ours;
	(void)state;

	theirs.group.ip[3] = 99;
	struct multicast *a = multicast_open(&w->loop, &ours, &tray, world_sink(w));
	struct multicast *b = multicast_open(&w->loop, &theirs, &tray, (struct sink){0});
	multicast_send(b, BYTES("theirs"));
	multicast_send(a, BYTES("ours"));
	multicast_close(b);
	struct event *e = world_until(w, EVENT_PACKET, 0);
	assert_true(bytes_same(e->packet.body, BYTES("ours")));
	multicast_close(a);
	world_close(w);
}

/* An interface in a network of our own: lo does not loop IPv6 groups. False when we may not make one. */
static bool own_interface(const char *name, int *keep)
{
	struct ifreq r = {0};
	char path[96];

	if (unshare(CLONE_NEWNET) != 0)
		return false;
	snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/default/accept_dad");
	int fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "0", 1) != 1)
		return false;
	close(fd);
	*keep = open("/dev/net/tun", O_RDWR);
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	r.ifr_flags = IFF_TAP | IFF_NO_PI;
	if (*keep < 0 || ioctl(*keep, TUNSETIFF, &r) != 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	r.ifr_flags = IFF_UP | IFF_MULTICAST;
	bool up = ioctl(fd, SIOCSIFFLAGS, &r) == 0;
	close(fd);
	return up;
}

static void a_group_of_ipv6_works_too(void **state)
{
	struct heard h = {0};
	struct multicast_start start = start_on("wt0", &h);
	int keep = -1;
	(void)state;

	if (!own_interface("wt0", &keep))
		skip();
	struct world *w = world_open();
	assert_int_equal(addr_parse("ff15::5749:5441:4e", own_port(), &start.group), OK);
	struct multicast *m = multicast_open(&w->loop, &start, &tray, world_sink(w));
	while (w->count == 0) { /* the kernel takes a moment to give it an address */
		assert_false(w->late);
		multicast_send(m, BYTES("six"));
		uv_run(&w->loop, UV_RUN_NOWAIT);
	}
	assert_true(bytes_same(w->event[0].packet.body, BYTES("six")));
	assert_int_not_equal(w->event[0].packet.from.scope, 0);

	/* The interface goes away: a complaint, not an end. */
	close(keep);
	h.lines = 0;
	while (h.lines == 0 || multicast_working(m) > 0) {
		assert_false(w->late);
		multicast_send(m, BYTES("six"));
		uv_run(&w->loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(h.lines, 1);
	multicast_close(m);
	world_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_interface_is_complained_about_once),
		cmocka_unit_test(nodes_of_one_machine_hear_each_other),
		cmocka_unit_test(another_group_on_the_same_port_is_not_heard),
		/* last: it leaves this network */
		cmocka_unit_test(a_group_of_ipv6_works_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
