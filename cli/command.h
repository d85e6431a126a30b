/* One table of commands; one file each. A command takes what stands behind its name, and returns the exit code. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "core/config.h"

struct command {
	const char *name;
	const char *alias; /* for people who come from elsewhere, or NULL */
	int (*run)(int argc, char **argv);
	const char *usage;
	const char *help; /* one line */
};

extern const struct command commands[]; /* ends with a NULL name */

int scheduler_command(int argc, char **argv);
int worker_command(int argc, char **argv);
int start_command(int argc, char **argv);
int dev_command(int argc, char **argv);
int init_command(int argc, char **argv);
int join_command(int argc, char **argv);
int invite_command(int argc, char **argv);
int members_command(int argc, char **argv);
int workers_command(int argc, char **argv);
int director_command(int argc, char **argv);
int store_command(int argc, char **argv);
/* `director confirm-loss`: what stands behind it, settings taken out. */
int confirm_loss(const struct config *config, int count, char **rest);
int audit_command(int argc, char **argv);
int drill_command(int argc, char **argv);
int status_command(int argc, char **argv);
int discovery_command(int argc, char **argv);
int jobs_command(int argc, char **argv);
int job_command(int argc, char **argv);
int run_command(int argc, char **argv);
int submit_command(int argc, char **argv);
int logs_command(int argc, char **argv);
int node_command(int argc, char **argv);
int config_command(int argc, char **argv);
int metrics_command(int argc, char **argv);
int keeper_command(int argc, char **argv);
int version_command(int argc, char **argv);
int help_command(int argc, char **argv);

/* One precise sentence on stderr, `witan: …`; returns `code`. */
int fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Usage of a command, on stdout when asked for. True when argv asks for help. */
bool asked_for_help(int argc, char **argv);
int usage_of(const char *command);

/* All sources of the configuration, in order: file, environment, flags. `rest` gets what is no setting, NULL-terminated,
 * to be freed by the caller (the array only). 0, or the exit code after the sentence was said. */
int settings(struct config *c, const char *role, int argc, char **argv, char ***rest,
	     int *rest_count);

/* The same for a command that writes the configuration: a file that was named need not be there yet. */
int settings_to_write(struct config *c, const char *role, int argc, char **argv, char ***rest,
		      int *rest_count);

/* The same for a program that only asks: of the flags, those that say whom. */
int client_settings(struct config *c, int argc, char **argv, char ***rest, int *rest_count);

#endif
