"""`vocafuse-server keys`, beside a server that runs."""

import json
from pathlib import Path

import httpx2
import jwt
import pytest
from support.clips import AUDIO
from support.listener import Listener
from support.running_server import Server

from vocafuse import AccessToken, Client, RequestValidator


def new_token(server: Server) -> str:
    known = server.credentials
    make = AccessToken(known["api_key"], known["api_secret"], "user_1", known["base_url"])
    return str(make()["token"])


def call(server: Server, bearer: str, method: str, path: str, **content: object) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {bearer}"}
    return httpx2.request(method, f"{server.origin}{path}", headers=headers, json=content or None)


def key_id(bearer: str) -> str:
    return str(jwt.get_unverified_header(bearer)["kid"])


@pytest.mark.xdist_group("e2e")
def test_a_new_signing_key_logs_nobody_out(server: Server) -> None:
    before = new_token(server)
    upload = call(server, before, "POST", "/v1/upload", file_name="note.wav").json()
    said = server.run("keys", "rotate").stdout
    after = new_token(server)
    assert said == f"The signing key is {key_id(after)} now.\n"
    assert key_id(after) != key_id(before)
    for bearer in (before, after):
        assert call(server, bearer, "GET", "/v1/voicenotes").status_code == 200
    clip = (AUDIO / "harvard-birch-canoe.wav").read_bytes()
    assert httpx2.put(upload["presigned_url"], content=clip).status_code == 200
    newest, replaced, *_ = json.loads(server.run("keys", "list", "--json").stdout)
    assert (newest["purpose"], newest["id"], newest["good_until"]) == ("signing", key_id(after), None)
    assert (replaced["id"], replaced["set_by"]) == (key_id(before), None)
    assert replaced["good_until"] > replaced["made_at"]
    assert server.credentials["api_secret"] not in said


@pytest.mark.xdist_group("e2e")
def test_webhooks_are_signed_alike_with_a_new_encryption_key(
    server: Server, client: Client, listener: Listener
) -> None:
    webhook = client.webhooks.create(url=listener.url, events=["voicenote.created"])
    said = server.run("keys", "rotate", "encryption").stdout
    assert "The secrets of " in said
    note = client.voicenotes.upload(AUDIO / "harvard-birch-canoe.wav")
    received = listener.next()
    client.webhooks.delete(webhook.id)
    client.voicenotes.delete(note.id)
    signature = received.headers["X-VocaFuse-Signature"]
    assert RequestValidator(webhook["secret"]).validate(received.body, signature)


def test_a_key_that_somebody_has_is_dropped_at_once(tmp_path: Path) -> None:
    stopped = Server(tmp_path)
    for options, keys in (((), 2), (("--forget-old",), 1)):
        stopped.run("keys", "rotate", *options)
        listed = stopped.run("keys", "list").stdout.splitlines()
        assert sum(line.startswith("signing\t") for line in listed) == keys


def test_a_key_that_is_set_is_replaced_where_it_is_set(tmp_path: Path) -> None:
    stopped = Server(tmp_path, VOCAFUSE_SIGNING_KEY="k" * 32)
    refused = stopped.try_to_run("keys", "rotate")
    assert refused.returncode == 1
    assert "VOCAFUSE_SIGNING_KEY" in refused.stderr
    assert "set by VOCAFUSE_SIGNING_KEY" in stopped.run("keys", "list").stdout
