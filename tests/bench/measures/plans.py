"""Plans without limits: all devices at once, without an end."""

from harness.plan import plan

ARTIFACT = {"name": "atm-app", "version": "4.7.2", "url": "http://127.0.0.1/atm-app.bin", "sha256": "9f2c" * 16,
            "size": 431996928}
PATIENT = {"dispatchTimeout": "24h", "answerTimeout": "24h", "receiveTimeout": "24h", "installTimeout": "24h"}


def plan_at_once(name):
    return plan(name, artifact=ARTIFACT, execution=PATIENT)


def submit_at_once(orchestrator, name):
    answer = orchestrator.http.submit(plan_at_once(name))
    assert answer.status == 201, answer
    return answer.json()["rollout"]
