#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <string.h>

#include "core/identity.h"

#define ONES "1111111111111111111111111111111111111111111111111111111111111111"
#define TWOS "2222222222222222222222222222222222222222222222222222222222222222"

static const uint8_t ones[32] = {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
				 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
				 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11};

static void a_damaged_node_key_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"witan-node-key 1\n",
		"witan-node-key 1\n" ONES,
		"witan-node-key 2\n" ONES "\n",
		"witan-node-key 1\n" ONES "\n\n",
		"witan-node-key 1\n" ONES "11\n",
		"witan-node-key 1\n1" ONES "\n",
		"witan-node-key 1\n" ONES "\n" ONES "\n",
		"witan-node-key "
		"1\nx111111111111111111111111111111111111111111111111111111111111111\n",
		ONES "\n",
	};
	struct identity me;

	(void)state;
	memset(&me, 0x5a, sizeof(me));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(identity_get(bytes_str(bad[i]), &me), ERR_MALFORMED);
	assert_int_equal(me.public_key[0], 0x5a);
}

static void a_node_key_written_is_the_identity_read(void **state)
{
	struct identity me, again;
	struct buffer file;

	(void)state;
	identity_make(&me, ones);
	assert_true(id_same(me.id, id_of_key(me.public_key)));
	buffer_init(&file, 200);
	assert_int_equal(identity_put(ones, &file), OK);
	assert_true(bytes_same(buffer_bytes(&file), BYTES("witan-node-key 1\n" ONES "\n")));
	assert_int_equal(identity_get(buffer_bytes(&file), &again), OK);
	assert_memory_equal(&me, &again, sizeof(me));
	buffer_fini(&file);
	buffer_init(&file, 40);
	assert_int_equal(identity_put(ones, &file), ERR_FULL);
	assert_int_equal(file.len, 0);
	buffer_fini(&file);
	identity_wipe(&again);
	assert_true(sodium_is_zero((const uint8_t *)&again, sizeof(again)));
}

static void a_signature_holds_for_its_text_and_key_alone(void **state)
{
	struct identity me, other;
	uint8_t signature[64], seed[32] = {3};

	(void)state;
	identity_make(&me, ones);
	identity_make(&other, seed);
	identity_sign(&me, BYTES("text"), signature);
	assert_true(identity_check(me.public_key, BYTES("text"), signature));
	assert_false(identity_check(me.public_key, BYTES("tex"), signature));
	assert_false(identity_check(other.public_key, BYTES("text"), signature));
	for (size_t i = 0; i < 64; i++) {
		signature[i] ^= 1;
		assert_false(identity_check(me.public_key, BYTES("text"), signature));
		signature[i] ^= 1;
	}
}

static void a_damaged_ring_is_refused(void **state)
{
	static const struct {
		const char *text;
		enum err err;
	} bad[] = {
		{"", ERR_MALFORMED},
		{"witan-keyring 1\n", ERR_MALFORMED},
		{"witan-keyring 1\ncluster a\n", ERR_MALFORMED},
		{"witan-keyring 1\ncluster \nkey " ONES "\n", ERR_MALFORMED},
		{"witan-keyring 1\ncluster a/b\nkey " ONES "\n", ERR_MALFORMED},
		{"witan-keyring 1\ncluster ..\nkey " ONES "\n", ERR_MALFORMED},
		{"witan-keyring 1\ncluster a\tb\nkey " ONES "\n", ERR_MALFORMED},
		{"witan-keyring 1\ncluster " ONES "1\nkey " ONES "\n", ERR_MALFORMED},
		{"witan-keyring 2\ncluster a\nkey " ONES "\n", ERR_MALFORMED},
		{"witan-keyring 1\nkey " ONES "\ncluster a\n", ERR_MALFORMED},
		{"witan-keyring 1\ncluster a\nkey " ONES, ERR_MALFORMED},
		{"witan-keyring 1\ncluster a\nkey " ONES "1\n", ERR_MALFORMED},
		{"witan-keyring 1\ncluster a\nkey " ONES "\n\n", ERR_MALFORMED},
		{"witan-keyring 1\ncluster a\nword " ONES "\n", ERR_MALFORMED},
		{"witan-keyring 1\ncluster a\nstore " ONES "\n", ERR_MALFORMED},
		{"witan-keyring 1\ncluster a\nkey " ONES "\nstore " ONES "\nkey " TWOS "\n",
		 ERR_MALFORMED},
		{"witan-keyring 1\ncluster a\nkey " ONES "\nkey " ONES "\n", ERR_EXISTS},
	};
	struct keyring ring = {.count = 77};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(keyring_get(bytes_str(bad[i].text), &ring), bad[i].err);
		assert_int_equal(ring.count, 77);
	}
	assert_int_equal(keyring_get(BYTES("witan-keyring 1\ncluster a\0b\nkey " ONES "\n"), &ring),
			 ERR_MALFORMED);
}

static void more_keys_than_a_rotation_needs_are_refused(void **state)
{
	char text[600] = "witan-keyring 1\ncluster a\n";
	struct keyring ring;

	(void)state;
	for (unsigned i = 0; i <= KEYS_MAX; i++) {
		char line[80];

		if (i > 0)
			assert_int_equal(keyring_get(bytes_str(text), &ring), OK);
		memcpy(line, "key " ONES "\n", sizeof("key " ONES "\n"));
		line[4] = (char)('a' + i);
		strcat(text, line);
	}
	assert_int_equal(ring.count, KEYS_MAX);
	assert_int_equal(keyring_get(bytes_str(text), &ring), ERR_FULL);
}

static void a_ring_written_is_the_ring_read(void **state)
{
	struct keyring ring, again;
	struct buffer file;

	(void)state;
	assert_int_equal(keyring_make(&ring, "", ones), ERR_MALFORMED);
	assert_int_equal(keyring_make(&ring, "home", ones), OK);
	assert_int_equal(ring.count, 1);
	buffer_init(&file, 1000);
	assert_int_equal(keyring_put(&ring, &file), OK);
	assert_int_equal(keyring_get(buffer_bytes(&file), &again), OK);
	assert_memory_equal(&ring, &again, sizeof(ring));
	buffer_fini(&file);
	buffer_init(&file, 100);
	assert_int_equal(keyring_put(&ring, &file), ERR_FULL);
	assert_int_equal(file.len, 0);
	buffer_fini(&file);
	keyring_wipe(&again);
	assert_true(sodium_is_zero((const uint8_t *)&again, sizeof(again)));
}

static void a_rotation_never_changes_the_store_key(void **state)
{
	struct keyring before, after, told;
	struct buffer file;

	(void)state;
	assert_int_equal(keyring_get(BYTES("witan-keyring 1\ncluster a\nkey " ONES "\n"), &before),
			 OK);
	assert_int_equal(
		keyring_get(BYTES("witan-keyring 1\ncluster a\nkey " TWOS "\nkey " ONES "\n"),
			    &after),
		OK);
	assert_int_equal(after.key[1].id, before.key[0].id);
	assert_int_not_equal(after.key[0].id, before.key[0].id);
	assert_memory_equal(before.store_key, after.store_key, 32);
	/* Now the old key goes. */
	after.count = 1;
	buffer_init(&file, 1000);
	assert_int_equal(keyring_put(&after, &file), OK);
	assert_int_equal(keyring_get(buffer_bytes(&file), &told), OK);
	assert_int_equal(told.count, 1);
	assert_memory_equal(before.store_key, told.store_key, 32);
	buffer_fini(&file);
}

static void the_test_vectors_hold(void **state)
{
	struct keyring ring;

	(void)state;
	assert_int_equal(keyring_make(&ring, "home", ones), OK);
	assert_int_equal(ring.key[0].id, 0x2eb0fbe1);
	assert_memory_equal(ring.store_key, "\xd6\x6f\x87\xf5\xd4\x40\x13\x3d", 8);
	assert_int_equal(keyring_tag("home"), 0x4de9e160);
}

static void a_key_is_found_by_what_travels_in_the_clear(void **state)
{
	struct keyring ring;

	(void)state;
	assert_int_equal(
		keyring_get(BYTES("witan-keyring 1\ncluster a\nkey " ONES "\nkey " TWOS "\n"),
			    &ring),
		OK);
	assert_ptr_equal(keyring_find(&ring, ring.key[1].id), &ring.key[1]);
	assert_null(keyring_find(&ring, ring.key[0].id ^ 1));
	assert_int_equal(keyring_tag("a"), keyring_tag("a"));
	assert_int_not_equal(keyring_tag("a"), keyring_tag("b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_damaged_node_key_is_refused),
		cmocka_unit_test(a_node_key_written_is_the_identity_read),
		cmocka_unit_test(a_signature_holds_for_its_text_and_key_alone),
		cmocka_unit_test(a_damaged_ring_is_refused),
		cmocka_unit_test(more_keys_than_a_rotation_needs_are_refused),
		cmocka_unit_test(a_ring_written_is_the_ring_read),
		cmocka_unit_test(a_rotation_never_changes_the_store_key),
		cmocka_unit_test(the_test_vectors_hold),
		cmocka_unit_test(a_key_is_found_by_what_travels_in_the_clear),
	};
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
