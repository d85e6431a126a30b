#include "cli/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/steady.h"
#include "core/facts.h"
#include "core/must.h"
#include "core/text.h"
#include "net/sockaddr.h"

#define READ_SLICE 65536u

/* True when there is something to do on `fd` before `until`. */
static bool wait_for(int fd, short events, int64_t until)
{
	for (;;) {
		int64_t left = until - steady_ms();
		struct pollfd p = {.fd = fd, .events = events};
		int ready = poll(&p, 1, left > 0 ? (int)left : 0);

		if (ready < 0 && errno == EINTR && left > 0)
			continue;
		return ready > 0;
	}
}

/* Names: `host`, `host:port`. What has an address's form is one. */
uint32_t remote_resolve(const char *text, uint16_t port, struct addr *out, uint32_t max)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *found = NULL;
	char host[CONFIG_HOST_MAX + 1];
	uint32_t count = 0;

	must(max > 0);
	if (addr_parse(text, port, out) == OK)
		return 1;
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);
	uint64_t written = port;
	if (len == 0 || len >= sizeof(host) ||
	    (colon && (text_to_u64(colon + 1, &written) != OK || written < 1 || written > 65535)))
		return 0;
	memcpy(host, text, len);
	host[len] = '\0';
	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		return 0;
	for (struct addrinfo *i = found; i && count < max; i = i->ai_next) {
		struct addr a = sockaddr_get(i->ai_addr);
		if (!addr_is_none(a))
			out[count++] = addr_with_port(a, (uint16_t)written);
	}
	freeaddrinfo(found);
	return count;
}

static enum reach reach_of(int errnum)
{
	switch (errnum) {
	case 0:
		return REACH_GOOD;
	case ECONNREFUSED:
		return REACH_REFUSED;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EADDRNOTAVAIL:
	case EINVAL:
		return REACH_ROUTE;
	default:
		return REACH_SILENT;
	}
}

/* Where the connection stands in `*fd`, -1 when there is none. */
static enum reach connect_to(struct addr to, int64_t until, int *fd)
{
	union sockaddr_any where;
	socklen_t len = sockaddr_put(to, &where);
	int bad = 0;
	socklen_t bad_len = sizeof(bad);

	*fd = socket(where.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return REACH_ROUTE;
	if (connect(*fd, &where.any, len) != 0)
		bad = errno;
	if (bad == EINPROGRESS) {
		if (!wait_for(*fd, POLLOUT, until))
			bad = ETIMEDOUT;
		else if (getsockopt(*fd, SOL_SOCKET, SO_ERROR, &bad, &bad_len) < 0)
			bad = errno;
	}
	if (bad) {
		close(*fd);
		*fd = -1;
	}
	return reach_of(bad);
}

enum reach remote_try(struct addr to, int wait_ms)
{
	int fd;
	enum reach reach = connect_to(to, steady_ms() + wait_ms, &fd);

	if (fd >= 0)
		close(fd);
	return reach;
}

static bool write_all(struct remote *r, struct bytes b, int64_t until)
{
	while (b.len) {
		ssize_t n = write(r->fd, b.at, b.len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
			if (!wait_for(r->fd, POLLOUT, until))
				return false;
			continue;
		}
		if (n <= 0)
			return false;
		b = bytes_of(b.at + n, b.len - (size_t)n);
	}
	return true;
}

/* What the channel gives next: FRAME, OPEN, or ERROR when it closed or `until` came. `late` tells the two apart. */
static enum channel_got take(struct remote *r, struct frame *frame, int64_t until, bool *late)
{
	struct buffer out;
	enum channel_got got;

	*late = false;
	for (;;) {
		struct bytes left = bytes_of(r->in.at + r->taken, r->in.len - r->taken);
		buffer_init(&out, CHANNEL_HANDSHAKE_MAX + READ_SLICE);
		got = channel_take(&r->channel, &left, &out, frame);
		r->taken = r->in.len - left.len;
		bool written = write_all(r, buffer_bytes(&out), until);
		buffer_fini(&out);
		if (!written)
			return CHANNEL_GOT_ERROR;
		if (got != CHANNEL_GOT_NOTHING)
			return got;
		must(left.len == 0);
		buffer_clear(&r->in);
		r->taken = 0;
		if (!wait_for(r->fd, POLLIN, until)) {
			*late = true;
			return CHANNEL_GOT_ERROR;
		}
		uint8_t *room = buffer_room(&r->in, READ_SLICE);
		must(room);
		ssize_t n = read(r->fd, room, READ_SLICE);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return CHANNEL_GOT_ERROR;
		r->in.len += (size_t)n;
	}
}

static bool say_hello(struct remote *r, const struct keyring *ring, int64_t until)
{
	/* A client of the wire is neither scheduler nor worker; but what may call is a node. */
	struct hello hello = {.purpose = PURPOSE_RPC, .roles = ROLE_WORKER, .boot = 1};
	uint8_t seed[32], ephemeral[32];
	struct buffer out;

	randombytes_buf(seed, sizeof(seed));
	randombytes_buf(ephemeral, sizeof(ephemeral));
	identity_make(&r->identity, seed);
	sodium_memzero(seed, sizeof(seed));
	enum err err = channel_self_init(&r->self, &r->identity, ring);
	must(err == OK);
	buffer_init(&out, CHANNEL_HANDSHAKE_MAX);
	err = channel_dial(&r->channel, &r->self, &hello, ephemeral, &out);
	must(err == OK);
	sodium_memzero(ephemeral, sizeof(ephemeral));
	r->handshake = true;
	bool written = write_all(r, buffer_bytes(&out), until);
	buffer_fini(&out);
	return written;
}

enum reach remote_open(struct remote *r, const struct keyring *ring, struct addr to, int wait_ms)
{
	int64_t until = steady_ms() + wait_ms;
	struct frame frame;
	bool late = false;

	*r = (struct remote){.fd = -1, .addr = to, .next = 1};
	buffer_init(&r->in, FRAME_MAX + READ_SLICE);
	enum reach reach = connect_to(to, until, &r->fd);
	if (reach != REACH_GOOD)
		return reach;
	if (say_hello(r, ring, until) && take(r, &frame, until, &late) == CHANNEL_GOT_OPEN)
		return REACH_GOOD;
	remote_close(r);
	return late ? REACH_SILENT : REACH_SHUT;
}

void remote_close(struct remote *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	if (r->handshake) {
		channel_fini(&r->channel);
		channel_self_fini(&r->self);
		identity_wipe(&r->identity);
	}
	r->handshake = false;
	buffer_fini(&r->in);
}

static bool ask(struct remote *r, enum call_verb verb, int64_t until)
{
	struct call call = {.verb = (uint8_t)verb, .uid = (uint32_t)geteuid()};
	struct buffer body, out;

	buffer_init(&body, READ_SLICE);
	buffer_init(&out, 2 * READ_SLICE);
	enum err err = call_put(&call, &body);
	struct frame f = {.type = FRAME_CALL, .request = r->next, .body = buffer_bytes(&body)};
	if (!err)
		err = channel_send(&r->channel, &f, &out);
	must(err == OK);
	bool written = write_all(r, buffer_bytes(&out), until);
	buffer_fini(&body);
	buffer_fini(&out);
	return written;
}

int remote_call(struct remote *r, enum call_verb verb, int wait_ms, struct buffer *body)
{
	int64_t until = steady_ms() + wait_ms;
	struct frame f;
	struct answer answer;
	bool late = false;

	snprintf(r->why, sizeof(r->why), "the connection was closed");
	if (r->fd < 0 || !ask(r, verb, until))
		return EXIT_NOBODY;
	while (take(r, &f, until, &late) == CHANNEL_GOT_FRAME) {
		if (f.type != FRAME_ANSWER || f.request != r->next ||
		    answer_get(f.body, &answer) != OK)
			continue;
		r->next++;
		snprintf(r->why, sizeof(r->why), "%.*s", (int)answer.why.len,
			 (const char *)answer.why.at);
		if (answer.code == EXIT_GOOD && buffer_add(body, answer.body) != OK)
			return EXIT_OTHER;
		return answer.code;
	}
	if (late)
		snprintf(r->why, sizeof(r->why), "no answer after %d s", wait_ms / 1000);
	return late ? EXIT_TIMEOUT : EXIT_NOBODY;
}
