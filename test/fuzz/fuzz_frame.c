/* The reader of frames, fed in pieces: the first byte says how long they are. Whole frames are the same however the
 * bytes are cut, and what is held stays within one frame. */
#include <stdint.h>
#include <stdlib.h>

#include "core/must.h"
#include "net/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	uint64_t frames;
	uint64_t sum;
	enum err err;
};

static struct outcome read_all(const uint8_t *data, size_t size, size_t step)
{
	struct outcome o = {0};
	struct frames f;
	struct frame frame;

	frames_init(&f);
	for (size_t at = 0; at < size && (o.err == OK || o.err == ERR_SHORT); at += step) {
		struct bytes in = bytes_of(data + at, size - at < step ? size - at : step);
		while ((o.err = frames_next(&f, &in, &frame)) == OK) {
			o.frames++;
			o.sum = o.sum * 31 + frame.type + frame.request + frame.body.len;
			for (size_t i = 0; i < frame.body.len; i++)
				o.sum = o.sum * 31 + frame.body.at[i];
		}
		must(o.err == ERR_SHORT || o.err == ERR_TOO_BIG);
		must(f.held.room <= FRAME_HEAD + FRAME_MAX);
		must(f.held.room <= 64 + 2 * size); /* never by a promise */
	}
	frames_fini(&f);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct outcome whole = read_all(data + 1, size - 1, size - 1);
	struct outcome cut = read_all(data + 1, size - 1, 1u + data[0]);

	must(whole.frames == cut.frames);
	must(whole.sum == cut.sum);
	must(whole.err == cut.err);
	return 0;
}
