/* The store composes: it has no thought of its own. */
#include "sched/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/facts.h"
#include "core/must.h"
#include "sched/store/inside.h"

#define RETRY_FULL_US 1000000u

bool store_is_scheduler(const struct store *s)
{
	return (s->cfg.roles & ROLE_SCHEDULER) != 0;
}

uint64_t store_errand(struct store *s, enum errand what)
{
	return ++s->errands << 3 | (uint64_t)what;
}

/* ---- opening ---- */

static void fill_defaults(struct store_config *c)
{
	c->heartbeat_ms = c->heartbeat_ms == 0 ? 50 : c->heartbeat_ms;
	c->election_min_ms = c->election_min_ms == 0 ? 300 : c->election_min_ms;
	c->election_max_ms = c->election_max_ms == 0 ? 600 : c->election_max_ms;
	c->replace_after_ms = c->replace_after_ms == 0 ? 600000 : c->replace_after_ms;
	c->wal_file = c->wal_file == 0 ? WAL_FILE_MAX : c->wal_file;
	c->change_every_ms = c->change_every_ms == 0 ? 60000 : c->change_every_ms;
	c->voters = c->voters == 0 ? 3 : c->voters;
	c->level = c->level == 0 ? LEVEL_NOW : c->level;
	c->confirm_after_ms = c->confirm_after_ms == 0 ? 30000 : c->confirm_after_ms;
	if (c->election_max_ms < c->election_min_ms)
		c->election_max_ms = c->election_min_ms;
}

static void init(struct store *s, const struct store_config *cfg, uint64_t now_us)
{
	struct raft_config rc = {.node = cfg->self};

	s->cfg = *cfg;
	fill_defaults(&s->cfg);
	s->now_us = now_us;
	rng_init(&s->rng, cfg->seed);
	wal_init(&s->wal);
	rc.witness = !store_is_scheduler(s);
	rc.heartbeat_us = (uint64_t)s->cfg.heartbeat_ms * 1000;
	rc.election_min_us = (uint64_t)s->cfg.election_min_ms * 1000;
	rc.election_max_us = (uint64_t)s->cfg.election_max_ms * 1000;
	s->wal.file_max = s->cfg.wal_file;
	raft_init(&s->raft, &rc, &s->rng, &s->roster, &s->wal);
	buffer_init(&s->scratch, FRAME_MAX);
	buffer_init(&s->plain, FRAME_MAX);
}

/* What earlier lives left, then this start: a higher boot count, to be synced before we speak. */
static enum err restore(struct store *s, const struct disk *disk, char why[200])
{
	const uint8_t *key = store_is_scheduler(s) ? s->cfg.keyring->store_key : NULL;
	struct snapshot_found found;
	enum err err = snapshot_find(disk, key, &found, why);

	if (err != OK)
		return err;
	s->kv = found.kv == NULL ? kv_open(STATE_MAX) : found.kv;
	err = wal_read(&s->wal, disk, &s->raft.log, found.head.index, found.head.epoch.term, why);
	if (err != OK)
		return err;
	memcpy(s->stale_snapshots, found.other, sizeof(found.other));
	s->stale_count = found.others;
	if (!wal_is_made(&s->wal)) {
		if (found.head.index == 0)
			return OK;
		snprintf(why, 200,
			 "%s is there, but no log store/wal-*: remove store/ to let this node "
			 "join anew",
			 snapshot_name(found.head.index).s);
		return ERR_CORRUPT;
	}
	if (found.head.index != 0 && !id_same(found.head.store, s->wal.store)) {
		snprintf(why, 200, "%s is of another store than store/wal-*",
			 snapshot_name(found.head.index).s);
		return ERR_CORRUPT;
	}
	s->snapshot = found.head;
	s->snapshot_size = found.size;
	s->snapshot_read = found.head.index != 0;
	s->applied = found.head.index;
	s->applied_term = found.head.epoch.term;
	s->restored = found.head.index != 0 && store_is_scheduler(s);
	raft_restore(&s->raft, &found.head.voters, found.head.voters_index, s->now_us);
	s->wal.state.boot++;
	wal_put_state(&s->wal);
	s->raft.state_puts++;
	return OK;
}

struct store *store_open(const struct store_config *cfg, const struct disk *disk, uint64_t now_us,
			 char why[200])
{
	struct store *s = calloc(1, sizeof(*s));

	must(s != NULL);
	must(cfg->keyring != NULL);
	init(s, cfg, now_us);
	if (restore(s, disk, why) != OK) {
		store_close(s);
		return NULL;
	}
	birth_open(s, disk);
	lineage_open(s, disk);
	s->hello_us = now_us;
	s->empty_us = now_us;
	s->old_lost_us = now_us;
	s->say_lost_us = UINT64_MAX;
	return s;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	snapshot_end(&s->writer);
	kv_close(s->withering);
	ship_forget(s);
	raft_fini(&s->raft);
	wal_fini(&s->wal);
	kv_close(s->kv);
	buffer_fini(&s->scratch);
	buffer_fini(&s->plain);
	commits_forget(s);
	free(s);
}

/* ---- events ---- */

static void tell_fault(enum err err, const char *why, struct outbox *o)
{
	struct tell t = {.kind = TELL_FAULT};

	t.fault.err = err;
	t.fault.why = bytes_str(why);
	outbox_tell(o, &t);
}

void store_fail(struct store *s, enum err err, const char *why, struct outbox *o)
{
	if (s->fault != OK)
		return;
	s->fault = err;
	outbox_log(o, LOG_LEVEL_ERROR, "store failed: reason=\"%s: %s\"", why, err_text(err));
	tell_fault(err, why, o);
	outbox_exit(o, EXIT_FAILURE);
}

static bool is_for_us(struct store *s, const struct peer *from, const struct message *m,
		      struct outbox *o)
{
	uint32_t at = voters_find(&s->raft.voters, m->from);

	if (!wal_is_made(&s->wal) || !s->awake || !id_same(m->store, s->wal.store) ||
	    m->generation != generation_mark(&s->wal.generation) ||
	    generation_of_term(m->term) != s->wal.generation.number ||
	    !id_same(m->to, s->wal.voter) || id_is_none(m->from))
		return false;
	if (id_same(m->from, s->wal.voter)) {
		starts_heard_self(s, from, m, o);
		return false;
	}
	/* A seat's voter speaks from its own node. */
	if (at != VOTERS_NONE && !id_same(s->raft.voters.seat[at].node, from->id))
		return false;
	return starts_is_true(s, from, m, o) && raft_may_speak(&s->raft, m);
}

static void step_frame(struct store *s, const struct event *e, struct outbox *o)
{
	const struct peer *from = &e->frame.peer;
	struct message m;

	if (e->frame.type != FRAME_STORE || id_same(from->id, s->cfg.self))
		return;
	if (message_get(e->frame.body, &m) != OK) {
		s->malformed++;
		return;
	}
	if (m.kind >= MESSAGE_GENERATION) {
		lineage_step(s, from, &m, o);
		return;
	}
	if (wal_is_made(&s->wal) && id_same(m.store, s->wal.store) && m.generation != 0 &&
	    m.generation != generation_mark(&s->wal.generation)) {
		lineage_mismatch(s, from, &m, o);
		s->refusals++;
		return;
	}
	if (m.kind >= MESSAGE_HELLO && m.kind <= MESSAGE_WITHDRAWN) {
		birth_step(s, from, &m, o);
		return;
	}
	if (!is_for_us(s, from, &m, o)) {
		s->refusals++;
		return;
	}
	if (m.kind == MESSAGE_SNAPSHOT || m.kind == MESSAGE_SNAPSHOTTED)
		ship_step(s, from, &m, o);
	else if (m.kind == MESSAGE_GIVE_UP || m.kind == MESSAGE_GIVEN_UP)
		parting_step(s, from, &m, o);
	else if (m.kind == MESSAGE_COPIED)
		starts_step(s, &m, o);
	else
		raft_step(&s->raft, from, &m, o);
	starts_forgot(s, o);
}

static void step_full(struct store *s, struct outbox *o)
{
	s->retry_us = s->now_us + RETRY_FULL_US;
	if (s->full)
		return;
	s->full = true;
	raft_hold_back(&s->raft, true);
	outbox_log(o, LOG_LEVEL_ERROR,
		   "disk full: the store stopped; it goes on when there is space");
	tell_fault(ERR_NO_SPACE, "no space left for the store's log", o);
}

static void step_run(struct store *s, enum err err, struct outbox *o)
{
	if (err == ERR_NO_SPACE) {
		step_full(s, o);
		return;
	}
	s->run_token = 0;
	raft_synced(&s->raft);
	if (s->raft.state_synced == s->raft.state_puts)
		s->awake = true;
	if (s->full) {
		s->full = false;
		raft_hold_back(&s->raft, false);
		outbox_log(o, LOG_LEVEL_INFO, "disk has space again: the store goes on");
	}
}

static void step_disk(struct store *s, const struct event *e, struct outbox *o)
{
	if (e->disk.token == 0)
		return;
	if (e->disk.err != OK && e->disk.err != ERR_NO_SPACE && e->disk.token != s->aside_token &&
	    e->disk.token != s->lineage.known_token) {
		store_fail(s, e->disk.err, "what was written may be lost", o);
		return;
	}
	if (e->disk.token == s->lineage.known_token) {
		lineage_written(s, e->disk.err, o);
	} else if (e->disk.token == s->aside_token) {
		aside_moved(s, e->disk.err, o);
	} else if (e->disk.token == s->run_token) {
		step_run(s, e->disk.err, o);
	} else if (e->disk.err == OK) {
		ship_synced(s, e->disk.token, o);
	} else {
		/* A snapshot found no room: it is tried again later. */
		snapshot_end(&s->writer);
		ship_forget(s);
	}
}

static void step_tell(struct store *s, const struct event *e, struct outbox *o)
{
	const struct tell *t = &e->tell;

	switch (t->kind) {
	case TELL_MEMBER:
		roster_take(&s->roster, t->member.view, t->member.state, t->member.facts,
			    s->now_us);
		break;
	case TELL_COMMIT:
		commits_take(s, t, o);
		break;
	case TELL_FENCE:
		fences_take(s, t, o);
		break;
	case TELL_RESIGN:
		if (raft_leads(&s->raft) && !raft_transfer(&s->raft, t->lead.who))
			outbox_log(o, LOG_LEVEL_WARN,
				   "leadership kept: no voter of a scheduler is up to date");
		break;
	case TELL_GIVE_UP:
		parting_take(s, t, o);
		break;
	case TELL_CANDIDATE:
	case TELL_JOINED:
	case TELL_LEAD:
	case TELL_COMMITTED:
	case TELL_APPLIED:
	case TELL_RESTORED:
	case TELL_FENCED:
	case TELL_GENERATION:
	case TELL_FAULT:
	case TELL_GIVEN_UP:
	case TELL_STANDBYS:
	case TELL_STOP:
	case TELL_STOPPED:
	case TELL_MUTE:
		break;
	}
}

static void set_now(struct store *s, uint64_t now_us)
{
	if (now_us > s->now_us)
		s->now_us = now_us;
	s->raft.now_us = s->now_us;
}

void store_step(struct store *s, const struct event *e, struct outbox *o)
{
	set_now(s, e->now_us);
	if (e->wall_us != 0)
		s->wall_us = e->wall_us;
	if (s->fault != OK ||
	    (store_is_moving(s) && e->kind != EVENT_DISK && e->kind != EVENT_TELL))
		return;
	/* The other kinds are not for us. */
	if (e->kind == EVENT_FRAME && e->frame.type == FRAME_CALL)
		loss_call(s, e, o);
	else if (e->kind == EVENT_FRAME)
		step_frame(s, e, o);
	else if (e->kind == EVENT_LINK && e->link.purpose == PURPOSE_STORE && !e->link.up &&
		 e->link.broken)
		raft_broken(&s->raft, e->link.peer.id);
	else if (e->kind == EVENT_DISK)
		step_disk(s, e, o);
	else if (e->kind == EVENT_READ && e->read.token == s->recall_token)
		recall_read(s, e);
	else if (e->kind == EVENT_READ)
		ship_read(s, e, o);
	else if (e->kind == EVENT_TELL)
		step_tell(s, e, o);
}

/* ---- the turn ---- */

static void say_ready(struct store *s, struct outbox *o)
{
	if (s->ready_said || s->raft.voters.count == 0 || !s->awake)
		return;
	s->ready_said = true;
	outbox_log(o, LOG_LEVEL_INFO, "store ready: backend=embedded position=%" PRIu64,
		   log_last(&s->raft.log));
}

static void write_again(struct store *s, struct outbox *o)
{
	if (!s->full || s->retry_us > s->now_us || s->run_token == 0)
		return;
	s->retry_us = s->now_us + RETRY_FULL_US;
	wal_repeat(&s->wal, s->run_token, o);
}

static void turn_raft(struct store *s, struct outbox *o)
{
	bool wrote = s->raft.writing;
	uint64_t token = wrote ? s->run_token : store_errand(s, ERRAND_RUN);

	if (s->awake) {
		raft_tick(&s->raft, o);
		seats_turn(s, o);
	}
	raft_turn(&s->raft, s->awake, token, o);
	if (s->raft.writing && !wrote)
		s->run_token = token;
}

void store_turn(struct store *s, uint64_t now_us, uint64_t wall_us, struct outbox *o)
{
	s->wall_us = wall_us;
	set_now(s, now_us);
	if (s->fault != OK || store_is_moving(s))
		return;
	write_again(s, o);
	lineage_turn(s, o);
	loss_turn(s, o);
	if (store_is_moving(s))
		return;
	birth_turn(s, o);
	ship_turn(s, o);
	parting_turn(s, o);
	turn_raft(s, o);
	recall_turn(s, o);
	say_ready(s, o);
	commits_apply(s, o);
	commits_settle(s, o);
	commits_tell_lead(s, o);
	commits_say_lost(s, o);
	standby_turn(s, o);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t store_deadline_us(const struct store *s)
{
	uint64_t at;

	if (s->fault != OK || store_is_moving(s))
		return UINT64_MAX;
	at = least(birth_deadline_us(s), ship_deadline_us(s));
	at = least(at, least(lineage_deadline_us(s), loss_deadline_us(s)));
	at = least(at, parting_deadline_us(s));
	if (s->awake)
		at = least(at, raft_deadline_us(&s->raft));
	at = least(at, s->say_lost_us);
	if (s->full)
		at = least(at, s->retry_us);
	if (!s->full && !s->raft.writing && wal_is_made(&s->wal) && wal_has_run(&s->wal))
		at = s->now_us;
	if (s->applied < s->raft.commit)
		at = s->now_us;
	return at;
}

/* ---- what it shows ---- */

const struct kv *store_map(const struct store *s)
{
	return s->kv;
}

struct store_where store_where(const struct store *s)
{
	const struct generation *own = lineage_own(s);
	struct store_where w = {.mark = generation_mark(own)};

	if (own->number > 1)
		w.store = own->store;
	if (wal_is_made(&s->wal) && s->raft.voters.count > 0) {
		w.store = s->wal.store;
		w.epoch = generation_epoch(s->wal.state.term);
	}
	return w;
}

struct store_figures store_figures(const struct store *s)
{
	return (struct store_figures){
		.applied = s->applied,
		.committed = s->raft.commit,
		.last = log_last(&s->raft.log),
		.elections = s->raft.elections,
		.refused = s->refusals,
		.malformed = s->malformed,
		.runs = s->wal.runs,
	};
}
