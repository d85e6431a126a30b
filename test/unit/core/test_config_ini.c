#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
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

static enum err file(const char *text)
{
	return config_file(&c, "w.conf", bytes_str(text), why);
}

static void refused(const char *text, const char *sentence)
{
	config_init(&c);
	assert_int_equal(file(text), ERR_USAGE);
	assert_string_equal(why, sentence);
}

static void what_is_wrong_is_said_with_file_and_line(void **state)
{
	(void)state;
	refused("[network]\n\nprivate_port = 99999\n",
		"w.conf:3: private_port: \"99999\" is not a number from 1 to 65535");
	refused("[network]\nprivate_prot = 1\n",
		"w.conf:2: no setting \"private_prot\": did you mean \"private_port\"?");
	refused("[node]\nprivate_port = 1\n",
		"w.conf:2: private_port stands under [node]: it belongs under [network]");
	refused("private_port = 1\n",
		"w.conf:1: private_port stands before any section: it belongs under [network]");
	refused("[netwrk]\n", "w.conf:1: no section [netwrk]: did you mean [network]?");
	refused("[weather]\n", "w.conf:1: no section [weather]");
	refused("[network\nprivate_port = 1\n", "w.conf:1: a section ends with ]");
	refused("[network]\nprivate_port\n", "w.conf:2: neither [section] nor name = value");
	refused("[network]\nprivate_port = 1\n\nprivate_port = 2\n",
		"w.conf:4: private_port is given twice, first in line 2");
	refused("[network]\nprivate_port = 1 # mine\n",
		"w.conf:2: private_port: a comment behind a value begins with ;");
	refused("[node]\nconfig = /etc/other\n",
		"w.conf:2: config: a file can not name another one");
	refused("[network]\npublic_port = 80\n",
		"w.conf:2: public_port: there is no public listener in this version");
}

static void the_first_of_two_faults_is_the_one_said(void **state)
{
	(void)state;
	refused("[network]\nprivate_port = x\nmulticast = y\n",
		"w.conf:2: private_port: \"x\" is not a number from 1 to 65535");
}

static void a_line_that_would_be_cut_is_refused(void **state)
{
	char text[600] = "[discovery]\nseeds = ";

	(void)state;
	memset(text + strlen(text), 'x', 300);
	refused(text, "w.conf:2: the line is longer than 197 bytes; a list may be given on several "
		      "lines, each with its name");
}

static void the_longest_line_that_fits_is_taken_whole(void **state)
{
	char text[600] = "[node]\ndata_dir = /";
	size_t begin = strlen("[node]\n");

	(void)state;
	while (strlen(text) - begin < 197)
		strcat(text, "x");
	assert_int_equal(file(text), OK);
	assert_int_equal(strlen(c.data_dir), 197 - strlen("data_dir = "));
}

static void a_nul_is_refused(void **state)
{
	(void)state;
	assert_int_equal(config_file(&c, "w.conf", BYTES("[node]\nname = a\0b\n"), why), ERR_USAGE);
	assert_string_equal(why, "w.conf:2: a NUL byte: this is not a text file");
}

static void an_indented_key_is_a_key_and_no_more_of_the_value_above(void **state)
{
	(void)state;
	assert_int_equal(file("[network]\n  private_port = 7000\n\tpacket_max = 1200\n"), OK);
	assert_int_equal(c.private_port, 7000);
	assert_int_equal(c.packet_max, 1200);
}

static void comments_blanks_and_line_ends_of_other_systems_are_passed_over(void **state)
{
	(void)state;
	assert_int_equal(file("\xef\xbb\xbf# top\r\n; more\r\n\r\n[network] \r\n"
			      "private_port=7000 ; mine\r\n[jobs]\r\nlease_s = 30"),
			 OK);
	assert_int_equal(c.private_port, 7000);
	assert_int_equal(c.lease_s, 30);
}

static void a_list_grows_over_several_lines(void **state)
{
	(void)state;
	assert_int_equal(file("[discovery]\nseeds = a,b\nseeds = c\n"), OK);
	assert_string_equal(c.seeds, "a,b,c");
}

static void a_value_remembers_its_line(void **state)
{
	struct sheet s;
	struct buffer packed;
	struct sheet_reader r;
	struct cell cell[3];
	bool found = false;

	(void)state;
	assert_int_equal(file("[network]\nprivate_port = 7000\n"), OK);
	config_show(&c, &s);
	buffer_init(&packed, 1u << 20);
	assert_int_equal(sheet_put(&s, &packed), OK);
	assert_int_equal(sheet_open(buffer_bytes(&packed), &r), OK);
	assert_int_equal(r.rows, SETTINGS);
	for (size_t i = 0; i < SETTINGS; i++) {
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(sheet_next(&r, &cell[k]), OK);
		if (bytes_same(cell[0].text, BYTES("private_port"))) {
			found = true;
			assert_true(bytes_same(cell[1].text, BYTES("7000")));
			assert_true(bytes_same(cell[2].text, BYTES("w.conf:2")));
		} else {
			assert_true(bytes_same(cell[2].text, BYTES("default")));
		}
	}
	assert_true(found);
	buffer_fini(&packed);
	sheet_fini(&s);
}

static void a_secret_is_never_shown(void **state)
{
	struct setting s = {.marks = SECRET};

	(void)state;
	assert_string_equal(config_shown(&s, "hunter2"), "(secret)");
	assert_string_equal(config_shown(&s, ""), "");
	s.marks = PLAIN;
	assert_string_equal(config_shown(&s, "a"), "a");
}

static char *slurp(const char *path)
{
	char *text = calloc(1, 65536);
	FILE *f = fopen(path, "r");

	assert_non_null(text);
	assert_non_null(f);
	assert_true(fread(text, 1, 65535, f) > 0);
	(void)fclose(f);
	return text;
}

/* When the table changes: `witan config default > conf/witan.conf`. */
static void the_shipped_file_is_what_the_table_says(void **state)
{
	char *shipped = slurp("conf/witan.conf");
	struct buffer b;

	(void)state;
	buffer_init(&b, 65536);
	assert_int_equal(config_write_default(&b), OK);
	assert_int_equal(buffer_add(&b, bytes_of("", 1)), OK);
	assert_string_equal((const char *)b.at, shipped);
	buffer_fini(&b);
	free(shipped);
}

static void the_shipped_file_with_every_comment_taken_away_is_the_defaults(void **state)
{
	char *text = slurp("conf/witan.conf");
	struct config plain;

	(void)state;
	config_init(&plain);
	for (char *p = text; *p; p++)
		if (*p == '#' && (p == text || p[-1] == '\n') && p[1] != ' ')
			*p = ' ';
	assert_int_equal(file(text), OK);
	for (size_t i = 0; i < SETTINGS; i++) {
		const struct setting *s = config_setting((enum setting_id)i);

		assert_memory_equal((char *)&c + s->offset, (char *)&plain + s->offset, s->size);
		if (s->size && i != SETTING_config)
			assert_int_equal(c.origin[i], ORIGIN_FILE);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_wrong_is_said_with_file_and_line, fresh),
		cmocka_unit_test_setup(the_first_of_two_faults_is_the_one_said, fresh),
		cmocka_unit_test_setup(a_line_that_would_be_cut_is_refused, fresh),
		cmocka_unit_test_setup(the_longest_line_that_fits_is_taken_whole, fresh),
		cmocka_unit_test_setup(a_nul_is_refused, fresh),
		cmocka_unit_test_setup(an_indented_key_is_a_key_and_no_more_of_the_value_above,
				       fresh),
		cmocka_unit_test_setup(
			comments_blanks_and_line_ends_of_other_systems_are_passed_over, fresh),
		cmocka_unit_test_setup(a_list_grows_over_several_lines, fresh),
		cmocka_unit_test_setup(a_value_remembers_its_line, fresh),
		cmocka_unit_test_setup(a_secret_is_never_shown, fresh),
		cmocka_unit_test_setup(the_shipped_file_is_what_the_table_says, fresh),
		cmocka_unit_test_setup(
			the_shipped_file_with_every_comment_taken_away_is_the_defaults, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
