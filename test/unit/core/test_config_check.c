#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/config.h"

static struct config c;
static char why[CONFIG_WHY_MAX];

static int fresh(void **state)
{
	(void)state;
	config_init(&c);
	memset(why, 0, sizeof(why));
	return 0;
}

static void set(const char *name, const char *value)
{
	assert_int_equal(config_set(&c, name, value, ORIGIN_FLAG, why), OK);
}

static void refused(const char *sentence)
{
	assert_int_equal(config_check(&c, why), ERR_USAGE);
	assert_string_equal(why, sentence);
}

static void a_derived_port_above_65535_is_refused_by_name(void **state)
{
	(void)state;
	set("private_port", "64000");
	refused("--private_port: private_port = 64000 puts private_port + 2000 at 66000, above "
		"65535");
	config_init(&c);
	set("private_port", "63535");
	assert_int_equal(config_check(&c, why), OK);
	assert_int_equal(config_gossip_port(&c, VIEW_SCHEDULERS), 64535);
	assert_int_equal(config_gossip_port(&c, VIEW_ALL), 65535);
}

static void two_equal_ports_are_refused_with_both_names(void **state)
{
	(void)state;
	set("multicast_port", "10081");
	refused("--multicast_port: private_port + 2000 and multicast_port are both 10081");
	set("seeds", "a");
	set("discovery", "static");
	assert_int_equal(config_check(&c, why), OK);
}

static void static_without_seeds_is_refused(void **state)
{
	(void)state;
	set("discovery", "multicast,static");
	refused("--discovery: discovery = static needs seeds: --seeds=host[:port],...");
}

static void none_stands_alone_and_leaves_no_seed_unused(void **state)
{
	(void)state;
	set("discovery", "none,multicast");
	refused("--discovery: discovery: none stands alone");
	config_init(&c);
	set("discovery", "none");
	assert_int_equal(config_check(&c, why), OK);
	assert_int_equal(config_file(&c, "f", BYTES("[discovery]\nseeds = a\n"), why), OK);
	refused("--discovery: discovery = none leaves the seeds (f:2) unused: drop one");
}

static void seeds_imply_static(void **state)
{
	(void)state;
	assert_int_equal(config_discovery(&c), DISCOVER_MULTICAST);
	set("seeds", "a");
	assert_int_equal(config_discovery(&c), DISCOVER_MULTICAST | DISCOVER_STATIC);
	assert_int_equal(config_check(&c, why), OK);
}

static void a_group_that_is_none_is_refused(void **state)
{
	(void)state;
	set("multicast_group", "10.0.0.1");
	refused("--multicast_group: multicast_group: \"10.0.0.1\" is not a multicast address "
		"(224.0.0.0/4, ff00::/8)");
	config_init(&c);
	set("multicast_group", "ff15::1");
	assert_int_equal(config_check(&c, why), OK);
}

static void times_that_contradict_each_other_are_refused(void **state)
{
	(void)state;
	set("probe_timeout_ms", "1000");
	refused("--probe_timeout_ms: probe_timeout_ms = 1000 is not below probe_every_ms = 1000");
	config_init(&c);
	assert_int_equal(config_file(&c, "f", BYTES("[jobs]\nlease_s = 19\n"), why), OK);
	refused("f:2: kill_after_s = 10 is more than half of lease_s = 19");
	config_init(&c);
	assert_int_equal(config_set(&c, "heartbeat_ms", "101", ORIGIN_ENVIRONMENT, why), OK);
	refused("WITAN_HEARTBEAT_MS: election_ms = 300 is less than three times heartbeat_ms = "
		"101");
}

static void a_log_that_goes_nowhere_is_refused(void **state)
{
	(void)state;
	set("log", "jurnal");
	refused("--log: log: no \"jurnal\": did you mean \"journal\"?");
	config_init(&c);
	set("log", "file:log.txt");
	refused("--log: log: \"log.txt\" is not an absolute path");
	config_init(&c);
	set("log", "file:/var/log/witan");
	assert_int_equal(config_check(&c, why), OK);
}

static void labels_paths_and_voters_are_checked(void **state)
{
	(void)state;
	set("labels", "disk=ssd,gpu");
	refused("--labels: labels: \"gpu\" is not of the form name=value");
	config_init(&c);
	set("data_dir", "state");
	refused("--data_dir: data_dir: \"state\" is not an absolute path");
	config_init(&c);
	set("voters", "4");
	refused("--voters: voters = 4: an even number is no safer than one less: 1, 3 or 5");
}

static void an_interface_whose_name_none_can_have_is_refused(void **state)
{
	(void)state;
	set("multicast_interfaces", "eth0,abcdefghijklmno");
	assert_int_equal(config_check(&c, why), OK);
	set("multicast_interfaces", "abcdefghijklmnop");
	refused("--multicast_interfaces: multicast_interfaces: \"abcdefghijklmnop\" is longer than "
		"an "
		"interface's name can be");
}

static void what_others_are_told_is_the_advertised_address_with_our_port(void **state)
{
	struct addr self = addr_v4(10, 0, 0, 1, 8081);

	(void)state;
	assert_true(addr_same(config_advertised(&c, self), self));
	set("advertise_ip", "192.0.2.7");
	assert_true(addr_same(config_advertised(&c, self), addr_v4(192, 0, 2, 7, 8081)));
}

static void a_data_directory_too_deep_for_its_socket_is_refused(void **state)
{
	char dir[120] = "/";

	(void)state;
	memset(dir + 1, 'd', 100);
	set("data_dir", dir);
	assert_int_equal(config_check(&c, why), ERR_USAGE);
	assert_non_null(strstr(why, "too long for the local socket"));
	set("socket", "/run/s");
	assert_int_equal(config_check(&c, why), OK);
	config_init(&c);
	dir[100] = '\0';
	set("data_dir", dir);
	assert_int_equal(config_check(&c, why), OK);

	char path[CONFIG_SOCKET_MAX + 1];

	config_socket(&c, path);
	assert_int_equal(strlen(path), 100 + strlen("/socket"));
}

static void paths_follow_the_role(void **state)
{
	char dir[CONFIG_PATH_MAX + 1], path[CONFIG_SOCKET_MAX + 1];

	(void)state;
	config_data_dir(&c, dir);
	config_socket(&c, path);
	assert_string_equal(dir, "/var/lib/witan/worker");
	assert_string_equal(path, "/run/witan/worker.sock");
	set("role", "scheduler,worker");
	config_data_dir(&c, dir);
	assert_string_equal(dir, "/var/lib/witan/scheduler");
	set("data_dir", "/tmp/a");
	config_socket(&c, path);
	assert_string_equal(path, "/tmp/a/socket");
}

static void the_fingerprint_sees_what_must_be_the_same_and_nothing_else(void **state)
{
	uint8_t first[16], second[16];

	(void)state;
	config_fingerprint(&c, first);
	set("name", "other");
	set("slots", "3");
	config_fingerprint(&c, second);
	assert_memory_equal(first, second, 16);
	set("lease_s", "61");
	config_fingerprint(&c, second);
	assert_memory_not_equal(first, second, 16);
}

static void a_reload_takes_what_it_may_and_names_the_rest(void **state)
{
	struct config again;
	char names[CONFIG_WHY_MAX];

	(void)state;
	config_init(&again);
	assert_int_equal(config_set(&again, "log_level", "debug", ORIGIN_FILE, why), OK);
	assert_false(config_reload(&c, &again, names));
	assert_int_equal(c.log_level, again.log_level);
	assert_int_equal(c.origin[SETTING_log_level], ORIGIN_FILE);
	assert_int_equal(config_set(&again, "slots", "9", ORIGIN_FILE, why), OK);
	assert_int_equal(config_set(&again, "zone", "z", ORIGIN_FILE, why), OK);
	assert_true(config_reload(&c, &again, names));
	assert_string_equal(names, "slots zone");
	assert_int_equal(c.slots, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_derived_port_above_65535_is_refused_by_name, fresh),
		cmocka_unit_test_setup(two_equal_ports_are_refused_with_both_names, fresh),
		cmocka_unit_test_setup(static_without_seeds_is_refused, fresh),
		cmocka_unit_test_setup(none_stands_alone_and_leaves_no_seed_unused, fresh),
		cmocka_unit_test_setup(seeds_imply_static, fresh),
		cmocka_unit_test_setup(a_group_that_is_none_is_refused, fresh),
		cmocka_unit_test_setup(times_that_contradict_each_other_are_refused, fresh),
		cmocka_unit_test_setup(a_log_that_goes_nowhere_is_refused, fresh),
		cmocka_unit_test_setup(labels_paths_and_voters_are_checked, fresh),
		cmocka_unit_test_setup(an_interface_whose_name_none_can_have_is_refused, fresh),
		cmocka_unit_test_setup(what_others_are_told_is_the_advertised_address_with_our_port,
				       fresh),
		cmocka_unit_test_setup(a_data_directory_too_deep_for_its_socket_is_refused, fresh),
		cmocka_unit_test_setup(paths_follow_the_role, fresh),
		cmocka_unit_test_setup(the_fingerprint_sees_what_must_be_the_same_and_nothing_else,
				       fresh),
		cmocka_unit_test_setup(a_reload_takes_what_it_may_and_names_the_rest, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
