/* Snapshots: taken when the log grew long, shipped to who lacks what is compacted, received and installed.
 *
 * A shipment is one piece at a time: READ from our file, SNAPSHOT to the follower, which appends the same bytes to its
 * own file and says from where it wants more. Lost pieces are asked for again by the clock. */
#include <string.h>

#include "core/must.h"
#include "sched/store/inside.h"

#define RETRY_US         1000000u
#define COMPACT_TURN_MAX 2048u /* entries let go of in one turn: 0.5 ms */
#define WITHER_TURN_MAX  2048u /* and pieces of an older map */

/* ---- taking ---- */

/* A large state is written again for a share of its size in log: so much more is written, and that much is kept in memory
 * and read at a start. Well below where commits are refused. */
static uint64_t every(const struct store *s)
{
	uint64_t log = s->cfg.snapshot_every == 0 ? SNAPSHOT_EVERY : s->cfg.snapshot_every;
	uint64_t share = s->snapshot_size / SNAPSHOT_SHARE;

	if (share > LOG_MEMORY_MAX / 4)
		share = LOG_MEMORY_MAX / 4;
	return share > log ? share : log;
}

/* A newer snapshot would begin every shipment anew: it waits for those that move, unless the log grows too long. */
static bool is_shipping(struct store *s)
{
	if (!raft_leads(&s->raft) || s->raft.log.size > LOG_MEMORY_MAX / 2)
		return false;
	for (uint32_t i = 0; i < STORE_REPLICAS_MAX; i++) {
		const struct shipment *x = &s->shipments[i];
		const struct follower *f = raft_follower(&s->raft, x->voter);

		if (f != NULL && x->index != x->shipped && !replicate_is_silent(&s->raft, f) &&
		    x->tried_us + 2 * RETRY_US > s->now_us)
			return true;
	}
	return false;
}

static void begin(struct store *s)
{
	struct snapshot_head head = {
		.store = s->wal.store,
		.epoch = {generation_of_term(s->applied_term), s->applied_term},
		.index = s->applied};

	head.voters = raft_voters_at(&s->raft, s->applied, &head.voters_index);
	snapshot_begin(&s->writer, &head, s->kv);
}

/* Lets go of what the snapshot holds, but for a little that followers just behind may want. */
static void compact(struct store *s)
{
	const struct log *log = &s->raft.log;
	uint64_t base = s->snapshot.index, keep = every(s) / 4;
	size_t kept = 0;

	if (keep > LOG_KEEP_MAX)
		keep = LOG_KEEP_MAX;
	while (base > log->base && kept + log_len(log, base) <= keep)
		kept += log_len(log, base--) + 16;
	s->compact_to = base;
}

/* Not while the first run of a file is under way: it holds the state anew, and before it is durable the older files are
 * all there is. */
static bool compacts(const struct store *s)
{
	return s->compact_to > s->raft.log.base && !(s->raft.writing && s->wal.sent_at == 0);
}

static void turn_compaction(struct store *s, struct outbox *o)
{
	const struct log *log = &s->raft.log;
	uint64_t base = s->compact_to;
	uint32_t file;

	if (!compacts(s))
		return;
	if (base > log->base + COMPACT_TURN_MAX)
		base = log->base + COMPACT_TURN_MAX;
	raft_compact(&s->raft, base);
	file = log_has(log, base + 1) ? log_file(log, base + 1) : s->wal.file;
	if (file != 0)
		wal_drop_before(&s->wal, file, o);
}

/* Freeing what a large map held takes long: a little in each turn. */
static void wither(struct store *s)
{
	if (s->withering != NULL && kv_wither(s->withering, WITHER_TURN_MAX))
		s->withering = NULL;
}

static void adopt_snapshot(struct store *s, const struct snapshot_head *head, uint64_t size,
			   struct outbox *o)
{
	if (s->snapshot.index != 0 && s->snapshot.index != head->index)
		outbox_drop(o, snapshot_name(s->snapshot.index).s, 0);
	s->snapshot = *head;
	s->snapshot_size = size;
	s->snapshot_read = false;
}

static void turn_writer(struct store *s, struct outbox *o)
{
	struct raft *r = &s->raft;

	if (s->writer.frozen != NULL) {
		if (!s->writer.ended && !s->writer.waits && outbox_room(o))
			snapshot_write(&s->writer, s->cfg.keyring->store_key, s->writer_token, o);
		return;
	}
	r->wants_snapshots = !store_is_scheduler(s) && r->log.size > every(s);
	if (!store_is_scheduler(s) || s->applied <= s->snapshot.index || s->receiving ||
	    s->received || is_shipping(s))
		return;
	if (r->log.size <= every(s) || s->applied <= r->log.base || s->compact_to > r->log.base)
		return;
	/* Not of a state that will be another in a moment. */
	if (r->commit - s->applied > APPLY_BEHIND)
		return;
	begin(s);
	s->writer_token = store_errand(s, ERRAND_SNAPSHOT);
}

/* ---- shipping ---- */

static struct shipment *shipment_of(struct store *s, struct id voter)
{
	struct shipment *spare = NULL;

	for (uint32_t i = 0; i < STORE_REPLICAS_MAX; i++) {
		struct shipment *x = &s->shipments[i];

		if (id_same(x->voter, voter))
			return x;
		if (id_is_none(x->voter) || raft_follower(&s->raft, x->voter) == NULL)
			spare = x;
	}
	must(spare != NULL);
	*spare = (struct shipment){.voter = voter};
	return spare;
}

static void read_on(struct store *s, struct shipment *x, struct outbox *o)
{
	x->token = store_errand(s, ERRAND_READ);
	x->tried_us = s->now_us;
	outbox_read(o, snapshot_name(x->index).s, x->offset, SNAPSHOT_PIECE_MAX, x->token);
}

static void turn_shipments(struct store *s, struct outbox *o)
{
	for (uint32_t i = 0; i < s->raft.follower_count; i++) {
		struct follower *f = &s->raft.followers[i];
		struct shipment *x;

		if (!f->lacks && !f->wants_snapshot)
			continue;
		if (replicate_is_silent(&s->raft, f) || s->snapshot.index == 0)
			continue;
		x = shipment_of(s, f->voter);
		/* A follower that asks for one has what we have up to there: nothing older helps. */
		if (!f->lacks && x->shipped >= s->snapshot.index)
			continue;
		if (x->index != s->snapshot.index) {
			x->index = s->snapshot.index;
			x->offset = 0;
			read_on(s, x, o);
		} else if (x->tried_us + RETRY_US <= s->now_us) {
			read_on(s, x, o);
		}
	}
}

void ship_read(struct store *s, const struct event *e, struct outbox *o)
{
	struct message m = {.kind = MESSAGE_SNAPSHOT};
	struct shipment *x = NULL;
	const struct follower *f;
	struct peer to;

	for (uint32_t i = 0; i < STORE_REPLICAS_MAX; i++)
		if (s->shipments[i].token == e->read.token)
			x = &s->shipments[i];
	if (x == NULL || e->read.token == 0)
		return;
	x->token = 0;
	f = raft_follower(&s->raft, x->voter);
	if (!raft_leads(&s->raft) || f == NULL || x->index != s->snapshot.index ||
	    e->read.err != OK || e->read.body.len > SNAPSHOT_PIECE_MAX)
		return;
	m.snapshot.index = x->index;
	m.snapshot.index_term = s->snapshot.epoch.term;
	m.snapshot.offset = x->offset;
	m.snapshot.piece = e->read.body;
	m.snapshot.done = x->offset + e->read.body.len >= s->snapshot_size;
	to = raft_peer(&s->raft, f->node);
	raft_post(&s->raft, &to, f->voter, &m, o);
}

static void step_snapshotted(struct store *s, const struct message *m, struct outbox *o)
{
	struct follower *f = raft_follower(&s->raft, m->from);
	struct shipment *x;

	if (m->term > raft_term(&s->raft)) {
		raft_follow(&s->raft, m->term, "a higher term");
		return;
	}
	if (m->term < raft_term(&s->raft) || !raft_leads(&s->raft) || f == NULL)
		return;
	f->heard_us = s->now_us;
	x = shipment_of(s, m->from);
	if (m->snapshotted.done && m->snapshotted.index <= s->raft.commit) {
		if (f->match < m->snapshotted.index) {
			f->match = m->snapshotted.index;
			f->boot = m->boot;
		}
		if (f->next <= f->match)
			f->next = f->match + 1;
		f->flights = 0;
		f->wants_snapshot = false;
		x->shipped = m->snapshotted.index;
		return;
	}
	if (m->snapshotted.index != x->index || x->token != 0 ||
	    m->snapshotted.offset > s->snapshot_size)
		return;
	x->offset = m->snapshotted.offset;
	read_on(s, x, o);
}

/* ---- receiving ---- */

void ship_forget(struct store *s)
{
	if (!s->receiving)
		return;
	snapshot_reader_fini(&s->reader);
	s->receiving = false;
	s->received = false;
}

static void answer(struct store *s, const struct peer *to, struct id voter, uint64_t index,
		   bool done, struct outbox *o)
{
	struct message m = {.kind = MESSAGE_SNAPSHOTTED};

	if (s->raft.state_synced != s->raft.state_puts)
		return;
	m.snapshotted.index = index;
	m.snapshotted.offset = s->receiving && s->receive_index == index ? s->receive_offset : 0;
	m.snapshotted.done = done;
	raft_post(&s->raft, to, voter, &m, o);
}

static void begin_receiving(struct store *s, uint64_t index, struct outbox *o)
{
	ship_forget(s);
	snapshot_reader_init(&s->reader, store_is_scheduler(s) ? s->cfg.keyring->store_key : NULL);
	s->receiving = true;
	s->received = false;
	s->receive_index = index;
	s->receive_offset = 0;
	outbox_drop(o, snapshot_name(index).s, 0);
}

static bool is_needed(const struct store *s, uint64_t index)
{
	/* A witness takes one only to shorten its log; it must be newer than the one it has. */
	if (store_is_scheduler(s))
		return index > s->applied && index > s->raft.log.base;
	return index > s->snapshot.index && index > s->raft.log.base;
}

static void step_piece(struct store *s, const struct peer *from, const struct message *m,
		       struct outbox *o)
{
	uint64_t index = m->snapshot.index;
	enum err err;

	if (!raft_heed(&s->raft, from, m))
		return;
	if (!is_needed(s, index)) {
		answer(s, from, m->from, index, true, o);
		return;
	}
	if (s->received || s->writer.frozen != NULL)
		return;
	if (!s->receiving || s->receive_index != index)
		begin_receiving(s, index, o);
	if (m->snapshot.offset == s->receive_offset && m->snapshot.piece.len > 0) {
		err = snapshot_read(&s->reader, m->snapshot.piece);
		if (err == OK && s->reader.begun &&
		    (s->reader.head.index != index ||
		     s->reader.head.epoch.term != m->snapshot.index_term ||
		     !id_same(s->reader.head.store, s->wal.store)))
			err = ERR_MALFORMED;
		if (err != OK) {
			outbox_log(o, LOG_LEVEL_ERROR,
				   "snapshot refused: from=%s position=%llu reason=\"%s\"",
				   id_text(from->id).s, (unsigned long long)index, err_text(err));
			ship_forget(s);
			return;
		}
		outbox_append(o, snapshot_name(index).s, s->receive_offset, m->snapshot.piece, 0);
		s->receive_offset += m->snapshot.piece.len;
		if (s->reader.ended) {
			s->received = true;
			s->receive_from = *from;
			s->receive_voter = m->from;
			s->receive_token = store_errand(s, ERRAND_RECEIVE);
			outbox_sync(o, snapshot_name(index).s, s->receive_token);
			return;
		}
	}
	answer(s, from, m->from, index, false, o);
}

static void install(struct store *s, struct outbox *o)
{
	struct snapshot_head head = s->reader.head;
	uint64_t size = s->receive_offset;

	if (head.index > s->raft.log.base) {
		raft_install(&s->raft, head.index, head.epoch.term, &head.voters,
			     head.voters_index);
		if (head.index > s->applied) {
			s->applied = head.index;
			s->applied_term = head.epoch.term;
			if (store_is_scheduler(s)) {
				/* One that withers already is rare: then this one goes at once. */
				if (s->withering == NULL)
					s->withering = kv_freeze(s->kv);
				kv_move(s->kv, s->reader.kv);
				s->restored = true;
			}
		}
		adopt_snapshot(s, &head, size, o);
		compact(s);
		outbox_log(o, LOG_LEVEL_INFO, "snapshot installed: position=%llu bytes=%llu",
			   (unsigned long long)head.index, (unsigned long long)size);
	} else if (head.index != s->snapshot.index) {
		outbox_drop(o, snapshot_name(head.index).s, 0);
	}
	ship_forget(s);
	if (s->raft.role == RAFT_FOLLOWER && id_same(s->raft.leader, s->receive_voter))
		answer(s, &s->receive_from, s->receive_voter, head.index, true, o);
}

void ship_synced(struct store *s, uint64_t token, struct outbox *o)
{
	if (token == s->read_token) {
		s->snapshot_read = false;
	} else if (token == s->receive_token && s->receiving && s->received) {
		install(s, o);
	} else if (token == s->writer_token && s->writer.frozen != NULL && !s->writer.ended) {
		s->writer.waits = false;
	} else if (token == s->writer_token && s->writer.frozen != NULL) {
		adopt_snapshot(s, &s->writer.head, s->writer.offset, o);
		snapshot_end(&s->writer);
		compact(s);
		outbox_log(o, LOG_LEVEL_DEBUG, "snapshot taken: position=%llu bytes=%llu",
			   (unsigned long long)s->snapshot.index,
			   (unsigned long long)s->snapshot_size);
	}
}

void ship_step(struct store *s, const struct peer *from, const struct message *m, struct outbox *o)
{
	if (m->kind == MESSAGE_SNAPSHOT)
		step_piece(s, from, m, o);
	else
		step_snapshotted(s, m, o);
}

static bool is_wanted(const struct store *s, uint64_t index)
{
	return index == s->snapshot.index ||
	       (s->writer.frozen != NULL && index == s->writer.head.index) ||
	       (s->receiving && index == s->receive_index);
}

/* What was read at start may be in the page cache only: nothing older goes before it, or a newer one, is durable. */
static void turn_stale(struct store *s, struct outbox *o)
{
	if (s->snapshot_read && s->read_token == 0) {
		s->read_token = store_errand(s, ERRAND_SNAPSHOT);
		outbox_sync(o, snapshot_name(s->snapshot.index).s, s->read_token);
	}
	while (!s->snapshot_read && s->stale_count > 0)
		if (!is_wanted(s, s->stale_snapshots[--s->stale_count]))
			outbox_drop(o, snapshot_name(s->stale_snapshots[s->stale_count]).s, 0);
}

void ship_turn(struct store *s, struct outbox *o)
{
	turn_stale(s, o);
	if (!wal_is_made(&s->wal))
		return;
	turn_writer(s, o);
	turn_compaction(s, o);
	wither(s);
	if (raft_leads(&s->raft))
		turn_shipments(s, o);
}

uint64_t ship_deadline_us(const struct store *s)
{
	bool writes = s->writer.frozen != NULL && !s->writer.ended && !s->writer.waits;

	return writes || s->withering != NULL || compacts(s) ? s->now_us : UINT64_MAX;
}
