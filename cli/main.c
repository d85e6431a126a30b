/* witan: all commands, the worker and its keeper. */
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "core/call.h"
#include "core/nearest.h"

/* clang-format off */
const struct command commands[] = {
	{"scheduler", "server", scheduler_command, "[flags]", "start a scheduler here, in the foreground"},
	{"worker",    "runner", worker_command,    "[flags]", "start a worker here, in the foreground"},
	{"start",     NULL, start_command,     "[flags]", "start the node that the configuration names"},
	{"dev",       NULL, dev_command,       "[--schedulers 2] [--workers 3]", "a whole cluster on this machine, in the foreground"},
	{"init",      NULL, init_command,      "[--cluster NAME]", "make a cluster; this machine is its first scheduler"},
	{"join",      NULL, join_command,      "INVITE [--role scheduler|worker]", "join this machine to a cluster"},
	{"invite",    NULL, invite_command,    "", "print what admits another machine (it is a secret)"},
	{"run",       NULL, run_command,       "[options] -- COMMAND…", "run a command on a worker; stream its output, exit with its code"},
	{"submit",    NULL, submit_command,    "[options] -- COMMAND…", "submit a job and print its id"},
	{"jobs",      NULL, jobs_command,      "[--all]", "list jobs"},
	{"job",       NULL, job_command,       "show|cancel ID", "look at one job, or give it up"},
	{"logs",      NULL, logs_command,      "[-f] ID", "what a job wrote"},
	{"members",   NULL, members_command,   "[--view schedulers|all] [--log]", "who is here"},
	{"workers",   "runners", workers_command,   "", "workers with their slots and jobs"},
	{"director",  NULL, director_command,  "[switch-over [--to NODE] [--wait|--force] | confirm-loss NODE… [--yes]]", "who directs, who votes, what is survived; move the role"},
	{"store",     NULL, store_command,     "retire ID [--yes]", "of two generations or stores that met, set the other side's state aside"},
	{"drill",     NULL, drill_command,     "[--yes]", "rehearse the loss of the director; say what it cost"},
	{"audit",     NULL, audit_command,     "", "what people moved, newest first"},
	{"status",    NULL, status_command,    "", "this node at one glance"},
	{"discovery", NULL, discovery_command, "", "how nodes are being found"},
	{"node",      NULL, node_command,      "stop [--hand-over] | leave | abort [--yes]", "end the local node in order, for good, or at once"},
	{"metrics",   NULL, metrics_command,   "", "counters of the local node, Prometheus text"},
	{"config",    NULL, config_command,    "check|show [--origin]", "check or show the configuration"},
	{"keeper",    NULL, keeper_command,    "", "(started by a worker: owns its children)"},
	{"version",   NULL, version_command,   "", "the version"},
	{"help",      NULL, help_command,      "[COMMAND]", "this list, or one command's flags"},
	{NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */

int fail(int code, const char *format, ...)
{
	va_list more;

	fputs("witan: ", stderr);
	va_start(more, format);
	vfprintf(stderr, format, more);
	va_end(more);
	fputc('\n', stderr);
	return code;
}

static const struct command *find(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, name) || (c->alias && !strcmp(c->alias, name)))
			return c;
	return NULL;
}

bool asked_for_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

int usage_of(const char *command)
{
	const struct command *c = find(command);

	printf("usage: witan %s %s\n\n%s\n", c->name, c->usage, c->help);
	if (c->run == scheduler_command || c->run == worker_command || c->run == start_command) {
		struct buffer text;

		buffer_init(&text, 64u << 10);
		if (config_help(&text) == OK)
			printf("\n%.*s", (int)text.len, (const char *)text.at);
		buffer_fini(&text);
	}
	return EXIT_GOOD;
}

int version_command(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("witan " WITAN_VERSION);
	return EXIT_GOOD;
}

static int unknown(const char *name)
{
	const char *words[sizeof(commands) / sizeof(*commands)];
	size_t count = 0;

	for (const struct command *c = commands; c->name; c++)
		words[count++] = c->name;
	words[count] = NULL;
	const char *near = nearest(name, words);
	if (near)
		return fail(EXIT_USAGE, "there is no command `%s`: did you mean `%s`?", name, near);
	return fail(EXIT_USAGE, "there is no command `%s`: see `witan help`", name);
}

int help_command(int argc, char **argv)
{
	if (argc > 0)
		return find(argv[0]) ? usage_of(argv[0]) : unknown(argv[0]);
	puts("witan: machines that find each other, choose a director, and run your jobs\n");
	for (const struct command *c = commands; c->name; c++)
		if (c->help[0] != '(')
			printf("  %-10s %s\n", c->name, c->help);
	puts("\nwitan help COMMAND says more.");
	return EXIT_GOOD;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		return fail(EXIT_OTHER, "libsodium could not start");
	if (argc < 2) {
		help_command(0, NULL);
		return EXIT_USAGE;
	}

	const char *name = argv[1];
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	else if (!strcmp(name, "--version"))
		name = "version";
	const struct command *c = find(name);
	if (!c)
		return unknown(name);
	if (asked_for_help(argc - 2, argv + 2))
		return usage_of(c->name);
	return c->run(argc - 2, argv + 2);
}
