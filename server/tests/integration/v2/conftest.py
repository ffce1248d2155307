"""Two users of one account, by tokens."""

import pytest
from support.app import Account, Api, SettableClock
from support.voice_notes import Lvng, token_user

from vocafuse_server.core.clock import utc_now


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(utc_now().replace(microsecond=0))


@pytest.fixture
async def ann(api: Api, account: Account) -> Lvng:
    return await token_user(api, account, "ann")


@pytest.fixture
async def bob(api: Api, account: Account) -> Lvng:
    return await token_user(api, account, "bob")
