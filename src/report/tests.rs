//! Schemas are sound and name every key.

use super::*;

#[test]
fn every_schema_is_a_schema() {
    for (name, text) in SCHEMAS {
        let value: serde_json::Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(value["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        jsonschema::validator_for(&value).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    assert!(schema("otto.list/1").is_some() && schema("otto.nothing/1").is_none());
}
