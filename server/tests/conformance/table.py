"""`python -m conformance.table` prints docs/compatibility.md, made from the suite."""

import sys
from collections.abc import Sequence

from conformance.promises import Document, Proof, documents, proofs

_TESTS = "../server/tests/conformance"
_HEAD = """\
# Compatibility

Every promise of the published documents, and how this server keeps it. Each row is proved by a test that asks
the running application. {kept} promises are kept as written, {deviating} with a deviation whose reason stands
beside it. `make compatibility` makes this page from the tests, and one fails when it is out of date.
"""


def table() -> str:
    """The whole page, as Markdown."""
    proved = list(proofs())
    deviating = sum(1 for one in proved if one.promise.deviation)
    head = _HEAD.format(kept=len(proved) - deviating, deviating=deviating)
    return "\n".join([head, *(_section(document, proved) for document in documents())])


def _section(document: Document, proved: Sequence[Proof]) -> str:
    rows = [
        _row(one)
        for heading in document.headings
        for one in proved
        if (one.promise.document, one.promise.heading) == (document.id, heading)
    ]
    head = f"## {document.id}: {document.title}\n\n{document.about}\n"
    return "\n".join([head, "| heading | promise | state | its test |", "|---|---|---|---|", *rows, ""])


def _row(proof: Proof) -> str:
    said = proof.promise
    state = f"kept, with a deviation: {said.deviation}" if said.deviation else "kept"
    test = f"[{proof.id}]({_TESTS}/{proof.module}.py)"
    cells = (cell.replace("|", "\\|") for cell in (said.heading, said.text, state, test))
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.stdout.write(table())
