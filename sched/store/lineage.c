/* What a node does with generations: whom it shows its own, what it does when it is shown another's, how the survivors
 * begin one, and what a voter asks before its first vote.
 *
 *     shown a child of ours that seats us      -> adopt: our log stays, the old terms end
 *     shown any other descendant               -> our state is set aside, and we join it
 *     shown one that is neither                -> a rival: nothing is assigned until a person retires one
 *     shown an ancestor                        -> ours is the answer
 *
 * An adopted generation is begun when a leader of it wrote its first entry. Before that each survivor tells the others
 * where its log ends, and that can not change any more, since nobody takes anything from an older generation; when all
 * have told, the best of them is the least that is voted for. So nothing is lost that any of them holds. */
#include <stdio.h>
#include <string.h>

#include "core/must.h"
#include "sched/store/inside.h"

#define KNOWN_FILE "node/generation"
#define REPORT_US  250000u
#define ASK_US     100000u
#define ASK_FOR_US 2000000u
#define SHOW_US    100000u
#define RETRY_US   1000000u

const struct generation *lineage_own(const struct store *s)
{
	return wal_is_made(&s->wal) ? &s->wal.generation : &s->lineage.known;
}

/* ---- saying ---- */

void lineage_post(struct store *s, const struct peer *to, struct message *m, struct outbox *o)
{
	const struct generation *own = lineage_own(s);
	enum err err;

	m->store = own->store;
	m->generation = generation_mark(own);
	if (wal_is_made(&s->wal)) {
		m->from = s->wal.voter;
		m->boot = s->wal.state.boot;
		m->term = s->wal.state.term;
	}
	m->nonce = s->raft.nonce;
	buffer_clear(&s->scratch);
	err = message_put(m, &s->scratch);
	must(err == OK);
	outbox_post(o, to, PURPOSE_STORE, FRAME_STORE, 0, buffer_bytes(&s->scratch));
}

static void show(struct store *s, const struct peer *to, struct outbox *o)
{
	struct message m = {.kind = MESSAGE_GENERATION};
	struct buffer record;
	enum err err;

	buffer_init(&record, FRAME_MAX);
	err = generation_put(lineage_own(s), &record);
	must(err == OK);
	m.record = buffer_bytes(&record);
	lineage_post(s, to, &m, o);
	buffer_fini(&record);
}

static void ask(struct store *s, const struct peer *to, struct outbox *o)
{
	struct message m = {.kind = MESSAGE_ASK};

	lineage_post(s, to, &m, o);
}

void store_meet(struct store *s, const struct peer *peer, const struct store_where *theirs,
		struct outbox *o)
{
	const struct generation *own = lineage_own(s);

	if (generation_is_ours(own, theirs->store, theirs->mark) || s->fault != OK ||
	    store_is_moving(s))
		return;
	if (theirs->mark > 1 && !generation_outlived(own, theirs->store, theirs->mark))
		ask(s, peer, o);
	if (own->number > 1)
		show(s, peer, o);
}

bool store_is_retired(const struct store *s, struct id store)
{
	const struct generation *own = lineage_own(s);

	return !id_is_none(store) && !id_same(own->store, store) &&
	       generation_is_ancestor(own, store);
}

bool store_is_apart(const struct store *s, const struct store_where *theirs)
{
	const struct generation *own = lineage_own(s);

	return own->number > 1 && theirs->mark > 1 && id_same(own->store, theirs->store) &&
	       !generation_is_ours(own, theirs->store, theirs->mark) &&
	       !generation_outlived(own, theirs->store, theirs->mark);
}

void store_directed(struct store *s, const struct peer *from, struct id store, uint64_t generation,
		    struct outbox *o)
{
	const struct generation *own = lineage_own(s);

	if (s->fault != OK || store_is_moving(s) || id_same(from->id, s->cfg.self))
		return;
	if (generation > 1 && generation > own->number)
		ask(s, from, o);
	else if (generation < own->number && id_same(store, own->store))
		show(s, from, o);
}

/* The same for a message of another generation: these come many at a time. */
void lineage_mismatch(struct store *s, const struct peer *from, const struct message *m,
		      struct outbox *o)
{
	struct store_where theirs = {.store = m->store, .mark = m->generation};
	struct known *k = roster_find(&s->roster, from->id);
	uint64_t *shown = k == NULL ? &s->lineage.show_us : &k->shown_us;

	if (*shown > s->now_us)
		return;
	*shown = s->now_us + SHOW_US;
	store_meet(s, from, &theirs, o);
}

/* ---- knowing ---- */

static void write_known(struct store *s, struct outbox *o)
{
	struct buffer record;
	enum err err;

	buffer_init(&record, FRAME_MAX);
	err = generation_put(&s->lineage.known, &record);
	must(err == OK);
	s->lineage.known_token = store_errand(s, ERRAND_KNOWN);
	outbox_put(o, KNOWN_FILE, buffer_bytes(&record), s->lineage.known_token);
	buffer_fini(&record);
}

void lineage_written(struct store *s, enum err err, struct outbox *o)
{
	s->lineage.known_token = 0;
	if (err == OK)
		return;
	outbox_log(o, LOG_LEVEL_ERROR, "generation could not be written: why=\"%s\"",
		   err_text(err));
	s->lineage.known_us = s->now_us + RETRY_US;
}

static void know(struct store *s, const struct generation *g, struct outbox *o)
{
	if (id_same(s->lineage.known.id, g->id))
		return;
	s->lineage.known = *g;
	write_known(s, o);
	outbox_log(o, LOG_LEVEL_WARN, "generation heard: %s", generation_text(g).s);
}

static void forget_reports(struct store *s)
{
	memset(s->lineage.reported, 0, sizeof(s->lineage.reported));
	s->lineage.report_us = s->now_us;
}

void lineage_adopt(struct store *s, const struct generation *g, struct outbox *o)
{
	struct wal *w = &s->wal;

	must(id_same(g->ancestor[0], w->generation.id));
	must(generation_seats(g, w->voter));
	w->generation = *g;
	wal_put_generation(w);
	if (w->rival.number > 0 && generation_is_ancestor(g, w->rival.id)) {
		w->rival = (struct generation){.number = 0};
		wal_put_rival(w);
	}
	raft_least(&s->raft, generation_first_term(g->number), 0);
	raft_begin_generation(&s->raft);
	forget_reports(s);
	know(s, g, o);
	outbox_log(o, LOG_LEVEL_WARN, "generation adopted: %s voters=%u", generation_text(g).s,
		   voters_count(&g->voters));
}

/* ---- being shown one ---- */

static void meet_rival(struct store *s, const struct peer *from, const struct generation *g,
		       struct outbox *o)
{
	struct wal *w = &s->wal;

	if (!id_same(g->store, w->store)) {
		s->lineage.foreign = *g; /* another store altogether: birth.c says so */
		return;
	}
	if (w->rival.number > 0 && generation_relation(&w->rival, g) != RELATION_OLDER)
		return;
	w->rival = *g;
	wal_put_rival(w);
	outbox_log(
		o, LOG_LEVEL_ERROR,
		"two generations met, nothing is assigned: ours=\"%s\" theirs=\"%s\" at=%s; retire "
		"one with `witan store retire`",
		generation_text(&w->generation).s, generation_text(g).s, id_text(from->id).s);
	show(s, from, o);
}

static void be_outlived(struct store *s, const struct generation *g, struct outbox *o)
{
	char why[256];

	know(s, g, o);
	if (!wal_is_made(&s->wal))
		return;
	if (id_same(g->ancestor[0], s->wal.generation.id) && generation_seats(g, s->wal.voter)) {
		lineage_adopt(s, g, o);
		return;
	}
	if (birth_is_blank(s)) {
		birth_forget(s, o);
		return;
	}
	snprintf(why, sizeof(why), "it ended with generation %s", generation_text(g).s);
	store_set_aside(s, why, o);
}

static void hear(struct store *s, const struct peer *from, const struct message *m,
		 struct outbox *o)
{
	const struct generation *own = lineage_own(s);
	struct generation g;
	enum err err = generation_get(m->record, &g);

	must(err == OK);
	if (own->number == 0) {
		know(s, &g, o);
		return;
	}
	switch (generation_relation(own, &g)) {
	case RELATION_SAME:
		break;
	case RELATION_NEWER:
		lineage_mismatch(s, from, m, o);
		break;
	case RELATION_OLDER:
		be_outlived(s, &g, o);
		break;
	case RELATION_APART:
		if (wal_is_made(&s->wal))
			meet_rival(s, from, &g, o);
		else if (!s->lineage.rival_said)
			outbox_log(
				o, LOG_LEVEL_ERROR,
				"two generations met: known=\"%s\" theirs=\"%s\" at=%s; this node "
				"stays with the first",
				generation_text(own).s, generation_text(&g).s, id_text(from->id).s);
		s->lineage.rival_said = true;
		break;
	}
}

static void answer(struct store *s, const struct peer *to, uint64_t token, struct outbox *o)
{
	struct message m = {.kind = MESSAGE_SAY};
	const struct raft *r = &s->raft;

	m.say.token = token;
	m.say.last = log_last(&r->log);
	m.say.last_term = log_last_term(&r->log);
	m.say.scheduler = store_is_scheduler(s);
	m.say.led = store_lost_us(s) == 0;
	for (uint32_t i = 0; i < r->voters.count; i++) {
		struct id node = r->voters.seat[i].node;

		if (lineage_holds(s, node))
			m.say.here[m.say.count++] = node;
	}
	lineage_post(s, to, &m, o);
}

bool lineage_holds(const struct store *s, struct id node)
{
	const struct known *k = roster_look(&s->roster, node);

	for (int v = 0; v < VIEWS && k != NULL; v++)
		if (k->seen[v] && (k->state[v] == MEMBER_ALIVE || k->state[v] == MEMBER_SUSPECT))
			return true;
	return false;
}

static void take_report(struct store *s, const struct peer *from, const struct message *m)
{
	const struct voters *v = &s->wal.generation.voters;
	uint32_t at = voters_find(v, m->from);

	if (at == VOTERS_NONE || !id_same(v->seat[at].node, from->id))
		return;
	s->lineage.reported[at] = true;
	s->lineage.report_term[at] = m->report.last_term;
	s->lineage.report_index[at] = m->report.last;
}

static void take_say(struct store *s, const struct message *m)
{
	struct lineage *l = &s->lineage;

	if (!l->asks || id_is_none(m->from) || voters_find(&s->raft.voters, m->from) == VOTERS_NONE)
		return;
	for (uint32_t i = 0; i < l->saids; i++)
		if (id_same(l->said[i], m->from))
			return;
	if (l->saids < STORE_REPLICAS_MAX)
		l->said[l->saids++] = m->from;
}

void lineage_step(struct store *s, const struct peer *from, const struct message *m,
		  struct outbox *o)
{
	if (m->kind == MESSAGE_GENERATION) {
		hear(s, from, m, o);
		return;
	}
	if (!generation_is_ours(lineage_own(s), m->store, m->generation)) {
		if (m->kind == MESSAGE_ASK && lineage_own(s)->number > 1)
			show(s, from, o);
		else
			lineage_mismatch(s, from, m, o);
		return;
	}
	if (!wal_is_made(&s->wal) || !s->awake)
		return;
	if (m->kind == MESSAGE_ASK) {
		answer(s, from, m->ask.token, o);
	} else if (m->kind == MESSAGE_SAY) {
		take_say(s, m);
		loss_said(s, from, m);
	} else if (m->kind == MESSAGE_REPORT) {
		take_report(s, from, m);
	}
}

/* ---- the turn ---- */

/* Nobody led in our generation yet, as far as our log knows. */
static bool is_unbegun(const struct store *s)
{
	return generation_of_term(log_last_term(&s->raft.log)) < s->wal.generation.number &&
	       generation_seats(&s->wal.generation, s->wal.voter);
}

static bool is_settled(const struct store *s)
{
	return s->awake && s->raft.state_synced == s->raft.state_puts &&
	       s->raft.stored == log_last(&s->raft.log);
}

static void tell_survivors(struct store *s, struct outbox *o)
{
	const struct generation *g = &s->wal.generation;

	s->lineage.report_us = s->now_us + REPORT_US;
	for (uint32_t i = 0; i < g->voters.count; i++) {
		struct message m = {.kind = MESSAGE_REPORT};
		struct peer to = raft_peer(&s->raft, g->voters.seat[i].node);

		if (id_same(g->voters.seat[i].voter, s->wal.voter))
			continue;
		if (!s->lineage.reported[i])
			show(s, &to, o);
		m.report.last = log_last(&s->raft.log);
		m.report.last_term = log_last_term(&s->raft.log);
		lineage_post(s, &to, &m, o);
	}
}

/* What is least voted for: the best of all, once all have told; before that only what a leader of this generation wrote. */
static void weigh(struct store *s)
{
	const struct lineage *l = &s->lineage;
	const struct voters *v = &s->wal.generation.voters;
	uint64_t term = log_last_term(&s->raft.log), index = log_last(&s->raft.log);
	bool all = is_settled(s);

	for (uint32_t i = 0; i < v->count; i++) {
		if (id_same(v->seat[i].voter, s->wal.voter))
			continue;
		all = all && l->reported[i];
		if (l->reported[i] && (l->report_term[i] > term ||
				       (l->report_term[i] == term && l->report_index[i] > index))) {
			term = l->report_term[i];
			index = l->report_index[i];
		}
	}
	if (all)
		raft_least(&s->raft, term, index);
	else
		raft_least(&s->raft, generation_first_term(s->wal.generation.number), 0);
}

static void turn_begin(struct store *s, struct outbox *o)
{
	if (!is_unbegun(s)) {
		raft_least(&s->raft, 0, 0);
		return;
	}
	if (is_settled(s) && s->lineage.report_us <= s->now_us)
		tell_survivors(s, o);
	weigh(s);
}

static bool all_said(const struct store *s)
{
	for (uint32_t i = 0; i < s->raft.voters.count; i++) {
		struct id voter = s->raft.voters.seat[i].voter;
		bool said = id_same(voter, s->wal.voter) || !voters_votes(&s->raft.voters, voter);

		for (uint32_t k = 0; k < s->lineage.saids && !said; k++)
			said = id_same(s->lineage.said[k], voter);
		if (!said)
			return false;
	}
	return true;
}

static void ask_all(struct store *s, struct outbox *o)
{
	for (uint32_t i = 0; i < s->roster.count; i++) {
		const struct known *k = &s->roster.known[i];
		struct peer to = {.id = k->node, .addr = k->addr};

		if (!id_same(k->node, s->cfg.self) &&
		    ((known_is_scheduler(k) && known_is_alive(k)) ||
		     voters_find_node(&s->raft.voters, k->node) != VOTERS_NONE))
			ask(s, &to, o);
	}
}

/* A voter that starts may be one that was lost: it votes only when nobody knew better. */
static void turn_asks(struct store *s, struct outbox *o)
{
	struct lineage *l = &s->lineage;

	if (!l->asks || !s->awake)
		return;
	if (l->ask_until_us == 0)
		l->ask_until_us = s->now_us + ASK_FOR_US;
	if (l->ask_until_us <= s->now_us || all_said(s)) {
		l->asks = false;
		raft_mute(&s->raft, false);
		return;
	}
	if (l->ask_us <= s->now_us) {
		l->ask_us = s->now_us + ASK_US;
		ask_all(s, o);
	}
}

void lineage_turn(struct store *s, struct outbox *o)
{
	struct lineage *l = &s->lineage;

	if (l->known_us != 0 && l->known_us <= s->now_us) {
		l->known_us = 0;
		write_known(s, o);
	}
	if (!wal_is_made(&s->wal))
		return;
	/* An end that came between hearing of it and acting on it. */
	if (!l->looked && generation_relation(&s->wal.generation, &l->known) == RELATION_OLDER) {
		struct generation known = l->known;

		be_outlived(s, &known, o);
	}
	l->looked = true;
	if (!wal_is_made(&s->wal))
		return;
	turn_asks(s, o);
	turn_begin(s, o);
}

uint64_t lineage_deadline_us(const struct store *s)
{
	const struct lineage *l = &s->lineage;
	uint64_t at = l->known_us == 0 ? UINT64_MAX : l->known_us;

	if (!wal_is_made(&s->wal) || !s->awake)
		return at;
	if (l->asks && l->ask_us < at)
		at = l->ask_us;
	if (l->asks && l->ask_until_us < at)
		at = l->ask_until_us;
	if (is_unbegun(s) && is_settled(s) && l->report_us < at)
		at = l->report_us;
	return at;
}

void lineage_open(struct store *s, const struct disk *disk)
{
	struct buffer record;
	struct generation g;

	buffer_init(&record, FRAME_MAX);
	if (disk->read(disk->self, KNOWN_FILE, &record) == OK &&
	    generation_get(buffer_bytes(&record), &g) == OK)
		s->lineage.known = g;
	buffer_fini(&record);
	if (!wal_is_made(&s->wal))
		return;
	s->lineage.asks = raft_votes(&s->raft) && !voters_is_alone(&s->raft.voters, s->wal.voter);
	raft_mute(&s->raft, s->lineage.asks);
	weigh(s);
}

void lineage_tell(struct store *s, struct outbox *o)
{
	const struct generation *g = &s->wal.generation;
	struct generation_text text = generation_text(g);
	struct tell t = {.kind = TELL_GENERATION};

	if (g->number <= 1)
		return;
	t.generation.uid = g->uid;
	t.generation.node = g->node;
	t.generation.wall_us = g->wall_us;
	t.generation.retires = !id_is_none(g->retired);
	t.generation.retired = g->retired;
	t.generation.text = bytes_str(text.s);
	outbox_tell(o, &t);
}

/* The state was set aside: what was asked and told for it is nobody's any more. */
void lineage_forget(struct store *s)
{
	s->lineage.asks = false;
	s->lineage.saids = 0;
	forget_reports(s);
}
