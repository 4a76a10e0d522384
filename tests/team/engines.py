"""The databases that load the rows from `whycap export`. Each of them runs the SQL that whycap prints for it."""
import glob
import gzip
import json
import re
import subprocess
from pathlib import Path


def printed(binary, *arguments):
    return subprocess.run([binary, "export", *map(str, arguments)], capture_output=True, text=True, check=True).stdout


class ClickHouse:
    """ClickHouse inside this process (chdb): the same engine, without a server."""

    def __init__(self, binary):
        from chdb import session

        self.binary, self.session = binary, session.Session()
        self.run("DROP DATABASE IF EXISTS whycap")
        self.sum_up()

    def run(self, sql):
        answer = str(self.session.query(sql, "JSONCompact"))
        return [tuple(row) for row in json.loads(answer)["data"]] if answer.strip() else []

    def sum_up(self, *arguments):
        """Runs the printed statements one by one, because chdb accepts only one at a time."""
        bare = re.sub(r"^\s*--.*$", "", printed(self.binary, "--print", "clickhouse", *arguments), flags=re.MULTILINE)
        for one in bare.split(";\n"):
            if one.strip():
                self.run(one)

    def load(self, files):
        """Loads the files in this order, as a loop in a user's shell would."""
        for file in files:
            self.run(f"INSERT INTO whycap.rows SELECT * FROM file('{file}', JSONEachRow) SETTINGS use_hive_partitioning = 0, input_format_skip_unknown_fields = 1")

    def close(self):
        self.session.close()


class DuckDB:
    """DuckDB, which reads the files in a directory."""

    def __init__(self, binary, directory):
        import duckdb

        self.connection = duckdb.connect()
        self.run(printed(binary, directory, "--print", "duckdb"))

    def run(self, sql):
        return self.connection.execute(sql).fetchall()

    def close(self):
        self.connection.close()


def write(directory, rows, machine, day, lines):
    """Writes a file in the same way as whycap, with the given lines."""
    path = Path(directory) / "whycap-1" / rows / f"day={day}" / f"{machine}.ndjson.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(line + "\n" for line in lines).encode()))


def files_of(directory, rows="*"):
    return sorted(glob.glob(f"{directory}/whycap-1/{rows}/*/*.ndjson.gz"))


def rows_of(directory, rows="*"):
    """Returns the rows in the files, unchanged."""
    return [json.loads(line) for path in files_of(directory, rows) for line in gzip.open(path, "rt")]
