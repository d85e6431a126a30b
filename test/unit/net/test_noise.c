#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "net/noise.h"

#define MESSAGES 5

/* Of github.com/flynn/noise, vectors.txt: all four of this protocol. */
static const char init_static[] =
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
static const char resp_static[] =
	"0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";
static const char init_ephemeral[] =
	"202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";
static const char resp_ephemeral[] =
	"4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60";
static const char preshared_key[] =
	"2176657279736563726574766572797365637265747665727973656372657421";

static const struct vector {
	const char *prologue;
	struct {
		const char *payload;
		const char *sealed;
	} message[MESSAGES];
} vectors[] = {
	/* clang-format off */
	{
		.prologue = "",
		.message = {
			{"",
			 "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254"
			"e89ad728d1b3555e8affba774c455ecf"},
			{"",
			 "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466"
			"def8302a4ce14b6d8679764f5605d198853b8968688d7432e591c0371dbd9c27"
			"1e7509b3366c251d193c2b6173162f24bfb214c9912e36dbc2bebcd0c5a41310"},
			{"",
			 "7ae518aa6a3882fac6b6d6fcd88954cccf404ea1aa2a075d533916de39720ebb"
			"d5a2fc7c5df275e6d9ac02a752f651f67f737345e8c1310db32861d8fb0233f9"},
			{"79656c6c6f777375626d6172696e65",
			 "fd0638db68611323934a1dc1c26175ddc9abfbf887629ce59b4303156bcaa1"},
			{"7375626d6172696e6579656c6c6f77",
			 "3d9c9f74481ef29d381234288ecb1d26afa997692fff8407cbf6da726a5725"},
		},
	},
	{
		.prologue = "",
		.message = {
			{"746573745f6d73675f30",
			 "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254"
			"1fe2db7a97bbe9c0027b7090cb11725f0947318b6d1f1ad08ce7"},
			{"746573745f6d73675f31",
			 "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466"
			"def8302a4ce14b6d8679764f5605d198853b8968688d7432e591c0371dbd9c27"
			"e50840bb3f7e4c87ca8f5414ba3078aa5c032641bc1cdaccd5aa58bfd328b297"
			"2ff47f99ced9a6b7aef3"},
			{"746573745f6d73675f32",
			 "7ae518aa6a3882fac6b6d6fcd88954cccf404ea1aa2a075d533916de39720ebb"
			"186eba1bc5bdad09bcab5739864ca692519efda7f74013ae0602622d1accdeb0"
			"4f261e1eb1ada91b5a00"},
			{"79656c6c6f777375626d6172696e65",
			 "fd0638db68611323934a1dc1c26175ddc9abfbf887629ce59b4303156bcaa1"},
			{"7375626d6172696e6579656c6c6f77",
			 "3d9c9f74481ef29d381234288ecb1d26afa997692fff8407cbf6da726a5725"},
		},
	},
	{
		.prologue = "6e6f74736563726574",
		.message = {
			{"",
			 "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254"
			"daabd705d9da7c80c426df55902fb9cc"},
			{"",
			 "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466"
			"def8302a4ce14b6d8679764f5605d198853b8968688d7432e591c0371dbd9c27"
			"c142d82a45eca7997eeec4e81381209cd1cc75dc52230a6ad5dc90432748d6df"},
			{"",
			 "7ae518aa6a3882fac6b6d6fcd88954cccf404ea1aa2a075d533916de39720ebb"
			"5a679823352dc4b0bbbb47c9dc418fbf6185f09c57410138d19557733bdfd046"},
			{"79656c6c6f777375626d6172696e65",
			 "fd0638db68611323934a1dc1c26175ddc9abfbf887629ce59b4303156bcaa1"},
			{"7375626d6172696e6579656c6c6f77",
			 "3d9c9f74481ef29d381234288ecb1d26afa997692fff8407cbf6da726a5725"},
		},
	},
	{
		.prologue = "6e6f74736563726574",
		.message = {
			{"746573745f6d73675f30",
			 "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254"
			"1fe2db7a97bbe9c0027b1f62071910cfd2266573bb14a7de4342"},
			{"746573745f6d73675f31",
			 "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466"
			"def8302a4ce14b6d8679764f5605d198853b8968688d7432e591c0371dbd9c27"
			"c0e397d4a328006c00af1dc428f95bc55c032641bc1cdaccd5aae41c3d70b1d3"
			"9ac256cf6c07a7430831"},
			{"746573745f6d73675f32",
			 "7ae518aa6a3882fac6b6d6fcd88954cccf404ea1aa2a075d533916de39720ebb"
			"1eaeb854d104e73a1406c7ff4ad6beed519efda7f74013ae060269ba43ed1a29"
			"4c9c44cff50595ad1324"},
			{"79656c6c6f777375626d6172696e65",
			 "fd0638db68611323934a1dc1c26175ddc9abfbf887629ce59b4303156bcaa1"},
			{"7375626d6172696e6579656c6c6f77",
			 "3d9c9f74481ef29d381234288ecb1d26afa997692fff8407cbf6da726a5725"},
		},
	},
	/* clang-format on */
};

static size_t unhex(const char *hex, uint8_t *out, size_t room)
{
	size_t len = 0;

	assert_int_equal(sodium_hex2bin(out, room, hex, strlen(hex), NULL, &len, NULL), 0);
	return len;
}

static struct noise_keys keys_of(const char *secret)
{
	struct noise_keys k;

	unhex(secret, k.secret, sizeof(k.secret));
	assert_int_equal(crypto_scalarmult_curve25519_base(k.public_key, k.secret), 0);
	return k;
}

static void begin(struct noise *n, bool initiator, const char *prologue)
{
	uint8_t text[64], psk[32], ephemeral[32];
	struct noise_keys own = keys_of(initiator ? init_static : resp_static);
	size_t len = unhex(prologue, text, sizeof(text));

	unhex(preshared_key, psk, sizeof(psk));
	unhex(initiator ? init_ephemeral : resp_ephemeral, ephemeral, sizeof(ephemeral));
	noise_init(n, initiator, bytes_of(text, len), psk, &own, ephemeral);
}

static void assert_hex(struct bytes got, const char *want)
{
	char hex[1024];

	assert_true(got.len * 2 < sizeof(hex));
	sodium_bin2hex(hex, sizeof(hex), got.at, got.len);
	assert_string_equal(hex, want);
}

/* One handshake message from one to the other; its bytes and its payload are what the vector says. */
static void pass(struct noise *from, struct noise *to, const char *payload, const char *sealed)
{
	uint8_t plain[64];
	size_t len = unhex(payload, plain, sizeof(plain));
	struct buffer message, got;

	buffer_init(&message, NOISE_MESSAGE_MAX);
	buffer_init(&got, NOISE_MESSAGE_MAX);
	assert_true(noise_is_turn(from));
	assert_false(noise_is_turn(to));
	assert_int_equal(noise_write(from, bytes_of(plain, len), &message), OK);
	assert_hex(buffer_bytes(&message), sealed);
	assert_int_equal(noise_read(to, buffer_bytes(&message), &got), OK);
	assert_true(bytes_same(buffer_bytes(&got), bytes_of(plain, len)));
	buffer_fini(&message);
	buffer_fini(&got);
}

static void pass_sealed(struct noise_cipher *from, struct noise_cipher *to, const char *payload,
			const char *sealed)
{
	uint8_t at[64];
	size_t len = unhex(payload, at, sizeof(at));

	noise_seal(from, at, len, (struct bytes){0});
	assert_hex(bytes_of(at, len + NOISE_TAG), sealed);
	assert_int_equal(noise_open(to, at, len + NOISE_TAG, (struct bytes){0}), OK);
	assert_hex(bytes_of(at, len), payload);
}

static void the_published_vectors_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		struct noise a, b;
		struct noise_cipher a_out, a_in, b_out, b_in;

		begin(&a, true, v->prologue);
		begin(&b, false, v->prologue);
		pass(&a, &b, v->message[0].payload, v->message[0].sealed);
		pass(&b, &a, v->message[1].payload, v->message[1].sealed);
		pass(&a, &b, v->message[2].payload, v->message[2].sealed);
		assert_true(noise_is_done(&a));
		assert_true(noise_is_done(&b));
		assert_memory_equal(a.peer, b.own.public_key, 32);
		assert_memory_equal(b.peer, a.own.public_key, 32);

		noise_split(&a, &a_out, &a_in);
		noise_split(&b, &b_out, &b_in);
		pass_sealed(&a_out, &b_in, v->message[3].payload, v->message[3].sealed);
		pass_sealed(&b_out, &a_in, v->message[4].payload, v->message[4].sealed);
		noise_fini(&a);
		noise_fini(&b);
	}
}

/* By Python's hmac over hashlib.blake2b. */
static void hmac_is_everybodys_hmac(void **state)
{
	uint8_t key[NOISE_HASH], mac[NOISE_HASH];

	(void)state;
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	noise_hmac(key, BYTES("what do ya want "), BYTES("for nothing?"), mac);
	assert_hex(bytes_of(mac, sizeof(mac)),
		   "e33fddf8992f619b8fc74af98a787f16606b9a7f588bda065006ac8c7e6fd3f4"
		   "5ff64fd7ea59c43847f32dd569d7db654d7b77715e7bf2d0fe7afa0f0ec75bc4");
}

static void any_changed_bit_of_a_handshake_is_refused(void **state)
{
	(void)state;
	for (unsigned message = 0; message < 3; message++) {
		uint8_t bytes[256], changed[256];
		size_t len = unhex(vectors[1].message[message].sealed, bytes, sizeof(bytes));

		/* An ephemeral's top bit is no part of the key, but of the transcript: refused all the same. */
		for (size_t bit = 0; bit < len * 8; bit += 5) {
			struct noise a, b;
			struct buffer got, out;

			buffer_init(&got, NOISE_MESSAGE_MAX);
			buffer_init(&out, NOISE_MESSAGE_MAX);
			begin(&a, true, "");
			begin(&b, false, "");
			if (message > 0)
				pass(&a, &b, vectors[1].message[0].payload,
				     vectors[1].message[0].sealed);
			if (message > 1)
				pass(&b, &a, vectors[1].message[1].payload,
				     vectors[1].message[1].sealed);
			else if (message == 1)
				assert_int_equal(noise_write(&b, (struct bytes){0}, &out), OK);
			memcpy(changed, bytes, len);
			changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(
				noise_read(message == 1 ? &a : &b, bytes_of(changed, len), &got),
				ERR_FORGED);
			buffer_fini(&got);
			buffer_fini(&out);
		}
	}
}

static void every_cut_of_a_first_message_is_refused(void **state)
{
	uint8_t bytes[256];
	size_t len = unhex(vectors[1].message[0].sealed, bytes, sizeof(bytes));

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		struct noise b;
		struct buffer got;

		buffer_init(&got, NOISE_MESSAGE_MAX);
		begin(&b, false, "");
		assert_int_equal(noise_read(&b, bytes_of(bytes, cut), &got),
				 cut < 48 ? ERR_SHORT : ERR_FORGED);
		buffer_fini(&got);
	}
}

/* With an all-zero ephemeral the shared secret would be known to everybody. */
static void a_key_of_small_order_is_refused(void **state)
{
	struct noise a;
	struct buffer out, got;
	uint8_t answer[32] = {0}; /* no more: so it is the key that is refused, not what follows */

	(void)state;
	buffer_init(&out, NOISE_MESSAGE_MAX);
	buffer_init(&got, NOISE_MESSAGE_MAX);
	begin(&a, true, "");
	assert_int_equal(noise_write(&a, (struct bytes){0}, &out), OK);
	assert_int_equal(noise_read(&a, bytes_of(answer, sizeof(answer)), &got), ERR_FORGED);
	buffer_fini(&out);
	buffer_fini(&got);
}

static void another_psk_or_prologue_is_refused(void **state)
{
	struct noise a, b, c;
	struct buffer out, got;

	(void)state;
	buffer_init(&out, NOISE_MESSAGE_MAX);
	buffer_init(&got, NOISE_MESSAGE_MAX);
	begin(&a, true, "");
	begin(&b, false, "00");
	begin(&c, false, "");
	c.psk[0] ^= 1;
	assert_int_equal(noise_write(&a, BYTES("x"), &out), OK);
	assert_int_equal(noise_read(&b, buffer_bytes(&out), &got), ERR_FORGED);
	assert_int_equal(noise_read(&c, buffer_bytes(&out), &got), ERR_FORGED);
	assert_int_equal(got.len, 0);
	buffer_fini(&out);
	buffer_fini(&got);
}

static void transport_out_of_order_or_twice_is_refused(void **state)
{
	struct noise_cipher out = {.key = {1}}, in = {.key = {1}};
	uint8_t first[32] = "first", second[32] = "second", copy[32];

	(void)state;
	noise_seal(&out, first, 5, (struct bytes){0});
	noise_seal(&out, second, 6, (struct bytes){0});
	memcpy(copy, second, sizeof(copy));
	assert_int_equal(noise_open(&in, copy, 6 + NOISE_TAG, (struct bytes){0}), ERR_FORGED);
	memcpy(copy, first, sizeof(copy));
	assert_int_equal(noise_open(&in, copy, 5 + NOISE_TAG, (struct bytes){0}), OK);
	memcpy(copy, first, sizeof(copy));
	assert_int_equal(noise_open(&in, copy, 5 + NOISE_TAG, (struct bytes){0}), ERR_FORGED);
	assert_int_equal(noise_open(&in, second, 6 + NOISE_TAG, (struct bytes){0}), OK);
	assert_int_equal(noise_open(&in, second, NOISE_TAG - 1, (struct bytes){0}), ERR_SHORT);
}

static void a_new_key_is_new_and_the_nonce_goes_on(void **state)
{
	struct noise_cipher out = {.key = {1}}, in = {.key = {1}}, old = {.key = {1}};
	uint8_t text[32] = "text", copy[32];

	(void)state;
	out.nonce = in.nonce = old.nonce = 41;
	noise_rekey(&out);
	noise_rekey(&in);
	noise_seal(&out, text, 4, (struct bytes){0});
	memcpy(copy, text, sizeof(copy));
	assert_int_equal(noise_open(&old, copy, 4 + NOISE_TAG, (struct bytes){0}), ERR_FORGED);
	assert_int_equal(noise_open(&in, text, 4 + NOISE_TAG, (struct bytes){0}), OK);
	assert_int_equal(in.nonce, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_changed_bit_of_a_handshake_is_refused),
		cmocka_unit_test(every_cut_of_a_first_message_is_refused),
		cmocka_unit_test(a_key_of_small_order_is_refused),
		cmocka_unit_test(another_psk_or_prologue_is_refused),
		cmocka_unit_test(transport_out_of_order_or_twice_is_refused),
		cmocka_unit_test(the_published_vectors_hold),
		cmocka_unit_test(hmac_is_everybodys_hmac),
		cmocka_unit_test(a_new_key_is_new_and_the_nonce_goes_on),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
