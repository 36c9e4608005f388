#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""kill -9 of master, worker or both, hundreds of times, at random and at chosen moments.

A job is computed by two workers and killed again and again until it is complete. After each death the store must
still have everything that could be seen before; at the end it must be byte for byte the store of an undisturbed
run. Jobs follow one another until enough kills were made, enough of them with blocks in the spool and enough
in the middle of sealing a segment.

    campaign-kills.py BUILD [KILLS]

The seed is printed; PRIMED_TEST_SEED repeats a run as far as processes can be repeated.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import harness
from harness import children, kill, patience, primectl, start_local, store_files

KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 300
SPOOL_KILLS = KILLS // 6
SEALING_KILLS = KILLS // 15
LENGTH = "2e9"  # 64 blocks
SEGMENT_BLOCKS = "3"
KILL_AT = os.path.join(harness.BUILD, "tests", "faults", "libkill-at.so")


class Campaign:
    def __init__(self, folder, seed):
        self.folder = folder
        self.random = random.Random(seed)
        self.kills = {"master": 0, "worker": 0, "both": 0, "master in a system call": 0}
        self.spool = 0
        self.sealing = 0
        self.jobs = 0
        self.log = os.path.join(folder, "killed-at")
        self.reference = os.path.join(folder, "reference")
        harness.local(self.reference, "--to", LENGTH, "--segment-blocks", SEGMENT_BLOCKS, "--threads", "2")

    def total(self):
        return sum(self.kills.values())

    def enough(self):
        return self.total() >= KILLS and self.spool >= SPOOL_KILLS and self.sealing >= SEALING_KILLS

    def info(self, store):
        """What can be seen in the store now; None before there is one."""
        process = primectl("info", "--json", "--store", store, check=False)
        return json.loads(process.stdout) if process.returncode == 0 else None

    @staticmethod
    def blocks(info):
        return (int(info["blocks"]) + int(info["spool_blocks"])) if info else 0

    def environment(self):
        """Sometimes the master is to die at a chosen call of the store."""
        env = dict(os.environ)
        if self.random.random() < 0.5:
            return env, False
        word, most = self.random.choice(
            [("primes", 6), ("manifest", 12), ("open", 60), ("spool", 30), ("rename", 12), ("sync", 40),
             ("unlink", 3), ("", 120)])
        env.update({"LD_PRELOAD": KILL_AT, "KILL_AT_PROGRAM": "primed-master", "KILL_AT_WORD": word,
                    "KILL_AT_COUNT": str(self.random.randint(1, most)),
                    "KILL_AT_MODE": self.random.choice(["before", "after", "torn"]), "KILL_AT_LOG": self.log})
        return env, True

    def random_kills(self, process, store):
        """Kills workers, and in the end the master or both, of one run of primectl."""
        for _ in range(self.random.randint(1, 4)):
            time.sleep(self.random.expovariate(1 / 0.08))
            found = children(process.pid)
            masters = [pid for pid, name in found.items() if name == "primed-master"]
            workers = [pid for pid, name in found.items() if name == "primed-worker"]
            if not masters:
                return
            what = self.random.choice(["master", "worker", "worker", "both"])
            if what == "worker":
                if workers and kill(self.random.choice(workers)):
                    self.kills["worker"] += 1
                continue
            if what == "both" and workers:
                # Stopped first, so that the two deaths are one moment for everybody else.
                victim = self.random.choice(workers)
                if kill(victim, signal.SIGSTOP):
                    kill(victim)
            if kill(masters[0]):
                self.kills["both" if what == "both" and workers else "master"] += 1
                self.classify(store, "")
            return

    def classify(self, store, killed_at):
        """Was there something in the spool, was a segment being sealed?"""
        info = self.info(store)
        if info and int(info["spool_blocks"]) > 0:
            self.spool += 1
        if ".primes" in killed_at or "manifest" in killed_at:
            self.sealing += 1

    def one_run(self, store):
        """Starts or continues the job, kills, waits for the end. True: it was complete."""
        env, chosen = self.environment()
        before = self.blocks(self.info(store))
        if os.path.exists(self.log):
            os.unlink(self.log)
        process = start_local(store, "--to", LENGTH, "--segment-blocks", SEGMENT_BLOCKS, "--workers", "2",
                              "--threads", "1", env=env)
        if not chosen:
            self.random_kills(process, store)
        status = process.wait(timeout=patience(120))
        if os.path.exists(self.log):
            with open(self.log, encoding="utf-8") as file:
                killed_at = file.read()
            self.kills["master in a system call"] += 1
            self.classify(store, killed_at)
        after = self.blocks(self.info(store))
        assert after >= before, f"{before} blocks were there, now {after}"
        return status == 0

    def one_job(self):
        store = os.path.join(self.folder, f"store-{self.jobs}")
        for _ in range(200):
            if self.one_run(store):
                break
        else:
            raise AssertionError("200 starts did not finish the job")
        assert store_files(store) == store_files(self.reference), f"{store} differs from the undisturbed run"
        primectl("verify", "--store", store)
        leftovers = [n for n in os.listdir(store) if n.endswith((".new", ".open")) or n.startswith("spool-")]
        assert not leftovers, f"left over: {leftovers}"
        shutil.rmtree(store)
        self.jobs += 1

    def tell(self):
        kinds = ", ".join(f"{n} {kind}" for kind, n in self.kills.items())
        return (f"{self.total()} kills ({kinds}) in {self.jobs} jobs; {self.spool} with a non-empty spool, "
                f"{self.sealing} during sealing")


def main():
    seed = int(os.environ.get("PRIMED_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    print("1..1")
    print(f"# PRIMED_TEST_SEED={seed}", flush=True)
    folder = tempfile.mkdtemp(prefix="primed-kills-")
    try:
        campaign = Campaign(folder, seed)
        began = time.monotonic()
        while not campaign.enough():
            campaign.one_job()
            assert time.monotonic() - began < 1500, "too slow: " + campaign.tell()
        print(f"# {campaign.tell()}; {time.monotonic() - began:.0f} s")
        shutil.rmtree(folder)
        print("ok 1 - nothing lost, nothing doubled, all segments identical")
    except (AssertionError, subprocess.SubprocessError) as error:
        print(f"# {error}\n# the stores are kept in {folder}")
        print("not ok 1 - nothing lost, nothing doubled, all segments identical")
        sys.exit(1)


if __name__ == "__main__":
    main()
