#include "cli/hear.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/steady.h"
#include "core/call.h"
#include "core/facts.h"
#include "core/must.h"
#include "discovery/beacon.h"
#include "net/interfaces_uv.h"
#include "net/seal.h"
#include "net/sockaddr.h"

#define ASK_EVERY_MS 1000

struct ear {
	int fd;
	struct addr group;
	struct addr ours;
	struct identity me;
	struct seal seal; /* 10 KiB and tables: not for the stack twice */
};

static unsigned interface_of(struct addr a)
{
	struct interface seen[INTERFACES_MAX];
	uint32_t count = interfaces_list(seen);

	for (uint32_t i = 0; i < count; i++)
		if (addr_same_ip(seen[i].addr, a))
			return if_nametoindex(seen[i].name);
	return 0;
}

static bool set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static bool join_v4(const struct ear *e, int ttl, unsigned interface)
{
	struct ip_mreqn join = {.imr_ifindex = (int)interface};

	memcpy(&join.imr_multiaddr, e->group.ip, 4);
	if (e->ours.family == ADDR_V4)
		memcpy(&join.imr_address, e->ours.ip, 4);
	return set(e->fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) &&
	       set(e->fd, IPPROTO_IP, IP_MULTICAST_LOOP, 1) &&
	       set(e->fd, IPPROTO_IP, IP_MULTICAST_TTL, ttl) &&
	       setsockopt(e->fd, IPPROTO_IP, IP_MULTICAST_IF, &join, sizeof(join)) == 0 &&
	       setsockopt(e->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join)) == 0;
}

static bool join_v6(const struct ear *e, int hops, unsigned interface)
{
	struct ipv6_mreq join = {.ipv6mr_interface = interface};

	memcpy(&join.ipv6mr_multiaddr, e->group.ip, 16);
	return set(e->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
	       set(e->fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1) &&
	       set(e->fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops) &&
	       set(e->fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)interface) &&
	       setsockopt(e->fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &join, sizeof(join)) == 0;
}

static bool open_socket(struct ear *e, const struct config *c)
{
	union sockaddr_any where;
	unsigned interface = interface_of(e->ours);

	if (e->group.family == ADDR_V6)
		e->group.scope = interface;
	socklen_t len = sockaddr_put(e->group, &where);
	e->fd = socket(where.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (e->fd < 0)
		return false;
	return set(e->fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
	       (e->group.family == ADDR_V4 ? join_v4(e, (int)c->multicast_ttl, interface)
					   : join_v6(e, (int)c->multicast_ttl, interface)) &&
	       bind(e->fd, &where.any, len) == 0;
}

/* As a node that is alone does: who is settled answers within a moment, instead of at its next turn. */
static void ask(struct ear *e)
{
	struct beacon b = {.roles = ROLE_WORKER, .addr = e->ours, .alone = true};
	union sockaddr_any where;
	struct buffer body, out;

	buffer_init(&body, BEACON_MAX_LEN);
	buffer_init(&out, PACKET_MAX);
	enum err err = beacon_put(&b, &body);
	if (!err)
		err = seal_put_beacon(&e->seal, buffer_bytes(&body), &out);
	must(err == OK);
	socklen_t len = sockaddr_put(e->group, &where);
	(void)!sendto(e->fd, out.at, out.len, 0, &where.any, len); /* we listen all the same */
	buffer_fini(&body);
	buffer_fini(&out);
}

/* One datagram: true when it was a node's beacon. */
static bool hear(struct ear *e, struct beacon *b)
{
	uint8_t room[PACKET_MAX + 1];
	union sockaddr_any from;
	socklen_t from_len = sizeof(from);
	struct sealed sealed;
	ssize_t n = recvfrom(e->fd, room, sizeof(room), 0, &from.any, &from_len);

	if (n <= 0 || seal_open_beacon(&e->seal, bytes_of(room, (size_t)n), &sealed) != OK ||
	    beacon_get(sealed.body, b) != OK)
		return false;
	if (b->addr.family == ADDR_V6)
		b->addr.scope = sockaddr_get(&from.any).scope;
	return true;
}

static bool listen_until(struct ear *e, int wait_ms, struct addr *out)
{
	int64_t until = steady_ms() + wait_ms, next = 0;
	struct beacon b;
	bool worker = false;

	while (steady_ms() < until) {
		if (steady_ms() >= next) {
			if (worker)
				return true; /* schedulers had a second to answer, too */
			ask(e);
			next = steady_ms() + ASK_EVERY_MS;
		}
		int64_t left = (next < until ? next : until) - steady_ms();
		struct pollfd p = {.fd = e->fd, .events = POLLIN};
		if (poll(&p, 1, left > 0 ? (int)left : 0) <= 0 || !hear(e, &b))
			continue;
		/* A first scheduler is alone, too; another worker that is alone knows no more than we do. */
		if (b.roles & ROLE_SCHEDULER) {
			*out = b.addr;
			return true;
		}
		if (!b.alone)
			*out = b.addr;
		worker = worker || !b.alone;
	}
	return worker;
}

int hear_cluster(const struct config *c, const struct keyring *ring, struct addr ours, int wait_ms,
		 struct addr *out)
{
	static struct ear e;
	uint8_t seed[32], random[32];
	bool found = false;

	e = (struct ear){.fd = -1, .ours = ours};
	enum err err = addr_parse(c->multicast_group, (uint16_t)c->multicast_port, &e.group);
	must(err == OK); /* the configuration let it pass */
	e.group.port = (uint16_t)c->multicast_port;
	randombytes_buf(seed, sizeof(seed));
	randombytes_buf(random, sizeof(random));
	identity_make(&e.me, seed);
	seal_init(&e.seal, ring, e.me.id, 1, random);
	bool open = open_socket(&e, c);
	int why = errno;
	if (open)
		found = listen_until(&e, wait_ms, out);
	if (e.fd >= 0)
		close(e.fd);
	seal_fini(&e.seal);
	identity_wipe(&e.me);
	sodium_memzero(seed, sizeof(seed));
	if (!open)
		return fail(EXIT_NOBODY,
			    "multicast does not work here (%s): use the whole invite, with its "
			    "@address",
			    strerror(why));
	if (!found)
		return fail(
			EXIT_NOBODY,
			"nobody of cluster \"%s\" was heard on %s port %u within %d s: use the "
			"whole invite, with its @address; or let multicast in: sudo ufw allow in "
			"proto udp to %s port %u, or sudo firewall-cmd --add-port=%u/udp",
			ring->cluster, c->multicast_group, c->multicast_port, wait_ms / 1000,
			c->multicast_group, c->multicast_port, c->multicast_port);
	return EXIT_GOOD;
}
