use super::*;
use serde_json::json;
use std::collections::BTreeSet;

fn look(width: Option<usize>) -> Look {
    let local = |at| chrono::DateTime::from_timestamp(at, 0).map(|t| t.naive_utc());
    Look { width, colour: false, verbose: false, ascii: true, now: 1_750_000_000, local }
}

fn written(format: Format, names: &[&str], rows: &[Value], look: &Look) -> String {
    let chosen = (!names.is_empty()).then(|| RUNS.choose(names).unwrap());
    let mut out: Vec<u8> = Vec::new();
    let mut records = Records::begin(format, &RUNS, chosen, look, false, &mut out).unwrap();
    for row in rows {
        records.row(row).unwrap();
    }
    assert_eq!(records.finish().unwrap().rows, rows.len() as u64);
    String::from_utf8(out).unwrap()
}

/// Follows a reference into the schema that holds it.
fn resolved<'s>(mut part: &'s Value, root: &'s Value) -> &'s Value {
    while let Some(reference) = part["$ref"].as_str() {
        part = root.pointer(reference.trim_start_matches('#')).unwrap();
    }
    part
}

/// The keys below a part of a schema, those of objects with a point before them.
fn leaves(part: &Value, root: &Value, before: &str, into: &mut BTreeSet<String>) {
    let part = resolved(part, root);
    for way in ["anyOf", "oneOf", "allOf"] {
        part[way].as_array().into_iter().flatten().for_each(|other| leaves(other, root, before, into));
    }
    for (key, value) in part["properties"].as_object().into_iter().flatten() {
        let mut below = BTreeSet::new();
        leaves(value, root, &format!("{before}{key}."), &mut below);
        if below.is_empty() {
            below.insert(format!("{before}{key}"));
        }
        into.append(&mut below);
    }
}

#[test]
fn the_fields_of_a_listing_are_those_of_its_schema() {
    // Both periods of a trend are in the document.
    let left_out = |name: &str| name.starts_with("trend.latest") || name.starts_with("trend.before");
    for (listing, schema, key) in LISTINGS {
        let root: Value = serde_json::from_str(crate::report::schema(schema).unwrap()).unwrap();
        let rows = if key.is_empty() { &root } else { resolved(&root["properties"][key], &root) };
        let mut keys = BTreeSet::new();
        leaves(&rows["items"], &root, "", &mut keys);
        keys.retain(|name| !left_out(name) && name != "trend.period_seconds");
        let named: BTreeSet<String> = listing.names().map(str::to_owned).collect();
        assert_eq!(named, keys, "{schema}");
        assert_eq!(named.len(), listing.fields.len(), "{schema}: a field stands there twice");
    }
}

#[test]
fn a_field_that_is_not_there_is_refused_and_so_is_one_named_twice() {
    let names = |names: &[&str]| RUNS.choose(names).map(|fields| fields.iter().map(|f| f.name).collect::<Vec<_>>());
    assert_eq!(names(&["status", " id"]).unwrap(), ["status", "id"]);
    let error = names(&["id", "colour"]).unwrap_err();
    assert_eq!(error.to_string(), "a run has no field `colour`");
    assert_eq!(names(&["id", "id"]).unwrap_err().to_string(), "the field `id` is named twice");
    assert!(names(&[""]).is_err());
}

#[test]
fn chosen_fields_are_written_in_the_order_in_which_they_were_chosen() {
    let rows = [json!({"id": "web-1/17", "tags": ["a", "b"], "duration_ms": null, "pinned": true})];
    let fields = ["tags", "pinned", "id", "duration_ms"];
    let look = look(None);
    let object = r#"{"tags":["a","b"],"pinned":true,"id":"web-1/17","duration_ms":null}"#;
    assert_eq!(written(Format::Json, &fields, &rows, &look), format!("[\n{object}\n]\n"));
    assert_eq!(written(Format::Ndjson, &fields, &rows, &look), format!("{object}\n"));
    assert_eq!(
        written(Format::Csv, &fields, &rows, &look),
        "tags,pinned,id,duration_ms\r\n\"[\"\"a\"\",\"\"b\"\"]\",true,web-1/17,\r\n"
    );
    assert_eq!(
        written(Format::Tsv, &fields, &rows, &look),
        "tags\tpinned\tid\tduration_ms\n[\"a\",\"b\"]\ttrue\tweb-1/17\t\n"
    );
    assert_eq!(written(Format::Ids, &[], &rows, &look), "web-1/17\n");
    assert_eq!(written(Format::Json, &["id"], &[], &look), "[]\n");
}

#[test]
fn no_cell_of_csv_begins_like_a_formula_and_every_text_can_be_had_back() {
    let texts = [
        "=1+2",
        "+1",
        "-1",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "\nx",
        "\u{ff1d}1",
        "'",
        "'=x",
        "",
        "a=b",
        "x'y",
        "a,\"b\"\r\nc",
    ];
    let rows: Vec<Value> = texts.iter().map(|text| json!({"user": text, "tasks_failed": -1})).collect();
    let text = written(Format::Csv, &["user", "tasks_failed"], &rows, &look(None));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let cells: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(cells.len(), texts.len());
    for (cell, text) in cells.iter().zip(texts) {
        assert!(!cell[0].starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}']), "{cell:?}");
        assert_eq!(cell[0].strip_prefix('\'').unwrap_or(&cell[0]), text);
        assert_eq!(&cell[1], "-1", "a number is a number");
    }
}

#[test]
fn a_line_of_tsv_is_a_row_whatever_a_text_holds() {
    let rows = [json!({"user": "a\tb\nc\rd\\e\u{1b}[31m\u{9b}", "cwd": "-"})];
    let text = written(Format::Tsv, &["user", "cwd"], &rows, &look(None));
    assert_eq!(text, "user\tcwd\na\\tb\\nc\\rd\\\\e\\u001b[31m\\u009b\t-\n");
}

#[test]
fn an_id_that_breaks_its_line_is_left_out_and_counted() {
    let mut out: Vec<u8> = Vec::new();
    let look = look(None);
    let mut records = Records::begin(Format::Ids, &RUNS, None, &look, false, &mut out).unwrap();
    for id in ["a/1", "a\nb/2", "c/3", "c/3"] {
        records.row(&json!({ "id": id })).unwrap();
    }
    records.row(&json!({"entry": "x.sh"})).unwrap();
    assert_eq!(records.finish().unwrap(), Written { rows: 5, unfit: 1 });
    assert_eq!(String::from_utf8(out).unwrap(), "a/1\nc/3\n");
}

#[test]
fn a_table_of_chosen_columns_fits_and_stands_apart_where_it_cannot() {
    let row = json!({
        "id": "a-very-long-project-name-that-nobody-can-read-e259db19/1749827200", "disk_bytes": 5_242_880,
        "started_at": "2025-06-13T15:06:40Z", "duration_ms": 8500, "pinned": false, "tags": ["x", "y"], "cwd": null,
    });
    let fields = ["id", "disk_bytes", "started_at", "duration_ms"];
    let text = written(Format::Table, &fields, std::slice::from_ref(&row), &look(Some(60)));
    let heads: Vec<_> = text.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(heads, ["ID", "DISK", "STARTED", "DURATION"]);
    assert!(text.contains("/1749827200  5.0 MiB  2 days ago      8.5s\n"), "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 60, "{line}");
    }
    let apart = written(
        Format::Table,
        &["id", "disk_bytes", "started_at", "duration_ms", "pinned", "tags", "cwd", "size_bytes", "tasks_failed"],
        std::slice::from_ref(&row),
        &look(Some(60)),
    );
    assert!(apart.starts_with("id            a-very-long-proj"), "{apart}");
    assert!(apart.contains("\ntags          x y\ncwd           -\n"), "{apart}");
    assert!(apart.lines().all(|line| line.chars().count() <= 60), "{apart}");
}
