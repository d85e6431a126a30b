#include "net/keeper_link_uv.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/must.h"
#include "sched/keeper_uv.h"
#include "sched/keeper_wire.h"

struct keeper_link {
	uv_loop_t *loop;
	const char *root;
	struct id_text node;
	struct sink sink;
	struct pipe *pipe; /* NULL: DOWN */
};

/* One connection; it outlives its link's interest in it until the loop has closed it. */
struct pipe {
	uv_pipe_t handle;
	struct keeper_link *link; /* NULL: given up */
	struct buffer in;
};

struct word {
	uv_write_t request;
	struct buffer framed;
};

struct keeper_link *keeper_link_open(uv_loop_t *loop, const char *root, struct id node,
				     struct sink sink)
{
	struct keeper_link *k = calloc(1, sizeof *k);

	must(k != NULL);
	must(root[0] == '/');
	k->loop = loop;
	k->root = root;
	k->node = id_text(node);
	k->sink = sink;
	return k;
}

static void pipe_closed(uv_handle_t *handle)
{
	struct pipe *p = handle->data;

	buffer_fini(&p->in);
	free(p);
}

static void pipe_give_up(struct pipe *p)
{
	p->link->pipe = NULL;
	p->link = NULL;
	uv_close((uv_handle_t *)&p->handle, pipe_closed);
}

static void say_down(struct keeper_link *k, bool later)
{
	struct event e = {.kind = EVENT_KEEPER};

	if (later)
		sink_later(&k->sink, &e);
	else
		sink_tell(&k->sink, &e);
}

/* Tells each whole word. False when the bytes are no words. */
static bool words_take(struct pipe *p)
{
	size_t done = 0;
	enum err err;

	do {
		struct event e = {.kind = EVENT_KEEPER};
		size_t used = 0;

		err = keeper_unframe(bytes_of(p->in.at + done, p->in.len - done), &e.keeper.body,
				     &used);
		if (err == OK) {
			done += used;
			e.keeper.up = true;
			if (e.keeper.body.len > 0)
				sink_tell(&p->link->sink, &e);
		}
	} while (err == OK && p->link != NULL);
	buffer_skip(&p->in, done);
	return err == OK || err == ERR_SHORT;
}

static void input_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct pipe *p = handle->data;
	uint32_t want = 4096;

	(void)suggested;
	*out = uv_buf_init((char *)buffer_room(&p->in, want), want);
	if (out->base == NULL)
		out->len = 0; /* the limit: reads UV_ENOBUFS, which ends the link */
}

static void input_came(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct pipe *p = stream->data;

	(void)buf;
	if (p->link == NULL || n == 0)
		return;
	if (n > 0) {
		p->in.len += (size_t)n;
		if (words_take(p))
			return;
	}
	struct keeper_link *k = p->link;
	if (k == NULL)
		return;
	pipe_give_up(p);
	say_down(k, false);
}

static int link_up(struct keeper_link *k)
{
	struct event e = {.kind = EVENT_KEEPER};
	int fd = keeper_connect(k->root, NULL, k->node.s, "");

	if (fd < 0)
		return -fd;
	struct pipe *p = calloc(1, sizeof *p);
	must(p != NULL);
	buffer_init(&p->in, 2 * FRAME_MAX);
	uv_pipe_init(k->loop, &p->handle, 0);
	p->handle.data = p;
	p->link = k;
	k->pipe = p;
	int bad = uv_pipe_open(&p->handle, fd);
	if (bad == 0)
		bad = uv_read_start((uv_stream_t *)&p->handle, input_room, input_came);
	if (bad != 0) {
		pipe_give_up(p);
		return -bad;
	}
	e.keeper.up = true;
	sink_later(&k->sink, &e);
	return 0;
}

static void said(uv_write_t *request, int status)
{
	struct word *w = request->data;

	(void)status; /* a broken link shows when it is read */
	buffer_fini(&w->framed);
	free(w);
}

int keeper_link_say(struct keeper_link *k, struct bytes body)
{
	int bad = 0;

	if (body.len == 0) {
		if (k->pipe != NULL)
			pipe_give_up(k->pipe);
		return 0;
	}
	if (k->pipe == NULL)
		bad = link_up(k);
	if (bad != 0) {
		say_down(k, true);
		return bad;
	}
	uv_stream_t *stream = (uv_stream_t *)&k->pipe->handle;
	struct word *w = calloc(1, sizeof *w);
	must(w != NULL);
	buffer_init(&w->framed, FRAME_MAX + 4);
	enum err framed = keeper_frame(body, &w->framed);
	must(framed == OK);
	w->request.data = w;
	uv_buf_t out = uv_buf_init((char *)w->framed.at, (unsigned int)w->framed.len);
	if (uv_stream_get_write_queue_size(stream) > KEEPER_QUEUE_MAX)
		bad = ENOBUFS;
	else
		bad = -uv_write(&w->request, stream, &out, 1, said);
	if (bad != 0) {
		buffer_fini(&w->framed);
		free(w);
		pipe_give_up(k->pipe);
		say_down(k, true);
	}
	return bad;
}

void keeper_link_close(struct keeper_link *k)
{
	if (k->pipe != NULL)
		pipe_give_up(k->pipe);
	free(k);
}
