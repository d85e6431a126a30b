/* What the agent and its keeper say to each other, and its bytes.
 *
 *   agent                              keeper
 *   LIST                        ->
 *                               <-     HOLDS | EXITED for each attempt, then WHOLE
 *   LEASE {ends at}             ->
 *   SPAWN {attempt, command}    ->
 *                               <-     SPAWNED, or REFUSED when nothing was started (and is forgotten), or at once
 *                                      EXITED with 126 or 127 when it could not be executed
 *                               <-     EXITED {code}: kept, and told again to the next agent, until
 *   ACK                         ->
 *   KILL {attempt, force}       ->
 *
 * On the socket a word is framed: length 4 (little-endian), body. A body is one msgpack array that begins with the word;
 * unknown trailing fields are skipped, an unknown word is ERR_VERSION. */
#ifndef SCHED_KEEPER_WIRE_H
#define SCHED_KEEPER_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"
#include "core/limits.h"
#include "sched/order.h"

#define KEEPER_VERSION 1u

/* Reasons of an end that is not the job's own doing: it counts as lost, and its on_lost decides. */
#define KEEPER_WHY_LEASE   "lease"
#define KEEPER_WHY_STOPPED "the worker's machine or keeper was stopped"

enum keeper_word {
	KEEPER_LIST = 1,
	KEEPER_LEASE = 2,
	KEEPER_SPAWN = 3,
	KEEPER_KILL = 4,
	KEEPER_ACK = 5,
	KEEPER_HOLDS = 10,
	KEEPER_WHOLE = 11,
	KEEPER_SPAWNED = 12,
	KEEPER_REFUSED = 13,
	KEEPER_EXITED = 14,
};

struct keeper_said {
	enum keeper_word word;
	struct attempt attempt; /* all but LIST, LEASE, WHOLE */
	union {
		struct {
			uint64_t ends_us; /* CLOCK_BOOTTIME */
			uint32_t lease_ms;
		} lease;
		struct {
			enum on_lost on_lost;
			uint32_t kill_after_ms;
			uint64_t timeout_ms; /* 0: none */
			uint64_t max_output; /* of each stream; 0: all is kept */
			struct bytes
				argv; /* msgpack array of text, checked: at least one, ARGV_MAX at most */
			struct bytes env;
			const char *directory; /* absolute; these four terminated, borrowed */
			const char *user;      /* "": the keeper's choice */
			const char *out;
			const char *err;
			bool fresh; /* the directory is to be made */
		} spawn;
		struct {
			bool force; /* SIGKILL at once */
			const char *why;
		} kill;
		struct {
			int32_t pid;
		} holds; /* SPAWNED, too */
		struct {
			uint32_t version;
			uint64_t born_us; /* CLOCK_BOOTTIME at the keeper's start */
			uint64_t lease_ends_us;
			uint32_t count; /* of HOLDS and EXITED just told */
			int32_t pid;    /* the keeper's own */
		} whole;
		struct {
			const char *why;
		} refused;
		struct {
			int32_t code;   /* exit code, or 128 + signal */
			int32_t signal; /* 0: ended by itself */
			uint64_t began_wall_us;
			uint64_t ended_wall_us;
			uint64_t out_size;
			uint64_t err_size;
			const char *why; /* "": by itself */
		} exited;
	};
	char text[4][KEEPER_TEXT_MAX]; /* get only: what the pointers above point to */
};

MUST_USE enum err keeper_put(const struct keeper_said *said, struct buffer *out);
MUST_USE enum err keeper_get(struct bytes body, struct keeper_said *out); /* borrows argv, env */

/* The stream's framing. keeper_unframe: ERR_SHORT when more bytes are needed; `used` is what to skip. */
MUST_USE enum err keeper_frame(struct bytes body, struct buffer *out);
MUST_USE enum err keeper_unframe(struct bytes in, struct bytes *body, size_t *used);

#endif
