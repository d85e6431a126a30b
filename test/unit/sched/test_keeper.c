#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>

#include "core/must.h"
#include "sched/keeper.h"
#include "sched/keeper_wire.h"

#define SECOND UINT64_C(1000000)

struct world {
	struct keeper *keeper;
	struct outbox *outbox;
	uint64_t now_us;
	uint32_t spawns, kills, words, exits;
	int signal;
	char cgroup[64];
	struct keeper_said word; /* the last */
	uint64_t token;
};

static void step(struct world *w, struct event e)
{
	e.now_us = w->now_us;
	e.wall_us = w->now_us;
	keeper_step(w->keeper, &e, w->outbox);
	for (size_t i = 0; i < outbox_count(w->outbox); i++) {
		const struct effect *f = outbox_at(w->outbox, i);

		if (f->kind == EFFECT_SPAWN) {
			w->spawns++;
			w->token = f->spawn.token;
			assert_string_equal(f->spawn.argv[0], "run");
			assert_null(f->spawn.argv[1]);
			assert_string_equal(f->spawn.env[0], "A=1");
			snprintf(w->cgroup, sizeof(w->cgroup), "%s", f->spawn.cgroup);
		} else if (f->kind == EFFECT_KILL) {
			w->kills++;
			w->signal = f->kill.signal;
		} else if (f->kind == EFFECT_AGENT) {
			w->words++;
			assert_int_equal(keeper_get(f->send.body, &w->word), OK);
		} else if (f->kind == EFFECT_EXIT) {
			w->exits++;
		}
	}
	outbox_clear(w->outbox);
}

static int set_up(void **state)
{
	static struct world w;

	w = (struct world){.now_us = 50 * SECOND, .outbox = outbox_open()};
	w.keeper = keeper_open(&(struct keeper_config){.now_us = w.now_us, .cgroup = "/cg"});
	step(&w, (struct event){.kind = EVENT_AGENT, .agent.up = true});
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	keeper_close(w->keeper);
	outbox_close(w->outbox);
	return 0;
}

static void hear(struct world *w, const struct keeper_said *said)
{
	struct buffer body;

	buffer_init(&body, KEEPER_FRAME_MAX);
	assert_int_equal(keeper_put(said, &body), OK);
	step(w, (struct event){.kind = EVENT_AGENT,
			       .agent = {.up = true, .body = buffer_bytes(&body)}});
	buffer_fini(&body);
}

static struct attempt job(uint8_t number)
{
	return (struct attempt){.job = {{number}}, .number = 1};
}

static void ask_spawn(struct world *w, uint8_t number, enum on_lost on_lost, uint64_t timeout_ms)
{
	hear(w, &(struct keeper_said){.word = KEEPER_SPAWN,
				      .attempt = job(number),
				      .spawn = {.on_lost = on_lost,
						.kill_after_ms = 4000,
						.timeout_ms = timeout_ms,
						.argv = BYTES("\x91\xa3run"),
						.env = BYTES("\x91\xa3"
							     "A=1"),
						.directory = "/d",
						.user = "",
						.out = "/o",
						.err = "/e"}});
}

static void start(struct world *w, uint8_t number, enum on_lost on_lost, uint64_t timeout_ms)
{
	ask_spawn(w, number, on_lost, timeout_ms);
	step(w, (struct event){.kind = EVENT_SPAWNED,
			       .spawned = {.token = w->token, .pid = 1000 + number}});
}

static void give_lease(struct world *w, uint64_t us, uint32_t lease_ms)
{
	hear(w, &(struct keeper_said){.word = KEEPER_LEASE,
				      .lease = {.ends_us = w->now_us + us, .lease_ms = lease_ms}});
}

static void exits(struct world *w, uint8_t number, int status)
{
	step(w, (struct event){.kind = EVENT_EXITED,
			       .exited = {.pid = 1000 + number, .status = status}});
}

static void ask_kill(struct world *w, uint8_t number, bool force)
{
	hear(w, &(struct keeper_said){.word = KEEPER_KILL,
				      .attempt = job(number),
				      .kill = {.force = force, .why = "cancelled"}});
}

/* The clock stands at the next deadline. */
static void wake(struct world *w)
{
	assert_true(keeper_deadline_us(w->keeper) != UINT64_MAX);
	w->now_us = keeper_deadline_us(w->keeper);
	step(w, (struct event){.kind = EVENT_WAKE});
}

static void without_a_lease_or_after_its_end_nothing_starts(void **state)
{
	struct world *w = *state;

	ask_spawn(w, 1, ON_LOST_RESTART, 0);
	assert_int_equal(w->word.word, KEEPER_REFUSED);
	give_lease(w, SECOND, 1000);
	w->now_us += SECOND;
	ask_spawn(w, 1, ON_LOST_FAIL, 0);
	assert_int_equal(w->word.word, KEEPER_REFUSED);
	assert_int_equal(w->spawns, 0);
	assert_int_equal(keeper_count(w->keeper), 0);
	ask_spawn(w, 2, ON_LOST_HOLD, 0);
	assert_int_equal(w->spawns, 1);
}

static void bytes_that_are_no_word_change_nothing(void **state)
{
	struct world *w = *state;

	step(w, (struct event){.kind = EVENT_AGENT,
			       .agent = {.up = true, .body = BYTES("\xdd\x0f\xff\xff\xff")}});
	assert_int_equal(w->words, 0);
}

static void an_attempt_is_spawned_once_until_its_end_is_acknowledged(void **state)
{
	struct world *w = *state;

	start(w, 1, ON_LOST_HOLD, 0);
	ask_spawn(w, 1, ON_LOST_HOLD, 0);
	assert_int_equal(w->word.word, KEEPER_SPAWNED);
	hear(w, &(struct keeper_said){.word = KEEPER_ACK, .attempt = job(1)});
	assert_int_equal(keeper_count(w->keeper), 1);
	exits(w, 1, 3 << 8);
	ask_spawn(w, 1, ON_LOST_HOLD, 0);
	assert_int_equal(w->word.word, KEEPER_EXITED);
	assert_int_equal(w->word.exited.code, 3);
	assert_int_equal(w->spawns, 1);
	hear(w, &(struct keeper_said){.word = KEEPER_ACK, .attempt = job(1)});
	assert_int_equal(keeper_count(w->keeper), 0);
}

static void the_lease_ends_nicely_first_and_then_for_good(void **state)
{
	struct world *w = *state;

	give_lease(w, 20 * SECOND, 20000);
	start(w, 1, ON_LOST_RESTART, 0);
	uint64_t end = w->now_us + 20 * SECOND;
	wake(w);
	assert_int_equal(w->now_us, end - 4 * SECOND);
	assert_int_equal(w->signal, SIGTERM);
	wake(w);
	assert_int_equal(w->now_us, end);
	assert_int_equal(w->signal, SIGKILL);
	exits(w, 1, SIGKILL);
	assert_string_equal(w->word.exited.why, "lease");
}

static void patience_is_at_most_half_a_lease(void **state)
{
	struct world *w = *state;

	give_lease(w, 6 * SECOND, 6000);
	start(w, 1, ON_LOST_RESTART, 0);
	uint64_t end = w->now_us + 6 * SECOND;
	wake(w);
	assert_int_equal(w->now_us, end - 3 * SECOND);
}

static void what_holds_runs_on_after_the_lease(void **state)
{
	struct world *w = *state;

	give_lease(w, SECOND, 1000);
	start(w, 1, ON_LOST_HOLD, 0);
	w->now_us += 100 * SECOND;
	step(w, (struct event){.kind = EVENT_WAKE});
	assert_int_equal(w->kills, 0);
	assert_int_equal(keeper_deadline_us(w->keeper), UINT64_MAX);
}

static void a_lease_never_moves_back(void **state)
{
	struct world *w = *state;

	give_lease(w, 20 * SECOND, 20000);
	give_lease(w, 5 * SECOND, 5000);
	start(w, 1, ON_LOST_RESTART, 0);
	assert_int_equal(keeper_deadline_us(w->keeper), w->now_us + 16 * SECOND);
}

static void a_frozen_machine_kills_at_once_when_it_wakes(void **state)
{
	struct world *w = *state;

	give_lease(w, 20 * SECOND, 20000);
	start(w, 1, ON_LOST_RESTART, 0);
	w->now_us += 3600 * SECOND;
	step(w, (struct event){.kind = EVENT_WAKE});
	assert_int_equal(w->kills, 2);
	assert_int_equal(w->signal, SIGKILL);
}

static void a_timeout_is_kept_without_any_agent(void **state)
{
	struct world *w = *state;

	start(w, 1, ON_LOST_HOLD, 7000);
	step(w, (struct event){.kind = EVENT_AGENT});
	uint64_t began = w->now_us;
	wake(w);
	assert_int_equal(w->now_us, began + 7 * SECOND);
	assert_int_equal(w->signal, SIGTERM);
	wake(w);
	assert_int_equal(w->now_us, began + 11 * SECOND);
	assert_int_equal(w->signal, SIGKILL);
	exits(w, 1, SIGKILL);
	step(w, (struct event){.kind = EVENT_AGENT, .agent.up = true});
	hear(w, &(struct keeper_said){.word = KEEPER_LIST});
	assert_int_equal(w->word.word, KEEPER_WHOLE);
	assert_int_equal(w->word.whole.count, 1);
}

static void a_kill_while_it_starts_is_not_forgotten(void **state)
{
	struct world *w = *state;

	ask_spawn(w, 1, ON_LOST_HOLD, 0);
	ask_kill(w, 1, true);
	assert_int_equal(w->kills, 0);
	step(w, (struct event){.kind = EVENT_SPAWNED, .spawned = {.token = w->token, .pid = 1001}});
	assert_int_equal(w->signal, SIGKILL);
}

static void a_second_and_harder_kill_goes_through(void **state)
{
	struct world *w = *state;

	start(w, 1, ON_LOST_HOLD, 0);
	ask_kill(w, 1, false);
	assert_int_equal(w->signal, SIGTERM);
	ask_kill(w, 1, false);
	assert_int_equal(w->kills, 1);
	ask_kill(w, 1, true);
	assert_int_equal(w->signal, SIGKILL);
}

static void what_can_not_be_executed_ends_with_the_shells_codes(void **state)
{
	static const struct {
		enum err err;
		int code;
	} list[] = {{ERR_NOT_FOUND, 127}, {ERR_DENIED, 126}, {ERR_IO, 126}};
	struct world *w = *state;

	for (uint8_t i = 0; i < 3; i++) {
		ask_spawn(w, i + 1, ON_LOST_HOLD, 0);
		step(w,
		     (struct event){
			     .kind = EVENT_SPAWNED,
			     .spawned = {.token = w->token, .err = list[i].err, .errnum = ENOENT}});
		assert_int_equal(w->word.word, KEEPER_EXITED);
		assert_int_equal(w->word.exited.code, list[i].code);
		assert_non_null(strstr(w->word.exited.why, "No such file"));
	}
}

static void every_running_attempt_has_a_cgroup_of_its_own(void **state)
{
	struct world *w = *state;
	char first[64];

	start(w, 1, ON_LOST_HOLD, 0);
	memcpy(first, w->cgroup, sizeof(first));
	start(w, 2, ON_LOST_HOLD, 0);
	assert_string_equal(first, "/cg/slot-0");
	assert_string_equal(w->cgroup, "/cg/slot-1");
}

static void it_ends_with_its_last_child_and_no_agent(void **state)
{
	struct world *w = *state;

	start(w, 1, ON_LOST_HOLD, 0);
	step(w, (struct event){.kind = EVENT_AGENT});
	assert_int_equal(w->exits, 0);
	exits(w, 1, 0);
	assert_int_equal(w->exits, 0); /* its end is yet to be taken */
	step(w, (struct event){.kind = EVENT_AGENT, .agent.up = true});
	hear(w, &(struct keeper_said){.word = KEEPER_ACK, .attempt = job(1)});
	assert_int_equal(w->exits, 0);
	step(w, (struct event){.kind = EVENT_AGENT});
	assert_int_equal(w->exits, 1);
}

static void an_end_nobody_takes_is_kept_for_its_time_only(void **state)
{
	struct world *w = *state;

	start(w, 1, ON_LOST_HOLD, 0);
	step(w, (struct event){.kind = EVENT_AGENT});
	exits(w, 1, 0);
	wake(w);
	assert_int_equal(w->now_us, (50 + KEEPER_LINGER_MS / 1000) * SECOND);
	assert_int_equal(w->exits, 1);
}

static void told_to_stop_it_ends_all_and_then_itself(void **state)
{
	struct world *w = *state;

	start(w, 1, ON_LOST_HOLD, 0);
	step(w, (struct event){.kind = EVENT_SIGNAL, .signal = SIGNAL_STOP});
	assert_int_equal(w->signal, SIGTERM);
	ask_spawn(w, 2, ON_LOST_HOLD, 0);
	assert_int_equal(w->word.word, KEEPER_REFUSED);
	exits(w, 1, SIGTERM);
	assert_int_equal(w->exits, 0);
	hear(w, &(struct keeper_said){.word = KEEPER_ACK, .attempt = job(1)});
	assert_int_equal(w->exits, 1);
}

static void beyond_its_bound_it_refuses(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i <= KEPT_MAX; i++) {
		struct keeper_said said = {.word = KEEPER_SPAWN,
					   .attempt = {.job = {{1}}, .step = i, .number = 1},
					   .spawn = {.on_lost = ON_LOST_HOLD,
						     .argv = BYTES("\x91\xa3run"),
						     .env = BYTES("\x91\xa3"
								  "A=1"),
						     .directory = "/d",
						     .user = "",
						     .out = "/o",
						     .err = "/e"}};
		hear(w, &said);
	}
	assert_int_equal(w->spawns, KEPT_MAX);
	assert_int_equal(w->word.word, KEEPER_REFUSED);
}

#define WITH_KEEPER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_KEEPER(without_a_lease_or_after_its_end_nothing_starts),
		WITH_KEEPER(bytes_that_are_no_word_change_nothing),
		WITH_KEEPER(an_attempt_is_spawned_once_until_its_end_is_acknowledged),
		WITH_KEEPER(the_lease_ends_nicely_first_and_then_for_good),
		WITH_KEEPER(patience_is_at_most_half_a_lease),
		WITH_KEEPER(what_holds_runs_on_after_the_lease),
		WITH_KEEPER(a_lease_never_moves_back),
		WITH_KEEPER(a_frozen_machine_kills_at_once_when_it_wakes),
		WITH_KEEPER(a_timeout_is_kept_without_any_agent),
		WITH_KEEPER(a_kill_while_it_starts_is_not_forgotten),
		WITH_KEEPER(a_second_and_harder_kill_goes_through),
		WITH_KEEPER(what_can_not_be_executed_ends_with_the_shells_codes),
		WITH_KEEPER(every_running_attempt_has_a_cgroup_of_its_own),
		WITH_KEEPER(it_ends_with_its_last_child_and_no_agent),
		WITH_KEEPER(an_end_nobody_takes_is_kept_for_its_time_only),
		WITH_KEEPER(told_to_stop_it_ends_all_and_then_itself),
		WITH_KEEPER(beyond_its_bound_it_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
