#include "discovery/multicast.h"

#include "core/must.h"
#include "discovery/beacon.h"
#include "discovery/candidate.h"
#include "discovery/row.h"

#define FAST_BEACONS    30u      /* about four seconds: who is there has answered by then */
#define CROWD           8u       /* beacons heard for each own one, beyond which we are rarer */
#define CROWD_MAX       32u      /* the rarest: at 15 s, one in eight minutes */
#define ANSWER_WAIT_MS  200u     /* among which the members draw who answers */
#define ANSWER_EVERY_US 1000000u /* one member's answers are no closer */
#define WINDOW_ALONE_US 1000000u /* MULTICAST_GIVEN_MAX candidates in each window */
#define WINDOW_US       10000000u

void multicast_init(struct multicast *m, const struct discovery_config *config, uint64_t now_us)
{
	must(config->fast_low_ms > 0);
	must(config->fast_low_ms <= config->fast_high_ms);
	must(config->slow_low_ms <= config->slow_high_ms);
	must(config->fast_high_ms <= config->slow_high_ms);

	*m = (struct multicast){.config = config, .answer_us = UINT64_MAX, .window_us = now_us};
	rng_init(&m->rng, config->seed);
	/* Machines that are switched on together must not speak together. */
	m->next_us = now_us + rng_below(&m->rng, config->fast_high_ms * 1000ull + 1);
}

/* True when this address may be given now. */
static bool give_may(struct multicast *m, struct addr a, uint64_t now_us)
{
	uint64_t window = m->joined ? WINDOW_US : WINDOW_ALONE_US;

	if (now_us - m->window_us >= window) {
		m->window_us = now_us;
		m->given_count = 0;
	}
	for (uint32_t i = 0; i < m->given_count; i++)
		if (addr_same(m->given[i], a))
			return false;
	if (m->given_count == MULTICAST_GIVEN_MAX)
		return false;
	m->given[m->given_count++] = a;
	return true;
}

static void give(struct multicast *m, struct addr a, uint8_t roles, uint64_t now_us,
		 struct outbox *outbox)
{
	if (give_may(m, a, now_us))
		candidate_tell(m->config, a, roles, outbox);
}

static uint64_t spacing_us(struct multicast *m)
{
	const struct discovery_config *c = m->config;
	uint64_t crowd = m->heard / CROWD, low = c->slow_low_ms, high = c->slow_high_ms;

	if (m->pace == PACE_FAST) {
		low = c->fast_low_ms;
		high = c->fast_high_ms;
	} else if (m->pace == PACE_EASING) {
		low = m->ease_ms / 2;
		high = m->ease_ms;
	}
	if (crowd > CROWD_MAX)
		crowd = CROWD_MAX;
	return rng_between(&m->rng, low, high) * 1000 * (crowd > 0 ? crowd : 1);
}

static void pace_step(struct multicast *m)
{
	if (m->pace == PACE_FAST && ++m->sent >= FAST_BEACONS) {
		m->pace = PACE_EASING;
		m->ease_ms = m->config->fast_high_ms;
	}
	if (m->pace == PACE_EASING) {
		m->ease_ms *= 2;
		if (m->ease_ms >= m->config->slow_high_ms)
			m->pace = PACE_SLOW;
	}
}

static void beacon_send(struct multicast *m, uint64_t now_us, struct outbox *outbox)
{
	struct beacon b = {.roles = m->config->roles, .addr = m->config->self, .alone = !m->joined};
	struct buffer body;

	buffer_init(&body, BEACON_MAX_LEN);
	must(beacon_put(&b, &body) == OK);
	outbox_beacon(outbox, buffer_bytes(&body));
	buffer_fini(&body);
	pace_step(m);
	m->next_us = now_us + spacing_us(m);
	m->heard = 0;
}

/* Whoever drew the shortest moment speaks for all, and dials the newcomer too: beacons may pass one way only. */
static void answer(struct multicast *m, uint64_t now_us, struct outbox *outbox)
{
	must(m->joined);
	m->answer_us = UINT64_MAX;
	m->answered_us = now_us;
	beacon_send(m, now_us, outbox);
	give(m, m->newcomer, m->newcomer_roles, now_us, outbox);
}

void multicast_wake(struct multicast *m, uint64_t now_us, struct outbox *outbox)
{
	if (now_us >= m->answer_us)
		answer(m, now_us, outbox);
	if (now_us >= m->next_us)
		beacon_send(m, now_us, outbox);
	must(m->next_us > now_us);
}

static void newcomer_heard(struct multicast *m, struct addr a, uint8_t roles, uint64_t now_us)
{
	uint64_t from = now_us;

	if (m->answer_us != UINT64_MAX)
		return;
	if (m->answered_us > 0 && from < m->answered_us + ANSWER_EVERY_US)
		from = m->answered_us + ANSWER_EVERY_US;
	m->answer_us = from + rng_below(&m->rng, ANSWER_WAIT_MS * 1000 + 1);
	m->newcomer = a;
	m->newcomer_roles = roles;
}

/* Two who are alone: the one that has grown slow speaks again, so that the newcomer knows it within a moment. In a crowd
 * somebody always speaks. */
static void speak_soon(struct multicast *m, uint64_t now_us)
{
	uint64_t at = now_us;

	if (m->pace == PACE_FAST || m->heard > CROWD)
		return;
	if (m->answered_us > 0 && at < m->answered_us + ANSWER_EVERY_US)
		at = m->answered_us + ANSWER_EVERY_US;
	at += rng_below(&m->rng, ANSWER_WAIT_MS * 1000 + 1) + 1;
	if (at >= m->next_us)
		return;
	m->next_us = at;
	m->answered_us = at;
}

void multicast_hear(struct multicast *m, const struct event *event, struct outbox *outbox)
{
	struct beacon b;
	enum err err;

	must(event->kind == EVENT_BEACON);
	if (id_same(event->beacon.sender, m->config->id))
		return; /* our own, looped back */
	err = beacon_get(event->beacon.body, &b);
	m->error = err;
	if (err != OK)
		return;
	/* A link-local address means nothing without the interface, which never travels. */
	if (b.addr.family == ADDR_V6 && b.addr.ip[0] == 0xfe && (b.addr.ip[1] & 0xc0) == 0x80)
		b.addr.scope = event->beacon.from.scope;
	if (candidate_is_self(m->config, b.addr))
		return;
	m->heard += m->heard < UINT32_MAX;
	m->heard_us = event->now_us;
	if (m->joined && b.alone) {
		newcomer_heard(m, b.addr, b.roles, event->now_us);
		return;
	}
	if (!b.alone)
		m->answer_us = UINT64_MAX; /* another member was quicker */
	else
		speak_soon(m, event->now_us);
	give(m, b.addr, b.roles, event->now_us, outbox);
}

void multicast_joined(struct multicast *m, uint64_t now_us)
{
	if (m->joined)
		return;
	m->joined = true;
	m->pace = PACE_SLOW;
	m->next_us = now_us + spacing_us(m);
}

uint64_t multicast_deadline_us(const struct multicast *m)
{
	return m->answer_us < m->next_us ? m->answer_us : m->next_us;
}

void multicast_sheet(const struct multicast *m, uint64_t now_us, struct sheet *s)
{
	static const char *const paces[] = {"fast", "easing", "slow"};

	sheet_text(s, "multicast");
	sheet_text(s, "beacons");
	sheet_text(s, paces[m->pace]);
	row_times(s, m->heard_us, m->next_us, now_us);
	sheet_text(s, m->error == OK ? "" : err_text(m->error));
}
