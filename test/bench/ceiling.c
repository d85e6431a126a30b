/* What the machine itself can do, measured beside the store in every round. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/must.h"
#include "test/bench/bench.h"

enum { PIECE = 350, FILE_LEN = 1 << 20, TOLD = 320 };

static void note(struct load *l, uint64_t began_us)
{
	if (l->count < BENCH_SAMPLES)
		l->sample[l->count++] = (uint32_t)(bench_now_us() - began_us);
}

/* As a log would: into a file whose bytes were written before, so that a sync is one write and nothing else. */
void ceiling_sync(const char *directory, struct load *l)
{
	uint64_t end = bench_now_us() + l->measure_us;
	static uint8_t zero[FILE_LEN];
	uint8_t piece[PIECE];
	char path[512];
	off_t at = 0;
	int fd;

	memset(piece, 7, sizeof(piece));
	snprintf(path, sizeof(path), "%s/ceiling-%d", directory, (int)getpid());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || pwrite(fd, zero, sizeof(zero), 0) != FILE_LEN || fsync(fd) != 0)
		bench_fail("%s can not be written", path);
	unlink(path);
	for (uint64_t now = bench_now_us(); now < end; now = bench_now_us()) {
		if (at + PIECE > FILE_LEN)
			at = 0;
		if (pwrite(fd, piece, PIECE, at) != PIECE || fdatasync(fd) != 0)
			bench_fail("%s can not be synced", path);
		at += PIECE;
		note(l, now);
	}
	close(fd);
}

static bool pass(int fd, bool write_first)
{
	uint8_t told[TOLD] = {0};

	if (write_first && write(fd, told, sizeof(told)) != TOLD)
		return false;
	if (recv(fd, told, sizeof(told), MSG_WAITALL) != TOLD)
		return false;
	return write_first || write(fd, told, sizeof(told)) == TOLD;
}

void ceiling_rtt(struct load *l)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, fd;
	uint64_t end;
	pid_t other;

	if (bind(listener, (struct sockaddr *)&at, len) != 0 || listen(listener, 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &len) != 0)
		bench_fail("no loopback");
	other = fork();
	if (other == 0) {
		fd = accept(listener, NULL, NULL);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		while (pass(fd, false))
			;
		_exit(0);
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (other < 0 || connect(fd, (struct sockaddr *)&at, len) != 0)
		bench_fail("no loopback");
	end = bench_now_us() + l->measure_us;
	for (uint64_t now = bench_now_us(); now < end; now = bench_now_us()) {
		if (!pass(fd, true))
			bench_fail("the loopback broke");
		note(l, now);
	}
	close(fd);
	close(listener);
	waitpid(other, NULL, 0);
}
