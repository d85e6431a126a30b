/* Every bound of the program, each with its reason. What is not bounded here is not bounded: so nothing is missing here.
 * A bound that is hit is counted by a metric and has one chosen answer: drop oldest, refuse, push back. */
#ifndef CORE_LIMITS_H
#define CORE_LIMITS_H

/* Wire. */
#define PACKET_MAX 1400u /* one datagram with all overheads: below every path MTU we expect */
#define SEAL_OVERHEAD                                                                              \
	81u /* what sealing adds to a datagram: design of the datagram, net/README.md */
#define DATAGRAM_BODY_MAX (PACKET_MAX - SEAL_OVERHEAD)
#define FRAME_MAX         (1u << 20) /* one frame's body on a stream: bounds what a peer can make us hold */
#define CHANNEL_QUEUE_MAX                                                                          \
	(8u << 20) /* bytes waiting to be written to one peer: beyond it a POST is refused */
#define LINKS_MAX         20000u /* channels of one node, accepted and dialled */
#define LINKS_UNKNOWN_MAX 256u   /* handshakes under way: what strangers can make us hold */
#define HANDSHAKE_MAX_MS  3000u
#define PACK_DEPTH_MAX    8u /* nesting of skipped msgpack values */

/* Names. */
#define NAME_MAX_LEN       64u /* node, group, zone names; longer ones are refused at start */
#define CLUSTER_ID_MAX_LEN 64u
#define LABELS_MAX_LEN     256u /* all labels of a node, `k=v,k=v` */
#define VERSION_MAX_LEN    32u
#define FACTS_MAX          900u /* one member's facts, packed and signed: must fit a datagram */
#define SEEDS_MAX          64u
#define CIDRS_MAX          16u
#define CONFIG_PATH_MAX    255u /* a path in the configuration */
#define CONFIG_SOCKET_MAX  107u /* what sockaddr_un holds */
#define CONFIG_HOST_MAX    128u /* one seed, `host:port` */

/* Membership. */
#define MEMBERS_MAX    20000u /* members of one view, tombstones included */
#define CANDIDATES_MAX 256u   /* discovered addresses in one round */

/* Calls. */
#define FORWARDS_MAX 4096u           /* calls passed on and not yet answered */
#define FORWARD_MAX_MS 45000u        /* longest wait for another node's answer: above any wait a caller may ask for */
#define WAIT_MAX_MS 30000u           /* longest time a call may be held until something changes */

/* The turn. */
#define OUTBOX_EFFECTS_MAX 65536u      /* effects of one turn of the loop */
#define OUTBOX_BYTES_MAX   (64u << 20) /* bytes of one turn's effects */
#define FILE_NAME_MAX      160u        /* a file's name beneath the data directory */
#define LOG_LINE_MAX       1024u       /* one formatted log line; longer ones are cut. An entry of many lines is not */

/* Store. */
#define BATCH_MAX (512u << 10) /* one batch of the store: fits a frame with its envelope */
#define STATE_MAX (512u << 20) /* keys and values of the whole state */

/* Jobs. */
#define JOB_TEXT_MAX    (64u << 10) /* what a user submits */
#define JOBS_MAX        1000000u
#define HISTORY_MAX     10000u
#define WORKERS_MAX     10000u
#define SLOTS_MAX       1024u /* of one worker */
#define ARGV_MAX        1024u
#define OUTPUT_TAIL_MAX 4096u        /* of each stream, kept with the result */
#define PIECE_MAX       (128u << 10) /* output bytes in one answer */

#endif
