#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/config.h"
#include "core/facts.h"
#include "core/log.h"

static struct config c;
static char why[CONFIG_WHY_MAX];

static int fresh(void **state)
{
	(void)state;
	config_init(&c);
	memset(why, 0, sizeof(why));
	return 0;
}

static enum err set(const char *name, const char *value)
{
	return config_set(&c, name, value, ORIGIN_FLAG, why);
}

static void refused(const char *name, const char *value, const char *sentence)
{
	struct config before = c;

	assert_int_equal(set(name, value), ERR_USAGE);
	assert_string_equal(why, sentence);
	assert_memory_equal(&before, &c, sizeof(c));
}

static void a_bad_value_is_refused_in_one_sentence_and_changes_nothing(void **state)
{
	(void)state;
	refused("private_port", "80x", "private_port: \"80x\" is not a number from 1 to 65535");
	refused("private_port", "0", "private_port: \"0\" is not a number from 1 to 65535");
	refused("private_port", "65536", "private_port: \"65536\" is not a number from 1 to 65535");
	refused("private_port", "", "private_port: \"\" is not a number from 1 to 65535");
	refused("slots", "-1", "slots: \"-1\" is not a number from 0 to 1024");
	refused("slots", "99999999999999999999",
		"slots: \"99999999999999999999\" is not a number from 0 to 1024");
	refused("max_output", "64Mb", "max_output: \"64Mb\" is not a size from 4KiB to 1TiB");
	refused("max_output", "2TiB", "max_output: \"2TiB\" is not a size from 4KiB to 1TiB");
	refused("max_output", "MiB", "max_output: \"MiB\" is not a size from 4KiB to 1TiB");
	refused("spread", "maybe", "spread: \"maybe\" is neither yes nor no");
	refused("advertise_ip", "node-a", "advertise_ip: \"node-a\" is not an IP address");
	refused("advertise_ip", "10.0.0.1:80",
		"advertise_ip: \"10.0.0.1:80\" is not an IP address");
	refused("private_ip_selector", "10.0.0.0/33",
		"private_ip_selector: \"10.0.0.0/33\" is not a range such as 10.0.0.0/8 or "
		"fd00::/8");
	refused("log", "", "log: it can not be empty");
	refused("name", "a\tb", "name: a control character in the value");
	refused("role", "", "role: it can not be empty");
}

static void a_word_that_is_nearly_right_is_answered_with_the_right_one(void **state)
{
	(void)state;
	refused("store", "embeded", "store: no \"embeded\": did you mean \"embedded\"? (embedded)");
	refused("discovery", "multicst",
		"discovery: no \"multicst\": did you mean \"multicast\"? (multicast, static, "
		"none)");
	refused("log_level", "verbose",
		"log_level: no \"verbose\": it is one of error, warn, info, debug");
	refused("privat_port", "1", "no setting \"privat_port\": did you mean \"private_port\"?");
	refused("colour", "1", "no setting \"colour\": `witan config show` lists them");
}

static void what_other_versions_know_is_named_as_such(void **state)
{
	(void)state;
	refused("discovery", "static,kubernetes",
		"discovery: \"kubernetes\" is not in this version (multicast, static, none)");
	refused("store", "etcd", "store: \"etcd\" is not in this version (embedded)");
	refused("public_port", "8080", "public_port: there is no public listener in this version");
	refused("public-bind-to-any", "true",
		"public-bind-to-any: there is no public listener in this version");
}

static void a_seed_that_can_not_be_asked_is_refused(void **state)
{
	static const char *const bad[] = {
		"10.0.0.256", "10.0.0.1:0", "10.0.0.1:65536", "b:",   ":80",
		"b:80:90",    "b:0",        "b:65536",        "b c",  "[fd00::1",
		"fd00::g",    "http://b",   "10.0.0.300:1",   "b:+1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(set("seeds", bad[i]), ERR_USAGE);
		assert_non_null(strstr(why, "is not host or host:port"));
	}
	refused("seeds", "a,,b", "seeds: an empty item in \",b\"");
	refused("seeds", "a,", "seeds: nothing behind the last comma");
	assert_string_equal(c.seeds, "");
}

static void a_list_beyond_its_bound_is_refused_whole(void **state)
{
	struct config before;

	(void)state;
	for (unsigned i = 0; i < SEEDS_MAX; i++) {
		char host[16];

		(void)snprintf(host, sizeof(host), "node-%u", i);
		assert_int_equal(set("seeds", host), OK);
	}
	before = c;
	assert_int_equal(set("seeds", "one-more"), ERR_USAGE);
	assert_string_equal(why, "seeds: more than 64 items");
	assert_memory_equal(&before, &c, sizeof(c));
}

static void labels_beyond_their_bytes_are_refused(void **state)
{
	char item[120];

	(void)state;
	memset(item, 'x', sizeof(item) - 1);
	item[sizeof(item) - 1] = '\0';
	assert_int_equal(set("labels", item), OK);
	assert_int_equal(set("labels", item), OK);
	assert_int_equal(set("labels", item), ERR_USAGE);
	assert_string_equal(why, "labels: longer than 256 bytes in all");
}

static void a_scalar_given_twice_is_refused_and_a_list_grows(void **state)
{
	(void)state;
	assert_int_equal(set("slots", "4"), OK);
	refused("slots", "5", "slots is given twice");
	assert_int_equal(set("seeds", "a, b:9081"), OK);
	assert_int_equal(set("static-peers", "[fd00::1]:8081"), OK);
	assert_string_equal(c.seeds, "a,b:9081,[fd00::1]:8081");
}

static void the_defaults_are_those_of_the_design(void **state)
{
	(void)state;
	assert_int_equal(c.role, ROLE_WORKER);
	assert_int_equal(c.private_port, 8081);
	assert_int_equal(c.packet_max, 1400);
	assert_int_equal(c.discovery, DISCOVER_MULTICAST);
	assert_string_equal(c.multicast_group, "224.2.2.3");
	assert_int_equal(c.multicast_port, 54327);
	assert_int_equal(c.multicast_ttl, 32);
	assert_int_equal(c.store, CONFIG_STORE_EMBEDDED);
	assert_int_equal(c.max_output, 64u << 20);
	assert_int_equal(c.in_process_worker, IN_PROCESS_AUTO);
	assert_false(c.spread);
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
	assert_int_equal(config_check(&c, why), OK);
}

static void roles_are_bits_as_in_the_facts(void **state)
{
	(void)state;
	assert_int_equal(set("role", "scheduler,worker"), OK);
	assert_int_equal(c.role, ROLE_SCHEDULER | ROLE_WORKER);
	config_init(&c);
	assert_int_equal(set("role", "scheduler"), OK);
	assert_int_equal(c.role, ROLE_SCHEDULER);
}

static void what_is_printed_can_be_set_again(void **state)
{
	struct config other;

	(void)state;
	assert_int_equal(set("role", "worker,scheduler"), OK);
	assert_int_equal(set("max_output", "65536KiB"), OK);
	assert_int_equal(set("spread", "yes"), OK);
	assert_int_equal(set("seeds", "a,b:1"), OK);
	assert_int_equal(set("advertise_ip", "FD00::1"), OK);
	assert_int_equal(set("log_level", "debug"), OK);
	config_init(&other);
	for (size_t i = 0; i < SETTINGS; i++) {
		const char *name = config_setting((enum setting_id)i)->name;
		char value[8448];

		assert_int_equal(config_get(&c, name, value, sizeof(value)), OK);
		if (c.origin[i] == ORIGIN_FLAG)
			assert_int_equal(config_set(&other, name, value, ORIGIN_FLAG, why), OK);
	}
	assert_memory_equal(&other, &c, sizeof(c));
}

static void a_value_is_got_by_name_or_alias(void **state)
{
	char value[32];

	(void)state;
	assert_int_equal(set("seeds", "a"), OK);
	assert_int_equal(config_get(&c, "static_peers", value, sizeof(value)), OK);
	assert_string_equal(value, "a");
	assert_int_equal(config_get(&c, "max-output", value, sizeof(value)), OK);
	assert_string_equal(value, "64MiB");
	assert_int_equal(config_get(&c, "max_output", value, 5), ERR_TOO_BIG);
	assert_int_equal(config_get(&c, "nothing", value, sizeof(value)), ERR_NOT_FOUND);
}

static void every_setting_is_found_by_its_own_name_in_a_known_section(void **state)
{
	(void)state;
	for (size_t i = 0; i < SETTINGS; i++) {
		const struct setting *s = config_setting((enum setting_id)i);

		assert_ptr_equal(config_find(s->name), s);
		assert_true(strlen(s->help) > 10);
		assert_true(strlen(s->help) < 90);
	}
	assert_null(config_find("nothing"));
}

static void items_of_a_list_come_one_by_one(void **state)
{
	const char *at = "a,b=c";
	struct bytes item;

	(void)state;
	assert_true(config_item(&at, &item));
	assert_true(bytes_same(item, BYTES("a")));
	assert_true(config_item(&at, &item));
	assert_true(bytes_same(item, BYTES("b=c")));
	assert_false(config_item(&at, &item));
	at = "";
	assert_false(config_item(&at, &item));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_bad_value_is_refused_in_one_sentence_and_changes_nothing,
				       fresh),
		cmocka_unit_test_setup(a_word_that_is_nearly_right_is_answered_with_the_right_one,
				       fresh),
		cmocka_unit_test_setup(what_other_versions_know_is_named_as_such, fresh),
		cmocka_unit_test_setup(a_seed_that_can_not_be_asked_is_refused, fresh),
		cmocka_unit_test_setup(a_list_beyond_its_bound_is_refused_whole, fresh),
		cmocka_unit_test_setup(labels_beyond_their_bytes_are_refused, fresh),
		cmocka_unit_test_setup(a_scalar_given_twice_is_refused_and_a_list_grows, fresh),
		cmocka_unit_test_setup(the_defaults_are_those_of_the_design, fresh),
		cmocka_unit_test_setup(roles_are_bits_as_in_the_facts, fresh),
		cmocka_unit_test_setup(what_is_printed_can_be_set_again, fresh),
		cmocka_unit_test_setup(a_value_is_got_by_name_or_alias, fresh),
		cmocka_unit_test_setup(every_setting_is_found_by_its_own_name_in_a_known_section,
				       fresh),
		cmocka_unit_test_setup(items_of_a_list_come_one_by_one, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
