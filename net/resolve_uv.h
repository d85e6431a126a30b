/* Asks the system's resolver for a name's addresses, in the thread pool: it may block for many seconds. */
#ifndef NET_RESOLVE_UV_H
#define NET_RESOLVE_UV_H

#include <uv.h>

#include "core/effect.h"
#include "net/sink.h"

struct resolver; /* opaque */

struct resolver *resolver_open(uv_loop_t *loop, struct sink sink);
/* An EFFECT_RESOLVE. Answered by EVENT_RESOLVED, addresses in the resolver's order and each once: ERR_NOT_FOUND when
 * there is no such name, ERR_UNREACHABLE when nobody could be asked, ERR_FULL beyond RESOLVES_MAX. */
void resolver_effect(struct resolver *r, const struct effect *e);
/* No more answers. Frees itself once the loop has run. */
void resolver_close(struct resolver *r);

#endif
