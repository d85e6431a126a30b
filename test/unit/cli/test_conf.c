#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cli/conf.h"
#include "core/config.h"
#include "core/must.h"

static struct buffer text_of(const char *text, size_t limit)
{
	struct buffer b;

	buffer_init(&b, limit);
	must(buffer_add(&b, bytes_str(text)) == OK);
	return b;
}

static void set_gives(const char *before, const char *section, const char *key, const char *value,
		      const char *after)
{
	struct buffer b = text_of(before, 1u << 20);

	assert_int_equal(conf_set(&b, section, key, value), OK);
	assert_int_equal(buffer_add(&b, bytes_of("", 1)), OK);
	assert_string_equal((const char *)b.at, after);
	buffer_fini(&b);
}

static void without_room_nothing_changes(void **state)
{
	struct buffer b = text_of("[node]\nrole = worker\n", 23);

	(void)state;
	assert_int_equal(conf_set(&b, "node", "role", "scheduler"), ERR_FULL);
	assert_int_equal(b.len, strlen("[node]\nrole = worker\n"));
	assert_memory_equal(b.at, "[node]\nrole = worker\n", b.len);
	buffer_fini(&b);
}

static void a_value_beyond_a_line_is_refused(void **state)
{
	static char value[8192];
	struct buffer b = text_of("[node]\n", 1u << 20);

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	assert_int_equal(conf_set(&b, "node", "name", value), ERR_TOO_BIG);
	assert_int_equal(b.len, strlen("[node]\n"));
	buffer_fini(&b);
}

static void an_empty_file_gets_its_section(void **state)
{
	(void)state;
	set_gives("", "node", "role", "worker", "[node]\nrole = worker\n");
}

static void a_line_is_replaced_where_it_stands(void **state)
{
	(void)state;
	set_gives("# mine\n[node]\nname = x\nrole = worker\nzone = y\n", "node", "role",
		  "scheduler", "# mine\n[node]\nname = x\nrole = scheduler\nzone = y\n");
}

static void a_commented_line_is_taken(void **state)
{
	(void)state;
	set_gives("[node]\n# what it does\n#role = worker\n", "node", "role", "scheduler",
		  "[node]\n# what it does\nrole = scheduler\n");
}

static void the_same_key_of_another_section_is_left_alone(void **state)
{
	(void)state;
	set_gives("[other]\nrole = a\n[node]\n[more]\nrole = b\n", "node", "role", "c",
		  "[other]\nrole = a\n[node]\nrole = c\n[more]\nrole = b\n");
}

static void a_longer_key_is_another(void **state)
{
	(void)state;
	set_gives("[log]\nlog_level = debug\n", "log", "log", "stderr",
		  "[log]\nlog_level = debug\nlog = stderr\n");
}

static void a_list_on_several_lines_becomes_one(void **state)
{
	(void)state;
	set_gives("[discovery]\nseeds = a\nseeds = b\n", "discovery", "seeds", "c",
		  "[discovery]\nseeds = c\n");
}

static void a_section_that_is_missing_is_added(void **state)
{
	(void)state;
	set_gives("[node]\nrole = worker", "discovery", "seeds", "10.0.0.1",
		  "[node]\nrole = worker\n\n[discovery]\nseeds = 10.0.0.1\n");
}

static void twice_is_as_once(void **state)
{
	struct buffer b = text_of("", 1u << 20);
	size_t once;

	(void)state;
	assert_int_equal(conf_set(&b, "node", "role", "worker"), OK);
	once = b.len;
	assert_int_equal(conf_set(&b, "node", "role", "worker"), OK);
	assert_int_equal(b.len, once);
	buffer_fini(&b);
}

/* What an installed file becomes is a good one, whatever is set. */
static void every_setting_can_be_set_in_the_default_file(void **state)
{
	static struct config read, initial;
	char why[CONFIG_WHY_MAX];
	struct buffer b;

	(void)state;
	config_init(&initial);
	buffer_init(&b, 1u << 20);
	assert_int_equal(config_write_default(&b), OK);
	for (enum setting_id s = 0; s < SETTINGS; s++) {
		const struct setting *setting = config_setting(s);
		char value[4096];

		assert_int_equal(config_get(&initial, setting->name, value, sizeof(value)), OK);
		if (value[0])
			assert_int_equal(conf_set(&b, setting->section, setting->name, value), OK);
	}
	config_init(&read);
	if (config_file(&read, "witan.conf", buffer_bytes(&b), why) != OK)
		fail_msg("%s", why);
	assert_int_equal(read.origin[SETTING_private_port], ORIGIN_FILE);
	assert_int_equal(read.private_port, 8081);
	buffer_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_room_nothing_changes),
		cmocka_unit_test(a_value_beyond_a_line_is_refused),
		cmocka_unit_test(an_empty_file_gets_its_section),
		cmocka_unit_test(a_line_is_replaced_where_it_stands),
		cmocka_unit_test(a_commented_line_is_taken),
		cmocka_unit_test(the_same_key_of_another_section_is_left_alone),
		cmocka_unit_test(a_longer_key_is_another),
		cmocka_unit_test(a_list_on_several_lines_becomes_one),
		cmocka_unit_test(a_section_that_is_missing_is_added),
		cmocka_unit_test(twice_is_as_once),
		cmocka_unit_test(every_setting_can_be_set_in_the_default_file),
	};

	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
