/* A batch from anywhere: refused whole, or applied whole. */
#include <stddef.h>
#include <stdint.h>

#include "core/must.h"
#include "sched/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes packed = bytes_of(data, size);
	struct kv *kv = kv_open(1 << 16);
	size_t growth;
	enum err checked = batch_check(packed, &growth);
	enum err applied = batch_apply(packed, kv);

	must(applied == checked || applied == ERR_FULL);
	must(applied == OK || kv_count(kv) == 0);
	must(kv_size(kv) <= 1 << 16);
	kv_close(kv);
	return 0;
}
