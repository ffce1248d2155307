"""Benchmarks: the engine and the whole service beside what users would pick instead, on the same machine.

`make bench` runs all parts and writes `docs/benchmarks.md` and `docs/benchmarks/`; `bench/__main__.py` tells
its options. Each part runs by itself as well, from the repository's root, for instance
`.venv/bin/python -m bench.engine --rounds 1 --most 6`.
"""
