/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The protocol, told as a dialogue (W worker, M master). It runs inside TLS 1.3; see wire/link.h.
 *
 *     W → M  HELLO        the versions I speak, my name, my lanes and threads
 *     M → W  WELCOME      the version we speak, my name                     (or BYE with the reason)
 *     M → W  JOB          each job there is, on joining, when one is added, and when its priority changes; again when
 *                         the worker may have forgotten it (WIRE_JOBS_KEPT)
 *     M → W  SETTINGS     how many threads and how much processor time you may use at most; again when it changes. The
 *                         first one says too that the jobs have been told: blocks of other jobs, which the worker kept
 *                         from an earlier session, are offered now, and the master settles them
 *     W → M  STATE        how many threads I do use, and why not more; again when it changes
 *     W → M  REQUEST      lane 0 wants a lease                    (pull; one request per lane waits)
 *     M → W  LEASE        blocks [first, end) of the job for lane 0       (or WAIT: a LEASE will come)
 *     W → M  BLOCK        one finished block                  (again and again, also after a reconnect)
 *     M → W  ACKNOWLEDGE  these blocks are on disk, or not wanted: forget them
 *     M → W  REVOKE       skip these blocks: another worker has them
 *     W → M  HAND_BACK    these blocks I shall not finish
 *     both   PING, PONG   heartbeat, answered by the link itself
 *     both   BYE          the reason, for people; then the connection ends
 *
 * A message is a frame (wire/frame.h) whose payload is a row of fields: u16 tag, u32 length, bytes. Tags
 * with WIRE_TAG_OPTIONAL set may be skipped by a reader that does not know them; an unknown tag without it
 * is an error. Integers are little-endian and have exactly their field's size. A field stands at most once.
 * The table of all fields, with tags and limits, is in wire/protocol.c.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/cleanup.h"
#include "base/problem.h"

#define WIRE_VERSION_MIN 0U /* version 0 is the interim protocol: it may change with every release */
#define WIRE_VERSION_MAX 0U

#define WIRE_TAG_OPTIONAL 0x8000U

/* Limits. Whatever exceeds them is an error of the peer and ends the connection. */
#define WIRE_NAME_MAX 64 /* bytes of a host or program name, UTF-8 without control characters */
#define WIRE_REASON_MAX 512                  /* bytes of a reason for people */
#define WIRE_NUMBER_BYTES_MAX (1U << 17)     /* bytes of one big integer: NUMBER_BITS_MAX / 8 */
#define WIRE_PACKED_MAX ((1U << 20) + (1U << 16)) /* bytes of one packed block */
#define WIRE_PRIORITY_MAX 1000
#define WIRE_LANES_MAX 1024
#define WIRE_THREADS_MAX 1024
#define WIRE_INTERVALS_MAX 4096              /* intervals of one ACKNOWLEDGE or REVOKE */
#define WIRE_LEASE_BLOCKS_MAX (1U << 20)

/*
 * A worker remembers the jobs that were announced last: at least so many, as long as their numbers have no more bytes
 * than this. The master announces an older one again before it leases blocks of it.
 */
#define WIRE_JOBS_KEPT 128
#define WIRE_JOBS_KEPT_BYTES (2U << 20)

typedef enum MessageType {
        MESSAGE_HELLO = 1,
        MESSAGE_WELCOME = 2,
        MESSAGE_SETTINGS = 3,
        MESSAGE_REQUEST = 4,
        MESSAGE_JOB = 5,
        MESSAGE_LEASE = 6,
        MESSAGE_WAIT = 7,
        MESSAGE_BLOCK = 8,
        MESSAGE_ACKNOWLEDGE = 9,
        MESSAGE_REVOKE = 10,
        MESSAGE_HAND_BACK = 11,
        MESSAGE_PING = 12,
        MESSAGE_PONG = 13,
        MESSAGE_BYE = 14,
        MESSAGE_STATE = 15,
        _MESSAGE_TYPE_MAX,
} MessageType;

const char *message_type_name(MessageType type); /* "HELLO"; NULL for an unknown one */

/* Bytes that live in the decoded frame; valid as long as the frame is. */
typedef struct WireBytes {
        const uint8_t *data;
        size_t size;
} WireBytes;

typedef struct WireInterval {
        uint64_t first, end; /* first < end */
} WireInterval;

typedef struct MessageHello {
        uint16_t version_min, version_max;
        char name[WIRE_NAME_MAX + 1];    /* the worker host's name, for people */
        char program[WIRE_NAME_MAX + 1]; /* "primed-worker 0.1.0" */
        uint16_t n_lanes;                /* streams of leases, 1 … WIRE_LANES_MAX */
        uint16_t n_threads;              /* that there are, at most WIRE_THREADS_MAX; 0: one for each lane */
} MessageHello;

typedef struct MessageWelcome {
        uint16_t version;
        char name[WIRE_NAME_MAX + 1];
        char program[WIRE_NAME_MAX + 1];
} MessageWelcome;

typedef struct MessageSettings {
        uint16_t threads_max; /* 0: as many as the worker's own host allows */
        uint16_t cpu_percent; /* of one processor, for this master's work; 0: no cap */
} MessageSettings;

typedef struct MessageRequest {
        uint16_t lane;
        uint64_t n_blocks; /* that the lane would compute at once: leases of fewer cost it more per block; 0: unknown */
} MessageRequest;

typedef struct MessageJob {
        uint64_t job;
        WireBytes from, to; /* as number_to_bytes() writes them; `to` is empty for an open job */
        uint64_t block_length; /* must be what the grid gives for `from` */
        uint16_t priority;     /* a worker of several masters divides its time by it; 0: unknown, as 100 */
        uint8_t certainty;     /* at least so sure, as in BLOCK; 0: what the place of each block gives */
} MessageJob;

typedef struct MessageLease {
        uint64_t job;
        uint16_t lane;
        uint64_t first, end; /* at most WIRE_LEASE_BLOCKS_MAX blocks */
        uint64_t run_end;    /* the lane will probably go on until here; >= end */
} MessageLease;

typedef struct MessageWait {
        uint16_t lane;
} MessageWait;

typedef struct MessageBlock {
        uint64_t job, sequence;
        uint8_t codec, certainty;
        uint64_t count; /* primes, with 2, 3 and 5 where they belong to the block */
        uint8_t digest[SHA256_SIZE];
        uint64_t compute_usec; /* what it took one thread */
        WireBytes packed;      /* at most WIRE_PACKED_MAX */
} MessageBlock;

/* ACKNOWLEDGE and REVOKE and HAND_BACK have one form. */
typedef struct MessageIntervals {
        uint64_t job;
        size_t n_intervals; /* 1 … WIRE_INTERVALS_MAX */
        const WireInterval *intervals; /* ascending, disjoint; decoded: in the decoder's own memory */
} MessageIntervals;

typedef struct MessageState {
        uint16_t threads_allowed; /* by the worker's own host */
        uint16_t threads_applied; /* with this master's cap; 0 while it pauses */
        char note[WIRE_REASON_MAX + 1]; /* why it computes with fewer than it could; "" nothing to say */
} MessageState;

typedef enum ByeCode {
        BYE_DONE = 0,       /* no more work, or told to stop */
        BYE_VERSION = 1,    /* no version in common */
        BYE_PROTOCOL = 2,   /* the peer broke a rule */
        BYE_REFUSED = 3,    /* not admitted, or its results were wrong */
        BYE_RESOURCES = 4,  /* out of memory, too many workers */
        _BYE_CODE_MAX,
} ByeCode;

typedef struct MessageBye {
        uint8_t code;
        char reason[WIRE_REASON_MAX + 1];
} MessageBye;

typedef struct Message {
        MessageType type;
        union {
                MessageHello hello;
                MessageWelcome welcome;
                MessageSettings settings;
                MessageRequest request;
                MessageJob job;
                MessageLease lease;
                MessageWait wait;
                MessageBlock block;
                MessageIntervals acknowledge;
                MessageIntervals revoke;
                MessageIntervals hand_back;
                MessageBye bye;
                MessageState state;
        };
} Message;

/*
 * Writes the message as one frame, header and payload, into memory that the caller frees. -EINVAL: a field
 * breaks a rule that message_decode() would hold against it (limits, text, order); -ENOMEM.
 */
int message_encode(const Message *message, uint8_t **ret, size_t *ret_size);

/* Memory that is reused from message to message. */
typedef struct MessageDecoder MessageDecoder;

MessageDecoder *message_decoder_new(void);
MessageDecoder *message_decoder_free(MessageDecoder *decoder);

/*
 * Reads one payload of the frame type `type`. Everything in `ret` is checked against its limit; byte strings
 * point into `payload`, intervals into the decoder until its next call. -EBADMSG with a sentence in
 * `problem`.
 */
int message_decode(MessageDecoder *decoder, uint16_t type, const uint8_t *payload, size_t size, Message *ret,
                   Problem *problem);

DEFINE_TRIVIAL_CLEANUP_FUNC(MessageDecoder *, message_decoder_free);
