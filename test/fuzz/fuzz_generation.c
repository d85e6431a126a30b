/* A generation's record from anywhere: what is taken can be put again, and says the same. */
#include <stddef.h>
#include <stdint.h>

#include "core/must.h"
#include "sched/store/generation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct generation g, again;
	struct buffer out;
	enum err err;

	if (generation_get(bytes_of(data, size), &g) != OK)
		return 0;
	buffer_init(&out, FRAME_MAX);
	err = generation_put(&g, &out);
	must(err == OK);
	err = generation_get(buffer_bytes(&out), &again);
	must(err == OK);
	must(generation_relation(&g, &again) == RELATION_SAME);
	must(generation_mark(&g) == generation_mark(&again));
	must(again.ancestors == g.ancestors && again.voters.count == g.voters.count);
	must(!generation_outlived(&g, g.store, generation_mark(&g)));
	for (uint32_t i = 0; i < g.ancestors; i++)
		must(generation_is_ancestor(&g, g.ancestor[i]));
	(void)generation_text(&g);
	buffer_fini(&out);
	return 0;
}
