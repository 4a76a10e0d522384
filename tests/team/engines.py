"""The databases that load the rows from `whycap export`. Each of them runs the SQL that whycap prints for it."""

import glob
import gzip
import json
import re
import subprocess
from pathlib import Path


def printed_script(binary, *arguments):
    """Returns the output of `whycap export`, such as a script for a database."""
    return subprocess.run([binary, "export", *map(str, arguments)], capture_output=True, text=True, check=True).stdout


class ClickHouse:
    """ClickHouse inside this process (chdb): the same engine, without a server."""

    def __init__(self, binary):
        from chdb import session

        self.binary, self.session = binary, session.Session()
        self.run("DROP DATABASE IF EXISTS whycap")
        self.update_sums()

    def run(self, sql):
        result = str(self.session.query(sql, "JSONCompact"))
        return [tuple(row) for row in json.loads(result)["data"]] if result.strip() else []

    def update_sums(self, *arguments):
        """Runs the printed statements one by one, because chdb accepts only one at a time."""
        without_comments = re.sub(
            r"^\s*--.*$", "", printed_script(self.binary, "--print", "clickhouse", *arguments), flags=re.MULTILINE
        )
        for statement in without_comments.split(";\n"):
            if statement.strip():
                self.run(statement)

    def load(self, files):
        """Loads the files in this order, as a loop in a user's shell would."""
        for file in files:
            self.run(
                f"INSERT INTO whycap.rows SELECT * FROM file('{file}', JSONEachRow) SETTINGS use_hive_partitioning = 0, input_format_skip_unknown_fields = 1"
            )

    def close(self):
        self.session.close()


class DuckDB:
    """DuckDB, which reads the files in a directory."""

    def __init__(self, binary, directory):
        import duckdb

        self.connection = duckdb.connect()
        self.run(printed_script(binary, directory, "--print", "duckdb"))

    def run(self, sql):
        return self.connection.execute(sql).fetchall()

    def close(self):
        self.connection.close()


def write_rows(directory, rows, machine, day, lines):
    """Writes a file in the same way as whycap, with the given lines."""
    path = Path(directory) / "whycap-1" / rows / f"day={day}" / f"{machine}.ndjson.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(line + "\n" for line in lines).encode()))


def export_files(directory, rows="*"):
    return sorted(glob.glob(f"{directory}/whycap-1/{rows}/*/*.ndjson.gz"))


def exported_rows(directory, rows="*"):
    """Returns the rows in the files, unchanged."""
    return [json.loads(line) for path in export_files(directory, rows) for line in gzip.open(path, "rt")]
