//! The JSON schema of a configuration file, for editors, made from the table of settings.

use serde_json::{Map, Value as Json, json};

use super::table::{Fallback, Kind, MAX_ITEMS, MAX_TEXT, SETTINGS, Setting};

/// The schema (draft 7, which the TOML language servers understand) of `airlock.toml`, of `[tool.airlock]` and of the
/// user's `config.toml`, as pretty JSON with a final newline.
pub fn schema() -> String {
    let mut properties = Map::new();
    for setting in SETTINGS {
        match setting.name.split_once('.') {
            None => {
                properties.insert(setting.name.to_owned(), property(setting));
            }
            Some((table, name)) => {
                let inner = properties
                    .entry(table.to_owned())
                    .or_insert_with(|| json!({"type": "object", "additionalProperties": false, "properties": {}}));
                inner["properties"][name] = property(setting);
            }
        }
    }
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Airlock",
        "description": "airlock.toml, [tool.airlock] of pyproject.toml, and the user's config.toml",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    format!("{schema:#}\n")
}

fn property(setting: &Setting) -> Json {
    let mut property = match setting.kind {
        Kind::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Choice(words) => json!({"type": "string", "enum": words}),
        Kind::Path | Kind::Text => json!({"type": "string", "minLength": 1, "maxLength": MAX_TEXT}),
        Kind::Dollars => json!({"type": "string", "pattern": "^[0-9]{1,9}(\\.[0-9]{1,6})?$"}),
        Kind::List => json!({
            "type": "array",
            "maxItems": MAX_ITEMS,
            "items": {"type": "string", "minLength": 1, "maxLength": MAX_TEXT},
        }),
    };
    match setting.fallback {
        Fallback::Integer(n) => property["default"] = json!(n),
        Fallback::Text(text) => property["default"] = json!(text),
        Fallback::EmptyList => property["default"] = json!([]),
        Fallback::Processors | Fallback::Unset => {}
    }
    property["description"] = json!(format!("{}; {}", setting.doc, setting.direction.describe()));
    property
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/airlock.schema.json");

    #[test]
    fn the_committed_schema_is_the_generated_one() {
        let path = std::path::Path::new(COMMITTED);
        if std::env::var_os("UPDATE").is_some_and(|v| v == "1") {
            std::fs::write(path, schema()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(committed == schema(), "{COMMITTED} is out of date: run the tests once with UPDATE=1");
    }

    #[test]
    fn every_setting_is_in_the_schema() {
        let parsed: Json = serde_json::from_str(&schema()).unwrap();
        for setting in SETTINGS {
            let pointer = format!("/properties/{}", setting.name.replace('.', "/properties/"));
            let property = parsed.pointer(&pointer).unwrap_or_else(|| panic!("{pointer}"));
            assert!(property["description"].as_str().is_some_and(|d| d.starts_with(setting.doc)));
        }
    }
}
