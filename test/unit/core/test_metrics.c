#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/metrics.h"

static struct metrics m;
static struct buffer b;

static int fresh(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	buffer_init(&b, 1u << 20);
	return 0;
}

static int done(void **state)
{
	(void)state;
	buffer_fini(&b);
	return 0;
}

static const char *text(void)
{
	assert_int_equal(metrics_print(&m, &b), OK);
	assert_int_equal(buffer_add(&b, bytes_of("", 1)), OK);
	return (const char *)b.at;
}

static void a_buffer_too_small_is_told(void **state)
{
	struct buffer small;

	(void)state;
	buffer_init(&small, 100);
	assert_int_equal(metrics_print(&m, &small), ERR_FULL);
	buffer_fini(&small);
}

static void what_is_counted_is_printed_under_its_label(void **state)
{
	const char *all;

	(void)state;
	metrics_add(&m, METRIC_DROPPED_FORGED, 2);
	metrics_add(&m, METRIC_DROPPED_FORGED, 1);
	metrics_set(&m, METRIC_MEMBERS_ALL, 7);
	metrics_set(&m, METRIC_MEMBERS_ALL, 5);
	all = text();
	assert_non_null(strstr(all, "\nwitan_packets_dropped_total{reason=\"forged\"} 3\n"));
	assert_non_null(strstr(all, "\nwitan_packets_dropped_total{reason=\"key\"} 0\n"));
	assert_non_null(strstr(all, "\nwitan_members{view=\"all\"} 5\n"));
}

static void a_histogram_sums_up_its_buckets(void **state)
{
	const char *all;

	(void)state;
	metrics_observe(&m, METRIC_SYNC, 50);
	metrics_observe(&m, METRIC_SYNC, 51);
	metrics_observe(&m, METRIC_SYNC, 3000000);
	all = text();
	assert_non_null(strstr(all, "# TYPE witan_sync_seconds histogram\n"
				    "witan_sync_seconds_bucket{le=\"0.000050\"} 1\n"
				    "witan_sync_seconds_bucket{le=\"0.000100\"} 2\n"));
	assert_non_null(strstr(all, "witan_sync_seconds_bucket{le=\"2.500000\"} 2\n"
				    "witan_sync_seconds_bucket{le=\"+Inf\"} 3\n"
				    "witan_sync_seconds_sum 3.000101\n"
				    "witan_sync_seconds_count 3\n"));
	assert_non_null(strstr(all, "witan_turn_seconds_count 0\n"));
}

/* What promtool complains about: a family told twice or apart, no help, a counter without _total. */
static void every_family_has_one_head_and_a_proper_name(void **state)
{
	const char *all = text();
	char seen[64][64];
	size_t families = 0;

	(void)state;
	for (const char *p = all; (p = strstr(p, "# HELP ")); p++) {
		char name[64], kind[16], type[96];
		size_t len;

		assert_int_equal(sscanf(p, "# HELP %63s", name), 1);
		for (size_t i = 0; i < families; i++)
			assert_string_not_equal(seen[i], name);
		strcpy(seen[families++], name);
		len = strlen(name);
		assert_int_equal(strncmp(name, "witan_", 6), 0);
		for (size_t i = 0; i < len; i++)
			assert_true(islower((unsigned char)name[i]) || name[i] == '_');
		(void)snprintf(type, sizeof(type), "# TYPE %s ", name);
		assert_non_null(strstr(all, type));
		assert_int_equal(sscanf(strstr(all, type) + strlen(type), "%15s", kind), 1);
		assert_int_equal(strcmp(kind, "counter") == 0,
				 len > 6 && strcmp(name + len - 6, "_total") == 0);
		assert_true(isupper((unsigned char)p[strlen("# HELP ") + len + 1]) ||
			    isdigit((unsigned char)p[strlen("# HELP ") + len + 1]));
	}
	assert_true(families > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_buffer_too_small_is_told, fresh, done),
		cmocka_unit_test_setup_teardown(what_is_counted_is_printed_under_its_label, fresh,
						done),
		cmocka_unit_test_setup_teardown(a_histogram_sums_up_its_buckets, fresh, done),
		cmocka_unit_test_setup_teardown(every_family_has_one_head_and_a_proper_name, fresh,
						done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
