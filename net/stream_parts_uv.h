/* What streams are made of. Private to stream_uv.c (connections) and listen_uv.c (how strangers come in). */
#ifndef NET_STREAM_PARTS_UV_H
#define NET_STREAM_PARTS_UV_H

#include <sys/un.h>

#include "net/stream_uv.h"

#define LISTENERS_MAX 4u
#define GATHER        8u /* outputs of one turn that leave with one call */

enum stream_state { STREAM_DIALLING, STREAM_OPEN, STREAM_FLUSHING, STREAM_CLOSING };

struct stream {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
	struct streams *all;
	struct stream *next;  /* in its bucket */
	struct stream *dirty; /* has gathered output; the list ends with itself */
	uint64_t conn;
	enum stream_state state;
	enum err err; /* CLOSED: why */
	bool silent;  /* nothing is told of it any more */
	uint32_t gathered;
	uv_buf_t gather[GATHER];
	union {
		uv_connect_t connect;
		uv_shutdown_t shutdown;
	};
};

struct listener {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
	struct streams *all;
	enum door door;
	uv_timer_t later; /* more have come than one turn takes */
	uint64_t turn_ms;
	uint32_t accepted; /* in that turn */
};

struct streams {
	uv_loop_t *loop;
	struct addr from;
	struct sink sink;
	struct listener listener[LISTENERS_MAX];
	uint32_t listeners;
	uint32_t handles; /* not yet closed */
	bool closing;
	uv_timer_t patience; /* closing */
	uint64_t last_conn;  /* accepted */
	struct stream **bucket;
	uint32_t buckets; /* a power of two */
	struct stream *dirty;
	uint32_t open; /* streams in the table */
	char local[sizeof((struct sockaddr_un *)NULL)->sun_path];
	uint8_t input[INPUT_MAX];
};

/* stream_uv.c */
struct stream *stream_make(struct streams *s, bool local);
/* Gives it its number and its place in the table. */
void stream_adopt(struct stream *st, uint64_t conn);
/* It is connected: from now on it is read. */
void stream_begin(struct stream *st);
/* One handle of this table is closed. */
void streams_handle_gone(struct streams *s);
/* listen_uv.c */
void listeners_close(struct streams *s);

#endif
