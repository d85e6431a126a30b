/* What `witan director` shows of the store. */
#include <inttypes.h>
#include <stdio.h>

#include "core/must.h"
#include "sched/store/inside.h"

const char *store_state_name(enum store_state state)
{
	static const char *const names[] = {
		[STORE_EMPTY] = "empty",         [STORE_COUPLED] = "coupled",
		[STORE_UNCOUPLED] = "uncoupled", [STORE_NO_DIRECTOR] = "no-director",
		[STORE_NO_QUORUM] = "no-quorum", [STORE_FAULT] = "fault",
	};

	must(state <= STORE_FAULT);
	return names[state];
}

static const struct follower *seat_follower(const struct store *s, const struct seat *seat)
{
	for (uint32_t i = 0; i < s->raft.follower_count; i++)
		if (id_same(s->raft.followers[i].voter, seat->voter))
			return &s->raft.followers[i];
	return NULL;
}

/* Only the leader hears the others; elsewhere the views say. */
static bool is_up(const struct store *s, const struct seat *seat)
{
	const struct follower *f = seat_follower(s, seat);
	const struct known *k;

	if (id_same(seat->voter, s->wal.voter))
		return true;
	if (raft_leads(&s->raft))
		return f != NULL && f->heard_us + s->raft.cfg.election_max_us > s->now_us;
	k = roster_look(&s->roster, seat->node);
	return k != NULL && known_is_alive(k);
}

static bool has_standby(const struct store *s)
{
	for (uint32_t i = 0; i < s->raft.voters.count; i++) {
		const struct seat *seat = &s->raft.voters.seat[i];
		const struct follower *f = seat_follower(s, seat);

		if (!seat->scheduler || !is_up(s, seat) || id_same(seat->node, s->raft.leader_node))
			continue;
		if (!raft_leads(&s->raft) || (f != NULL && f->match >= s->raft.commit))
			return true;
	}
	return false;
}

enum store_state store_state(const struct store *s)
{
	const struct raft *r = &s->raft;
	uint64_t patience = 3 * r->cfg.election_max_us;

	if (s->fault != OK || s->full)
		return STORE_FAULT;
	if (r->voters.count == 0)
		return STORE_EMPTY;
	if (s->lead_told && !id_is_none(s->lead.lead.who))
		return has_standby(s) ? STORE_COUPLED : STORE_UNCOUPLED;
	if (id_is_none(r->leader) && s->old_lost_us != 0 && s->old_lost_us + patience <= s->now_us)
		return STORE_NO_QUORUM;
	return STORE_NO_DIRECTOR;
}

const char *store_survives(const struct store *s, char out[80])
{
	uint32_t voters = voters_count(&s->raft.voters), up = 0, quorum;

	if (voters == 0) {
		snprintf(out, 80, "no store here");
		return out;
	}
	quorum = voters_quorum(&s->raft.voters);
	for (uint32_t i = 0; i < s->raft.voters.count; i++)
		up += s->raft.voters.seat[i].votes && is_up(s, &s->raft.voters.seat[i]);
	if (voters == 1)
		snprintf(out, 80, "one voter: its loss stops everything");
	else if (up > quorum)
		snprintf(out, 80, "tolerates the loss of any %" PRIu32, up - quorum);
	else if (voters == 2 && up == 2)
		snprintf(out, 80, "the loss of either stops commits until confirm-loss");
	else if (up == quorum)
		snprintf(out, 80, "the loss of one more stops commits");
	else
		snprintf(out, 80, "no quorum: nothing is committed");
	return out;
}

const char *const store_sheet_names[] = {
	"STATE",    "DIRECTOR", "EPOCH",  "MEMBER", "NAME",      "ROLE",   "MATCH",
	"HEARD_MS", "SURVIVES", "+STORE", "+VOTER", "+SINCE_MS", "+LEVEL", NULL,
};

static const char *role(const struct store *s, const struct seat *seat)
{
	if (id_same(seat->node, s->raft.leader_node))
		return seat->scheduler ? "director" : "witness, leads";
	if (!seat->scheduler)
		return seat->votes ? "witness" : "witness, learns";
	return seat->votes ? "standby" : "standby, learns";
}

static void put_common(const struct store *s, struct sheet *sheet)
{
	struct epoch e = store_where(s).epoch;

	sheet_text(sheet, store_state_name(store_state(s)));
	if (s->lead_told && !id_is_none(s->lead.lead.who))
		sheet_text(sheet, id_text(s->lead.lead.who).s);
	else
		sheet_nil(sheet);
	sheet_format(sheet, "%" PRIu64 ".%" PRIu64, e.generation, e.term);
}

static void put_seat(const struct store *s, const struct seat *seat, uint64_t now_us,
		     struct sheet *sheet)
{
	const struct follower *f = seat_follower(s, seat);
	const struct known *k = roster_look(&s->roster, seat->node);
	bool self = id_same(seat->voter, s->wal.voter);

	sheet_text(sheet, id_text(seat->node).s);
	sheet_text(sheet, k == NULL ? "" : k->name);
	sheet_text(sheet, role(s, seat));
	if (self)
		sheet_u64(sheet, s->raft.stored);
	else if (raft_leads(&s->raft) && f != NULL)
		sheet_u64(sheet, f->match);
	else
		sheet_nil(sheet);
	if (self)
		sheet_u64(sheet, 0);
	else if (raft_leads(&s->raft) && f != NULL && now_us >= f->heard_us)
		sheet_u64(sheet, (now_us - f->heard_us) / 1000);
	else
		sheet_nil(sheet);
}

/* What it announced, as far as we heard. */
static void put_level(const struct store *s, uint32_t at, struct sheet *sheet)
{
	const struct seat *seat = &s->raft.voters.seat[at];
	const struct known *k =
		at < s->raft.voters.count ? roster_look(&s->roster, seat->node) : NULL;

	if (at < s->raft.voters.count && id_same(seat->node, s->cfg.self))
		sheet_u64(sheet, s->cfg.level);
	else if (k != NULL && k->level != 0)
		sheet_u64(sheet, k->level);
	else
		sheet_nil(sheet);
}

void store_sheet(const struct store *s, uint64_t now_us, struct sheet *sheet)
{
	char survives[80];
	uint32_t rows = s->raft.voters.count == 0 ? 1 : s->raft.voters.count;

	store_survives(s, survives);
	for (uint32_t i = 0; i < rows; i++) {
		put_common(s, sheet);
		if (s->raft.voters.count == 0) {
			for (int n = 0; n < 5; n++)
				sheet_nil(sheet);
		} else {
			put_seat(s, &s->raft.voters.seat[i], now_us, sheet);
		}
		sheet_text(sheet, survives);
		sheet_text(sheet, id_text(store_where(s).store).s);
		if (s->raft.voters.count == 0)
			sheet_nil(sheet);
		else
			sheet_text(sheet, id_text(s->raft.voters.seat[i].voter).s);
		sheet_u64(sheet,
			  now_us >= s->raft.since_us ? (now_us - s->raft.since_us) / 1000 : 0);
		put_level(s, i, sheet);
	}
}
