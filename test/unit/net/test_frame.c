#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/frame.h"

struct reading {
	struct frames frames;
	struct buffer bytes;
};

static int set_up(void **state)
{
	static struct reading r;

	frames_init(&r.frames);
	buffer_init(&r.bytes, 4 * FRAME_MAX);
	*state = &r;
	return 0;
}

static int tear_down(void **state)
{
	struct reading *r = *state;

	frames_fini(&r->frames);
	buffer_fini(&r->bytes);
	return 0;
}

static void put(struct reading *r, uint8_t type, uint64_t request, struct bytes body)
{
	struct frame f = {.type = type, .request = request, .body = body};

	assert_int_equal(frame_put(&f, &r->bytes), OK);
}

static void one_byte_more_than_the_limit_is_refused(void **state)
{
	struct reading *r = *state;
	uint8_t *body = calloc(1, FRAME_MAX + 1);
	struct frame f = {.type = 1, .body = bytes_of(body, FRAME_MAX + 1)};
	uint8_t head[FRAME_HEAD] = {0};

	assert_int_equal(frame_put(&f, &r->bytes), ERR_TOO_BIG);
	assert_int_equal(r->bytes.len, 0);

	put_u32(head, FRAME_MAX + 1);
	struct bytes in = bytes_of(head, sizeof(head));
	assert_int_equal(frames_next(&r->frames, &in, &f), ERR_TOO_BIG);
	put(r, 1, 1, BYTES("good"));
	in = buffer_bytes(&r->bytes);
	assert_int_equal(frames_next(&r->frames, &in, &f), ERR_TOO_BIG); /* it sticks */
	free(body);
}

static void a_length_too_big_is_refused_at_its_fourth_byte(void **state)
{
	struct reading *r = *state;
	struct frame f;
	uint8_t byte[4] = {0, 0, 0x11, 0};

	for (unsigned i = 0; i < 4; i++) {
		struct bytes in = bytes_of(&byte[i], 1);
		assert_int_equal(frames_next(&r->frames, &in, &f), i < 3 ? ERR_SHORT : ERR_TOO_BIG);
	}
}

static void a_promised_length_takes_no_memory(void **state)
{
	struct reading *r = *state;
	struct frame f;
	uint8_t head[FRAME_HEAD] = {0};

	put_u32(head, FRAME_MAX);
	struct bytes in = bytes_of(head, sizeof(head));
	assert_int_equal(frames_next(&r->frames, &in, &f), ERR_SHORT);
	assert_true(r->frames.held.room <= 1024);
}

static void a_frame_of_exactly_the_limit_passes(void **state)
{
	struct reading *r = *state;
	uint8_t *body = malloc(FRAME_MAX);
	struct frame f;

	memset(body, 0x5a, FRAME_MAX);
	put(r, 7, 99, bytes_of(body, FRAME_MAX));
	put(r, 8, 100, BYTES("next"));
	/* In slices, as a socket gives them. */
	struct bytes all = buffer_bytes(&r->bytes);
	unsigned frames = 0;
	for (size_t at = 0; at < all.len; at += 60000) {
		size_t len = all.len - at < 60000 ? all.len - at : 60000;
		struct bytes in = bytes_of(all.at + at, len);
		while (frames_next(&r->frames, &in, &f) == OK) {
			frames++;
			assert_int_equal(f.body.len, frames == 1 ? FRAME_MAX : 4);
			if (frames == 1)
				assert_memory_equal(f.body.at, body, FRAME_MAX);
			assert_true(r->frames.held.room <= FRAME_HEAD + FRAME_MAX);
		}
		assert_int_equal(in.len, 0);
	}
	assert_int_equal(frames, 2);
	assert_true(r->frames.held.room < 100000); /* given back */
	free(body);
}

static void frames_come_out_however_they_are_cut(void **state)
{
	struct reading *r = *state;

	put(r, 1, 1, BYTES(""));
	put(r, 2, UINT64_MAX, BYTES("two"));
	put(r, 255, 3, BYTES("three and some more"));
	struct bytes all = buffer_bytes(&r->bytes);
	for (size_t step = 1; step <= all.len; step++) {
		struct frame f;
		unsigned n = 0;

		for (size_t at = 0; at < all.len; at += step) {
			struct bytes in =
				bytes_of(all.at + at, all.len - at < step ? all.len - at : step);
			while (frames_next(&r->frames, &in, &f) == OK)
				n++;
			assert_int_equal(in.len, 0);
		}
		assert_int_equal(n, 3);
		assert_int_equal(f.type, 255);
		assert_int_equal(f.request, 3);
		assert_true(bytes_same(f.body, BYTES("three and some more")));
	}
}

/* The bytes of net/README.md. */
static void the_format_is_what_it_was(void **state)
{
	static const uint8_t want[] = {4, 0, 0, 0, 20, 8, 7, 6, 5, 4, 3, 2, 1, 'p', 'i', 'n', 'g'};
	struct reading *r = *state;

	put(r, 20, 0x0102030405060708, BYTES("ping"));
	assert_true(bytes_same(buffer_bytes(&r->bytes), bytes_of(want, sizeof(want))));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(one_byte_more_than_the_limit_is_refused),
		T(a_length_too_big_is_refused_at_its_fourth_byte),
		T(a_promised_length_takes_no_memory),
		T(a_frame_of_exactly_the_limit_passes),
		T(frames_come_out_however_they_are_cut),
		T(the_format_is_what_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
