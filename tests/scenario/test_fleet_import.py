"""Fleet imports: the rules for a new fleet, files of office programs, and very long files."""

import json
import pathlib
import subprocess
import threading

import pytest
from harness.plan import fleet
from harness.process import running
from harness.programs import ORCHESTRATOR_USER, TELLERCAST, command_line
from harness.stack import SANITIZED
from harness.wait import wait_for

INVALID, USAGE = 3, 2
MIB = 1 << 20
LABELS = ";".join(f"label-{n:02}={'x' * 240}" for n in range(60))  # 15 KiB a row


@pytest.fixture
def testbed(stack):
    stack.orchestrator()
    return stack


def run(testbed, *words, check=False):
    return command_line(*words, *testbed.http.at("ann"), check=check)


def write(testbed, name, content):
    file = testbed.folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.parametrize("text, where, reason", [
    ("kind,id,role\ndevice,P1,pull\n", ":2:1:", "names its zone"),
    ("kind,id,role,zone\ndevice,operator,pull,UTC\n", ":2:8:", "another broker user"),
    ("kind,id,role,zone\ndevice,-P1,pull,UTC\n", ":2:8:", "it begins with -"),
    ("kind,id,role,zone\nbranch,-B1,,UTC\n", ":2:8:", "it begins with -"),
    ("kind,id,role,zone,labels\ndevice,P1,pull,UTC,role=x\n", ":2:20:", "every device already has this label"),
    ("kind,id,role,zone,labels\ndevice,P1,pull,UTC,contract=1.2E+11\n", ":2:20:", "a spreadsheet has shortened"),
])
def test_a_new_fleet_that_would_not_work_is_refused_by_the_command_and_by_the_daemon(testbed, text, where, reason):
    done = run(testbed, "fleet", "import", write(testbed, "f.csv", text))
    assert done.returncode == INVALID and reason in done.stderr and where in done.stderr, done
    answer = testbed.http.import_fleet(text, "text/csv")
    assert answer.status == 422 and reason in answer.json()["errors"][0]["detail"], answer
    assert testbed.database.rows("SELECT * FROM device") == []


@pytest.mark.plain_broker
def test_no_device_may_be_called_as_the_orchestrators_are_at_the_broker(stack):
    acl = stack.broker.folder / "acl"
    acl.write_text(acl.read_text(encoding="utf-8").replace(f"user {ORCHESTRATOR_USER}\n", "user spy\n"), encoding="utf-8")
    stack.broker.stop()
    stack.broker.start()
    stack.orchestrator(broker={"user": "spy"})
    answer = stack.http.import_fleet("kind,id,role,zone\ndevice,spy,pull,UTC\n", "text/csv")
    assert answer.status == 422 and "another broker user" in answer.json()["errors"][0]["detail"], answer


def test_a_default_zone_is_given_to_devices_that_name_none(testbed):
    file = write(testbed, "f.csv", "kind,id,role,zone\ndevice,P1,pull,\ndevice,P2,pull,Asia/Tokyo\n")
    run(testbed, "fleet", "import", file, "--default-zone", "Europe/Berlin", check=True)
    zones = {row["id"]: row["zone"] for row in testbed.database.rows("SELECT id, zone FROM device")}
    assert zones == {"P1": "Europe/Berlin", "P2": "Asia/Tokyo"}
    assert run(testbed, "fleet", "import", file, "--default-zone", "Berlin time").returncode == USAGE
    unknown = run(testbed, "fleet", "import", file, "--default-zone", "Europe/Nowhere")
    assert unknown.returncode == INVALID and "Europe/Nowhere" in unknown.stderr


def test_what_an_older_version_let_in_stays_and_is_warned_of(testbed):
    testbed.import_fleet({"B1": ["A1"]}, ["P1"])
    assert testbed.http.document("/readyz")["warnings"] == []
    testbed.database.rows("UPDATE device SET id = 'operator', zone = NULL WHERE id = 'P1'")
    testbed.database.rows("UPDATE device SET labels = '{\"role\": \"x\"}' WHERE id = 'A1'")
    orchestrator = testbed.orchestrators[0]
    orchestrator.stop()
    orchestrator.start()
    orchestrator.wait_until_ready()
    warnings = wait_for(lambda: testbed.http.document("/readyz")["warnings"], "the fleet was looked at")
    assert [warning.split(",")[1].split(":")[0] for warning in warnings[:1]] == [" such as operator"]
    assert len(warnings) == 3 and "never matches" in warnings[1] and "UTC" in warnings[2]
    listed = run(testbed, "fleet", "list", check=True)
    assert "operator" in listed.stdout and listed.stderr.count("Warning: ") == 3
    assert "fleet.warnings" in orchestrator.text()
    status = run(testbed, "admin", "status", check=True).stdout
    assert status.count("warning ") == 3 and "never matches" in status
    assert json.loads(run(testbed, "admin", "status", "--json", check=True).stdout)["warnings"] == warnings


def test_the_fleet_is_looked_at_again_after_an_import(testbed):
    """At once, and not minutes later."""
    testbed.import_fleet({"B1": ["A1"]})
    testbed.database.rows("UPDATE device SET labels = '{\"role\": \"x\"}' WHERE id = 'A1'")
    testbed.import_fleet({"B2": ["A2"]})
    wait_for(lambda: testbed.http.document("/readyz")["warnings"], "the fleet is looked at")
    testbed.database.rows("UPDATE device SET labels = '{}', id = '-A1' WHERE id = 'A1'")
    testbed.import_fleet({"B3": ["A3"]})
    wait_for(lambda: "begins with -" in str(testbed.http.document("/readyz")["warnings"]), "it is looked at again")
    assert "never matches" not in str(testbed.http.document("/readyz")["warnings"])


@pytest.mark.parametrize("content", [
    "kind;id;branch;role;zone;labels\r\nbranch;B1;;;UTC;\r\n;;;;;\r\ndevice;A1;B1;atm;;\"a=1;b=2\"\r\n",
    "\ufeffsep=\t\r\nkind\tid\tbranch\trole\tzone\tlabels\r\nbranch\tB1\t\t\tUTC\t\r\ndevice\tA1\tB1\tatm\t\ta=1;b=2\r\n",
    "Kind,ID,Branch,Role,Zone,Labels,,\rbranch,B1,,,UTC,,,\rdevice,\u00a0A1,B1,atm,,a=1;b=2,,\r",
])
def test_a_file_of_an_office_program_is_imported(testbed, content):
    run(testbed, "fleet", "import", write(testbed, "f.csv", content), check=True)
    row = testbed.database.row("SELECT * FROM device")
    assert (row["id"], row["branch"], row["labels"]) == ("A1", "B1", {"a": "1", "b": "2"})


@pytest.mark.parametrize("content, reason", [
    ("kind,id\n".encode("utf-16"), "UTF-16"),
    ("kind,id,branch,role,name\nbranch,B1,,,Z\u00fcrich\n".encode("latin-1"), "not UTF-8"),
    (b"PK\x03\x04rest of a workbook", "workbook"),
    (b"", "empty"),
])
def test_what_is_no_csv_is_refused_with_the_reason(testbed, content, reason):
    done = run(testbed, "fleet", "import", write(testbed, "f.csv", content))
    assert done.returncode == INVALID and reason in done.stderr, done


def test_a_pipe_is_imported_and_a_folder_is_not(testbed):
    with running(
            [TELLERCAST, "fleet", "import", "-", "--format", "yaml", "--server", testbed.http.url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.communicate(fleet({"B1": ["A1"]}), timeout=60)
    assert process.returncode == 0
    assert testbed.database.value("SELECT count(*) FROM device") == 2
    done = run(testbed, "fleet", "import", testbed.folder, "--format", "csv")
    assert done.returncode == 1 and "directory" in done.stderr


def peak(pid):
    """Returns the maximum memory that a process ever used, in bytes."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.mark.skipif(SANITIZED, reason="sanitizers take memory themselves")
def test_a_long_file_takes_no_more_memory_than_a_short_one(testbed):
    rows = (f"device,P{n:06},pull,UTC,{LABELS};n={n}\n" for n in range(6000))
    file = write(testbed, "f.csv", "kind,id,role,zone,labels\n" + "".join(rows))
    assert file.stat().st_size > 80 * MIB
    orchestrator = testbed.orchestrators[0]
    before = peak(orchestrator.pid)
    reader = ("import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
              "print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)")
    done = subprocess.run(
        ["/usr/bin/python3", "-c", reader, TELLERCAST, "fleet", "import", file, "--server", testbed.http.url, "--quiet"],
        capture_output=True, text=True, timeout=200, check=True)
    code, of_command = map(int, done.stdout.split()[-2:])
    assert code == 0, done
    assert testbed.database.value("SELECT count(*) FROM device") == 6000
    assert of_command < 40 * MIB
    assert peak(orchestrator.pid) - before < 24 * MIB


def test_a_fault_in_the_last_line_of_a_long_file_leaves_nothing(testbed):
    text = "kind,id,role,zone\n" + "".join(f"device,P{n:06},pull,UTC\n" for n in range(50000))
    answer = testbed.http.import_fleet(text + "device,P000007,pull,UTC\nbranch,B1,,\n", "text/csv")
    errors = [(error["line"], error["path"]) for error in answer.json()["errors"]]
    assert answer.status == 422 and errors == [(50002, "id"), (50003, "zone")], answer
    answer = testbed.http.import_fleet(text + "device,P-last,pull,Europe/Nowhere\n", "text/csv")
    assert [error["line"] for error in answer.json()["errors"]] == [50002]
    assert testbed.database.rows("SELECT * FROM device") == []


@pytest.mark.skipif(SANITIZED, reason="a million rows take minutes with a sanitizer")
def test_a_duplicate_behind_a_million_ids_is_found_by_the_database(testbed):
    text = "kind,id,role,zone\n" + "".join(f"device,P{n:07},pull,UTC\n" for n in range(1050000))
    text += "device,P1049999,pull,UTC\n"
    answer = testbed.http.ask("PUT", "/v1/fleet", text, {"Content-Type": "text/csv"}, seconds=200)
    assert answer.status == 422, answer
    error = json.loads(answer.body)["errors"][0]
    assert error["line"] == 1050002 and "already, in line 1050001" in error["detail"]
    assert testbed.database.rows("SELECT * FROM device") == []


def test_an_import_that_meets_the_updater_in_a_deadlock_is_repeated(testbed):
    """The updater locks instructions, then devices; an import locks devices, then their waiting instructions."""
    testbed.import_fleet({"B1": ["A1"], "B2": ["A2"]})
    testbed.add_artifact()
    rollout = testbed.submit(schedule={"startAt": "2038-01-10T00:00:00Z"})
    wait_for(lambda: testbed.database.rollout(rollout)["state"] == "running", "it is planned")
    answers = []
    moves = "kind,id,role,branch,zone\ndevice,A1,atm,B2,\n"
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with testbed.database.connect() as updater, updater.cursor() as cursor:
        cursor.execute("SELECT FROM instruction WHERE device = 'A1' FOR UPDATE")
        importing = threading.Thread(target=lambda: answers.append(testbed.http.import_fleet(moves, "text/csv")))
        importing.start()
        wait_for(lambda: testbed.database.value(waiting) > 0, "the import waits")
        cursor.execute("UPDATE device SET versions = '{}' WHERE id = 'A1'")  # continues when the import has given way
        updater.commit()
        importing.join()
    assert answers[0].status == 200, answers[0]
    assert testbed.database.rows("SELECT branch FROM instruction WHERE device = 'A1'") == [{"branch": "B2"}]
