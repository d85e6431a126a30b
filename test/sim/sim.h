/* The simulator: whole clusters in one process, in virtual time, out of one seed.
 *
 * It stands where the doors stand and drives the same net/node.c as production: packets, streams, disks, keepers and
 * their children are made here, with loss, delay, cuts, pauses and three kinds of crash. After every step the
 * invariants are checked; the same seed gives the same history, byte for byte.
 *
 *   world.c    time, the queue of what will happen, a host's steps
 *   wire.c     packets and streams
 *   disk.c     files, what is synced, what a crash leaves
 *   keeper.c   keepers and children that are not there
 *   load.c     users: submit jobs, ask what became of them
 *   check.c    invariants
 *   script.c   scenarios: what to do when, and the lines expected
 *   chaos.c    faults by dice */
#ifndef TEST_SIM_SIM_H
#define TEST_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/config.h"
#include "core/disk.h"
#include "core/event.h"
#include "core/identity.h"
#include "core/outbox.h"
#include "core/rng.h"

#define HOSTS_MAX 1100u

struct happening;
struct files;
struct load;
struct household; /* a host's keeper and children */

/* A machine, with at most one agent on it. */
struct host {
	uint32_t index; /* from 1: its number in scripts and traces */
	struct addr addr;
	struct config config;
	struct identity identity;
	struct node *node; /* NULL: no agent runs */
	uint64_t
		life; /* rises with every start and end of the agent: what was meant for another is dropped */
	uint64_t wake_at; /* the wake-up in the queue; UINT64_MAX: none */
	uint64_t frozen_until;
	uint64_t next_conn; /* accepted connections are numbered from 1 */
	uint8_t machine_boot[16];
	struct files *files;
	struct household *household;
	bool ready;
	uint64_t *stream; /* numbers of those that end here */
	size_t streams, stream_room;

	/* what the checks remember over crashes */
	uint64_t ver[VIEWS];
	uint64_t boot;
	struct epoch epoch;
};

struct sim {
	uint64_t seed;
	uint64_t now_us;
	struct rng rng;
	struct host *host; /* [0..hosts) */
	uint32_t hosts;
	struct keyring ring;
	struct outbox *outbox;
	struct cards *cards; /* facts, shared by all */
	char root[32];

	/* the queue */
	struct happening *queue;
	size_t queued, queue_room;
	uint64_t order; /* ties are broken by who came first */

	/* the wire */
	uint32_t loss_permille;
	uint32_t duplicate_permille;
	uint64_t delay_min_us, delay_max_us;
	uint8_t *cut; /* [from * hosts + to] */
	struct stream *stream;
	size_t streams, stream_room;

	struct load *load;
	uint64_t chaos_until_us;

	/* what is seen */
	uint64_t hash;
	bool loud;   /* every entry on stdout */
	FILE *trace; /* scenario lines, or NULL */
	bool born;   /* a child, since it was last looked at */
	uint64_t steps, packets;
	const char *broken; /* the first invariant that did not hold */
	char broken_text[400];
};

/* --- world.c --- */
/* `schedulers` of the hosts are schedulers, the rest workers. */
struct sim *sim_open(uint64_t seed, uint32_t hosts, uint32_t schedulers);
void sim_close(struct sim *s);
/* Runs until that moment, or until an invariant breaks: false. */
bool sim_run(struct sim *s, uint64_t until_us);
void sim_hash(struct sim *s, const void *at, size_t len);
void sim_break(struct sim *s, const char *what, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void host_start(struct sim *s, struct host *h);
void host_kill(struct sim *s,
	       struct host *h); /* the agent only: page cache, keeper, children live on */
void host_power(struct sim *s, struct host *h); /* all: what was not synced is gone */
void host_freeze(struct sim *s, struct host *h, uint64_t for_us);
void host_signal(struct sim *s, struct host *h, enum signal signal);
/* Gives an event to the host's node, now, and carries out what comes of it. */
void host_tell(struct sim *s, struct host *h, struct event *e);
struct host *host_of_addr(struct sim *s, struct addr addr);
struct host *host_of_id(struct sim *s, struct id id);

/* What will happen. `host` 0: to the world. `life`: dropped when the host's differs (0: any). */
enum happening_kind {
	HAPPEN_START,
	HAPPEN_WAKE,
	HAPPEN_PACKET,
	HAPPEN_DIALED,
	HAPPEN_STREAM, /* bytes or the end are due at one end of a stream */
	HAPPEN_DISK,   /* the next operation of a lane is done */
	HAPPEN_VERIFIED,
	HAPPEN_RESOLVED,
	HAPPEN_TO_AGENT,
	HAPPEN_TO_KEEPER,
	HAPPEN_KEEPER_WAKE,
	HAPPEN_CHILD,
	HAPPEN_LOAD,
	HAPPEN_CHAOS,
	HAPPEN_SCRIPT,
};

struct happening {
	uint64_t at_us;
	uint64_t order;
	enum happening_kind kind;
	uint32_t host;
	uint64_t life;
	uint64_t a, b; /* as the kind says */
	struct addr from;
	uint8_t *bytes; /* owned */
	size_t len;
};

/* Takes over `h->bytes`. */
void sim_later(struct sim *s, uint64_t in_us, struct happening h);
uint8_t *sim_copy(struct bytes b);

/* --- wire.c --- */
void wire_packet(struct sim *s, struct host *from, const struct effect *e);
void wire_dial(struct sim *s, struct host *from, const struct effect *e);
void wire_output(struct sim *s, struct host *from, const struct effect *e);
void wire_hangup(struct sim *s, struct host *from, uint64_t conn);
void wire_happens(struct sim *s, const struct happening *h);
void wire_host_down(struct sim *s, struct host *h,
		    bool silent); /* silent: nobody says the streams are gone */
void wire_cut(struct sim *s, uint32_t from, uint32_t to, bool cut);
/* A program on the host opens its local socket; the connection, at the program's end. */
uint64_t wire_local(struct sim *s, struct host *h);
bool wire_local_open(const struct sim *s, uint64_t stream);
void wire_local_write(struct sim *s, uint64_t stream, struct bytes bytes);
void wire_local_close(struct sim *s, uint64_t stream);

/* --- disk.c --- */
struct files *files_open(void);
void files_close(struct files *f);
void disk_effect(struct sim *s, struct host *h, const struct effect *e);
void disk_happens(struct sim *s, struct host *h, const struct happening *what);
void disk_killed(
	struct sim *s,
	struct host *h); /* the agent's operations under way: some are done, the rest not */
void disk_power_lost(struct sim *s, struct host *h); /* what was not synced is gone, or torn */
struct disk disk_of(struct host *h);
/* At once and for good: what a child writes, what a test plants. */
void files_append(struct files *f, const char *name, struct bytes body);
void files_put(struct files *f, const char *name, struct bytes body);

/* --- keeper.c --- */
struct household *household_open(void);
void household_close(struct household *w);
void keeper_effect(struct sim *s, struct host *h,
		   const struct effect *e); /* EFFECT_KEEPER of the agent */
void keeper_happens(struct sim *s, struct host *h, const struct happening *what);
void keeper_agent_gone(struct sim *s, struct host *h);
void keeper_kill(struct sim *s, struct host *h); /* kill -9: its direct children die with it */
void keeper_power_lost(struct sim *s, struct host *h);
/* How many attempts of this job run anywhere now, frozen machines left out. */
uint32_t household_running(const struct sim *s, const char *job);
uint32_t household_started(const struct sim *s);
/* True once after a child was born anywhere. */
bool household_changed(struct sim *s);

/* --- load.c --- */
/* A job every `every_us` until `until_us`: `work MS CODE`, handed in at any host that is up, again and again under the
 * same key until somebody says that it is accepted. */
void load_begin(struct sim *s, uint64_t every_us, uint64_t until_us);
void load_happens(struct sim *s, const struct happening *h);
void load_read(struct sim *s, uint64_t stream, struct bytes bytes);
void load_gone(struct sim *s, uint64_t stream);
void load_close(struct sim *s);
uint32_t load_offered(const struct sim *s);
uint32_t load_accepted(const struct sim *s);
/* Of the i-th job offered: its id, when it was accepted; false when it was not yet. */
bool load_job(const struct sim *s, uint32_t i, struct id *job);

/* --- check.c --- */
void check_step(struct sim *s, struct host *h);
/* After the faults stopped and time was given: views, director, jobs. */
bool check_settled(struct sim *s, char why[200]);
uint32_t check_views_agree(struct sim *s); /* hosts up whose view `all` is exactly the hosts up */
struct host *check_director(struct sim *s);

/* --- chaos.c --- */
void chaos_begin(struct sim *s, uint64_t until_us);
void chaos_happens(struct sim *s, const struct happening *h);
void chaos_heal(struct sim *s); /* no cut, everyone up */

/* --- script.c --- */
int script_run(const char *path, bool loud);
void script_happens(struct sim *s, const struct happening *h);

#endif
