/* What was committed and what really ran, as the world remembers it: each host's log and map are held against it.
 *
 * The first host that applies a position says what stands there; every other must say the same. The batches are applied
 * to a map of our own as well, job by job looked at: what is in it is the cluster's only truth. */
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "net/node_parts.h"
#include "sched/batch.h"
#include "sched/job_pack.h"
#include "sched/store/inside.h"
#include "test/sim/sim.h"

#define CODE_LOST 137 /* as if SIGKILL had ended it */

struct place {
	uint64_t term;
	uint64_t sum;
};

/* One child, from birth on. */
struct birth {
	struct attempt attempt;
	uint32_t host;
	bool ended;
	bool gone; /* with its keeper or machine: nobody saw how it ended */
	int32_t status;
};

struct truth {
	struct id store;  /* the only one; none: not yet born */
	struct place *at; /* position i stands at i - 1 */
	uint64_t count, room;
	struct kv *map;
	struct birth *birth;
	size_t births, birth_room;
	uint64_t first_term, first_us; /* of the latest epoch that had a child born */
	struct buffer plain;
};

struct truth *truth_open(void)
{
	struct truth *t = calloc(1, sizeof(*t));

	must(t);
	t->map = kv_open(STATE_MAX);
	buffer_init(&t->plain, FRAME_MAX);
	return t;
}

void truth_close(struct truth *t)
{
	kv_close(t->map);
	buffer_fini(&t->plain);
	free(t->at);
	free(t->birth);
	free(t);
}

/* --- what really ran --- */

static struct birth *birth_of(struct truth *t, const struct attempt *a)
{
	for (size_t i = t->births; i-- > 0;)
		if (attempt_same(t->birth[i].attempt, *a))
			return &t->birth[i];
	return NULL;
}

void truth_born(struct sim *s, struct host *h, const struct attempt *a, struct epoch epoch)
{
	struct truth *t = s->truth;
	struct job job;

	if (birth_of(t, a))
		sim_break(s, "2: an attempt begins once",
			  "host %u began attempt %u of job %s a second time", h->index, a->number,
			  id_text(a->job).s);
	if (!truth_job(s, a->job, &job) || job.number < a->number) {
		sim_break(s, "2: no order before its assignment is committed",
			  "host %u began attempt %u of job %s", h->index, a->number,
			  id_text(a->job).s);
		return;
	}
	if (job.number > a->number || !job_is_held(job.state))
		sim_break(s, "2: what was given up does not begin",
			  "host %u began attempt %u of job %s, which is %s in attempt %u", h->index,
			  a->number, id_text(a->job).s, job_state_name(job.state), job.number);
	for (size_t i = 0; job.task.on_lost == ON_LOST_FAIL && i < t->births; i++)
		if (id_same(t->birth[i].attempt.job, a->job))
			sim_break(s, "2: on_lost=fail begins at most once",
				  "host %u began attempt %u of job %s, host %u had begun %u",
				  h->index, a->number, id_text(a->job).s, t->birth[i].host,
				  t->birth[i].attempt.number);
	if (epoch_cmp(epoch, h->born) < 0)
		sim_break(s, "1: no order of an old epoch is obeyed",
			  "host %u began attempt %u of job %s in term %llu after %llu", h->index,
			  a->number, id_text(a->job).s, (unsigned long long)epoch.term,
			  (unsigned long long)h->born.term);
	h->born = epoch;
	if (epoch.term > t->first_term) {
		t->first_term = epoch.term;
		t->first_us = s->now_us;
	}
	if (t->births == t->birth_room) {
		t->birth_room = t->birth_room ? t->birth_room * 2 : 256;
		t->birth = realloc(t->birth, t->birth_room * sizeof(*t->birth));
		must(t->birth);
	}
	t->birth[t->births++] = (struct birth){.attempt = *a, .host = h->index};
}

void truth_gone(struct sim *s, const struct attempt *a)
{
	struct birth *b = birth_of(s->truth, a);

	if (b)
		b->gone = true;
}

void truth_ended(struct sim *s, const struct attempt *a, int32_t status)
{
	struct birth *b = birth_of(s->truth, a);

	if (b) {
		b->ended = true;
		b->status = status;
	}
}

uint64_t truth_first_us(const struct sim *s, uint64_t term)
{
	return s->truth->first_term >= term ? s->truth->first_us : 0;
}

/* --- what was committed --- */

static uint64_t sum_of(struct bytes b)
{
	uint64_t sum = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < b.len; i++)
		sum = (sum ^ b.at[i]) * UINT64_C(1099511628211);
	return sum;
}

/* A result is what the child did. */
static void check_result(struct sim *s, const struct job *job)
{
	struct attempt a = job_attempt(job);
	bool result = job->state == JOB_DONE || job->state == JOB_EXECUTED ||
		      (job->state == JOB_FAILED && job->code != EXIT_RUN_FAILED);
	const struct birth *b;

	if (!result)
		return;
	b = birth_of(s->truth, &a);
	if (b && (b->ended || b->gone) && job->code == CODE_LOST)
		return; /* it does not run; how it ended nobody can tell any more, or it was the lease */
	if (!b || !b->ended) {
		sim_break(s, "2: a result is that of a child that ended",
			  "job %s: a result of attempt %u is recorded, which %s", id_text(a.job).s,
			  a.number, b ? "has not ended" : "never began");
		return;
	}
	int32_t number = b->status & 0x7f;
	int32_t code = number ? 128 + number : b->status >> 8;
	if (job->code != code || job->signal != number)
		sim_break(s, "2: a result is that of a child that ended",
			  "job %s: code %d signal %d recorded, %d and %d came", id_text(a.job).s,
			  job->code, job->signal, code, number);
}

/* 3: what is given up without a result has surely ended: wherever it ran, it does not run. A person may give up what
 * holds. */
static void check_lost(struct sim *s, const struct job *was, const struct job *is)
{
	struct attempt a = job_attempt(was);
	const struct birth *b = birth_of(s->truth, &a);
	bool result = is->code != EXIT_RUN_FAILED && is->state != JOB_QUEUED;
	bool by_hand = is->state == JOB_CANCELLED && was->task.on_lost == ON_LOST_HOLD;

	if (!job_is_held(was->state) || job_is_held(is->state) || result || by_hand || !b)
		return;
	if (!b->ended && !b->gone && household_running(s, a.job) > 0)
		sim_break(s, "3: unreachable is not dead",
			  "job %s became %s (%s) while attempt %u runs on host %u",
			  id_text(a.job).s, job_state_name(is->state), is->why, a.number, b->host);
}

static void check_record(struct sim *s, struct bytes key, struct bytes value, bool drop)
{
	struct bytes name, before;
	struct job was, is;
	bool known;

	if (state_key_kind(key, &name) != STATE_JOB)
		return;
	known = kv_get(s->truth->map, key, &before) == OK && job_get(before, &was) == OK;
	if (drop) {
		if (known && !job_is_ended(was.state))
			sim_break(s, "2: an accepted job is never lost",
				  "job %s was deleted while it was %s", id_text(was.id).s,
				  job_state_name(was.state));
		return;
	}
	if (job_get(value, &is) != OK) {
		sim_break(s, "a record can be read", "a job's record can not");
		return;
	}
	if (!known) {
		if (is.number > 1 || job_is_ended(is.state))
			sim_break(s, "2: a job comes to be waiting, or with its first attempt",
				  "job %s came to be with attempt %u", id_text(is.id).s, is.number);
		return;
	}
	if (is.number < was.number || is.number > was.number + 1)
		sim_break(s, "5: attempts are counted one by one", "job %s: %u after %u",
			  id_text(is.id).s, is.number, was.number);
	if (job_is_ended(was.state) &&
	    (is.state != was.state || is.code != was.code || is.signal != was.signal ||
	     is.number != was.number || is.ended_us != was.ended_us ||
	     !id_same(is.worker, was.worker)))
		sim_break(s, "2: a result never changes",
			  "job %s was %s with code %d, and became %s with code %d",
			  id_text(is.id).s, job_state_name(was.state), was.code,
			  job_state_name(is.state), is.code);
	if (job_is_ended(is.state) && !job_is_ended(was.state))
		check_result(s, &is);
	check_lost(s, &was, &is);
}

/* A batch that begins an attempt while the role is held, and does not end that itself. */
static void check_held(struct sim *s, struct bytes batch)
{
	struct state_key held = state_key_held();
	struct bytes key, value, name, before;
	struct batch_reader r;
	bool drop, lifts = false, begins = false;
	struct job was, is;

	if (kv_get(s->truth->map, state_key_bytes(&held), &value) != OK ||
	    batch_open(batch, &r) != OK)
		return;
	while (batch_next(&r, &key, &value, &drop) == OK) {
		enum state_kind kind = state_key_kind(key, &name);

		lifts = lifts || (kind == STATE_HELD && drop);
		if (kind != STATE_JOB || drop || job_get(value, &is) != OK)
			continue;
		begins = begins ||
			 (is.number > 0 && (kv_get(s->truth->map, key, &before) != OK ||
					    job_get(before, &was) != OK || was.number < is.number));
	}
	if (begins && !lifts)
		sim_break(s, "1: while the role is held nothing is assigned", "position %llu",
			  (unsigned long long)s->truth->count);
}

/* 7 of the store: what counts as committed stands on the disks of a majority. Asked only while every voter is up. */
static void check_synced(struct sim *s, const struct store *store, uint64_t index, uint64_t term)
{
	const struct voters *v = &store->raft.voters;
	bool has[STORE_REPLICAS_MAX];
	uint32_t have = 0;

	if (index <= store->raft.voters_index)
		return; /* another set may have decided */
	for (uint32_t i = 0; i < v->count; i++) {
		const struct host *h = host_of_id(s, v->seat[i].node);
		if (!h || !h->node)
			return;
		const struct raft *r = &h->node->store->raft;
		has[i] = id_same(v->seat[i].voter, r->wal->voter) && r->stored >= index &&
			 (index <= r->log.base || log_term(&r->log, index) == term);
		have += has[i] && voters_votes(v, v->seat[i].voter);
	}
	if (!voters_agree(v, has))
		sim_break(s, "2: acknowledged is on the disks of a majority",
			  "position %llu: on %u of %u", (unsigned long long)index, have,
			  voters_count(v));
}

static void remember(struct sim *s, struct host *h, const struct entry *e)
{
	struct truth *t = s->truth;
	const struct store *store = h->node->store;
	struct wrap_place at = {store->wal.store, generation_epoch(e->term), e->index, 0};
	struct batch_reader r;
	struct bytes key, value;
	bool drop;

	if (t->count == t->room) {
		t->room = t->room ? t->room * 2 : 1024;
		t->at = realloc(t->at, t->room * sizeof(*t->at));
		must(t->at);
	}
	if (t->count && t->at[t->count - 1].term > e->term)
		sim_break(s, "1: epochs never fall", "position %llu is of term %llu after %llu",
			  (unsigned long long)e->index, (unsigned long long)e->term,
			  (unsigned long long)t->at[t->count - 1].term);
	t->at[t->count++] = (struct place){.term = e->term, .sum = sum_of(e->body)};
	check_synced(s, store, e->index, e->term);
	if (s->strike) {
		s->strike = false;
		sim_later(s, 0, (struct happening){.kind = HAPPEN_CHAOS, .a = CHAOS_STRIKE});
	}
	if (e->kind != ENTRY_BATCH)
		return;
	buffer_clear(&t->plain);
	enum err err = wrap_get(s->ring.store_key, &at, e->body, &t->plain);
	must(err == OK);
	check_held(s, buffer_bytes(&t->plain));
	err = batch_open(buffer_bytes(&t->plain), &r);
	must(err == OK);
	while (batch_next(&r, &key, &value, &drop) == OK)
		check_record(s, key, value, drop);
	err = batch_apply(buffer_bytes(&t->plain), t->map);
	must(err == OK);
}

static void check_store(struct sim *s, struct host *h)
{
	const struct store *store = h->node->store;
	struct truth *t = s->truth;

	if (!wal_is_made(&store->wal) || store->raft.voters.count == 0)
		return;
	if (id_is_none(t->store))
		t->store = store->wal.store;
	else if (!id_same(t->store, store->wal.store))
		sim_break(s, "one store is born", "host %u is in store %s, others in %s", h->index,
			  id_text(store->wal.store).s, id_text(t->store).s);
}

/* 1: at one position stands one batch. */
void truth_look(struct sim *s, struct host *h)
{
	const struct store *store = h->node->store;
	struct truth *t = s->truth;

	check_store(s, h);
	if (store->applied == h->looked)
		return;
	for (uint64_t i = h->looked + 1; !s->broken && i <= store->applied; i++) {
		if (!log_has(&store->raft.log, i))
			continue; /* of a snapshot */
		struct entry e = log_at(&store->raft.log, i);
		if (i == t->count + 1)
			remember(s, h, &e);
		else if (i > t->count || t->at[i - 1].term != e.term ||
			 (log_is_held(&store->raft.log, i) && t->at[i - 1].sum != sum_of(e.body)))
			sim_break(s, "1: one batch at one position",
				  "host %u applied another at %llu: term %llu", h->index,
				  (unsigned long long)i, (unsigned long long)e.term);
	}
	h->looked = store->applied;
	if (store->applied > t->count)
		sim_break(s, "1: one batch at one position",
			  "host %u applied up to %llu, known are %llu", h->index,
			  (unsigned long long)store->applied, (unsigned long long)t->count);
}

/* The whole of a scheduler's map, when it has all. */
void truth_compare(struct sim *s, struct host *h)
{
	const struct kv *map = store_map(h->node->store);
	struct bytes key = {0}, value, mine;
	size_t seen = 0;

	if (!(h->config.role & ROLE_SCHEDULER) || h->node->store->applied != s->truth->count)
		return;
	while (kv_next(map, key, &key, &value) == OK) {
		seen++;
		if (kv_get(s->truth->map, key, &mine) != OK || mine.len != value.len ||
		    memcmp(mine.at, value.at, value.len) != 0)
			break;
	}
	if (seen != kv_count(s->truth->map) || kv_count(map) != seen)
		sim_break(s, "1: one state at one position",
			  "host %u holds another at %llu: %zu keys, %zu should be", h->index,
			  (unsigned long long)s->truth->count, kv_count(map),
			  kv_count(s->truth->map));
}

bool truth_job(const struct sim *s, struct id id, struct job *job)
{
	struct state_key key = state_key_job(id);
	struct bytes record;

	return kv_get(s->truth->map, state_key_bytes(&key), &record) == OK &&
	       job_get(record, job) == OK;
}

uint64_t truth_position(const struct sim *s)
{
	return s->truth->count;
}

bool truth_is_born(const struct sim *s)
{
	return !id_is_none(s->truth->store);
}

void truth_vary(const struct sim *s, struct host *h)
{
	struct store *store = h->node->store;

	if (!s->snapshot_every)
		return;
	store->cfg.snapshot_every = s->snapshot_every;
	store->wal.file_max = (uint32_t)s->snapshot_every;
}
