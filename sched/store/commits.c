/* The director's words, and what is applied. */
#include <stdlib.h>

#include "core/must.h"
#include "sched/store/inside.h"

#define QUIET_US                                                                                   \
	UINT64_C(2000000) /* a fail-over takes a second: until then a lost leader is no news */

/* ---- what is under way ---- */

static bool push(struct pendings *p, struct pending one)
{
	if (p->count == STORE_PENDING_MAX)
		return false;
	if (p->ring == NULL) {
		p->ring = malloc(STORE_PENDING_MAX * sizeof(*p->ring));
		must(p->ring != NULL);
	}
	p->ring[(p->head + p->count++) % STORE_PENDING_MAX] = one;
	return true;
}

static struct pending *first(const struct pendings *p)
{
	return p->count == 0 ? NULL : &p->ring[p->head];
}

static void shift(struct pendings *p)
{
	must(p->count > 0);
	buffer_fini(&p->ring[p->head].plain);
	p->head = (p->head + 1) % STORE_PENDING_MAX;
	p->count--;
}

void commits_forget(struct store *s)
{
	for (; s->commits.count > 0; shift(&s->commits))
		;
	free(s->commits.ring);
	free(s->fences.ring);
}

static void tell_committed(uint64_t token, uint64_t position, struct epoch epoch, enum err err,
			   struct outbox *o)
{
	struct tell t = {.kind = TELL_COMMITTED};

	t.batch.token = token;
	t.batch.position = position;
	t.batch.epoch = epoch;
	t.batch.err = err;
	outbox_tell(o, &t);
}

static void tell_fenced(uint64_t token, struct epoch epoch, enum err err, struct outbox *o)
{
	struct tell t = {.kind = TELL_FENCED};

	t.batch.token = token;
	t.batch.epoch = epoch;
	t.batch.err = err;
	outbox_tell(o, &t);
}

static struct epoch epoch_now(const struct store *s)
{
	if (!wal_is_made(&s->wal))
		return (struct epoch){0, 0};
	return generation_epoch(s->wal.state.term);
}

/* ---- in ---- */

bool commits_serves(const struct store *s)
{
	return store_is_scheduler(s) && raft_is_sure(&s->raft) && s->applied >= s->raft.lead_index;
}

static enum err accept(struct store *s, const struct tell *t, size_t *growth)
{
	enum err err;

	*growth = 0;
	if (!wal_is_made(&s->wal))
		return ERR_NO_DIRECTOR;
	if (epoch_cmp(t->batch.epoch, epoch_now(s)) != 0)
		return ERR_FENCED;
	if (!commits_serves(s) || !id_is_none(s->raft.transfer_to))
		return ERR_NO_DIRECTOR;
	if (t->batch.batch.len > BATCH_MAX)
		return ERR_TOO_BIG;
	err = batch_check(t->batch.batch, growth);
	if (err != OK)
		return err;
	if (!kv_has_room(s->kv, s->growth + *growth) || !raft_has_room(&s->raft))
		return ERR_FULL;
	return OK;
}

void commits_take(struct store *s, const struct tell *t, struct outbox *o)
{
	struct wrap_place at;
	struct pending one = {.token = t->batch.token};
	enum err err = accept(s, t, &one.growth);
	bool pushed;

	if (err == OK && s->commits.count == STORE_PENDING_MAX)
		err = ERR_FULL;
	if (err != OK) {
		tell_committed(t->batch.token, 0, t->batch.epoch, err, o);
		return;
	}
	at = (struct wrap_place){s->wal.store, epoch_now(s), log_last(&s->raft.log) + 1, 0};
	buffer_clear(&s->scratch);
	err = wrap_put(s->cfg.keyring->store_key, &at, t->batch.batch, &s->scratch);
	must(err == OK);
	one.at = raft_append(&s->raft, ENTRY_BATCH, buffer_bytes(&s->scratch));
	one.term = at.epoch.term;
	must(one.at == at.number);
	buffer_init(&one.plain, BATCH_MAX);
	err = buffer_add(&one.plain, t->batch.batch);
	must(err == OK);
	s->growth += one.growth;
	pushed = push(&s->commits, one);
	must(pushed);
}

void fences_take(struct store *s, const struct tell *t, struct outbox *o)
{
	struct pending one = {.token = t->batch.token};
	enum err err = OK;
	bool pushed;

	if (!commits_serves(s))
		err = ERR_FENCED;
	else if (s->fences.count == STORE_PENDING_MAX)
		err = ERR_FULL;
	if (err != OK) {
		tell_fenced(t->batch.token, epoch_now(s), err, o);
		return;
	}
	one.at = raft_fence(&s->raft);
	pushed = push(&s->fences, one);
	must(pushed);
}

/* ---- out ---- */

/* Leadership is gone: what was under way may or may not come to be. */
static void give_up(struct store *s, struct outbox *o)
{
	struct epoch epoch = s->lead.lead.epoch;

	for (; s->commits.count > 0; shift(&s->commits))
		tell_committed(first(&s->commits)->token, 0, epoch, ERR_UNKNOWN, o);
	for (; s->fences.count > 0; shift(&s->fences))
		tell_fenced(first(&s->fences)->token, epoch, ERR_FENCED, o);
	s->growth = 0;
}

void commits_settle(struct store *s, struct outbox *o)
{
	uint64_t fenced;

	if (!raft_leads(&s->raft) || (s->lead_told && s->lead.lead.self &&
				      epoch_cmp(s->lead.lead.epoch, epoch_now(s)) != 0)) {
		give_up(s, o);
		return;
	}
	fenced = raft_fenced(&s->raft);
	while (s->fences.count > 0 && first(&s->fences)->at <= fenced) {
		tell_fenced(first(&s->fences)->token, epoch_now(s), OK, o);
		shift(&s->fences);
	}
}

static void tell_applied(const struct entry *e, struct bytes batch, struct outbox *o)
{
	struct tell t = {.kind = TELL_APPLIED};

	t.batch.position = e->index;
	t.batch.epoch = generation_epoch(e->term);
	t.batch.batch = batch;
	outbox_tell(o, &t);
}

/* The leader's own are as they came: in one term an index has one entry. The others are opened. */
static enum err open_batch(struct store *s, const struct entry *e, struct bytes *out)
{
	struct wrap_place at = {s->wal.store, generation_epoch(e->term), e->index, 0};
	const struct pending *mine = first(&s->commits);
	enum err err = OK;

	if (mine != NULL && mine->at == e->index && mine->term == e->term) {
		*out = buffer_bytes(&mine->plain);
		return OK;
	}
	buffer_clear(&s->plain);
	err = wrap_get(s->cfg.keyring->store_key, &at, e->body, &s->plain);
	*out = buffer_bytes(&s->plain);
	return err;
}

static enum err apply(struct store *s, const struct entry *e, struct outbox *o)
{
	struct bytes batch;
	enum err err;

	if (e->kind != ENTRY_BATCH || !store_is_scheduler(s))
		return OK;
	err = open_batch(s, e, &batch);
	if (err == OK)
		err = batch_apply(batch, s->kv);
	if (err != OK)
		return err;
	tell_applied(e, batch, o);
	return OK;
}

void commits_apply(struct store *s, struct outbox *o)
{
	size_t bytes = 0;
	uint32_t most;

	if (s->restored && s->awake) {
		struct tell t = {.kind = TELL_RESTORED};

		t.batch.position = s->applied;
		outbox_tell(o, &t);
		s->restored = false;
	}
	/* In slices: what the turn wants of disk and peers leaves before the rest, and the loop is held for a moment only. Far
	 * behind, as after a start, nobody waits for that. */
	most = s->raft.commit - s->applied > APPLY_BEHIND ? APPLY_BEHIND : APPLY_TURN_MAX;
	for (uint32_t i = 0;
	     i < most && bytes < APPLY_TURN_BYTES && s->applied < s->raft.commit && outbox_room(o);
	     i++) {
		struct entry e = log_at(&s->raft.log, s->applied + 1);
		struct pending *mine = first(&s->commits);
		enum err err = apply(s, &e, o);

		if (err != OK) {
			store_fail(s, err, "a committed batch can not be applied", o);
			return;
		}
		bytes += e.body.len;
		s->applied = e.index;
		s->applied_term = e.term;
		if (mine == NULL || mine->at != e.index || !raft_leads(&s->raft))
			continue;
		tell_committed(mine->token, e.index, epoch_now(s), OK, o);
		s->growth -= mine->growth;
		shift(&s->commits);
	}
}

static bool lead_same(const struct tell *a, const struct tell *b)
{
	return epoch_cmp(a->lead.epoch, b->lead.epoch) == 0 && id_same(a->lead.who, b->lead.who) &&
	       a->lead.self == b->lead.self && a->lead.serving == b->lead.serving &&
	       a->lead.level == b->lead.level && a->lead.apart == b->lead.apart;
}

/* A witness leads, but is no director. */
static struct id director(const struct store *s)
{
	const struct raft *r = &s->raft;
	uint32_t at = voters_find(&r->voters, r->leader);

	if (id_is_none(r->leader) || (at != VOTERS_NONE && !r->voters.seat[at].scheduler))
		return id_none;
	return r->leader_node;
}

static void log_move(struct store *s, const struct tell *t, struct outbox *o)
{
	const char *why = s->raft.why == NULL ? "start" : s->raft.why;
	uint64_t took = s->old_lost_us == 0 ? 0 : (s->now_us - s->old_lost_us) / 1000;

	outbox_log(o, LOG_LEVEL_INFO,
		   "leadership moved: to=%s from=%s epoch=%llu.%llu why=\"%s\" after_ms=%llu",
		   id_text(t->lead.who).s, id_text(s->old_director).s,
		   (unsigned long long)t->lead.epoch.generation,
		   (unsigned long long)t->lead.epoch.term, why, (unsigned long long)took);
	s->old_director = t->lead.who;
	s->old_epoch = t->lead.epoch;
}

/* A leader that is silent for a moment is no news: either it is heard again, or another leads soon, and that is said.
 * Only who votes says it: others are not told when they are left out. */
void commits_say_lost(struct store *s, struct outbox *o)
{
	if (s->now_us < s->say_lost_us)
		return;
	s->say_lost_us = UINT64_MAX;
	if (!raft_votes(&s->raft))
		return;
	s->lost_said = true;
	outbox_log(o, LOG_LEVEL_WARN, "leader lost: was=%s epoch=%llu.%llu why=\"%s\"",
		   id_text(s->old_director).s, (unsigned long long)s->old_epoch.generation,
		   (unsigned long long)s->old_epoch.term, s->old_why == NULL ? "" : s->old_why);
}

void commits_tell_nobody(struct store *s, struct outbox *o)
{
	struct tell t = {.kind = TELL_LEAD};

	if (!s->lead_told)
		return;
	s->lead = t;
	s->old_director = id_none;
	s->old_lost_us = s->now_us;
	s->say_lost_us = UINT64_MAX;
	outbox_tell(o, &t);
}

void commits_tell_lead(struct store *s, struct outbox *o)
{
	struct tell t = {.kind = TELL_LEAD};

	if (!s->awake)
		return;
	t.lead.epoch = epoch_now(s);
	t.lead.store = s->wal.store;
	t.lead.who = director(s);
	t.lead.self = raft_leads(&s->raft) && store_is_scheduler(s);
	t.lead.serving = commits_serves(s);
	t.lead.level = t.lead.serving ? birth_level(s) : 0;
	t.lead.apart = s->wal.rival.number > 0;
	t.lead.lost_us = s->old_lost_us;
	if (s->lead_told && lead_same(&t, &s->lead))
		return;
	if (s->lead_told && !id_is_none(s->lead.lead.who) && id_is_none(t.lead.who)) {
		s->old_lost_us = s->lead.lead.self ? s->now_us : s->raft.leader_heard_us;
		s->old_why = s->raft.why;
		s->say_lost_us = s->now_us + QUIET_US;
	}
	if (!id_is_none(t.lead.who)) {
		bool same = s->lead_told && !s->lost_said && id_same(t.lead.who, s->old_director) &&
			    epoch_cmp(t.lead.epoch, s->old_epoch) == 0;
		if (!same)
			log_move(s, &t, o);
		s->old_lost_us = 0;
		s->say_lost_us = UINT64_MAX;
		s->lost_said = false;
	}
	s->lead = t;
	s->lead_told = true;
	outbox_tell(o, &t);
	if (t.lead.serving)
		lineage_tell(s, o);
}
