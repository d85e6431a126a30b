/* What a core asks of the doors. Effects are carried out in the order they were put.
 *
 * Disk: files are named beneath the data directory ("store/wal-1", "spool/…/order"). Effects on one file happen in
 * order; what was not SYNCed may be lost or torn when the power goes. PUT is atomic: the file holds all of the new
 * bytes or all of the old, and is synced when its token comes back. A token of 0 wants no answer.
 *   APPEND  write `body` at offset `at`; a missing file is made with `reserve` bytes set aside (what was not
 *           written of them may or may not be there, and reads as zeros)
 *   CUT     shorten to `at` bytes, synced.    DROP  remove the file, or a directory with all in it.
 *   MOVE    give the file, or the directory, the name `to` beside it, which nothing has yet; synced. A missing one is fine. */
#ifndef CORE_EFFECT_H
#define CORE_EFFECT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/bytes.h"
#include "core/event.h"
#include "core/log.h"
#include "core/tell.h"
#include "core/view.h"
#include "core/wire.h"

enum effect_kind {
	/* from every core */
	EFFECT_DATAGRAM, /* send.view, send.to, send.body: one message, sealed by the node */
	EFFECT_BEACON,   /* send.body to the multicast group, sealed by the node */
	EFFECT_POST, /* post: a frame to a peer; opens the stream when there is none; may be lost */
	EFFECT_UNLINK, /* post.peer, post.purpose: close that stream */
	EFFECT_APPEND, /* disk */
	EFFECT_SYNC,
	EFFECT_PUT,
	EFFECT_CUT,
	EFFECT_DROP,
	EFFECT_MOVE,
	EFFECT_READ,    /* disk: `len` bytes of `file` from `at`; answered by EVENT_READ */
	EFFECT_VERIFY,  /* verify */
	EFFECT_RESOLVE, /* resolve.name */
	EFFECT_KEEPER, /* send.body to our keeper, which is started when there is none; empty: let go of it */
	EFFECT_LOG,
	EFFECT_TELL,
	EFFECT_READY, /* the ports listen: tell the supervisor; log.text is the status line */
	EFFECT_EXIT,  /* the node is done: code */
	/* raw, from the node to the doors only */
	EFFECT_PACKET, /* send.door, send.to, send.body: sealed */
	EFFECT_DIAL,   /* stream.conn (chosen by the node), stream.to */
	EFFECT_OUTPUT, /* stream.conn, stream.body */
	EFFECT_HANGUP, /* stream.conn: close after what was written has gone out */
	/* raw, from the keeper to its doors only */
	EFFECT_SPAWN, /* spawn */
	EFFECT_KILL,  /* kill: signal to a child's whole tree */
	EFFECT_AGENT, /* send.body to the agent */
};

/* How a child is to be started. Strings are borrowed from the outbox. */
struct spawn {
	uint64_t token;
	const char *const *argv; /* NULL-terminated */
	const char *const *env;
	const char *directory; /* absolute */
	const char *user;      /* "" : as we are */
	const char *out;       /* absolute; created, appended to */
	const char *err;
	const char *cgroup;  /* "" : none */
	uint64_t max_output; /* of each stream: above it the middle is cut out; 0: none */
	bool fresh;          /* the directory is to be made for it */
};

struct effect {
	enum effect_kind kind;
	union {
		struct {
			enum view view;
			enum door door;
			struct addr to;
			struct bytes body;
		} send;
		struct {
			struct peer peer;
			enum purpose purpose;
			uint8_t type;
			uint64_t request;
			struct bytes body;
		} post;
		struct {
			const char *file;
			uint64_t at;
			uint64_t token;
			struct bytes body;
			uint32_t reserve;
			uint32_t len;   /* READ */
			const char *to; /* MOVE */
		} disk;
		struct {
			uint64_t token;
			uint8_t key[32];
			uint8_t signature[64];
			struct bytes body; /* what was signed */
		} verify;
		struct {
			uint64_t token;
			const char *name;
			uint16_t port; /* for the addresses answered */
		} resolve;
		struct {
			enum log_level level;
			const char *text;   /* one entry; may hold many lines (the member block) */
			const char *fields; /* "NAME=value\n…", or "" */
		} log;
		struct tell tell;
		int code;
		struct {
			uint64_t conn;
			struct addr to;
			struct bytes body;
		} stream;
		struct spawn spawn;
		struct {
			int32_t pid;
			int signal;
			const char *cgroup;
		} kill;
	};
};

#endif
