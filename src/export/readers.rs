//! What reads the files: SQL for three databases, and a dashboard made of the same SQL.

use serde_json::{Value, json};

/// Whoever reads what was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Reader {
    /// Tables and views
    Clickhouse,
    /// Views over the files
    Duckdb,
    /// Tables and views
    Postgres,
    /// A dashboard on ClickHouse
    Grafana,
}

impl Reader {
    pub(crate) fn text(self) -> String {
        match self {
            Self::Clickhouse => include_str!("sql/clickhouse.sql").to_owned(),
            Self::Duckdb => include_str!("sql/duckdb.sql").to_owned(),
            Self::Postgres => include_str!("sql/postgres.sql").to_owned(),
            Self::Grafana => format!("{:#}\n", dashboard()),
        }
    }
}

/// How a panel shows what its query gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Series,
    Table,
    Number,
}

/// A panel. Its query names the time shown as `:from` and `:until`; its first line is its title.
struct Panel {
    query: &'static str,
    form: Form,
    /// Of the 24 columns of a dashboard.
    width: u32,
    unit: &'static str,
}

const USD: &str = "currencyUSD";

/// From the top.
const PANELS: [Panel; 10] = [
    Panel {
        query: include_str!("sql/panels/spend_by_day.sql"),
        form: Form::Series,
        width: 12,
        unit: USD,
    },
    Panel {
        query: include_str!("sql/panels/month_forecast.sql"),
        form: Form::Number,
        width: 8,
        unit: USD,
    },
    Panel {
        query: include_str!("sql/panels/unrecorded_share.sql"),
        form: Form::Number,
        width: 4,
        unit: "percent",
    },
    Panel {
        query: include_str!("sql/panels/spend_by_person.sql"),
        form: Form::Table,
        width: 12,
        unit: USD,
    },
    Panel {
        query: include_str!("sql/panels/spend_by_repository.sql"),
        form: Form::Table,
        width: 12,
        unit: USD,
    },
    Panel {
        query: include_str!("sql/panels/spend_by_branch.sql"),
        form: Form::Table,
        width: 12,
        unit: USD,
    },
    Panel {
        query: include_str!("sql/panels/spend_by_model.sql"),
        form: Form::Table,
        width: 12,
        unit: USD,
    },
    Panel {
        query: include_str!("sql/panels/hours_at_the_limit.sql"),
        form: Form::Table,
        width: 24,
        unit: USD,
    },
    Panel {
        query: include_str!("sql/panels/limits_by_kind.sql"),
        form: Form::Table,
        width: 12,
        unit: "none",
    },
    Panel {
        query: include_str!("sql/panels/silent_machines.sql"),
        form: Form::Table,
        width: 12,
        unit: "none",
    },
];

/// How high a panel is.
const HEIGHT: u32 = 8;
/// How wide a dashboard is.
const WIDTH: u32 = 24;

fn dashboard() -> Value {
    let (mut x, mut y) = (0, 0);
    let panels: Vec<Value> = PANELS
        .iter()
        .zip(1..)
        .map(|(panel, id)| {
            if x + panel.width > WIDTH {
                (x, y) = (0, y + HEIGHT);
            }
            let place = json!({ "x": x, "y": y, "w": panel.width, "h": HEIGHT });
            x += panel.width;
            panel.json(id, &place)
        })
        .collect();
    json!({
        "__requires": [
            { "type": "grafana", "id": "grafana", "name": "Grafana", "version": "11.6.0" },
            { "type": "datasource", "id": CLICKHOUSE, "name": "ClickHouse", "version": PLUGIN },
        ],
        "uid": "whycap-team",
        "title": "Claude Code: spend and limits",
        "tags": ["whycap"],
        "timezone": "utc",
        "schemaVersion": 39,
        "version": 1,
        "editable": true,
        "refresh": "",
        "time": { "from": "now-30d", "to": "now" },
        "templating": { "list": [{
            "name": "datasource",
            "label": "ClickHouse",
            "type": "datasource",
            "query": CLICKHOUSE,
        }] },
        "annotations": { "list": [] },
        "panels": panels,
    })
}

/// The data source's name in Grafana.
const CLICKHOUSE: &str = "grafana-clickhouse-datasource";
/// The version of it whose queries these are. A query that names none is taken for an older one.
const PLUGIN: &str = "4.0.0";

impl Panel {
    /// Its title and its query.
    fn parts(&self) -> (&'static str, &'static str) {
        let (title, query) = self.query.split_once('\n').unwrap_or_default();
        (title.trim_start_matches("-- "), query.trim_end())
    }

    fn json(&self, id: u32, place: &Value) -> Value {
        let (title, query) = self.parts();
        // The server may be anywhere: days and months are those of the rows.
        let query = query
            .replace(":from", "toTimeZone($__fromTime, 'UTC')")
            .replace(":until", "toTimeZone($__toTime, 'UTC')");
        let (kind, format, query_type) = match self.form {
            Form::Series => ("timeseries", 0, "timeseries"),
            Form::Table => ("table", 1, "table"),
            Form::Number => ("stat", 1, "table"),
        };
        let source = json!({ "type": CLICKHOUSE, "uid": "${datasource}" });
        // In a table, only dollars are dollars.
        let of_dollars = json!({
            "matcher": { "id": "byRegexp", "options": "/usd/" },
            "properties": [{ "id": "unit", "value": self.unit }],
        });
        let (defaults, overrides) = match self.form {
            Form::Table => (json!({}), json!([of_dollars])),
            // A day without spend is a gap, not a slope.
            Form::Series => {
                let bars = json!({ "drawStyle": "bars", "fillOpacity": 80 });
                (json!({ "unit": self.unit, "custom": bars }), json!([]))
            }
            Form::Number => (json!({ "unit": self.unit }), json!([])),
        };
        json!({
            "id": id,
            "type": kind,
            "title": title,
            "gridPos": place,
            "datasource": source,
            "fieldConfig": { "defaults": defaults, "overrides": overrides },
            "options": if self.form == Form::Number {
                json!({ "reduceOptions": { "calcs": ["lastNotNull"], "fields": "/.*/", "values": false } })
            } else {
                json!({})
            },
            "targets": [{
                "refId": "A",
                "datasource": source,
                "pluginVersion": PLUGIN,
                "editorType": "sql",
                "queryType": query_type,
                "format": format,
                "rawSql": query,
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_query_is_on_the_dashboard_and_asks_for_the_time_that_is_shown() {
        let dashboard = dashboard();
        let panels = dashboard["panels"].as_array().unwrap();
        assert_eq!(panels.len(), PANELS.len());
        for panel in panels {
            let query = panel["targets"][0]["rawSql"].as_str().unwrap();
            assert!(
                query.contains("$__toTime") && !query.contains(":until"),
                "{query}"
            );
            assert!(!panel["title"].as_str().unwrap().is_empty());
            let place = &panel["gridPos"];
            let right = place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap();
            assert!(right <= WIDTH.into(), "{place}");
        }
    }
}
