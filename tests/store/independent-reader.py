#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints the primes of a store in order. Written from primed-store(7) alone: it shares nothing with the sources.

    independent-reader.py STORE

All digests are checked: of bitmaps, segments, and the chain. Checksums are left out: Python has no XXH3. It does not
compute primes, so a store that keeps digests only is refused.
"""

import ctypes
import hashlib
import pathlib
import struct
import sys

RESIDUES = (1, 7, 11, 13, 17, 19, 23, 29)
DROPPING = {q for q in range(7, 252) if all(q % d for d in range(2, 16) if d < q)}


def split_bits(data):
    return bytes(byte >> i & 1 for byte in data for i in range(8))


def list_candidates(start, length):
    """Offsets from the bitmap's start of the positions that are not dropped."""
    kept = bytearray(b"\1") * length
    for q in DROPPING:
        kept[-start % q::q] = bytes(len(range(-start % q, length, q)))
    return [at + r for at in range(0, length, 30) for r in RESIDUES if kept[at + r] or start + at + r in DROPPING]


def list_gaps(packed, start):
    """Places of the ones in the stream."""
    m = max(1, (99 * max(1, start.bit_length()) + 307) // 2048)
    k, bits, at, place = (m - 1).bit_length(), split_bits(packed), 0, -1
    while (one := bits.find(1, at)) >= 0:
        place += (one - at) * m + 1
        at = one + max(1, k)
        r = sum(bit << i for i, bit in enumerate(bits[one + 1:at]))
        if k > 0 and r >= 2**k - m:
            r, at = 2 * r + bits[at] - (2**k - m), at + 1
        place += r
        yield place


def unpack(codec, packed, start, n_bytes):
    """The bitmap."""
    if codec in (1, 3):  # what is packed is never longer than the bitmap; should it be damaged, the digest tells
        data = ctypes.create_string_buffer(n_bytes)
        size = ctypes.CDLL("libzstd.so.1").ZSTD_decompress(data, ctypes.c_size_t(n_bytes), packed,
                                                           ctypes.c_size_t(len(packed)))
        packed = data.raw[:max(size, 0)]
    if codec in (0, 1):
        return packed
    ones = list_gaps(packed, start) if codec == 4 else (i for i, bit in enumerate(split_bits(packed)) if bit)
    candidates, bitmap = list_candidates(start, 30 * n_bytes), bytearray(n_bytes)
    for one in ones:
        bitmap[candidates[one] // 30] |= 1 << RESIDUES.index(candidates[one] % 30)
    return bytes(bitmap)


def main(folder):
    text = (folder / "job").read_bytes()
    job = dict(line.split("=") for line in text.decode().splitlines()[1:])
    assert job["format"] == "1", f"this is format {job['format']}, not 1"
    low, length = int(job["from"]), int(job["block_length"])
    high = low + 2**62 * length if job["to"] == "open" else int(job["to"])
    manifest = (folder / "manifest").read_bytes() if (folder / "manifest").exists() else b""
    listed = {entry[0]: entry[1:] for entry in struct.iter_unpack("<4Q32s32s", manifest[72:-8])}
    chain, rank, block, sealed = bytes(32), 0, 0, True
    while sealed and (names := [*folder.glob(f"{block:012}.primes"), *folder.glob(f"{block:012}.open")]):
        data, sealed, first, rank_before = names[0].read_bytes(), names[0].suffix == ".primes", block, rank
        assert data[:56] == struct.pack("<8sIIQ", b"primed\r\n", 1, 1, first) + hashlib.sha256(text).digest(), names
        if sealed:
            footer = data[-int.from_bytes(data[-24:-16], "little"):]
            n_blocks, _, n_primes = struct.unpack_from("<16x3Q", footer)
            assert hashlib.sha256(footer[224:224 + 16 * n_blocks]).digest() == footer[192:224], f"{names}: digest"
            data, index = data[:-len(footer)], footer[224:]
        at = 64
        if sealed and len(data) == at or len(data) >= at + 136 and data[at + 24:at + 28] == bytes(4):
            sys.exit(f"{names[0]} keeps digests only: its primes must be computed again.")
        while len(data) >= at + 136:
            codec, _, _, _, number, sequence, size, count = struct.unpack_from("<4x4BQQII", data, at)
            if data[at:at + 4] != b"Pblk" or (number, sequence) != (first, block) or len(data) < at + 136 + size:
                break
            cell = (low // length + block) * length
            start, end = max(cell, low // 30 * 30), min(cell + length, -(-high // 30) * 30)
            bitmap = unpack(codec, data[at + 136:at + 136 + size], start, (end - start) // 30)
            primes = [p for p in (2, 3, 5) if start == 0 and low <= p < high]
            primes += [start + 30 * i + r for i, b in enumerate(bitmap) for j, r in enumerate(RESIDUES) if b >> j & 1]
            digest = hashlib.sha256(bitmap).digest()
            entry = struct.pack("<I12s", count, digest)
            assert digest == data[at + 32:at + 64] and len(primes) == count, f"block {block}: digest or count"
            assert not sealed or entry == index[16 * (block - first):][:16], f"block {block}: record and footer differ"
            assert not primes or low <= primes[0] <= primes[-1] < high, f"block {block}: beyond the job"
            sys.stdout.writelines(f"{p}\n" for p in primes)
            chain, rank = hashlib.sha256(chain + entry).digest(), rank + count
            block, at = block + 1, at + 136 + size
        if sealed:
            found = (block - first, rank - rank_before, rank_before, footer[192:224], chain)
            assert found[:2] == (n_blocks, n_primes), f"{names}: blocks or primes are missing"
            assert listed.get(first, found) == found, f"{names}: the manifest tells of another segment"


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
