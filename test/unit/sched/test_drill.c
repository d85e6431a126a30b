/* The director's rehearsed loss: what is refused, what is said and in which order, who answers for it afterwards. */
#include "test/unit/sched/director_talk.h"

#include "core/pack.h"
#include "sched/audit.h"
#include "sched/role_pack.h"

static struct id node_of(int director)
{
	return world_id((uint8_t)(0xd0 + director));
}

/* What the leader's store says of the other scheduler, and whether the others are a quorum. */
static void tell_standby(struct world *w, bool current, bool quorum)
{
	struct standby other = {node_of(w->leader == 0 ? 1 : 0), true, true, current};
	struct tell t = {.kind = TELL_STANDBYS,
			 .standbys = {.list = &other, .count = 1, .quorum = quorum}};

	world_tell(w, w->leader, &t);
	world_pump(w);
}

static struct world *world_of_two(void)
{
	static const char *const names[] = {"a", "b"};
	struct world *w = world_open(100);

	for (int n = 0; n < DIRECTORS; n++) {
		struct facts facts = {.id = node_of(n), .roles = ROLE_SCHEDULER, .boot = 1};
		struct tell t = {
			.kind = TELL_MEMBER,
			.member = {.view = VIEW_ALL, .state = MEMBER_ALIVE, .facts = &facts}};

		snprintf(facts.name, sizeof(facts.name), "%s", names[n]);
		for (int i = 0; i < DIRECTORS; i++)
			world_tell(w, i, &t);
	}
	world_connect(w, 0);
	return w;
}

static uint64_t drill(struct world *w, const struct epoch *since)
{
	struct buffer b;
	struct pack p;

	buffer_init(&b, 64);
	pack_init(&p, &b);
	pack_array(&p, since ? 2 : 0);
	if (since) {
		pack_u64(&p, since->generation);
		pack_u64(&p, since->term);
	}
	return ask(w, CALL_DRILL, 1000, pack_err(&p), &b);
}

static void expect_refused(struct world *w, uint8_t code, const char *why)
{
	const struct heard_answer *a = answer_of(w, drill(w, NULL));

	assert_true(a->came);
	assert_int_equal(a->code, code);
	assert_non_null(strstr(a->why, why));
	assert_int_equal(w->muted, 0);
}

static uint32_t audits(struct world *w)
{
	struct state_key first = audit_key(0);
	struct bytes key = state_key_bytes(&first), value, name;
	uint32_t count = 0;

	while (kv_next(w->kv, key, &key, &value) == OK &&
	       state_key_kind(key, &name) == STATE_AUDIT) {
		struct audit_row row;

		assert_int_equal(audit_row_get(value, &row), OK);
		assert_string_equal(row.what, "drill");
		assert_string_equal(row.text, "a");
		assert_int_equal(row.uid, 1000);
		count++;
	}
	return count;
}

static void nobody_falls_silent_when_nobody_could_take_over(void **state)
{
	struct world *w = world_of_two();

	(void)state;
	expect_refused(w, EXIT_OTHER, "uncoupled");
	tell_standby(w, false, true);
	expect_refused(w, EXIT_OTHER, "uncoupled");
	tell_standby(w, true, false);
	expect_refused(w, EXIT_OTHER, "no quorum");
	assert_int_equal(audits(w), 0);
	world_close(w);
}

static void a_question_that_can_not_be_read_is_no_drill(void **state)
{
	struct world *w = world_of_two();
	struct buffer b;
	struct pack p;

	(void)state;
	tell_standby(w, true, true);
	buffer_init(&b, 64);
	pack_init(&p, &b);
	pack_array(&p, 1);
	pack_str(&p, "now");
	assert_int_equal(answer_of(w, ask(w, CALL_DRILL, 0, pack_err(&p), &b))->code, EXIT_USAGE);
	assert_int_equal(w->muted, 0);
	world_close(w);
}

static void it_falls_silent_after_the_audit_is_committed_and_not_before(void **state)
{
	struct world *w = world_of_two();
	struct heard_answer *a;

	(void)state;
	tell_standby(w, true, true);
	w->store = STORE_SLOW;
	a = answer_of(w, drill(w, NULL));
	assert_false(a->came);
	assert_int_equal(w->muted, 0);
	world_release(w, STORE_GOOD);
	assert_true(a->came);
	assert_int_equal(a->code, EXIT_GOOD);
	assert_int_equal(w->muted, 1);
	assert_int_equal(audits(w), 1);
	world_close(w);
}

static void a_drill_whose_audit_is_not_committed_does_not_take_place(void **state)
{
	struct world *w = world_of_two();
	struct heard_answer *a;

	(void)state;
	tell_standby(w, true, true);
	w->store = STORE_FORGETS;
	a = answer_of(w, drill(w, NULL));
	assert_true(a->came);
	assert_int_equal(a->code, EXIT_NO_DIRECTOR);
	assert_int_equal(w->muted, 0);
	world_close(w);
}

static void who_took_over_says_from_whom_and_how_long_it_took(void **state)
{
	struct world *w = world_of_two();
	struct epoch before = {1, w->term};
	char from[NAME_MAX_LEN + 1], to[NAME_MAX_LEN + 1];
	struct heard_answer *a;
	struct unpack u;

	(void)state;
	tell_standby(w, true, true);
	(void)drill(w, NULL);
	assert_int_equal(answer_of(w, drill(w, &before))->code, EXIT_NO_DIRECTOR); /* not yet */
	world_fail_over(w);
	a = answer_of(w, drill(w, &before));
	assert_int_equal(a->code, EXIT_GOOD);
	unpack_init(&u, bytes_of(a->body, a->len));
	assert_int_equal(unpack_array(&u, 3), 3);
	unpack_str(&u, from, sizeof(from));
	unpack_str(&u, to, sizeof(to));
	(void)unpack_u64(&u);
	assert_int_equal(unpack_err(&u), OK);
	assert_string_equal(from, "a");
	assert_string_equal(to, "b");
	before.term = w->term;
	assert_int_equal(answer_of(w, drill(w, &before))->code, EXIT_NO_DIRECTOR);
	world_close(w);
}

static void one_that_is_elected_again_has_not_moved_the_role(void **state)
{
	struct world *w = world_of_two();
	struct epoch before = {1, w->term};

	(void)state;
	world_lead(w, 0);
	assert_int_equal(answer_of(w, drill(w, &before))->code, EXIT_OTHER);
	world_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_falls_silent_when_nobody_could_take_over),
		cmocka_unit_test(a_question_that_can_not_be_read_is_no_drill),
		cmocka_unit_test(it_falls_silent_after_the_audit_is_committed_and_not_before),
		cmocka_unit_test(a_drill_whose_audit_is_not_committed_does_not_take_place),
		cmocka_unit_test(who_took_over_says_from_whom_and_how_long_it_took),
		cmocka_unit_test(one_that_is_elected_again_has_not_moved_the_role),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
