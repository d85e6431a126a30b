/* Where a keeper listens, who may call, and which cgroup it may use. */
#ifndef SCHED_KEEPER_SOCKET_UV_H
#define SCHED_KEEPER_SOCKET_UV_H

#include <stdbool.h>
#include <stddef.h>

/* A listening Unix socket (0600), instead of a stale one; -EADDRINUSE when a keeper answers there. Negative errno. A
 * path of any length: its directory is opened first. */
int keeper_listen(const char *path);
/* Connected, non-blocking; negative errno. */
int keeper_dial(const char *path);
/* Peer credentials: our own user, or root. */
bool keeper_peer_allowed(int fd);

/* `wish`: none, auto, or a directory of cgroup v2 that was delegated to us. "" when there is none that can be used. */
void keeper_cgroup(const char *wish, char *out, size_t size);

#endif
