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
	(8u << 20)       /* bytes waiting to be written to one peer: beyond it a POST is refused */
#define LINKS_MAX 20000u /* channels of one node, accepted and dialled */
#define LINKS_UNKNOWN_MAX                                                                          \
	1024u /* handshakes under way: what strangers can make us hold, 5 KiB each; of a thousand              \
		 workers that come back at once all are strangers */
#define HANDSHAKE_MAX_MS 3000u /* from DIAL or ACCEPTED to an open channel, connecting included */
#define CHANNEL_HANDSHAKE_MAX                                                                      \
	2048u /* one record before a channel is open: held for a peer not yet known */
#define CERTIFICATE_MAX     1024u      /* room kept in a hello */
#define LINK_IDLE_GOSSIP_MS 60000u     /* a gossip stream not used for so long is closed */
#define REKEY_BYTES         (1u << 30) /* plain bytes under one key of a channel: Noise's own habit */
#define REPLAY_WINDOW       256u /* counters behind the newest still told apart: reordering on the way */
#define REPLAY_MAX          MEMBERS_MAX /* senders remembered, in each of two generations, 64 bytes each */
#define STRANGERS_MAX       64u /* warnings about strangers in a minute: their addresses can be made up */
#define STRANGERS_QUIET_MS  60000u   /* until one stranger is told off again */
#define STRANGERS_APART_MS  3600000u /* and one of us of another version */
#define PACK_DEPTH_MAX      8u       /* nesting of skipped msgpack values */

#define ANSWER_WHY_MAX      1024u /* the sentence of an answer */
#define SHEET_COLUMNS_MAX   64u   /* of a listing */

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
#define FLOORS_MAX                                                                                 \
	65536u /* reaped members of whom the last claim is remembered; the oldest goes first */
#define CARDS_MAX 200000u /* facts kept by content: those of a simulated cluster share one box */
#define NEWCOMERS_MAX                                                                              \
	4096u /* members heard of whose facts are still to come or to be verified; more are refused */
#define PROBES_MAX                                                                                 \
	8u /* probes under way: the period's own, and those that a broken stream called for */
#define PARTINGS_MAX 16u /* leaves being verified at one time in a view: more are told again */
#define RELAYS_MAX                                                                                 \
	64u /* pings made for others; more are refused, and the asker sees a missing nack */
#define HELPERS_MAX 3u /* whom a probe asks for help */
#define FANOUT      3u /* whom one gossip tick tells */
#define SYNCS_MAX                                                                                  \
	8u /* syncs begun by us and not yet ended; more candidates wait for the next round */
#define ASK_MAX            64u          /* members asked for in one message */
#define ANSWER_PACKETS_MAX 8u           /* datagrams that answer one */
#define SUMMARY_MAX        2048u        /* members in one chunk of a summary; 256 are meant */
#define SYNC_BYTES_MAX     (256u << 10) /* one frame of a sync: the next sync brings the rest */
#define KNOWN_MAX          256u         /* addresses kept for the next start */
#define INCARNATION_STEP_MAX                                                                       \
	(1u << 20) /* a claim further ahead than this is no claim but a fault */
#define INCARNATION_MAX (UINT64_C(1) << 62) /* so that a refutation always has room above */

/* Calls. */
#define FORWARDS_MAX 4096u /* calls passed on and not yet answered */
#define FORWARD_MAX_MS                                                                             \
	45000u /* longest wait for another node's answer: above any wait a caller may ask for */
#define WAIT_MAX_MS 30000u /* longest time a call may be held until something changes */

/* The turn. */
#define OUTBOX_EFFECTS_MAX 65536u      /* effects of one turn of the loop */
#define OUTBOX_BYTES_MAX   (64u << 20) /* bytes of one turn's effects */
#define FILE_NAME_MAX      160u        /* a file's name beneath the data directory */
#define LOG_LINE_MAX                                                                               \
	1024u /* one formatted log line; longer ones are cut. An entry of many lines is not */

/* Doors. */
#define PACKETS_TURN_MAX                                                                           \
	128u /* datagrams taken from one socket in one turn: the others wait their turn */
#define ACCEPTS_TURN_MAX                                                                           \
	64u /* connections taken from one listener in one turn: their handshakes take 20 ms */
#define INPUT_MAX (64u << 10) /* bytes of one INPUT */
#define DISK_QUEUE_MAX                                                                             \
	(128u << 20)            /* bytes waiting in one lane of the disk: beyond it writes fail */
#define DISK_BATCH_MAX    1024u /* disk effects carried out in one piece of work */
#define VERIFY_BATCH_MAX  32u   /* signatures checked in one piece of work: about 3 ms */
#define VERIFY_FLIGHT_MAX 2u    /* pieces under way, so that the disk keeps threads */
#define VERIFY_QUEUE_MAX                                                                           \
	65536u /* signatures waiting: beyond it they count as bad, and are asked for again */
#define RESOLVES_MAX 64u /* names being asked for at one time */
#define RESOLVED_MAX 64u /* addresses of one name */
#define KEEPER_QUEUE_MAX                                                                           \
	(4u << 20)           /* bytes that a keeper is slow to take: beyond it it counts as gone */
#define INTERFACES_MAX   64u /* network interfaces of a machine, one line for each address */
#define MULTICAST_DOORS  16u /* interfaces that beacons use */
#define REMOVE_DEPTH_MAX 64u /* open directories while a tree is removed */
#define REMOVE_MOVES_MAX 4096u /* pieces of a deeper tree that are moved up to be removed */
#define EXIT_FLUSH_MS    500u  /* how long the last bytes may take to go out when the node ends */

/* Store. */
#define BATCH_MAX (512u << 10) /* one batch of the store: fits a frame with its envelope */
#define STATE_MAX (512u << 20) /* keys and values of the whole state */
#define STORE_REPLICAS_MAX                                                                         \
	16u /* voters, learners and witnesses: each costs the leader a copy of every batch */
#define STORE_MEMBERS_MAX                                                                          \
	256u /* members the store knows by address: all schedulers, and a choice of witnesses */
#define GENERATION_ANCESTORS_MAX                                                                   \
	32u /* a person confirms each: who was away for more is met as a stranger */
#define WAL_FILE_MAX                                                                               \
	(8u << 20) /* set aside at once; a rotten one costs this much to look through */
#define WAL_RUN_MAX                                                                                \
	(16u << 20) /* bytes gathered while the disk writes: beyond it commits are refused */
#define WAL_FILES_MAX  4096u       /* of one log */
#define LOG_MEMORY_MAX (64u << 20) /* entries not yet compacted: beyond it commits are refused */
#define GIVE_UP_MAX_MS                                                                             \
	5000u /* until it is said what became of a vote to be given up: nobody waits longer to end */
#define WITNESS_TAIL_MAX                                                                           \
	(4u                                                                                        \
	 << 20) /* of the log, in a witness's memory; a quarter is kept free for what is read back */
#define RECALL_MAX         (256u << 10) /* read back from the log at once, but always one entry */
#define STORE_PENDING_MAX  8192u        /* commits and fences of the director under way */
#define APPLY_TURN_MAX     64u  /* batches applied in one turn: small ones take 0.2 ms together */
#define APPLY_BEHIND       512u /* the same where more wait, as after a start */
#define APPLY_TURN_BYTES   (256u << 10) /* and large ones no longer either */
#define APPEND_BYTES_MAX   (256u << 10) /* entries of one message, but always one entry */
#define APPEND_ENTRIES_MAX 1024u
#define APPEND_WINDOW_MAX                                                                          \
	4u /* messages to one follower not yet acknowledged: more only make queues */
#define SNAPSHOT_PIECE_MAX (256u << 10) /* of a snapshot, in one record and in one message */
#define SNAPSHOT_FILE_MAX  (1u << 30)   /* the state with its keys, seals and heads */
#define SNAPSHOT_EVERY                                                                             \
	(4u << 20) /* bytes of log after which a snapshot is taken, or a share of the state's */
#define SNAPSHOT_SHARE 8u /* an eighth */
#define LOG_KEEP_MAX                                                                               \
	(1u << 20) /* bytes of log kept behind a snapshot for followers a little behind */

/* Jobs. */
#define JOB_TEXT_MAX    (64u << 10) /* what a user submits */
#define JOBS_MAX        1000000u
#define HISTORY_MAX     10000u
#define WORKERS_MAX     10000u
#define CREW_MAX        (WORKERS_MAX + STORE_MEMBERS_MAX) /* schedulers may have a worker of their own */
#define SLOTS_MAX       1024u                             /* of one worker */
#define ARGV_MAX        1024u
#define OUTPUT_TAIL_MAX 4096u        /* of each stream, kept with the result */
#define PIECE_MAX       (128u << 10) /* output bytes in one answer */

/* Worker and keeper. */
#define KEEPER_TEXT_MAX 512u /* a path, a user or a reason between agent and keeper */
#define KEEPER_FRAME_MAX                                                                           \
	(4u * JOB_TEXT_MAX)             /* one word between them: command, environment, paths */
#define KEPT_MAX       (2u * SLOTS_MAX) /* attempts a keeper holds, with ends not yet acknowledged */
#define SPOOL_KEPT_MAX 200u /* delivered attempts whose output a worker keeps: oldest goes first */
#define FOLLOWERS_MAX  64u  /* calls for output held at one time by a worker: more are refused */
#define BONDS_MAX      5u   /* schedulers a worker keeps a channel to */

/* Director. */
#define JOB_KEY_MAX      128u /* an idempotency key */
#define JOB_PRIORITY_MAX 100u /* one queue for each */
#define JOB_RECORD_MAX                                                                             \
	(2u * JOB_TEXT_MAX + 4u * OUTPUT_TAIL_MAX) /* a job's record: text, tails and the rest */
#define JOB_REFUSALS_MAX 5u       /* attempts that workers may refuse before the job has failed */
#define HISTORY_KEEP_S   604800u  /* 7 days: ended jobs older than that are deleted */
#define KEYS_TABLE_MAX   1000000u /* idempotency keys remembered */
#define KEY_KEEP_S       900u   /* of the command line's own keys: above every retry of a command */
#define KEY_KEEP_OWN_S   86400u /* of a user's own keys */
#define SWEEP_MAX        512u   /* records looked at or deleted by one turn's house-keeping */
#define FLIGHTS_MAX      4u     /* batches in flight: a window of four is the fastest (measured) */
#define FLIGHT_BYTES     (256u << 10) /* a batch is closed beyond that: the next record still fits in */
#define FRESH_MAX        8192u /* submits waiting for a batch: beyond it one is told to try again */
#define FRESH_BYTES      (64u << 20)
#define WAITERS_MAX      16384u /* clients waiting for a job's end: beyond it one is told to ask again */
#define WAITERS_JOB_MAX  64u /* of one job: what one change may set off */
#define PUT_OFF_MAX                                                                                \
	4096u /* cancels of jobs that a batch in flight changes: beyond it one is told to ask again */
#define JOBS_SHEET_MAX 1000u /* rows of one listing: bounded by a frame */
#define DIRECTS_TURN                                                                               \
	128u /* workers told in one turn that we direct, 1 ms: their answers come between the turns */
#define AUDIT_MAX         1000u /* rows of the audit: what a person moved is rare; the oldest goes */
#define AUDIT_WHAT_MAX    32u
#define AUDIT_TEXT_MAX    256u
#define DIRECTOR_RETRY_MS 1000u /* pause after the store refused a batch */

#endif
