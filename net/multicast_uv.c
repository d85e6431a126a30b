#include "net/multicast_uv.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/must.h"
#include "net/sockaddr.h"

#define RETRY_FIRST_MS 1000u
#define RETRY_LAST_MS  60000u

_Static_assert(INTERFACE_NAME_MAX == IFNAMSIZ, "as the kernel has it");

struct multicast_door {
	struct multicast *all;
	uv_poll_t poll;
	int fd; /* -1: CLOSED */
	uint32_t index;
	bool complained; /* until it works again */
	char name[INTERFACE_NAME_MAX];
};

struct multicast {
	uv_loop_t *loop;
	struct multicast_start start;
	struct tray *tray;
	struct sink sink;
	uv_timer_t retry; /* runs only while a door is closed */
	uint64_t retry_ms;
	uint32_t handles; /* not yet closed */
	bool closing;
	struct multicast_door door[MULTICAST_DOORS];
};

static void doors_try(struct multicast *m);

static void complain(struct multicast_door *d, const char *what, int errnum)
{
	char text[256];

	if (d->complained)
		return;
	d->complained = true;
	snprintf(text, sizeof text, "multicast failed, trying again: interface=%s %s: %s", d->name,
		 what, strerror(errnum));
	d->all->start.log(d->all->start.log_self, LOG_LEVEL_WARN, text);
}

static void works_again(struct multicast_door *d)
{
	char text[256];

	if (!d->complained)
		return;
	d->complained = false;
	snprintf(text, sizeof text, "multicast worked again: interface=%s", d->name);
	d->all->start.log(d->all->start.log_self, LOG_LEVEL_INFO, text);
}

/* Sockets: returns 0 or an errno. */

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value) < 0 ? errno : 0;
}

static int join_v4(int fd, const struct multicast_door *d, const struct multicast_start *start)
{
	struct ip_mreqn join = {.imr_ifindex = (int)d->index};
	int bad;

	memcpy(&join.imr_multiaddr, start->group.ip, 4);
	if ((bad = set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0)) != 0 ||
	    (bad = set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 1)) != 0 ||
	    (bad = set(fd, IPPROTO_IP, IP_MULTICAST_TTL, start->ttl)) != 0)
		return bad;
	if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof join) < 0)
		return errno;
	if (start->has_source[d - d->all->door] && start->source.family == ADDR_V4)
		memcpy(&join.imr_address, start->source.ip, 4);
	return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &join, sizeof join) < 0 ? errno : 0;
}

static int join_v6(int fd, const struct multicast_door *d, const struct multicast_start *start)
{
	struct ipv6_mreq join = {.ipv6mr_interface = d->index};
	int bad;

	memcpy(&join.ipv6mr_multiaddr, start->group.ip, 16);
	(void)set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0); /* since Linux 4.20 */
	if ((bad = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) != 0 ||
	    (bad = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1)) != 0 ||
	    (bad = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, start->ttl)) != 0 ||
	    (bad = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)d->index)) != 0)
		return bad;
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &join, sizeof join) < 0)
		return errno;
	return 0;
}

static struct addr group_at(const struct multicast_door *d)
{
	struct addr group = d->all->start.group;

	if (group.family == ADDR_V6)
		group.scope = d->index;
	return group;
}

static int socket_open(struct multicast_door *d)
{
	const struct multicast_start *start = &d->all->start;
	union sockaddr_any where;
	int bad;

	d->index = if_nametoindex(d->name);
	if (d->index == 0)
		return ENODEV;
	socklen_t len = sockaddr_put(group_at(d), &where);
	int fd = socket(where.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	bad = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bad == 0)
		bad = start->group.family == ADDR_V4 ? join_v4(fd, d, start)
						     : join_v6(fd, d, start);
	if (bad == 0 && bind(fd, &where.any, len) < 0)
		bad = errno;
	if (bad != 0) {
		close(fd);
		return bad;
	}
	d->fd = fd;
	return 0;
}

/* The loop's side of a door. */

static void handle_closed(struct multicast *m)
{
	must(m->handles > 0);
	if (--m->handles == 0 && m->closing)
		free(m);
}

static void poll_closed(uv_handle_t *handle)
{
	struct multicast_door *d = handle->data;
	struct multicast *m = d->all;

	close(d->fd);
	d->fd = -1;
	if (!m->closing && !uv_is_active((uv_handle_t *)&m->retry))
		doors_try(m);
	handle_closed(m);
}

static void door_lost(struct multicast_door *d, const char *what, int errnum)
{
	complain(d, what, errnum);
	if (!uv_is_closing((uv_handle_t *)&d->poll))
		uv_close((uv_handle_t *)&d->poll, poll_closed);
}

static void beacon(void *with, struct addr from, struct bytes body)
{
	struct multicast_door *d = with;
	struct event e = {.kind = EVENT_PACKET};

	e.packet.door = DOOR_MULTICAST;
	e.packet.from = from;
	e.packet.body = body;
	sink_tell(&d->all->sink, &e);
}

static void readable(uv_poll_t *poll, int status, int events)
{
	struct multicast_door *d = poll->data;

	(void)status;
	(void)events;
	int bad = datagrams_take(d->fd, d->all->tray, d->all->sink.metrics, beacon, d);
	if (bad != 0)
		door_lost(d, "receive", bad);
}

static void door_try(struct multicast_door *d)
{
	int bad = socket_open(d);

	if (bad != 0) {
		complain(d, "join", bad);
		return;
	}
	bad = uv_poll_init(d->all->loop, &d->poll, d->fd);
	must(bad == 0);
	d->poll.data = d;
	bad = uv_poll_start(&d->poll, UV_READABLE, readable);
	must(bad == 0);
	d->all->handles++;
}

static void retry_due(uv_timer_t *timer)
{
	struct multicast *m = timer->data;

	m->retry_ms = m->retry_ms * 2 > RETRY_LAST_MS ? RETRY_LAST_MS : m->retry_ms * 2;
	doors_try(m);
}

/* Opens what is closed; what stays closed is tried again later. */
static void doors_try(struct multicast *m)
{
	bool all = true;

	for (uint32_t i = 0; i < m->start.count; i++) {
		if (m->door[i].fd < 0)
			door_try(&m->door[i]);
		all = all && m->door[i].fd >= 0;
	}
	if (all)
		m->retry_ms = RETRY_FIRST_MS;
	else
		uv_timer_start(&m->retry, retry_due, m->retry_ms, 0);
}

struct multicast *multicast_open(uv_loop_t *loop, const struct multicast_start *start,
				 struct tray *tray, struct sink sink)
{
	struct multicast *m = calloc(1, sizeof *m);

	must(m != NULL);
	must(start->count <= MULTICAST_DOORS);
	must(start->group.family != ADDR_NONE);
	m->loop = loop;
	m->start = *start;
	m->tray = tray;
	m->sink = sink;
	m->retry_ms = RETRY_FIRST_MS;
	m->handles = 1;
	uv_timer_init(loop, &m->retry);
	m->retry.data = m;
	for (uint32_t i = 0; i < start->count; i++) {
		m->door[i] = (struct multicast_door){.all = m, .fd = -1};
		memcpy(m->door[i].name, start->interface[i], INTERFACE_NAME_MAX);
		m->door[i].name[INTERFACE_NAME_MAX - 1] = 0;
	}
	doors_try(m);
	return m;
}

static bool is_gone(int errnum)
{
	return errnum == ENODEV || errnum == ENXIO || errnum == EADDRNOTAVAIL;
}

void multicast_send(struct multicast *m, struct bytes body)
{
	for (uint32_t i = 0; i < m->start.count; i++) {
		struct multicast_door *d = &m->door[i];

		if (d->fd < 0 || uv_is_closing((uv_handle_t *)&d->poll))
			continue;
		int bad = datagram_send(d->fd, m->sink.metrics, group_at(d), body);
		if (is_gone(bad))
			door_lost(d, "send", bad);
		else if (bad != 0 && bad != EAGAIN && bad != ENOBUFS)
			complain(d, "send", bad);
		else if (bad == 0)
			works_again(d);
	}
}

uint32_t multicast_working(const struct multicast *m)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < m->start.count; i++)
		count += m->door[i].fd >= 0;
	return count;
}

static void timer_closed(uv_handle_t *handle)
{
	handle_closed(handle->data);
}

void multicast_close(struct multicast *m)
{
	m->closing = true;
	for (uint32_t i = 0; i < m->start.count; i++) {
		struct multicast_door *d = &m->door[i];

		if (d->fd >= 0 && !uv_is_closing((uv_handle_t *)&d->poll))
			uv_close((uv_handle_t *)&d->poll, poll_closed);
	}
	uv_close((uv_handle_t *)&m->retry, timer_closed);
}
