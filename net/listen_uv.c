#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/must.h"
#include "net/sockaddr.h"
#include "net/stream_parts_uv.h"

#define BACKLOG 1024

/* A stream that was never in the table. */
static void unknown_closed(uv_handle_t *handle)
{
	struct stream *st = handle->data;
	struct streams *s = st->all;

	free(st);
	streams_handle_gone(s);
}

/* Who is at the other end, as the kernel vouches for it. False when it already went away. */
static bool identify(struct stream *st, enum door door, struct event *e)
{
	union sockaddr_any from = {0};
	int len = sizeof from;
	struct ucred cred = {0};
	socklen_t cred_len = sizeof cred;
	int fd;

	if (door == DOOR_LOCAL) {
		if (uv_fileno(&st->handle, &fd) != 0 ||
		    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) < 0)
			return false;
		e->stream.uid = cred.uid;
		return true;
	}
	if (uv_tcp_getpeername(&st->tcp, &from.any, &len) != 0)
		return false;
	e->stream.from = sockaddr_get(&from.any);
	return true;
}

static void somebody_came(uv_stream_t *stream, int status);

/* Those who had to wait for this turn. */
static void accept_on(uv_timer_t *timer)
{
	struct listener *l = timer->data;

	l->accepted = 0;
	somebody_came(&l->stream, 0);
}

/* When thousands come at once, those who are in shake hands before the others are let in: else all would wait for all,
 * beyond their patience. Who is not accepted stays in the kernel's queue; libuv looks for the next when this one is. */
static bool is_crowded(struct listener *l)
{
	uint64_t now_ms = uv_now(l->all->loop);

	if (now_ms != l->turn_ms) {
		l->turn_ms = now_ms;
		l->accepted = 0;
	}
	if (l->accepted < ACCEPTS_TURN_MAX)
		return false;
	int bad = uv_timer_start(&l->later, accept_on, 0, 0);
	must(bad == 0);
	return true;
}

static void somebody_came(uv_stream_t *stream, int status)
{
	struct listener *l = stream->data;
	struct streams *s = l->all;
	struct event e = {.kind = EVENT_ACCEPTED};

	if (status < 0) {
		metrics_add(s->sink.metrics, METRIC_STREAMS_TURNED_AWAY, 1);
		return;
	}
	if (is_crowded(l))
		return;
	l->accepted++;
	struct stream *st = stream_make(s, l->door == DOOR_LOCAL);
	if (uv_accept(stream, &st->stream) != 0 || s->open >= LINKS_MAX ||
	    !identify(st, l->door, &e)) {
		metrics_add(s->sink.metrics, METRIC_STREAMS_TURNED_AWAY, 1);
		uv_close(&st->handle, unknown_closed);
		return;
	}
	stream_adopt(st, ++s->last_conn);
	stream_begin(st);
	e.stream.conn = st->conn;
	e.stream.door = l->door;
	sink_tell(&s->sink, &e);
}

static void listener_closed(uv_handle_t *handle)
{
	struct listener *l = handle->data;

	streams_handle_gone(l->all);
}

static struct listener *listener_make(struct streams *s, enum door door)
{
	must(s->listeners < LISTENERS_MAX);
	struct listener *l = &s->listener[s->listeners++];

	l->all = s;
	l->door = door;
	s->handles += 2;
	uv_timer_init(s->loop, &l->later);
	l->later.data = l;
	if (door == DOOR_LOCAL)
		uv_pipe_init(s->loop, &l->pipe, 0);
	else
		uv_tcp_init(s->loop, &l->tcp);
	l->handle.data = l;
	return l;
}

/* The port is ours from now on; who comes waits in the kernel until streams_start. */
static int listen_now(struct listener *l)
{
	int fd;
	int bad = uv_fileno(&l->handle, &fd);

	if (bad != 0)
		return -bad;
	return listen(fd, BACKLOG) < 0 ? errno : 0;
}

int streams_listen(struct streams *s, enum door door, struct addr *at)
{
	union sockaddr_any where;
	int len = (int)sockaddr_put(*at, &where);
	struct listener *l = listener_make(s, door);

	must(len > 0);
	int bad = uv_tcp_bind(&l->tcp, &where.any, at->family == ADDR_V6 ? UV_TCP_IPV6ONLY : 0);
	if (bad == 0) /* a port in use may show only here */
		bad = uv_tcp_getsockname(&l->tcp, &where.any, &len);
	if (bad != 0)
		return -bad;
	*at = addr_with_port(*at, sockaddr_get(&where.any).port);
	return listen_now(l);
}

/* Nobody listens at a socket that a killed node left behind. */
static int local_replace(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : errno;
	if (!S_ISSOCK(st.st_mode))
		return EEXIST;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	strncpy(to.sun_path, path, sizeof to.sun_path - 1);
	int bad = connect(fd, (struct sockaddr *)&to, sizeof to) < 0 ? errno : 0;
	close(fd);
	if (bad != ECONNREFUSED)
		return bad == ENOENT ? 0 : EADDRINUSE;
	return unlink(path) < 0 && errno != ENOENT ? errno : 0;
}

static void local_rights(const char *path)
{
	const struct group *group = geteuid() == 0 ? getgrnam("witan") : NULL;

	if (group != NULL)
		(void)!chown(path, (uid_t)-1, group->gr_gid);
	(void)chmod(path, 0660);
}

int streams_listen_local(struct streams *s, const char *path)
{
	if (strlen(path) >= sizeof s->local)
		return ENAMETOOLONG;
	int bad = local_replace(path);
	if (bad != 0)
		return bad;
	struct listener *l = listener_make(s, DOOR_LOCAL);
	mode_t mask = umask(0177); /* nobody slips in before the rights stand */
	bad = -uv_pipe_bind(&l->pipe, path);
	umask(mask);
	if (bad == 0)
		bad = listen_now(l);
	if (bad != 0)
		return bad;
	strcpy(s->local, path);
	local_rights(path);
	return 0;
}

void streams_start(struct streams *s)
{
	for (uint32_t i = 0; i < s->listeners; i++) {
		int bad = uv_listen(&s->listener[i].stream, BACKLOG, somebody_came);

		must(bad == 0);
	}
}

void listeners_close(struct streams *s)
{
	for (uint32_t i = 0; i < s->listeners; i++) {
		uv_close(&s->listener[i].handle, listener_closed);
		uv_close((uv_handle_t *)&s->listener[i].later, listener_closed);
	}
	if (s->local[0] != 0)
		(void)unlink(s->local);
}
