#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "net/select.h"

static struct interface seen[8];
static uint32_t seen_count;
static struct cidr ranges[4];
static uint32_t range_count;
static bool dev;
static char text[SELECT_TEXT_MAX];

static int fresh(void **state)
{
	(void)state;
	memset(seen, 0, sizeof(seen));
	seen_count = range_count = 0;
	dev = false;
	return 0;
}

static void see(const char *name, const char *ip, bool up, bool route)
{
	struct interface *i = &seen[seen_count++];

	strcpy(i->name, name);
	assert_int_equal(addr_parse(ip, 1, &i->addr), OK);
	i->up = up;
	i->default_route = route;
}

static void range(const char *cidr)
{
	assert_int_equal(cidr_parse(cidr, &ranges[range_count++]), OK);
}

static enum err pick(struct addr *out)
{
	struct select s = {.seen = seen,
			   .seen_count = seen_count,
			   .ranges = ranges,
			   .range_count = range_count,
			   .dev = dev};

	return select_private(&s, out, text);
}

static void refused(const char *sentence)
{
	struct addr out = {.family = 77};

	assert_int_equal(pick(&out), ERR_REFUSED);
	assert_string_equal(text, sentence);
	assert_int_equal(out.family, 77);
}

static void taken(const char *ip, const char *warning)
{
	struct addr out;

	assert_int_equal(pick(&out), OK);
	assert_string_equal(addr_ip_text(out).s, ip);
	assert_int_equal(out.port, 0);
	assert_string_equal(text, warning);
}

static void no_match_is_refused_and_lists_what_was_seen(void **state)
{
	(void)state;
	see("lo", "127.0.0.1", true, false);
	see("eth0", "192.168.1.5", true, true);
	see("eth1", "10.0.0.5", false, false);
	range("10.0.0.0/8");
	refused("no address is in private_ip_selector; seen: 192.168.1.5 (eth0), 10.0.0.5 (eth1, "
		"down)");
}

static void several_private_ones_on_the_default_route_are_refused_with_the_flag(void **state)
{
	(void)state;
	see("eth0", "192.168.1.5", true, true);
	see("eth0", "fd00::5", true, true);
	see("eth1", "10.0.0.5", true, false);
	refused("several private addresses on the default route's interface: 192.168.1.5 (eth0), "
		"fd00::5 (eth0): add --private_ip_selector=192.168.1.5/32");
}

static void several_private_ones_elsewhere_are_refused_with_the_flag(void **state)
{
	(void)state;
	see("eth0", "8.8.8.8", true, true);
	see("eth1", "10.0.0.5", true, false);
	see("eth2", "172.16.0.5", true, false);
	refused("several private addresses: 10.0.0.5 (eth1), 172.16.0.5 (eth2): add "
		"--private_ip_selector=10.0.0.5/32");
}

static void only_public_ones_are_refused_until_a_selector_names_one(void **state)
{
	(void)state;
	see("lo", "127.0.0.1", true, false);
	see("eth0", "2001:db8::5", true, true);
	refused("no private address, only public ones or ones that are down: 2001:db8::5 (eth0): "
		"add "
		"--private_ip_selector=2001:db8::5/128");
	range("2001:db8::/32");
	taken("2001:db8::5", "");
}

static void nothing_but_loopback_is_refused(void **state)
{
	(void)state;
	refused("no address but loopback: add --private_ip_selector=127.0.0.1/32 for a cluster on "
		"this machine alone");
	see("lo", "127.0.0.1", true, false);
	assert_int_equal(pick(&(struct addr){0}), ERR_REFUSED);
	range("10.0.0.0/8");
	refused("no address is in private_ip_selector; seen: only loopback");
}

static void the_private_one_on_the_default_route_is_taken(void **state)
{
	(void)state;
	see("lo", "127.0.0.1", true, false);
	see("docker0", "172.17.0.1", true, false);
	see("eth0", "8.8.4.4", true, true);
	see("eth0", "100.64.0.9", true, true);
	taken("100.64.0.9", "");
}

static void the_only_private_one_is_taken_wherever_it_is(void **state)
{
	(void)state;
	see("eth0", "8.8.4.4", true, true);
	see("eth1", "10.0.0.5", true, false);
	see("eth2", "10.1.0.5", false, false);
	taken("10.0.0.5", "");
}

static void the_first_match_in_interface_order_is_taken_with_a_warning(void **state)
{
	(void)state;
	see("eth0", "192.168.1.5", true, true);
	see("eth1", "10.2.0.5", true, false);
	see("eth2", "10.1.0.5", true, false);
	range("10.1.0.0/16");
	range("10.0.0.0/8");
	taken("10.2.0.5", "private_ip_selector matches several addresses: using 10.2.0.5 (eth1), "
			  "ignoring 10.1.0.5 (eth2)");
}

static void a_selector_may_name_loopback(void **state)
{
	(void)state;
	see("lo", "127.0.0.1", true, false);
	see("eth0", "10.0.0.5", true, true);
	range("127.0.0.0/8");
	taken("127.0.0.1", "");
}

static void dev_takes_loopback_unless_a_selector_says_otherwise(void **state)
{
	(void)state;
	dev = true;
	see("eth0", "10.0.0.5", true, true);
	taken("127.0.0.1", "");
	range("10.0.0.0/8");
	taken("10.0.0.5", "");
}

static void a_list_too_long_for_its_text_is_cut_and_stays_a_text(void **state)
{
	static struct interface many[200];
	struct select s = {.seen = many, .seen_count = 200};
	struct addr out;

	(void)state;
	for (uint8_t i = 0; i < 200; i++) {
		strcpy(many[i].name, "ethernet0");
		many[i].addr = addr_v4(10, 0, 0, i, 0);
		many[i].up = true;
	}
	assert_int_equal(select_private(&s, &out, text), ERR_REFUSED);
	assert_int_equal(strlen(text), SELECT_TEXT_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(no_match_is_refused_and_lists_what_was_seen, fresh),
		cmocka_unit_test_setup(
			several_private_ones_on_the_default_route_are_refused_with_the_flag, fresh),
		cmocka_unit_test_setup(several_private_ones_elsewhere_are_refused_with_the_flag,
				       fresh),
		cmocka_unit_test_setup(only_public_ones_are_refused_until_a_selector_names_one,
				       fresh),
		cmocka_unit_test_setup(nothing_but_loopback_is_refused, fresh),
		cmocka_unit_test_setup(the_private_one_on_the_default_route_is_taken, fresh),
		cmocka_unit_test_setup(the_only_private_one_is_taken_wherever_it_is, fresh),
		cmocka_unit_test_setup(the_first_match_in_interface_order_is_taken_with_a_warning,
				       fresh),
		cmocka_unit_test_setup(a_selector_may_name_loopback, fresh),
		cmocka_unit_test_setup(dev_takes_loopback_unless_a_selector_says_otherwise, fresh),
		cmocka_unit_test_setup(a_list_too_long_for_its_text_is_cut_and_stays_a_text, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
