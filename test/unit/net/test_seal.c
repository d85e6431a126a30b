#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "core/identity.h"
#include "net/seal.h"

/* Two nodes of one cluster. */
struct pair {
	struct keyring ring;
	struct seal a;
	struct seal b;
	struct buffer packet;
};

static const struct id id_a = {{0xa}}, id_b = {{0xb}};
static const uint8_t random_a[32] = {1}, random_b[32] = {2};

static void make_ring(struct keyring *ring, const char *cluster, uint8_t first)
{
	uint8_t secret[32];

	memset(secret, first, sizeof(secret));
	assert_int_equal(keyring_make(ring, cluster, secret), OK);
}

/* Installs the other ring's key here, behind or before our own. */
static void add_key(struct keyring *ring, const struct keyring *other, bool in_front)
{
	ring->key[1] = in_front ? ring->key[0] : other->key[0];
	if (in_front)
		ring->key[0] = other->key[0];
	ring->count = 2;
}

static int set_up(void **state)
{
	static struct pair p;

	make_ring(&p.ring, "blue", 0x11);
	seal_init(&p.a, &p.ring, id_a, 5, random_a);
	seal_init(&p.b, &p.ring, id_b, 9, random_b);
	buffer_init(&p.packet, PACKET_MAX);
	*state = &p;
	return 0;
}

static int tear_down(void **state)
{
	struct pair *p = *state;

	seal_fini(&p->a);
	seal_fini(&p->b);
	buffer_fini(&p->packet);
	return 0;
}

static struct bytes sealed_by_a(struct pair *p, struct bytes body)
{
	buffer_clear(&p->packet);
	assert_int_equal(seal_put(&p->a, VIEW_ALL, body, &p->packet), OK);
	return buffer_bytes(&p->packet);
}

static enum err open_at_b(struct pair *p, struct bytes packet)
{
	struct sealed out;

	return seal_open(&p->b, VIEW_ALL, packet, &out);
}

static void every_changed_bit_is_refused(void **state)
{
	struct pair *p = *state;
	struct bytes packet = sealed_by_a(p, BYTES("hello"));

	for (size_t i = 0; i < packet.len * 8; i++) {
		p->packet.at[i / 8] ^= (uint8_t)(1 << i % 8);
		enum err err = open_at_b(p, packet);
		enum err want = i < 8       ? ERR_VERSION
				: i < 5 * 8 ? ERR_FOREIGN
				: i < 9 * 8 ? ERR_KEY
					    : ERR_FORGED;
		assert_int_equal(err, want);
		p->packet.at[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(replay_count(&p->b.replay[SEAL_ALL]), 0);
	assert_int_equal(open_at_b(p, packet), OK);
}

static void every_other_length_is_refused(void **state)
{
	struct pair *p = *state;
	struct bytes packet = sealed_by_a(p, BYTES("hello"));
	uint8_t longer[PACKET_MAX + 1] = {0};

	for (size_t len = 0; len < packet.len; len++)
		assert_int_equal(open_at_b(p, bytes_of(packet.at, len)),
				 len < SEAL_OVERHEAD ? ERR_SHORT : ERR_FORGED);
	memcpy(longer, packet.at, packet.len);
	assert_int_equal(open_at_b(p, bytes_of(longer, packet.len + 1)), ERR_FORGED);
	assert_int_equal(open_at_b(p, bytes_of(longer, sizeof(longer))), ERR_TOO_BIG);
}

static void a_second_time_is_refused(void **state)
{
	struct pair *p = *state;
	struct bytes packet = sealed_by_a(p, BYTES("once"));

	assert_int_equal(open_at_b(p, packet), OK);
	assert_int_equal(open_at_b(p, packet), ERR_REPLAYED);
}

static void an_older_life_of_the_sender_is_refused(void **state)
{
	struct pair *p = *state;
	uint8_t old[PACKET_MAX];
	struct bytes packet = sealed_by_a(p, BYTES("old"));
	size_t len = packet.len;

	memcpy(old, packet.at, len);
	seal_fini(&p->a);
	seal_init(&p->a, &p->ring, id_a, 6, random_a);
	assert_int_equal(open_at_b(p, sealed_by_a(p, BYTES("new"))), OK);
	assert_int_equal(open_at_b(p, bytes_of(old, len)), ERR_REPLAYED);
}

static void our_own_come_back_is_refused(void **state)
{
	struct pair *p = *state;
	struct sealed out;
	struct bytes packet = sealed_by_a(p, BYTES("echo"));

	assert_int_equal(seal_open(&p->a, VIEW_ALL, packet, &out), ERR_REPLAYED);
}

static void one_view_is_not_the_other_nor_a_beacon(void **state)
{
	struct pair *p = *state;
	struct sealed out;
	struct bytes packet = sealed_by_a(p, BYTES("x"));

	assert_int_equal(seal_open(&p->b, VIEW_SCHEDULERS, packet, &out), ERR_FORGED);
	assert_int_equal(seal_open_beacon(&p->b, packet, &out), ERR_FORGED);
	buffer_clear(&p->packet);
	assert_int_equal(seal_put_beacon(&p->a, BYTES("x"), &p->packet), OK);
	packet = buffer_bytes(&p->packet);
	assert_int_equal(seal_open(&p->b, VIEW_ALL, packet, &out), ERR_FORGED);
	assert_int_equal(seal_open_beacon(&p->b, packet, &out), OK);
}

static void a_foreign_cluster_differs_from_a_foreign_key(void **state)
{
	struct pair *p = *state;
	struct keyring other_cluster, other_key;
	struct seal c;
	struct sealed out;

	struct bytes packet = sealed_by_a(p, BYTES("x"));
	make_ring(&other_cluster, "green", 0x11);
	seal_init(&c, &other_cluster, id_b, 1, random_b);
	assert_int_equal(seal_open(&c, VIEW_ALL, packet, &out), ERR_FOREIGN);
	seal_fini(&c);

	make_ring(&other_key, "blue", 0x22);
	seal_init(&c, &other_key, id_b, 1, random_b);
	assert_int_equal(seal_open(&c, VIEW_ALL, packet, &out), ERR_KEY);
	seal_fini(&c);
}

/* install, use, remove: at each step both understand each other. */
static void a_key_rotates_without_a_lost_datagram(void **state)
{
	struct pair *p = *state;
	struct keyring next, ring_b = p->ring;
	struct sealed out;

	make_ring(&next, "blue", 0x33);
	p->b.ring = &ring_b;
	add_key(&ring_b, &next, false);
	assert_int_equal(open_at_b(p, sealed_by_a(p, BYTES("before"))), OK);
	add_key(&p->ring, &next, true);
	assert_int_equal(seal_open(&p->b, VIEW_ALL, sealed_by_a(p, BYTES("x")), &out), OK);
	assert_true(out.older_key);
	ring_b = p->ring;
	assert_int_equal(seal_open(&p->b, VIEW_ALL, sealed_by_a(p, BYTES("x")), &out), OK);
	assert_false(out.older_key);
	ring_b.count = p->ring.count = 1;
	assert_int_equal(open_at_b(p, sealed_by_a(p, BYTES("after"))), OK);
}

static void what_was_sealed_opens_with_its_sender(void **state)
{
	struct pair *p = *state;
	struct sealed out;

	assert_int_equal(seal_open(&p->b, VIEW_ALL, sealed_by_a(p, BYTES("body")), &out), OK);
	assert_true(id_same(out.sender, id_a));
	assert_int_equal(out.boot, 5);
	assert_true(bytes_same(out.body, BYTES("body")));
	assert_false(out.older_key);
	assert_int_equal(open_at_b(p, sealed_by_a(p, BYTES(""))), OK);
}

static void a_body_has_exactly_the_room_that_limits_say(void **state)
{
	struct pair *p = *state;
	static const uint8_t body[DATAGRAM_BODY_MAX + 1];

	struct bytes packet = sealed_by_a(p, bytes_of(body, DATAGRAM_BODY_MAX));
	assert_int_equal(packet.len, PACKET_MAX);
	assert_int_equal(open_at_b(p, packet), OK);
	buffer_clear(&p->packet);
	assert_int_equal(seal_put(&p->a, VIEW_ALL, bytes_of(body, sizeof(body)), &p->packet),
			 ERR_TOO_BIG);
	assert_int_equal(p->packet.len, 0);
}

static void no_nonce_comes_twice(void **state)
{
	struct pair *p = *state;
	uint8_t first[24];

	memcpy(first, sealed_by_a(p, BYTES("x")).at + 9, sizeof(first));
	assert_memory_not_equal(first, sealed_by_a(p, BYTES("x")).at + 9, sizeof(first));

	/* The same randomness in a later life: a broken source must not repeat a nonce. */
	seal_fini(&p->a);
	seal_init(&p->a, &p->ring, id_a, 6, random_a);
	assert_memory_not_equal(first, sealed_by_a(p, BYTES("x")).at + 9, 16);
}

/* The bytes of net/README.md. */
static void the_format_is_what_it_was(void **state)
{
	struct pair *p = *state;
	struct bytes packet = sealed_by_a(p, BYTES("ping"));
	char hex[2 * PACKET_MAX + 1];

	sodium_bin2hex(hex, sizeof(hex), packet.at, packet.len);
	assert_string_equal(hex, "0173f1531ce1fbb02e87bf1bb9469c846033146fb2f5236502010000000000000"
				 "06640ef3b1a1317d6ef813314a7bf6433c73f2ee83df5fc29764c768a29520dfd"
				 "526879900972ecf9041b7eafe958b028c0a591eb");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(every_changed_bit_is_refused),
		T(every_other_length_is_refused),
		T(a_second_time_is_refused),
		T(an_older_life_of_the_sender_is_refused),
		T(our_own_come_back_is_refused),
		T(one_view_is_not_the_other_nor_a_beacon),
		T(a_foreign_cluster_differs_from_a_foreign_key),
		T(a_key_rotates_without_a_lost_datagram),
		T(what_was_sealed_opens_with_its_sender),
		T(a_body_has_exactly_the_room_that_limits_say),
		T(no_nonce_comes_twice),
		T(the_format_is_what_it_was),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
