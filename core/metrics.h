/* What the program counts, in one table: kind, name, label, help. The name carries the unit and is what Prometheus sees
 * behind `witan_`; rows of one name that differ by label stand together and share the first one's help.
 *
 * Values are integers: a name that ends in _seconds is kept in microseconds and printed in seconds. struct metrics is a
 * value and belongs to who counts: there is no global. */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"

/* clang-format off */
/*  id, kind, name, label, help */
#define METRICS(X)                                                                                 \
	X(METRIC_PACKETS_RECEIVED, COUNTER, "packets_received_total", "",                          \
	  "Datagrams that opened well")                                                            \
	X(METRIC_PACKETS_SENT, COUNTER, "packets_sent_total", "", "Datagrams sent")                \
	X(METRIC_DROPPED_SHORT, COUNTER, "packets_dropped_total", "reason=\"short\"",              \
	  "Datagrams dropped, by reason")                                                          \
	X(METRIC_DROPPED_VERSION, COUNTER, "packets_dropped_total", "reason=\"version\"", "")      \
	X(METRIC_DROPPED_FOREIGN, COUNTER, "packets_dropped_total", "reason=\"foreign\"", "")      \
	X(METRIC_DROPPED_KEY, COUNTER, "packets_dropped_total", "reason=\"key\"", "")              \
	X(METRIC_DROPPED_FORGED, COUNTER, "packets_dropped_total", "reason=\"forged\"", "")        \
	X(METRIC_DROPPED_REPLAYED, COUNTER, "packets_dropped_total", "reason=\"replayed\"", "")    \
	X(METRIC_DROPPED_FULL, COUNTER, "packets_dropped_total", "reason=\"full\"", "")            \
	X(METRIC_DROPPED_BIG, COUNTER, "packets_dropped_total", "reason=\"big\"", "")              \
	X(METRIC_PACKETS_UNSENT, COUNTER, "packets_unsent_total", "",                              \
	  "Datagrams that the kernel did not take")                                                \
	X(METRIC_BEACONS_RECEIVED, COUNTER, "beacons_received_total", "",                          \
	  "Multicast beacons that opened well")                                                    \
	X(METRIC_BEACONS_SENT, COUNTER, "beacons_sent_total", "", "Multicast beacons sent")        \
	X(METRIC_LINKS, GAUGE, "links", "", "Streams to peers that stand now")                     \
	X(METRIC_LINKS_OPENED, COUNTER, "links_opened_total", "", "Handshakes that ended well")          \
	X(METRIC_LINKS_FAILED, COUNTER, "links_failed_total", "",                                  \
	  "Handshakes that failed, took too long or were crowded out")                             \
	X(METRIC_STREAMS_TURNED_AWAY, COUNTER, "streams_turned_away_total", "",                    \
	  "Connections closed at once, beyond a limit")                                            \
	X(METRIC_STREAMS_OVERFLOWED, COUNTER, "streams_overflowed_total", "",                      \
	  "Streams closed because the peer took too little")                                       \
	X(METRIC_FRAMES_RECEIVED, COUNTER, "frames_received_total", "", "Frames that came")        \
	X(METRIC_FRAMES_SENT, COUNTER, "frames_sent_total", "", "Frames sent")                     \
	X(METRIC_FRAMES_REFUSED_TYPE, COUNTER, "frames_refused_total", "reason=\"type\"",          \
	  "Frames refused, by reason")                                                             \
	X(METRIC_FRAMES_REFUSED_QUEUE, COUNTER, "frames_refused_total", "reason=\"queue\"", "")    \
	X(METRIC_FRAMES_REFUSED_PEER, COUNTER, "frames_refused_total", "reason=\"peer\"", "")      \
	X(METRIC_MEMBERS_SCHEDULERS, GAUGE, "members", "view=\"schedulers\"",                      \
	  "Members alive, by view")                                                                \
	X(METRIC_MEMBERS_ALL, GAUGE, "members", "view=\"all\"", "")                                \
	X(METRIC_DIRECTOR, GAUGE, "director", "", "1 on the node that directs now")                \
	X(METRIC_STATE_EMPTY, GAUGE, "director_state", "state=\"empty\"", "State of the directorship as this scheduler sees it: 1 for the one it is in") \
	X(METRIC_STATE_COUPLED, GAUGE, "director_state", "state=\"coupled\"", "") \
	X(METRIC_STATE_UNCOUPLED, GAUGE, "director_state", "state=\"uncoupled\"", "") \
	X(METRIC_STATE_SWITCHED_OVER, GAUGE, "director_state", "state=\"switched-over\"", "") \
	X(METRIC_STATE_FAILED_OVER, GAUGE, "director_state", "state=\"failed-over\"", "") \
	X(METRIC_STATE_HELD, GAUGE, "director_state", "state=\"held\"", "") \
	X(METRIC_STATE_NO_DIRECTOR, GAUGE, "director_state", "state=\"no-director\"", "") \
	X(METRIC_STATE_NO_QUORUM, GAUGE, "director_state", "state=\"no-quorum\"", "") \
	X(METRIC_STATE_LOSS_UNCONFIRMED, GAUGE, "director_state", "state=\"loss-unconfirmed\"", "") \
	X(METRIC_STATE_FAULT, GAUGE, "director_state", "state=\"fault\"", "") \
	X(METRIC_EPOCH_TERM, GAUGE, "epoch_term", "", "Term of the epoch this node knows")         \
	X(METRIC_STORE_POSITION, GAUGE, "store_position", "", "Last batch applied here")           \
	X(METRIC_ELECTIONS, COUNTER, "store_elections_total", "", "Elections begun here")          \
	X(METRIC_STORE_REFUSED, COUNTER, "store_messages_refused_total", "",                       \
	  "Messages of another store, voter or boot")                                              \
	X(METRIC_JOBS_QUEUED, GAUGE, "jobs", "state=\"queued\"", "Jobs known here, by state")      \
	X(METRIC_JOBS_ACTIVE, GAUGE, "jobs", "state=\"active\"", "")                               \
	X(METRIC_JOBS_ENDED, GAUGE, "jobs", "state=\"ended\"", "")                                 \
	X(METRIC_SUBMITTED, COUNTER, "jobs_submitted_total", "", "Jobs accepted by this director") \
	X(METRIC_ASSIGNED, COUNTER, "attempts_ordered_total", "",                                  \
	  "Attempts ordered by this director")                                                     \
	X(METRIC_FINISHED, COUNTER, "attempts_finished_total", "",                                 \
	  "Results recorded by this director")                                                     \
	X(METRIC_LOST, COUNTER, "attempts_lost_total", "", "Attempts whose lease ended")           \
	X(METRIC_CALLS_REFUSED, COUNTER, "calls_refused_total", "",                                \
	  "Calls that this director refused")                                                      \
	X(METRIC_RUNNING, GAUGE, "attempts_running", "", "Attempts that hold a slot here")         \
	X(METRIC_SLOTS, GAUGE, "slots", "", "Slots of this node's worker")                         \
	X(METRIC_DISK_ERRORS, COUNTER, "disk_errors_total", "", "Writes that the disk refused")    \
	X(METRIC_TURN, HISTOGRAM, "turn_seconds", "", "Length of one turn of the loop")            \
	X(METRIC_SYNC, HISTOGRAM, "sync_seconds", "", "Length of one sync of the disk")
/* clang-format on */

enum metric {
#define X(id, kind, name, label, help) id,
	METRICS(X)
#undef X
		METRIC_COUNT
};

/* A histogram's upper bounds in microseconds; one more bucket has none. From what a turn takes to what a disk does. */
#define METRIC_BOUNDS                                                                              \
	{                                                                                          \
		50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,  \
			1000000, 2500000                                                           \
	}
#define METRIC_BUCKETS 16u

enum {
#define METRIC_HISTOGRAM_COUNTER(id)
#define METRIC_HISTOGRAM_GAUGE(id)
#define METRIC_HISTOGRAM_HISTOGRAM(id) HISTOGRAM_OF_##id,
#define X(id, kind, name, label, help) METRIC_HISTOGRAM_##kind(id)
	METRICS(X)
#undef X
		HISTOGRAMS
};

struct histogram {
	uint64_t bucket[METRIC_BUCKETS]; /* each counts its own; summed when printed */
	uint64_t sum;
};

struct metrics {
	uint64_t value[METRIC_COUNT]; /* a histogram's is its count */
	struct histogram histogram[HISTOGRAMS];
};

/* Zeroed is empty. */
void metrics_add(struct metrics *m, enum metric which, uint64_t more);  /* a counter */
void metrics_set(struct metrics *m, enum metric which, uint64_t value); /* a gauge */
/* A counter that is counted elsewhere: its total as it stands. */
void metrics_total(struct metrics *m, enum metric which, uint64_t total);
void metrics_observe(struct metrics *m, enum metric which, uint64_t us); /* a histogram */
/* Prometheus' text form, appended to `out`. */
MUST_USE enum err metrics_print(const struct metrics *m, struct buffer *out);

#endif
