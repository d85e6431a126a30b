/* A channel on whose wire somebody writes. The first byte says how far the handshake goes before the input comes, the
 * second how it is cut; in the last case the input is what an authenticated peer says: plain stream, so frames. */
#include <sodium.h>
#include <stdint.h>
#include <string.h>

#include "core/must.h"
#include "net/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct identity me;
static struct keyring ring;
static struct channel_self self;

static void begin(void)
{
	static const uint8_t seed[32] = {1};

	if (ring.count)
		return;
	must(sodium_init() >= 0);
	identity_make(&me, seed);
	must(keyring_make(&ring, "fuzz", seed) == OK);
	must(channel_self_init(&self, &me, &ring) == OK);
}

static enum channel_got take_all(struct channel *c, struct bytes in, struct buffer *out)
{
	struct frame frame;
	enum channel_got got;

	while ((got = channel_take(c, &in, out, &frame)) == CHANNEL_GOT_FRAME ||
	       got == CHANNEL_GOT_OPEN)
		must(c->state == CHANNEL_OPEN);
	must(got == CHANNEL_GOT_ERROR || in.len == 0);
	return got;
}

static void feed(struct channel *c, struct bytes in, size_t step, struct buffer *out)
{
	for (size_t at = 0; at < in.len; at += step) {
		size_t len = in.len - at < step ? in.len - at : step;
		if (take_all(c, bytes_of(in.at + at, len), out) == CHANNEL_GOT_ERROR)
			break;
		must(c->state == CHANNEL_OPEN || c->record.room <= 2 * CHANNEL_HANDSHAKE_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t one[32] = {1}, two[32] = {2};
	struct hello ours = {.roles = 3, .purpose = PURPOSE_RPC};
	struct channel a = {0}, b = {0};
	struct buffer to_a, to_b;

	begin();
	if (size < 2)
		return 0;
	unsigned how = data[0] % 5;
	size_t step = 1u + data[1];
	struct bytes in = bytes_of(data + 2, size - 2);

	struct hello theirs;
	enum err err = hello_get(in, &theirs);
	must(err != OK || id_same(theirs.id, id_of_key(theirs.key)));

	buffer_init(&to_a, 1 << 20);
	buffer_init(&to_b, 4 << 20);
	must(channel_dial(&a, &self, &ours, one, &to_b) == OK);
	must(channel_accept(&b, &self, &ours, two) == OK);
	if (how >= 1)
		take_all(&b, buffer_bytes(&to_b), &to_a);
	buffer_clear(&to_b);
	if (how >= 3)
		take_all(&a, buffer_bytes(&to_a), &to_b);
	if (how >= 4) {
		take_all(&b, buffer_bytes(&to_b), &to_a);
		must(b.state == CHANNEL_OPEN);
		buffer_clear(&to_b);
		must(channel_send_put(&a, in, &to_b) == OK);
		feed(&b, buffer_bytes(&to_b), step, &to_a);
	} else {
		feed(how == 2 ? &a : &b, in, step, how == 2 ? &to_b : &to_a);
	}
	channel_fini(&a);
	channel_fini(&b);
	buffer_fini(&to_a);
	buffer_fini(&to_b);
	return 0;
}
