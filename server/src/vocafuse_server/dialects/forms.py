"""Multipart forms: a file, and what is said about it."""

from collections.abc import AsyncIterator
from typing import TypedDict, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile

from vocafuse_server.core.errors import InvalidField, MissingField

_CHUNK_BYTES = 256 * 1024

Fields = TypeVar("Fields", bound=BaseModel)


class FormLimits(TypedDict):
    """What `Request.form` takes."""

    max_files: int
    max_fields: int
    max_part_size: int


FORM_LIMITS = FormLimits(max_files=1, max_fields=20, max_part_size=16 * 1024)


def file_of(form: FormData) -> UploadFile:
    """The file of a form."""
    file = form.get("file")
    if file is None:
        raise MissingField("file", where="the form")
    if not isinstance(file, UploadFile):
        raise InvalidField("file", "must be a file")
    return file


def fields_of(form: FormData, model: type[Fields]) -> Fields:
    """The text fields of a form; an empty one wasn't filled in, and one `name[]` is one of several."""
    texts: dict[str, str | list[str]] = {}
    for name, value in form.multi_items():
        if not isinstance(value, str) or not value:
            continue
        if name.endswith("[]"):
            texts[name] = [*texts.get(name, []), value]
        else:
            texts[name] = value
    try:
        return model.model_validate(texts)
    except ValidationError as error:
        raise RequestValidationError(
            [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        ) from error


async def content_of(file: UploadFile) -> AsyncIterator[bytes]:
    """The bytes of a file, in chunks."""
    while chunk := await file.read(_CHUNK_BYTES):
        yield chunk
