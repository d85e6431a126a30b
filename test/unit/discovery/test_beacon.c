#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "core/facts.h"
#include "core/pack.h"
#include "discovery/beacon.h"

static struct buffer b;

static int fresh(void **state)
{
	(void)state;
	buffer_init(&b, 256);
	return 0;
}

static int done(void **state)
{
	(void)state;
	buffer_fini(&b);
	return 0;
}

static void put(uint32_t fields, uint64_t format, struct addr a)
{
	struct pack p;

	buffer_clear(&b);
	pack_init(&p, &b);
	pack_array(&p, fields);
	pack_u64(&p, format);
	if (fields > 1)
		pack_u64(&p, ROLE_WORKER);
	if (fields > 2)
		pack_addr(&p, a);
	if (fields > 3)
		pack_bool(&p, true);
	for (uint32_t i = 4; i < fields; i++)
		pack_str(&p, "of a later version");
	assert_int_equal(pack_err(&p), OK);
}

static enum err got(struct beacon *out)
{
	return beacon_get(buffer_bytes(&b), out);
}

static void what_nobody_can_dial_is_refused(void **state)
{
	struct beacon out = {.roles = 99};
	struct addr a = {.family = ADDR_V6, .port = 1};

	(void)state;
	put(4, 1, addr_v4(10, 0, 0, 1, 0));
	assert_int_not_equal(got(&out), OK);
	put(4, 1, addr_v4(0, 0, 0, 0, 8081));
	assert_int_not_equal(got(&out), OK);
	put(4, 1, addr_v4(224, 2, 2, 3, 8081));
	assert_int_not_equal(got(&out), OK);
	put(4, 1, addr_v4(255, 255, 255, 255, 8081));
	assert_int_not_equal(got(&out), OK);
	put(4, 1, a);
	assert_int_not_equal(got(&out), OK);
	a.ip[0] = 0xff;
	put(4, 1, a);
	assert_int_not_equal(got(&out), OK);
	assert_int_equal(out.roles, 99);
}

static void every_cut_of_a_good_beacon_is_refused(void **state)
{
	struct beacon out;
	struct bytes all;

	(void)state;
	put(4, 1, addr_v4(10, 0, 0, 1, 8081));
	all = buffer_bytes(&b);
	assert_int_equal(beacon_get(all, &out), OK);
	for (size_t len = 0; len < all.len; len++)
		assert_int_not_equal(beacon_get(bytes_of(all.at, len), &out), OK);
	assert_int_equal(buffer_add(&b, BYTES("x")), OK);
	assert_int_not_equal(got(&out), OK);
}

static void a_beacon_with_too_few_fields_is_refused(void **state)
{
	struct beacon out;

	(void)state;
	put(3, 1, addr_v4(10, 0, 0, 1, 8081));
	assert_int_equal(got(&out), ERR_MALFORMED);
}

static void another_format_is_told_apart(void **state)
{
	struct beacon out;

	(void)state;
	put(1, 2, addr_v4(10, 0, 0, 1, 8081));
	assert_int_equal(got(&out), ERR_VERSION);
}

static void what_a_later_version_adds_is_skipped(void **state)
{
	struct beacon out;

	(void)state;
	put(6, 1, addr_v4(10, 0, 0, 1, 8081));
	assert_int_equal(got(&out), OK);
	assert_true(addr_same(out.addr, addr_v4(10, 0, 0, 1, 8081)));
	assert_int_equal(out.roles, ROLE_WORKER);
	assert_true(out.alone);
}

static void what_is_put_can_be_got(void **state)
{
	struct beacon in = {.roles = ROLE_SCHEDULER, .addr = {.family = ADDR_V6, .port = 65535}},
		      out;

	(void)state;
	memset(in.addr.ip, 0xfd, sizeof(in.addr.ip));
	assert_int_equal(beacon_put(&in, &b), OK);
	assert_true(b.len <= BEACON_MAX_LEN);
	assert_int_equal(got(&out), OK);
	assert_true(addr_same(in.addr, out.addr));
	assert_int_equal(out.roles, ROLE_SCHEDULER);
	assert_false(out.alone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_nobody_can_dial_is_refused, fresh, done),
		cmocka_unit_test_setup_teardown(every_cut_of_a_good_beacon_is_refused, fresh, done),
		cmocka_unit_test_setup_teardown(a_beacon_with_too_few_fields_is_refused, fresh,
						done),
		cmocka_unit_test_setup_teardown(another_format_is_told_apart, fresh, done),
		cmocka_unit_test_setup_teardown(what_a_later_version_adds_is_skipped, fresh, done),
		cmocka_unit_test_setup_teardown(what_is_put_can_be_got, fresh, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
