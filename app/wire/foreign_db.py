"""A foreign database (HIS), asked read-only: one SELECT, in a transaction that is always rolled back.

The user it logs in as should have no other right than reading; this is the second fence. Never logs address or rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.domain.sheet import LOST_DIGITS, CellFault, DigitsLost, Sheet, SheetRow, lost_digits, named_columns, seen
from app.errors import AgentError, NeedsOperator, RetryLater

if TYPE_CHECKING:  # half a second; few clinics have a database to ask
    import sqlalchemy
    from sqlalchemy.engine import URL, Connection
    from sqlalchemy.exc import SQLAlchemyError

KINDS = ("mysql", "mariadb", "postgresql", "mssql", "oracle", "sqlite")
CONNECT_SECONDS = 10
ANSWER_SECONDS = 60
MOST_ROWS = 50_000
SINCE = ":since"

_DRIVERS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "postgresql": "postgresql+psycopg",
    "mssql": "mssql+pymssql",
    "oracle": "oracle+oracledb",
    "sqlite": "sqlite",
}
_READ_ONLY = {
    "mysql+pymysql": ("SET TRANSACTION READ ONLY",),
    "postgresql+psycopg": ("SET TRANSACTION READ ONLY",),
    "oracle+oracledb": ("SET TRANSACTION READ ONLY",),
    "mssql+pymssql": (),  # has no such transaction: the check of the text and the rollback must do
    "sqlite": ("PRAGMA query_only = 1",),
}
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]")
_ACTING = re.compile(
    r"\b(insert|update|delete|merge|replace|drop|create|alter|truncate|grant|revoke|exec|execute|call|into|copy|lock"
    r"|set|commit|rollback|shutdown|kill|attach|pragma|vacuum|load_file|benchmark|sleep|pg_sleep|waitfor)\b",
    re.IGNORECASE,
)
_FUNCTIONS = re.compile(r"\breplace\s*\(", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ForeignDatabase:
    """Where it is and as whom to log in. `url`: `mysql://host:3306/his`; no user or password in it."""

    url: str
    user: str = ""
    password: str = ""


def url_fault(url: str) -> str:
    """What is wrong with an address, "" for nothing."""
    example = "例：mysql://192.168.1.10:3306/his"
    try:
        parts = urlsplit(url)
        has_user, host = bool(parts.username or parts.password), parts.hostname
    except ValueError:
        return f"不是数据库的地址，{example}"
    if parts.scheme not in KINDS:
        return f"应以 {'、'.join(f'{kind}://' for kind in KINDS[:-1])} 开头，{example}"
    if has_user:
        return f"地址里不要写用户名和密码，它们另外填，{example}"
    if parts.scheme != "sqlite" and (not host or not parts.path.strip("/")):
        return f"要有主机和库名，{example}"
    return ""


def check_select(query: str) -> str:
    """The query without its closing semicolon. Raises `NeedsOperator` for anything but one SELECT (or WITH)."""
    text = query.strip().rstrip(";").strip()
    bare = _FUNCTIONS.sub("f(", _QUOTED.sub("''", text))
    if not re.match(r"\s*(?:\(\s*)*(?:select|with)\b", bare, re.IGNORECASE):
        raise NeedsOperator("这不是查询", "只能写一条 SELECT 语句，请让 HIS 工程师提供", page="his")
    if ";" in bare:
        raise NeedsOperator("只能写一条语句", "请去掉分号和它后面的内容", page="his")
    if any(mark in bare for mark in ("--", "/*", "#")) or "\\" in text:
        raise NeedsOperator("语句里有注释或反斜杠", "不同数据库读法不一样，请去掉它们，再试一次", page="his")
    if found := _ACTING.search(bare):
        raise NeedsOperator("这条语句会改动 HIS", f"里面有 {found[0].upper()}，只能写单纯的 SELECT", page="his")
    return text


def select(
    database: ForeignDatabase,
    query: str,
    *,
    since: datetime,
    most_rows: int = MOST_ROWS,
    answer_seconds: int = ANSWER_SECONDS,
) -> Sheet:
    """The rows of the query as texts, `:since` in it being `since` (as the clinic's wall shows it, without offset).

    Raises `NeedsOperator` (address, login, statement, too many rows) or `RetryLater` (does not answer).
    """
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    text = check_select(query)
    url = _url(database)
    try:
        engine = sqlalchemy.create_engine(
            url, poolclass=sqlalchemy.NullPool, connect_args=_limits(url.drivername, answer_seconds)
        )
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise _wrong_address(error) from error
    try:
        with engine.connect() as connection:
            try:
                return _rows(connection, url.drivername, text, since, most_rows, answer_seconds)
            finally:
                connection.rollback()
    except SQLAlchemyError as error:
        raise _trouble(error) from error
    except OSError as error:
        raise _silent(error) from error
    finally:
        engine.dispose()


def _rows(
    connection: Connection, driver: str, text: str, since: datetime, most_rows: int, answer_seconds: int
) -> Sheet:
    if driver == "oracle+oracledb":
        raw: Any = connection.connection.driver_connection
        raw.call_timeout = answer_seconds * 1000
    for words in _READ_ONLY[driver]:
        connection.exec_driver_sql(words)
    asks_since = SINCE in _QUOTED.sub("''", text)
    values: Mapping[str, object] = {"since": since} if asks_since else {}
    result = connection.execution_options(stream_results=driver != "mssql+pymssql").execute(_statement(text), values)
    header = named_columns([str(name) for name in result.keys()])  # noqa: SIM118 - a result is no mapping
    found = result.fetchmany(most_rows + 1)
    result.close()
    if len(found) > most_rows:
        raise NeedsOperator(f"HIS 一次给了超过 {most_rows} 行", "请在语句里用 :since 限定时间，只取新的行", page="his")
    return _sheet(header, [tuple(row) for row in found])


def _statement(text: str) -> sqlalchemy.TextClause:
    """`:since` is the only parameter; every other colon (a time in a text) is a colon."""
    import sqlalchemy

    return sqlalchemy.text(re.sub(r":(?!since\b)", r"\:", text))


def _sheet(header: tuple[str, ...], found: list[tuple[object, ...]]) -> Sheet:
    faults: list[CellFault] = []
    rows: list[SheetRow] = []
    for number, values in enumerate(found, start=1):
        cells = []
        for column, value in zip(header, values, strict=True):
            cell, lost = _cell(value)
            if lost:
                faults.append(CellFault(row=number, column=column, title=LOST_DIGITS[0], advice=LOST_DIGITS[1]))
            cells.append(cell)
        rows.append(SheetRow(number=number, cells=tuple(cells)))
    return Sheet(header=header, rows=tuple(rows), faults=tuple(faults))


def _cell(value: object) -> tuple[str, bool]:
    """The text and whether its digits are lost."""
    try:
        text = seen(value)
    except DigitsLost:
        return "", True
    return ("", True) if lost_digits(text) else (text, False)


def _url(database: ForeignDatabase) -> URL:
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError

    fault = url_fault(database.url)
    if fault:
        raise NeedsOperator("HIS 数据库的地址不对", fault, page="his")
    try:
        url = sqlalchemy.make_url(database.url)
        driver = _DRIVERS[url.drivername]
    except (ArgumentError, ValueError, KeyError) as error:
        raise _wrong_address(error) from error
    if driver == "oracle+oracledb" and url.database and not url.query:
        url = url.set(query={"service_name": url.database}, database="")
    query = dict(url.query) | (
        {"charset": "utf8mb4"} if driver == "mysql+pymysql" and "charset" not in url.query else {}
    )
    return url.set(drivername=driver, query=query, username=database.user or None, password=database.password or None)


def _limits(driver: str, answer_seconds: int) -> dict[str, Any]:
    """Connecting and answering have a time limit in every driver's own words."""
    limits: dict[str, Callable[[], dict[str, Any]]] = {
        "mysql+pymysql": lambda: {
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": answer_seconds,
            "write_timeout": CONNECT_SECONDS,
            "local_infile": False,
        },
        "postgresql+psycopg": lambda: {
            "connect_timeout": CONNECT_SECONDS,
            "options": f"-c statement_timeout={answer_seconds * 1000} -c default_transaction_read_only=on",
        },
        "mssql+pymssql": lambda: {"login_timeout": CONNECT_SECONDS, "timeout": answer_seconds},
        "oracle+oracledb": lambda: {"tcp_connect_timeout": CONNECT_SECONDS},
        "sqlite": lambda: {"timeout": CONNECT_SECONDS},
    }
    return limits[driver]()


# -- what went wrong, for a person ------------------------------------------------------------------------------------

_LOGIN = ("access denied", "authentication failed", "login failed", "ora-01017", "no password supplied", "18456")
_TIME = ("timeout", "timed out", "canceling statement", "max_statement_time", "20003", "dpy-4024")
_AWAY = tuple(
    """connection refused|can't connect|could not connect|connection failed|unable to connect|lost connection|gone away
no route|could not translate host|name or service not known|getaddrinfo|20009|dpy-6005|dpy-6001|server closed
unable to open database|connection is bad""".replace("\n", "|").split("|")
)


def _trouble(error: SQLAlchemyError) -> AgentError:
    """Told by the driver's own words; they may quote the statement, so only the kind goes into the details."""
    import sqlalchemy

    cause = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) and error.orig is not None else error
    words = str(cause).lower()
    details = type(cause).__name__
    if any(one in words for one in _LOGIN):
        return NeedsOperator("HIS 数据库不让登录", "请核对用户名和密码", details=details, page="his")
    if any(one in words for one in _TIME):
        return RetryLater("HIS 数据库太久没有回答", "会自动再试；总是这样请让工程师把语句写得快一些", details=details)
    if any(one in words for one in _AWAY):
        return _silent(cause)
    first = str(cause).splitlines()[0][:200] if str(cause) else ""
    return NeedsOperator(
        "HIS 数据库不认这条语句", "请让 HIS 工程师核对表名和列名", details=f"{details}: {first}", page="his"
    )


def _silent(error: BaseException) -> RetryLater:
    return RetryLater("HIS 数据库连不上", "会自动再试；请看 HIS 电脑开着没有、网络通不通", details=type(error).__name__)


def _wrong_address(error: BaseException) -> NeedsOperator:
    return NeedsOperator(
        "HIS 数据库的地址不对", "例：mysql://192.168.1.10:3306/his", details=type(error).__name__, page="his"
    )
