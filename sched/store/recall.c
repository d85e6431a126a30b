/* A witness holds the tail of its log in memory. When it leads, and a scheduler lacks older entries, they are read back from
 * the wal, a few at a time, sent, and let go again. */
#include "core/must.h"
#include "sched/store/inside.h"

static bool is_away(const struct log *l, uint64_t index)
{
	return log_has(l, index) && !log_is_held(l, index) && log_file(l, index) != 0;
}

/* Records that stand one after the other from this entry's on. */
static uint32_t length_from(const struct log *l, uint64_t index)
{
	uint64_t from = log_place(l, index), to = from + wal_entry_len(log_len(l, index));

	for (index++; is_away(l, index) && log_file(l, index) == log_file(l, index - 1) &&
		      log_place(l, index) == to &&
		      to + wal_entry_len(log_len(l, index)) - from <= RECALL_MAX;
	     index++)
		to += wal_entry_len(log_len(l, index));
	return (uint32_t)(to - from);
}

void recall_turn(struct store *s, struct outbox *o)
{
	const struct log *l = &s->raft.log;
	uint64_t index = s->raft.recall;

	s->raft.recall = 0;
	if (!raft_leads(&s->raft) || index == 0 || s->recall_token != 0 || !is_away(l, index))
		return;
	s->recall_token = store_errand(s, ERRAND_RECALL);
	outbox_read(o, wal_name(log_file(l, index)).s, log_place(l, index), length_from(l, index),
		    s->recall_token);
}

void recall_read(struct store *s, const struct event *e)
{
	struct bytes left = e->read.body;
	struct log *l = &s->raft.log;
	struct entry one;

	must(e->read.token == s->recall_token);
	s->recall_token = 0;
	if (e->read.err != OK)
		return; /* it is asked for again as long as somebody lacks it */
	while (wal_take_entry(&left, &one) == OK) {
		if (!is_away(l, one.index) || log_term(l, one.index) != one.term ||
		    log_len(l, one.index) != one.body.len)
			continue;
		log_recall(l, one.index, one.body);
	}
}
