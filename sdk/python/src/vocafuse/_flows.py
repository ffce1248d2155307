"""What happens over several requests, as generators that ask for requests and are sent the outcomes.

The sync and the async shell drive the same flows, so neither repeats what is decided here.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vocafuse._answers import Answer, Failure, error_for_answer, error_for_failure, read_json
from vocafuse._calls import Call, SignedPut, delete_call, next_page_call
from vocafuse._items import ItemT
from vocafuse._pages import Page
from vocafuse._retries import RetryPolicy, may_have_happened

if TYPE_CHECKING:
    from typing import TypeAlias

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Send:
    """Asks the shell to send a request, after a pause, and to read the answer to its end."""

    request: Call | SignedPut
    after_s: float = 0.0


@dataclass(frozen=True)
class Open:
    """Asks the shell to send a request and to read the answer's head; `Read` then asks for more.

    One answer is open at a time: the next `Open` closes it, and so does the end of the flow.

    Attributes:
        silence_s: When nothing has come for so long, the answer has failed.
    """

    request: Call
    silence_s: float
    after_s: float = 0.0


@dataclass(frozen=True)
class Read:
    """Asks for the next piece of the open answer: its bytes are the body of the outcome.

    The outcome is a failure when the answer has ended.
    """


@dataclass(frozen=True)
class Emit(Generic[ResultT]):
    """Hands an item to whoever iterates; nothing is sent back."""

    item: ResultT


Step: TypeAlias = "Send | Open | Read"
Flow = Generator[Step, "Answer | Failure", ResultT]
Feed = Generator["Step | Emit[ResultT]", "Answer | Failure", None]


def exchange(request: Call | SignedPut, policy: RetryPolicy, *, after_s: float = 0.0) -> Flow[Answer]:
    """One logical call with its retries.

    Raises:
        VocaFuseError: The class says what went wrong.
    """
    retries, maybe_done = 0, isinstance(request, SignedPut) and request.may_be_done
    while True:
        outcome = yield Send(request, after_s)
        delay_s = policy.next_delay_s(outcome, retries=retries, repeatable=request.repeatable)
        if delay_s is None:
            return _settle(outcome, request.done_status if maybe_done else None)
        maybe_done = maybe_done or may_have_happened(outcome)
        retries, after_s = retries + 1, delay_s


def fetch(call: Call, policy: RetryPolicy) -> Flow[dict[str, Any]]:
    """The JSON object that a call returns."""
    answer = yield from exchange(call, policy)
    return read_json(answer)


def fetch_item(call: Call, model: type[ItemT], policy: RetryPolicy) -> Flow[ItemT]:
    """The JSON object that a call returns, as an object of ours."""
    wire = yield from fetch(call, policy)
    return model(wire)


def fetch_page(call: Call, key: str, model: type[ItemT], policy: RetryPolicy) -> Flow[Page[ItemT]]:
    """One page of a collection."""
    wire = yield from fetch(call, policy)
    return Page(wire, key, model)


def all_pages(call: Call, collection: str, key: str, model: type[ItemT], policy: RetryPolicy) -> Feed[ItemT]:
    """The items of a page and of those that follow; each page is fetched when it is needed."""
    page = yield from fetch_page(call, key, model, policy)
    while True:
        for item in page:
            yield Emit(item)
        if page.next_page_uri is None:
            return
        page = yield from fetch_page(next_page_call(collection, page.next_page_uri), key, model, policy)


def delete(collection: str, item_id: str, policy: RetryPolicy, undo_seconds: int | None = None) -> Flow[None]:
    """Deletes one item."""
    yield from exchange(delete_call(collection, item_id, undo_seconds), policy)


def error_of(outcome: Answer | Failure) -> Exception:
    """The exception for an outcome that is not a success."""
    return error_for_failure(outcome) if isinstance(outcome, Failure) else error_for_answer(outcome)


def _settle(outcome: Answer | Failure, done_status: int | None) -> Answer:
    if isinstance(outcome, Answer) and (outcome.ok or outcome.status == done_status):
        return outcome
    raise error_of(outcome)
