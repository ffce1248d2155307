"""What is invented where nobody speaks: silence, noise, a tone, clicks, a room.

.venv/bin/python -m bench no_speech [--json FILE]
"""

from bench.clips import silent_files
from bench.figures import number, of
from bench.options import Options
from bench.peers import base_model, short_note_peers
from bench.report import Goal, Report, Row, conditions
from bench.rounds import Run, take_turns

OURS = "ours-8"
PEERS = (OURS, "fw-default", "fw-int8", "whisper.cpp")
SHOWN = 60
"""Characters of what was heard that a table shows."""


def measure(options: Options) -> Report:
    """Once: what is greedy is the same every time."""
    files = silent_files(options.clips)
    found = short_note_peers(base_model())
    peers = {name: found[name] for name in PEERS if options.takes(name)}
    runs = take_turns("no_speech", peers, files, rounds=1)
    rows = [_row(run) for name in peers for run in of(runs, name)]
    goals = [
        Goal("Words output where nobody speaks", number(row, "words"), 0, at_least=False)
        for row in rows
        if row["peer"] == OURS
    ]
    return Report(
        "no_speech",
        f"{len(files)} files without speech: {', '.join(file.stem for file in files)}.",
        conditions(rounds=None, others=max(run.others for run in runs)),
        rows,
        goals,
    )


def _row(run: Run) -> Row:
    texts = [text.strip() for text in run.texts if text.strip()]
    return {
        "peer": run.peer,
        "files": len(run.texts),
        "words": sum(len(text.split()) for text in texts),
        "heard": " / ".join(texts)[:SHOWN] or None,
    }
