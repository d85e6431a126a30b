#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/must.h"
#include "sched/spool.h"

static const uint8_t boot[16] = {1};
static const uint8_t later_boot[16] = {2};
static const struct attempt first = {.job = {{0xab}}, .step = 2, .number = 3};
static const char *const first_name = "ab000000-0000-0000-0000-000000000000.2.3";

/* A disk with one attempt in it, or less. */
struct shelf {
	struct buffer order, status, epoch;
	const char *name;
};

static enum err read(void *with, const char *file, struct buffer *out)
{
	struct shelf *s = with;
	struct buffer *from = strcmp(file, SPOOL_EPOCH) == 0    ? &s->epoch
			      : strstr(file, "/order") != NULL  ? &s->order
			      : strstr(file, "/status") != NULL ? &s->status
								: NULL;

	return from == NULL || from->len == 0 ? ERR_NOT_FOUND : buffer_add(out, buffer_bytes(from));
}

static enum err list(void *with, const char *directory, void (*each)(void *with, const char *name),
		     void *to)
{
	struct shelf *s = with;

	must(strcmp(directory, "spool") == 0);
	if (s->name == NULL)
		return ERR_NOT_FOUND;
	each(to, "epoch");
	each(to, s->name);
	return OK;
}

static void order_bytes(struct buffer *out)
{
	struct order o = {.fence = {.store = {{5}}, .epoch = {1, 4}},
			  .attempt = first,
			  .command = BYTES("\x91\xa1x"),
			  .env = BYTES("\x90")};

	must(order_put(&o, out) == OK);
}

static int set_up(void **state)
{
	static struct shelf s;
	struct spooled one = {.attempt = first, .taken_us = 55};

	buffer_init(&s.order, 4096);
	buffer_init(&s.status, 4096);
	buffer_init(&s.epoch, 4096);
	buffer_init(&one.order, 4096);
	order_bytes(&one.order);
	must(spool_order_put(&one, boot, &s.order) == OK);
	buffer_fini(&one.order);
	s.name = first_name;
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	struct shelf *s = *state;

	buffer_fini(&s->order);
	buffer_fini(&s->status);
	buffer_fini(&s->epoch);
	return 0;
}

static enum err open_spool(struct spool *s, struct shelf *shelf, const uint8_t machine_boot[16],
			   char why[200])
{
	struct disk disk = {.self = shelf, .read = read, .list = list};

	spool_init(s);
	return spool_read(s, &disk, machine_boot, why);
}

static void only_the_names_we_print_are_read(void **state)
{
	static const char *const bad[] = {"",
					  "epoch",
					  "ab000000-0000-0000-0000-000000000000",
					  "ab000000-0000-0000-0000-000000000000.2.0",
					  "ab000000-0000-0000-0000-000000000000.02.3",
					  "ab000000-0000-0000-0000-000000000000.2.3x",
					  "ab000000-0000-0000-0000-000000000000.-2.3",
					  "AB000000-0000-0000-0000-000000000000.2.3"};
	struct attempt a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(spool_attempt(bad[i], &a), OK);
	assert_int_equal(spool_attempt(first_name, &a), OK);
	assert_true(attempt_same(a, first));
	assert_string_equal(spool_name(first, "out").s,
			    "spool/ab000000-0000-0000-0000-000000000000.2.3/out");
}

static void a_damaged_order_is_a_sentence_and_not_forgotten(void **state)
{
	struct shelf *shelf = *state;
	struct spool s;
	char why[200] = "";

	shelf->order.len--;
	assert_int_not_equal(open_spool(&s, shelf, boot, why), OK);
	assert_non_null(strstr(why, "order can not be read"));
	spool_fini(&s);
}

static void an_order_of_another_attempt_is_corrupt(void **state)
{
	struct shelf *shelf = *state;
	struct spool s;
	char why[200] = "";

	shelf->name = "ab000000-0000-0000-0000-000000000000.2.4";
	assert_int_equal(open_spool(&s, shelf, boot, why), ERR_CORRUPT);
	spool_fini(&s);
}

static void every_prefix_of_a_status_is_refused(void **state)
{
	struct shelf *shelf = *state;
	struct spooled one = {.attempt = first, .state = SPOOLED_ENDED, .why = "timeout"}, got;

	assert_int_equal(spool_status_put(&one, &shelf->status), OK);
	memset(&got, 0, sizeof(got));
	buffer_init(&got.out_tail, OUTPUT_TAIL_MAX);
	buffer_init(&got.err_tail, OUTPUT_TAIL_MAX);
	for (size_t len = 0; len < shelf->status.len; len++)
		assert_int_not_equal(spool_status_get(bytes_of(shelf->status.at, len), &got), OK);
	assert_int_equal(spool_status_get(buffer_bytes(&shelf->status), &got), OK);
	assert_string_equal(got.why, "timeout");
}

static void an_order_without_a_status_is_taken_until_the_keeper_speaks(void **state)
{
	struct spool s;
	char why[200];

	assert_int_equal(open_spool(&s, *state, boot, why), OK);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.at[0]->state, SPOOLED_TAKEN);
	assert_int_equal(s.at[0]->taken_us, 55);
	assert_false(s.at[0]->unstarted);
	spool_fini(&s);
}

static void on_another_boot_of_the_machine_it_is_lost(void **state)
{
	struct spool s;
	char why[200];

	assert_int_equal(open_spool(&s, *state, later_boot, why), OK);
	assert_int_equal(s.at[0]->state, SPOOLED_LOST);
	spool_fini(&s);
}

static void a_status_says_ended_or_kept_on_any_boot(void **state)
{
	struct shelf *shelf = *state;
	struct spooled one = {.attempt = first, .state = SPOOLED_ENDED, .code = 7, .out_size = 9};
	struct spool s;
	char why[200];

	buffer_init(&one.out_tail, 64);
	assert_int_equal(buffer_add(&one.out_tail, BYTES("tail")), OK);
	assert_int_equal(spool_status_put(&one, &shelf->status), OK);
	assert_int_equal(open_spool(&s, shelf, later_boot, why), OK);
	assert_int_equal(s.at[0]->state, SPOOLED_ENDED);
	assert_int_equal(s.at[0]->code, 7);
	assert_true(bytes_same(buffer_bytes(&s.at[0]->out_tail), BYTES("tail")));
	spool_fini(&s);

	one.state = SPOOLED_KEPT;
	buffer_clear(&shelf->status);
	assert_int_equal(spool_status_put(&one, &shelf->status), OK);
	assert_int_equal(open_spool(&s, shelf, boot, why), OK);
	assert_int_equal(s.at[0]->state, SPOOLED_KEPT);
	spool_fini(&s);
	buffer_fini(&one.out_tail);
}

static void the_epoch_comes_back_and_its_absence_is_none(void **state)
{
	struct shelf *shelf = *state;
	struct fence f = {.store = {{5}}, .epoch = {2, 9}};
	struct spool s;
	char why[200];

	assert_int_equal(open_spool(&s, shelf, boot, why), OK);
	assert_true(id_is_none(s.highest.store));
	spool_fini(&s);
	assert_int_equal(spool_epoch_put(&f, &shelf->epoch), OK);
	assert_int_equal(open_spool(&s, shelf, boot, why), OK);
	assert_int_equal(epoch_cmp(s.highest.epoch, f.epoch), 0);
	assert_true(id_same(s.highest.store, f.store));
	spool_fini(&s);
}

static void the_oldest_kept_goes_first_and_only_above_the_bound(void **state)
{
	struct spool s;

	(void)state;
	spool_init(&s);
	for (uint32_t i = 0; i <= SPOOL_KEPT_MAX; i++) {
		struct spooled *one =
			spool_make(&s, (struct attempt){.job = {{1}}, .step = i, .number = 1});
		one->state = i == 0 ? SPOOLED_ENDED : SPOOLED_KEPT;
	}
	assert_null(spool_surplus(&s));
	spool_make(&s, first)->state = SPOOLED_LOST;
	assert_int_equal(spool_surplus(&s)->attempt.step, 1);
	spool_forget(&s, spool_surplus(&s));
	assert_null(spool_surplus(&s));
	spool_fini(&s);
}

#define WITH_SHELF(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_names_we_print_are_read),
		WITH_SHELF(a_damaged_order_is_a_sentence_and_not_forgotten),
		WITH_SHELF(an_order_of_another_attempt_is_corrupt),
		WITH_SHELF(every_prefix_of_a_status_is_refused),
		WITH_SHELF(an_order_without_a_status_is_taken_until_the_keeper_speaks),
		WITH_SHELF(on_another_boot_of_the_machine_it_is_lost),
		WITH_SHELF(a_status_says_ended_or_kept_on_any_boot),
		WITH_SHELF(the_epoch_comes_back_and_its_absence_is_none),
		cmocka_unit_test(the_oldest_kept_goes_first_and_only_above_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
