"""Honest files, damaged at random; the same seed damages them in the same way."""

import random
from collections.abc import Callable, Iterator, Mapping
from itertools import count, product

from support.hostile.files import HostileFile

Random = random.Random
_HEAD_BYTES = 1024
_LIES = (0, 1, 0x7F, 0x80, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)


def flipped_bits(data: bytes, other: bytes, rng: Random) -> bytes:
    return _flip(data, rng, len(data), rng.choice([1, 16, 256, 2048]))


def flipped_head(data: bytes, other: bytes, rng: Random) -> bytes:
    return _flip(data, rng, min(len(data), _HEAD_BYTES), rng.choice([1, 8, 64]))


def lying_numbers(data: bytes, other: bytes, rng: Random) -> bytes:
    """Lengths, durations, rates, numbers of channels: what stands there as a number is another one."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 4, 16])):
        size = rng.choice([1, 2, 4, 8])
        at = rng.randrange(min(len(data), _HEAD_BYTES) - size)
        lie = rng.choice(_LIES) & (1 << 8 * size) - 1
        out[at : at + size] = lie.to_bytes(size, rng.choice(["little", "big"]))
    return bytes(out)


def truncated(data: bytes, other: bytes, rng: Random) -> bytes:
    return data[: rng.choice([rng.randrange(64), rng.randrange(_HEAD_BYTES), rng.randrange(len(data))])]


def cut_out(data: bytes, other: bytes, rng: Random) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def swapped(data: bytes, other: bytes, rng: Random) -> bytes:
    """Two pieces have changed places."""
    a, b = _span(data, rng)
    return data[:a] + data[b : 2 * b - a] + data[a:b] + data[2 * b - a :]


def repeated(data: bytes, other: bytes, rng: Random) -> bytes:
    """A piece comes hundreds of times: thousands of chunks, packets or tracks, wherever it lies."""
    start, end = _span(data, rng, longest=2048)
    return data[:end] + data[start:end] * rng.choice([3, 300, 3000]) + data[end:]


def noise_within(data: bytes, other: bytes, rng: Random) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + rng.randbytes(end - start) + data[end:]


def zeros_within(data: bytes, other: bytes, rng: Random) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + bytes(end - start) + data[end:]


def noise_after_head(data: bytes, other: bytes, rng: Random) -> bytes:
    """A head that promises audio, and megabytes of something else."""
    return data[: rng.randrange(16, _HEAD_BYTES)] + rng.randbytes(rng.choice([10_000, 2_000_000]))


def zeros_after(data: bytes, other: bytes, rng: Random) -> bytes:
    return data[: rng.randrange(16, len(data))] + bytes(rng.choice([10_000, 20_000_000]))


def concatenated(data: bytes, other: bytes, rng: Random) -> bytes:
    return data + other


def nested(data: bytes, other: bytes, rng: Random) -> bytes:
    """One file within another, at a place where its bytes may be taken for chunks."""
    at = rng.randrange(8, len(data))
    return data[:at] + other + data[at:]


def another_body(data: bytes, other: bytes, rng: Random) -> bytes:
    """One container's head and another's rest."""
    return data[: rng.randrange(4, _HEAD_BYTES)] + other[rng.randrange(len(other)) :]


_DAMAGES: tuple[Callable[[bytes, bytes, Random], bytes], ...] = (
    *(flipped_bits, flipped_head, lying_numbers, truncated, cut_out, swapped, repeated, noise_within),
    *(zeros_within, noise_after_head, zeros_after, concatenated, nested, another_body),
)


def mutations(honest: Mapping[str, bytes], *, seed: int) -> Iterator[HostileFile]:
    """Mutated files without end: every kind of damage to every container, in an order of chance."""
    pairs = list(product(honest, _DAMAGES))
    for number in count():
        if number % len(pairs) == 0:
            Random(f"{seed}/{number}").shuffle(pairs)
        name, damage = pairs[number % len(pairs)]
        # Of its own for each, so that one file can be made again without those before.
        rng = Random(f"{seed}/{number}/{name}")
        other = rng.choice(list(honest))
        data = damage(honest[name], honest[other], rng)
        yield HostileFile(damage.__name__, f"{number}-{name}-{other}", data)


def _flip(data: bytes, rng: Random, within: int, bits: int) -> bytes:
    out = bytearray(data)
    for _ in range(bits):
        out[rng.randrange(within)] ^= 1 << rng.randrange(8)
    return bytes(out)


def _span(data: bytes, rng: Random, *, longest: int | None = None) -> tuple[int, int]:
    """A piece somewhere in a file."""
    start = rng.randrange(len(data) - 2)
    return start, rng.randrange(start + 1, min(len(data), start + (longest or len(data))))
