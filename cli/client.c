#include "cli/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/must.h"
#include "core/wire.h"

#define READ_SLICE 65536u
#define AGAIN_MS   50 /* between two tries to connect */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int connect_to(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (strlen(path) >= sizeof(to.sun_path)) {
		close(fd);
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(to.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	int why = errno;
	close(fd);
	errno = why;
	return -1;
}

/* The socket that was named, else those of the installed nodes: a machine may have a scheduler or a worker. */
int client_open(struct client *c, const struct config *config)
{
	static const char *const installed[] = {"/run/witan/scheduler.sock",
						"/run/witan/worker.sock"};
	char named[CONFIG_SOCKET_MAX + 1];
	const char *tried = named;

	*c = (struct client){.fd = -1, .next = 1};
	buffer_init(&c->in, FRAME_MAX + READ_SLICE);
	frames_init(&c->frames);
	config_socket(config, named);
	c->fd = connect_to(named);
	if (config->origin[SETTING_socket] == ORIGIN_DEFAULT &&
	    config->origin[SETTING_data_dir] == ORIGIN_DEFAULT)
		for (size_t i = 0; c->fd < 0 && errno != EACCES && i < 2; i++)
			c->fd = connect_to(tried = installed[i]);
	snprintf(c->path, sizeof(c->path), "%s", tried);
	if (c->fd >= 0)
		return EXIT_GOOD;
	if (errno == EACCES || errno == EPERM) {
		snprintf(c->why, sizeof(c->why),
			 "permission denied: sudo usermod -aG witan $USER, then log in again");
		return EXIT_DENIED;
	}
	snprintf(c->why, sizeof(c->why), "no node answers at %s: is it running? (%s)", tried,
		 strerror(errno));
	return EXIT_NOBODY;
}

bool client_again(struct client *c, int wait_ms)
{
	int64_t until = now_ms() + wait_ms;

	if (c->fd >= 0)
		close(c->fd);
	frames_fini(&c->frames);
	frames_init(&c->frames);
	buffer_clear(&c->in);
	c->taken = 0;
	for (;;) {
		c->fd = connect_to(c->path);
		if (c->fd >= 0 || now_ms() >= until)
			return c->fd >= 0;
		poll(NULL, 0, AGAIN_MS); /* a signal ends it early: fine */
	}
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	buffer_fini(&c->in);
	frames_fini(&c->frames);
}

static void gone(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	snprintf(c->why, sizeof(c->why), "the node closed the connection");
}

static bool write_all(struct client *c, struct bytes b)
{
	while (b.len) {
		ssize_t n = write(c->fd, b.at, b.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			gone(c);
			return false;
		}
		b = bytes_of(b.at + n, b.len - (size_t)n);
	}
	return true;
}

uint64_t client_ask(struct client *c, enum call_verb verb, struct id node, struct bytes arguments)
{
	struct call call = {.verb = (uint8_t)verb, .node = node, .arguments = arguments};
	struct buffer body, out;
	uint64_t request = c->next++;

	if (c->fd < 0)
		return 0;
	buffer_init(&body, FRAME_MAX);
	buffer_init(&out, FRAME_MAX + FRAME_HEAD);
	bool good = call_put(&call, &body) == OK;
	struct frame f = {.type = FRAME_CALL, .request = request, .body = buffer_bytes(&body)};
	good = good && frame_put(&f, &out) == OK;
	if (!good)
		snprintf(c->why, sizeof(c->why), "the request is too large");
	else
		good = write_all(c, buffer_bytes(&out));
	buffer_fini(&body);
	buffer_fini(&out);
	return good ? request : 0;
}

/* What has come already, without reading more. */
static bool take(struct client *c, uint64_t *request, struct answer *answer)
{
	struct frame f;

	for (;;) {
		struct bytes left = bytes_of(c->in.at + c->taken, c->in.len - c->taken);
		enum err err = frames_next(&c->frames, &left, &f);
		c->taken = c->in.len - left.len;
		if (err == ERR_SHORT)
			return false;
		if (err) {
			gone(c);
			return false;
		}
		if (f.type != FRAME_ANSWER || answer_get(f.body, answer) != OK)
			continue;
		*request = f.request;
		return true;
	}
}

bool client_answer(struct client *c, int wait_ms, uint64_t *request, struct answer *answer)
{
	int64_t until = now_ms() + wait_ms;

	for (;;) {
		if (take(c, request, answer))
			return true;
		if (c->fd < 0)
			return false;
		buffer_clear(&c->in); /* the frame reader has copied what it still needs */
		c->taken = 0;

		int64_t left = until - now_ms();
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		int ready = poll(&p, 1, left > 0 ? (int)left : 0);
		if (ready < 0 && errno == EINTR)
			return false; /* the caller looks at its signals */
		if (ready == 0)
			return false;
		uint8_t *room = buffer_room(&c->in, READ_SLICE);
		must(room);
		ssize_t n = read(c->fd, room, READ_SLICE);
		if (n <= 0) {
			gone(c);
			return false;
		}
		c->in.len += (size_t)n;
	}
}

int client_call(struct client *c, enum call_verb verb, struct id node, struct bytes arguments,
		int wait_ms, struct bytes *body)
{
	uint64_t asked = client_ask(c, verb, node, arguments);
	uint64_t request = 0;
	struct answer answer;
	int64_t until = now_ms() + wait_ms;

	if (!asked)
		return EXIT_NOBODY;
	while (c->fd >= 0 && now_ms() <= until) {
		if (!client_answer(c, (int)(until - now_ms()), &request, &answer) ||
		    request != asked)
			continue;
		*body = answer.body;
		if (answer.code != EXIT_GOOD)
			snprintf(c->why, sizeof(c->why), "%.*s", (int)answer.why.len,
				 (const char *)answer.why.at);
		return answer.code;
	}
	if (c->fd < 0)
		return EXIT_NOBODY;
	snprintf(c->why, sizeof(c->why), "no answer after %d s", wait_ms / 1000);
	return EXIT_TIMEOUT;
}
