"""Projects and generated code in SQLite; each statement is one span."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import testpilot_obs as obs

SCHEMA = """
CREATE TABLE IF NOT EXISTS project (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS generation (
    id INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES project (id),
    code TEXT NOT NULL
);
"""


class Store:
    """One database file; a connection for each call, so that any thread may call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._connect()) as connection:
            connection.executescript(SCHEMA)

    def add_project(self, name: str) -> int:
        """Return the id of a new project."""
        return self._write("INSERT INTO project (name) VALUES (?)", name)

    def project_name(self, project_id: int) -> str | None:
        """Return the name of a project, ``None`` if there is none of that id."""
        rows = self._read("SELECT name FROM project WHERE id = ?", project_id)
        return str(rows[0][0]) if rows else None

    def project_names(self) -> dict[int, str]:
        """Return the names of all projects by id."""
        return dict(self._read("SELECT id, name FROM project ORDER BY id"))

    def add_generation(self, project_id: int, code: str) -> int:
        """Return the id under which *code* was kept."""
        return self._write(
            "INSERT INTO generation (project_id, code) VALUES (?, ?)", project_id, code
        )

    def _read(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with _statement_span(statement) as span, closing(self._connect()) as connection:
            rows = connection.execute(statement, values).fetchall()
            span.set_attribute("db.response.returned_rows", len(rows))
            return rows

    def _write(self, statement: str, *values: Any) -> int:
        with _statement_span(statement), closing(self._connect()) as connection, connection:
            return connection.execute(statement, values).lastrowid or 0

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=5.0)


def _statement_span(statement: str) -> Any:
    operation = statement.split(" ", 1)[0]
    return obs.span(
        f"{operation} sqlite",
        {"db.system.name": "sqlite", "db.operation.name": operation, "db.query.text": statement},
    )
