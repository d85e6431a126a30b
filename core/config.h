/* Every setting of the program, in one table.
 *
 * A line of CONFIG_SETTINGS generates the typed field in struct config, the flag (`--private_port=8081`, also
 * `--private-port 8081`), the environment name (WITAN_PRIVATE_PORT), the key in the file, its line in --help, in
 * conf/witan.conf and in `config show`. Precedence is flag, environment, file, default, in whatever order the sources
 * are read; a list given twice in one source grows, anything else given twice there is refused.
 *
 * Every refusal is one sentence: where, what is wrong, and the nearest right word. */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/bytes.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/sheet.h"
#include "core/view.h"

#define CONFIG_WHY_MAX 512u /* a refusal, terminated */

/* Marks: SAME must be equal on all nodes (it is part of the fingerprint); RELOAD changes without a restart; SECRET is
 * never shown. */
enum { PLAIN = 0, SAME = 1, RELOAD = 2, SECRET = 4 };

/* Types: NUMBER low..high; SIZE bytes, `64MiB`; FLAG yes or no; TEXT of at most `high` bytes; CHOICE one word; SET words,
 * or-ed; LIST of texts, CIDRS of ranges, HOSTS of host[:port], each kept as one text with commas; IP one address, or
 * nothing.
 *
 *        section    type    name               default          low  high             marks   help */
/* clang-format off */
#define CONFIG_SETTINGS(X)                                                                                          \
	X(node,      SET,    role,              "worker",          1, 0,                PLAIN,                             \
	  "what this node may do: scheduler, worker, or both")                                                             \
	X(node,      TEXT,   name,              "",                0, NAME_MAX_LEN,     PLAIN,                             \
	  "name for people; empty: the host name")                                                                         \
	X(node,      TEXT,   cluster_id,        "",                0, CLUSTER_ID_MAX_LEN, PLAIN,                           \
	  "which cluster; empty: the one its key names")                                                                   \
	X(node,      TEXT,   data_dir,          "",                0, CONFIG_PATH_MAX,  PLAIN,                             \
	  "where state lives; empty: /var/lib/witan/ROLE")                                                                 \
	X(node,      TEXT,   config,            "",                0, CONFIG_PATH_MAX,  PLAIN,                             \
	  "this file; empty: /etc/witan/witan.conf where there is one")                                                    \
	X(node,      NUMBER, slots,             "0",               0, SLOTS_MAX,        PLAIN,                             \
	  "attempts that run at one time; 0: as many as cores")                                                            \
	X(node,      LIST,   labels,            "",                0, LABELS_MAX_LEN,   PLAIN,                             \
	  "labels for placing jobs: k=v,k=v")                                                                              \
	X(node,      TEXT,   zone,              "",                0, NAME_MAX_LEN,     PLAIN,                             \
	  "where the machine stands: voters are spread over zones")                                                        \
	X(network,   CIDRS,  private_ip_selector, "",              0, CIDRS_MAX,        PLAIN,                             \
	  "ranges that pick the private address; empty: the only private one")                                             \
	X(network,   NUMBER, private_port,      "8081",            1, 65535,            PLAIN,                             \
	  "P: calls between nodes; gossip uses P+1000 and P+2000")                                                         \
	X(network,   IP,     advertise_ip,      "",                0, 0,                PLAIN,                             \
	  "what peers are told, where it differs (NAT)")                                                                   \
	X(network,   NUMBER, packet_max,        "1400",            576, PACKET_MAX,     PLAIN,                             \
	  "bytes of the largest datagram")                                                                                 \
	X(discovery, SET,    discovery,         "multicast",       1, 0,                PLAIN,                             \
	  "how nodes find each other: multicast, static, none")                                                            \
	X(discovery, HOSTS,  seeds,             "",                0, SEEDS_MAX,        PLAIN,                             \
	  "known nodes: host[:port],...; implies static")                                                                  \
	X(discovery, IP,     multicast_group,   "224.2.2.3",       0, 0,                PLAIN,                             \
	  "group that beacons go to")                                                                                      \
	X(discovery, NUMBER, multicast_port,    "54327",           1, 65535,            PLAIN,                             \
	  "port that beacons go to")                                                                                       \
	X(discovery, NUMBER, multicast_ttl,     "32",              0, 255,              PLAIN,                             \
	  "how many routers a beacon may cross; 0: none, this machine only")                                               \
	X(discovery, LIST,   multicast_interfaces, "",             0, 256,              PLAIN,                             \
	  "interfaces that beacons use; empty: the private address's")                                                     \
	X(gossip,    NUMBER, probe_every_ms,    "1000",            10, 60000,           SAME,                              \
	  "time between two probes of a healthy node")                                                                     \
	X(gossip,    NUMBER, probe_timeout_ms,  "500",             5, 60000,            SAME,                              \
	  "how long a probe waits for its answer")                                                                         \
	X(gossip,    NUMBER, suspicion_alpha,   "4",               1, 20,               SAME,                              \
	  "least suspicion: alpha * log10(members) * probe_every_ms")                                                      \
	X(gossip,    NUMBER, suspicion_beta,    "6",               1, 20,               SAME,                              \
	  "longest suspicion: beta times the least")                                                                       \
	X(gossip,    NUMBER, gossip_every_ms,   "200",             10, 60000,           SAME,                              \
	  "time between two rounds of gossip while there is news")                                                         \
	X(gossip,    NUMBER, log_members_max,   "256",             1, MEMBERS_MAX,      RELOAD,                            \
	  "above this many members the log shows what changed and the count")                                              \
	X(store,     CHOICE, store,             "embedded",        0, 0,                SAME,                              \
	  "where the cluster's state lives: embedded")                                                                     \
	X(store,     NUMBER, bootstrap_expect,  "0",               0, 64,               PLAIN,                             \
	  "a new store is born when this many schedulers meet; 0: where `witan init` ran")                                 \
	X(store,     NUMBER, heartbeat_ms,      "50",              5, 10000,            SAME,                              \
	  "time between two words of a leader")                                                                            \
	X(store,     NUMBER, election_ms,       "300",             20, 60000,           SAME,                              \
	  "silence after which a voter stands; up to twice as long at random")                                             \
	X(store,     NUMBER, voters,            "3",               1, 5,                SAME,                              \
	  "how many nodes vote: 1, 3 or 5")                                                                                \
	X(store,     FLAG,   spread,            "no",              0, 1,                SAME,                              \
	  "each voter on a machine of its own, always; no: two share one where there are too few")                          \
	X(store,     NUMBER, replace_after_s,   "600",             1, 86400,            SAME,                              \
	  "how long a voter is dead before another takes its place")                                                       \
	X(store,     NUMBER, confirm_after_s,   "30",              0, 86400,            PLAIN,                             \
	  "without a majority for so long: a person may confirm the loss")                                                 \
	X(store,     CHOICE, on_stop,           "hold",            0, 0,                PLAIN,                             \
	  "a director that is stopped: its role is kept for it (hold), or given on (hand-over)")                 \
	X(store,     NUMBER, hold_timeout_s,    "900",             0, 31536000,         PLAIN,                             \
	  "how long the role of a stopped director is kept for it; 0: for ever")                                           \
	X(store,     FLAG,   preferred,         "no",              0, 1,                PLAIN,                             \
	  "take the role over after a fail-over, by a clean switch-over")                                                  \
	X(jobs,      NUMBER, lease_s,           "60",              2, 86400,            SAME,                              \
	  "how long a cut-off worker goes on with what could be restarted")                                                \
	X(jobs,      NUMBER, kill_after_s,      "10",              0, 3600,             SAME,                              \
	  "from SIGTERM to SIGKILL; at most half of lease_s")                                                              \
	X(jobs,      SIZE,   max_output,        "64MiB",           4096, (1ull << 40),  PLAIN,                             \
	  "output kept of an attempt; above it the middle is cut out")                                                     \
	X(jobs,      CHOICE, in_process_worker, "auto",            0, 0,                PLAIN,                             \
	  "does a scheduler run jobs itself: auto (while there is no worker), yes, no")                                    \
	X(log,       TEXT,   log,               "auto",            1, CONFIG_PATH_MAX,  PLAIN,                             \
	  "where the log goes: auto (journal, else stderr), journal, stderr, file:PATH")                                   \
	X(log,       CHOICE, log_level,         "info",            0, 0,                RELOAD,                            \
	  "least level logged: error, warn, info, debug")                                                                  \
	X(log,       CHOICE, log_format,        "text",            0, 0,                PLAIN,                             \
	  "form on stderr and in files: text, json")                                                                       \
	X(client,    TEXT,   socket,            "",                0, CONFIG_SOCKET_MAX, PLAIN,                            \
	  "local socket; empty: in data_dir where one is given, else /run/witan/ROLE.sock")
/* clang-format on */

enum config_discovery { DISCOVER_MULTICAST = 1, DISCOVER_STATIC = 2, DISCOVER_NONE = 4 };
enum config_store { CONFIG_STORE_EMBEDDED };
enum config_on_stop { ON_STOP_HOLD, ON_STOP_HAND_OVER };
enum config_in_process { IN_PROCESS_AUTO, IN_PROCESS_YES, IN_PROCESS_NO };
enum config_log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Where a value came from; a later one wins. */
enum origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_FLAG };

enum setting_id {
#define X(section, type, name, initial, low, high, marks, help) SETTING_##name,
	CONFIG_SETTINGS(X)
#undef X
		SETTINGS
};

#define CONFIG_FIELD_NUMBER(name, high) uint32_t name
#define CONFIG_FIELD_SIZE(name, high)   uint64_t name
#define CONFIG_FIELD_FLAG(name, high)   bool name
#define CONFIG_FIELD_TEXT(name, high)   char name[(high) + 1]
#define CONFIG_FIELD_CHOICE(name, high) uint32_t name /* index of the word */
#define CONFIG_FIELD_SET(name, high)    uint32_t name /* 1 << index, or-ed; role: as enum role */
#define CONFIG_FIELD_LIST(name, high)   char name[(high) + 1]
#define CONFIG_FIELD_CIDRS(name, high)  char name[(high)*48 + 1]
#define CONFIG_FIELD_HOSTS(name, high)  char name[(high)*CONFIG_HOST_MAX + 1]
#define CONFIG_FIELD_IP(name, high)     char name[ADDR_TEXT_LEN]

struct config {
#define X(section, type, name, initial, low, high, marks, help) CONFIG_FIELD_##type(name, high);
	CONFIG_SETTINGS(X)
#undef X
	uint8_t origin[SETTINGS];       /* enum origin */
	uint32_t line[SETTINGS];        /* in the file, for ORIGIN_FILE */
	char path[CONFIG_PATH_MAX + 1]; /* of the file read last */
};

enum setting_type {
	TYPE_NUMBER,
	TYPE_SIZE,
	TYPE_FLAG,
	TYPE_TEXT,
	TYPE_CHOICE,
	TYPE_SET,
	TYPE_LIST,
	TYPE_CIDRS,
	TYPE_HOSTS,
	TYPE_IP,
};

struct setting {
	const char *name;
	const char *section;
	const char *initial;
	const char *help;
	const char *const *words; /* CHOICE and SET, ends with NULL */
	uint64_t low;
	uint64_t high;
	size_t offset; /* of the field in struct config */
	size_t size;
	enum setting_type type;
	uint8_t marks;
};

const struct setting *config_setting(enum setting_id which);
/* By name or alias, '-' as good as '_'; NULL when there is none. */
const struct setting *config_find(const char *name);

/* Every setting at its default. */
void config_init(struct config *c);
/* The text of a configuration file; `path` is for the sentences. ERR_USAGE and a sentence in `why`; what stood before
 * the bad line is then set already: the caller gives up. */
MUST_USE enum err config_file(struct config *c, const char *path, struct bytes text,
			      char why[CONFIG_WHY_MAX]);
/* `environ` ends with NULL. */
MUST_USE enum err config_env(struct config *c, const char *const *environ,
			     char why[CONFIG_WHY_MAX]);
/* Takes the settings out of argv[0..argc); all else is left, in order, in `rest` (room for argc): words, flags that are
 * no setting (the command's own: it refuses with config_unknown what it does not know), and `--` with all behind it. */
MUST_USE enum err config_flags(struct config *c, int argc, char *const *argv, char **rest,
			       int *rest_count, char why[CONFIG_WHY_MAX]);
/* The sentence for a flag nobody knows: names the nearest setting. */
void config_unknown(const char *flag, char why[CONFIG_WHY_MAX]);
/* One setting, as from a flag (`witan scheduler` sets its role so). */
MUST_USE enum err config_set(struct config *c, const char *name, const char *value,
			     enum origin origin, char why[CONFIG_WHY_MAX]);
/* What concerns several settings at one time. Call once all sources are read. */
MUST_USE enum err config_check(const struct config *c, char why[CONFIG_WHY_MAX]);

/* The value as text that could be set again, appended to `out`. */
MUST_USE enum err config_print(const struct config *c, enum setting_id which, struct buffer *out);
/* The same by name or alias, into `out`; ERR_NOT_FOUND, ERR_TOO_BIG. */
MUST_USE enum err config_get(const struct config *c, const char *name, char *out, size_t size);
/* Rows of name, value, origin; the sheet is initialised here and the caller's to end. Secrets are masked. */
void config_show(const struct config *c, struct sheet *s);
/* What may be shown of a value. */
const char *config_shown(const struct setting *s, const char *value);
/* Flags and their help, for --help. */
MUST_USE enum err config_help(struct buffer *out);
/* The text of conf/witan.conf. */
MUST_USE enum err config_write_default(struct buffer *out);
/* Of the settings marked SAME and the protocol version: nodes that differ must not share work. */
void config_fingerprint(const struct config *c, uint8_t out[16]);
/* Takes over from `fresh` what can change without a restart. True when something else differs: its names, separated by
 * blanks, are then in `restart` (cut when too long). */
bool config_reload(struct config *c, const struct config *fresh, char restart[CONFIG_WHY_MAX]);

/* What follows from the settings. */
uint32_t config_discovery(
	const struct config *c); /* enum config_discovery, or-ed: seeds imply static */
/* `self` as others are to dial it: under advertise_ip where one is given. */
struct addr config_advertised(const struct config *c, struct addr self);
uint16_t config_gossip_port(const struct config *c, enum view view);
/* Paths, into `out`. */
void config_data_dir(const struct config *c, char out[CONFIG_PATH_MAX + 1]);
void config_socket(const struct config *c, char out[CONFIG_SOCKET_MAX + 1]);
/* Next item of a LIST, CIDRS or HOSTS text: `at` starts at the field and moves on. False after the last. */
bool config_item(const char **at, struct bytes *item);

#endif
