"""An orchestrator that the broker's access list does not allow, or allows no more, is not ready and says why."""

import signal

import pytest
from harness.stack import access_list
from harness.wait import wait_for
from harness.wire import Wire

pytestmark = pytest.mark.plain_broker


def broker_of(orchestrator):
    """Returns whether the orchestrator is ready, and what /readyz says of the broker."""
    answer = orchestrator.http.get("/readyz")
    return answer.status, answer.json()["broker"]


def change_access_list(stack, text):
    """Replaces the access list; the broker reads it some time later."""
    (stack.broker.folder / "acl").write_text(text, encoding="utf-8")
    stack.broker.send(signal.SIGHUP)


def test_an_orchestrator_with_another_user_than_the_access_list_has_is_not_ready_and_names_it(stack):
    stranger = stack.orchestrator(ready=False, broker={"user": "somebody"})
    wait_for(stranger.http.answers, "it answers")
    wait_for(lambda: 'user "somebody" may not publish: Not authorized' in broker_of(stranger)[1], "it says that it may not")
    assert broker_of(stranger)[0] == 503


def test_an_access_list_that_is_withdrawn_makes_it_unready_until_it_is_back(stack):
    orchestrator = stack.orchestrator()
    stack.import_fleet({"B1": ["A1"]})
    stack.add_artifact()
    change_access_list(stack, "user spy\ntopic read tc/v1/#\nuser probe\ntopic readwrite probe/#\n")
    probe = stack.keep(Wire(stack.broker.port, "probe", ["probe/#"]))
    wait_for(lambda: probe.publish("probe/list", "") or probe.messages("probe/list"), "the broker has read the list")
    stack.submit()  # the broker refuses its start command
    wait_for(lambda: broker_of(orchestrator) == (503, "publishing is refused: Not authorized"), "it is not ready")
    change_access_list(stack, access_list())
    wait_for(lambda: broker_of(orchestrator) == (200, "ok"), "it is ready again", 90)


def test_who_does_not_know_the_secret_takes_no_share_of_the_asks(stack):
    secret = stack.folder / "share-secret"
    secret.write_text("correct horse battery staple\n", encoding="utf-8")
    secret.chmod(0o600)
    thieves = [stack.keep(Wire(stack.broker.port, f"A{number}", ["$share/tellercast/tc/v1/device/+/ask"])) for number in (8, 9)]
    stack.orchestrator(broker={"share_secret_file": str(secret)})
    stack.import_fleet({"B1": ["A1", "A8", "A9"]})
    device = stack.device("A1", "B1")
    for asked in range(10):
        device.ask(nonce=f"n{asked}")
        wait_for(lambda: len(device.answers()) > asked, "each ask is answered")
    assert not any(thief.messages("tc/v1/device/A1/ask") for thief in thieves)  # nor does the access list let them read it
