"""How the pool, a decoder and the processes that it forks talk to each other.

The pool and a decoder have a Unix socket, the decoder's standard input. For each file the pool sends one end
of a new pair of sockets there. The decoder forks a process for the file, which talks to the pool over that
pair alone, and says how it ended; when it has just started it says how ready it is.

    in   START    one byte, with the socket
    out  ENDED    status as of waitpid, and peak memory in KiB; at the start READY or UNFILTERED, and 0

Over a file's own socket go messages of a kind byte, a 32-bit big-endian length and that many bytes:

    in   FILE     JSON {"container": ..., "size": ...}, followed by `size` bytes of the file
    out  SAMPLES  16-bit little-endian mono samples at 16 kHz; any number of these messages
    out  RESULT   JSON, ends a file: the source's properties, or {"error": code, "message": ...}

Sixteen bits rather than floats: half to carry, and no NaN or infinity from a float file can get out.
"""

import struct

SAMPLE_RATE = 16_000
SAMPLE_BYTES = 2

START = b"S"
ENDED = struct.Struct("=iI")
READY, UNFILTERED = 0, 1

HEAD = struct.Struct(">cI")
FILE, SAMPLES, RESULT = b"F", b"S", b"R"
MAX_MESSAGE_BYTES = 1 << 20
"""No message is longer; a process that announces one is not to be trusted any more."""
