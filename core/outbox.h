/* The bounded tray that a core fills in one turn and the doors empty.
 *
 * Everything put is copied, so that a core may hand in what it borrowed; effects live until the outbox is cleared. One
 * outbox per loop, lent for the turn: room grows lazily to its bound and stays. A core must not overfill it: before
 * work that emits many effects it asks outbox_room() and continues next turn (its deadline is then now). */
#ifndef CORE_OUTBOX_H
#define CORE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/effect.h"

struct outbox; /* opaque */

struct outbox *outbox_open(void);
void outbox_close(struct outbox *o);
void outbox_clear(struct outbox *o);

size_t outbox_count(const struct outbox *o);
const struct effect *outbox_at(const struct outbox *o, size_t i);
/* True while at least half of its effects and bytes are free. */
bool outbox_room(const struct outbox *o);

void outbox_datagram(struct outbox *o, enum view view, struct addr to, struct bytes body);
void outbox_beacon(struct outbox *o, struct bytes body);
void outbox_post(struct outbox *o, const struct peer *to, enum purpose purpose, uint8_t type,
		 uint64_t request, struct bytes body);
void outbox_unlink(struct outbox *o, const struct peer *peer, enum purpose purpose);
void outbox_append(struct outbox *o, const char *file, uint64_t at, struct bytes body,
		   uint32_t reserve);
void outbox_sync(struct outbox *o, const char *file, uint64_t token);
void outbox_put(struct outbox *o, const char *file, struct bytes body, uint64_t token);
void outbox_cut(struct outbox *o, const char *file, uint64_t at, uint64_t token);
void outbox_drop(struct outbox *o, const char *file, uint64_t token);
void outbox_move(struct outbox *o, const char *file, const char *to, uint64_t token);
void outbox_read(struct outbox *o, const char *file, uint64_t at, uint32_t len, uint64_t token);
void outbox_verify(struct outbox *o, uint64_t token, const uint8_t key[32],
		   const uint8_t signature[64], struct bytes body);
void outbox_resolve(struct outbox *o, uint64_t token, const char *name, uint16_t port);
void outbox_keeper(struct outbox *o, struct bytes body);
void outbox_tell(struct outbox *o, const struct tell *tell); /* batch, why and facts are copied */
void outbox_ready(struct outbox *o, const char *status);
void outbox_exit(struct outbox *o, int code);
void outbox_packet(struct outbox *o, enum door door, struct addr to, struct bytes body);
void outbox_dial(struct outbox *o, uint64_t conn, struct addr to);
void outbox_output(struct outbox *o, uint64_t conn, struct bytes body);
void outbox_hangup(struct outbox *o, uint64_t conn);
void outbox_spawn(struct outbox *o, const struct spawn *spawn); /* deep copy */
void outbox_kill(struct outbox *o, int32_t pid, int signal, const char *cgroup);
void outbox_agent(struct outbox *o, struct bytes body);

/* One line, past tense, then key=value. */
void outbox_log(struct outbox *o, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same with fields "NAME=value\n…" and a ready text, which may hold many lines. */
void outbox_log_entry(struct outbox *o, enum log_level level, const char *fields, const char *text);
/* Copies an effect of any kind as it is: how the node passes on what is not for it. */
void outbox_pass(struct outbox *o, const struct effect *e);

#endif
