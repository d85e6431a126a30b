/* What `witan director` shows of the store. */
#include <inttypes.h>
#include <stdio.h>

#include "core/must.h"
#include "core/text.h"
#include "sched/role.h"
#include "sched/store/inside.h"

const char *store_why(const struct store *s)
{
	return s->raft.why == NULL ? "start" : s->raft.why;
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

		if (!seat->scheduler || !seat->votes || !is_up(s, seat) ||
		    id_same(seat->node, s->raft.leader_node))
			continue;
		if (!raft_leads(&s->raft) || (f != NULL && standby_is_current(s, f)))
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

const char *store_survives(const struct store *s, char out[128])
{
	uint32_t voters = voters_count(&s->raft.voters), up = 0, quorum;

	if (voters == 0) {
		snprintf(out, 128, "no store here");
		return out;
	}
	if (s->wal.rival.number > 0) {
		snprintf(out, 128, "two generations met: nothing is assigned until one is retired");
		return out;
	}
	quorum = voters_quorum(&s->raft.voters);
	for (uint32_t i = 0; i < s->raft.voters.count; i++)
		up += s->raft.voters.seat[i].votes && is_up(s, &s->raft.voters.seat[i]);
	if (voters == 1)
		snprintf(out, 128, "one voter: its loss stops everything");
	else if (up > quorum)
		snprintf(out, 128, "tolerates the loss of any %" PRIu32, up - quorum);
	else if (voters == 2 && up == 2)
		snprintf(out, 128,
			 "the loss of either stops commits until confirm-loss; nothing "
			 "acknowledged can be lost");
	else if (up == quorum)
		snprintf(out, 128, "the loss of one more stops commits");
	else
		snprintf(out, 128, "no quorum: nothing is committed");
	return out;
}

const char *const store_sheet_names[] = {
	"STATE",   "DIRECTOR", "DIRECTOR NAME", "EPOCH",    "SINCE",  "HOW",    "FROM",
	"TOOK MS", "HELD",     "SURVIVES",      "STORE",    "MEMBER", "NAME",   "ROLE",
	"VOTES",   "MATCH",    "BEHIND",        "HEARD_MS", "+VOTER", "+LEVEL", NULL,
};

static const char *role_of(const struct store *s, const struct seat *seat)
{
	if (id_same(seat->node, s->raft.leader_node))
		return seat->scheduler ? "director" : "witness, leads";
	if (!seat->scheduler)
		return seat->votes ? "witness" : "witness, learns";
	return seat->votes ? "standby" : "standby, learns";
}

static void put_text(const char *text, struct sheet *sheet)
{
	if (text[0])
		sheet_text(sheet, text);
	else
		sheet_nil(sheet);
}

/* How the role came to who has it, as the last director wrote. */
static void put_history(const struct role_watch *role, struct sheet *sheet)
{
	const struct role_row *row = &role->row;

	if (!role->has_row) {
		for (int n = 0; n < 4; n++)
			sheet_nil(sheet);
		return;
	}
	sheet_text(sheet, text_time(row->since_us).s);
	sheet_text(sheet, role_how_name(row->how));
	put_text(row->from_name, sheet);
	sheet_u64(sheet, row->took_ms);
}

static void put_common(const struct store *s, const struct role_watch *role, struct sheet *sheet)
{
	struct epoch e = store_where(s).epoch;
	char held[ROLE_HELD_TEXT_MAX], survives[128];
	const struct known *k;

	sheet_text(sheet, role_state_name(role->state));
	if (s->lead_told && !id_is_none(s->lead.lead.who)) {
		k = roster_look(&s->roster, s->lead.lead.who);
		sheet_text(sheet, id_text(s->lead.lead.who).s);
		put_text(k == NULL ? "" : k->name, sheet);
	} else {
		sheet_nil(sheet);
		sheet_nil(sheet);
	}
	sheet_format(sheet, "%" PRIu64 ".%" PRIu64, e.generation, e.term);
	put_history(role, sheet);
	put_text(role_is_kept(role) ? role_held_text(&role->held, held) : "", sheet);
	sheet_text(sheet, store_survives(s, survives));
	sheet_text(sheet, id_text(store_where(s).store).s);
}

/* How far it is known to have the log: our own, or, when we lead, what it acknowledged. */
static bool match_of(const struct store *s, const struct seat *seat, uint64_t *match)
{
	const struct follower *f = seat_follower(s, seat);

	if (id_same(seat->voter, s->wal.voter))
		*match = s->raft.stored;
	else if (raft_leads(&s->raft) && f != NULL)
		*match = f->match;
	else
		return false;
	return true;
}

static void put_seat(const struct store *s, const struct seat *seat, uint64_t now_us,
		     struct sheet *sheet)
{
	const struct follower *f = seat_follower(s, seat);
	const struct known *k = roster_look(&s->roster, seat->node);
	uint64_t match, commit = s->raft.commit;

	sheet_text(sheet, id_text(seat->node).s);
	sheet_text(sheet, k == NULL ? "" : k->name);
	sheet_text(sheet, role_of(s, seat));
	sheet_bool(sheet, seat->votes);
	if (match_of(s, seat, &match)) {
		sheet_u64(sheet, match);
		sheet_u64(sheet, match < commit ? commit - match : 0);
	} else {
		sheet_nil(sheet);
		sheet_nil(sheet);
	}
	if (id_same(seat->voter, s->wal.voter))
		sheet_u64(sheet, 0);
	else if (raft_leads(&s->raft) && f != NULL && now_us >= f->heard_us)
		sheet_u64(sheet, (now_us - f->heard_us) / 1000);
	else
		sheet_nil(sheet);
	sheet_text(sheet, id_text(seat->voter).s);
}

/* What it announced, as far as we heard. */
static void put_level(const struct store *s, uint32_t at, struct sheet *sheet)
{
	const struct seat *seat = &s->raft.voters.seat[at];
	const struct known *k = roster_look(&s->roster, seat->node);

	if (id_same(seat->node, s->cfg.self))
		sheet_u64(sheet, s->cfg.level);
	else if (k != NULL && k->level != 0)
		sheet_u64(sheet, k->level);
	else
		sheet_nil(sheet);
}

void store_sheet(const struct store *s, const struct role_watch *role, uint64_t now_us,
		 struct sheet *sheet)
{
	if (s->raft.voters.count == 0) {
		put_common(s, role, sheet);
		for (int n = 0; n < 9; n++)
			sheet_nil(sheet);
	}
	for (uint32_t i = 0; i < s->raft.voters.count; i++) {
		put_common(s, role, sheet);
		put_seat(s, &s->raft.voters.seat[i], now_us, sheet);
		put_level(s, i, sheet);
	}
}
