/* The keeper's table: which children run, until when they may, and which ends the agent has not yet taken.
 *
 * A core without I/O. Production drives it from sched/keeper_uv.c in a process of its own, so that children, their exit
 * status and the lease outlive the agent; the simulator drives it with children that are not there.
 *
 * Invariants:
 *  1. An attempt is spawned at most once while it is in the table; only ACK takes it out, and only after it ended.
 *  2. With on_lost restart or fail nothing starts without a lease that runs, SIGTERM goes out kill_after (at most half
 *     a lease) before the lease's end, and SIGKILL to the whole tree at its end, agent or no agent.
 *  3. An end is told to every agent that asks, until one acknowledges it.
 *  4. The lease's end never moves back. */
#ifndef SCHED_KEEPER_H
#define SCHED_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "core/outbox.h"

/* Without an agent and without a running child it stays this long for ends nobody has taken; and so long it waits for
 * its first agent. */
#define KEEPER_LINGER_MS 600000u
#define KEEPER_FIRST_MS  10000u

struct keeper_config {
	uint64_t now_us;
	int32_t pid; /* our own, for the agent to know */
	const char *
		cgroup; /* "": none; else an absolute directory that ours are made in: DIRECTORY/slot-N */
};

struct keeper;

struct keeper *keeper_open(const struct keeper_config *c);
void keeper_close(struct keeper *k);
/* AGENT, SPAWNED, EXITED, SIGNAL (STOP: end all), WAKE. Effects: AGENT, SPAWN (at most one a step), KILL, LOG, EXIT. */
void keeper_step(struct keeper *k, const struct event *e, struct outbox *o);
uint64_t keeper_deadline_us(const struct keeper *k);

/* Attempts started and not ended; and all, with ends not yet acknowledged. */
uint32_t keeper_running(const struct keeper *k);
uint32_t keeper_count(const struct keeper *k);

#endif
