/* A program's end of the local socket: calls go out, answers come back, several may be under way. Blocking, with a
 * deadline; no loop. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/call.h"
#include "core/config.h"
#include "net/frame.h"

struct client {
	int fd;
	uint64_t next;    /* request number */
	struct buffer in; /* what came last */
	size_t taken;     /* of `in`, by the frame reader */
	struct frames frames;
	char path[CONFIG_SOCKET_MAX + 1];
	char why[200]; /* the sentence when something failed */
};

/* Takes the socket of `argv`'s settings (--socket, WITAN_SOCKET, the installed nodes'). 0, or the exit code. */
MUST_USE int client_open(struct client *c, const struct config *config);
void client_close(struct client *c);
/* Connects to the same socket again, for as long as wait_ms: the node may be starting. What was asked is forgotten. */
bool client_again(struct client *c, int wait_ms);
/* Sends a call; its request number, or 0 when the node has gone (`why` says so). */
uint64_t client_ask(struct client *c, enum call_verb verb, struct id node, struct bytes arguments);
/* The next answer, whichever it is; it borrows until the next call. False: nothing within wait_ms, or the node has gone
 * (then c->fd is -1). */
bool client_answer(struct client *c, int wait_ms, uint64_t *request, struct answer *answer);
/* Asks and waits for that answer. The exit code, with `why` set when it is not 0. */
MUST_USE int client_call(struct client *c, enum call_verb verb, struct id node,
			 struct bytes arguments, int wait_ms, struct bytes *body);

#endif
