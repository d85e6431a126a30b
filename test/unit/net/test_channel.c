#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "net/channel.h"

/* Alice dials, Bob accepts; what each wrote and the other has not yet read. */
struct world {
	struct identity alice_identity, bob_identity;
	struct keyring alice_ring, bob_ring;
	struct channel_self alice_self, bob_self;
	struct channel alice, bob;
	struct buffer to_alice, to_bob;
	struct frame frame; /* the last one taken; its body is copied to `body` */
	struct buffer body;
};

static const uint8_t alice_ephemeral[32] = {0xa1, 1}, bob_ephemeral[32] = {0xb0, 2};

static void make_ring(struct keyring *ring, const char *cluster, uint8_t first)
{
	uint8_t secret[32];

	memset(secret, first, sizeof(secret));
	assert_int_equal(keyring_make(ring, cluster, secret), OK);
}

static struct hello hello_of(uint64_t boot, uint8_t roles, uint16_t port)
{
	struct hello h = {.boot = boot, .roles = roles, .port = port, .purpose = PURPOSE_RPC};

	h.store.b[0] = 0x57;
	h.epoch = (struct epoch){2, 17};
	return h;
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	uint8_t seed[32] = {1};

	identity_make(&w->alice_identity, seed);
	seed[0] = 2;
	identity_make(&w->bob_identity, seed);
	make_ring(&w->alice_ring, "blue", 0x11);
	make_ring(&w->bob_ring, "blue", 0x11);
	assert_int_equal(channel_self_init(&w->alice_self, &w->alice_identity, &w->alice_ring), OK);
	assert_int_equal(channel_self_init(&w->bob_self, &w->bob_identity, &w->bob_ring), OK);
	buffer_init(&w->to_alice, 64u << 20);
	buffer_init(&w->to_bob, 64u << 20);
	buffer_init(&w->body, FRAME_MAX);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	channel_fini(&w->alice);
	channel_fini(&w->bob);
	channel_self_fini(&w->alice_self);
	channel_self_fini(&w->bob_self);
	buffer_fini(&w->to_alice);
	buffer_fini(&w->to_bob);
	buffer_fini(&w->body);
	free(w);
	return 0;
}

static void dial(struct world *w)
{
	struct hello ours = hello_of(7, 1, 8080);

	channel_fini(&w->alice);
	buffer_clear(&w->to_bob);
	assert_int_equal(
		channel_dial(&w->alice, &w->alice_self, &ours, alice_ephemeral, &w->to_bob), OK);
}

static void accept(struct world *w)
{
	struct hello ours = hello_of(9, 2, 9090);

	channel_fini(&w->bob);
	buffer_clear(&w->to_alice);
	assert_int_equal(channel_accept(&w->bob, &w->bob_self, &ours, bob_ephemeral), OK);
}

static enum channel_got take_bytes(struct world *w, struct channel *c, struct bytes *in)
{
	struct buffer *out = c == &w->alice ? &w->to_bob : &w->to_alice;
	enum channel_got got = channel_take(c, in, out, &w->frame);

	if (got == CHANNEL_GOT_FRAME) {
		buffer_clear(&w->body);
		assert_int_equal(buffer_add(&w->body, w->frame.body), OK);
		w->frame.body = buffer_bytes(&w->body);
	}
	return got;
}

/* One thing that comes out of what lies on the wire to `c`. */
static enum channel_got take(struct world *w, struct channel *c)
{
	struct buffer *from = c == &w->alice ? &w->to_alice : &w->to_bob;
	struct bytes in = buffer_bytes(from);
	size_t had = in.len;
	enum channel_got got = take_bytes(w, c, &in);

	buffer_skip(from, had - in.len);
	return got;
}

static void open_both(struct world *w)
{
	dial(w);
	accept(w);
	assert_int_equal(take(w, &w->bob), CHANNEL_GOT_NOTHING);
	assert_int_equal(take(w, &w->alice), CHANNEL_GOT_OPEN);
	assert_int_equal(take(w, &w->bob), CHANNEL_GOT_OPEN);
	assert_int_equal(w->to_alice.len, 0);
	assert_int_equal(w->to_bob.len, 0);
}

static void send(struct channel *c, struct buffer *out, uint64_t request, struct bytes body)
{
	struct frame f = {.type = FRAME_CALL, .request = request, .body = body};

	assert_int_equal(channel_send(c, &f, out), OK);
}

/* Bob refuses the first record with `why`, and says nothing. */
static void refused_at_once(struct world *w, enum err why)
{
	accept(w);
	assert_int_equal(take(w, &w->bob), CHANNEL_GOT_ERROR);
	assert_int_equal(w->bob.err, why);
	assert_int_equal(w->bob.state, CHANNEL_FAILED);
	assert_int_equal(w->to_alice.len, 0);
	assert_int_equal(take(w, &w->bob), CHANNEL_GOT_ERROR);
}

static void another_key_of_our_cluster_fails_at_the_first_message(void **state)
{
	struct world *w = *state;

	make_ring(&w->alice_ring, "blue", 0x22);
	dial(w);
	refused_at_once(w, ERR_KEY);
}

static void another_cluster_fails_at_the_first_message(void **state)
{
	struct world *w = *state;

	make_ring(&w->alice_ring, "green", 0x11);
	dial(w);
	refused_at_once(w, ERR_FOREIGN);
}

static void a_made_up_first_message_costs_no_answer(void **state)
{
	struct world *w = *state;

	w->alice_ring.key[0].secret[0] ^= 1; /* claims the key's id without the key */
	dial(w);
	refused_at_once(w, ERR_FORGED);
}

static void an_unknown_version_fails_at_the_first_byte(void **state)
{
	struct world *w = *state;

	dial(w);
	w->to_bob.at[2] = 2;
	refused_at_once(w, ERR_VERSION);
}

static void a_long_record_is_refused_before_it_came(void **state)
{
	struct world *w = *state;
	static const uint8_t head[] = {0x01, 0x08}; /* CHANNEL_HANDSHAKE_MAX + 1 */
	struct bytes in = bytes_of(head, sizeof(head));

	accept(w);
	assert_int_equal(take_bytes(w, &w->bob, &in), CHANNEL_GOT_ERROR);
	assert_int_equal(w->bob.err, ERR_TOO_BIG);
}

static void whoever_speaks_before_the_answer_is_refused(void **state)
{
	struct world *w = *state;

	dial(w);
	assert_int_equal(buffer_add(&w->to_bob, BYTES("x")), OK);
	accept(w);
	assert_int_equal(take(w, &w->bob), CHANNEL_GOT_ERROR);
	assert_int_equal(w->bob.err, ERR_MALFORMED);
}

static void any_changed_bit_of_the_handshake_is_refused(void **state)
{
	struct world *w = *state;

	for (unsigned message = 0; message < 3; message++) {
		size_t len = 1;

		for (size_t bit = 16; bit < len * 8; bit += 3) {
			struct channel *reader = message == 1 ? &w->alice : &w->bob;
			struct buffer *wire = message == 1 ? &w->to_alice : &w->to_bob;

			dial(w);
			accept(w);
			if (message > 0)
				assert_int_equal(take(w, &w->bob), CHANNEL_GOT_NOTHING);
			if (message > 1)
				assert_int_equal(take(w, &w->alice), CHANNEL_GOT_OPEN);
			len = wire->len;
			wire->at[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(take(w, reader), CHANNEL_GOT_ERROR);
			assert_true(reader->err == ERR_FORGED || message == 0);
		}
	}
}

/* A peer that has the cluster's key and says of itself what it likes. */
static enum err refused_hello(struct world *w, const struct hello *says, struct bytes extra)
{
	uint8_t clear[9], prologue[64];
	struct noise n;
	struct buffer payload, message;
	struct bytes in;
	uint8_t length[2];

	clear[0] = 1;
	put_u32(clear + 1, keyring_tag("blue"));
	put_u32(clear + 5, w->bob_ring.key[0].id);
	memcpy(prologue, "witan stream", 12);
	memcpy(prologue + 12, clear, 9);
	memcpy(prologue + 21, "blue", 4);
	noise_init(&n, true, bytes_of(prologue, 25), w->bob_ring.key[0].secret, &w->alice_self.keys,
		   alice_ephemeral);
	buffer_init(&payload, 4096);
	buffer_init(&message, 4096);

	accept(w);
	assert_int_equal(noise_write(&n, (struct bytes){0}, &message), OK);
	put_u16(length, (uint16_t)(9 + message.len));
	in = bytes_of(length, 2);
	assert_int_equal(take_bytes(w, &w->bob, &in), CHANNEL_GOT_NOTHING);
	in = bytes_of(clear, 9);
	assert_int_equal(take_bytes(w, &w->bob, &in), CHANNEL_GOT_NOTHING);
	in = buffer_bytes(&message);
	assert_int_equal(take_bytes(w, &w->bob, &in), CHANNEL_GOT_NOTHING);
	assert_int_equal(
		noise_read(&n, bytes_of(w->to_alice.at + 2, w->to_alice.len - 2), &payload), OK);

	buffer_clear(&payload);
	buffer_clear(&message);
	if (says != NULL)
		assert_int_equal(hello_put(says, &payload), OK);
	assert_int_equal(buffer_add(&payload, extra), OK);
	assert_int_equal(noise_write(&n, buffer_bytes(&payload), &message), OK);
	put_u16(length, (uint16_t)message.len);
	in = bytes_of(length, 2);
	assert_int_equal(take_bytes(w, &w->bob, &in), CHANNEL_GOT_NOTHING);
	in = buffer_bytes(&message);
	enum channel_got got = take_bytes(w, &w->bob, &in);
	buffer_fini(&payload);
	buffer_fini(&message);
	if (got == CHANNEL_GOT_OPEN)
		return OK;
	assert_int_equal(got, CHANNEL_GOT_ERROR);
	return w->bob.err;
}

static struct hello true_hello(const struct world *w)
{
	struct hello h = hello_of(7, 1, 8080);

	memcpy(h.key, w->alice_identity.public_key, sizeof(h.key));
	strcpy(h.cluster, "blue");
	h.version_min = h.version_max = 1;
	return h;
}

static void a_hello_must_be_true_and_fitting(void **state)
{
	struct world *w = *state;
	struct hello h = true_hello(w);

	assert_int_equal(refused_hello(w, &h, (struct bytes){0}), OK);

	memcpy(h.key, w->bob_identity.public_key, sizeof(h.key));
	assert_int_equal(refused_hello(w, &h, (struct bytes){0}), ERR_FORGED);
	memset(h.key, 0, sizeof(h.key));
	assert_int_equal(refused_hello(w, &h, (struct bytes){0}), ERR_FORGED);

	h = true_hello(w);
	strcpy(h.cluster, "green");
	assert_int_equal(refused_hello(w, &h, (struct bytes){0}), ERR_FOREIGN);

	h = true_hello(w);
	h.version_min = h.version_max = 2;
	assert_int_equal(refused_hello(w, &h, (struct bytes){0}), ERR_VERSION);
	h.version_min = 1;
	assert_int_equal(refused_hello(w, &h, (struct bytes){0}), OK);
	assert_int_equal(w->bob.version, 1);
	h.version_min = h.version_max = 0;
	assert_int_equal(refused_hello(w, &h, (struct bytes){0}), ERR_VERSION);

	h = true_hello(w);
	h.purpose = PURPOSE_LOCAL;
	assert_int_equal(refused_hello(w, &h, (struct bytes){0}), ERR_MALFORMED);
	h.purpose = 0;
	assert_int_equal(refused_hello(w, &h, (struct bytes){0}), ERR_MALFORMED);

	h = true_hello(w);
	assert_int_equal(refused_hello(w, &h, BYTES("\xc0")), ERR_MALFORMED);
	assert_int_not_equal(refused_hello(w, NULL, (struct bytes){0}), OK);
	assert_int_not_equal(refused_hello(w, NULL, BYTES("\xdd\xff\xff\xff\xff")), OK);
}

static void records_reordered_repeated_cut_or_changed_are_refused(void **state)
{
	struct world *w = *state;
	struct buffer first, second;

	buffer_init(&first, 1024);
	buffer_init(&second, 1024);
	for (unsigned how = 0; how < 4; how++) {
		buffer_clear(&first);
		buffer_clear(&second);
		open_both(w);
		send(&w->alice, &first, 1, BYTES("first"));
		send(&w->alice, &second, 2, BYTES("second"));
		struct bytes in = how == 0 ? buffer_bytes(&second) : buffer_bytes(&first);
		if (how == 1) {
			assert_int_equal(take_bytes(w, &w->bob, &in), CHANNEL_GOT_FRAME);
			in = buffer_bytes(&first); /* again */
		} else if (how == 2) {
			put_u16(first.at, (uint16_t)(get_u16(first.at) - 1));
		} else if (how == 3) {
			first.at[9] ^= 1;
		}
		assert_int_equal(take_bytes(w, &w->bob, &in), CHANNEL_GOT_ERROR);
		assert_int_equal(w->bob.err, ERR_FORGED);
		in = buffer_bytes(&second);
		assert_int_equal(take_bytes(w, &w->bob, &in), CHANNEL_GOT_ERROR);
	}
	buffer_fini(&first);
	buffer_fini(&second);
}

static void a_record_without_a_tag_is_refused(void **state)
{
	struct world *w = *state;
	static const uint8_t record[] = {3, 0, 1, 2, 3};
	struct bytes in = bytes_of(record, sizeof(record));

	open_both(w);
	assert_int_equal(take_bytes(w, &w->bob, &in), CHANNEL_GOT_ERROR);
	assert_int_equal(w->bob.err, ERR_MALFORMED);
}

static void each_side_knows_who_the_other_is(void **state)
{
	struct world *w = *state;

	open_both(w);
	assert_true(id_same(w->alice.theirs.id, w->bob_identity.id));
	assert_true(id_same(w->bob.theirs.id, w->alice_identity.id));
	assert_int_equal(w->bob.theirs.purpose, PURPOSE_RPC);
	assert_int_equal(w->bob.theirs.boot, 7);
	assert_int_equal(w->bob.theirs.port, 8080);
	assert_int_equal(w->bob.theirs.roles, 1);
	assert_int_equal(w->alice.theirs.roles, 2);
	assert_int_equal(w->alice.theirs.store.b[0], 0x57);
	assert_int_equal(w->alice.theirs.epoch.term, 17);
	assert_int_equal(w->alice.theirs.epoch.generation, 2);
	assert_int_equal(w->alice.version, 1);
	assert_null(w->alice.handshake);
	assert_null(w->bob.handshake);
}

static void an_older_key_still_installed_gets_in_and_is_named(void **state)
{
	struct world *w = *state;
	struct keyring next;

	make_ring(&next, "blue", 0x33);
	w->bob_ring.key[1] = w->bob_ring.key[0];
	w->bob_ring.key[0] = next.key[0];
	w->bob_ring.count = 2;
	open_both(w);
	assert_true(w->bob.older_key);
	assert_false(w->alice.older_key);
}

static void a_frame_of_the_limit_passes_and_one_byte_more_does_not(void **state)
{
	struct world *w = *state;
	uint8_t *body = calloc(1, FRAME_MAX + 1);
	struct frame f = {.type = FRAME_STORE, .body = bytes_of(body, FRAME_MAX + 1)};

	randombytes_buf_deterministic(body, FRAME_MAX + 1, bob_ephemeral);
	open_both(w);
	assert_int_equal(channel_send(&w->alice, &f, &w->to_bob), ERR_TOO_BIG);
	assert_int_equal(w->to_bob.len, 0);

	f.body.len = FRAME_MAX;
	assert_int_equal(channel_send(&w->alice, &f, &w->to_bob), OK);
	send(&w->alice, &w->to_bob, 2, BYTES("after"));
	assert_int_equal(take(w, &w->bob), CHANNEL_GOT_FRAME);
	assert_int_equal(w->frame.type, FRAME_STORE);
	assert_true(bytes_same(w->frame.body, f.body));
	assert_int_equal(take(w, &w->bob), CHANNEL_GOT_FRAME);
	assert_true(bytes_same(w->frame.body, BYTES("after")));
	assert_int_equal(take(w, &w->bob), CHANNEL_GOT_NOTHING);
	assert_true(w->bob.record.room <= 4096);
	assert_true(w->bob.frames.held.room <= 16384);
	free(body);
}

static void a_full_buffer_leaves_the_channel_as_it_was(void **state)
{
	struct world *w = *state;
	struct buffer small;
	struct frame f = {.type = FRAME_CALL, .body = BYTES("too much for it")};

	open_both(w);
	buffer_init(&small, 16);
	assert_int_equal(channel_send(&w->alice, &f, &small), ERR_FULL);
	assert_int_equal(small.len, 0);
	buffer_fini(&small);
	send(&w->alice, &w->to_bob, 1, BYTES("still in step"));
	assert_int_equal(take(w, &w->bob), CHANNEL_GOT_FRAME);
}

static void bytes_may_come_one_by_one(void **state)
{
	struct world *w = *state;
	unsigned frames = 0, opens = 0;

	dial(w);
	accept(w);
	for (unsigned rounds = 0; rounds < 4; rounds++) {
		for (unsigned side = 0; side < 2; side++) {
			struct channel *c = side ? &w->alice : &w->bob;
			struct buffer *from = side ? &w->to_alice : &w->to_bob;
			while (from->len > 0) {
				uint8_t byte = from->at[0];
				struct bytes in = bytes_of(&byte, 1);
				buffer_skip(from, 1);
				enum channel_got got;
				while ((got = take_bytes(w, c, &in)) != CHANNEL_GOT_NOTHING) {
					assert_int_not_equal(got, CHANNEL_GOT_ERROR);
					frames += got == CHANNEL_GOT_FRAME;
					opens += got == CHANNEL_GOT_OPEN;
				}
			}
		}
		if (rounds == 1) {
			send(&w->alice, &w->to_bob, 1, BYTES("from alice"));
			send(&w->bob, &w->to_alice, 1, BYTES("from bob"));
		}
	}
	assert_int_equal(opens, 2);
	assert_int_equal(frames, 2);
}

static void frames_put_before_come_out_in_order(void **state)
{
	struct world *w = *state;
	struct buffer queue;

	buffer_init(&queue, 1 << 20);
	for (uint64_t i = 0; i < 1000; i++) {
		struct frame f = {.type = FRAME_CALL, .request = i, .body = BYTES("some body")};
		assert_int_equal(frame_put(&f, &queue), OK);
	}
	open_both(w);
	/* Cut anywhere: it is one stream. */
	for (size_t at = 0; at < queue.len; at += 999) {
		size_t len = queue.len - at < 999 ? queue.len - at : 999;
		assert_int_equal(
			channel_send_put(&w->alice, bytes_of(queue.at + at, len), &w->to_bob), OK);
	}
	for (uint64_t i = 0; i < 1000; i++) {
		assert_int_equal(take(w, &w->bob), CHANNEL_GOT_FRAME);
		assert_int_equal(w->frame.request, i);
	}
	buffer_fini(&queue);
}

static void both_sides_change_keys_after_the_same_bytes(void **state)
{
	struct world *w = *state;
	uint8_t before[32];

	open_both(w);
	memcpy(before, w->alice.out.key, sizeof(before));
	w->alice.out.spent = w->bob.in.spent = REKEY_BYTES - 40;
	for (uint64_t i = 0; i < 10; i++) {
		send(&w->alice, &w->to_bob, i, BYTES("seven bytes or more"));
		assert_int_equal(take(w, &w->bob), CHANNEL_GOT_FRAME);
	}
	assert_memory_not_equal(before, w->alice.out.key, sizeof(before));
	assert_memory_equal(w->bob.in.key, w->alice.out.key, sizeof(before));
	assert_int_equal(w->alice.out.spent, w->bob.in.spent);
}

static void the_local_socket_speaks_frames_as_they_are(void **state)
{
	struct world *w = *state;
	struct buffer plain;

	channel_local(&w->alice);
	channel_local(&w->bob);
	send(&w->alice, &w->to_bob, 5, BYTES("status"));
	buffer_init(&plain, 1024);
	struct frame f = {.type = FRAME_CALL, .request = 5, .body = BYTES("status")};
	assert_int_equal(frame_put(&f, &plain), OK);
	assert_true(bytes_same(buffer_bytes(&plain), buffer_bytes(&w->to_bob)));
	buffer_fini(&plain);
	assert_int_equal(take(w, &w->bob), CHANNEL_GOT_FRAME);
	assert_int_equal(w->frame.request, 5);
	assert_int_equal(take(w, &w->bob), CHANNEL_GOT_NOTHING);
}

static void assert_hex(struct bytes got, const char *want)
{
	char *hex = malloc(got.len * 2 + 1);

	sodium_bin2hex(hex, got.len * 2 + 1, got.at, got.len);
	assert_string_equal(hex, want);
	free(hex);
}

/* The bytes of net/README.md. */
static void the_format_is_what_it_was(void **state)
{
	struct world *w = *state;
	struct hello h = true_hello(w);
	struct buffer packed;

	buffer_init(&packed, 1024);
	assert_int_equal(hello_put(&h, &packed), OK);
	assert_hex(buffer_bytes(&packed),
		   "9cc420cecc1507dc1ddd7295951c290888f095adb9044d1b73d696e6df065d68"
		   "3bd4fcc400a4626c75650101c410570000000000000000000000000000000211"
		   "070201cd1f90");
	buffer_fini(&packed);

	dial(w);
	accept(w);
	assert_hex(buffer_bytes(&w->to_bob),
		   "39000173f1531ce1fbb02e47cc27e3a5235e48d69d2c5e922f8c896ea4ca6585"
		   "3649bb28bd3f8caff62a5a4565b2db40c859a326fce53d8df9aa0c");
	assert_int_equal(take(w, &w->bob), CHANNEL_GOT_NOTHING);
	assert_int_equal(take(w, &w->alice), CHANNEL_GOT_OPEN);
	assert_int_equal(take(w, &w->bob), CHANNEL_GOT_OPEN);
	send(&w->alice, &w->to_bob, 1, BYTES("ping"));
	assert_hex(buffer_bytes(&w->to_bob),
		   "210067a4d51a595f6c3e0b98b969ca49c3fba02e69ced641ee9b9ee56b72d93c94b3af");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(another_key_of_our_cluster_fails_at_the_first_message),
		T(another_cluster_fails_at_the_first_message),
		T(a_made_up_first_message_costs_no_answer),
		T(an_unknown_version_fails_at_the_first_byte),
		T(a_long_record_is_refused_before_it_came),
		T(whoever_speaks_before_the_answer_is_refused),
		T(any_changed_bit_of_the_handshake_is_refused),
		T(a_hello_must_be_true_and_fitting),
		T(records_reordered_repeated_cut_or_changed_are_refused),
		T(a_record_without_a_tag_is_refused),
		T(each_side_knows_who_the_other_is),
		T(an_older_key_still_installed_gets_in_and_is_named),
		T(a_frame_of_the_limit_passes_and_one_byte_more_does_not),
		T(a_full_buffer_leaves_the_channel_as_it_was),
		T(bytes_may_come_one_by_one),
		T(frames_put_before_come_out_in_order),
		T(both_sides_change_keys_after_the_same_bytes),
		T(the_local_socket_speaks_frames_as_they_are),
		T(the_format_is_what_it_was),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
