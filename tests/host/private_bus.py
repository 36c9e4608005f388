# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bus daemon of our own, which stands in for the system bus."""

import os
import shutil
import subprocess

import harness

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class PrivateBus:
    """To be used with `with`; `env` is what programs need to find it."""

    def __init__(self, folder):
        if not shutil.which("dbus-daemon"):
            raise harness.Skip("needs dbus-daemon")
        self.path = os.path.join(folder, "bus")
        self.config = os.path.join(folder, "bus.conf")
        with open(self.config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(path=self.path))
        self.env = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.path}"}
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(["dbus-daemon", "--config-file", self.config, "--nofork", "--nopidfile"],
                                        stdin=subprocess.DEVNULL)
        harness.wait_until(lambda: os.path.exists(self.path))
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
