/* A store message from anywhere: what is taken can be put again, and says the same. */
#include <stddef.h>
#include <stdint.h>

#include "core/must.h"
#include "sched/store/raft_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message m, again;
	struct buffer out;
	struct bytes entries;
	enum err err;

	if (message_get(bytes_of(data, size), &m) != OK)
		return 0;
	buffer_init(&out, 4 * FRAME_MAX);
	err = message_put(&m, &out);
	must(err == OK);
	if (m.kind == MESSAGE_APPEND) {
		entries = m.append.entries;
		for (uint32_t i = 0; i < m.append.count; i++) {
			struct entry e = message_entry(&entries, m.append.prev + 1 + i);

			err = message_put_entry(&e, &out);
			must(err == OK);
		}
	}
	err = message_get(buffer_bytes(&out), &again);
	must(err == OK);
	must(again.kind == m.kind);
	must(again.term == m.term);
	buffer_fini(&out);
	return 0;
}
