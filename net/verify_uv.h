/* Checks signatures in the thread pool, many with one piece of work: one takes 100 us, far too long for the loop. */
#ifndef NET_VERIFY_UV_H
#define NET_VERIFY_UV_H

#include <uv.h>

#include "core/effect.h"
#include "net/sink.h"

struct verifier; /* opaque */

struct verifier *verifier_open(uv_loop_t *loop, struct sink sink);
/* An EFFECT_VERIFY; what it borrows is copied. Answered by EVENT_VERIFIED. */
void verifier_effect(struct verifier *v, const struct effect *e);
/* Begins what was asked for: once at the end of each turn. */
void verifier_flush(struct verifier *v);
bool verifier_busy(const struct verifier *v);
/* Only when not busy. */
void verifier_close(struct verifier *v);

#endif
