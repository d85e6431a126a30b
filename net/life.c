/* A node's own life: its boot, the lines people look for, its orderly end. The states stand in node_parts.h. */
#include <stdio.h>

#include "core/must.h"
#include "gossip/swim.h"
#include "net/node_parts.h"
#include "sched/worker.h"

/* How long the last words may take to be handed out. */
#define LEAVING_MAX_US  UINT64_C(2000000)
#define LEAVING_LOOK_US UINT64_C(20000)

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

static void leave(struct node *n, struct outbox *outbox)
{
	if (n->life.state != LIFE_UP)
		return;
	n->life.state = LIFE_LEAVING;
	n->life.end_us = n->now_us + LEAVING_MAX_US;
	outbox_log(outbox, LOG_LEVEL_INFO, "stopping: role=%s", role_name(n->facts.roles));
	if (n->life.directing) {
		struct tell resign = {.kind = TELL_RESIGN};
		outbox_tell(outbox, &resign);
	}
	node_carry(n, OWNER_NODE);
	swim_leave(n->view[VIEW_ALL], n->now_us, outbox);
	node_carry(n, OWNER_ALL);
	if (n->view[VIEW_SCHEDULERS]) {
		swim_leave(n->view[VIEW_SCHEDULERS], n->now_us, outbox);
		node_carry(n, OWNER_SCHEDULERS);
	}
}

static bool all_said(const struct node *n)
{
	return !n->life.directing && swim_left(n->view[VIEW_ALL]) &&
	       (!n->view[VIEW_SCHEDULERS] || swim_left(n->view[VIEW_SCHEDULERS]));
}

static void maybe_over(struct node *n, struct outbox *outbox)
{
	if (n->life.state != LIFE_LEAVING)
		return;
	if (!all_said(n) && n->now_us < n->life.end_us) {
		n->life.deadline_us = n->now_us + LEAVING_LOOK_US;
		return;
	}
	n->life.state = LIFE_OVER;
	n->life.deadline_us = UINT64_MAX;
	outbox_log(outbox, LOG_LEVEL_INFO, "stopped: after_s=%llu",
		   (unsigned long long)((n->now_us - n->life.began_us) / 1000000));
	outbox_exit(outbox, EXIT_GOOD);
}

static void obey(struct node *n, const struct event *e, struct outbox *outbox)
{
	switch (e->signal) {
	case SIGNAL_STOP:
		leave(n, outbox);
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
	}
	maybe_over(n, outbox);
}
