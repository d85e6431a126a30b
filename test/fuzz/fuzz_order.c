/* The words between director and worker: refused whole, or packed again to the same bytes. */
#include "core/limits.h"
#include "core/must.h"
#include "sched/order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read is packed, read and packed once more: both packings are the same. */
#define AGAIN(word, body)                                                                          \
	do {                                                                                       \
		static struct word first, second;                                                  \
		struct buffer one, two;                                                            \
		buffer_init(&one, FRAME_MAX);                                                      \
		buffer_init(&two, FRAME_MAX);                                                      \
		if (word##_get(body, &first) == OK) {                                              \
			must(word##_put(&first, &one) == OK);                                      \
			must(word##_get(buffer_bytes(&one), &second) == OK);                       \
			must(word##_put(&second, &two) == OK);                                     \
			must(bytes_same(buffer_bytes(&one), buffer_bytes(&two)));                  \
		}                                                                                  \
		buffer_fini(&one);                                                                 \
		buffer_fini(&two);                                                                 \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes body = bytes_of(data, size);

	if (size > FRAME_MAX / 4)
		return 0;
	AGAIN(attach, body);
	AGAIN(attached, body);
	AGAIN(order, body);
	AGAIN(report, body);
	AGAIN(reported, body);
	AGAIN(lease_ask, body);
	AGAIN(lease, body);
	AGAIN(end, body);
	AGAIN(direct, body);
	return 0;
}
