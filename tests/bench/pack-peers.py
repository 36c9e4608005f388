#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""bench-pack, and what the usual compressors make of the same primes, in bytes per prime.

    pack-peers.py BENCH_PACK

Each gets the bitmaps of whole blocks in one file, and the same primes as decimal text, one in a line.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

TOOLS = [['gzip', '-6'], ['zstd', '-1'], ['xz', '-6', '-T1']]


def packed_size(tool, path):
    """Bytes that the tool makes of the file, or None without the tool."""
    if not shutil.which(tool[0]):
        return None
    return len(subprocess.run([*tool, '-c', path], stdout=subprocess.PIPE, check=True).stdout)


def main(bench_pack):
    """Print both tables."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([bench_pack, folder], check=True)
        names = [f'{tool[0]} {tool[1]}' for tool in TOOLS]
        print()
        print(f'{"from":<8} {"primes":>9}', *(f'{name + " bitmap":>15}' for name in names), f'{"text":>9}',
              *(f'{name + " text":>13}' for name in names))
        for text in sorted(pathlib.Path(folder).glob('*.text'), key=lambda path: path.stat().st_mtime):
            with open(text, 'rb') as file:
                n_primes = sum(1 for _ in file)
            cells = [f'{text.stem:<8} {n_primes:>9}']
            for path, width in ((text.with_suffix('.bitmap'), 15), (text, 13)):
                if path == text:
                    cells.append(f'{text.stat().st_size / n_primes:>9.2f}')
                for tool in TOOLS:
                    size = packed_size(tool, path)
                    cells.append(f'{"-" if size is None else f"{size / n_primes:.4f}":>{width}}')
            print(*cells, flush=True)


if __name__ == '__main__':
    main(sys.argv[1])
