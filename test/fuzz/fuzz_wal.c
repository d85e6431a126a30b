/* One file of the log, damaged in any way: read, cut or refused, and what was read can be written on. The input is the
 * file; when its head's checksum does not hold it is put right, so that the fuzzer gets past it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "sched/store/crc.h"
#include "sched/store/snapshot.h"
#include "sched/store/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err give(void *self, const char *name, struct buffer *out)
{
	(void)name;
	return buffer_add(out, *(const struct bytes *)self);
}

static enum err list(void *self, const char *directory, void (*each)(void *with, const char *name),
		     void *with)
{
	(void)self, (void)directory;
	each(with, "wal-00000001");
	return OK;
}

/* Each record's checksum is put right as far as its lengths lead, when the first byte asks for it. */
static void mend(uint8_t *at, size_t len)
{
	memcpy(at, "witanwal\1\0\0\0\1\0\0\0", 16);
	put_u32(at + 60, crc32c(0, bytes_of(at, 60)));
	for (size_t i = WAL_HEAD_LEN; len - i >= WAL_RECORD_LEN;) {
		size_t body = get_u32(at + i);

		if (body < 5 || body > len - i - 8)
			return;
		put_u32(at + i + 4,
			crc32c(crc32c(0, bytes_of(at + i, 4)), bytes_of(at + i + 8, body)));
		i += 8 + body;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);
	struct bytes file = bytes_of(copy, size);
	struct disk disk = {&file, give, list};
	struct snapshot_reader reader;
	struct wal w;
	struct log log;
	char why[200] = "";

	must(copy != NULL);
	memcpy(copy, data, size);
	if (size > WAL_HEAD_LEN && data[0] != 'w')
		mend(copy, size);
	wal_init(&w);
	log_init(&log);
	if (wal_read(&w, &disk, &log, size % 3, size % 3, why) == OK)
		must(log.base == size % 3);
	else
		must(why[0] != '\0');
	wal_fini(&w);
	log_fini(&log);

	snapshot_reader_init(&reader, NULL);
	if (snapshot_read(&reader, file) == OK)
		must(!reader.ended || reader.begun);
	snapshot_reader_fini(&reader);
	free(copy);
	return 0;
}
