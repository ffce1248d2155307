"""The page on every name of the Python library, which mkdocstrings fills in from the docstrings."""

import inspect
from collections.abc import Iterator

import vocafuse

HEAD = """# Python, every name

What `import vocafuse` has, from its docstrings. [How it is used](sdk-python.md) is on a page of its own.
"""


def text() -> str:
    """The page: what is imported by name, and in between what hangs on a client."""
    public = [getattr(vocafuse, name) for name in vocafuse.__all__]
    kinds: list[type] = [each for each in public if inspect.isclass(each)]
    errors = [kind for kind in kinds if issubclass(kind, Exception)]
    starting = [kind for kind in kinds if kind not in errors and not _is_answer(kind)]
    answers = [kind for kind in kinds if _is_answer(kind)]
    reached = dict(reached_from_client())
    rows = "".join(
        f"| `{path}` | [{kind.__name__}](#{_private_name(kind)}) |\n" for path, kind in reached.items()
    )
    return "".join(
        [
            HEAD,
            _section("To begin with", [f"vocafuse.{kind.__name__}" for kind in starting]),
            f"\n## On a client\n\n|  |  |\n|---|---|\n{rows}",
            *(f"\n::: {name}\n" for name in dict.fromkeys(map(_private_name, reached.values()))),
            _section("What calls answer with", [f"vocafuse.{kind.__name__}" for kind in answers]),
            _section("Errors", [f"vocafuse.{kind.__name__}" for kind in errors]),
        ]
    )


def reached_from_client() -> Iterator[tuple[str, type]]:
    """What hangs on a client, such as `client.voicenotes`, and its class."""
    with vocafuse.Client("key", "secret", "http://127.0.0.1/v1") as client:
        waiting: list[tuple[str, object]] = [("client", client)]
        while waiting:
            path, owner = waiting.pop(0)
            found = [(f"{path}.{name}", getattr(owner, name)) for name in _public_names(owner)]
            if callable(owner):
                found.append((f'{path}("id")', owner("id")))
            for name, value in found:
                if type(value).__module__.startswith("vocafuse."):
                    yield name, type(value)
                    waiting.append((name, value))


def _public_names(owner: object) -> list[str]:
    return [name for name in vars(owner) if not name.startswith("_")]


def _is_answer(kind: type) -> bool:
    return hasattr(kind, "to_dict")


def _private_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _section(title: str, names: list[str]) -> str:
    return f"\n## {title}\n" + "".join(f"\n::: {name}\n" for name in names)
