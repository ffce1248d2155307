"""How the pool and a decoder process talk to each other over the process's standard streams.

Both directions carry messages of a kind byte, a 32-bit big-endian length and that many bytes:

    in   FILE     JSON {"container": ..., "size": ...}, followed by `size` bytes of the file
    out  SAMPLES  16-bit little-endian mono samples at 16 kHz; any number of these messages
    out  RESULT   JSON, ends a file: the source's properties, or {"error": code, "message": ...};
                  one more of them comes at the start, when the process is ready

Sixteen bits rather than floats: half to carry, and no NaN or infinity from a float file can get out.
"""

import struct

SAMPLE_RATE = 16_000
SAMPLE_BYTES = 2

HEAD = struct.Struct(">cI")
FILE, SAMPLES, RESULT = b"F", b"S", b"R"
MAX_MESSAGE_BYTES = 1 << 20
"""No message is longer; a process that announces one is not to be trusted any more."""
