/* The keeper's doors: the small process `witan keeper` that owns the running children, and how an agent finds it.
 *
 * It listens on a Unix socket in the data directory; one agent at a time talks to it, the newest one, of our own user
 * or root. The words are framed as in sched/keeper_wire.h. It needs no event loop library: one poll over the listener,
 * the agent, signals and one timer of CLOCK_BOOTTIME. */
#ifndef SCHED_KEEPER_UV_H
#define SCHED_KEEPER_UV_H

/* Where in the data directory it listens; beside it stand keeper.sock.pid and keeper.sock.log. */
#define KEEPER_SOCKET "keeper.sock"

/* Program `witan keeper --socket PATH [--node ID] [--cgroup none|auto|PATH] [--user NAME] [--listen FD]`. Returns the
 * exit code. With --listen it goes into the background on that inherited listener. */
int keeper_main(int argc, char **argv);

/* A connected, non-blocking, close-on-exec stream socket to the keeper of data directory `root`, which is started from
 * `program` (the path of this very binary; NULL: /proc/self/exe) when none listens. Blocks for a few milliseconds at
 * most. Negative errno when it can not be done. A keeper that is just ending still takes a call, which then falls before
 * it is answered: call again. */
int keeper_connect(const char *root, const char *program, const char *node, const char *user);

#endif
