/* Datagrams. The input is opened as it came; and, sealed by a node of the cluster, changed by its own first bytes: only
 * the unchanged one may open. */
#include <sodium.h>
#include <stdint.h>
#include <string.h>

#include "core/must.h"
#include "net/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct keyring ring;
static struct seal from, to;

static void begin(void)
{
	static const uint8_t secret[32] = {1}, random[32] = {2};
	static const struct id a = {{1}}, b = {{2}};

	if (ring.count)
		return;
	must(sodium_init() >= 0);
	must(keyring_make(&ring, "fuzz", secret) == OK);
	seal_init(&from, &ring, a, 1, random);
	seal_init(&to, &ring, b, 1, random);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sealed out;
	struct buffer packet;

	begin();
	must(seal_open(&to, VIEW_ALL, bytes_of(data, size), &out) != OK);
	must(seal_open_beacon(&to, bytes_of(data, size), &out) != OK);
	if (size < 4)
		return 0;

	buffer_init(&packet, PACKET_MAX);
	struct bytes body = bytes_of(data + 3, size - 3);
	enum err err = seal_put(&from, VIEW_ALL, body, &packet);
	must((err == OK) == (body.len <= DATAGRAM_BODY_MAX));
	if (err == OK) {
		size_t at = ((size_t)data[0] << 8 | data[1]) % packet.len;
		packet.at[at] ^= data[2];
		err = seal_open(&to, VIEW_ALL, buffer_bytes(&packet), &out);
		must((err == OK) == (data[2] == 0));
		must(err != OK || bytes_same(out.body, body));
	}
	buffer_fini(&packet);
	return 0;
}
