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
 *   truth.c    what was committed, what ran
 *   check.c    invariants; views.c: those of the views
 *   script.c   scenarios: what to do when, and the lines expected
 *   chaos.c    faults by dice
 *   change.c   schedulers that come and go for good
 *   ambush.c   and those that wait for the worst moment
 *   birth.c    faults while the store is born
 *   charge.c   steps that take time
 *   crowd.c    ten thousand workers
 *   daily.c    a day, and no alarm that was not due */
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
#include "core/table.h"
#include "sched/job.h"

#define HOSTS_MAX    10100u
#define REIGNS       4096u
#define WALL_BASE_US UINT64_C(1700000000000000)
#define FORGED_KEPT  64u /* packets remembered, to be sent once more */

struct happening;
struct files;
struct load;
struct household; /* a host's keeper and children */
struct truth;
struct charge;
struct daily;

/* What one observer knows of one member, over its life. */
struct seen {
	uint64_t boot, incarnation;
	bool gone, left;
};

/* Who directed in an epoch. */
struct reign {
	struct epoch epoch;
	uint32_t host;
	uint64_t life;
};

/* What users want of the cluster. */
struct load_wish {
	uint64_t every_us, until_us; /* every_us 0: only what load_one asks for */
	uint64_t long_ms;            /* the longest work */
	size_t weight;               /* bytes of environment with each job */
	bool own_keys;               /* none with a time in it: clocks jump */
	uint32_t at;                 /* the host that is asked; 0: any */
};

/* The streams that end at a host, by the host's own number for them. */
struct ends {
	uint64_t *number;
	size_t room;
};

/* A machine, with at most one agent on it. */
struct host {
	uint32_t index; /* from 1: its number in scripts and traces */
	struct addr addr;
	struct config config;
	struct identity identity;
	struct node *node; /* NULL: no agent runs */
	uint64_t
		life; /* rises with every start and end of the agent: what was meant for another is dropped */
	uint64_t wake_at;       /* the wake-up in the queue; UINT64_MAX: none */
	uint64_t frozen_until;  /* the whole machine sleeps, its keeper and children, too */
	uint64_t away_until_us; /* it does not start before; UINT64_MAX: it is gone for good */
	uint64_t stopped_until; /* its agent alone: SIGSTOP */
	uint64_t next_conn;     /* accepted connections are numbered from 1 */
	uint8_t machine_boot[16];
	struct files *files;
	struct household *household;
	bool ready;
	struct ends ends[2]; /* streams accepted, streams dialled */

	uint64_t wall_offset_us;
	struct charge *charge; /* NULL: its steps take no time */
	/* its clock since boot: it showed clock_us at clock_from_us, and runs so many millionths too fast */
	uint64_t clock_us, clock_from_us;
	int64_t clock_ppm;

	/* what the checks remember over crashes */
	bool full;
	bool was_full; /* the disk, in this life: its `ver` may go back once, for gossip goes on without */
	uint64_t ver[VIEWS];
	uint64_t boot, boot_life;
	struct epoch epoch; /* it last directed in */
	struct id voter;
	uint64_t voter_boot, voter_life;
	struct epoch born; /* of the last order that became a child */
	uint32_t level;    /* of the state, that its program knows; 0: as it was built */
	/* and of this life */
	bool directed;
	uint64_t ask_us;               /* when it asks for its lease next */
	uint64_t led_term, led_commit; /* led_term 0: it does not lead */
	uint64_t looked;               /* positions held against the truth */
	uint64_t view_sum[VIEWS];
	struct seen *seen[VIEWS]; /* [hosts) */
	uint64_t second;
	uint32_t steps; /* in that second */
};

struct old_packet {
	uint32_t to;
	struct addr from;
	uint64_t door;
	uint8_t *bytes;
	size_t len;
};

struct sim {
	uint64_t seed;
	uint64_t now_us;
	uint64_t late_us; /* what is done now is done so much later: charge.c */
	struct rng rng;
	struct host *host; /* [0..hosts) */
	uint32_t hosts;
	struct keyring ring;
	struct outbox *outbox;
	struct cards *cards; /* facts, shared by all */
	struct table host_by_id;
	char root[32];

	/* the queue */
	struct happening *queue;
	size_t queued, queue_room;
	uint64_t order; /* ties are broken by who came first */

	/* the wire */
	uint32_t loss_permille;
	uint32_t duplicate_permille;
	uint32_t
		stall_permille; /* pieces of a stream that are sent once more, after TCP's timeout */
	uint64_t delay_min_us, delay_max_us;
	uint32_t forge_permille; /* packets that come once more with a bit turned, or long after */
	struct old_packet old[FORGED_KEPT];
	bool forging; /* this step's packet is one */
	uint8_t *cut; /* [from * hosts + to] */
	struct stream *stream;
	size_t streams, stream_room;
	uint32_t *stream_free; /* places that are free again */
	size_t streams_free;

	struct load *load;
	struct person *person; /* NULL: nobody confirms anything */
	struct daily *daily;   /* NULL: nobody listens for alarms */
	struct truth *truth;
	struct reign *reign; /* [REIGNS], by term */

	/* chaos */
	uint64_t chaos_until_us;
	struct rng change_rng; /* change.c */
	uint32_t change;
	uint64_t chaos_gap_us;
	struct load_wish wish;
	bool wall_jumps;
	bool clocks_differ;
	bool strike;             /* at the next commit the power goes everywhere */
	bool ambush;             /* at the next question for a lease its worker sleeps */
	uint64_t snapshot_every; /* bytes of log; 0: as always */
	uint32_t dead_keep_ms;   /* 0: as always */

	/* what is seen */
	uint64_t hash;
	bool loud;   /* every entry on stdout */
	FILE *trace; /* scenario lines, or NULL */
	uint64_t steps, packets;
	const char *broken; /* the first invariant that did not hold */
	char broken_text[400];
};

/* --- world.c --- */
/* `schedulers` of the hosts are schedulers, the rest workers. */
struct sim *sim_open(uint64_t seed, uint32_t hosts, uint32_t schedulers);
void sim_close(struct sim *s);
/* The store is born on that host, and not on the first; 0: on none. Before anything starts. */
void sim_found(struct sim *s, uint32_t host);
/* Runs until that moment, or until an invariant breaks: false. */
bool sim_run(struct sim *s, uint64_t until_us);
void sim_hash(struct sim *s, const void *at, size_t len);
void sim_break(struct sim *s, const char *what, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void host_start(struct sim *s, struct host *h);
void host_kill(struct sim *s,
	       struct host *h); /* the agent only: page cache, keeper, children live on */
void host_power(struct sim *s, struct host *h); /* all: what was not synced is gone */
/* Its disk is another, and so is its identity, made of that seed. */
void host_renew(struct sim *s, struct host *h, const uint8_t seed[32]);
void host_freeze(struct sim *s, struct host *h, uint64_t for_us);
/* SIGSTOP of the agent, and SIGCONT later: keeper and children go on. */
void host_pause(struct sim *s, struct host *h, uint64_t for_us);
void host_signal(struct sim *s, struct host *h, enum signal signal);
/* Gives an event to the host's node, now, and carries out what comes of it. */
void host_tell(struct sim *s, struct host *h, struct event *e);
/* What happens to it, and the end of a turn: of a host whose steps take time. */
void host_happens(struct sim *s, struct host *h, struct happening *what);
void host_turn(struct sim *s, struct host *h);
struct host *host_of_addr(struct sim *s, struct addr addr);
struct host *host_of_id(struct sim *s, struct id id);
uint64_t host_wall_us(const struct sim *s, const struct host *h);
/* What its own clock shows, which no other host's does; and the world's moment at which it will show `at_us`, not
 * before now. */
uint64_t host_now_us(const struct sim *s, const struct host *h);
uint64_t host_when_us(const struct sim *s, const struct host *h, uint64_t at_us);
/* From now on its clock shows something else, at another rate: for a machine that is off. */
void host_set_clock(struct sim *s, struct host *h);

/* What will happen. `host` 0: to the world. `life`: dropped when the host's differs (0: any). */
enum happening_kind {
	HAPPEN_START,
	HAPPEN_WAKE,
	HAPPEN_PACKET,
	HAPPEN_DIALED,
	HAPPEN_STREAM, /* bytes or the end are due at one end of a stream */
	HAPPEN_READ,   /* they have lain there since whose stream it is fell asleep */
	HAPPEN_DISK,   /* the next operation of a lane is done */
	HAPPEN_VERIFIED,
	HAPPEN_RESOLVED,
	HAPPEN_TO_AGENT,
	HAPPEN_TO_KEEPER,
	HAPPEN_KEEPER_WAKE,
	HAPPEN_CHILD,
	HAPPEN_THAWED,
	HAPPEN_TURN,
	HAPPEN_LOAD,
	HAPPEN_PERSON,
	HAPPEN_CHAOS,
	HAPPEN_DAILY,
	HAPPEN_BIRTH,
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
/* It is about a stream that was not accepted yet. */
bool wire_knocks(const struct sim *s, const struct happening *h);
/* What comes to a host that sleeps is to wait there, and a later cut does not touch it. False: it did not come. */
bool wire_lies_there(struct sim *s, struct happening *what);
void wire_host_down(struct sim *s, struct host *h,
		    bool silent); /* silent: nobody says the streams are gone */
void wire_cut(struct sim *s, uint32_t from, uint32_t to, bool cut);
/* A program on the host opens its local socket; the connection, at the program's end. */
uint64_t wire_local(struct sim *s, struct host *h);
bool wire_local_open(const struct sim *s, uint64_t stream);
void wire_local_write(struct sim *s, uint64_t stream, struct bytes bytes);
void wire_local_close(struct sim *s, uint64_t stream);

/* --- switch.c --- */
/* Asks the host to switch the director over: to that node, "": to whoever is up to date. */
void switch_over(struct sim *s, struct host *h, const char *to);
/* Asks the host for a drill: the director falls silent, and another is to take over. */
void drill(struct sim *s, struct host *h);

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
void files_drop(struct files *f, const char *name);
void disk_full(struct host *h, bool full);
/* What must reach the platter takes so much longer. */
void disk_slow(struct host *h, uint64_t us);

/* A machine that wakes may run on for this instant, until its keeper has killed what outlived its lease. */
#define THAW_US UINT64_C(20000) /* the instant between waking and the kill */

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
uint32_t household_running(const struct sim *s, struct id job);
uint32_t household_started(const struct sim *s);
/* Of a machine that has been awake for a moment: the lease has had its say. */
void household_thawed(struct sim *s, struct host *h);

/* --- load.c --- */
/* Jobs `work MS CODE`, handed in at any host that is up, again and again under the same key until somebody says that it
 * is accepted. */
void load_begin(struct sim *s, struct load_wish wish);
/* One more, at that host (0: any). */
void load_one(struct sim *s, uint32_t at, uint64_t work_ms, uint64_t code, enum on_lost on_lost);
void load_happens(struct sim *s, const struct happening *h);
void load_read(struct sim *s, uint64_t stream, struct bytes bytes);
void load_gone(struct sim *s, uint64_t stream);
void load_close(struct sim *s);
uint32_t load_offered(const struct sim *s);
uint32_t load_accepted(const struct sim *s);
/* Of the i-th job offered: its id, when it was accepted; false when it was not yet. */
bool load_job(const struct sim *s, uint32_t i, struct id *job);
/* Nobody waits for an answer; else a sentence. */
bool load_done(const struct sim *s, char why[200]);

/* --- person.c --- */
/* A person at `at` confirms the loss of these hosts ("1,3"); what is refused is tried again each second. */
void person_begins(struct sim *s, struct host *at, const char *lost);
void person_happens(struct sim *s);
/* True when the stream is the person's. */
bool person_read(struct sim *s, uint64_t stream, struct bytes bytes);
void person_gone(struct sim *s, uint64_t stream);
void person_close(struct sim *s);

/* --- truth.c --- */
struct truth *truth_open(void);
void truth_close(struct truth *t);
/* A host may have applied something. */
void truth_look(struct sim *s, struct host *h);
/* Its whole map. */
void truth_compare(struct sim *s, struct host *h);
/* As last committed; borrows until the next commit. */
bool truth_job(const struct sim *s, struct id id, struct job *job);
uint64_t truth_position(const struct sim *s);
bool truth_is_born(const struct sim *s);
/* When the first child was born of an order of that term or a later one; 0: none yet. */
uint64_t truth_first_us(const struct sim *s, uint64_t term);
void truth_born(struct sim *s, struct host *h, const struct attempt *a, struct epoch epoch);
/* What no setting says is made smaller, so that ten minutes see it. */
void truth_vary(const struct sim *s, struct host *h);
void truth_gone(struct sim *s, const struct attempt *a);
void truth_ended(struct sim *s, const struct attempt *a, int32_t status);

/* --- check.c --- */
void check_step(struct sim *s, struct host *h);
void check_promises(struct sim *s, struct host *h);
void check_jobs(struct sim *s, struct id job);
void check_forged(struct sim *s, struct host *h);
/* views.c */
void check_views(struct sim *s, struct host *h);
void views_vary(const struct sim *s, struct host *h); /* as truth_vary */
/* After the faults stopped and time was given: views, director, jobs. */
bool check_settled(struct sim *s, char why[200]);
uint32_t check_views_agree(struct sim *s); /* hosts up whose view `all` is exactly the hosts up */
struct host *check_director(struct sim *s);

/* --- chaos.c --- */
/* What a happening of chaos is about; but for the first, what one begins another ends. */
enum chaos {
	CHAOS_NEXT,
	CHAOS_JOIN_AGAIN, /* host b */
	CHAOS_SPACE,      /* on host b */
	CHAOS_CHANGE,     /* change.c */
	CHAOS_STRIKE,     /* at a commit: the power goes everywhere, or workers sleep */
	CHAOS_AMBUSH,     /* worker b has just asked for its lease: it sleeps */
	CHAOS_ALONE,      /* host b, a moment later: nobody hears it any more */
};
/* Draws how the cluster is configured, and s->wish. Before anything starts. */
void chaos_vary(struct sim *s);
void chaos_begin(struct sim *s, uint64_t until_us);
void chaos_happens(struct sim *s, const struct happening *h);
void birth_happens(struct sim *s);
void chaos_heal(struct sim *s); /* no cut, everyone up */

void chaos_mend(struct sim *s); /* no cut, no loss */

/* --- ambush.c --- */
void ambush_look(struct sim *s, struct host *h);
void ambush_happens(struct sim *s, struct host *h);
void ambush_alone(struct sim *s, struct host *h);
/* The director sleeps until another directs, and this host hears the old one only. */
void ambush_old_ties(struct sim *s, struct host *h);

/* --- change.c --- */
/* Before anything starts, as it may be that one does not. */
void change_begin(struct sim *s, uint64_t until_us);
void change_happens(struct sim *s);

/* --- birth.c --- */
/* `count` clusters are born in bad weather: each must come to have one store. The number of those that did not. */
uint64_t births(uint64_t seed, uint64_t count, bool loud);

/* --- charge.c --- */
struct charge *charge_open(void);
void charge_close(struct charge *c);
/* It waits for the host's next turn, with its bytes. */
void charge_wait(struct sim *s, struct host *h, struct happening *what);
void charge_turn(struct sim *s, struct host *h);
bool charge_turning(const struct host *h);
/* Around a step, and for each effect. */
void charge_begin(struct host *h);
void charge_end(struct sim *s, struct host *h, const struct event *e);
void charge_effect(struct sim *s, struct host *h, const struct effect *e);
void charge_alone(struct sim *s, struct host *h);
/* Since the mark: in all, and of the longest turn. */
void charge_mark(struct host *h);
double charge_seconds(const struct host *h);
double charge_longest(const struct host *h);

/* --- crowd.c --- */
/* 0 when `workers` were attached again in good time after a fail-over, and after a start of all schedulers. */
int crowd(uint64_t seed, uint32_t workers, bool loud);

/* --- daily.c --- */
/* 0 when nothing was said in those hours that was not due. */
int daily(uint64_t seed, uint64_t hours, bool loud);
void daily_happens(struct sim *s, const struct happening *what);
void daily_logged(struct sim *s, struct host *h, const struct effect *e);

/* --- script.c --- */
int script_run(const char *path, bool loud);
void script_happens(struct sim *s, const struct happening *h);

#endif
