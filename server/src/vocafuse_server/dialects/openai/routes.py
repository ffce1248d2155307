"""The routes of OpenAI's dialect."""

from typing import ClassVar

from vocafuse_server.dialects.routing import AuthenticatedRoute


class OpenAiRoute(AuthenticatedRoute):
    """Takes a key pair as a bearer token too, since OpenAI's clients have room for one text."""

    pair_as_token: ClassVar[bool] = True
