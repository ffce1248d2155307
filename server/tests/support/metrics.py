"""Reading what `/metrics` shows, as Prometheus does."""

from prometheus_client.parser import text_string_to_metric_families


class Scrape:
    """The samples of one scrape."""

    def __init__(self, text: bytes) -> None:
        self._samples = [
            sample for family in text_string_to_metric_families(text.decode()) for sample in family.samples
        ]

    def labels(self, name: str) -> list[dict[str, str]]:
        """The labels of each sample of that name."""
        return [dict(sample.labels) for sample in self._samples if sample.name == name]

    def value(self, name: str, **labels: str) -> float:
        """The one sample of that name with these labels; fails the test if there is none."""
        [value] = [s.value for s in self._samples if s.name == name and s.labels == labels]
        return value
