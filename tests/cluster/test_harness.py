"""The store and the proxy that other tests rely on do what they say."""

import os
import time
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import AlreadyExistsError, BaseError, GenericError, PermissionDeniedError, PreconditionError
from obstore.store import S3Store

from tests.cluster.faults import Cut, Delay, LostAnswer, NoConditions, SlowDown
from tests.cluster.proxy import Proxy
from tests.cluster.store import BUCKET, Store, connect

LARGE = 30_000_000  # bytes; obstore sends it in parts


def test_environment_suffices(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    obstore.put(S3Store.from_url(f"s3://{BUCKET}/below"), "key", b"value")
    assert read(connect(store.port), "below/key") == b"value"


def test_wrong_secret_is_refused(store: Store) -> None:
    with pytest.raises(PermissionDeniedError):
        obstore.put(connect(store.port, secret="wrong"), "refused", b"")  # noqa: S106 - wrong on purpose


def test_conditions_hold(store: Store) -> None:
    client = connect(store.port)
    first = obstore.put(client, "conditional", b"1", mode="create")
    with pytest.raises(AlreadyExistsError):
        obstore.put(client, "conditional", b"2", mode="create")
    obstore.put(client, "conditional", b"3", mode={"e_tag": first["e_tag"]})
    with pytest.raises(PreconditionError):
        obstore.put(client, "conditional", b"4", mode={"e_tag": first["e_tag"]})
    assert read(client, "conditional") == b"3"


def test_data_survives_a_kill_and_a_stop(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        client = connect(store.port)
        patient = connect(store.port, retries=50)  # for half a minute, since a server may start late
        obstore.put(client, "kept", b"before")
        store.kill()
        with pytest.raises(BaseError):
            obstore.head(client, "kept")
        store.start()
        assert read(patient, "kept") == b"before"
        store.stop()
        store.start()
        assert read(patient, "kept") == b"before"


def test_large_object_passes_in_pieces_and_unchanged(proxy: Proxy, tmp_path: Path) -> None:
    client, sent, received = connect(proxy.port, seconds=30), tmp_path / "sent", tmp_path / "received"
    sent.write_bytes(os.urandom(LARGE))
    obstore.put(client, "large", sent)
    with received.open("wb") as out:
        out.writelines(obstore.get(client, "large").stream())
    assert received.read_bytes() == sent.read_bytes()
    assert proxy.requests == {"POST": 2, "PUT": 6, "GET": 1}  # opened, 6 parts, completed; read once


def test_refusals_heal_by_trying_again(proxy: Proxy) -> None:
    fault = proxy.add(SlowDown(times=2))
    obstore.put(connect(proxy.port, retries=3), "healed", b"", mode="create")
    assert fault.happened == 2
    assert proxy.requests["PUT"] == 3


def test_refusals_of_one_method_leave_others_alone(proxy: Proxy) -> None:
    proxy.add(SlowDown(method="GET"))
    client = connect(proxy.port, retries=1)
    obstore.put(client, "written", b"")
    with pytest.raises(GenericError, match="503"):
        obstore.get(client, "written")
    assert proxy.requests == {"PUT": 1, "GET": 2}


def test_a_share_is_refused(proxy: Proxy) -> None:
    fault, client = proxy.add(SlowDown(share=0.5)), connect(proxy.port, retries=9)
    for number in range(10):
        obstore.put(client, str(number), b"")
    assert 0 < fault.happened == proxy.requests["PUT"] - 10


def test_delay_is_waited_for_until_the_time_limit(proxy: Proxy) -> None:
    proxy.add(Delay(seconds=0.5))
    began = time.monotonic()
    obstore.put(connect(proxy.port), "late", b"")
    assert time.monotonic() - began >= 0.5
    with pytest.raises(GenericError):
        obstore.put(connect(proxy.port, seconds=0.2), "late", b"")


@pytest.mark.parametrize("after", [1, 70_000])
def test_cut_upload_leaves_nothing(store: Store, proxy: Proxy, after: int) -> None:
    proxy.add(Cut(after=after))
    with pytest.raises(GenericError):
        obstore.put(connect(proxy.port), "cut", bytes(100_000))
    with pytest.raises(FileNotFoundError):
        obstore.head(connect(store.port), "cut")


def test_cut_part_of_an_upload_is_sent_again(proxy: Proxy) -> None:
    fault, client = proxy.add(Cut(after=100_000, times=1)), connect(proxy.port, retries=1, seconds=30)
    obstore.put(client, "parts", bytes(LARGE))
    assert fault.happened == 1
    assert obstore.head(client, "parts")["size"] == LARGE


def test_lost_answer_makes_a_winner_believe_that_it_lost(proxy: Proxy) -> None:
    proxy.add(LostAnswer(method="PUT", times=1))
    client = connect(proxy.port, retries=1)
    with pytest.raises(AlreadyExistsError):
        obstore.put(client, "mine", b"value", mode="create")
    assert read(client, "mine") == b"value"


def test_dropped_conditions_overwrite(proxy: Proxy) -> None:
    client = connect(proxy.port)
    obstore.put(client, "unconditional", b"1")
    proxy.add(NoConditions())
    obstore.put(client, "unconditional", b"2", mode="create")
    obstore.put(client, "unconditional", b"3", mode={"e_tag": '"another"'})
    assert read(client, "unconditional") == b"3"


def read(client: S3Store, key: str) -> bytes:
    return bytes(obstore.get(client, key).bytes())
