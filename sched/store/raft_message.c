#include "sched/store/raft_message.h"

#include "core/must.h"
#include "sched/level.h"
#include "sched/store/generation.h"
#include "sched/store/voters.h"

static uint32_t own_fields(const struct message *m)
{
	switch (m->kind) {
	case MESSAGE_PREVOTE:
	case MESSAGE_VOTE:
	case MESSAGE_SNAPSHOTTED:
	case MESSAGE_HELLOED:
	case MESSAGE_HELLO:
		return 3;
	case MESSAGE_PREVOTED:
	case MESSAGE_VOTED:
	case MESSAGE_COPIED:
	case MESSAGE_REPORT:
		return 2;
	case MESSAGE_SAY:
		return 6;
	case MESSAGE_APPENDED:
		return 4;
	case MESSAGE_APPEND:
	case MESSAGE_SNAPSHOT:
		return 5;
	case MESSAGE_PROPOSE:
	case MESSAGE_GIVE_UP:
	case MESSAGE_GIVEN_UP:
	case MESSAGE_GENERATION:
	case MESSAGE_ASK:
		return 1;
	case MESSAGE_TRANSFER:
	case MESSAGE_ACCEPTED:
	case MESSAGE_REFUSED:
	case MESSAGE_WITHDRAWN:
		return 0;
	}
	must(false);
	return 0;
}

/* Fields of a later version than the first: written always, read when they are there. */
static uint32_t later_fields(enum message_kind kind)
{
	if (kind == MESSAGE_APPENDED)
		return 1;
	return kind == MESSAGE_HELLO || kind == MESSAGE_HELLOED ? 2 : 0;
}

enum { HEAD_FIELDS = 8, RECORD_MAX = 8192 };

static void put_own(struct pack *p, const struct message *m)
{
	switch (m->kind) {
	case MESSAGE_PREVOTE:
	case MESSAGE_VOTE:
		pack_u64(p, m->vote.last);
		pack_u64(p, m->vote.last_term);
		pack_bool(p, m->vote.transfer);
		break;
	case MESSAGE_PREVOTED:
	case MESSAGE_VOTED:
		pack_bool(p, m->voted.granted);
		pack_u64(p, m->voted.asked);
		break;
	case MESSAGE_APPEND:
		pack_u64(p, m->append.prev);
		pack_u64(p, m->append.prev_term);
		pack_u64(p, m->append.commit);
		pack_u64(p, m->append.round);
		pack_array(p, m->append.count); /* the entries follow */
		break;
	case MESSAGE_APPENDED:
		pack_bool(p, m->appended.good);
		pack_u64(p, m->appended.match);
		pack_u64(p, m->appended.round);
		pack_bool(p, m->appended.wants_snapshot);
		pack_u64(p, m->appended.last);
		break;
	case MESSAGE_SNAPSHOT:
		pack_u64(p, m->snapshot.index);
		pack_u64(p, m->snapshot.index_term);
		pack_u64(p, m->snapshot.offset);
		pack_bool(p, m->snapshot.done);
		pack_bin(p, m->snapshot.piece);
		break;
	case MESSAGE_SNAPSHOTTED:
		pack_u64(p, m->snapshotted.index);
		pack_u64(p, m->snapshotted.offset);
		pack_bool(p, m->snapshotted.done);
		break;
	case MESSAGE_HELLO:
	case MESSAGE_HELLOED:
		pack_u64(p, m->hello.holding);
		pack_bool(p, m->hello.scheduler);
		pack_bool(p, m->hello.leads);
		pack_u64(p, m->hello.level);
		pack_u64(p, m->hello.state);
		break;
	case MESSAGE_PROPOSE:
		pack_array(p, m->propose.count);
		for (uint32_t i = 0; i < m->propose.count; i++)
			pack_id(p, m->propose.node[i]);
		break;
	case MESSAGE_GIVE_UP:
		pack_bool(p, m->give.leaves);
		break;
	case MESSAGE_GIVEN_UP:
		pack_u64(p, m->give.gave);
		break;
	case MESSAGE_COPIED:
		pack_u64(p, m->copied.boot);
		pack_u64(p, m->copied.nonce);
		break;
	case MESSAGE_GENERATION:
		pack_bin(p, m->record);
		break;
	case MESSAGE_ASK:
		pack_u64(p, m->ask.token);
		break;
	case MESSAGE_SAY:
		pack_u64(p, m->say.token);
		pack_u64(p, m->say.last);
		pack_u64(p, m->say.last_term);
		pack_bool(p, m->say.scheduler);
		pack_bool(p, m->say.led);
		pack_array(p, m->say.count);
		for (uint32_t i = 0; i < m->say.count; i++)
			pack_id(p, m->say.here[i]);
		break;
	case MESSAGE_REPORT:
		pack_u64(p, m->report.last);
		pack_u64(p, m->report.last_term);
		break;
	case MESSAGE_TRANSFER:
	case MESSAGE_ACCEPTED:
	case MESSAGE_REFUSED:
	case MESSAGE_WITHDRAWN:
		break;
	}
}

enum err message_put(const struct message *m, struct buffer *out)
{
	struct pack p;

	must(m->kind != MESSAGE_APPEND || m->append.count <= APPEND_ENTRIES_MAX);
	pack_init(&p, out);
	pack_array(&p, HEAD_FIELDS + own_fields(m) + later_fields(m->kind));
	pack_u64(&p, m->kind);
	pack_id(&p, m->store);
	pack_u64(&p, m->generation);
	pack_id(&p, m->from);
	pack_id(&p, m->to);
	pack_u64(&p, m->boot);
	pack_u64(&p, m->nonce);
	pack_u64(&p, m->term);
	put_own(&p, m);
	return pack_err(&p);
}

enum err message_put_entry(const struct entry *e, struct buffer *out)
{
	struct pack p;

	pack_init(&p, out);
	pack_array(&p, 3);
	pack_u64(&p, e->term);
	pack_u64(&p, e->kind);
	pack_bin(&p, e->body);
	return pack_err(&p);
}

static struct entry get_entry(struct unpack *u)
{
	struct entry e = {0};
	uint32_t n = unpack_array(u, 3);
	uint8_t kind;

	e.term = unpack_u64(u);
	kind = unpack_u8(u);
	e.body = unpack_bin(u, FRAME_MAX);
	if (unpack_err(u) != OK)
		return e;
	unpack_rest(u, n - 3);
	if (!entry_is_whole(kind, e.body) || e.term == 0)
		unpack_refuse(u, ERR_MALFORMED);
	e.kind = (enum entry_kind)kind;
	return e;
}

struct entry message_entry(struct bytes *entries, uint64_t index)
{
	struct entry e;
	struct unpack u;

	unpack_init(&u, *entries);
	e = get_entry(&u);
	must(unpack_err(&u) == OK);
	e.index = index;
	*entries = u.left;
	return e;
}

/* Terms never fall within a message, nor beneath the one before it, nor above the leader's. */
static void get_entries(struct unpack *u, struct message *m)
{
	uint32_t count = unpack_array(u, 0);
	uint64_t term = m->append.prev_term;

	if (count > APPEND_ENTRIES_MAX || m->append.prev > UINT64_MAX / 2)
		unpack_refuse(u, ERR_TOO_BIG);
	m->append.count = count;
	m->append.entries = u->left;
	for (uint32_t i = 0; i < count && unpack_err(u) == OK; i++) {
		struct entry e = get_entry(u);

		if (unpack_err(u) == OK && (e.term < term || e.term > m->term))
			unpack_refuse(u, ERR_MALFORMED);
		term = e.term;
	}
}

static void get_propose(struct unpack *u, struct message *m)
{
	uint32_t count = unpack_array(u, 1);

	if (count > STORE_REPLICAS_MAX) {
		unpack_refuse(u, ERR_TOO_BIG);
		return;
	}
	m->propose.count = count;
	for (uint32_t i = 0; i < count; i++)
		m->propose.node[i] = unpack_id(u);
}

static void get_record(struct unpack *u, struct message *m)
{
	struct generation g;

	m->record = unpack_bin(u, RECORD_MAX);
	if (unpack_err(u) == OK && generation_get(m->record, &g) != OK)
		unpack_refuse(u, ERR_MALFORMED);
}

static void get_say(struct unpack *u, struct message *m)
{
	uint32_t count;

	m->say.token = unpack_u64(u);
	m->say.last = unpack_u64(u);
	m->say.last_term = unpack_u64(u);
	m->say.scheduler = unpack_bool(u);
	m->say.led = unpack_bool(u);
	count = unpack_array(u, 0);
	if (count > STORE_REPLICAS_MAX) {
		unpack_refuse(u, ERR_TOO_BIG);
		return;
	}
	m->say.count = count;
	for (uint32_t i = 0; i < count; i++)
		m->say.here[i] = unpack_id(u);
}

static void get_own(struct unpack *u, struct message *m)
{
	uint8_t holding, gave;

	switch (m->kind) {
	case MESSAGE_PREVOTE:
	case MESSAGE_VOTE:
		m->vote.last = unpack_u64(u);
		m->vote.last_term = unpack_u64(u);
		m->vote.transfer = unpack_bool(u);
		break;
	case MESSAGE_PREVOTED:
	case MESSAGE_VOTED:
		m->voted.granted = unpack_bool(u);
		m->voted.asked = unpack_u64(u);
		break;
	case MESSAGE_APPEND:
		m->append.prev = unpack_u64(u);
		m->append.prev_term = unpack_u64(u);
		m->append.commit = unpack_u64(u);
		m->append.round = unpack_u64(u);
		get_entries(u, m);
		break;
	case MESSAGE_APPENDED:
		m->appended.good = unpack_bool(u);
		m->appended.match = unpack_u64(u);
		m->appended.round = unpack_u64(u);
		m->appended.wants_snapshot = unpack_bool(u);
		break;
	case MESSAGE_SNAPSHOT:
		m->snapshot.index = unpack_u64(u);
		m->snapshot.index_term = unpack_u64(u);
		m->snapshot.offset = unpack_u64(u);
		m->snapshot.done = unpack_bool(u);
		m->snapshot.piece = unpack_bin(u, SNAPSHOT_PIECE_MAX);
		break;
	case MESSAGE_SNAPSHOTTED:
		m->snapshotted.index = unpack_u64(u);
		m->snapshotted.offset = unpack_u64(u);
		m->snapshotted.done = unpack_bool(u);
		break;
	case MESSAGE_HELLO:
	case MESSAGE_HELLOED:
		holding = unpack_u8(u);
		if (holding > HOLDING_STORE)
			unpack_refuse(u, ERR_MALFORMED);
		m->hello.holding = (enum holding)holding;
		m->hello.scheduler = unpack_bool(u);
		m->hello.leads = unpack_bool(u);
		break;
	case MESSAGE_PROPOSE:
		get_propose(u, m);
		break;
	case MESSAGE_GIVE_UP:
		m->give.leaves = unpack_bool(u);
		break;
	case MESSAGE_GIVEN_UP:
		gave = unpack_u8(u);
		if (gave > GAVE_NOT)
			unpack_refuse(u, ERR_MALFORMED);
		m->give.gave = (enum gave_up)gave;
		break;
	case MESSAGE_COPIED:
		m->copied.boot = unpack_u64(u);
		m->copied.nonce = unpack_u64(u);
		break;
	case MESSAGE_GENERATION:
		get_record(u, m);
		break;
	case MESSAGE_ASK:
		m->ask.token = unpack_u64(u);
		break;
	case MESSAGE_SAY:
		get_say(u, m);
		break;
	case MESSAGE_REPORT:
		m->report.last = unpack_u64(u);
		m->report.last_term = unpack_u64(u);
		break;
	case MESSAGE_TRANSFER:
	case MESSAGE_ACCEPTED:
	case MESSAGE_REFUSED:
	case MESSAGE_WITHDRAWN:
		break;
	}
}

/* How many of the fields left it took. */
static uint32_t get_later(struct unpack *u, uint32_t left, struct message *m)
{
	if (m->kind == MESSAGE_APPENDED) {
		m->appended.last = left > 0 ? unpack_u64(u) : UINT64_MAX;
		return left > 0 ? 1 : 0;
	}
	m->hello.level = left > 0 ? unpack_u32(u) : LEVEL_FIRST;
	m->hello.state = left > 1 ? unpack_u32(u) : LEVEL_FIRST;
	return left < 2 ? left : 2;
}

static bool is_known(uint8_t kind)
{
	return (kind >= MESSAGE_PREVOTE && kind <= MESSAGE_WITHDRAWN) ||
	       (kind >= MESSAGE_GIVE_UP && kind <= MESSAGE_COPIED) ||

	       (kind >= MESSAGE_GENERATION && kind <= MESSAGE_REPORT);
}

enum err message_get(struct bytes body, struct message *out)
{
	struct message m = {0};
	struct unpack u;
	uint32_t fields, taken;
	uint8_t kind;

	unpack_init(&u, body);
	fields = unpack_array(&u, HEAD_FIELDS);
	kind = unpack_u8(&u);
	m.store = unpack_id(&u);
	m.generation = unpack_u64(&u);
	m.from = unpack_id(&u);
	m.to = unpack_id(&u);
	m.boot = unpack_u64(&u);
	m.nonce = unpack_u64(&u);
	m.term = unpack_u64(&u);
	if (!is_known(kind))
		unpack_refuse(&u, ERR_MALFORMED);
	if (unpack_err(&u) != OK)
		return unpack_err(&u);
	m.kind = (enum message_kind)kind;
	taken = HEAD_FIELDS + own_fields(&m);
	if (taken > fields)
		unpack_refuse(&u, ERR_SHORT);
	get_own(&u, &m);
	if (later_fields(m.kind) > 0)
		taken += get_later(&u, fields - taken, &m);
	if (unpack_err(&u) == OK)
		unpack_rest(&u, fields - taken);
	if (unpack_err(&u) == OK)
		*out = m;
	return unpack_err(&u);
}
