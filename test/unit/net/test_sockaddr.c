#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/un.h>

#include "net/sockaddr.h"

static void nothing_is_of_no_family(void **state)
{
	union sockaddr_any s;
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	(void)state;

	assert_int_equal(sockaddr_put((struct addr){0}, &s), 0);
	assert_true(addr_is_none(sockaddr_get(NULL)));
	assert_true(addr_is_none(sockaddr_get((struct sockaddr *)&local)));
}

static void what_goes_in_comes_out(void **state)
{
	union sockaddr_any s;
	struct addr v4 = addr_v4(10, 1, 2, 3, 8081), v6, near;
	(void)state;

	assert_int_equal(sockaddr_put(v4, &s), sizeof s.v4);
	assert_true(addr_same(sockaddr_get(&s.any), v4));
	assert_int_equal(addr_parse("fd00::5", 8081, &v6), OK);
	assert_int_equal(sockaddr_put(v6, &s), sizeof s.v6);
	assert_true(addr_same(sockaddr_get(&s.any), v6));
	assert_int_equal(addr_parse("fe80::5", 8081, &near), OK);
	near.scope = 3;
	(void)sockaddr_put(near, &s);
	assert_int_equal(s.v6.sin6_scope_id, 3);
	assert_true(addr_same(sockaddr_get(&s.any), near));
}

static void only_a_near_address_has_a_scope(void **state)
{
	union sockaddr_any s;
	struct addr far;
	(void)state;

	assert_int_equal(addr_parse("fd00::5", 1, &far), OK);
	(void)sockaddr_put(far, &s);
	s.v6.sin6_scope_id = 3;
	assert_true(addr_same(sockaddr_get(&s.any), far));
}

static void an_ipv4_address_in_ipv6_clothes_is_ipv4(void **state)
{
	const uint8_t mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 7};
	union sockaddr_any s;
	(void)state;

	memset(&s, 0, sizeof s);
	s.v6.sin6_family = AF_INET6;
	s.v6.sin6_port = htons(5);
	memcpy(&s.v6.sin6_addr, mapped, 16);
	assert_true(addr_same(sockaddr_get(&s.any), addr_v4(10, 0, 0, 7, 5)));
}

static void a_full_disk_is_told_from_a_broken_one(void **state)
{
	(void)state;
	assert_int_equal(file_err(EIO), ERR_IO);
	assert_int_equal(file_err(ENOSPC), ERR_NO_SPACE);
	assert_int_equal(file_err(EDQUOT), ERR_NO_SPACE);
	assert_int_equal(file_err(ENOENT), ERR_NOT_FOUND);
	assert_int_equal(socket_err(ECONNREFUSED), ERR_REFUSED);
	assert_int_equal(socket_err(ENETUNREACH), ERR_UNREACHABLE);
	assert_int_equal(socket_err(0), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_of_no_family),
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(only_a_near_address_has_a_scope),
		cmocka_unit_test(an_ipv4_address_in_ipv6_clothes_is_ipv4),
		cmocka_unit_test(a_full_disk_is_told_from_a_broken_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
