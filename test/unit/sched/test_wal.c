/* The log on disk: what it gives back after a crash, and what it refuses to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/outbox.h"
#include "sched/store/crc.h"
#include "sched/store/wal.h"

enum { FILES = 64 };

/* A shelf that carries out what a wal asks for at once. */
struct shelf {
	struct {
		char name[64];
		struct buffer bytes;
	} file[FILES];
	struct outbox *outbox;
	struct wal wal;
	struct log log;
};

static struct buffer *shelf_file(struct shelf *s, const char *name, bool make)
{
	for (int i = 0; i < FILES; i++)
		if (strcmp(s->file[i].name, name) == 0)
			return &s->file[i].bytes;
	for (int i = 0; i < FILES && make; i++)
		if (s->file[i].name[0] == '\0') {
			snprintf(s->file[i].name, sizeof(s->file[i].name), "%s", name);
			buffer_init(&s->file[i].bytes, 1 << 24);
			return &s->file[i].bytes;
		}
	return NULL;
}

static enum err shelf_read(void *self, const char *name, struct buffer *out)
{
	struct buffer *f = shelf_file(self, name, false);

	return f == NULL ? ERR_NOT_FOUND : buffer_add(out, buffer_bytes(f));
}

static enum err shelf_list(void *self, const char *directory,
			   void (*each)(void *with, const char *name), void *with)
{
	struct shelf *s = self;

	assert_string_equal(directory, "store");
	for (int i = 0; i < FILES; i++)
		if (s->file[i].name[0] != '\0')
			each(with, s->file[i].name + 6);
	return OK;
}

static void carry_out(struct shelf *s)
{
	for (size_t i = 0; i < outbox_count(s->outbox); i++) {
		const struct effect *e = outbox_at(s->outbox, i);
		struct buffer *f = shelf_file(s, e->disk.file, e->kind == EFFECT_APPEND);

		if (e->kind == EFFECT_APPEND) {
			size_t end = (size_t)e->disk.at + e->disk.body.len;

			if (end > f->len) {
				assert_non_null(buffer_room(f, end - f->len));
				memset(f->at + f->len, 0, end - f->len);
				f->len = end;
			}
			memcpy(f->at + e->disk.at, e->disk.body.at, e->disk.body.len);
		} else if (e->kind == EFFECT_CUT) {
			f->len = (size_t)e->disk.at;
		} else if (e->kind == EFFECT_DROP && f != NULL) {
			for (int k = 0; k < FILES; k++)
				if (&s->file[k].bytes == f)
					s->file[k].name[0] = '\0';
			buffer_fini(f);
		}
	}
	outbox_clear(s->outbox);
}

static void shelf_init(struct shelf *s)
{
	memset(s, 0, sizeof(*s));
	s->outbox = outbox_open();
	wal_init(&s->wal);
	log_init(&s->log);
}

static void shelf_fini(struct shelf *s)
{
	wal_fini(&s->wal);
	log_fini(&s->log);
	outbox_close(s->outbox);
	for (int i = 0; i < FILES; i++)
		if (s->file[i].name[0] != '\0')
			buffer_fini(&s->file[i].bytes);
}

static void flush(struct shelf *s)
{
	while (!wal_flush(&s->wal, 1, s->outbox))
		carry_out(s);
	carry_out(s);
}

static void put(struct shelf *s, uint64_t index, uint64_t term)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "entry %llu of term %llu", (unsigned long long)index,
			   (unsigned long long)term);
	struct entry e = {index, term, ENTRY_BATCH, bytes_of(text, (size_t)len)};

	wal_put_entry(&s->wal, &e);
}

static void make(struct shelf *s)
{
	struct id store = {{1}}, voter = {{2}};

	shelf_init(s);
	wal_make(&s->wal, store, voter);
}

static enum err read_again(struct shelf *s, uint64_t base, uint64_t base_term, char why[200])
{
	struct disk disk = {s, shelf_read, shelf_list};

	why[0] = '\0';
	wal_fini(&s->wal);
	wal_init(&s->wal);
	return wal_read(&s->wal, &disk, &s->log, base, base_term, why);
}

static size_t record_at(struct buffer *f, uint32_t number)
{
	struct wal_record r;
	size_t at = WAL_HEAD_LEN;

	while (number-- > 0) {
		assert_int_equal(wal_record_get(buffer_bytes(f), at, &r), OK);
		at += r.len;
	}
	return at;
}

static void a_bad_record_before_a_later_run_is_corruption(void **state)
{
	char why[200];

	(void)state;
	for (uint32_t bad = 0; bad < 3; bad++) {
		struct shelf s;

		make(&s);
		flush(&s);
		for (uint64_t i = 1; i <= 3; i++) {
			put(&s, i, 1);
			flush(&s);
		}
		s.file[0].bytes.at[record_at(&s.file[0].bytes, bad) + 15] ^= 1;
		assert_int_equal(read_again(&s, 0, 0, why), ERR_CORRUPT);
		assert_non_null(strstr(why, "store/wal-00000001"));
		shelf_fini(&s);
	}
}

static void what_was_read_back_is_synced_before_anything_is_written(void **state)
{
	struct shelf s;
	char why[200];

	(void)state;
	make(&s);
	put(&s, 1, 1);
	flush(&s);
	assert_int_equal(read_again(&s, 0, 0, why), OK);
	put(&s, 2, 1);
	/* Alone, and waited for: else two runs could be torn at once. */
	assert_false(wal_flush(&s.wal, 1, s.outbox));
	assert_int_equal(outbox_count(s.outbox), 1);
	assert_int_equal(outbox_at(s.outbox, 0)->kind, EFFECT_SYNC);
	assert_string_equal(outbox_at(s.outbox, 0)->disk.file, "store/wal-00000001");
	assert_int_equal(outbox_at(s.outbox, 0)->disk.token, 1);
	carry_out(&s);
	/* It found no room: once more the same. */
	wal_repeat(&s.wal, 1, s.outbox);
	assert_int_equal(outbox_count(s.outbox), 1);
	assert_int_equal(outbox_at(s.outbox, 0)->kind, EFFECT_SYNC);
	carry_out(&s);
	/* Once is enough: from now each run is synced before the next. */
	assert_true(wal_flush(&s.wal, 1, s.outbox));
	assert_int_equal(outbox_at(s.outbox, 0)->kind, EFFECT_APPEND);
	carry_out(&s);
	shelf_fini(&s);
}

static void a_torn_last_run_is_cut_wherever_it_tore(void **state)
{
	char why[200];

	(void)state;
	for (uint32_t torn = 3; torn < 6; torn++) {
		struct shelf s;
		size_t at;

		make(&s);
		put(&s, 1, 1);
		flush(&s);
		for (uint64_t i = 2; i <= 4; i++)
			put(&s, i, 1);
		flush(&s);
		at = record_at(&s.file[0].bytes, torn);
		s.file[0].bytes.at[at + 20] ^= 1;
		assert_int_equal(read_again(&s, 0, 0, why), OK);
		assert_int_equal(log_last(&s.log), torn - 2);
		assert_int_equal(s.wal.end, at);
		assert_true(s.wal.cut_due);
		/* What stood after the tear is gone before anything is written there. */
		put(&s, torn - 1, 2);
		flush(&s);
		assert_int_equal(read_again(&s, 0, 0, why), OK);
		assert_int_equal(log_last(&s.log), torn - 1);
		assert_int_equal(log_last_term(&s.log), 2);
		shelf_fini(&s);
	}
}

/* What a file was given ahead, and nothing was written to, is no tear; one byte in it is. */
static void room_set_aside_is_not_cut_but_what_stands_in_it_is(void **state)
{
	char why[200];

	(void)state;
	for (int torn = 0; torn < 2; torn++) {
		struct shelf s;
		struct buffer *file;
		size_t end;

		make(&s);
		put(&s, 1, 1);
		flush(&s);
		file = &s.file[0].bytes;
		end = file->len;
		assert_non_null(buffer_room(file, 1 << 16));
		memset(file->at + end, 0, 1 << 16);
		file->len += 1 << 16;
		if (torn)
			file->at[end + 5000] = 1;
		assert_int_equal(read_again(&s, 0, 0, why), OK);
		assert_int_equal(log_last(&s.log), 1);
		assert_int_equal(s.wal.end, end);
		assert_int_equal(s.wal.cut_due, torn);
		put(&s, 2, 1);
		flush(&s);
		assert_int_equal(read_again(&s, 0, 0, why), OK);
		assert_int_equal(log_last(&s.log), 2);
		shelf_fini(&s);
	}
}

static void a_first_run_that_never_was_is_no_wal(void **state)
{
	struct shelf s;
	char why[200];

	(void)state;
	make(&s);
	put(&s, 1, 1);
	flush(&s);
	s.file[0].bytes.at[3] ^= 1;
	assert_int_equal(read_again(&s, 0, 0, why), OK);
	assert_false(wal_is_made(&s.wal));
	shelf_fini(&s);
}

static void a_head_without_its_state_is_no_wal(void **state)
{
	struct shelf s;
	char why[200];

	(void)state;
	make(&s);
	flush(&s);
	for (size_t at = WAL_HEAD_LEN; at < s.file[0].bytes.len; at++)
		s.file[0].bytes.at[at] = 0;
	assert_int_equal(read_again(&s, 0, 0, why), OK);
	assert_false(wal_is_made(&s.wal));
	shelf_fini(&s);
}

static void a_missing_file_in_the_row_is_corruption(void **state)
{
	struct shelf s;
	char why[200];

	(void)state;
	make(&s);
	s.wal.file_max = 200;
	for (uint64_t i = 1; i <= 12; i++) {
		put(&s, i, 1);
		flush(&s);
	}
	assert_true(s.wal.file >= 3);
	s.file[0].name[0] = '\0';
	buffer_fini(&s.file[0].bytes);
	assert_int_equal(read_again(&s, 0, 0, why), ERR_CORRUPT);
	/* With a snapshot of what was in it, it is not missed. */
	assert_int_equal(read_again(&s, 10, 1, why), OK);
	assert_int_equal(log_last(&s.log), 12);
	shelf_fini(&s);
}

static void a_newer_version_is_refused_by_name(void **state)
{
	struct shelf s;
	char why[200];
	uint8_t *h;

	(void)state;
	make(&s);
	flush(&s);
	h = s.file[0].bytes.at;
	put_u32(h + 8, 2);
	put_u32(h + 60, crc32c(0, bytes_of(h, 60)));
	assert_int_equal(read_again(&s, 0, 0, why), ERR_VERSION);
	assert_non_null(strstr(why, "version 2"));
	shelf_fini(&s);
}

static void what_was_put_comes_back(void **state)
{
	struct shelf s;
	struct id candidate = {{9}};
	char why[200];

	(void)state;
	make(&s);
	s.wal.file_max = 300;
	for (uint64_t i = 1; i <= 20; i++) {
		put(&s, i, 1 + i / 8);
		flush(&s);
	}
	s.wal.state.term = 7;
	s.wal.state.vote = candidate;
	s.wal.state.boot = 3;
	wal_put_state(&s.wal);
	/* A later leader's entries make void what stood from there on, over the edges of files. */
	put(&s, 5, 7);
	put(&s, 6, 7);
	flush(&s);
	assert_int_equal(read_again(&s, 0, 0, why), OK);
	assert_int_equal(log_last(&s.log), 6);
	assert_int_equal(log_term(&s.log, 4), 1);
	assert_int_equal(log_term(&s.log, 5), 7);
	assert_int_equal(s.wal.state.term, 7);
	assert_int_equal(s.wal.state.boot, 3);
	assert_true(id_same(s.wal.state.vote, candidate));
	assert_int_equal(s.wal.voter.b[0], 2);
	shelf_fini(&s);
}

static void what_followed_another_entry_than_the_snapshots_is_void(void **state)
{
	struct shelf s;
	char why[200];

	(void)state;
	make(&s);
	for (uint64_t i = 1; i <= 9; i++)
		put(&s, i, 1);
	flush(&s);
	assert_int_equal(read_again(&s, 6, 2, why), OK);
	assert_int_equal(log_last(&s.log), 6);
	assert_int_equal(log_last_term(&s.log), 2);
	assert_int_equal(read_again(&s, 6, 1, why), OK);
	assert_int_equal(log_last(&s.log), 9);
	shelf_fini(&s);
}

static void the_bytes_are_these(void **state)
{
	static const uint8_t record[] = {
		0x2d, 0, 0, 0, 0xc9, 0x65, 0xb3, 0xbe, 1, 0, 0, 0, 0, /* state, run 0 */
	};
	struct shelf s;

	(void)state;
	assert_int_equal(crc32c(0, BYTES("123456789")), 0xe3069283);
	make(&s);
	flush(&s);
	assert_memory_equal(s.file[0].bytes.at, "witanwal\1\0\0\0\1\0\0\0\1\0", 18);
	assert_memory_equal(s.file[0].bytes.at + WAL_HEAD_LEN, record, 4);
	assert_memory_equal(s.file[0].bytes.at + WAL_HEAD_LEN + 8, record + 8, 5);
	assert_int_equal(get_u32(s.file[0].bytes.at + WAL_HEAD_LEN + 4),
			 crc32c(crc32c(0, bytes_of(record, 4)),
				bytes_of(s.file[0].bytes.at + WAL_HEAD_LEN + 8, 0x2d)));
	assert_int_equal(s.file[0].bytes.len, WAL_HEAD_LEN + 2 * (WAL_RECORD_LEN + 40));
	shelf_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bad_record_before_a_later_run_is_corruption),
		cmocka_unit_test(what_was_read_back_is_synced_before_anything_is_written),
		cmocka_unit_test(a_torn_last_run_is_cut_wherever_it_tore),
		cmocka_unit_test(room_set_aside_is_not_cut_but_what_stands_in_it_is),
		cmocka_unit_test(a_first_run_that_never_was_is_no_wal),
		cmocka_unit_test(a_head_without_its_state_is_no_wal),
		cmocka_unit_test(a_missing_file_in_the_row_is_corruption),
		cmocka_unit_test(a_newer_version_is_refused_by_name),
		cmocka_unit_test(what_was_put_comes_back),
		cmocka_unit_test(what_followed_another_entry_than_the_snapshots_is_void),
		cmocka_unit_test(the_bytes_are_these),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
