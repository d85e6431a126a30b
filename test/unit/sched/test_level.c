/* The state's level: its row; who raises it, and when; and who stops before it. */
#include "sched/level.h"
#include "test/unit/sched/director_talk.h"

static const char too_new[] =
	"the cluster's state is newer than this program: its level is 2, known here is 1; "
	"install the version that the other schedulers run";

static struct world *world_of(uint32_t first, uint32_t second)
{
	struct world *w = world_open(100);
	const uint32_t level[DIRECTORS] = {first, second};

	for (uint8_t i = 0; i < DIRECTORS; i++) {
		struct director_config config = {.self = world_id((uint8_t)(0xd0 + i)),
						 .lease_ms = LEASE_MS,
						 .level = level[i]};

		director_close(w->director[i]);
		w->director[i] = director_open(&config, w->kv);
	}
	world_lead(w, 0);
	w->commits = 0;
	return w;
}

/* What the store says of who is there. */
static void announce(struct world *w, uint32_t level)
{
	struct tell t = {.kind = TELL_LEAD,
			 .lead = {.epoch = {1, w->term},
				  .who = world_id((uint8_t)(0xd0 + w->leader)),
				  .self = true,
				  .serving = true,
				  .store = world_id(0x55),
				  .level = level}};

	world_tell(w, w->leader, &t);
	world_pump(w);
}

/* The batch that raises it, as another director wrote it. */
static void put_raised(uint32_t level, struct buffer *out)
{
	struct batch b;
	struct buffer row;

	batch_init(&b);
	buffer_init(&row, 16);
	buffer_init(out, 256);
	assert_int_equal(level_put(level, &row), OK);
	assert_int_equal(batch_put(&b, level_key(), buffer_bytes(&row)), OK);
	assert_int_equal(batch_pack(&b, WALL, out), OK);
	buffer_fini(&row);
	batch_fini(&b);
}

/* What it says in this step: its error line, and whether it ends, with which code. */
static bool ends(struct world *w, const struct tell *t, char line[200], int *code)
{
	struct event e = {
		.kind = EVENT_TELL, .now_us = w->now_us, .wall_us = w->wall_us, .tell = *t};
	bool over = false;

	line[0] = '\0';
	director_step(w->director[1], &e, w->outbox);
	for (size_t i = 0; i < outbox_count(w->outbox); i++) {
		const struct effect *f = outbox_at(w->outbox, i);

		if (f->kind == EFFECT_LOG && f->log.level == LOG_LEVEL_ERROR)
			snprintf(line, 200, "%s", f->log.text);
		if (f->kind == EFFECT_EXIT) {
			over = true;
			*code = f->code;
		}
	}
	outbox_clear(w->outbox);
	return over;
}

static void a_state_newer_than_the_program_is_refused_with_a_sentence(void **state)
{
	char why[200] = "";

	(void)state;
	assert_int_equal(level_fits(2, 1, why), ERR_VERSION);
	assert_string_equal(why, too_new);
	assert_int_equal(level_fits(UINT32_MAX, 1, why), ERR_VERSION);
	assert_int_equal(level_fits(2, 2, why), OK);
	assert_int_equal(level_fits(1, 2, why), OK);
}

static void a_row_that_can_not_be_read_is_newer_than_all(void **state)
{
	static const uint8_t zero[] = {0x91, 0x00}, text[] = {0x91, 0xa1, 'x'},
			     rest[] = {0x91, 0x01, 0x02}, later[] = {0x92, 0x02, 0xa1, 'x'};

	(void)state;
	assert_int_equal(level_get((struct bytes){0}), UINT32_MAX);
	assert_int_equal(level_get(bytes_of(zero, sizeof(zero))), UINT32_MAX);
	assert_int_equal(level_get(bytes_of(text, sizeof(text))), UINT32_MAX);
	assert_int_equal(level_get(bytes_of(rest, sizeof(rest))), UINT32_MAX);
	assert_int_equal(level_get(bytes_of(later, sizeof(later))),
			 2); /* fields of later versions */
}

static void without_a_row_it_is_the_first(void **state)
{
	struct kv *map = kv_open(1024);
	struct buffer row;

	(void)state;
	buffer_init(&row, 16);
	assert_int_equal(level_of(map), LEVEL_FIRST);
	assert_int_equal(level_put(7, &row), OK);
	assert_int_equal(kv_put(map, level_key(), buffer_bytes(&row)), OK);
	assert_int_equal(level_of(map), 7);
	assert_int_equal(row.len, 2);
	assert_memory_equal(row.at, "\x91\x07", 2);
	buffer_fini(&row);
	kv_close(map);
}

static void it_is_not_raised_before_everyone_has_announced_it(void **state)
{
	struct world *w = world_of(2, 2);

	(void)state;
	announce(w, 0);
	announce(w, 1);
	assert_int_equal(w->commits, 0);
	assert_int_equal(level_of(w->kv), 1);
	announce(w, 2);
	assert_int_equal(w->commits, 1);
	assert_int_equal(level_of(w->kv), 2);
	announce(w, 1); /* an older one came: the level stays, and that one stops */
	announce(w, 2);
	assert_int_equal(w->commits, 1);
	assert_int_equal(level_of(w->kv), 2);
	world_close(w);
}

static void nobody_raises_it_above_what_he_knows_himself(void **state)
{
	struct world *w = world_of(2, 3);

	(void)state;
	announce(w, 3);
	assert_int_equal(level_of(w->kv), 2);
	world_lead(w, 1);
	announce(w, 3);
	assert_int_equal(level_of(w->kv), 3);
	world_close(w);
}

static void a_raise_of_unknown_outcome_is_tried_again(void **state)
{
	struct world *w = world_of(2, 2);

	(void)state;
	w->store = STORE_FORGETS;
	announce(w, 2);
	assert_int_equal(level_of(w->kv), 1);
	w->store = STORE_GOOD;
	world_pass(w, 10 * SECOND);
	assert_int_equal(level_of(w->kv), 2);
	world_close(w);
}

static void a_standby_that_meets_a_raised_level_stops_before_it_acts(void **state)
{
	struct world *w = world_of(2, 1);
	struct tell t = {.kind = TELL_APPLIED, .batch = {.epoch = {1, 2}, .position = 1}};
	char line[200];
	struct buffer b;
	int code = 0;

	(void)state;
	put_raised(1, &b);
	t.batch.batch = buffer_bytes(&b);
	assert_false(ends(w, &t, line, &code));
	buffer_fini(&b);
	put_raised(2, &b);
	t.batch.batch = buffer_bytes(&b);
	t.batch.position = 2;
	assert_true(ends(w, &t, line, &code));
	assert_string_equal(line, too_new);
	assert_int_equal(code, EXIT_CONFIG);
	assert_false(ends(w, &t, line, &code)); /* once; and it hears nothing more */
	world_lead(w, 1);
	assert_false(director_figures(w->director[1]).serving);
	buffer_fini(&b);
	world_close(w);
}

static void put(struct kv *map, const char *key)
{
	assert_int_equal(kv_put(map, bytes_str(key), BYTES("x")), OK);
}

static void a_row_of_an_unknown_kind_is_found_among_the_others(void **state)
{
	struct kv *map = kv_open(4096);
	struct bytes key;

	(void)state;
	put(map, "job/0123456789abcdef");
	put(map, "job/0123456789abcdeg");
	put(map, "key/mine");
	put(map, "turn");
	put(map, "held");
	put(map, "worker/0123456789abcdef");
	assert_false(state_find_strange(map, &key));
	put(map, "calendar/daily");
	assert_true(state_find_strange(map, &key));
	kv_drop(map, BYTES("calendar/daily"));
	put(map, "job0");
	assert_true(state_find_strange(map, &key));
	assert_true(bytes_same(key, BYTES("job0")));
	kv_drop(map, BYTES("job0"));
	put(map, "zone/");
	assert_true(state_find_strange(map, &key));
	kv_close(map);
}

static void a_standby_that_meets_an_unknown_kind_of_row_stops_and_names_it(void **state)
{
	struct world *w = world_of(1, 1);
	struct tell t = {.kind = TELL_APPLIED, .batch = {.epoch = {1, 2}, .position = 1}};
	char line[200];
	struct batch b;
	struct buffer packed;
	int code = 0;

	(void)state;
	batch_init(&b);
	buffer_init(&packed, 256);
	assert_int_equal(batch_put(&b, BYTES("calendar/\x01 and more of it"), BYTES("x")), OK);
	assert_int_equal(batch_pack(&b, WALL, &packed), OK);
	t.batch.batch = buffer_bytes(&packed);
	assert_true(ends(w, &t, line, &code));
	assert_string_equal(
		line, "the cluster's state holds a kind of row that this program does not know "
		      "(calendar/? and m); install the version that the other schedulers run");
	assert_int_equal(code, EXIT_CONFIG);
	buffer_fini(&packed);
	batch_fini(&b);
	world_close(w);
}

static void a_snapshot_of_a_newer_state_stops_it_too(void **state)
{
	struct world *w = world_of(2, 1);
	struct tell t = {.kind = TELL_RESTORED, .batch = {.position = 5}};
	char line[200];
	int code = 0;

	(void)state;
	assert_false(ends(w, &t, line, &code));
	w->leader = 0;
	director_close(w->director[1]); /* who would stop at the raise itself */
	w->director[1] = NULL;
	announce(w, 2);
	assert_int_equal(level_of(w->kv), 2);

	struct kv *empty = kv_open(1024);
	struct director_config config = {.self = world_id(0xd1), .level = 1};
	w->director[1] = director_open(&config, empty);
	kv_move(empty, w->kv); /* the snapshot */
	assert_true(ends(w, &t, line, &code));
	assert_string_equal(line, too_new);
	assert_int_equal(code, EXIT_CONFIG);
	director_close(w->director[1]);
	w->director[1] = NULL;
	kv_move(w->kv, empty);
	kv_close(empty);
	world_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_newer_than_the_program_is_refused_with_a_sentence),
		cmocka_unit_test(a_row_that_can_not_be_read_is_newer_than_all),
		cmocka_unit_test(without_a_row_it_is_the_first),
		cmocka_unit_test(it_is_not_raised_before_everyone_has_announced_it),
		cmocka_unit_test(nobody_raises_it_above_what_he_knows_himself),
		cmocka_unit_test(a_raise_of_unknown_outcome_is_tried_again),
		cmocka_unit_test(a_standby_that_meets_a_raised_level_stops_before_it_acts),
		cmocka_unit_test(a_row_of_an_unknown_kind_is_found_among_the_others),
		cmocka_unit_test(a_standby_that_meets_an_unknown_kind_of_row_stops_and_names_it),
		cmocka_unit_test(a_snapshot_of_a_newer_state_stops_it_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
