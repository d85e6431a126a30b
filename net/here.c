/* What a node answers alone: of itself, its views, its discovery, its store. */
#include <stdio.h>

#include "core/must.h"
#include "discovery/discovery.h"
#include "gossip/swim.h"
#include "net/figures.h"
#include "net/node_parts.h"
#include "sched/level.h"
#include "sched/store.h"
#include "sched/worker.h"

static struct peer peer_of(const struct node *n, struct id id)
{
	const struct facts *f = swim_facts(n->view[VIEW_ALL], id);

	if (!f)
		return (struct peer){0};
	return (struct peer){.id = id, .addr = f->addr};
}

static struct peer director_of(const struct node *n)
{
	struct peer none = {0};

	/* The store of a worker that was a witness, and is none any more, hears of no later leader. */
	if (!n->view[VIEW_SCHEDULERS] && n->worker && worker_director(n->worker, &none))
		return none;
	if (!id_is_none(n->life.leader))
		return peer_of(n, n->life.leader);
	if (n->worker && worker_director(n->worker, &none))
		return none;
	return (struct peer){0};
}

enum api_where here_route(struct node *n, const struct event *e, const struct call *call,
			  struct outbox *outbox)
{
	struct api_map map = {
		.directing = n->life.directing,
		.worker = n->worker != NULL,
		.scheduler = n->view[VIEW_SCHEDULERS] != NULL,
		.self = n->identity->id,
		.director = director_of(n),
	};
	struct id scheduler;

	if (swim_any(n->view[VIEW_ALL], ROLE_SCHEDULER, &scheduler))
		map.scheduler_peer = peer_of(n, scheduler);
	if (call_place(call->verb) == AT_NODE && !id_same(call->node, n->identity->id))
		map.named = peer_of(n, call->node);
	return api_route(n->api, e, call, &map, outbox);
}

static void answer_sheet(const struct event *e, struct sheet *s, struct outbox *outbox)
{
	struct buffer body;

	buffer_init(&body, FRAME_MAX);
	if (sheet_put(s, &body) == OK)
		api_answer(e, EXIT_GOOD, buffer_bytes(&body), NULL, outbox);
	else
		api_answer(e, EXIT_OTHER, (struct bytes){0}, "the list is too long for one answer",
			   outbox);
	buffer_fini(&body);
}

/* Only a scheduler has the state. */
static void status_of_role(const struct node *n, struct sheet *s)
{
	const struct role_watch *role = &n->life.role;
	char text[ROLE_HELD_TEXT_MAX];

	if (n->director)
		sheet_text(s, role_state_name(role->state));
	else
		sheet_nil(s);
	if (n->director && role_is_kept(role))
		sheet_text(s, role_held_text(&role->held, text));
	else
		sheet_nil(s);
}

static void status(struct node *n, const struct event *e, struct outbox *outbox)
{
	static const char *const names[] = {"name",      "role",    "id",         "address",
					    "cluster",   "members", "schedulers", "director",
					    "epoch",     "state",   "held",       "+version",
					    "+uptime_s", "+level",  NULL};
	struct sheet s;
	struct peer director = director_of(n);
	const struct facts *who = swim_facts(n->view[VIEW_ALL], director.id);

	sheet_init(&s, names, FRAME_MAX);
	sheet_text(&s, n->facts.name);
	sheet_text(&s, n->view[VIEW_SCHEDULERS] ? "scheduler" : "worker");
	sheet_text(&s, id_text(n->identity->id).s);
	sheet_text(&s, addr_text(n->facts.addr).s);
	sheet_text(&s, n->keyring->cluster);
	sheet_u64(&s, swim_size(n->view[VIEW_ALL]));
	sheet_u64(&s, swim_count(n->view[VIEW_ALL], ROLE_SCHEDULER, 0));
	sheet_text(&s, who ? who->name : "");
	sheet_u64(&s, n->life.epoch.term);
	status_of_role(n, &s);
	sheet_text(&s, n->facts.version);
	sheet_u64(&s, (n->now_us - n->life.began_us) / 1000000);
	if (n->view[VIEW_SCHEDULERS])
		sheet_u64(&s, level_of(store_map(n->store)));
	else
		sheet_nil(&s);
	answer_sheet(e, &s, outbox);
	sheet_fini(&s);
}

static void members(struct node *n, const struct event *e, const struct call *call,
		    struct outbox *outbox)
{
	struct unpack u;
	struct sheet s;

	unpack_init(&u, call->arguments);
	uint32_t count = unpack_array(&u, 1);
	uint64_t view = unpack_u64(&u);
	unpack_rest(&u, count - (count > 0));
	if (unpack_err(&u) || view >= VIEWS) {
		api_answer(e, EXIT_USAGE, (struct bytes){0}, "the views are: schedulers, all",
			   outbox);
		return;
	}
	if (!n->view[view]) {
		api_answer(e, EXIT_USAGE, (struct bytes){0},
			   "a worker does not see the view of the schedulers: ask a scheduler",
			   outbox);
		return;
	}
	sheet_init(&s, swim_columns, FRAME_MAX);
	swim_sheet(n->view[view], n->now_us, &s);
	answer_sheet(e, &s, outbox);
	sheet_fini(&s);
}

static void director(struct node *n, const struct event *e, struct outbox *outbox)
{
	struct sheet s;

	sheet_init(&s, store_sheet_names, FRAME_MAX);
	store_sheet(n->store, &n->life.role, n->now_us, &s);
	answer_sheet(e, &s, outbox);
	sheet_fini(&s);
}

static void discovery(struct node *n, const struct event *e, struct outbox *outbox)
{
	struct sheet s;

	discovery_sheet(n->discovery, n->now_us, &s);
	answer_sheet(e, &s, outbox);
	sheet_fini(&s);
}

static void metrics(struct node *n, const struct event *e, struct outbox *outbox)
{
	struct buffer text;

	buffer_init(&text, FRAME_MAX);
	if (figures_print(n, &text) == OK)
		api_answer(e, EXIT_GOOD, buffer_bytes(&text), NULL, outbox);
	else
		api_answer(e, EXIT_OTHER, (struct bytes){0}, "the metrics are too long", outbox);
	buffer_fini(&text);
}

static void signalled(struct node *n, const struct event *e, enum signal what,
		      struct outbox *outbox)
{
	struct event wish = node_event(n, EVENT_SIGNAL);

	api_answer(e, EXIT_GOOD, (struct bytes){0}, NULL, outbox);
	node_carry(n, OWNER_API);
	wish.signal = what;
	life_step(n, &wish, outbox);
	node_carry(n, OWNER_NODE);
}

/* Only this machine's own people may: a call passed on does not count. */
static void confirmed(struct node *n, const struct event *e, struct outbox *outbox)
{
	if (e->frame.purpose != PURPOSE_LOCAL) {
		api_answer(e, EXIT_DENIED, (struct bytes){0}, "only from that node itself", outbox);
		return;
	}
	store_step(n->store, e, outbox);
	node_carry(n, OWNER_STORE);
}

/* The node ends; the caller hears that it was understood. */
static void end(struct node *n, const struct event *e, const struct call *call,
		struct outbox *outbox)
{
	bool leaves = call->verb == CALL_LEAVE, hand_over = false;
	struct unpack u;

	unpack_init(&u, call->arguments);
	uint32_t count = unpack_array(&u, 0);
	if (count > 0)
		hand_over = unpack_bool(&u);
	unpack_rest(&u, count - (count > 0));
	if (call->arguments.len && unpack_err(&u)) {
		api_answer(e, EXIT_USAGE, (struct bytes){0}, "the request could not be read",
			   outbox);
		return;
	}
	api_answer(e, EXIT_GOOD, (struct bytes){0}, NULL, outbox);
	node_carry(n, OWNER_API);
	life_end(n, hand_over, leaves, outbox);
	node_carry(n, OWNER_NODE);
}

void here_answer(struct node *n, const struct event *e, const struct call *call,
		 struct outbox *outbox)
{
	switch ((enum call_verb)call->verb) {
	case CALL_STATUS:
		status(n, e, outbox);
		break;
	case CALL_MEMBERS:
		members(n, e, call, outbox);
		break;
	case CALL_MEMBERS_LOG:
		signalled(n, e, SIGNAL_MEMBERS, outbox);
		break;
	case CALL_METRICS:
		metrics(n, e, outbox);
		break;
	case CALL_STOP:
	case CALL_LEAVE:
	case CALL_ABORT:
		/* Only this machine's own people end a node: a call passed on does not. */
		if (e->frame.purpose != PURPOSE_LOCAL)
			api_answer(e, EXIT_DENIED, (struct bytes){0}, "only from that node itself",
				   outbox);
		else if (call->verb == CALL_ABORT)
			outbox_exit(outbox, EXIT_ABORTED);
		else
			end(n, e, call, outbox);
		break;
	case CALL_DISCOVERY:
		discovery(n, e, outbox);
		break;
	case CALL_CONFIRM_LOSS:
	case CALL_RETIRE:
		confirmed(n, e, outbox);
		break;
	case CALL_DIRECTOR:
		director(n, e, outbox);
		break;
	case CALL_WORKERS:
	case CALL_SUBMIT:
	case CALL_JOBS:
	case CALL_JOB:
	case CALL_JOB_WAIT:
	case CALL_JOB_CANCEL:
	case CALL_SWITCH_OVER:
	case CALL_AUDIT:
	case CALL_DRILL:
	case CALL_OUTPUT:
		never("routed elsewhere");
		break;
	}
}
