/* What the store's bench is made of. One parent measures; everything it measures runs in processes of its own, and what
 * they found lies in memory that they share with it. */
#ifndef TEST_BENCH_BENCH_H
#define TEST_BENCH_BENCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/bytes.h"
#include "core/identity.h"

#define BENCH_SAMPLES (1u << 21)
#define BENCH_VOTERS  3u
#define BENCH_VALUE   256u /* bytes of a commit's value */

/* One load, and what came of it: written by whoever bears it, read by the parent once it is done. */
struct load {
	uint32_t keys;    /* so many rows are written, again and again */
	uint32_t flight;  /* so many at one time */
	uint64_t warm_us; /* not measured at first */
	uint64_t measure_us;
	uint64_t took_us;
	uint64_t refused;
	uint64_t largest_us; /* the longest step or turn of the node, of this processor's time */
	uint32_t count;      /* samples: µs from the word to its answer */
	uint32_t sample[BENCH_SAMPLES];
};

struct stage {
	_Atomic uint32_t asked; /* number of the load to bear */
	_Atomic uint32_t done;
	_Atomic uint32_t
		ready; /* bit of each voter that leads and whose loss, or anyone's, is survived */
	struct load load;
};

/* Memory for the parent and what it forks. */
struct stage *stage_open(void);
uint64_t bench_now_us(void);
/* Ends the program with a sentence. */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* voter.c: one node of the store, in this process, until it is told to end. */
struct id voter_id(uint32_t number);
/* A row of the state that the director reads and then leaves alone: a worker's, with a record of no known form. */
#define BENCH_KEY_LEN 23u
struct bytes bench_key(uint64_t number, uint8_t out[BENCH_KEY_LEN]);
struct voter_start {
	uint32_t number; /* from 0; the first is the founder */
	uint16_t port;
	const char *seeds;
	const char *root; /* its data directory */
	const struct keyring *ring;
	struct stage *stage;
	bool alone; /* there are no others */
};
int voter_run(const struct voter_start *start);

/* ceiling.c: one of several processes that append and sync at one time; how quick a word and its answer are. */
void ceiling_sync(const char *directory, struct load *load);
void ceiling_rtt(struct load *load);

/* restart.c: fills a new data directory of a voter that is alone. */
void restart_prepare(const char *root, const struct keyring *ring, struct id node,
		     uint64_t entries);

/* etcd.c */
struct etcd {
	pid_t pid[BENCH_VOTERS];
	uint16_t port[BENCH_VOTERS];
	uint16_t leader;
};
/* False when it is not installed. */
bool etcd_start(struct etcd *e, const char *directory);
void etcd_stop(struct etcd *e);
void etcd_load(const struct etcd *e, struct load *load);

#endif
