#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/facts.h"
#include "core/identity.h"

#define CLUSTER BYTES("home")

static struct identity me;

static struct facts signed_facts(void)
{
	struct facts f = {
		.id = me.id,
		.boot = 7,
		.tags = 2,
		.addr = addr_v4(10, 0, 0, 1, 8081),
		.roles = ROLE_SCHEDULER | ROLE_WORKER,
		.machine = {9},
		.name = "node-a",
		.zone = "eu-1",
		.labels = "disk=ssd",
		.version = "0.1.0",
		.fingerprint = {8},
	};

	memcpy(f.key, me.public_key, sizeof(f.key));
	assert_int_equal(facts_sign(&f, me.secret_key, CLUSTER), OK);
	return f;
}

static struct buffer packed(const struct facts *f)
{
	struct buffer b;

	buffer_init(&b, FACTS_MAX);
	assert_int_equal(facts_put(f, &b), OK);
	return b;
}

/* What a decoder says to facts that were changed after they were signed. */
static enum err get_changed(const struct facts *f)
{
	struct buffer b = packed(f);
	struct facts got = {.boot = 99};
	enum err err = facts_get(buffer_bytes(&b), &got);

	if (err != OK)
		assert_int_equal(got.boot, 99);
	buffer_fini(&b);
	return err;
}

static void nobody_can_speak_under_an_id_that_is_not_its_keys(void **state)
{
	struct facts f = signed_facts();

	(void)state;
	f.id.b[0] ^= 1;
	assert_int_equal(get_changed(&f), ERR_FORGED);
	assert_int_equal(facts_verify(&f, CLUSTER), ERR_FORGED);
	f.id.b[0] ^= 1;
	f.key[0] ^= 1;
	assert_int_equal(get_changed(&f), ERR_FORGED);
}

static void nobody_can_change_what_another_signed(void **state)
{
	struct facts good = signed_facts();
	struct facts f;
	uint8_t *fields[] = {(uint8_t *)&f.boot,      (uint8_t *)&f.tags, f.addr.ip,
			     (uint8_t *)&f.addr.port, &f.roles,           f.machine,
			     (uint8_t *)f.name,       (uint8_t *)f.zone,  (uint8_t *)f.labels,
			     (uint8_t *)f.version,    f.fingerprint,      f.signature};

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		f = good;
		*fields[i] ^= 1;
		assert_int_equal(facts_verify(&f, CLUSTER), ERR_FORGED);
	}
	assert_int_equal(facts_verify(&good, CLUSTER), OK);
}

static void facts_are_not_carried_into_another_cluster(void **state)
{
	struct facts f = signed_facts();

	(void)state;
	assert_int_equal(facts_verify(&f, BYTES("away")), ERR_FORGED);
	assert_int_equal(facts_verify(&f, BYTES("")), ERR_FORGED);
}

static void facts_without_role_or_address_are_refused(void **state)
{
	struct facts f = signed_facts();

	(void)state;
	f.roles = 0;
	assert_int_equal(get_changed(&f), ERR_MALFORMED);
	assert_int_equal(facts_sign(&f, me.secret_key, CLUSTER), ERR_MALFORMED);
	f.roles = 4;
	assert_int_equal(get_changed(&f), ERR_MALFORMED);
	f = signed_facts();
	f.addr = (struct addr){0};
	assert_int_equal(get_changed(&f), ERR_MALFORMED);
	f.addr = addr_v4(10, 0, 0, 1, 0);
	assert_int_equal(get_changed(&f), ERR_MALFORMED);
	f.addr = addr_v4(10, 0, 0, 1, 65000);
	assert_int_equal(get_changed(&f), ERR_MALFORMED);
}

static void a_name_that_would_forge_a_log_line_is_refused(void **state)
{
	struct facts f = signed_facts();
	char *texts[] = {f.name, f.zone, f.labels, f.version};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		texts[i][1] = '\n';
		assert_int_equal(get_changed(&f), ERR_MALFORMED);
		texts[i][1] = 'x';
	}
	assert_int_equal(get_changed(&f), OK);
}

static void facts_cut_short_or_with_something_behind_are_refused(void **state)
{
	struct facts f = signed_facts(), got;
	struct buffer b = packed(&f);
	uint8_t longer[FACTS_MAX + 1] = {0};

	(void)state;
	for (size_t cut = 0; cut < b.len; cut++) {
		uint8_t *part = malloc(cut + 1);

		memcpy(part, b.at, cut);
		assert_int_not_equal(facts_get(bytes_of(part, cut), &got), OK);
		free(part);
	}
	memcpy(longer, b.at, b.len);
	assert_int_equal(facts_get(bytes_of(longer, b.len + 1), &got), ERR_MALFORMED);
	assert_int_equal(facts_get(bytes_of(longer, FACTS_MAX + 1), &got), ERR_TOO_BIG);
	longer[0]++;
	assert_int_equal(facts_get(bytes_of(longer, b.len + 1), &got), ERR_VERSION);
	buffer_fini(&b);
}

static void what_is_packed_is_what_is_unpacked(void **state)
{
	struct facts f = signed_facts(), got;
	struct buffer b = packed(&f), again;

	(void)state;
	assert_int_equal(facts_get(buffer_bytes(&b), &got), OK);
	assert_int_equal(facts_verify(&got, CLUSTER), OK);
	assert_string_equal(got.name, "node-a");
	assert_string_equal(got.zone, "eu-1");
	assert_string_equal(got.labels, "disk=ssd");
	assert_string_equal(got.version, "0.1.0");
	assert_true(addr_same(got.addr, f.addr));
	again = packed(&got);
	assert_true(bytes_same(buffer_bytes(&b), buffer_bytes(&again)));
	buffer_fini(&b);
	buffer_fini(&again);
}

static void the_longest_facts_fit_their_bound(void **state)
{
	struct facts f = signed_facts();

	(void)state;
	f.boot = f.tags = UINT64_MAX;
	f.addr = (struct addr){.family = ADDR_V6, .ip = {0xfd}, .port = 8081};
	memset(f.name, 'n', NAME_MAX_LEN);
	memset(f.zone, 'z', NAME_MAX_LEN);
	memset(f.labels, 'l', LABELS_MAX_LEN);
	memset(f.version, 'v', VERSION_MAX_LEN);
	char cluster[CLUSTER_ID_MAX_LEN];
	memset(cluster, 'c', sizeof(cluster));
	assert_int_equal(facts_sign(&f, me.secret_key, bytes_of(cluster, sizeof(cluster))), OK);
	assert_int_equal(facts_verify(&f, bytes_of(cluster, sizeof(cluster))), OK);
	assert_int_equal(get_changed(&f), OK);
}

static void a_full_buffer_is_left_as_it_was(void **state)
{
	struct facts f = signed_facts();
	struct buffer b;

	(void)state;
	buffer_init(&b, 100);
	assert_int_equal(buffer_add(&b, BYTES("head")), OK);
	assert_int_equal(facts_put(&f, &b), ERR_FULL);
	assert_int_equal(facts_signed(&f, CLUSTER, &b), ERR_FULL);
	assert_true(bytes_same(buffer_bytes(&b), BYTES("head")));
	buffer_fini(&b);
}

static void what_verify_is_asked_is_what_was_signed(void **state)
{
	struct facts f = signed_facts();
	struct buffer b;

	(void)state;
	buffer_init(&b, 1000);
	assert_int_equal(facts_signed(&f, CLUSTER, &b), OK);
	assert_true(identity_check(f.key, buffer_bytes(&b), f.signature));
	assert_memory_equal(b.at, "witan-facts-1\xa4home\xc4\x10", 20);
	buffer_fini(&b);
}

static void equal_content_has_equal_digests(void **state)
{
	struct facts a = signed_facts(), b = signed_facts();

	(void)state;
	assert_true(facts_digest(&a) == facts_digest(&b));
	b.tags++;
	assert_false(facts_digest(&a) == facts_digest(&b));
}

static int make_me(void **state)
{
	uint8_t seed[32] = {1};

	(void)state;
	identity_make(&me, seed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_can_speak_under_an_id_that_is_not_its_keys),
		cmocka_unit_test(nobody_can_change_what_another_signed),
		cmocka_unit_test(facts_are_not_carried_into_another_cluster),
		cmocka_unit_test(facts_without_role_or_address_are_refused),
		cmocka_unit_test(a_name_that_would_forge_a_log_line_is_refused),
		cmocka_unit_test(facts_cut_short_or_with_something_behind_are_refused),
		cmocka_unit_test(what_is_packed_is_what_is_unpacked),
		cmocka_unit_test(the_longest_facts_fit_their_bound),
		cmocka_unit_test(a_full_buffer_is_left_as_it_was),
		cmocka_unit_test(what_verify_is_asked_is_what_was_signed),
		cmocka_unit_test(equal_content_has_equal_digests),
	};
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, make_me, NULL);
}
