/* A node in the foreground: its configuration, its keys, its address; then the host runs it. */
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/address.h"
#include "cli/command.h"
#include "cli/files.h"
#include "cli/keys.h"
#include "core/call.h"
#include "core/facts.h"
#include "core/must.h"
#include "net/host_uv.h"
#include "net/journal.h"
#include "sched/keeper_uv.h"

static void write_log(void *self, enum log_level level, uint64_t wall_us, const char *fields,
		      const char *text)
{
	journal_write(self, level, wall_us, fields, text);
}

static void reopen_log(void *self)
{
	/* It keeps the old file when it can not: nothing is lost, and the next entry says nothing else. */
	(void)!journal_reopen(self);
}

/* Keys stay out of core dumps and, where the limit allows it, out of swap. */
static void guard_secrets(struct keyring *ring, struct identity *me)
{
	(void)!prctl(PR_SET_DUMPABLE, 0);
	(void)!sodium_mlock(ring, sizeof(*ring));
	(void)!sodium_mlock(me, sizeof(*me));
}

static int run_node(struct config *c)
{
	char why[CONFIG_WHY_MAX] = "";
	char root[PATH_MAX], data[CONFIG_PATH_MAX + 1], socket[CONFIG_SOCKET_MAX + 1];
	struct journal journal;
	struct keyring ring = {0};
	struct identity me = {0};
	struct addr addr;

	if (config_check(c, why) != OK)
		return fail(EXIT_CONFIG, "%s", why);
	if (!c->name[0] && gethostname(c->name, sizeof(c->name) - 1) != 0)
		snprintf(c->name, sizeof(c->name), "unnamed");
	guard_secrets(&ring, &me);
	config_data_dir(c, data);
	config_socket(c, socket);
	if (directory_make(data, 0750) != OK || !realpath(data, root))
		return fail(EXIT_CONFIG, "data_dir %s can not be used: %s", data, strerror(errno));
	int code = keys_find_ring(c, root, &ring);
	if (code == EXIT_GOOD)
		code = address_choose(c, &addr);
	if (code == EXIT_GOOD)
		code = keys_own(root, &me);
	if (code != EXIT_GOOD)
		return code;
	if (journal_open(&journal, c->log, c->log_format == LOG_FORMAT_JSON,
			 (enum log_level)c->log_level, why) != OK)
		return fail(EXIT_CONFIG, "%s", why);

	struct host_start start = {
		.ops = &host_node,
		.config = c,
		.identity = &me,
		.keyring = &ring,
		.root = root,
		.socket = socket,
		.addr = addr,
		.roles = (uint8_t)c->role,
		.dev = addr_is_loopback(addr),
		.log_self = &journal,
		.log = write_log,
		.reopen_log = reopen_log,
	};
	code = host_run(&start);
	journal_close(&journal);
	keyring_wipe(&ring);
	sodium_memzero(&me, sizeof(me));
	return code;
}

static int node_here(const char *role, int argc, char **argv)
{
	static struct config c; /* tens of KiB: not for the stack */
	char why[CONFIG_WHY_MAX];
	char **rest = NULL;
	int count = 0;
	int code = settings(&c, role, argc, argv, &rest, &count);

	if (code == EXIT_GOOD && count > 0) {
		if (rest[0][0] == '-') {
			config_unknown(rest[0], why);
			code = fail(EXIT_USAGE, "%s", why);
		} else {
			code = fail(EXIT_USAGE, "a node takes flags only, not `%s`", rest[0]);
		}
	}
	free(rest);
	return code == EXIT_GOOD ? run_node(&c) : code;
}

int scheduler_command(int argc, char **argv)
{
	return node_here("scheduler", argc, argv);
}

int worker_command(int argc, char **argv)
{
	return node_here("worker", argc, argv);
}

int start_command(int argc, char **argv)
{
	return node_here(NULL, argc, argv);
}

int keeper_command(int argc, char **argv)
{
	/* It counts from its own name, as a program does. */
	return keeper_main(argc + 1, argv - 1);
}
