#include "net/stream_uv.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "net/sockaddr.h"
#include "net/stream_parts_uv.h"

#define SILENT_AFTER_S 60 /* an idle stream asks then whether the peer is there */
/* What the peer's machine does not acknowledge for so long ends the stream: TCP's own next try would come only after a cut
 * has lasted as long again. A peer that is merely stopped acknowledges. */
#define UNACKED_MAX_MS 5000u
#define BUCKETS_FIRST  64u

struct write {
	uv_write_t request;
	uint8_t bytes[];
};

/* The table. */

static struct stream **bucket_of(const struct streams *s, uint64_t conn)
{
	return &s->bucket[(conn ^ (conn >> 32)) & (s->buckets - 1)];
}

static struct stream *table_find(const struct streams *s, uint64_t conn)
{
	struct stream *st = *bucket_of(s, conn);

	while (st != NULL && st->conn != conn)
		st = st->next;
	return st;
}

static void table_grow(struct streams *s)
{
	struct stream **old = s->bucket;
	uint32_t count = s->buckets;

	s->buckets = count == 0 ? BUCKETS_FIRST : count * 2;
	s->bucket = calloc(s->buckets, sizeof(struct stream *));
	must(s->bucket != NULL);
	for (uint32_t i = 0; i < count; i++) {
		while (old[i] != NULL) {
			struct stream *st = old[i];
			struct stream **to = bucket_of(s, st->conn);

			old[i] = st->next;
			st->next = *to;
			*to = st;
		}
	}
	free(old);
}

static void table_add(struct streams *s, struct stream *st)
{
	must(table_find(s, st->conn) == NULL);
	if (s->open >= s->buckets)
		table_grow(s);
	struct stream **to = bucket_of(s, st->conn);
	st->next = *to;
	*to = st;
	s->open++;
}

void stream_adopt(struct stream *st, uint64_t conn)
{
	st->conn = conn;
	table_add(st->all, st);
}

static void table_remove(struct streams *s, struct stream *st)
{
	struct stream **at = bucket_of(s, st->conn);

	while (*at != st)
		at = &(*at)->next;
	*at = st->next;
	must(s->open > 0);
	s->open--;
}

/* The end of things. */

void streams_handle_gone(struct streams *s)
{
	must(s->handles > 0);
	if (--s->handles > 0 || !s->closing)
		return;
	must(s->open == 0);
	free(s->bucket);
	free(s);
}

static void timer_closed(uv_handle_t *handle)
{
	streams_handle_gone(handle->data);
}

/* Nobody is left to wait for. */
static void patience_over(struct streams *s)
{
	if (s->closing && s->open == 0 && !uv_is_closing((uv_handle_t *)&s->patience))
		uv_close((uv_handle_t *)&s->patience, timer_closed);
}

static void stream_closed(uv_handle_t *handle)
{
	struct stream *st = handle->data;
	struct streams *s = st->all;
	struct event e = {.kind = EVENT_CLOSED};

	must(st->state == STREAM_CLOSING);
	e.stream.conn = st->conn;
	e.stream.err = st->err;
	bool tell = !st->silent && !s->closing;
	table_remove(s, st);
	free(st);
	if (tell)
		sink_tell(&s->sink, &e);
	patience_over(s);
	streams_handle_gone(s);
}

static void undirty(struct stream *st)
{
	struct streams *s = st->all;
	struct stream **at = &s->dirty;

	if (st->gathered == 0)
		return;
	while (*at != st)
		at = &(*at)->dirty;
	*at = st->dirty;
	st->gathered = 0;
}

static void stream_end(struct stream *st, enum err err)
{
	if (st->state == STREAM_CLOSING)
		return;
	undirty(st);
	st->state = STREAM_CLOSING;
	st->err = err;
	uv_close(&st->handle, stream_closed);
}

/* Input. */

static void input_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct stream *st = handle->data;

	(void)suggested;
	*out = uv_buf_init((char *)st->all->input, sizeof st->all->input);
}

static void input_came(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct stream *st = stream->data;
	struct event e = {.kind = EVENT_INPUT};

	if (n == 0 || st->state == STREAM_CLOSING)
		return;
	if (n == UV_EOF && st->state == STREAM_FLUSHING) {
		uv_read_stop(stream); /* it said its last word; ours are still on their way */
		return;
	}
	if (n < 0) {
		stream_end(st, n == UV_EOF ? ERR_CLOSED : socket_err((int)-n));
		return;
	}
	if (st->state == STREAM_FLUSHING || st->all->closing)
		return; /* read only so that closing does not become a reset that eats our last words */
	e.stream.conn = st->conn;
	e.stream.body = bytes_of(buf->base, (size_t)n);
	sink_tell(&st->all->sink, &e);
}

struct stream *stream_make(struct streams *s, bool local)
{
	struct stream *st = calloc(1, sizeof *st);

	must(st != NULL);
	st->all = s;
	s->handles++;
	if (local)
		uv_pipe_init(s->loop, &st->pipe, 0);
	else
		uv_tcp_init(s->loop, &st->tcp);
	st->handle.data = st;
	return st;
}

void stream_begin(struct stream *st)
{
	unsigned int unacked = UNACKED_MAX_MS;
	int fd;

	st->state = STREAM_OPEN;
	if (st->handle.type == UV_TCP) {
		uv_tcp_nodelay(&st->tcp, 1);
		uv_tcp_keepalive(&st->tcp, 1, SILENT_AFTER_S);
		if (uv_fileno(&st->handle, &fd) == 0)
			(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked,
					 sizeof unacked);
	}
	int bad = uv_read_start(&st->stream, input_room, input_came);
	must(bad == 0);
}

/* Dialling. */

static void dial_told(struct stream *st, enum err err, bool later)
{
	struct event e = {.kind = EVENT_DIALED};

	e.stream.conn = st->conn;
	e.stream.err = err;
	if (later)
		sink_later(&st->all->sink, &e);
	else
		sink_tell(&st->all->sink, &e);
}

static void dial_failed(struct stream *st, enum err err, bool later)
{
	st->silent = true;
	stream_end(st, err);
	dial_told(st, err, later);
}

static void dialled(uv_connect_t *request, int status)
{
	struct stream *st = request->data;

	if (st->state != STREAM_DIALLING)
		return;
	if (st->all->closing) {
		stream_end(st, ERR_CLOSED);
	} else if (status < 0) {
		dial_failed(st, socket_err(-status), false);
	} else {
		stream_begin(st);
		dial_told(st, OK, false);
	}
}

/* From our private address where that is of the same family, so that peers see us by the name they know. The kernel
 * picks the port when it connects, so that a thousand peers do not use up the ports. */
static void dial_source(struct stream *st, struct addr to)
{
	union sockaddr_any from;
	int one = 1;
	int fd;

	if (st->all->from.family != to.family || uv_fileno(&st->handle, &fd) != 0)
		return;
	socklen_t len = sockaddr_put(addr_with_port(st->all->from, 0), &from);
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	(void)bind(fd, &from.any, len);
}

void stream_dial(struct streams *s, uint64_t conn, struct addr to)
{
	union sockaddr_any where;
	struct stream *st;

	must(conn > s->last_conn);
	must(to.family != ADDR_NONE);
	st = stream_make(s, false);
	st->state = STREAM_DIALLING;
	stream_adopt(st, conn);
	sockaddr_put(to, &where);
	st->connect.data = st;
	if (s->open > LINKS_MAX) {
		dial_failed(st, ERR_FULL, true);
		return;
	}
	int fd = socket(where.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int bad = fd < 0 ? -errno : uv_tcp_open(&st->tcp, fd);
	if (bad == 0) {
		dial_source(st, to);
		bad = uv_tcp_connect(&st->connect, &st->tcp, &where.any, dialled);
	}
	if (bad != 0)
		dial_failed(st, socket_err(-bad), true);
}

/* Output. */

static void written(uv_write_t *request, int status)
{
	struct stream *st = request->handle->data;

	free(request->data);
	if (status < 0 && status != UV_ECANCELED)
		stream_end(st, socket_err(-status));
}

/* What the kernel did not take is copied and waits. */
static void write_rest(struct stream *st, size_t done, size_t total)
{
	size_t left = total - done;

	if (left == 0)
		return;
	if (uv_stream_get_write_queue_size(&st->stream) + left > CHANNEL_QUEUE_MAX) {
		metrics_add(st->all->sink.metrics, METRIC_STREAMS_OVERFLOWED, 1);
		stream_end(st, ERR_FULL);
		return;
	}
	struct write *w = malloc(sizeof *w + left);
	must(w != NULL);
	size_t to = 0;
	for (uint32_t i = 0; i < st->gathered; i++) {
		uv_buf_t b = st->gather[i];

		if (done >= b.len) {
			done -= b.len;
			continue;
		}
		memcpy(w->bytes + to, b.base + done, b.len - done);
		to += b.len - done;
		done = 0;
	}
	must(to == left);
	uv_buf_t rest = uv_buf_init((char *)w->bytes, (unsigned int)left);
	w->request.data = w;
	if (uv_write(&w->request, &st->stream, &rest, 1, written) != 0) {
		free(w);
		stream_end(st, ERR_CLOSED);
	}
}

static void gather_write(struct stream *st)
{
	size_t total = 0;
	int done = 0;

	for (uint32_t i = 0; i < st->gathered; i++)
		total += st->gather[i].len;
	if (uv_stream_get_write_queue_size(&st->stream) == 0) {
		done = uv_try_write(&st->stream, st->gather, st->gathered);
		if (done == UV_EAGAIN)
			done = 0;
	}
	if (done < 0)
		stream_end(st, socket_err(-done));
	else
		write_rest(st, (size_t)done, total);
}

void stream_output(struct streams *s, uint64_t conn, struct bytes body)
{
	struct stream *st = table_find(s, conn);

	if (st == NULL || body.len == 0 || st->state != STREAM_OPEN)
		return;
	if (st->gathered == GATHER) {
		gather_write(st);
		if (st->state != STREAM_OPEN)
			return;
		undirty(st);
	}
	if (st->gathered == 0) {
		st->dirty = s->dirty;
		s->dirty = st;
	}
	st->gather[st->gathered++] = uv_buf_init((char *)body.at, (unsigned int)body.len);
}

static void flushed(uv_shutdown_t *request, int status)
{
	struct stream *st = request->handle->data;

	(void)status;
	stream_end(st, OK);
}

static void flush_and_close(struct stream *st)
{
	st->state = STREAM_FLUSHING;
	if (uv_shutdown(&st->shutdown, &st->stream, flushed) != 0)
		stream_end(st, OK);
}

void stream_hangup(struct streams *s, uint64_t conn)
{
	struct stream *st = table_find(s, conn);

	if (st == NULL)
		return;
	if (st->gathered > 0) {
		gather_write(st);
		undirty(st);
	}
	if (st->state == STREAM_DIALLING)
		stream_end(st, OK);
	else if (st->state == STREAM_OPEN)
		flush_and_close(st);
}

void stream_flush(struct streams *s)
{
	while (s->dirty != NULL) {
		struct stream *st = s->dirty;

		gather_write(st);
		undirty(st); /* nothing to do when gather_write ended it */
	}
}

/* The table itself. */

struct streams *streams_open(uv_loop_t *loop, struct addr from, struct sink sink)
{
	struct streams *s = calloc(1, sizeof *s);

	must(s != NULL);
	s->loop = loop;
	s->from = from;
	s->sink = sink;
	uv_timer_init(loop, &s->patience);
	s->patience.data = s;
	s->handles = 1;
	table_grow(s);
	return s;
}

uint32_t streams_count(const struct streams *s)
{
	return s->open;
}

static void each_stream(struct streams *s, void (*act)(struct stream *st))
{
	for (uint32_t i = 0; i < s->buckets; i++)
		for (struct stream *st = s->bucket[i]; st != NULL; st = st->next)
			act(st);
}

static void end_softly(struct stream *st)
{
	if (st->state == STREAM_DIALLING)
		stream_end(st, ERR_CLOSED);
	else if (st->state == STREAM_OPEN)
		flush_and_close(st);
}

static void end_now(struct stream *st)
{
	stream_end(st, ERR_CLOSED);
}

static void patience_ended(uv_timer_t *timer)
{
	struct streams *s = timer->data;

	each_stream(s, end_now);
}

void streams_close(struct streams *s)
{
	stream_flush(s);
	s->closing = true;
	listeners_close(s);
	each_stream(s, end_softly);
	uv_timer_start(&s->patience, patience_ended, EXIT_FLUSH_MS, 0);
	patience_over(s);
}
