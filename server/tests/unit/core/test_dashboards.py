"""The dashboard and the alerts name figures that exist, with labels and values that those have."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from vocafuse_server.core.metrics import DatabaseFigures, Metrics
from vocafuse_server.core.queue import JobCount, JobState, Queue

DEPLOY = Path(__file__).parents[4] / "deploy"
_FIGURE = re.compile(r"\b(vocafuse_\w+)(?:\{([^}]*)\})?")
_LABEL = re.compile(r'(\w+)(!?=)"([^"]*)"')
_BY = re.compile(r"\bby \(([^)]*)\)")


def shown() -> dict[str, dict[str, set[str]]]:
    """Every series that there is: the values of its labels."""
    metrics = Metrics()
    for status in (200, 404, 500):
        metrics.request_answered(method="GET", route="/healthz", status=status, duration_s=0.1)
    figures = DatabaseFigures(
        {(queue, state): JobCount(3, 1.5) for queue in Queue for state in JobState}, stored_audio_bytes=1
    )
    found: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(metrics.render(figures).decode()):
        for sample in family.samples:
            values = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                values.setdefault(label, set()).add(value)
    return found


def expressions() -> Iterator[str]:
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    yield from (target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    alerts = (DEPLOY / "alerts.yaml").read_text()
    yield from re.findall(r"expr: (?:\|\n)?((?:.+\n)(?:          .+\n)*)", alerts)


@pytest.mark.parametrize("expression", list(expressions()))
def test_what_is_asked_for_exists(expression: str) -> None:
    series = shown()
    asked = _FIGURE.findall(expression)
    assert asked
    for name, selectors in asked:
        assert name in series
        for label, _, value in _LABEL.findall(selectors):
            assert value in series[name][label]
    known = {label for name, _ in asked for label in series[name]}
    for names in _BY.findall(expression):
        assert set(re.split(r",\s*", names)) <= known


def test_every_figure_is_on_the_dashboard() -> None:
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown()}
    drawn = {
        re.sub(r"_(bucket|count|sum)$", "", name)
        for expression in expressions()
        for name, _ in _FIGURE.findall(expression)
    }
    assert families == drawn
