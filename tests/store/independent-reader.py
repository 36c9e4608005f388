#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints the primes of a store in order, and the chain at the end to standard error. Written from primed-store(7)
alone: it shares nothing with the sources, and stays within 60 lines of code, so that it shows how little it takes.

    independent-reader.py STORE

All digests are checked: of bitmaps and segments. Checksums are left out: Python has no XXH3. It does not compute
primes, so a store that keeps digests only is refused.
"""

import ctypes
import glob
import hashlib
import struct
import sys

RESIDUES = (1, 7, 11, 13, 17, 19, 23, 29)
DROPPING = {q for q in range(7, 252) if all(q % d for d in range(2, 16) if d < q)}


def split_bits(data):
    return bytes(byte >> i & 1 for byte in data for i in range(8))


def list_candidates(start, length):
    """Offsets from the bitmap's start of the positions that are not dropped."""
    return [n - start for at in range(start, start + length, 30) for n in (at + r for r in RESIDUES)
            if n in DROPPING or all(n % q for q in DROPPING)]


def list_gaps(packed, start):
    """Places of the ones in the stream."""
    m = max(1, (99 * max(1, start.bit_length()) + 307) // 2048)
    k, bits, at, place = (m - 1).bit_length(), split_bits(packed), 0, -1
    while (one := bits.find(1, at)) >= 0:
        before, at = at, one + max(1, k)
        r = sum(bit << i for i, bit in enumerate(bits[one + 1:at]))
        if k > 0 and r >= 2**k - m:
            r, at = 2 * r + bits[at] - (2**k - m), at + 1
        yield (place := place + (one - before) * m + 1 + r)


def unpack(codec, packed, start, n_bytes):
    """The bitmap."""
    if codec in (1, 3):  # what is packed is never longer than the bitmap; should it be damaged, the digest tells
        data, size_t = ctypes.create_string_buffer(n_bytes), ctypes.c_size_t
        size = ctypes.CDLL("libzstd.so.1").ZSTD_decompress(data, size_t(n_bytes), packed, size_t(len(packed)))
        packed = data.raw[:max(size, 0)]
    if codec in (0, 1):
        return packed
    ones = list_gaps(packed, start) if codec == 4 else (i for i, bit in enumerate(split_bits(packed)) if bit)
    candidates, bitmap = list_candidates(start, 30 * n_bytes), bytearray(n_bytes)
    for offset in (candidates[one] for one in ones):
        bitmap[offset // 30] |= 1 << RESIDUES.index(offset % 30)
    return bytes(bitmap)


text = open(f"{sys.argv[1]}/job", "rb").read()
job = dict(line.split(b"=") for line in text.splitlines()[1:])
assert job[b"format"] == b"1", f"this is format {job[b'format'].decode()}, not 1"
low, length, chain, block, sealed = int(job[b"from"]), int(job[b"block_length"]), bytes(32), 0, True
high = low + 2**62 * length if job[b"to"] == b"open" else int(job[b"to"])
while sealed and (names := glob.glob(f"{sys.argv[1]}/{block:012}.[op]*[ns]")):
    data, sealed, first, at = open(max(names), "rb").read(), max(names).endswith(".primes"), block, 64
    assert data[:56] == struct.pack("<8sIIQ", b"primed\r\n", 1, 1, first) + hashlib.sha256(text).digest(), names
    if sealed:
        data, footer = data[:-int.from_bytes(data[-24:-16], "little")], data[-int.from_bytes(data[-24:-16], "little"):]
        index = footer[224:224 + 16 * int.from_bytes(footer[16:24], "little")]
        assert hashlib.sha256(index).digest() == footer[192:224], f"{names}: digest of the segment"
    while data[at:at + 4] == b"Pblk" and data[at + 8:at + 24] == struct.pack("<QQ", first, block) and \
            len(data) >= at + 136 + int.from_bytes(data[at + 24:at + 28], "little"):
        codec, size, count = struct.unpack_from("<4xB19xII", data, at)
        cell = (low // length + block) * length
        start, end = max(cell, low // 30 * 30), min(cell + length, -(-high // 30) * 30)
        bitmap = unpack(codec, data[at + 136:at + 136 + size], start, (end - start) // 30)
        primes = [p for p in (2, 3, 5) if start == 0 and low <= p < high]
        primes += [start + 30 * i + r for i, b in enumerate(bitmap) for j, r in enumerate(RESIDUES) if b >> j & 1]
        entry = struct.pack("<I12s", len(primes), digest := hashlib.sha256(bitmap).digest())
        assert not sealed or entry == index[16 * (block - first):][:16], f"{names}: block {block}, footer"
        assert len(primes) == count and digest == data[at + 32:at + 64], f"{names}: block {block}"
        sys.stdout.writelines(f"{p}\n" for p in primes)
        chain, block, at = hashlib.sha256(chain + entry).digest(), block + 1, at + 136 + size
    assert not sealed or len(index) == 16 * (block - first), f"{names}: a block is missing, or it keeps digests only"
print(chain.hex(), file=sys.stderr)
