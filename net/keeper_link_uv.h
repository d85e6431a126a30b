/* The agent's end of the socket to its keeper.
 *
 *   DOWN --keeper_link_say: keeper_connect finds or starts one--> UP    told: up
 *   DOWN --keeper_link_say: it can not be done--> DOWN                  told: not up
 *   UP --it goes, or says what is no frame--> DOWN                      told: not up */
#ifndef NET_KEEPER_LINK_UV_H
#define NET_KEEPER_LINK_UV_H

#include <uv.h>

#include "core/bytes.h"
#include "core/id.h"
#include "net/sink.h"

struct keeper_link; /* opaque */

/* `root` (absolute) outlives the link. */
struct keeper_link *keeper_link_open(uv_loop_t *loop, const char *root, struct id node,
				     struct sink sink);
/* One word; the keeper is found, or started, when there is no link to it. Blocks a few milliseconds then. Returns 0, or
 * the errno for which there is none; what was to be said is then lost. An empty one lets go: the link is down, the keeper
 * lives on by itself, and nothing is told. */
int keeper_link_say(struct keeper_link *k, struct bytes body);
/* Frees itself once the loop has run. The keeper lives on. */
void keeper_link_close(struct keeper_link *k);

#endif
