#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes that stand still for longer than the heartbeat's patience, as when a machine sleeps, go on afterwards."""

import os
import signal
import time

import harness
from harness import children, claim, kill, primectl, start_local, wait_until

STILL_SECONDS = 42   # the patience is 35
BUSY_SECONDS = 600   # half a minute of computing, on a machine that has much else to do


@claim
def stopped_processes_go_on(folder):
    """a master, a worker, both, or all with primectl are stopped and continued: the job is finished"""
    runs = []
    for names in (["primed-master"], ["primed-worker"], ["primed-master", "primed-worker"], ["all"]):
        store = os.path.join(folder, "-".join(names))
        process = start_local(store, "--from", "2^200", "--length", "3e8", "--threads", "1")
        runs.append((names, store, process))
    # a child is called primectl until it is the program
    for _, store, process in runs:
        wait_until(lambda: sorted(children(process.pid).values()) == ["primed-master", "primed-worker"], 60)
        wait_until(lambda: os.path.exists(os.path.join(store, "job")), 60)
    time.sleep(1)
    stopped = []
    for names, _, process in runs:
        victims = [pid for pid, name in children(process.pid).items() if name in names or names == ["all"]]
        assert len(victims) == (2 if names == ["all"] else len(names)), children(process.pid)
        stopped += victims + ([process.pid] if names == ["all"] else [])
    for pid in stopped:
        assert kill(pid, signal.SIGSTOP)
    time.sleep(STILL_SECONDS)
    for pid in stopped:
        assert kill(pid, signal.SIGCONT)
    end = time.monotonic() + BUSY_SECONDS
    for names, store, process in runs:
        assert process.wait(timeout=max(1, end - time.monotonic())) == 0, names
        primectl("verify", "--store", store)


if __name__ == "__main__":
    harness.run()
