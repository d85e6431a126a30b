/* What an agent or a keeper may be sent: read whole or refused; what was read can be written and read again. */
#include <stdint.h>
#include <string.h>

#include "core/must.h"
#include "sched/keeper_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes body;
	size_t used;
	struct keeper_said said, again;
	struct buffer out;

	if (keeper_unframe(bytes_of(data, size), &body, &used) == OK) {
		must(used <= size);
		must(body.len == used - 4);
	}
	if (keeper_get(bytes_of(data, size), &said) != OK)
		return 0;
	buffer_init(&out, KEEPER_FRAME_MAX);
	if (keeper_put(&said, &out) == OK) {
		must(keeper_get(buffer_bytes(&out), &again) == OK);
		must(again.word == said.word);
	}
	buffer_fini(&out);
	return 0;
}
