#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/config.h"

static struct config c;
static char why[CONFIG_WHY_MAX];
static char *rest[16];
static int rest_count;

static int fresh(void **state)
{
	(void)state;
	config_init(&c);
	memset(why, 0, sizeof(why));
	return 0;
}

/* Arguments end with NULL. */
static enum err flags(const char *first, ...)
{
	char *argv[16];
	int argc = 0;
	va_list args;

	va_start(args, first);
	for (const char *a = first; a; a = va_arg(args, const char *))
		argv[argc++] = (char *)(uintptr_t)a;
	va_end(args);
	return config_flags(&c, argc, argv, rest, &rest_count, why);
}

static enum err env(const char *one)
{
	const char *const list[] = {"PATH=/bin", one, NULL};

	return config_env(&c, list, why);
}

static void a_bad_flag_is_refused_by_its_name(void **state)
{
	(void)state;
	assert_int_equal(flags("--private-port=x", NULL), ERR_USAGE);
	assert_string_equal(why, "--private-port: private_port: \"x\" is not a number from 1 to "
				 "65535");
	assert_int_equal(flags("--private_port", NULL), ERR_USAGE);
	assert_string_equal(why, "--private_port: it needs a value: --private_port=...");
	assert_int_equal(flags("--private_port", "--slots=1", NULL), ERR_USAGE);
	assert_string_equal(why, "--private_port: it needs a value: --private_port=...");
	assert_int_equal(flags("--slots=1", "--slots=2", NULL), ERR_USAGE);
	assert_string_equal(why, "--slots: slots is given twice");
	assert_int_equal(flags("--public_port=8080", NULL), ERR_USAGE);
	assert_string_equal(
		why, "--public_port: public_port: there is no public listener in this version");
	assert_int_equal(flags("--spread=perhaps", NULL), ERR_USAGE);
	assert_string_equal(why, "--spread: spread: \"perhaps\" is neither yes nor no");
}

static void a_flag_nobody_knows_is_left_and_gets_its_sentence(void **state)
{
	(void)state;
	assert_int_equal(flags("--seedz=a", NULL), OK);
	assert_int_equal(rest_count, 1);
	config_unknown(rest[0], why);
	assert_string_equal(why, "no flag --seedz: did you mean --seeds?");
	config_unknown("--colour", why);
	assert_string_equal(why, "no flag --colour: --help lists them");
}

static void both_forms_and_both_dashes_are_taken(void **state)
{
	(void)state;
	assert_int_equal(flags("--private_port=7000", "--packet-max", "1200", "--seeds", "a",
			       "--static_peers=b", NULL),
			 OK);
	assert_int_equal(rest_count, 0);
	assert_int_equal(c.private_port, 7000);
	assert_int_equal(c.packet_max, 1200);
	assert_string_equal(c.seeds, "a,b");
}

static void a_truth_needs_no_value_and_takes_none_from_the_next_word(void **state)
{
	(void)state;
	c.spread = true;
	assert_int_equal(flags("--no-spread", NULL), OK);
	assert_false(c.spread);
	config_init(&c);
	assert_int_equal(flags("--spread", "no", NULL), OK);
	assert_true(c.spread);
	assert_int_equal(rest_count, 1);
	assert_string_equal(rest[0], "no");
}

static void words_strange_flags_and_all_behind_two_dashes_are_left_in_order(void **state)
{
	static const char *const left[] = {"run", "--watch", "-f", "--", "make", "--slots=1"};

	(void)state;
	assert_int_equal(
		flags("run", "--slots=3", "--watch", "-f", "--", "make", "--slots=1", NULL), OK);
	assert_int_equal(rest_count, 6);
	for (int i = 0; i < 6; i++)
		assert_string_equal(rest[i], left[i]);
	assert_int_equal(c.slots, 3);
}

static void a_bad_variable_is_refused_by_its_name(void **state)
{
	(void)state;
	assert_int_equal(env("WITAN_SLOTS=many"), ERR_USAGE);
	assert_string_equal(why, "WITAN_SLOTS: slots: \"many\" is not a number from 0 to 1024");
	assert_int_equal(env("WITAN_PRIVATE_PROT=1"), ERR_USAGE);
	assert_string_equal(
		why,
		"WITAN_PRIVATE_PROT: no setting \"private_prot\": did you mean \"private_port\"?");
	assert_int_equal(env("WITAN_PUBLIC_PORT=1"), ERR_USAGE);
	assert_string_equal(
		why, "WITAN_PUBLIC_PORT: public_port: there is no public listener in this version");
}

static void what_a_job_is_given_is_nobodys_slip(void **state)
{
	struct config before = c;

	(void)state;
	assert_int_equal(env("WITAN_JOB=1"), OK);
	assert_int_equal(env("WITAN_ATTEMPT=1"), OK);
	assert_int_equal(env("WITAN_EPOCH=1"), OK);
	assert_int_equal(env("WITANX"), OK);
	assert_memory_equal(&before, &c, sizeof(c));
}

static void the_stronger_source_wins_in_whatever_order_they_are_read(void **state)
{
	(void)state;
	assert_int_equal(flags("--slots=4", NULL), OK);
	assert_int_equal(env("WITAN_SLOTS=3"), OK);
	assert_int_equal(config_file(&c, "f", BYTES("[node]\nslots = 2\nzone = z\n"), why), OK);
	assert_int_equal(env("WITAN_ZONE=y"), OK);
	assert_int_equal(c.slots, 4);
	assert_int_equal(c.origin[SETTING_slots], ORIGIN_FLAG);
	assert_string_equal(c.zone, "y");
	assert_int_equal(c.origin[SETTING_zone], ORIGIN_ENVIRONMENT);
}

static void a_stronger_list_replaces_the_weaker_one(void **state)
{
	(void)state;
	assert_int_equal(config_file(&c, "f", BYTES("[discovery]\nseeds = a\n"), why), OK);
	assert_int_equal(flags("--seeds=b", NULL), OK);
	assert_string_equal(c.seeds, "b");
}

static void a_weaker_value_is_checked_all_the_same(void **state)
{
	(void)state;
	assert_int_equal(flags("--slots=4", NULL), OK);
	assert_int_equal(env("WITAN_SLOTS=x"), ERR_USAGE);
}

static void help_names_every_flag(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 65536);
	assert_int_equal(config_help(&b), OK);
	assert_int_equal(buffer_add(&b, bytes_of("", 1)), OK);
	for (size_t i = 0; i < SETTINGS; i++) {
		char flag[64] = "--";

		strcat(flag, config_setting((enum setting_id)i)->name);
		assert_non_null(strstr((const char *)b.at, flag));
	}
	assert_non_null(strstr((const char *)b.at,
			       "--private_port=N                 P: calls between nodes"));
	buffer_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_bad_flag_is_refused_by_its_name, fresh),
		cmocka_unit_test_setup(a_flag_nobody_knows_is_left_and_gets_its_sentence, fresh),
		cmocka_unit_test_setup(both_forms_and_both_dashes_are_taken, fresh),
		cmocka_unit_test_setup(a_truth_needs_no_value_and_takes_none_from_the_next_word,
				       fresh),
		cmocka_unit_test_setup(
			words_strange_flags_and_all_behind_two_dashes_are_left_in_order, fresh),
		cmocka_unit_test_setup(a_bad_variable_is_refused_by_its_name, fresh),
		cmocka_unit_test_setup(what_a_job_is_given_is_nobodys_slip, fresh),
		cmocka_unit_test_setup(the_stronger_source_wins_in_whatever_order_they_are_read,
				       fresh),
		cmocka_unit_test_setup(a_stronger_list_replaces_the_weaker_one, fresh),
		cmocka_unit_test_setup(a_weaker_value_is_checked_all_the_same, fresh),
		cmocka_unit_test_setup(help_names_every_flag, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
