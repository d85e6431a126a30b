#include "test/unit/net/world_uv.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/outbox.h"
#include "net/disk_uv.h"

struct room {
	struct world *w;
	char path[64];
	struct shelf shelf;
	struct disk_door *disk;
	struct outbox *outbox;
};

static int room_open(void **state)
{
	struct room *r = calloc(1, sizeof *r);
	char why[SHELF_WHY_MAX];

	assert_non_null(r);
	r->w = world_open();
	strcpy(r->path, "/tmp/witan-disk-XXXXXX");
	assert_non_null(mkdtemp(r->path));
	assert_int_equal(shelf_open(&r->shelf, r->path, why), OK);
	r->disk = disk_open(&r->w->loop, &r->shelf, world_sink(r->w));
	r->outbox = outbox_open();
	*state = r;
	return 0;
}

static int forget(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

static void room_idle(struct room *r)
{
	while (disk_busy(r->disk)) {
		assert_false(r->w->late);
		uv_run(&r->w->loop, UV_RUN_ONCE);
	}
}

static int room_close(void **state)
{
	struct room *r = *state;

	room_idle(r);
	disk_close(r->disk);
	world_close(r->w);
	shelf_close(&r->shelf);
	outbox_close(r->outbox);
	assert_int_equal(nftw(r->path, forget, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(r);
	return 0;
}

/* Carries out what is in the outbox, as one turn. */
static void room_turn(struct room *r)
{
	for (size_t i = 0; i < outbox_count(r->outbox); i++)
		disk_effect(r->disk, outbox_at(r->outbox, i));
	disk_flush(r->disk);
	outbox_clear(r->outbox);
}

static enum err room_done(struct room *r, uint64_t token)
{
	for (uint32_t i = 0;; i++) {
		struct event *e = world_until(r->w, EVENT_DISK, i);

		i = (uint32_t)(e - r->w->event);
		if (e->disk.token == token)
			return e->disk.err;
	}
}

static void room_holds(struct room *r, const char *file, const char *text)
{
	struct disk disk = shelf_disk(&r->shelf);
	struct buffer b;

	buffer_init(&b, 1 << 20);
	assert_int_equal(disk.read(disk.self, file, &b), OK);
	assert_int_equal(b.len, strlen(text));
	assert_memory_equal(b.at, text, b.len);
	buffer_fini(&b);
}

static void room_lacks(struct room *r, const char *file)
{
	struct disk disk = shelf_disk(&r->shelf);
	struct buffer b;

	buffer_init(&b, 1 << 20);
	assert_int_equal(disk.read(disk.self, file, &b), ERR_NOT_FOUND);
	buffer_fini(&b);
}

/* Refusals. */

static void names_that_lead_elsewhere_are_no_names(void **state)
{
	(void)state;
	assert_true(shelf_name_ok("store/wal-1"));
	assert_true(shelf_name_ok("boot"));
	assert_false(shelf_name_ok(""));
	assert_false(shelf_name_ok("/etc/passwd"));
	assert_false(shelf_name_ok("store/../../x"));
	assert_false(shelf_name_ok("store//x"));
	assert_false(shelf_name_ok("store/"));
	assert_false(shelf_name_ok("./x"));
	assert_false(shelf_name_ok(".x.new"));
}

static void a_second_node_is_told_who_holds_the_directory(void **state)
{
	struct room *r = *state;
	struct shelf second;
	char why[SHELF_WHY_MAX];
	char expected[SHELF_WHY_MAX];

	snprintf(expected, sizeof expected, "data directory %s is in use by process %d", r->path,
		 (int)getpid());
	assert_int_equal(shelf_open(&second, r->path, why), ERR_EXISTS);
	assert_string_equal(why, expected);
}

static void a_symbolic_link_is_not_followed(void **state)
{
	struct room *r = *state;
	char link[128];

	snprintf(link, sizeof link, "%s/spool", r->path);
	assert_int_equal(symlink("/tmp", link), 0);
	outbox_put(r->outbox, "spool/witan-was-led-astray", BYTES("x"), 1);
	outbox_append(r->outbox, "spool/witan-was-led-astray", 0, BYTES("x"), 0);
	outbox_sync(r->outbox, "spool/witan-was-led-astray", 2);
	room_turn(r);
	assert_int_not_equal(room_done(r, 1), OK);
	assert_int_not_equal(room_done(r, 2), OK);
	assert_int_not_equal(access("/tmp/witan-was-led-astray", F_OK), 0);
	assert_int_equal(unlink(link), 0);
}

static void a_sync_of_nothing_fails(void **state)
{
	struct room *r = *state;

	outbox_sync(r->outbox, "store/none", 7);
	room_turn(r);
	assert_int_equal(room_done(r, 7), ERR_NOT_FOUND);
}

/* A limit on file sizes stands for a full disk: it fails the same way, at a place we choose. */
static void what_found_no_room_is_never_called_safe(void **state)
{
	struct room *r = *state;
	struct rlimit before, small;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 8;
	outbox_append(r->outbox, "store/wal", 0, BYTES("12345678"), 0);
	outbox_sync(r->outbox, "store/wal", 1);
	room_turn(r);
	assert_int_equal(room_done(r, 1), OK);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	outbox_append(r->outbox, "store/wal", 8, BYTES("lost"), 0);
	outbox_sync(r->outbox, "store/wal", 2);
	room_turn(r);
	assert_int_equal(room_done(r, 2), ERR_NO_SPACE);

	/* There is room again, but what follows the lost bytes must not be called safe. */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	outbox_append(r->outbox, "store/wal", 12, BYTES("after"), 0);
	outbox_sync(r->outbox, "store/wal", 3);
	room_turn(r);
	assert_int_equal(room_done(r, 3), ERR_NO_SPACE);
	room_holds(r, "store/wal", "12345678");

	/* Written again, it is. */
	outbox_append(r->outbox, "store/wal", 8, BYTES("found"), 0);
	outbox_sync(r->outbox, "store/wal", 4);
	room_turn(r);
	assert_int_equal(room_done(r, 4), OK);
	room_holds(r, "store/wal", "12345678found");
}

/* What works. */

static void appends_are_there_after_a_sync(void **state)
{
	struct room *r = *state;

	outbox_append(r->outbox, "store/deep/er/wal-1", 0, BYTES("one "), 0);
	outbox_append(r->outbox, "store/deep/er/wal-1", 4, BYTES("two"), 0);
	outbox_sync(r->outbox, "store/deep/er/wal-1", 5);
	room_turn(r);
	assert_int_equal(room_done(r, 5), OK);
	room_holds(r, "store/deep/er/wal-1", "one two");
}

static struct stat room_stat(struct room *r, const char *file)
{
	struct stat st;

	assert_int_equal(fstatat(r->shelf.root, file, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

static void begin_file(struct room *r, const char *file, uint32_t reserve)
{
	outbox_append(r->outbox, file, 0, BYTES("x"), reserve);
	outbox_sync(r->outbox, file, 5);
	room_turn(r);
	assert_int_equal(room_done(r, 5), OK);
	room_idle(r);
	r->w->count = 0;
}

static void room_that_is_set_aside_is_there_and_zero(void **state)
{
	struct room *r = *state;
	struct disk disk = shelf_disk(&r->shelf);
	struct buffer b;

	begin_file(r, "store/wal-1", 1 << 20);
	assert_true(room_stat(r, "store/wal-1").st_blocks * 512 >= 1 << 20);
	buffer_init(&b, 2 << 20);
	assert_int_equal(disk.read(disk.self, "store/wal-1", &b), OK);
	assert_int_equal(b.len, 1 << 20);
	assert_int_equal(b.at[0], 'x');
	for (size_t i = 1; i < b.len; i++)
		assert_int_equal(b.at[i], 0);
	buffer_fini(&b);
}

static void a_spare_of_another_size_is_not_taken(void **state)
{
	struct room *r = *state;

	begin_file(r, "store/wal-1", 1 << 20);
	assert_int_equal(room_stat(r, "store/.spare").st_size, 1 << 20);
	begin_file(r, "store/wal-2", 2 << 20);
	assert_int_equal(room_stat(r, "store/wal-2").st_size, 2 << 20);
	assert_int_equal(room_stat(r, "store/.spare").st_size, 2 << 20);
}

static void the_next_file_takes_the_spares_place(void **state)
{
	struct room *r = *state;
	ino_t spare;

	begin_file(r, "store/wal-1", 1 << 20);
	spare = room_stat(r, "store/.spare").st_ino;
	assert_int_equal(room_stat(r, "store/.spare").st_size, 1 << 20);
	begin_file(r, "store/wal-2", 1 << 20);
	assert_true(room_stat(r, "store/wal-2").st_ino == spare);
	assert_true(room_stat(r, "store/.spare").st_ino != spare);
}

static void syncs_that_belong_together_are_all_answered(void **state)
{
	struct room *r = *state;

	for (uint64_t i = 0; i < 100; i++) {
		outbox_append(r->outbox, "store/wal", i, BYTES("."), 0);
		outbox_sync(r->outbox, "store/wal", i + 1);
	}
	room_turn(r);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(room_done(r, i + 1), OK);
	assert_int_equal(world_count(r->w, EVENT_DISK), 100);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(r->w->event[i].disk.token, i + 1);
}

static void a_put_replaces_the_whole_file(void **state)
{
	struct room *r = *state;

	outbox_put(r->outbox, "spool/a/order", BYTES("a long first version"), 1);
	outbox_put(r->outbox, "spool/a/order", BYTES("second"), 2);
	outbox_put(r->outbox, "top", BYTES(""), 3);
	room_turn(r);
	assert_int_equal(room_done(r, 1), OK);
	assert_int_equal(room_done(r, 2), OK);
	assert_int_equal(room_done(r, 3), OK);
	room_holds(r, "spool/a/order", "second");
	room_holds(r, "top", "");
}

static void a_cut_file_ends_there(void **state)
{
	struct room *r = *state;

	outbox_append(r->outbox, "store/wal", 0, BYTES("good torn"), 0);
	outbox_cut(r->outbox, "store/wal", 4, 1);
	outbox_append(r->outbox, "store/wal", 4, BYTES(" again"), 0);
	outbox_sync(r->outbox, "store/wal", 2);
	room_turn(r);
	assert_int_equal(room_done(r, 1), OK);
	assert_int_equal(room_done(r, 2), OK);
	room_holds(r, "store/wal", "good again");
}

static void a_dropped_directory_goes_with_all_in_it(void **state)
{
	struct room *r = *state;

	outbox_put(r->outbox, "spool/a/order", BYTES("x"), 0);
	outbox_put(r->outbox, "spool/a/work/er/file", BYTES("x"), 0);
	outbox_put(r->outbox, "spool/b", BYTES("stays"), 0);
	outbox_append(r->outbox, "spool/a/out", 0, BYTES("x"), 0);
	outbox_drop(r->outbox, "spool/a", 1);
	outbox_drop(r->outbox, "spool/never", 2);
	room_turn(r);
	assert_int_equal(room_done(r, 1), OK);
	assert_int_equal(room_done(r, 2), OK);
	room_lacks(r, "spool/a/order");
	room_lacks(r, "spool/a/work/er/file");
	room_holds(r, "spool/b", "stays");
	/* The name can be used again at once, and is a new file. */
	outbox_append(r->outbox, "spool/a/out", 0, BYTES("new"), 0);
	outbox_sync(r->outbox, "spool/a/out", 3);
	room_turn(r);
	assert_int_equal(room_done(r, 3), OK);
	room_holds(r, "spool/a/out", "new");
}

static void what_is_moved_has_the_new_name_and_the_old_one_is_free(void **state)
{
	struct room *r = *state;

	outbox_append(r->outbox, "store/wal", 0, BYTES("old"), 0);
	outbox_sync(r->outbox, "store/wal", 1);
	outbox_move(r->outbox, "store", "store-aside", 2);
	outbox_append(r->outbox, "store/wal", 0, BYTES("new"), 0);
	outbox_sync(r->outbox, "store/wal", 3);
	outbox_move(r->outbox, "store", "store-aside", 4); /* has that name already */
	outbox_move(r->outbox, "store/never", "store/more", 5);
	room_turn(r);
	assert_int_equal(room_done(r, 1), OK);
	assert_int_equal(room_done(r, 2), OK);
	assert_int_equal(room_done(r, 3), OK);
	assert_int_equal(room_done(r, 4), ERR_EXISTS);
	assert_int_equal(room_done(r, 5), OK);
	room_holds(r, "store-aside/wal", "old");
	room_holds(r, "store/wal", "new");
}

static void a_tree_deeper_than_our_open_files_is_removed_too(void **state)
{
	struct room *r = *state;
	char path[128];
	int here;

	outbox_put(r->outbox, "spool/a/order", BYTES("x"), 1);
	room_turn(r);
	assert_int_equal(room_done(r, 1), OK);
	snprintf(path, sizeof path, "%s/spool/a", r->path);
	here = open(path, O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(mkdirat(here, "d", 0700), 0);
		int next = openat(here, "d", O_RDONLY | O_DIRECTORY);
		close(here);
		here = next;
	}
	close(here);
	outbox_drop(r->outbox, "spool/a", 2);
	room_turn(r);
	assert_int_equal(room_done(r, 2), OK);
	snprintf(path, sizeof path, "%s/spool", r->path);
	assert_int_equal(rmdir(path), 0); /* nothing was left in it */
}

static void a_read_sees_what_was_asked_before_it(void **state)
{
	struct room *r = *state;

	outbox_append(r->outbox, "spool/out", 0, BYTES("0123456789"), 0);
	outbox_read(r->outbox, "spool/out", 2, 3, 1);
	outbox_read(r->outbox, "spool/out", 8, 100, 2);
	outbox_read(r->outbox, "spool/out", 50, 1, 3);
	outbox_read(r->outbox, "spool/none", 0, 1, 4);
	room_turn(r);
	while (world_count(r->w, EVENT_READ) < 4)
		world_until(r->w, EVENT_READ, r->w->count);
	assert_true(bytes_same(r->w->event[0].read.body, BYTES("234")));
	assert_true(bytes_same(r->w->event[1].read.body, BYTES("89")));
	assert_int_equal(r->w->event[2].read.err, OK);
	assert_int_equal(r->w->event[2].read.body.len, 0);
	assert_int_equal(r->w->event[3].read.err, ERR_NOT_FOUND);
}

struct names {
	char text[256];
};

static void each_name(void *with, const char *name)
{
	struct names *n = with;

	strcat(n->text, name);
	strcat(n->text, " ");
}

static void a_listing_is_in_byte_order_and_shows_no_leftovers(void **state)
{
	struct room *r = *state;
	struct disk disk = shelf_disk(&r->shelf);
	struct names names = {""};

	outbox_put(r->outbox, "store/b", BYTES("x"), 0);
	outbox_put(r->outbox, "store/a", BYTES("x"), 0);
	outbox_put(r->outbox, "store/B", BYTES("x"), 1);
	room_turn(r);
	assert_int_equal(room_done(r, 1), OK);
	int left = openat(r->shelf.root, "store/.c.new", O_CREAT | O_WRONLY, 0600);
	assert_true(left >= 0);
	close(left);
	assert_int_equal(disk.list(disk.self, "store", each_name, &names), OK);
	assert_string_equal(names.text, "B a b ");
	assert_int_equal(disk.list(disk.self, "none", each_name, &names), OK);
	assert_string_equal(names.text, "B a b ");
}

static void a_start_sweeps_what_a_crash_left(void **state)
{
	struct room *r = *state;
	char why[SHELF_WHY_MAX];

	outbox_put(r->outbox, "spool/a/order", BYTES("x"), 1);
	room_turn(r);
	assert_int_equal(room_done(r, 1), OK);
	assert_int_equal(renameat(r->shelf.root, "spool/a", r->shelf.root, "spool/.a.old"), 0);
	int hidden = openat(r->shelf.root, "spool/.profile", O_CREAT | O_WRONLY, 0600);
	assert_true(hidden >= 0);
	close(hidden);
	shelf_close(&r->shelf);
	assert_int_equal(shelf_open(&r->shelf, r->path, why), OK);
	assert_int_equal(faccessat(r->shelf.root, "spool/.a.old", F_OK, 0), -1);
	assert_int_equal(faccessat(r->shelf.root, "spool/.profile", F_OK, 0), 0);
}

#define in_a_room(test) cmocka_unit_test_setup_teardown(test, room_open, room_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_lead_elsewhere_are_no_names),
		in_a_room(a_second_node_is_told_who_holds_the_directory),
		in_a_room(a_symbolic_link_is_not_followed),
		in_a_room(a_sync_of_nothing_fails),
		in_a_room(what_found_no_room_is_never_called_safe),
		in_a_room(appends_are_there_after_a_sync),
		in_a_room(room_that_is_set_aside_is_there_and_zero),
		in_a_room(a_spare_of_another_size_is_not_taken),
		in_a_room(the_next_file_takes_the_spares_place),
		in_a_room(syncs_that_belong_together_are_all_answered),
		in_a_room(a_put_replaces_the_whole_file),
		in_a_room(a_cut_file_ends_there),
		in_a_room(a_dropped_directory_goes_with_all_in_it),
		in_a_room(a_tree_deeper_than_our_open_files_is_removed_too),
		in_a_room(what_is_moved_has_the_new_name_and_the_old_one_is_free),
		in_a_room(a_read_sees_what_was_asked_before_it),
		in_a_room(a_listing_is_in_byte_order_and_shows_no_leftovers),
		in_a_room(a_start_sweeps_what_a_crash_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
