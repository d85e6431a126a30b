/* Schedulers that come and go for good, once in some lives: one joins late, one leaves by word, one dies and never comes
 * back, one comes back with a fresh disk and so as another. Drawn with dice of its own: the lives of other seeds stay.
 *
 * Only what an operator may lose without being asked is lost: a voter of three or more that are settled, on a machine
 * whose worker holds nothing (what holds would wait for it for ever). */
#include <stdio.h>
#include <string.h>

#include "core/call.h"
#include "core/must.h"
#include "net/frame.h"
#include "net/node_parts.h"
#include "sched/job_pack.h"
#include "sched/store/inside.h"
#include "test/sim/sim.h"

#define TRY_US   UINT64_C(3000000)
#define SALT     UINT64_C(0x6368616e6765)
#define SPARE_US UINT64_C(30000000) /* at both ends of the bad week */

enum change {
	LATE,
	LEAVES,
	DIES,
	RENEWED,
	CHANGES,
	LIVES = 10
}; /* the rest of the lives has none */

static uint32_t schedulers(const struct sim *s)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->hosts; i++)
		count += (s->host[i].config.role & ROLE_SCHEDULER) != 0;
	return count;
}

void change_begin(struct sim *s, uint64_t until_us)
{
	rng_init(&s->change_rng, s->seed ^ SALT);
	uint64_t what = rng_below(&s->change_rng, LIVES);
	if (what >= CHANGES || schedulers(s) < 3 || until_us < s->now_us + 3 * SPARE_US)
		return;
	s->change = (uint32_t)what;
	uint64_t at = rng_between(&s->change_rng, SPARE_US, until_us - s->now_us - SPARE_US);
	if (what == LATE)
		s->host[schedulers(s) - 1].away_until_us = s->now_us + at;
	sim_later(s, at, (struct happening){.kind = HAPPEN_CHAOS, .a = CHAOS_CHANGE});
}

/* By what the director has applied: of a job that was just accepted its user may not have heard. */
static bool holds_a_job(const struct host *director, const struct host *h)
{
	const struct kv *map = store_map(director->node->store);
	struct bytes key = {0}, value, name;

	while (kv_next(map, key, &key, &value) == OK) {
		struct job job;
		if (state_key_kind(key, &name) == STATE_JOB && job_get(value, &job) == OK &&
		    !job_is_ended(job.state) && id_same(job.worker, h->identity.id))
			return true;
	}
	return false;
}

static bool can_go(struct sim *s, const struct host *h)
{
	const struct host *director = check_director(s);
	const struct raft *r;

	if (!director || !h->node || !(h->config.role & ROLE_SCHEDULER))
		return false;
	r = &director->node->store->raft;
	if (voters_is_joint(&r->voters) || r->voters_index > r->commit || holds_a_job(director, h))
		return false;
	return voters_find_node(&r->voters, h->identity.id) == VOTERS_NONE ||
	       voters_count(&r->voters) >= 3;
}

/* `witan node leave` there. */
static void leave(struct sim *s, struct host *h)
{
	struct call call = {.verb = CALL_LEAVE};
	struct buffer body, out;

	buffer_init(&body, FRAME_MAX);
	buffer_init(&out, FRAME_MAX + FRAME_HEAD);
	enum err err = call_put(&call, &body);
	must(err == OK);
	struct frame f = {.type = FRAME_CALL, .request = 1, .body = buffer_bytes(&body)};
	err = frame_put(&f, &out);
	must(err == OK);
	wire_local_write(s, wire_local(s, h), buffer_bytes(&out));
	buffer_fini(&body);
	buffer_fini(&out);
}

static void go(struct sim *s, struct host *h)
{
	static const char *const name[] = {"joins late", "leaves", "dies", "is renewed"};
	uint8_t seed[32];

	if (s->loud)
		printf("[%llu.%03llu] -- host %u %s\n", (unsigned long long)(s->now_us / 1000000),
		       (unsigned long long)(s->now_us / 1000 % 1000), h->index, name[s->change]);
	switch ((enum change)s->change) {
	case LEAVES:
		h->away_until_us = UINT64_MAX;
		leave(s, h);
		break;
	case DIES:
		h->away_until_us = UINT64_MAX;
		host_power(s, h);
		break;
	case RENEWED:
		rng_fill(&s->change_rng, seed, sizeof(seed));
		host_renew(s, h, seed);
		sim_later(s, rng_between(&s->change_rng, 1000000, 20000000),
			  (struct happening){.kind = HAPPEN_START, .host = h->index});
		break;
	case LATE:
		host_start(s, h);
		break;
	case CHANGES:
	case LIVES:
		never("no change");
		break;
	}
}

void change_happens(struct sim *s)
{
	uint32_t from = (uint32_t)rng_below(&s->change_rng, s->hosts);

	if (s->change == LATE) {
		go(s, &s->host[schedulers(s) - 1]);
		return;
	}
	for (uint32_t i = 0; i < s->hosts; i++) {
		struct host *h = &s->host[(from + i) % s->hosts];
		if (!can_go(s, h))
			continue;
		go(s, h);
		return;
	}
	if (s->now_us < s->chaos_until_us)
		sim_later(s, TRY_US, (struct happening){.kind = HAPPEN_CHAOS, .a = CHAOS_CHANGE});
}
