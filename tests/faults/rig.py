# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the rigs of tests/faults/campaign share: the writer process, file systems of their own, disks that are full."""

import ctypes
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import threading
import time

CLONE_NEWNS = 0x20000
# _IOR('X', 125, u32), the same for ext4 and xfs; 2: what is in the log and not on the disk is lost.
SHUTDOWN = 0x8004587D
SHUTDOWN_NO_LOG_FLUSH = 2

MKFS = {
    "ext4": ("16M", ["mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0"]),
    "xfs": ("300M", ["mkfs.xfs", "-q", "-f"]),
}


class Fault(Exception):
    """The store did not keep its word."""


class Skip(Exception):
    """This machine cannot run the rig."""


def run(*command, error=Fault):
    """Runs a command; returns what it said. That it fails is a fault unless it only shows what this machine lacks."""
    process = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if process.returncode != 0:
        raise error(f"{' '.join(command)}: {process.stdout.strip() or process.returncode}")
    return process.stdout


def require_mounts(kind):
    """A mount namespace of our own, so that nothing stays mounted however this ends."""
    if os.geteuid() != 0:
        raise Skip("mounting needs root")
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for tool in ["mount", "umount"] + ([MKFS[kind][1][0]] if kind in MKFS else []):
        if not shutil.which(tool):
            raise Skip(f"{tool} is not installed")
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        raise Skip(f"unshare: {os.strerror(ctypes.get_errno())}")
    run("mount", "--make-rprivate", "/", error=Skip)


class Volume:
    """A file system on a loop image or in memory, mounted at `path`."""

    def __init__(self, folder, kind, size=None):
        self.kind = kind
        self.path = os.path.join(folder, "mounted")
        self.image = os.path.join(folder, "image")
        self.options = "loop"
        self.limit = self.usual_limit = None
        os.makedirs(self.path, exist_ok=True)
        if kind == "tmpfs":
            run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.path, error=Skip)
            return
        default, mkfs = MKFS[kind]
        run("truncate", "-s", size or default, self.image)
        run(*mkfs, self.image, error=Skip)
        self.mount(error=Skip)

    def mount(self, error=Fault):
        run("mount", "-t", self.kind, "-o", self.options, self.image, self.path, error=error)

    def thin_out(self):
        """What the image has for data becomes holes, which a full disk below cannot fill; metadata stays allocated.

        Without the latter the journal fails first, and the file system is read-only before anything of interest
        happens. Requests are cut to a page, which is a block: where one is written in part, the loop device tells that
        all of it was (as of Linux 6.18), and no program could know that it was lied to.
        """
        self.unmount()
        with open(self.image, "r+b") as image:
            os.posix_fallocate(image.fileno(), 0, os.path.getsize(self.image))
        self.mount()
        run("fstrim", self.path, error=Skip)
        device = os.path.basename(run("findmnt", "-n", "-o", "SOURCE", self.path).strip())
        self.limit = f"/sys/block/{device}/queue/max_sectors_kb"
        try:
            with open(self.limit, "r+", encoding="ascii") as file:
                self.usual_limit = file.read()
                file.seek(0)
                file.write(str(os.sysconf("SC_PAGE_SIZE") // 1024))
        except OSError as error:
            self.limit = None
            raise Skip(f"{self.limit}: {error.strerror}") from error

    def unmount(self):
        Writer.kill_all()
        if self.limit:
            # The next user of the loop device is somebody else.
            with open(self.limit, "w", encoding="ascii") as file:
                file.write(self.usual_limit)
            self.limit = None
        # The last process may still be on its way out.
        for _ in range(100):
            process = subprocess.run(["umount", self.path], stderr=subprocess.PIPE, text=True, check=False)
            if process.returncode == 0:
                return
            time.sleep(0.02)
        raise Fault(process.stderr.strip())

    def shut_down(self):
        """The power fails, as far as this file system can tell."""
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", SHUTDOWN_NO_LOG_FLUSH))
        finally:
            os.close(fd)


class Ballast:
    """A file that leaves only so many bytes of a file system free."""

    def __init__(self, folder, leave):
        self.path = os.path.join(folder, "ballast")
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        size = 0
        for step in (1 << 22, 1 << 18, 1 << 14, 1 << 12):
            while True:
                try:
                    os.posix_fallocate(fd, size, step)
                except OSError:
                    break
                size += step
        os.ftruncate(fd, max(size - leave, 0))
        os.fsync(fd)
        os.close(fd)

    def release(self):
        os.unlink(self.path)


class Programs:
    """store-writer and what it is preloaded with."""

    def __init__(self, build, origin=None, digests=False):
        self.writer = os.path.join(build, "tests", "faults", "store-writer")
        self.kill_at = os.path.join(build, "tests", "faults", "libkill-at.so")
        self.origin = [f"--from={origin}"] if origin else ["--digests"] if digests else []

    def reference(self, folder):
        os.makedirs(folder)
        subprocess.run([self.writer, *self.origin, "reference", folder], check=True)
        return folder

    def check(self, store, seen, reference=None):
        """Opens the store and holds it against what was seen; with a reference it is finished and compared."""
        command = [self.writer, *self.origin, "check", store, f"{seen.acknowledged:x}", f"{seen.put:x}"]
        process = subprocess.run(command + ([reference] if reference else []), stdout=subprocess.PIPE, text=True,
                                 check=False)
        if process.returncode != 0:
            raise Fault(f"{process.stdout.strip() or process.returncode} (acknowledged {seen.acknowledged:x}, "
                        f"put {seen.put:x}, {store})")


class Seen:
    """What was acknowledged and put by all writers of a store so far."""

    def __init__(self):
        self.acknowledged = 0
        self.put = 0


class Writer:
    """A running `store-writer write`, and what it told."""

    running = set()

    @classmethod
    def kill_all(cls):
        """Those that a fault left behind."""
        for writer in list(cls.running):
            writer.kill()

    def __init__(self, programs, store, seed, seen, *options, env=None):
        self.seen = seen
        self.lines = []
        self.condition = threading.Condition()
        self.process = subprocess.Popen([programs.writer, *programs.origin, *options, "write", store, str(seed)],
                                        stdout=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})
        self.thread = threading.Thread(target=self._read)
        self.thread.start()
        self.running.add(self)

    def _read(self):
        for line in self.process.stdout:
            # What was written whole counts: a kill between two writes cannot tear a line of a pipe.
            word, _, value = line.strip().partition(" ")
            with self.condition:
                if word == "acknowledged":
                    self.seen.acknowledged |= int(value, 16)
                    self.seen.put |= int(value, 16)
                elif word == "put":
                    self.seen.put |= int(value, 16)
                self.lines.append(line.strip())
                self.condition.notify_all()
        with self.condition:
            self.lines.append("end")
            self.condition.notify_all()

    def wait_for(self, *words, timeout=60):
        """The first line that begins with one of the words, or "end"."""
        deadline = time.monotonic() + timeout
        with self.condition:
            done = 0
            while True:
                for line in self.lines[done:]:
                    if line.split(" ")[0] in (*words, "end"):
                        return line
                done = len(self.lines)
                if not self.condition.wait(deadline - time.monotonic()):
                    raise Fault(f"nothing of {words} in {timeout} s; last: {self.lines[-1:]}")

    def wait_for_lines(self, n):
        with self.condition:
            self.condition.wait_for(lambda: len(self.lines) >= n or self.lines[-1:] == ["end"], 60)

    def freeze(self):
        """Stops the process between two system calls. False: it has ended."""
        # Not send_signal(), which may take notice of the end.
        os.kill(self.process.pid, signal.SIGSTOP)
        ended = os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return ended.si_code == os.CLD_STOPPED

    def kill(self):
        self.process.kill()
        return self.end()

    def end(self):
        status = self.process.wait(60)
        self.running.discard(self)
        self.thread.join()
        self.process.stdout.close()
        return status

    def last(self):
        return self.lines[-2] if len(self.lines) > 1 else ""
