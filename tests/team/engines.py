"""The engines that read what `whycap export` writes, each with the SQL that whycap itself prints."""
import glob
import gzip
import json
import re
import subprocess
from pathlib import Path

ROWS = {"spend": "spend_rows", "limits": "limit_rows", "windows": "window_rows"}


def printed(binary, reader):
    return subprocess.run([binary, "export", "--print", reader], capture_output=True, text=True, check=True).stdout


def statements(sql):
    """One by one: chdb takes no more at once."""
    bare = re.sub(r"^\s*--.*$", "", sql, flags=re.MULTILINE)
    return [one.strip() for one in bare.split(";\n") if one.strip().strip(";")]


class ClickHouse:
    """ClickHouse inside this process (chdb): the same engine, without a server."""

    def __init__(self, binary):
        from chdb import session

        self.session = session.Session()
        self.run("DROP DATABASE IF EXISTS whycap")
        for one in statements(printed(binary, "clickhouse")):
            self.run(one)

    def run(self, sql):
        answer = str(self.session.query(sql, "JSONCompact"))
        return [tuple(row) for row in json.loads(answer)["data"]] if answer.strip() else []

    def load(self, files):
        """In this order, as a user's loop over files would."""
        for file in files:
            rows = ROWS[Path(file).parts[-3]]
            self.run(f"INSERT INTO whycap.{rows} SELECT * EXCEPT day FROM file('{file}', JSONEachRow)"
                     if self.has_day(file) else f"INSERT INTO whycap.{rows} SELECT * FROM file('{file}', JSONEachRow)")

    def has_day(self, file):
        columns = self.run(f"DESCRIBE file('{file}', JSONEachRow)")
        return any(column[0] == "day" for column in columns)

    def close(self):
        self.session.close()


class DuckDB:
    """DuckDB over the files of a directory."""

    def __init__(self, binary, directory):
        import duckdb

        self.connection = duckdb.connect()
        self.run(f"SET VARIABLE whycap = '{directory}'")
        for one in statements(printed(binary, "duckdb")):
            rows = re.search(r"/whycap-1/(\w+)/", one)
            if rows is None or glob.glob(f"{directory}/whycap-1/{rows[1]}/*/*.gz"):
                self.run(one)

    def run(self, sql):
        return self.connection.execute(sql).fetchall()

    def close(self):
        self.connection.close()


def write(directory, rows, machine, day, lines):
    """A file as whycap writes it, of made-up lines."""
    path = Path(directory) / "whycap-1" / rows / f"day={day}" / f"{machine}.ndjson.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt") as file:
        file.write("".join(line + "\n" for line in lines))
    return str(path)


def files_of(directory):
    return sorted(glob.glob(f"{directory}/whycap-1/*/*/*.ndjson.gz"))


def rows_of(directory, rows):
    """The rows in the files of one kind, as they are."""
    found = []
    for path in sorted(glob.glob(f"{directory}/whycap-1/{rows}/*/*.ndjson.gz")):
        with gzip.open(path, "rt") as file:
            found.extend(json.loads(line) for line in file)
    return found
