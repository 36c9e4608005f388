# SPDX-License-Identifier: LGPL-2.1-or-later
"""A master that workers reach over TCP on loopback: primed-master --control with its control socket held by us."""

import array
import json
import os
import signal
import socket
import subprocess
import threading

from harness import BUILD, patience

MASTER = os.path.join(BUILD, "src", "master", "primed-master")


class Relay:
    """Accepts connections on a port of its own and passes them to the master, which reports how far it is."""

    def __init__(self, store, first, end, family=socket.AF_INET):
        self.store, self.interval = store, f"{first}\n{end}"
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.report, self.process, self.control = {}, None, None
        self.n_accepted = 0
        self.start_master()
        self.listen()

    def listen(self):
        """Takes connections from now on."""
        self.listener.listen()
        threading.Thread(target=self.accept_all, args=(self.listener,), daemon=True).start()

    def hang_up(self):
        """Takes no connections any more."""
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept()
        self.listener.close()

    def start_master(self):
        """Starts primed-master; with an old store it goes on."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        interval = os.memfd_create("interval", 0)
        os.write(interval, self.interval.encode())
        os.lseek(interval, 0, os.SEEK_SET)
        self.process = subprocess.Popen([MASTER, f"--control={theirs.fileno()}", f"--interval={interval}",
                                         f"--store={self.store}"],
                                        pass_fds=[theirs.fileno(), interval], stdin=subprocess.DEVNULL)
        theirs.close()
        os.close(interval)
        self.control = ours
        threading.Thread(target=self.read_reports, args=(ours,), daemon=True).start()

    def accept_all(self, listener):
        """Each connection goes to the master that runs at that moment."""
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.n_accepted += 1
            try:
                self.control.sendmsg([b"worker"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                                    array.array("i", [connection.fileno()]))])
            except OSError:
                pass
            connection.close()

    def read_reports(self, control):
        """The newest one is kept."""
        while True:
            try:
                data = control.recv(65536)
            except OSError:
                return
            if not data:
                return
            self.report = json.loads(data)

    @property
    def blocks(self):
        """How many blocks the master has."""
        return int(self.report.get("blocks_in_order", 0)) + int(self.report.get("blocks_spooled", 0))

    def kill_master(self):
        """Ends it at once, as a crash does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.control.close()

    def close(self):
        """Ends the master politely, whatever happened."""
        try:
            self.hang_up()
        except OSError:
            pass
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(patience(20))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.control.close()
