/* A node that ends in order asks what becomes of its vote. */
#include "core/must.h"
#include "sched/store/inside.h"

static void tell_given_up(const struct tell *t, enum gave_up gave, struct outbox *o)
{
	struct tell answer = {.kind = TELL_GIVEN_UP};

	answer.give.node = t->give.node;
	answer.give.leaves = t->give.leaves;
	answer.give.gave = gave;
	outbox_tell(o, &answer);
}

void parting_take(struct store *s, const struct tell *t, struct outbox *o)
{
	struct id node = id_is_none(t->give.node) ? s->cfg.self : t->give.node;
	uint32_t at = voters_find_node(&s->raft.voters, node);
	bool votes = at != VOTERS_NONE && s->raft.voters.seat[at].votes;

	tell_given_up(t, votes && t->give.leaves ? GAVE_NOT : GAVE_NOTHING, o);
}
