"""README.md's figures, from those that `make bench` has measured; `make comparison` writes them in."""

import json
import re
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
README = REPOSITORY / "README.md"
MEASURED = REPOSITORY / "docs" / "benchmarks" / "engine.json"
MARKED = re.compile(r"(<!-- Figures: `make comparison`\. -->\n).*?(<!-- End of the figures\. -->)", re.DOTALL)
PEERS = {
    "ours-8": "**VocaFuse**, 8 notes at a time",
    "ours-1": "**VocaFuse**, one at a time",
    "fw-default": "faster-whisper, defaults",
    "fw-int8": "faster-whisper, int8",
}
QUIET = 0.05  # as bench/report.py: with more than that taken by other jobs, figures are a trial


def table() -> str:
    """The table and a line on how it came about."""
    measured: dict[str, Any] = json.loads(MEASURED.read_text())
    rows = [row for row in measured["rows"] if row["peer"] in PEERS]
    conditions = measured["conditions"]
    taken = (
        f" A trial: other jobs took up to {conditions['others']:.0%} of the machine."
        if conditions["others"] > QUIET
        else ""
    )
    return "\n".join(
        [
            "| short notes | speech per second | latency | wrong words, English | other languages | memory |",
            "|---|---:|---:|---:|---:|---:|",
            *(
                f"| {PEERS[row['peer']]} | {row['x_real_time']:.1f} s | {row['latency_p50_s']:.2f} s "
                f"| {row['wer_english']:.2f} % | {row['wer_others']:.2f} % | {row['peak_mb']} MB |"
                for row in rows
            ),
            "",
            f"{measured['what']} All with Whisper `base`'s weights, on {conditions['machine']}.{taken}",
            "",
        ]
    )


def written_in(readme: str) -> str:
    """The text of README.md with today's figures."""
    return MARKED.sub(lambda found: f"{found[1]}\n{table()}\n{found[2]}", readme)


if __name__ == "__main__":
    README.write_text(written_in(README.read_text()))
