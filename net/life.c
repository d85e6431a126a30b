/* A node's own life: its boot, the lines people look for, its orderly end. The states stand in node_parts.h. */
#include <stdio.h>

#include "core/must.h"
#include "gossip/swim.h"
#include "net/node_parts.h"
#include "sched/store.h"
#include "sched/worker.h"

/* How long the mark may take to be committed and leadership to be taken. */
#define HANDING_MAX_US UINT64_C(5000000)
/* Between two questions for a role that is preferred here: in that time a director's own worker comes to rest. */
#define PREFER_EVERY_US UINT64_C(10000000)
/* The store answers within GIVE_UP_MAX_MS. */
#define GIVING_UP_MAX_US (GIVE_UP_MAX_MS * UINT64_C(1000) + 1000000)
/* How long the last words may take to be handed out. */
#define LEAVING_MAX_US  UINT64_C(2000000)
#define LEAVING_LOOK_US UINT64_C(20000)

/* Longest election timeouts for which a drill lasts. */
#define DRILL_ELECTIONS 4u

enum { TOKEN_BOOT = 1 };

static void boot_save(struct node *n, struct outbox *outbox)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)n->facts.boot);

	must(len > 0);
	outbox_put(outbox, "node/boot", bytes_of(text, (size_t)len), TOKEN_BOOT);
	n->life.state = LIFE_BOOTING;
	n->life.deadline_us = UINT64_MAX;
}

static const char *role_name(uint8_t roles)
{
	if (roles == (ROLE_SCHEDULER | ROLE_WORKER))
		return "scheduler,worker";
	return roles & ROLE_SCHEDULER ? "scheduler" : "worker";
}

static void up(struct node *n, const struct event *e, struct outbox *outbox)
{
	const struct addr addr = n->facts.addr;
	const uint16_t step = VIEW_PORT_STEP;

	n->life.state = LIFE_UP;
	n->life.began_us = e->now_us;
	outbox_log(outbox, LOG_LEVEL_INFO, "started: version=%s role=%s name=%s id=%s",
		   n->facts.version,
		   n->view[VIEW_SCHEDULERS] ? "scheduler" : role_name(n->facts.roles),
		   n->facts.name, id_text(n->identity->id).s);
	outbox_log(outbox, LOG_LEVEL_INFO, "listening: rpc=%s tcp", addr_text(addr).s);
	if (n->view[VIEW_SCHEDULERS])
		outbox_log(outbox, LOG_LEVEL_INFO, "listening: schedulers=%s udp,tcp",
			   addr_text(addr_with_port(addr, (uint16_t)(addr.port + step))).s);
	outbox_log(outbox, LOG_LEVEL_INFO, "listening: all=%s udp,tcp",
		   addr_text(addr_with_port(addr, (uint16_t)(addr.port + 2 * step))).s);
	outbox_ready(outbox, "listening; looking for the cluster");
	node_carry(n, OWNER_NODE);
	node_introduce(n);
}

static void disk_answered(struct node *n, const struct event *e, struct outbox *outbox)
{
	if (n->life.state != LIFE_BOOTING || e->disk.token != TOKEN_BOOT)
		return;
	if (e->disk.err) {
		outbox_log(outbox, LOG_LEVEL_ERROR, "the boot number could not be written: %s",
			   err_text(e->disk.err));
		n->life.state = LIFE_OVER;
		outbox_exit(outbox, EXIT_OTHER);
		return;
	}
	up(n, e, outbox);
}

static void joined(struct node *n, const struct event *e, struct outbox *outbox)
{
	if (n->life.joined || e->tell.candidate.view != VIEW_ALL)
		return;
	n->life.joined = true;
	outbox_log(outbox, LOG_LEVEL_INFO, "joined %s: members=%u", n->keyring->cluster,
		   (unsigned)swim_size(n->view[VIEW_ALL]));
	outbox_ready(outbox, "joined");
}

/* A worker knows its director by the director's own word and logs it there. */
static void led(struct node *n, const struct event *e, struct outbox *outbox)
{
	struct life *l = &n->life;
	bool was = l->directing;

	l->epoch = e->tell.lead.epoch;
	l->leader = e->tell.lead.who;
	l->directing = e->tell.lead.self && e->tell.lead.serving;
	if (l->directing && !was)
		outbox_log(outbox, LOG_LEVEL_INFO, "director is %s: epoch=%llu self=yes",
			   n->facts.name, (unsigned long long)l->epoch.term);
	else if (was && !l->directing)
		outbox_log(outbox, LOG_LEVEL_WARN, "directs no longer: epoch=%llu",
			   (unsigned long long)l->epoch.term);
}

/* `auto`: a scheduler runs jobs itself while no machine is there for it alone. */
static void count_workers(struct node *n, struct outbox *outbox)
{
	/* All members are looked at: only who needs the number counts. */
	if (!n->worker || !n->view[VIEW_SCHEDULERS] ||
	    n->config->in_process_worker != IN_PROCESS_AUTO)
		return;
	uint32_t dedicated = swim_count(n->view[VIEW_ALL], ROLE_WORKER, ROLE_SCHEDULER);
	uint32_t before = n->life.dedicated;
	n->life.dedicated = dedicated;
	if (!before == !dedicated)
		return;
	outbox_log(outbox, LOG_LEVEL_INFO,
		   dedicated ? "runs no jobs itself from now on: a worker has come"
			     : "runs jobs itself from now on: no worker is left");
	node_carry(n, OWNER_NODE);
	worker_offer(n->worker, n->now_us, dedicated == 0, outbox);
	node_carry(n, OWNER_WORKER);
}

/* --- the end --- */

static void to_leaving(struct node *n, struct outbox *outbox)
{
	n->life.state = LIFE_LEAVING;
	n->life.end_us = n->now_us + LEAVING_MAX_US;
	node_carry(n, OWNER_NODE);
	swim_leave(n->view[VIEW_ALL], n->now_us, outbox);
	node_carry(n, OWNER_ALL);
	if (n->view[VIEW_SCHEDULERS]) {
		swim_leave(n->view[VIEW_SCHEDULERS], n->now_us, outbox);
		node_carry(n, OWNER_SCHEDULERS);
	}
}

/* One that only stops keeps its vote, unless its absence would end the quorum: the store knows. */
static void to_giving_up(struct node *n, struct outbox *outbox)
{
	struct tell give = {.kind = TELL_GIVE_UP, .give.leaves = n->life.leaves};

	n->life.state = LIFE_GIVING_UP;
	n->life.end_us = n->now_us + GIVING_UP_MAX_US;
	outbox_tell(outbox, &give);
}

void life_end(struct node *n, bool hand_over, bool leaves, struct outbox *outbox)
{
	struct tell stop = {.kind = TELL_STOP};

	if (n->life.state != LIFE_UP)
		return;
	n->life.state = LIFE_HANDING;
	n->life.end_us = n->now_us + HANDING_MAX_US;
	n->life.deadline_us = n->now_us + LEAVING_LOOK_US;
	n->life.leaves = leaves;
	outbox_log(outbox, LOG_LEVEL_INFO, "%s: role=%s", leaves ? "leaving" : "stopping",
		   role_name(n->facts.roles));
	stop.stop.hand_over = hand_over || leaves || n->config->on_stop == ON_STOP_HAND_OVER;
	if (n->director)
		outbox_tell(outbox, &stop);
	else
		to_giving_up(n, outbox);
}

static bool all_said(const struct node *n)
{
	return swim_left(n->view[VIEW_ALL]) &&
	       (!n->view[VIEW_SCHEDULERS] || swim_left(n->view[VIEW_SCHEDULERS]));
}

static void over(struct node *n, struct outbox *outbox)
{
	n->life.state = LIFE_OVER;
	n->life.deadline_us = UINT64_MAX;
	outbox_log(outbox, LOG_LEVEL_INFO, "stopped: after_s=%llu",
		   (unsigned long long)((n->now_us - n->life.began_us) / 1000000));
	outbox_exit(outbox, EXIT_GOOD);
}

/* What is waited for, and not longer than its time. */
static void end_on(struct node *n, struct outbox *outbox)
{
	bool late = n->now_us >= n->life.end_us;

	if (n->life.state == LIFE_HANDING && late) {
		outbox_log(outbox, LOG_LEVEL_WARN,
			   "role could not be kept or handed over in time: another director will "
			   "be elected");
		to_giving_up(n, outbox);
	} else if (n->life.state == LIFE_GIVING_UP && late) {
		to_leaving(n, outbox);
	} else if (n->life.state == LIFE_LEAVING && (late || all_said(n))) {
		over(n, outbox);
		return;
	}
	if (n->life.state >= LIFE_HANDING && n->life.state <= LIFE_LEAVING)
		n->life.deadline_us = n->now_us + LEAVING_LOOK_US;
}

static void given_up(struct node *n, const struct event *e, struct outbox *outbox)
{
	bool own = id_is_none(e->tell.give.node) || id_same(e->tell.give.node, n->identity->id);

	if (n->life.state != LIFE_GIVING_UP || !own)
		return;
	if (e->tell.give.gave == GAVE_VOTE)
		outbox_log(outbox, LOG_LEVEL_INFO, "vote given up: the others decide without it");
	to_leaving(n, outbox);
}

bool life_is_mute(const struct node *n)
{
	return n->now_us < n->life.mute_until_us;
}

/* Long enough for the others to find out, and to elect more than once. */
static void fall_mute(struct node *n, struct outbox *outbox)
{
	uint64_t longest_us = (uint64_t)n->config->election_ms * 2 * 1000;

	n->life.mute_until_us = n->now_us + DRILL_ELECTIONS * longest_us;
	outbox_log(outbox, LOG_LEVEL_WARN,
		   "drill: the store falls silent, another is to take over: for_ms=%llu",
		   (unsigned long long)(DRILL_ELECTIONS * longest_us / 1000));
}

static void obey(struct node *n, const struct event *e, struct outbox *outbox)
{
	switch (e->signal) {
	case SIGNAL_STOP:
		life_end(n, false, false, outbox);
		break;
	case SIGNAL_RELOAD:
		outbox_log(outbox, LOG_LEVEL_WARN,
			   "reload ignored: nothing here can change without a restart");
		break;
	case SIGNAL_MEMBERS:
		swim_log_members(n->view[VIEW_ALL], n->now_us, outbox);
		if (n->view[VIEW_SCHEDULERS])
			swim_log_members(n->view[VIEW_SCHEDULERS], n->now_us, outbox);
		break;
	}
}

void life_step(struct node *n, const struct event *e, struct outbox *outbox)
{
	if (n->life.state == LIFE_NEW) {
		boot_save(n, outbox);
		return;
	}
	if (e->kind == EVENT_DISK) {
		disk_answered(n, e, outbox);
	} else if (e->kind == EVENT_SIGNAL) {
		obey(n, e, outbox);
	} else if (e->kind == EVENT_TELL) {
		if (e->tell.kind == TELL_JOINED)
			joined(n, e, outbox);
		else if (e->tell.kind == TELL_LEAD)
			led(n, e, outbox);
		else if (e->tell.kind == TELL_MEMBER && e->tell.member.view == VIEW_ALL)
			count_workers(n, outbox);
		else if (e->tell.kind == TELL_STOPPED && n->life.state == LIFE_HANDING)
			to_giving_up(n, outbox);
		else if (e->tell.kind == TELL_GIVEN_UP)
			given_up(n, e, outbox);
		else if (e->tell.kind == TELL_MUTE)
			fall_mute(n, outbox);
	}
	end_on(n, outbox);
}

/* --- the role --- */

static bool may_prefer(const struct node *n)
{
	enum role_state s = n->life.role.state;

	return n->config->preferred && n->life.state == LIFE_UP && !n->life.directing &&
	       !id_is_none(n->life.leader) &&
	       (s == ROLE_COUPLED || s == ROLE_SWITCHED_OVER || s == ROLE_FAILED_OVER);
}

/* Asks the director for a clean switch-over to us. It says no while a person wants it otherwise. */
static void prefer(struct node *n, struct outbox *outbox)
{
	const struct facts *f = swim_facts(n->view[VIEW_ALL], n->life.leader);
	struct call call = {.verb = CALL_SWITCH_OVER, .hops = 1};
	struct buffer arguments, body;
	struct pack p;

	if (f == NULL)
		return;
	struct peer to = {.id = f->id, .addr = f->addr};
	buffer_init(&arguments, 256);
	buffer_init(&body, FRAME_MAX);
	pack_init(&p, &arguments);
	pack_array(&p, 4);
	pack_str(&p, id_text(n->identity->id).s);
	pack_bool(&p, true);
	pack_bool(&p, false);
	pack_bool(&p, true);
	must(pack_err(&p) == OK);
	call.arguments = buffer_bytes(&arguments);
	enum err err = call_put(&call, &body);
	must(err == OK);
	outbox_post(outbox, &to, PURPOSE_RPC, FRAME_CALL, 0, buffer_bytes(&body));
	outbox_log(outbox, LOG_LEVEL_INFO, "role asked for: from=%s why=\"preferred\"", f->name);
	buffer_fini(&arguments);
	buffer_fini(&body);
}

void life_turn(struct node *n, struct outbox *outbox)
{
	struct role_seen seen = {.now_us = n->now_us};

	if (!n->director)
		return;
	seen.store = store_state(n->store);
	seen.epoch = n->life.epoch;
	seen.director = n->life.leader;
	seen.position = store_figures(n->store).applied;
	seen.map = store_map(n->store);
	seen.why = store_why(n->store);
	role_turn(&n->life.role, &seen, outbox);
	if (!may_prefer(n)) {
		n->life.prefer_us = UINT64_MAX;
	} else if (n->life.prefer_us == UINT64_MAX) {
		n->life.prefer_us = n->now_us + PREFER_EVERY_US; /* let it come to rest */
	} else if (n->life.prefer_us <= n->now_us) {
		n->life.prefer_us = n->now_us + PREFER_EVERY_US;
		prefer(n, outbox);
	}
}

uint64_t life_deadline_us(const struct node *n)
{
	uint64_t at = n->life.deadline_us;

	if (!n->director)
		return at;
	if (role_deadline_us(&n->life.role) < at)
		at = role_deadline_us(&n->life.role);
	return n->life.prefer_us < at ? n->life.prefer_us : at;
}
