#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/addr.h"

static struct addr a(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, 1, &addr), OK);
	return addr;
}

static struct cidr c(const char *text)
{
	struct cidr cidr;

	assert_int_equal(cidr_parse(text, &cidr), OK);
	return cidr;
}

static void what_is_no_address_is_refused_and_nothing_is_written(void **state)
{
	static const char *const bad[] = {
		"",
		"node-a",
		"10.0.0",
		"10.0.0.256",
		"10.0.0.1:",
		"10.0.0.1:0",
		"10.0.0.1:65536",
		"10.0.0.1:+1",
		"10.0.0.1:080",
		"10.0.0.1 ",
		" 10.0.0.1",
		"010.0.0.1",
		"10.0.0.1/8",
		"[10.0.0.1]:80",
		"[10.0.0.1]",
		"fd00::g",
		"[fd00::1",
		"[fd00::1]80",
		"[fd00::1]:",
		"[fd00::1]:99999",
		"[]",
		"[]:80",
		":80",
		"fe80::1%",
		"fe80::1%eth0",
		"fe80::1%0",
		"::1::2",
		"10.0.0.1%2",
		"1111111111111111111111111111111111111111111111111111111111111111111111111",
	};
	struct addr addr = {.family = 99};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (addr_parse(bad[i], 1, &addr) != ERR_MALFORMED)
			fail_msg("taken for an address: \"%s\"", bad[i]);
		assert_int_equal(addr.family, 99);
	}
}

static void an_address_printed_is_the_address_read(void **state)
{
	static const char *const good[] = {
		"10.0.0.1:8081",
		"0.0.0.0:1",
		"255.255.255.255:65535",
		"[fd00::1]:8081",
		"[::1]:8081",
		"[fe80::1%7]:8081",
		"[fe80::1%4294967295]:80",
		"[2001:db8:1:2:3:4:5:6]:443",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_string_equal(addr_text(a(good[i])).s, good[i]);
	assert_string_equal(addr_text(a("10.0.0.1")).s, "10.0.0.1:1");
	assert_string_equal(addr_text(a("fd00::1")).s, "[fd00::1]:1");
	assert_string_equal(addr_text(a("[fd00::1]")).s, "[fd00::1]:1");
	assert_string_equal(addr_ip_text(a("[fd00::1]:5")).s, "fd00::1");
	assert_string_equal(addr_ip_text(a("10.0.0.1:5")).s, "10.0.0.1");
	assert_string_equal(addr_text((struct addr){0}).s, "none");
}

static void the_member_log_has_brackets_around_both_families(void **state)
{
	(void)state;
	assert_string_equal(addr_member_text(a("10.0.0.1:10081")).s, "[10.0.0.1]:10081");
	assert_string_equal(addr_member_text(a("[fd00::1]:10081")).s, "[fd00::1]:10081");
}

static void a_mapped_address_is_the_ipv4_address_it_is(void **state)
{
	(void)state;
	assert_true(addr_same(a("[::ffff:10.0.0.1]:80"), a("10.0.0.1:80")));
	assert_true(addr_same(addr_unmapped(a("[::fffe:10.0.0.1]:80")), a("[::fffe:10.0.0.1]:80")));
}

static void addresses_are_same_in_all_or_not_at_all(void **state)
{
	(void)state;
	assert_true(addr_same(a("10.0.0.1:80"), addr_v4(10, 0, 0, 1, 80)));
	assert_false(addr_same(a("10.0.0.1:80"), a("10.0.0.1:81")));
	assert_true(addr_same_ip(a("10.0.0.1:80"), a("10.0.0.1:81")));
	assert_false(addr_same_ip(a("10.0.0.1:80"), a("10.0.0.2:80")));
	assert_false(addr_same(a("fe80::1%1"), a("fe80::1%2")));
	assert_false(addr_same(a("0.0.0.0:80"), a("[::]:80")));
	assert_true(addr_same(addr_with_port(a("fd00::1"), 9), a("[fd00::1]:9")));
}

static void addresses_stand_in_the_order_of_numbers(void **state)
{
	static const char *const order[] = {
		"9.0.0.1:9", "10.0.0.1:80", "10.0.0.1:443",  "10.0.0.2:1",    "200.0.0.1:1",
		"[::1]:1",   "[fd00::1]:1", "[fe80::1%1]:1", "[fe80::1%2]:1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		for (size_t j = 0; j < sizeof(order) / sizeof(order[0]); j++)
			assert_int_equal(addr_cmp(a(order[i]), a(order[j])), (i > j) - (i < j));
	assert_true(addr_cmp((struct addr){0}, a("0.0.0.0")) < 0);
}

static void loopback_and_private_ranges_end_where_they_end(void **state)
{
	static const char *const private[] = {
		"10.0.0.0",   "10.255.255.255",  "172.16.0.0", "172.31.255.255", "192.168.0.1",
		"100.64.0.0", "100.127.255.255", "fc00::1",    "fdff::1",
	};
	static const char *const not [] = {
		"9.255.255.255", "11.0.0.0",   "172.15.255.255", "172.32.0.0",
		"192.167.0.1",   "100.63.0.0", "100.128.0.0",    "fb00::1",
		"fe80::1",       "127.0.0.1",  "8.8.8.8",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++)
		assert_true(addr_is_private(a(private[i])));
	for (size_t i = 0; i < sizeof(not ) / sizeof(not [0]); i++)
		assert_false(addr_is_private(a(not [i])));
	assert_true(addr_is_loopback(a("127.0.0.1")));
	assert_true(addr_is_loopback(a("127.255.0.9")));
	assert_true(addr_is_loopback(a("::1")));
	assert_false(addr_is_loopback(a("::2")));
	assert_false(addr_is_loopback(a("128.0.0.1")));
	assert_false(addr_is_loopback((struct addr){0}));
	assert_false(addr_is_private((struct addr){0}));
	assert_true(addr_is_none((struct addr){0}));
}

static void what_is_no_range_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"/8",
		"10.0.0.0/33",
		"10.0.0.0/",
		"10.0.0.0/-1",
		"10.0.0.0/08",
		"10.0.0.0/8/8",
		"fd00::/129",
		"10.0.0.0:80/8",
		"fe80::1%2/64",
		"lan",
	};
	struct cidr cidr;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(cidr_parse(bad[i], &cidr), ERR_MALFORMED);
}

static void a_range_has_what_shares_its_bits_and_nothing_else(void **state)
{
	(void)state;
	assert_true(cidr_has(c("10.0.0.0/8"), a("10.9.8.7:6")));
	assert_true(cidr_has(c("10.1.2.3/8"), a("10.9.8.7:6")));
	assert_false(cidr_has(c("10.0.0.0/8"), a("11.0.0.0")));
	assert_true(cidr_has(c("172.16.0.0/12"), a("172.31.0.1")));
	assert_false(cidr_has(c("172.16.0.0/12"), a("172.32.0.1")));
	assert_true(cidr_has(c("10.0.0.1"), a("10.0.0.1")));
	assert_false(cidr_has(c("10.0.0.1"), a("10.0.0.0")));
	assert_true(cidr_has(c("0.0.0.0/0"), a("255.1.1.1")));
	assert_false(cidr_has(c("0.0.0.0/0"), a("::1")));
	assert_false(cidr_has(c("::/0"), a("1.1.1.1")));
	assert_true(cidr_has(c("fe80::/10"), a("febf::1%3")));
	assert_false(cidr_has(c("fe80::/10"), a("fec0::1")));
	assert_false(cidr_has((struct cidr){0}, (struct addr){0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_address_is_refused_and_nothing_is_written),
		cmocka_unit_test(an_address_printed_is_the_address_read),
		cmocka_unit_test(the_member_log_has_brackets_around_both_families),
		cmocka_unit_test(a_mapped_address_is_the_ipv4_address_it_is),
		cmocka_unit_test(addresses_are_same_in_all_or_not_at_all),
		cmocka_unit_test(addresses_stand_in_the_order_of_numbers),
		cmocka_unit_test(loopback_and_private_ranges_end_where_they_end),
		cmocka_unit_test(what_is_no_range_is_refused),
		cmocka_unit_test(a_range_has_what_shares_its_bits_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
