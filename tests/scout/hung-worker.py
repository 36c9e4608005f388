#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A worker that takes calls and says nothing, for longer than the scout's patience."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "host"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import claim, run  # pylint: disable=wrong-import-position
from stage import Master, Stage  # pylint: disable=wrong-import-position


@claim
def hangs_up_and_calls_again(folder):
    """After a minute without a word the scout hangs up and calls again; a session that ended is not kept either"""
    with Stage(folder) as stage:
        stage.write(Master())
        stage.start()
        silent = stage.worker.accept()
        assert not silent.is_closed(40)
        [entry] = stage.masters()
        assert entry["state"] == "connecting", entry
        assert silent.is_closed(40)
        channel = stage.join(seconds=10)
        channel.report("lost", reason="broken")
        # The worker should close it now, and does not.
        assert channel.is_closed(50)
        stage.join(seconds=10)


if __name__ == "__main__":
    run()
