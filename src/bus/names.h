/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The two D-Bus interfaces on the system bus. Everybody reads; only root changes. Integers that can pass 2^53 (bounds,
 * frontiers) travel as decimal strings; dictionaries may get more keys with any release, never lose one within "1".
 *
 * org.primed.Master1 at /org/primed/Master1, on the master host
 *
 *     AddJob(s from, s to, a{sv} options) → s name    `to` "" for an open job; options: priority u (1 … 1000, default
 *                                                     100), certainty s ("proved", "bpsw"). A cancelled or
 *                                                     finished interval that is asked for again goes on with its
 *                                                     store. Root.
 *     PauseJob(s name), ResumeJob(s name), CancelJob(s name)   Cancelling keeps the store. Root.
 *     RotateStore(s name) → t segments   Begins a new file in the job's store: how many were ended by it, 0 or 1. Root.
 *     VacuumStore(s name, t bytes) → t segments, t freed   Takes the bitmaps from the oldest ended files of the job's
 *                            store until it has at most so many bytes, or none is left; counts and digests stay.
 *                            Answers when that is done, which may take minutes, and says how many files lost theirs and
 *                            how many bytes that freed. Root.
 *     GetStatus() → a{sv}    name s, id s (64 hex digits), version s, state s ("working" blocks are out or wanted,
 *                            "idle" no job wants any), problem s ("" none), hint s (what may keep workers away: an
 *                            active firewall and its command; "" nothing known), advertised s (the mDNS name; "" not),
 *                            advertise_problem s, port u, audit s ("unaudited"), workers u, threads u (in use),
 *                            jobs u, uptime_usec t
 *     ListJobs() → aa{sv}    name s, id s (16 hex digits), from s, to s ("" open), state s ("running", "paused",
 *                            "finished", "failed"), problem s, priority u, certainty s ("proved", "bpsw"; "" unknown),
 *                            standing b (the job of master.conf), store s (path), frontier s (all numbers
 *                            below it are done), blocks_total t, blocks_in_order t, blocks_spooled t, numbers_total d,
 *                            numbers_done d, primes t, bytes t, segments t, disagreements t, rate d (numbers a
 *                            second, over the last 30 s), remaining_usec t (UINT64_MAX unknown), audit s
 *     ListWorkers() → aa{sv} name s, id s (64 hex digits), address s ("10.0.0.2", "" local), program s, joined_usec t
 *                            (realtime), threads u, threads_asked u (the cap in master.conf; 0 none), cpu_quota_asked u
 *                            (per cent; 0 none), threads_allowed u (by the worker's host), threads_applied u,
 *                            note s (why it computes with fewer: "on battery"), rate d (numbers a second),
 *                            blocks t (accepted since it joined), leased t (blocks)
 *     properties             Version s (const), Name s, State s (emits changes), Workers u (emits), Jobs u (emits)
 *
 * org.primed.Worker1 at /org/primed/Worker1, on each worker host (owned by primed-scout)
 *
 *     GetStatus() → a{sv}    name s, version s, state s ("working", "idle" masters are there but want nothing,
 *                            "paused", "alone" no master was found, "stuck" the worker does not start or ends at
 *                            once: for config_error if there is one, else for what note says),
 *                            asked_cores u, asked_cpu_quota u, asked_allowed_cpus s, asked_cpu_weight s, asked_memory s
 *                            (as in worker.conf; 0 or "" not set), allowed_threads u, applied_threads u, note s,
 *                            config_error s ("FILE:LINE: …", "" none), avahi s ("running", "stopped", "absent",
 *                            "off" by config)
 *     ListMasters() → aa{sv} name s, id s, source s ("mdns", "static"), address s (of the try or the session), work b,
 *                            state s ("connected", "connecting", "waiting" it wants nothing, "backing off",
 *                            "refused", "gone"), reason s, since_usec t (realtime), next_try_usec t (realtime, 0 none),
 *                            threads_asked u, threads_allowed u, threads_applied u
 *     properties             Version s (const), State s (emits changes)
 *
 * Errors: org.freedesktop.DBus.Error.AccessDenied, .InvalidArgs (with the sentence), and those below.
 */

#define BUS_MASTER_NAME "org.primed.Master1"
#define BUS_MASTER_PATH "/org/primed/Master1"
#define BUS_MASTER_INTERFACE "org.primed.Master1"

#define BUS_WORKER_NAME "org.primed.Worker1"
#define BUS_WORKER_PATH "/org/primed/Worker1"
#define BUS_WORKER_INTERFACE "org.primed.Worker1"

#define BUS_ERROR_NO_SUCH_JOB "org.primed.Error.NoSuchJob"
#define BUS_ERROR_JOB_EXISTS "org.primed.Error.JobExists"
#define BUS_ERROR_JOB_FINISHED "org.primed.Error.JobFinished"
#define BUS_ERROR_FAILED "org.primed.Error.Failed"
