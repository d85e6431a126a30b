/* Beacons: whatever opens is decoded whole or refused whole; what was taken can be put and got again. */
#include "core/must.h"
#include "discovery/beacon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct beacon first, again;
	struct buffer b;

	if (beacon_get(bytes_of(data, size), &first) != OK)
		return 0;
	must(first.addr.port != 0);
	buffer_init(&b, BEACON_MAX_LEN);
	must(beacon_put(&first, &b) == OK);
	must(beacon_get(buffer_bytes(&b), &again) == OK);
	must(addr_same(first.addr, again.addr));
	must(first.roles == again.roles);
	must(first.alone == again.alone);
	buffer_fini(&b);
	return 0;
}
