#include "net/frame.h"

#include <string.h>

#include "core/must.h"

#define KEPT_ROOM (16u << 10) /* room kept between frames; more is given back */
#define LENGTH    4u

void frame_head(const struct frame *f, uint8_t head[FRAME_HEAD])
{
	must(f->body.len <= FRAME_MAX);

	put_u32(head, (uint32_t)f->body.len);
	head[4] = f->type;
	put_u64(head + 5, f->request);
}

enum err frame_put(const struct frame *f, struct buffer *out)
{
	if (f->body.len > FRAME_MAX)
		return ERR_TOO_BIG;
	uint8_t *at = buffer_room(out, FRAME_HEAD + f->body.len);
	if (at == NULL)
		return ERR_FULL;
	frame_head(f, at);
	if (f->body.len > 0)
		memcpy(at + FRAME_HEAD, f->body.at, f->body.len);
	out->len += FRAME_HEAD + f->body.len;
	return OK;
}

void frames_init(struct frames *f)
{
	*f = (struct frames){0};
	buffer_init(&f->held, FRAME_HEAD + FRAME_MAX);
}

void frames_fini(struct frames *f)
{
	buffer_fini(&f->held);
}

static void read_frame(const uint8_t *at, struct frame *out)
{
	*out = (struct frame){.type = at[4], .request = get_u64(at + 5)};
	out->body = bytes_of(at + FRAME_HEAD, get_u32(at));
}

/* Moves bytes from `in` until `len` are held. OK: they are. */
static enum err gather(struct frames *f, struct bytes *in, size_t len)
{
	size_t more = len > f->held.len ? len - f->held.len : 0;

	if (more > in->len)
		more = in->len;
	enum err err = buffer_add(&f->held, bytes_of(in->at, more));
	if (err)
		return err;
	*in = bytes_of(in->at + more, in->len - more);
	return f->held.len < len ? ERR_SHORT : OK;
}

static void forget(struct frames *f)
{
	f->given = false;
	if (f->held.room > KEPT_ROOM)
		buffer_fini(&f->held);
	else
		buffer_clear(&f->held);
}

/* A whole frame at the front of `in`, when nothing is held: given as it lies there. */
static enum err borrow(struct frames *f, struct bytes *in, struct frame *out)
{
	must(f->held.len == 0);

	if (in->len < LENGTH)
		return ERR_SHORT;
	uint32_t len = get_u32(in->at);
	if (len > FRAME_MAX)
		return f->err = ERR_TOO_BIG;
	if (in->len < FRAME_HEAD + len)
		return ERR_SHORT;
	read_frame(in->at, out);
	*in = bytes_of(in->at + FRAME_HEAD + len, in->len - FRAME_HEAD - len);
	return OK;
}

enum err frames_next(struct frames *f, struct bytes *in, struct frame *out)
{
	enum err err;

	if (f->given)
		forget(f);
	if (f->err)
		return f->err;
	if (in->len == 0)
		return ERR_SHORT;

	if (f->held.len == 0 && (err = borrow(f, in, out)) != ERR_SHORT)
		return err;

	if ((err = gather(f, in, LENGTH)))
		goto sort;
	uint32_t len = get_u32(f->held.at);
	if (len > FRAME_MAX)
		return f->err = ERR_TOO_BIG;
	if ((err = gather(f, in, FRAME_HEAD + len)))
		goto sort;
	read_frame(f->held.at, out);
	f->given = true;
	return OK;
sort:
	if (err != ERR_SHORT)
		f->err = err;
	return err;
}
