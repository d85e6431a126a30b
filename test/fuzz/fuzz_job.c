/* A job's record, and what clients say about jobs: refused whole, or packed again to the same bytes. */
#include "core/limits.h"
#include "core/must.h"
#include "sched/job_pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define AGAIN(type, name, body)                                                                    \
	do {                                                                                       \
		static struct type first, second;                                                  \
		struct buffer one, two;                                                            \
		buffer_init(&one, FRAME_MAX);                                                      \
		buffer_init(&two, FRAME_MAX);                                                      \
		if (name##_get(body, &first) == OK) {                                              \
			must(name##_put(&first, &one) == OK);                                      \
			must(name##_get(buffer_bytes(&one), &second) == OK);                       \
			must(name##_put(&second, &two) == OK);                                     \
			must(bytes_same(buffer_bytes(&one), buffer_bytes(&two)));                  \
		}                                                                                  \
		buffer_fini(&one);                                                                 \
		buffer_fini(&two);                                                                 \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes body = bytes_of(data, size), name;
	struct submit submit;
	char prefix[ID_TEXT_LEN + 1];

	if (size > FRAME_MAX / 4)
		return 0;
	AGAIN(job, job, body);
	AGAIN(submit, submit, body);
	AGAIN(submitted, submitted, body);
	AGAIN(jobs_ask, jobs_ask, body);
	AGAIN(wait_ask, wait_ask, body);
	AGAIN(job_news, job_news, body);
	AGAIN(key_record, key_record, body);
	AGAIN(worker_record, worker_record, body);
	if (submit_get(body, &submit) == OK) {
		uint64_t made_us;

		(void)submit_check(&submit);
		(void)job_key_time(submit.key, &made_us);
	}
	if (job_name_get(body, prefix) == OK)
		must(prefix[ID_TEXT_LEN] == '\0' || prefix[0]);
	(void)state_key_kind(body, &name);
	return 0;
}
