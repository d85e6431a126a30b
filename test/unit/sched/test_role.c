#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/outbox.h"
#include "sched/job_pack.h"
#include "sched/role.h"

#define SECOND UINT64_C(1000000)
#define MS     UINT64_C(1000)

/* --- the rows --- */

/* As in sched/README.md. */
#define ROLE_BYTES                                                                                 \
	"9ac4100b00000000000000000000000000000001034d01"                                           \
	"c4100a000000000000000000000000000000cd01aec3a162a161"
#define HELD_BYTES                                                                                 \
	"97c4100a000000000000000000000000000000"                                                   \
	"cf00060a24181e4000cf00060a244dc32900c3a161c205"

static const struct role_row row_of_b = {.node = {{0xb}},
					 .epoch = {1, 3},
					 .since_us = 77,
					 .how = HOW_FAILED_OVER,
					 .from = {{0xa}},
					 .took_ms = 430,
					 .asked = true,
					 .name = "b",
					 .from_name = "a"};
static const struct held_row held_for_a = {.node = {{0xa}},
					   .since_us = 1700000000000000u,
					   .until_us = 1700000900000000u,
					   .votes = true,
					   .name = "a",
					   .boot = 5};

static void a_row_that_is_cut_or_makes_no_sense_is_refused(void **state)
{
	struct role_row row, none = row_of_b;
	struct held_row held;
	struct buffer b;

	(void)state;
	buffer_init(&b, 1024);
	assert_int_equal(role_row_put(&row_of_b, &b), OK);
	for (size_t len = 0; len < b.len; len++)
		assert_int_not_equal(role_row_get(bytes_of(b.at, len), &row), OK);
	none.node = id_none;
	buffer_clear(&b);
	assert_int_equal(role_row_put(&none, &b), OK);
	assert_int_not_equal(role_row_get(buffer_bytes(&b), &row), OK);
	buffer_clear(&b);
	assert_int_equal(held_row_put(&held_for_a, &b), OK);
	for (size_t len = 0; len < b.len; len++)
		assert_int_not_equal(held_row_get(bytes_of(b.at, len), &held), OK);
	buffer_fini(&b);
}

static void a_row_comes_back_as_it_was_and_later_fields_are_skipped(void **state)
{
	struct role_row row;
	struct held_row held;
	struct buffer b;

	(void)state;
	buffer_init(&b, 1024);
	assert_int_equal(role_row_put(&row_of_b, &b), OK);
	b.at[0]++; /* one field more */
	assert_int_equal(buffer_add(&b, BYTES("\xa1x")), OK);
	assert_int_equal(role_row_get(buffer_bytes(&b), &row), OK);
	assert_true(id_same(row.node, row_of_b.node));
	assert_true(id_same(row.from, row_of_b.from));
	assert_int_equal(row.epoch.term, 3);
	assert_int_equal(row.how, HOW_FAILED_OVER);
	assert_int_equal(row.took_ms, 430);
	assert_true(row.asked);
	assert_string_equal(row.name, "b");
	assert_string_equal(row.from_name, "a");
	buffer_clear(&b);
	assert_int_equal(held_row_put(&held_for_a, &b), OK);
	assert_int_equal(held_row_get(buffer_bytes(&b), &held), OK);
	assert_int_equal(held.until_us, held_for_a.until_us);
	assert_true(held.votes);
	assert_int_equal(held.boot, 5);
	assert_false(held.asked);
	assert_string_equal(held.name, "a");
	buffer_fini(&b);
}

static void the_bytes_are_those_of_the_page(void **state)
{
	char text[256] = "";
	struct buffer b;

	(void)state;
	buffer_init(&b, 1024);
	assert_int_equal(role_row_put(&row_of_b, &b), OK);
	for (size_t i = 0; i < b.len; i++)
		snprintf(text + 2 * i, 3, "%02x", b.at[i]);
	assert_string_equal(text, ROLE_BYTES);
	buffer_clear(&b);
	assert_int_equal(held_row_put(&held_for_a, &b), OK);
	for (size_t i = 0; i < b.len; i++)
		snprintf(text + 2 * i, 3, "%02x", b.at[i]);
	assert_string_equal(text, HELD_BYTES);
	buffer_fini(&b);
}

/* --- the table --- */

/* As the diagram has it, by hand: rows from, columns to, in the order of the states. */
static const char *const table[ROLE_STATES] = {
	/*        e c u s f h d q l f */
	[ROLE_EMPTY] = "......d..f",
	[ROLE_COUPLED] = "e.usfhd..f",
	[ROLE_UNCOUPLED] = "ec.sfhd..f",
	[ROLE_SWITCHED_OVER] = "ecu.fhd..f",
	[ROLE_FAILED_OVER] = "ecus.hd..f",
	[ROLE_HELD] = "ecusf.d..f",
	[ROLE_NO_DIRECTOR] = "ecusfh.q.f",
	[ROLE_NO_QUORUM] = "e.....d.lf",
	[ROLE_LOSS_UNCONFIRMED] = "e.....d..f",
	[ROLE_FAULT] = "e.....d...",
};

static void every_move_is_legal_or_not_as_the_diagram_says(void **state)
{
	(void)state;
	for (enum role_state from = 0; from < ROLE_STATES; from++)
		for (enum role_state to = 0; to < ROLE_STATES; to++)
			if (role_may_move(from, to) != (table[from][to] != '.' && from != to))
				fail_msg("%s -> %s", role_state_name(from), role_state_name(to));
}

static void from_every_state_every_other_is_reached_by_legal_moves(void **state)
{
	(void)state;
	for (enum role_state from = 0; from < ROLE_STATES; from++)
		for (enum role_state to = 0; to < ROLE_STATES; to++) {
			enum role_state at = from;

			for (int steps = 0; at != to; steps++) {
				enum role_state next = role_step(at, to);

				assert_true(role_may_move(at, next));
				assert_true(steps < 4);
				at = next;
			}
		}
}

/* --- what is seen --- */

struct world {
	struct kv *map;
	struct outbox *outbox;
	struct role_watch role;
	struct role_seen seen;
	unsigned lines;
	char line[512]; /* the last */
};

static void put(struct world *w, struct state_key key, const struct buffer *b)
{
	assert_int_equal(kv_put(w->map, state_key_bytes(&key), buffer_bytes(b)), OK);
	w->seen.position++;
}

static void put_role(struct world *w, struct id node, uint64_t term, enum role_how how)
{
	struct role_row row = row_of_b;
	struct buffer b;

	row.node = node;
	row.epoch.term = term;
	row.how = how;
	buffer_init(&b, 1024);
	assert_int_equal(role_row_put(&row, &b), OK);
	put(w, state_key_role(), &b);
	buffer_fini(&b);
}

static void put_held(struct world *w)
{
	struct buffer b;

	buffer_init(&b, 1024);
	assert_int_equal(held_row_put(&held_for_a, &b), OK);
	put(w, state_key_held(), &b);
	buffer_fini(&b);
}

static enum role_state look(struct world *w, uint64_t later_us, enum store_state store)
{
	w->seen.now_us += later_us;
	w->seen.store = store;
	role_turn(&w->role, &w->seen, w->outbox);
	for (size_t i = 0; i < outbox_count(w->outbox); i++) {
		const struct effect *e = outbox_at(w->outbox, i);

		assert_int_equal(e->kind, EFFECT_LOG);
		snprintf(w->line, sizeof(w->line), "%s", e->log.text);
		w->lines++;
	}
	outbox_clear(w->outbox);
	return w->role.state;
}

static struct world *world_open(void)
{
	static struct world w;

	w = (struct world){.map = kv_open(1u << 20), .outbox = outbox_open()};
	w.seen.now_us = SECOND;
	w.seen.map = w.map;
	w.seen.why = "leader silent";
	role_init(&w.role, 30000, SECOND);
	return &w;
}

/* `a` directs in term 2, as the first. */
static struct world *coupled(void)
{
	struct world *w = world_open();

	w->seen.epoch = (struct epoch){1, 2};
	w->seen.director = (struct id){{0xa}};
	put_role(w, w->seen.director, 2, HOW_FOUNDED);
	assert_int_equal(look(w, MS, STORE_COUPLED), ROLE_COUPLED);
	return w;
}

static void world_close(struct world *w)
{
	outbox_close(w->outbox);
	kv_close(w->map);
}

static void without_a_store_it_stays_empty_and_says_nothing(void **state)
{
	struct world *w = world_open();

	(void)state;
	assert_int_equal(look(w, 100 * SECOND, STORE_EMPTY), ROLE_EMPTY);
	assert_int_equal(w->lines, 0);
	world_close(w);
}

static void a_director_that_has_not_written_its_row_yet_changes_nothing(void **state)
{
	struct world *w = coupled();

	(void)state;
	w->seen.epoch.term = 3;
	w->seen.director = (struct id){{0xb}};
	assert_int_equal(look(w, MS, STORE_COUPLED), ROLE_COUPLED);
	put_role(w, w->seen.director, 3, HOW_FAILED_OVER);
	assert_int_equal(look(w, MS, STORE_COUPLED), ROLE_FAILED_OVER);
	assert_non_null(strstr(w->line, "from=coupled to=failed-over"));
	assert_non_null(strstr(w->line, "why=\"failed-over from a\" took_ms=430"));
	world_close(w);
}

static void one_that_never_writes_a_row_is_a_director_too(void **state)
{
	struct world *w = coupled();

	(void)state;
	w->seen.epoch.term = 3;
	w->seen.director = (struct id){{0xb}};
	assert_int_equal(look(w, MS, STORE_UNCOUPLED), ROLE_COUPLED);
	assert_int_equal(role_deadline_us(&w->role), w->seen.now_us + SECOND);
	assert_int_equal(look(w, SECOND, STORE_UNCOUPLED), ROLE_UNCOUPLED);
	world_close(w);
}

static void nobody_for_less_than_a_tenth_of_a_second_is_a_hand_over(void **state)
{
	struct world *w = coupled();
	unsigned lines = w->lines;

	(void)state;
	w->seen.director = id_none;
	assert_int_equal(look(w, 99 * MS, STORE_NO_DIRECTOR), ROLE_COUPLED);
	assert_int_equal(role_deadline_us(&w->role), w->seen.now_us + MS);
	w->seen.director = (struct id){{0xb}};
	w->seen.epoch.term = 3;
	put_role(w, w->seen.director, 3, HOW_SWITCHED_OVER);
	assert_int_equal(look(w, MS, STORE_COUPLED), ROLE_SWITCHED_OVER);
	assert_int_equal(w->lines, lines + 1);
	w->seen.director = id_none;
	assert_int_equal(look(w, 100 * MS, STORE_NO_DIRECTOR), ROLE_NO_DIRECTOR);
	assert_non_null(strstr(w->line, "to=no-director director=nobody"));
	world_close(w);
}

static void a_loss_may_be_confirmed_only_after_its_time(void **state)
{
	struct world *w = coupled();

	(void)state;
	w->seen.director = id_none;
	assert_int_equal(look(w, SECOND, STORE_NO_QUORUM), ROLE_NO_QUORUM);
	assert_int_equal(look(w, 29 * SECOND, STORE_NO_QUORUM), ROLE_NO_QUORUM);
	assert_int_equal(role_deadline_us(&w->role), w->seen.now_us + SECOND);
	assert_int_equal(look(w, SECOND, STORE_NO_QUORUM), ROLE_LOSS_UNCONFIRMED);
	w->seen.director = (struct id){{0xa}};
	assert_int_equal(look(w, SECOND, STORE_COUPLED), ROLE_COUPLED);
	w->seen.director = id_none;
	assert_int_equal(look(w, SECOND, STORE_NO_QUORUM), ROLE_NO_QUORUM); /* anew */
	world_close(w);
}

static void while_it_is_held_who_leads_is_said_once_a_minute(void **state)
{
	struct world *w = coupled();
	unsigned lines;

	(void)state;
	put_held(w);
	assert_int_equal(look(w, MS, STORE_COUPLED), ROLE_COUPLED); /* a itself leads still */
	w->seen.director = (struct id){{0xb}};
	w->seen.epoch.term = 3;
	assert_int_equal(look(w, MS, STORE_COUPLED), ROLE_HELD);
	assert_non_null(strstr(w->line, "held for a since 2023-11-14T22:13:20Z"));
	assert_non_null(strstr(w->line, "`witan director switch-over` ends that"));
	lines = w->lines;
	assert_int_equal(role_deadline_us(&w->role), w->seen.now_us + 60 * SECOND);
	(void)look(w, 59 * SECOND, STORE_COUPLED);
	assert_int_equal(w->lines, lines);
	(void)look(w, SECOND, STORE_COUPLED);
	assert_int_equal(w->lines, lines + 1);
	assert_int_equal(look(w, SECOND, STORE_UNCOUPLED), ROLE_HELD);
	world_close(w);
}

static void a_mark_for_whom_it_is_handed_to_is_no_state(void **state)
{
	struct world *w = coupled();
	struct held_row held = held_for_a;
	struct buffer b;

	(void)state;
	held.boot = 0;
	held.node = (struct id){{0xb}};
	buffer_init(&b, 1024);
	assert_int_equal(held_row_put(&held, &b), OK);
	put(w, state_key_held(), &b);
	buffer_fini(&b);
	assert_int_equal(look(w, SECOND, STORE_COUPLED), ROLE_COUPLED);
	world_close(w);
}

static void a_second_switch_over_is_a_line_of_its_own(void **state)
{
	struct world *w = coupled();
	unsigned lines;

	(void)state;
	for (uint64_t term = 3; term < 5; term++) {
		lines = w->lines;
		w->seen.director = (struct id){{(uint8_t)term}};
		w->seen.epoch.term = term;
		put_role(w, w->seen.director, term, HOW_SWITCHED_OVER);
		assert_int_equal(look(w, SECOND, STORE_COUPLED), ROLE_SWITCHED_OVER);
		assert_int_equal(w->lines, lines + 1);
	}
	assert_non_null(strstr(w->line, "from=switched-over to=switched-over"));
	world_close(w);
}

static void the_last_standby_makes_it_coupled_or_not(void **state)
{
	struct world *w = coupled();

	(void)state;
	assert_int_equal(look(w, 298 * MS, STORE_UNCOUPLED), ROLE_COUPLED); /* it has just begun */
	assert_int_equal(role_deadline_us(&w->role), w->seen.now_us + 2 * MS);
	assert_int_equal(look(w, 2 * MS, STORE_UNCOUPLED), ROLE_UNCOUPLED);
	assert_non_null(strstr(w->line, "why=\"no standby is up to date\""));
	assert_int_equal(look(w, MS, STORE_COUPLED), ROLE_COUPLED);
	assert_non_null(strstr(w->line, "why=\"a standby is up to date\""));
	world_close(w);
}

static void a_full_disk_is_a_fault_and_not_for_ever(void **state)
{
	struct world *w = coupled();

	(void)state;
	assert_int_equal(look(w, MS, STORE_FAULT), ROLE_FAULT);
	assert_int_equal(look(w, MS, STORE_COUPLED), ROLE_COUPLED);
	world_close(w);
}

static void a_clock_that_steps_back_turns_nothing_back(void **state)
{
	struct world *w = coupled();

	(void)state;
	w->seen.now_us -= MS;
	assert_int_equal(look(w, 0, STORE_COUPLED), ROLE_COUPLED);
	world_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_that_is_cut_or_makes_no_sense_is_refused),
		cmocka_unit_test(the_bytes_are_those_of_the_page),
		cmocka_unit_test(a_row_comes_back_as_it_was_and_later_fields_are_skipped),
		cmocka_unit_test(every_move_is_legal_or_not_as_the_diagram_says),
		cmocka_unit_test(from_every_state_every_other_is_reached_by_legal_moves),
		cmocka_unit_test(without_a_store_it_stays_empty_and_says_nothing),
		cmocka_unit_test(a_director_that_has_not_written_its_row_yet_changes_nothing),
		cmocka_unit_test(one_that_never_writes_a_row_is_a_director_too),
		cmocka_unit_test(nobody_for_less_than_a_tenth_of_a_second_is_a_hand_over),
		cmocka_unit_test(a_loss_may_be_confirmed_only_after_its_time),
		cmocka_unit_test(while_it_is_held_who_leads_is_said_once_a_minute),
		cmocka_unit_test(a_mark_for_whom_it_is_handed_to_is_no_state),
		cmocka_unit_test(a_second_switch_over_is_a_line_of_its_own),
		cmocka_unit_test(the_last_standby_makes_it_coupled_or_not),
		cmocka_unit_test(a_full_disk_is_a_fault_and_not_for_ever),
		cmocka_unit_test(a_clock_that_steps_back_turns_nothing_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
