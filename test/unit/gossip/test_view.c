#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/identity.h"
#include "gossip/view.h"

#define MS UINT64_C(1000)

static struct view_log v;
static struct members t;
static struct cards *cards;
static struct outbox *out;
static struct rng rng;
static struct id self;
static uint64_t now;

static struct facts some_facts(uint32_t n)
{
	uint8_t seed[32] = {(uint8_t)(n + 1)};
	struct identity me;

	identity_make(&me, seed);
	struct facts f = {.id = me.id,
			  .boot = 1,
			  .roles = ROLE_WORKER,
			  .addr = addr_v4(10, 0, 0, (uint8_t)n, 8081)};
	memcpy(f.key, me.public_key, sizeof(f.key));
	snprintf(f.name, sizeof(f.name), "n%u", (unsigned)n);
	return f;
}

static void add(uint32_t n)
{
	struct facts f = some_facts(n);

	members_add(&t, card_keep(cards, &f), 0, n == 0, &rng, now);
	if (n > 0)
		view_log_join(&v, &f, now);
}

static void open_log(uint32_t members_max, uint64_t saved)
{
	members_init(&t);
	cards = cards_open();
	out = outbox_open();
	rng_init(&rng, 1);
	now = 1000 * MS;
	view_log_init(&v, VIEW_ALL, members_max, saved, now);
	add(0);
	self = t.at[0].id;
}

static void close_log(void)
{
	view_log_fini(&v);
	members_fini(&t, cards);
	cards_close(cards);
	outbox_close(out);
}

/* What is logged at `at`, the disk answering at once; NULL: nothing. */
static const char *logged(uint64_t at)
{
	now = at;
	outbox_clear(out);
	if (!view_log_due(&v, now))
		return NULL;
	while (!view_log_show(&v, &t, self, now, out))
		;
	assert_int_equal(outbox_count(out), 1);
	return outbox_at(out, 0)->log.text;
}

static void begins(const char *text, const char *with)
{
	assert_non_null(text);
	if (strncmp(text, with, strlen(with)) != 0)
		fail_msg("begins otherwise: %s", text);
}

static void nothing_is_shown_before_the_disk_holds_it(void **state)
{
	(void)state;
	open_log(256, 0);
	assert_true(view_log_due(&v, now));
	assert_true(view_log_version_to_save(&v) == 1);
	add(1); /* while the disk is busy */
	assert_false(view_log_show(&v, &t, self, now, out));
	assert_int_equal(outbox_count(out), 0);
	assert_true(view_log_version_to_save(&v) >= 2);
	assert_true(view_log_show(&v, &t, self, now, out));
	assert_int_equal(outbox_count(out), 1);
	close_log();
}

static void a_storm_of_changes_can_not_keep_a_block_from_being_shown(void **state)
{
	struct facts f = some_facts(9);
	uint32_t rounds = 0;
	(void)state;

	open_log(256, 0);
	assert_true(view_log_due(&v, now));
	do {
		for (int i = 0; i < 20; i++)
			view_log_again(&v, &f, now);
		assert_true(++rounds < 30);
	} while (!view_log_show(&v, &t, self, now, out));
	close_log();
}

static void changes_that_come_together_are_shown_together(void **state)
{
	(void)state;
	open_log(256, 0);
	begins(logged(now), "all: started\nMembers {size:1, ver:1} [\n");
	uint64_t began = now;
	add(1);
	assert_null(logged(began + 50 * MS));
	add(2);
	assert_null(logged(began + 99 * MS));
	begins(logged(began + 100 * MS), "all: +2\nMembers {size:3, ver:3} [\n");
	assert_true(view_log_deadline_us(&v) == UINT64_MAX);
	close_log();
}

static void the_block_is_of_exactly_this_form(void **state)
{
	char expected[1024];
	(void)state;

	open_log(256, 0);
	logged(now);
	add(1);
	const char *text = logged(now + 100 * MS);
	snprintf(expected, sizeof(expected),
		 "all: 10.0.0.1 joined (worker n1)\n"
		 "Members {size:2, ver:2} [\n"
		 "        Member [10.0.0.0]:10081 - %s this\n"
		 "        Member [10.0.0.1]:10081 - %s\n"
		 "]",
		 id_text(self).s, id_text(some_facts(1).id).s);
	assert_string_equal(text, expected);
	assert_non_null(strstr(outbox_at(out, 0)->log.fields,
			       "WITAN_VIEW=all\nWITAN_SIZE=2\nWITAN_VERSION=2\n"
			       "WITAN_CHANGE=10.0.0.1 joined (worker n1)\n"));
	close_log();
}

static void a_name_can_not_break_the_line(void **state)
{
	struct facts f = some_facts(1);
	(void)state;

	open_log(256, 0);
	logged(now);
	snprintf(f.name, sizeof(f.name), "x\n\033[31mMembers {");
	view_log_join(&v, &f, now);
	const char *text = logged(now + 100 * MS);
	assert_null(strchr(text, '\033'));
	begins(strchr(text, '\n') + 1, "Members {size:");
	close_log();
}

static void a_larger_version_is_shown_once_more_after_a_quiet_second(void **state)
{
	(void)state;
	open_log(256, 4);
	assert_non_null(strstr(logged(now), "ver:5}"));
	uint64_t began = now;
	view_log_agree(&v, 3, now); /* smaller: nothing */
	assert_true(view_log_deadline_us(&v) == UINT64_MAX);
	view_log_agree(&v, 9, now);
	assert_null(logged(began + 999 * MS));
	const char *text = logged(began + 1000 * MS);
	begins(text, "all: version agreed\nMembers {size:1, ver:9} [\n");
	close_log();
}

static void above_the_limit_only_changes_are_listed_and_the_whole_follows_when_quiet(void **state)
{
	(void)state;
	open_log(3, 0);
	logged(now);
	for (uint32_t n = 1; n < 6; n++)
		add(n);
	uint64_t began = now;
	const char *text = logged(began + 100 * MS);
	begins(text, "all: +5\nMembers {size:6, ver:6} [\n");
	assert_non_null(strstr(text, "only changes are listed"));
	assert_null(strstr(text, " this"));
	assert_null(logged(began + 10099 * MS));
	text = logged(began + 10100 * MS);
	begins(text, "all: the whole list\nMembers {size:6, ver:6} [\n");
	assert_non_null(strstr(text, " this"));
	assert_null(strstr(text, "only changes"));
	assert_true(view_log_deadline_us(&v) == UINT64_MAX);
	close_log();
}

static void fails(uint32_t n, uint32_t before, uint32_t doubted)
{
	struct facts f = some_facts(n);

	view_log_failed(&v, &f, 2345, 3, before, doubted, 1000 * MS, now, out);
}

static uint32_t lines(const char *begin)
{
	uint32_t count = 0;

	for (size_t i = 0; i < outbox_count(out); i++)
		count += strncmp(outbox_at(out, i)->log.text, begin, strlen(begin)) == 0;
	return count;
}

static void one_of_many_that_fails_is_named_with_time_and_accusers(void **state)
{
	(void)state;
	open_log(256, 0);
	logged(now);
	fails(1, 10, 0);
	assert_int_equal(lines("member failed: id="), 1);
	assert_non_null(strstr(outbox_at(out, 1)->log.text, " after_ms=2345 accusers=3"));
	begins(logged(now + 100 * MS), "all: 10.0.0.1 failed after 2.3 s, accused by 3\n");
	close_log();
}

static void who_loses_most_of_its_view_at_once_says_isolated_once(void **state)
{
	(void)state;
	open_log(256, 0);
	logged(now);
	outbox_clear(out);
	fails(1, 6, 0);
	fails(2, 5, 0);
	assert_int_equal(lines("isolated"), 0); /* two are not three */
	fails(3, 4, 2);                         /* three gone and two doubted, of six */
	fails(4, 3, 1);
	assert_int_equal(lines("isolated"), 1);
	assert_int_equal(lines("member failed"), 2);
	now += 5000 * MS; /* much later: another story */
	fails(5, 9, 0);
	assert_int_equal(lines("member failed"), 3);
	close_log();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_shown_before_the_disk_holds_it),
		cmocka_unit_test(a_storm_of_changes_can_not_keep_a_block_from_being_shown),
		cmocka_unit_test(changes_that_come_together_are_shown_together),
		cmocka_unit_test(the_block_is_of_exactly_this_form),
		cmocka_unit_test(a_name_can_not_break_the_line),
		cmocka_unit_test(a_larger_version_is_shown_once_more_after_a_quiet_second),
		cmocka_unit_test(
			above_the_limit_only_changes_are_listed_and_the_whole_follows_when_quiet),
		cmocka_unit_test(one_of_many_that_fails_is_named_with_time_and_accusers),
		cmocka_unit_test(who_loses_most_of_its_view_at_once_says_isolated_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
