/* The same load on etcd: three nodes of it, and over the v3 JSON gateway of their leader a fenced put, a transaction that
 * compares a key, of as many bytes, on connections that stay. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/ports.h"
#include "core/must.h"
#include "core/view.h"
#include "test/bench/bench.h"

#define BODY_MAX     2048u
#define START_MAX_US 20000000u

struct conn {
	int fd;
	uint64_t began_us;
	size_t len;
	char answer[BODY_MAX];
};

static int dial(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool post(int fd, const char *path, const char *body)
{
	char text[2 * BODY_MAX];
	int len = snprintf(text, sizeof(text),
			   "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json"
			   "\r\nContent-Length: %zu\r\n\r\n%s",
			   path, strlen(body), body);

	return write(fd, text, (size_t)len) == len;
}

/* True once the answer is whole; false when more is to come. */
static bool is_whole(const struct conn *c)
{
	const char *end = strstr(c->answer, "\r\n\r\n");
	const char *length = strcasestr(c->answer, "content-length:");

	if (end == NULL)
		return false;
	if (length == NULL || length > end)
		bench_fail("etcd answered in pieces: %s", c->answer);
	return c->len >= (size_t)(end + 4 - c->answer) + strtoul(length + 15, NULL, 10);
}

static bool take(struct conn *c)
{
	ssize_t n = read(c->fd, c->answer + c->len, sizeof(c->answer) - 1 - c->len);

	if (n <= 0)
		bench_fail("etcd ended a connection");
	c->len += (size_t)n;
	c->answer[c->len] = '\0';
	return is_whole(c);
}

static const char *ask(struct conn *c, const char *path, const char *body)
{
	c->len = 0;
	if (!post(c->fd, path, body))
		bench_fail("etcd ended a connection");
	while (!take(c))
		;
	return c->answer;
}

static void base64(const void *from, size_t len, char *out, size_t room)
{
	must(sodium_bin2base64(out, room, from, len, sodium_base64_VARIANT_ORIGINAL) != NULL);
}

static void put_fenced(struct conn *c, uint64_t number)
{
	uint8_t value[BENCH_VALUE] = {0};
	char key[24], key64[48], value64[2 * BENCH_VALUE], body[BODY_MAX];

	snprintf(key, sizeof(key), "bench/%06llu", (unsigned long long)(number % 4096));
	put_u64(value, number);
	base64(key, strlen(key), key64, sizeof(key64));
	base64(value, sizeof(value), value64, sizeof(value64));
	snprintf(body, sizeof(body),
		 "{\"compare\":[{\"key\":\"ZmVuY2U=\",\"target\":\"VALUE\",\"result\":\"EQUAL\","
		 "\"value\":\"bWU=\"}],\"success\":[{\"request_put\":{\"key\":\"%s\","
		 "\"value\":\"%s\"}}]}",
		 key64, value64);
	c->len = 0;
	c->began_us = bench_now_us();
	if (!post(c->fd, "/v3/kv/txn", body))
		bench_fail("etcd ended a connection");
}

void etcd_load(const struct etcd *e, struct load *l)
{
	struct conn *conns = calloc(l->flight, sizeof(*conns));
	struct epoll_event seen[64];
	uint64_t number = 0, now, begin = bench_now_us();
	int poll = epoll_create1(EPOLL_CLOEXEC);

	must(conns != NULL);
	for (uint32_t i = 0; i < l->flight; i++) {
		struct epoll_event in = {.events = EPOLLIN, .data.ptr = &conns[i]};

		conns[i].fd = dial(e->leader);
		if (conns[i].fd < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, conns[i].fd, &in) != 0)
			bench_fail("etcd takes no connection");
		put_fenced(&conns[i], number++);
	}
	while ((now = bench_now_us()) < begin + l->warm_us + l->measure_us) {
		int n = epoll_wait(poll, seen, 64, 100);

		for (int i = 0; i < n; i++) {
			struct conn *c = seen[i].data.ptr;

			if (!take(c))
				continue;
			if (strstr(c->answer, "\"succeeded\":true") == NULL)
				bench_fail("etcd did not commit: %s", c->answer);
			now = bench_now_us();
			if (now >= begin + l->warm_us && l->count < BENCH_SAMPLES)
				l->sample[l->count++] = (uint32_t)(now - c->began_us);
			put_fenced(c, number++);
		}
	}
	l->took_us = now - begin - l->warm_us;
	for (uint32_t i = 0; i < l->flight; i++)
		close(conns[i].fd);
	close(poll);
	free(conns);
}

static void become(const struct etcd *e, uint32_t i, const char *directory)
{
	char name[16], data[512], client[64], peer[64], all[256];
	int log;

	snprintf(name, sizeof(name), "e%u", i);
	snprintf(data, sizeof(data), "%s/%s.log", directory, name);
	log = open(data, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	snprintf(data, sizeof(data), "%s/%s", directory, name);
	snprintf(client, sizeof(client), "http://127.0.0.1:%u", e->port[i]);
	snprintf(peer, sizeof(peer), "http://127.0.0.1:%u", e->port[i] + VIEW_PORT_STEP);
	snprintf(all, sizeof(all),
		 "e0=http://127.0.0.1:%u,e1=http://127.0.0.1:%u,e2=http://127.0.0.1:%u",
		 e->port[0] + VIEW_PORT_STEP, e->port[1] + VIEW_PORT_STEP,
		 e->port[2] + VIEW_PORT_STEP);
	if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(127);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execlp("etcd", "etcd", "--name", name, "--data-dir", data, "--listen-client-urls", client,
	       "--advertise-client-urls", client, "--listen-peer-urls", peer,
	       "--initial-advertise-peer-urls", peer, "--initial-cluster", all,
	       "--initial-cluster-state", "new", "--log-level", "error", (char *)NULL);
	_exit(127);
}

/* The member that says of itself that it leads; 0: nobody does yet. */
static uint16_t find_leader(const struct etcd *e)
{
	for (uint32_t i = 0; i < BENCH_VOTERS; i++) {
		struct conn c = {.fd = dial(e->port[i])};
		char leader[32] = "", member[32] = "-";

		if (c.fd < 0)
			continue;
		const char *answer = ask(&c, "/v3/maintenance/status", "{}");
		const char *at = strstr(answer, "\"leader\":\"");
		if (at != NULL)
			sscanf(at, "\"leader\":\"%31[0-9]", leader);
		at = strstr(answer, "\"member_id\":\"");
		if (at != NULL)
			sscanf(at, "\"member_id\":\"%31[0-9]", member);
		close(c.fd);
		if (strcmp(leader, member) == 0)
			return e->port[i];
	}
	return 0;
}

bool etcd_start(struct etcd *e, const char *directory)
{
	uint64_t until = bench_now_us() + START_MAX_US;
	uint16_t port = 21000;

	*e = (struct etcd){0};
	if (system("command -v etcd >/dev/null 2>&1") != 0)
		return false;
	for (uint32_t i = 0; i < BENCH_VOTERS; i++)
		port = (uint16_t)((e->port[i] = ports_free(port)) + 1);
	for (uint32_t i = 0; i < BENCH_VOTERS; i++) {
		e->pid[i] = fork();
		if (e->pid[i] == 0)
			become(e, i, directory);
	}
	while ((e->leader = find_leader(e)) == 0) {
		if (bench_now_us() > until)
			bench_fail("etcd elects nobody: see %s/e0.log", directory);
		usleep(100000);
	}
	struct conn c = {.fd = dial(e->leader)};
	ask(&c, "/v3/kv/put", "{\"key\":\"ZmVuY2U=\",\"value\":\"bWU=\"}");
	close(c.fd);
	return true;
}

void etcd_stop(struct etcd *e)
{
	for (uint32_t i = 0; i < BENCH_VOTERS; i++)
		if (e->pid[i] > 0 && kill(e->pid[i], SIGKILL) == 0)
			waitpid(e->pid[i], NULL, 0);
}
