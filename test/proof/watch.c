/* The invariants of sched/store.h, after every step. */
#include "test/proof/world.h"

void world_breach(struct world *w, const char *what)
{
	if (w->breach != NULL)
		return;
	w->breach = what;
	if (!w->quiet)
		fprintf(stderr, "seed %llu step %llu t=%llums: %s\n", (unsigned long long)w->seed,
			(unsigned long long)w->steps, (unsigned long long)(w->now / 1000), what);
}

uint32_t world_map_crc(const struct store *s)
{
	struct bytes key = {NULL, 0}, value;
	uint32_t crc = 1;

	while (kv_next(store_map(s), key, &key, &value) == OK)
		crc = crc32c(crc32c(crc, key), value);
	return crc == 0 ? 1 : crc;
}

/* Invariant 4: one entry at one index. */
void watch_commit(struct world *w, uint32_t at)
{
	struct wnode *n = &w->node[at];
	const struct raft *r = &n->store->raft;

	if (r->commit < n->checked)
		n->checked = r->log.base; /* a new start */
	if (n->checked < r->log.base)
		n->checked = r->log.base;
	for (; n->checked < r->commit && !w->apart; n->checked++) {
		uint64_t i = n->checked + 1;
		struct entry e = log_at(&r->log, i);
		struct wcommitted c = {e.term, crc32c(0, e.body), e.kind};

		must(i < INDEX_MAX);
		if (w->committed[i].term == 0)
			w->committed[i] = c;
		else if (memcmp(&w->committed[i], &c, sizeof(c)) != 0)
			world_breach(w, "state machine safety: two entries committed at one index");
		if (i > w->committed_max)
			w->committed_max = i;
	}
}

/* Invariants 1 and 3. */
static void check_leader(struct world *w, uint32_t at)
{
	const struct raft *r = &w->node[at].store->raft;
	uint64_t term = raft_term(r);

	if (!raft_leads(r) || w->apart)
		return;
	for (uint32_t i = w->leaders; i-- > 0;)
		if (w->leader[i].term == term) {
			if (w->leader[i].who != at)
				world_breach(w, "election safety: two leaders in one term");
			return;
		}
	must(w->leaders < TERMS_MAX);
	w->leader[w->leaders].term = term;
	w->leader[w->leaders++].who = at;
	for (uint64_t i = r->log.base + 1; i <= w->committed_max; i++)
		if (w->committed[i].term != 0 && w->committed[i].term < term &&
		    log_term(&r->log, i) != w->committed[i].term) {
			world_breach(w, "leader completeness: a committed entry is missing");
			return;
		}
}

static void note_fact(struct world *w, const struct wfact *new)
{
	if (w->facts_count == w->facts_room) {
		w->facts_room = w->facts_room == 0 ? 4096 : w->facts_room * 2;
		w->facts = realloc(w->facts, w->facts_room * sizeof(*w->facts));
		must(w->facts != NULL);
	}
	w->facts[w->facts_count++] = *new;
	w->fact_at[new->index] = w->facts_count;
}

/* True when the very entry was seen before, anywhere. */
static bool check_fact(struct world *w, const struct log *log, uint64_t index)
{
	struct entry e = log_at(log, index);
	struct wfact new = {index, e.term, log_term(log, index - 1), e.kind, crc32c(0, e.body), 0};

	for (uint32_t at = w->fact_at[index]; at != 0; at = w->facts[at - 1].next) {
		const struct wfact *f = &w->facts[at - 1];

		if (f->term != new.term)
			continue;
		if (f->before != new.before || f->kind != new.kind || f->crc != new.crc)
			world_breach(w, "log matching");
		return true;
	}
	new.next = w->fact_at[index];
	note_fact(w, &new);
	return false;
}

/* Invariant 2, by induction: an entry of one index and term has one content and one predecessor, wherever it stands. Each
 * log is looked through backwards as far as it is new to us. */
static void check_log(struct world *w, uint32_t at)
{
	struct wnode *n = &w->node[at];
	const struct log *log = &n->store->raft.log;
	uint64_t last = log_last(log), term = log_last_term(log), low;

	if (w->apart || (n->seen == last && n->seen_term == term))
		return;
	must(last < INDEX_MAX);
	low = n->seen <= last && log_term(log, n->seen) == n->seen_term ? n->seen : log->base;
	for (uint64_t i = last; i > low && i > log->base; i--)
		(void)check_fact(w, log, i);
	n->seen = last;
	n->seen_term = term;
}

/* Invariant 6, as far as it is about what a start reads back. */
static void check_state(struct world *w, struct wnode *n)
{
	const struct store *s = n->store;
	const struct wal_state *state = &s->wal.state;

	if (id_same(n->highest_voter, s->wal.voter) && s->awake) {
		if (state->term < n->highest_term)
			world_breach(w, "a term went back");
		if (state->boot < n->highest_boot)
			world_breach(w, "a boot count went back");
	}
	if (s->awake && s->raft.state_synced == s->raft.state_puts) {
		n->highest_voter = s->wal.voter;
		n->highest_term = state->term;
		n->highest_boot = state->boot;
	}
}

void watch_node(struct world *w, uint32_t at)
{
	struct wnode *n = &w->node[at];
	const struct store *s = n->store;

	watch_commit(w, at);
	check_log(w, at);
	check_leader(w, at);
	check_state(w, n);
	if (w->steps % 16 == 0) {
		uint64_t index;

		(void)raft_voters_at(&s->raft, log_last(&s->raft.log), &index);
		if (index != s->raft.voters_index)
			world_breach(w, "the set is not the last one in the log");
	}
	if (w->steps % 64 == 0 && !w->apart && store_is_scheduler(s) && s->applied > 0 &&
	    s->fault == OK) {
		uint32_t crc = world_map_crc(s);

		if (w->map_crc[s->applied] == 0)
			w->map_crc[s->applied] = crc;
		else if (w->map_crc[s->applied] != crc)
			world_breach(w, "two maps at one position");
	}
}

/* A granted vote is a promise: one for each voter and term, over all starts. */
void watch_vote(struct world *w, const struct message *m)
{
	if (m->kind != MESSAGE_VOTED || !m->voted.granted)
		return;
	for (uint32_t i = 0; i < w->forgetful_count; i++)
		if (id_same(w->forgetful[i], m->from))
			return;
	for (uint32_t i = 0; i < w->votes; i++)
		if (id_same(w->vote[i].voter, m->from) && w->vote[i].term == m->term) {
			if (!id_same(w->vote[i].candidate, m->to))
				world_breach(w, "two votes in one term");
			return;
		}
	if (w->votes == VOTES_MAX)
		return;
	w->vote[w->votes].voter = m->from;
	w->vote[w->votes].candidate = m->to;
	w->vote[w->votes++].term = m->term;
}

void watch_doubt(struct world *w, struct id voter)
{
	if (w->forgetful_count < NODES_MAX)
		w->forgetful[w->forgetful_count++] = voter;
}

void watch_forget(struct world *w, uint32_t at)
{
	struct wnode *n = &w->node[at];

	n->highest_voter = id_none;
	n->seen = 0;
	n->seen_term = 0;
}
