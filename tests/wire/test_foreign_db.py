"""A HIS database, asked read-only: only one SELECT, nothing changed whatever it tries, limits kept, plain words.

MariaDB and PostgreSQL are real servers of the machine's packages, each in a folder and on a port of its own.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import psycopg
import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import NeedsOperator, RetryLater
from app.wire.foreign_db import ForeignDatabase, check_select, select, url_fault
from tests.wire.peers import free_port

SINCE = datetime(2026, 11, 19)
PASSWORD = "Lu4-invented"
TABLE = """CREATE TABLE fees (accession VARCHAR(20), name VARCHAR(20), id_card VARCHAR(18), fee DECIMAL(10,2),
           item BIGINT, paid_at TIMESTAMP NULL)"""
LINES = """INSERT INTO fees VALUES ('CT001', '赵明轩', '140928198005124320', 120.50, 202611200037,
           '2026-11-20 09:30:00'), ('CT002', '李桂芳', NULL, 80.00, 7, '2026-11-18 08:00:00')"""
QUERY = "SELECT accession AS 检查号, name AS 姓名, id_card, fee, item, paid_at FROM fees WHERE paid_at >= :since"
BIN = Path("/usr/lib/postgresql")


# -- the text of a query ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1",
        "  select a.b from t where c = 'x; drop table y' ;",
        "WITH days AS (SELECT 1 AS n) SELECT n FROM days",
        "(SELECT 1) UNION (SELECT 2)",
        "SELECT replace(name, '-', '') FROM t WHERE \"update\" = '09:30:00'",
        "SELECT updated_at, settlement FROM [into]",
    ],
)
def test_one_select_is_let_through(query: str) -> None:
    assert check_select(query) == query.strip().rstrip(";").strip()


@pytest.mark.parametrize(
    "query",
    [
        "",
        "DELETE FROM fees",
        "SELECT 1; SELECT 2",
        "SELECT * INTO copy FROM fees",
        "SELECT name FROM fees INTO OUTFILE '/tmp/x'",
        "SELECT 1 /*! INTO OUTFILE '/tmp/x' */",
        "WITH gone AS (DELETE FROM fees RETURNING *) SELECT * FROM gone",
        "SELECT '\\' ; COMMIT; DROP TABLE fees; --'",
        "SELECT 1 # ' \n ; DROP TABLE fees -- '",
        "SELECT * FROM fees FOR UPDATE",
        "EXEC xp_cmdshell 'dir'",
        "SELECT sleep(100)",
        "SHOW TABLES",
    ],
)
def test_anything_else_is_refused_in_plain_words(query: str) -> None:
    with pytest.raises(NeedsOperator) as caught:
        check_select(query)
    assert caught.value.page == "his"
    assert caught.value.advice


@given(text=st.text(max_size=60), act=st.sampled_from(["DELETE FROM fees", "drop table fees", "Update fees set fee=0"]))
def test_no_text_in_quotes_hides_an_act_after_it(text: str, act: str) -> None:
    quoted = text.replace("'", "''").replace("\\", "")
    with pytest.raises(NeedsOperator):
        check_select(f"SELECT '{quoted}'; {act}")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://10.0.0.5:3306/his", ""),
        ("oracle://10.0.0.5:1521/ORCL", ""),
        ("http://10.0.0.5/his", "mysql://"),
        ("mysql://root:x@10.0.0.5/his", "用户名和密码"),
        ("mysql://10.0.0.5", "库名"),
        ("", "mysql://"),
        ("mysql://[/his", "地址"),
    ],
)
def test_an_address_is_judged_as_it_is_typed(url: str, says: str) -> None:
    assert (says in url_fault(url)) if says else url_fault(url) == ""


@pytest.mark.parametrize("kind", ["mysql", "postgresql", "mssql", "oracle"])
def test_every_kind_says_plainly_that_nobody_is_there(kind: str) -> None:
    database = ForeignDatabase(url=f"{kind}://127.0.0.1:9/his", user="reader", password="secret")
    with pytest.raises(RetryLater, match="连不上"):
        select(database, "SELECT 1", since=SINCE)


# -- a file database: everything but the wire -------------------------------------------------------------------------


@pytest.fixture
def lite(tmp_path: Path) -> ForeignDatabase:
    with sqlite3.connect(tmp_path / "his.db") as conn:
        conn.execute("CREATE TABLE fees (accession TEXT, name BLOB, fee REAL, paid_at TEXT)")
        conn.execute("INSERT INTO fees VALUES ('CT001', ?, 1.4e17, '2026-11-20')", ("赵明轩".encode("gbk"),))
        conn.execute("INSERT INTO fees VALUES ('CT002', NULL, 0.1, '2026-11-18')")
    conn.close()
    return ForeignDatabase(url=f"sqlite:///{tmp_path}/his.db")


def test_values_come_as_texts_and_a_lost_number_is_named(lite: ForeignDatabase) -> None:
    sheet = select(lite, "SELECT accession, name, fee, fee FROM fees", since=SINCE)
    assert sheet.header == ("accession", "name", "fee", "fee (2)")
    assert [row.cells[:3] for row in sheet.rows] == [("CT001", "赵明轩", ""), ("CT002", "", "0.1")]
    assert [(one.row, one.column) for one in sheet.faults] == [(1, "fee"), (1, "fee (2)")]


def test_too_many_rows_are_refused(lite: ForeignDatabase) -> None:
    assert len(select(lite, "SELECT accession FROM fees", since=SINCE, most_rows=2).rows) == 2
    with pytest.raises(NeedsOperator, match="超过 1 行"):
        select(lite, "SELECT accession FROM fees", since=SINCE, most_rows=1)


def test_a_colon_in_a_text_is_no_parameter(lite: ForeignDatabase) -> None:
    query = "SELECT '09:30:00 :x' AS at FROM fees WHERE paid_at >= :since"
    assert select(lite, query, since=SINCE).rows[0].cells == ("09:30:00 :x",)
    assert select(lite, "SELECT '09:30' AS at", since=SINCE).rows[0].cells == ("09:30",)


def test_a_wrong_table_says_whom_to_ask(lite: ForeignDatabase) -> None:
    with pytest.raises(NeedsOperator, match="不认这条语句"):
        select(lite, "SELECT a FROM nothing", since=SINCE)


def test_a_database_that_is_away_is_asked_again_later() -> None:
    away = ForeignDatabase(url=f"mysql://127.0.0.1:{free_port()}/his", user="reader", password=PASSWORD)
    with pytest.raises(RetryLater, match="连不上"):
        select(away, "SELECT 1", since=SINCE)


# -- real servers -----------------------------------------------------------------------------------------------------


def _until(answers: Callable[[], object], child: subprocess.Popen[bytes], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while True:
        with suppress(FileNotFoundError, psycopg.Error):
            answers()
            return
        assert child.poll() is None, "the server ended"
        assert time.monotonic() < end, "the server did not come up"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignDatabase]:
    server, install = shutil.which("mariadbd", path="/usr/sbin:/usr/bin"), shutil.which("mariadb-install-db")
    if not server or not install:
        pytest.skip("no MariaDB server here (Debian: mariadb-server)")
    folder, port = tmp_path_factory.mktemp("maria"), free_port()
    user = [f"--user={os.environ.get('USER') or 'root'}"] if os.geteuid() == 0 else []
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(
        [install, "--no-defaults", f"--datadir={folder}/data", "--auth-root-authentication-method=normal", *user],
        check=True, timeout=60, **quiet,
    )  # fmt: skip
    child = subprocess.Popen(
        [server, "--no-defaults", f"--datadir={folder}/data", f"--socket={folder}/s", f"--port={port}",
         "--bind-address=127.0.0.1", f"--pid-file={folder}/pid", *user], **quiet,
    )  # fmt: skip
    try:
        _until(lambda: (folder / "s").stat(), child)
        with pymysql.connect(unix_socket=f"{folder}/s", user="root", autocommit=True) as root:
            cursor = root.cursor()
            for words in (
                "CREATE DATABASE his CHARACTER SET utf8mb4", "USE his", TABLE, LINES,
                f"CREATE USER reader@localhost IDENTIFIED BY '{PASSWORD}'", "GRANT ALL ON his.* TO reader@localhost",
            ):  # fmt: skip
                cursor.execute(words)
        yield ForeignDatabase(url=f"mysql://127.0.0.1:{port}/his", user="reader", password=PASSWORD)
    finally:
        _end(child)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignDatabase]:
    bins = max(BIN.glob("*/bin"), default=None)
    if bins is None or not (bins / "postgres").exists():
        pytest.skip("no PostgreSQL server here (Debian: postgresql)")
    folder, port = Path(f"/tmp/agent-pg-{os.getpid()}-{time.time_ns()}"), free_port()  # a socket's path is short
    folder.mkdir(mode=0o755)
    as_user: list[str] = []
    if os.geteuid() == 0:  # it refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    try:
        subprocess.run(
            [*as_user, str(bins / "initdb"), "-D", f"{folder}/data", "-U", "admin", "--auth-local=trust",
             "--auth-host=scram-sha-256", "--no-sync", "-E", "UTF8", "--locale=C"], check=True, timeout=60, **quiet,
        )  # fmt: skip
        child = subprocess.Popen(
            [*as_user, str(bins / "postgres"), "-D", f"{folder}/data", "-k", str(folder), "-p", str(port),
             "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"], **quiet,
        )  # fmt: skip
        try:
            at = f"host={folder} port={port} user=admin dbname=postgres"
            _until(lambda: psycopg.connect(at).close(), child)
            with psycopg.connect(at, autocommit=True) as root:
                root.execute("CREATE DATABASE his")
                root.execute(f"CREATE USER reader PASSWORD '{PASSWORD}'")
            with psycopg.connect(at.replace("dbname=postgres", "dbname=his"), autocommit=True) as root:
                root.execute(TABLE)
                root.execute(LINES)
                root.execute("GRANT ALL ON fees TO reader")
            yield ForeignDatabase(url=f"postgresql://127.0.0.1:{port}/his", user="reader", password=PASSWORD)
        finally:
            _end(child)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(10)


@pytest.fixture(params=["mariadb", "postgres"])
def server(request: pytest.FixtureRequest) -> ForeignDatabase:
    found: ForeignDatabase = request.getfixturevalue(request.param)
    return found


def test_a_real_server_answers_with_the_rows_since_a_day(server: ForeignDatabase) -> None:
    sheet = select(server, QUERY, since=SINCE)
    assert sheet.header == ("检查号", "姓名", "id_card", "fee", "item", "paid_at")
    assert [row.cells for row in sheet.rows] == [
        ("CT001", "赵明轩", "140928198005124320", "120.50", "202611200037", "2026-11-20 09:30:00")
    ]


def test_a_real_server_is_never_written_to_even_past_the_check(
    server: ForeignDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check of the text is only the first fence: the transaction itself refuses."""
    monkeypatch.setattr("app.wire.foreign_db.check_select", lambda query: query)
    for words in ("DELETE FROM fees", "UPDATE fees SET fee = 0"):
        with pytest.raises(NeedsOperator):
            select(server, words, since=SINCE)
    monkeypatch.undo()
    assert len(select(server, QUERY, since=datetime(2000, 1, 1)).rows) == 2


def test_a_real_server_that_takes_too_long_is_left(server: ForeignDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.wire.foreign_db.check_select", lambda query: query)
    slow = "SELECT sleep(20)" if server.url.startswith("mysql") else "SELECT pg_sleep(20)"
    began = time.monotonic()
    with pytest.raises(RetryLater):
        select(server, slow, since=SINCE, answer_seconds=1)
    assert time.monotonic() - began < 8


def test_a_wrong_password_says_so_and_shows_nothing_of_it(server: ForeignDatabase) -> None:
    wrong = ForeignDatabase(url=server.url, user="reader", password="wrong-one")
    with pytest.raises(NeedsOperator, match="不让登录") as caught:
        select(wrong, QUERY, since=SINCE)
    assert "wrong-one" not in f"{caught.value} {caught.value.details}"
