#include "cli/place.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/address.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/conf.h"
#include "cli/files.h"
#include "cli/keys.h"
#include "cli/steady.h"
#include "core/call.h"
#include "core/facts.h"
#include "core/limits.h"
#include "core/must.h"

#define CONFIG_FILE     "/etc/witan/witan.conf"
#define CONFIG_TEXT_MAX (1u << 20)
#define ANSWER_WAIT_MS  10000
#define LOOK_EVERY_MS   100

static bool unit_installed(const char *role)
{
	static const char *const where[] = {"/etc/systemd/system", "/lib/systemd/system",
					    "/usr/lib/systemd/system",
					    "/usr/local/lib/systemd/system"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(where) / sizeof(*where); i++) {
		snprintf(path, sizeof(path), "%s/%s.service", where[i], role);
		if (file_exists(path))
			return true;
	}
	return false;
}

int place_find(struct place *p, const struct config *c, const char *role)
{
	const char *config = c->path[0] ? c->path : c->config[0] ? c->config : CONFIG_FILE;
	const char *slash = strrchr(config, '/');
	char data[CONFIG_PATH_MAX + 1];
	char why[CONFIG_WHY_MAX];
	struct stat st;

	memset(p, 0, sizeof(*p));
	if (config_check(c, why) != OK)
		return fail(EXIT_CONFIG, "%s", why);
	config_data_dir(c, data);
	if (role && c->origin[SETTING_data_dir] == ORIGIN_DEFAULT)
		snprintf(data, sizeof(data), "/var/lib/witan/%s", role);
	bool fits = (size_t)snprintf(p->config, PATH_MAX, "%s", config) < PATH_MAX &&
		    (size_t)snprintf(p->ring, PATH_MAX, "%.*skeyring",
				     slash ? (int)(slash - config + 1) : 0, config) < PATH_MAX &&
		    (size_t)snprintf(p->data, PATH_MAX, "%s", data) < PATH_MAX &&
		    (size_t)snprintf(p->founder, PATH_MAX, "%s/" FOUNDER_FILE, data) < PATH_MAX;
	if (!fits)
		return fail(EXIT_CONFIG, "the paths are too long");

	const struct passwd *user = getpwnam("witan");
	const struct group *group = getgrnam("witan");
	bool root = geteuid() == 0;
	p->user = root && user ? user->pw_uid : geteuid();
	p->group = root && group ? group->gr_gid : getegid();
	p->systemd = root && stat("/run/systemd/system", &st) == 0 &&
		     unit_installed(role                         ? role
				    : (c->role & ROLE_SCHEDULER) ? "scheduler"
								 : "worker");
	return EXIT_GOOD;
}

static int make_directory(const char *path, mode_t mode, uid_t user, gid_t group)
{
	if (directory_make(path, 0755) != OK || chown(path, user, group) != 0 ||
	    chmod(path, mode) != 0)
		return fail(errno == EACCES || errno == EPERM ? EXIT_DENIED : EXIT_CONFIG,
			    "%s can not be made: %s%s", path, strerror(errno),
			    geteuid() ? " (as root: sudo)" : "");
	return EXIT_GOOD;
}

int place_make(const struct place *p, const struct keyring *ring)
{
	char etc[PATH_MAX];
	const char *slash = strrchr(p->config, '/');
	int code = EXIT_GOOD;

	snprintf(etc, sizeof(etc), "%.*s", slash ? (int)(slash - p->config) : 1,
		 slash ? p->config : ".");
	if (!file_exists(etc))
		code = make_directory(etc, 0755, geteuid(), p->group);
	if (code == EXIT_GOOD)
		code = make_directory(p->data, 0750, p->user, p->group);
	if (code == EXIT_GOOD && !file_exists(p->ring))
		code = keys_write_ring(p->ring, ring, p->group);
	return code;
}

int place_mark_founder(const struct place *p)
{
	enum err err =
		file_write(p->founder, BYTES("this scheduler may bear the cluster's store, once\n"),
			   0640, p->group);

	if (!err && chown(p->founder, p->user, p->group) != 0)
		err = ERR_DENIED;
	return err ? fail(EXIT_CONFIG, "%s: %s", p->founder, err_text(err)) : EXIT_GOOD;
}

static enum err set_flags(struct buffer *text, const struct config *c)
{
	for (enum setting_id s = 0; s < SETTINGS; s++) {
		const struct setting *setting = config_setting(s);
		char value[4096];
		if (c->origin[s] != ORIGIN_FLAG || s == SETTING_role || s == SETTING_config)
			continue;
		enum err err = config_get(c, setting->name, value, sizeof(value));
		if (!err)
			err = conf_set(text, setting->section, setting->name, value);
		if (err)
			return err;
	}
	return OK;
}

int place_configure(const struct place *p, const struct config *c, const char *role,
		    const char *seeds, bool *changed)
{
	struct buffer text, was;

	buffer_init(&text, CONFIG_TEXT_MAX);
	buffer_init(&was, CONFIG_TEXT_MAX);
	enum err err = file_read(p->config, &text);
	if (err == ERR_NOT_FOUND)
		err = OK;
	if (!err)
		err = buffer_add(&was, buffer_bytes(&text));
	if (!err)
		err = conf_set(&text, "node", "role", role);
	if (!err && seeds)
		err = conf_set(&text, "discovery", "seeds", seeds);
	if (!err)
		err = set_flags(&text, c);
	*changed = !err && !bytes_same(buffer_bytes(&text), buffer_bytes(&was));
	if (!err && *changed)
		err = file_write(p->config, buffer_bytes(&text), 0640, p->group);
	buffer_fini(&was);
	buffer_fini(&text);
	return err ? fail(err == ERR_DENIED ? EXIT_DENIED : EXIT_CONFIG, "%s: %s", p->config,
			  err_text(err))
		   : EXIT_GOOD;
}

static int systemctl(const char *verb, const char *unit, bool aloud)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		if (!aloud)
			(void)!freopen("/dev/null", "w", stderr);
		execlp("systemctl", "systemctl", "--quiet", verb, unit, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* One question to the local node. Nothing is said. */
static int ask_status(const struct config *c, struct client *client, struct buffer *body)
{
	static const uint8_t none[] = {0x90}; /* an empty array */
	struct bytes answer = {0};
	int code = client_open(client, c);

	if (code == EXIT_GOOD)
		code = client_call(client, CALL_STATUS, id_none, bytes_of(none, 1), ANSWER_WAIT_MS,
				   &answer);
	buffer_clear(body);
	if (code == EXIT_GOOD && buffer_add(body, answer) != OK)
		code = EXIT_OTHER;
	client_close(client);
	return code;
}

int place_await(const struct config *c, bool (*enough)(void *with, struct bytes status), void *with,
		int wait_ms, struct buffer *body)
{
	int64_t until = steady_ms() + wait_ms;
	struct client client;

	for (;;) {
		int code = ask_status(c, &client, body);
		if (code == EXIT_GOOD && enough(with, buffer_bytes(body)))
			return EXIT_GOOD;
		if (steady_ms() < until) {
			poll(NULL, 0, LOOK_EVERY_MS);
			continue;
		}
		if (code == EXIT_GOOD)
			return EXIT_TIMEOUT;
		const char *unit = c->role & ROLE_SCHEDULER ? "scheduler" : "worker";
		return fail(code, "%s was started, but does not answer: %s: journalctl -u %s", unit,
			    client.why, unit);
	}
}

static bool any_answer(void *with, struct bytes status)
{
	(void)with;
	(void)status;
	return true;
}

int place_start(const struct place *p, const struct config *c, const char *role, bool anew)
{
	struct buffer body;
	char unit[64];

	snprintf(unit, sizeof(unit), "%s.service", role);
	if (!p->systemd) {
		printf("systemd does not run the node here; start it with:\n  witan %s "
		       "--config=%s\n",
		       role, p->config);
		return EXIT_GOOD;
	}
	/* It says that it is ready when its ports listen. A unit that gave up before starts with a clean slate; one that is
	 * not even loaded has nothing to reset. */
	(void)systemctl("reset-failed", unit, false);
	if (systemctl("enable", unit, true) != 0 ||
	    systemctl(anew ? "restart" : "start", unit, true) != 0)
		return fail(EXIT_OTHER, "%s did not start: journalctl -u %s", unit, unit);
	buffer_init(&body, FRAME_MAX);
	int code = place_await(c, any_answer, NULL, ANSWER_WAIT_MS, &body);
	buffer_fini(&body);
	return code;
}

int place_invite(const struct config *c, const struct keyring *ring, char out[INVITE_TEXT_MAX])
{
	struct invite invite = {.ring = *ring};
	struct addr addr;
	int code = address_choose(c, &addr);

	if (code != EXIT_GOOD)
		return code;
	addr = config_advertised(c, addr);
	/* The usual port need not be typed. */
	snprintf(invite.address, sizeof(invite.address), "%s",
		 addr.port == 8081 ? addr_ip_text(addr).s : addr_text(addr).s);
	enum err err = invite_print(&invite, out);
	keyring_wipe(&invite.ring);
	return err ? fail(EXIT_OTHER, "the invite could not be made: %s", err_text(err))
		   : EXIT_GOOD;
}
