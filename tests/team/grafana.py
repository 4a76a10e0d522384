"""The dashboard against what Grafana and its ClickHouse data source take.

No Grafana comes from a package index, so nothing is imported here. Its schema does: the types of @grafana/schema, by which every
part of the dashboard is checked as a literal. What the data source takes was read in its source (github.com/grafana/
clickhouse-datasource, version 4.20: src/types/sql.ts, src/data/utils.ts, src/data/migration.ts, pkg/macros/macros.go).
"""
import datetime
import json
import re
import subprocess
import tempfile
from pathlib import Path

from engines import ClickHouse, files_of, printed
from npm import packages
from panels import ANSWERS, QUERIES, made_up, plain

PACKAGES = ["@grafana/schema@13.2.3", "typescript@5.9.3"]
PANELS = "@grafana/schema/dist/esm/raw/composable"
SOURCE = {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}
# A query of version 4 and later; one of another version is made over into one that the first version had.
FORMATS = {"timeseries": 0, "table": 1}
QUERY = {"refId", "datasource", "pluginVersion", "editorType", "queryType", "format", "rawSql"}
# What the plugin writes in their place; Grafana asks for seconds.
MACROS = {"$__fromTime": datetime.datetime(2026, 11, 1), "$__toTime": datetime.datetime(2026, 11, 21)}


def in_place(query):
    for macro, time in MACROS.items():
        query = query.replace(macro, f"toDateTime({int(time.replace(tzinfo=datetime.timezone.utc).timestamp())})")
    return query


def checker(dashboard):
    """The dashboard as a program that has types, and no value that these do not know."""
    kinds = sorted({panel["type"] for panel in dashboard["panels"]})
    lines = ["import type { Dashboard, GraphFieldConfig, Panel } from '@grafana/schema';"]
    for kind in kinds:
        name = {"stat": "Stat", "table": "Table", "timeseries": "TimeSeries"}[kind]
        lines.append(f"import type {{ Options as {kind} }} from '{PANELS}/{kind}/panelcfg/x/{name}PanelCfg_types.gen';")
    # The values of an enum, as JSON has them.
    lines.append("type Plain<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T :"
                 " T extends Array<infer E> ? Plain<E>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;")
    # What is written beside a dashboard for its import is not in the schema.
    whole = {key: value for key, value in dashboard.items() if key not in ("panels", "__requires")}
    lines.append(f"export const dashboard: Plain<Dashboard> = {json.dumps(whole)};")
    for panel in dashboard["panels"]:
        lines.append(f"export const panel{panel['id']}: Plain<Panel> = {json.dumps(panel)};")
        lines.append(f"export const options{panel['id']}: Partial<Plain<{panel['type']}>> = {json.dumps(panel['options'])};")
        if panel["type"] == "timeseries":
            lines.append(f"export const drawn{panel['id']}: Plain<GraphFieldConfig> = {json.dumps(panel['fieldConfig']['defaults'].get('custom', {}))};")
    return "\n".join(lines) + "\n"


def types_hold(modules, program):
    """What the compiler says."""
    with tempfile.TemporaryDirectory(dir=modules.parent) as scratch:
        path = Path(scratch) / "dashboard.ts"
        path.write_text(program)
        done = subprocess.run(["node", modules / "typescript/bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--module", "preserve",
                               "--moduleResolution", "bundler", "--target", "es2022", path], cwd=scratch, capture_output=True, text=True, check=False)
        return done.stdout.strip()


def dashboard(binary, cache, check):
    board = json.loads(printed(binary, "grafana"))
    modules = packages(Path(cache) / "grafana", *PACKAGES)
    if modules is None:
        print(f"skipped: types of the dashboard: {' and '.join(PACKAGES)} cannot be had here")
    else:
        check("Grafana's schema takes the dashboard", types_hold(modules, checker(board)), "")
        spoiled = json.loads(json.dumps(board))
        spoiled["panels"][0]["gridPos"]["width"] = 3
        spoiled["panels"][1]["options"]["reduceOptions"]["calc"] = []
        spoiled["templating"]["list"][0]["type"] = "source"
        check("and would refuse others", len(re.findall(r"error TS", types_hold(modules, checker(spoiled)))), 3)
    names = sorted(path.stem for path in QUERIES.glob("*.sql"))
    check("the dashboard asks every query", len(board["panels"]), len(names))
    ids = [panel["id"] for panel in board["panels"]]
    check("its panels have ids of their own", len(set(ids)), len(ids))
    places = [panel["gridPos"] for panel in board["panels"]]
    cells = [(x, y) for place in places for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])]
    check("and places of their own", (len(set(cells)), max(x for x, _ in cells) < 24), (len(cells), True))
    targets = [target for panel in board["panels"] for target in panel["targets"]]
    check("the data source knows every field of a query", {tuple(sorted(target)) for target in targets}, {tuple(sorted(QUERY))})
    check("as written in its editor of SQL, by its version 4", {(one["editorType"], one["pluginVersion"]) for one in targets}, {("sql", "4.0.0")})
    check("in a form that agrees with its number", [one["format"] for one in targets], [FORMATS[one["queryType"]] for one in targets])
    check("of the data source that is chosen above", [one["datasource"] for one in (*targets, *board["panels"])], [SOURCE] * (2 * len(targets)))
    chosen = board["templating"]["list"][0]
    check("which is one of ClickHouse", (chosen["name"], chosen["type"], chosen["query"]), ("datasource", "datasource", SOURCE["type"]))
    check("the dashboard says what it needs", [one["id"] for one in board["__requires"]], ["grafana", SOURCE["type"]])
    left = [re.findall(r"\$\w+|\$\{", in_place(one["rawSql"])) for one in targets]
    check("no other variables are in its queries", left, [[]] * len(targets))
    titles = {path.read_text().split("\n", 1)[0].removeprefix("-- "): path.stem for path in QUERIES.glob("*.sql")}
    with tempfile.TemporaryDirectory() as directory:
        made_up(directory)
        engine = ClickHouse(binary)
        engine.load(files_of(directory))
        # A server may be anywhere.
        for zone in ("UTC", "America/Los_Angeles", "Pacific/Auckland"):
            for panel in board["panels"]:
                name = titles[panel["title"]]
                found = engine.run(f"{in_place(panel['targets'][0]['rawSql'])} SETTINGS session_timezone = '{zone}'")
                expected = [tuple(plain(value) for value in row) for row in ANSWERS[name]]
                check(f"the dashboard with a server in {zone}: {name}", [tuple(plain(value) for value in row) for row in found], expected)
        series = [panel["targets"][0]["rawSql"] for panel in board["panels"] if panel["type"] == "timeseries"]
        for query in series:
            columns = engine.run(f"DESCRIBE ({in_place(query)})")
            check("a series has a time and a number", [column[1] for column in columns], ["DateTime('UTC')", "Float64"])
        engine.close()
