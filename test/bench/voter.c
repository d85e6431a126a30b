/* A voter of the bench: the whole node behind its real doors. Only what a director would say is said from here: batches to
 * commit, as many at a time as the load asks for. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/config.h"
#include "core/facts.h"
#include "core/limits.h"
#include "core/must.h"
#include "net/host_uv.h"
#include "net/node_parts.h"
#include "sched/batch.h"
#include "sched/store.h"
#include "test/bench/bench.h"

#define LOOK_EVERY_US 2000u               /* for a new load, while there is none */
#define TOKENS        (UINT64_C(1) << 48) /* above those of the node's own director */

struct under_way {
	uint64_t position;
	uint64_t began_us;
};

struct voter {
	struct node *node;
	const struct voter_start *start;
	struct batch batch;
	struct buffer packed;
	uint64_t token;
	uint64_t keys;
	struct under_way *ring;
	uint32_t head, count;
	bool loaded;
	uint64_t began_us; /* of the load */
	uint64_t turned_us;
	bool refused; /* until the next turn */
};

static struct voter here;

static enum err open_voter(const struct node_start *start, void **self, char why[200])
{
	enum err err = node_open(start, &here.node, why);

	batch_init(&here.batch);
	buffer_init(&here.packed, BATCH_MAX);
	here.ring = calloc(STORE_PENDING_MAX, sizeof(*here.ring));
	must(here.ring != NULL);
	*self = &here;
	return err;
}

static void close_voter(void *self)
{
	struct voter *v = self;

	node_close(v->node);
	batch_fini(&v->batch);
	buffer_fini(&v->packed);
	free(v->ring);
}

/* Of this thread: others that share the machine do not count. */
static uint64_t processor_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void took(const struct voter *v, uint64_t began_us)
{
	struct load *l = &v->start->stage->load;
	uint64_t us = processor_us() - began_us;

	if (v->loaded && us > l->largest_us)
		l->largest_us = us;
}

static void step_voter(void *self, const struct event *event, struct outbox *outbox)
{
	struct voter *v = self;
	uint64_t began = processor_us();

	node_step(v->node, event, outbox);
	took(v, began);
}

static bool leads(const struct voter *v)
{
	return v->node->life.directing;
}

static void tell_ready(const struct voter *v)
{
	_Atomic uint32_t *ready = &v->start->stage->ready;
	uint32_t bit = 1u << v->start->number;
	char survives[128];
	struct store_figures f = store_figures(v->node->store);
	bool is = leads(v) && f.applied == f.last;

	if (is && !v->start->alone)
		is = store_state(v->node->store) == STORE_COUPLED &&
		     !strcmp(store_survives(v->node->store, survives),
			     "tolerates the loss of any 1");

	if (is)
		atomic_fetch_or(ready, bit);
	else
		atomic_fetch_and(ready, ~bit);
}

struct bytes bench_key(uint64_t number, uint8_t out[BENCH_KEY_LEN])
{
	memcpy(out, "worker/", 7);
	put_u64(out + 7, number * UINT64_C(0x9e3779b97f4a7c15)); /* ids come in no order */
	put_u64(out + 15, number);
	return bytes_of(out, BENCH_KEY_LEN);
}

static struct bytes next_batch(struct voter *v, uint64_t now_us)
{
	static uint8_t value[BENCH_VALUE];
	uint8_t key[BENCH_KEY_LEN];
	struct bytes name = bench_key(v->keys++ % v->start->stage->load.keys, key);
	enum err err;

	put_u64(value, v->keys);
	put_u64(value + 8, now_us);
	buffer_clear(&v->batch.ops);
	v->batch.count = 0;
	err = batch_put(&v->batch, name, bytes_of(value, sizeof(value)));
	must(err == OK);
	buffer_clear(&v->packed);
	err = batch_pack(&v->batch, now_us, &v->packed);
	must(err == OK);
	return buffer_bytes(&v->packed);
}

/* One word of a director. False when the store takes no more now. */
static bool commit_one(struct voter *v, uint64_t now_us, uint64_t wall_us, struct outbox *outbox)
{
	struct event e = {.kind = EVENT_TELL, .now_us = now_us, .wall_us = wall_us};
	uint64_t before = store_figures(v->node->store).last, after;

	e.tell.kind = TELL_COMMIT;
	e.tell.batch.token = TOKENS + ++v->token;
	e.tell.batch.epoch = v->node->life.epoch;
	e.tell.batch.batch = next_batch(v, now_us);
	node_step(v->node, &e, outbox);
	after = store_figures(v->node->store).last;
	if (after == before)
		return false;
	must(v->count < STORE_PENDING_MAX);
	v->ring[(v->head + v->count++) % STORE_PENDING_MAX] =
		(struct under_way){after, bench_now_us()};
	return true;
}

static void take_committed(struct voter *v)
{
	uint64_t applied = store_figures(v->node->store).applied;
	struct load *l = &v->start->stage->load;
	uint64_t now = bench_now_us();
	bool measured = v->loaded && now >= v->began_us + l->warm_us;

	while (v->count > 0 && v->ring[v->head].position <= applied) {
		uint64_t began = v->ring[v->head].began_us;

		v->head = (v->head + 1) % STORE_PENDING_MAX;
		v->count--;
		if (measured && l->count < BENCH_SAMPLES)
			l->sample[l->count++] = (uint32_t)(now - began);
	}
}

static void look(struct voter *v)
{
	struct stage *s = v->start->stage;
	uint64_t now = bench_now_us();

	tell_ready(v);
	if (!v->loaded && leads(v) && atomic_load(&s->asked) != atomic_load(&s->done)) {
		v->loaded = true;
		v->began_us = now;
		s->load.count = 0;
		s->load.refused = 0;
		s->load.largest_us = 0;
	}
	if (v->loaded && now >= v->began_us + s->load.warm_us + s->load.measure_us) {
		s->load.took_us = now - v->began_us - s->load.warm_us;
		v->loaded = false;
		atomic_store(&s->done, atomic_load(&s->asked));
	}
}

static void turn_voter(void *self, uint64_t now_us, uint64_t wall_us, struct outbox *outbox)
{
	struct voter *v = self;
	struct load *l = &v->start->stage->load;
	uint64_t began;

	look(v);
	v->refused = false;
	while (v->loaded && v->count < l->flight && !v->refused) {
		v->refused = !commit_one(v, now_us, wall_us, outbox);
		l->refused += v->refused;
	}
	began = processor_us();
	node_turn(v->node, now_us, wall_us, outbox);
	took(v, began);
	take_committed(v);
	v->turned_us = now_us;
}

static uint64_t deadline_of_voter(const void *self)
{
	const struct voter *v = self;
	uint64_t at = node_deadline_us(v->node);
	uint64_t mine = v->turned_us + LOOK_EVERY_US;

	if (v->loaded && !v->refused && v->count < v->start->stage->load.flight)
		mine = 0;
	return at < mine ? at : mine;
}

static void write_log(void *self, enum log_level level, uint64_t wall_us, const char *fields,
		      const char *text)
{
	(void)fields;
	fprintf(self, "%llu %d %s\n", (unsigned long long)wall_us, (int)level, text);
	fflush(self);
}

static void set(struct config *c, const char *name, const char *value)
{
	char why[CONFIG_WHY_MAX];

	if (config_set(c, name, value, ORIGIN_FLAG, why) != OK)
		bench_fail("%s", why);
}

static void make_identity(uint32_t number, struct identity *me)
{
	uint8_t seed[32] = {(uint8_t)(number + 1)};

	identity_make(me, seed);
}

struct id voter_id(uint32_t number)
{
	struct identity me;

	make_identity(number, &me);
	return me.id;
}

int voter_run(const struct voter_start *start)
{
	static const struct host_ops ops = {open_voter, close_voter, step_voter, turn_voter,
					    deadline_of_voter};
	static struct config config;
	struct identity me;
	char text[16], path[PATH_MAX + 8];

	here.start = start;
	make_identity(start->number, &me);
	config_init(&config);
	snprintf(text, sizeof(text), "voter%u", start->number);
	set(&config, "name", text);
	snprintf(text, sizeof(text), "%u", start->port);
	set(&config, "private_port", text);
	set(&config, "role", "scheduler");
	set(&config, "discovery", "static");
	set(&config, "seeds", start->seeds);
	set(&config, "in_process_worker", "no");
	snprintf(path, sizeof(path), "%s.log", start->root);
	FILE *log = fopen(path, "we");
	if (log == NULL)
		bench_fail("%s can not be written", path);
	struct host_start host = {
		.ops = &ops,
		.config = &config,
		.identity = &me,
		.keyring = start->ring,
		.root = start->root,
		.socket = "",
		.addr = addr_v4(127, 0, 0, 1, start->port),
		.roles = ROLE_SCHEDULER,
		.dev = true,
		.log_self = log,
		.log = write_log,
	};
	return host_run(&host);
}
