#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <string.h>

#include "core/invite.h"
#include "core/must.h"

static struct invite make(const char *cluster, const char *address)
{
	struct invite invite = {0};
	uint8_t secret[32];

	for (uint8_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)(i * 7 + 1);
	must(keyring_make(&invite.ring, cluster, secret) == OK);
	strcpy(invite.address, address);
	return invite;
}

static void what_is_no_invite_is_refused(void **state)
{
	static const char *const bad[] = {"", "w", "wi", "hello", "10.0.0.1", "xi1-abc", "WI1-abc"};
	struct invite out = {.address = "untouched"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_not_equal(invite_parse(bad[i], &out), OK);
	assert_int_equal(invite_parse("hello", &out), ERR_MALFORMED);
	assert_int_equal(invite_parse("wi1-", &out), ERR_MALFORMED);
	assert_int_equal(invite_parse("wi1-@10.0.0.1", &out), ERR_MALFORMED);
	assert_int_equal(invite_parse("wi1-0OIl", &out), ERR_MALFORMED);
	assert_string_equal(out.address, "untouched");
}

static void one_of_a_newer_form_is_told_apart(void **state)
{
	struct invite out;

	(void)state;
	assert_int_equal(invite_parse("wi2-abc", &out), ERR_VERSION);
}

static void every_single_mistyped_letter_is_refused(void **state)
{
	struct invite invite = make("a-7f3a", ""), out;
	char text[INVITE_TEXT_MAX];

	(void)state;
	assert_int_equal(invite_print(&invite, text), OK);
	for (size_t i = 4; text[i]; i++) {
		char was = text[i];
		text[i] = was == 'x' ? 'y' : 'x';
		assert_int_equal(invite_parse(text, &out), ERR_MALFORMED);
		text[i] = was;
	}
	assert_int_equal(invite_parse(text, &out), OK);
}

static void every_piece_of_one_is_refused(void **state)
{
	struct invite invite = make("a-7f3a", ""), out;
	char text[INVITE_TEXT_MAX];

	(void)state;
	assert_int_equal(invite_print(&invite, text), OK);
	for (size_t len = strlen(text); len-- > 0;) {
		text[len] = '\0';
		assert_int_not_equal(invite_parse(text, &out), OK);
	}
}

static void what_is_printed_is_parsed(void **state)
{
	static const char *const address[] = {"", "10.0.0.1", "host.example:9000",
					      "[fd00::1]:8081"};
	char text[INVITE_TEXT_MAX];
	struct invite out;

	(void)state;
	for (size_t i = 0; i < sizeof(address) / sizeof(*address); i++) {
		struct invite invite = make("a cluster", address[i]);
		assert_int_equal(invite_print(&invite, text), OK);
		assert_memory_equal(text, "wi1-", 4);
		assert_int_equal(invite_parse(text, &out), OK);
		assert_string_equal(out.ring.cluster, "a cluster");
		assert_string_equal(out.address, address[i]);
		assert_int_equal(out.ring.count, 1);
		assert_memory_equal(&out.ring.key[0], &invite.ring.key[0], sizeof(struct key));
		assert_memory_equal(out.ring.store_key, invite.ring.store_key, 32);
	}
}

static void the_address_may_be_left_out_by_hand(void **state)
{
	struct invite invite = make("a-7f3a", "10.0.0.1"), out;
	char text[INVITE_TEXT_MAX];

	(void)state;
	assert_int_equal(invite_print(&invite, text), OK);
	*strchr(text, '@') = '\0';
	assert_int_equal(invite_parse(text, &out), OK);
	assert_string_equal(out.address, "");
}

static void an_address_that_does_not_fit_is_refused(void **state)
{
	struct invite invite = make("a-7f3a", ""), out;
	char text[INVITE_TEXT_MAX], big[2 * INVITE_TEXT_MAX];

	(void)state;
	memset(invite.address, 'a', sizeof(invite.address) - 1);
	assert_int_equal(invite_print(&invite, text), ERR_TOO_BIG);

	invite.address[0] = '\0';
	assert_int_equal(invite_print(&invite, text), OK);
	size_t len = strlen(text);
	memcpy(big, text, len);
	big[len] = '@';
	memset(big + len + 1, 'a', INVITE_TEXT_MAX);
	big[len + 1 + INVITE_TEXT_MAX] = '\0';
	assert_int_equal(invite_parse(big, &out), ERR_MALFORMED);
}

static void the_longest_cluster_name_fits(void **state)
{
	char name[CLUSTER_ID_MAX_LEN + 1] = {0}, text[INVITE_TEXT_MAX];
	struct invite out;

	(void)state;
	memset(name, 'n', CLUSTER_ID_MAX_LEN);
	struct invite invite = make(name, "");
	assert_int_equal(invite_print(&invite, text), OK);
	assert_int_equal(invite_parse(text, &out), OK);
	assert_string_equal(out.ring.cluster, name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_invite_is_refused),
		cmocka_unit_test(one_of_a_newer_form_is_told_apart),
		cmocka_unit_test(every_single_mistyped_letter_is_refused),
		cmocka_unit_test(every_piece_of_one_is_refused),
		cmocka_unit_test(what_is_printed_is_parsed),
		cmocka_unit_test(the_address_may_be_left_out_by_hand),
		cmocka_unit_test(an_address_that_does_not_fit_is_refused),
		cmocka_unit_test(the_longest_cluster_name_fits),
	};

	if (sodium_init() < 0)
		return 1;
	return !!cmocka_run_group_tests(tests, NULL, NULL);
}
