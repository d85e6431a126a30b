/* How well we are ourselves (Lifeguard, "LHA-Probe").
 *
 * A score of 0 is well. Each sign that we, and not the other, are slow adds to it; each probe that is answered takes
 * one off. Probe period and timeout are stretched by score + 1, so that a sick node asks rarely and waits long.
 *
 * A pause shows in the clock: when we come to a deadline much later than it was, the acks that we missed may lie in
 * the socket. Then nobody is accused for what happened meanwhile. */
#ifndef GOSSIP_HEALTH_H
#define GOSSIP_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#define HEALTH_WORST 8u /* S of the paper */

struct health {
	uint8_t score;
};

void health_better(struct health *h);
void health_worse(struct health *h, uint32_t by);
/* `ms` stretched by our health. */
uint64_t health_stretch_us(const struct health *h, uint32_t ms);
/* True when we come so much later than `deadline_us` that we were paused; the score is worse then. */
bool health_gap(struct health *h, uint64_t deadline_us, uint64_t now_us, uint32_t patience_ms);

#endif
