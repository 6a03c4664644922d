//! As much of JSON Schema as the program's own schemas use; a keyword beyond that is a fault.

use serde_json::Value;

/// Whether a value is of a schema; `whole` is where its references lead.
///
/// # Errors
/// What is not, and where.
pub fn check(whole: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let Value::Object(members) = schema else {
        return if *schema == Value::Bool(true) { Ok(()) } else { Err(format!("{schema} is no schema")) };
    };
    for (keyword, wanted) in members {
        match keyword.as_str() {
            "$schema" | "$defs" | "description" | "title" | "default" | "format" => {}
            "$ref" => {
                let name = wanted.as_str().and_then(|path| path.strip_prefix("#/")).ok_or("a reference elsewhere")?;
                let found = whole.pointer(&format!("/{name}")).ok_or_else(|| format!("{name} is not there"))?;
                check(whole, found, value)?;
            }
            "type" => {
                let is = |name: &Value| match name.as_str() {
                    Some("object") => value.is_object(),
                    Some("array") => value.is_array(),
                    Some("string") => value.is_string(),
                    Some("boolean") => value.is_boolean(),
                    Some("null") => value.is_null(),
                    Some("integer") => value.is_i64() || value.is_u64(),
                    Some("number") => value.is_number(),
                    _ => false,
                };
                let fits = wanted.as_array().map_or_else(|| is(wanted), |any| any.iter().any(is));
                if !fits {
                    return Err(format!("{value} is no {wanted}"));
                }
            }
            "minimum" => {
                if value.as_f64().zip(wanted.as_f64()).is_some_and(|(value, least)| value < least) {
                    return Err(format!("{value} is less than {wanted}"));
                }
            }
            "required" => {
                for name in wanted.as_array().ok_or("required is no list")? {
                    let name = name.as_str().ok_or("a name is no string")?;
                    if value.get(name).is_none() {
                        return Err(format!("{name} is missing"));
                    }
                }
            }
            "properties" => {
                for (name, property) in wanted.as_object().ok_or("properties are no object")? {
                    if let Some(value) = value.get(name) {
                        check(whole, property, value).map_err(|why| format!("{name}: {why}"))?;
                    }
                }
                // An answer has nothing that its schema does not tell of.
                let known = wanted.as_object().ok_or("properties are no object")?;
                if let Some(name) =
                    value.as_object().into_iter().flatten().map(|(name, _)| name).find(|n| !known.contains_key(*n))
                {
                    return Err(format!("{name} is not in the schema"));
                }
            }
            "additionalProperties" if members.contains_key("properties") => {}
            "additionalProperties" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    check(whole, wanted, value).map_err(|why| format!("{name}: {why}"))?;
                }
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(whole, wanted, item).map_err(|why| format!("{at}: {why}"))?;
                }
            }
            "anyOf" => {
                let any = wanted.as_array().ok_or("anyOf is no list")?;
                if !any.iter().any(|one| check(whole, one, value).is_ok()) {
                    return Err(format!("{value} is none of {wanted}"));
                }
            }
            other => return Err(format!("the keyword {other} is not known")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_of_a_schema_is_told() {
        let schema = json!({
            "type": "object",
            "required": ["a"],
            "properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/n"}}, "b": {"type": ["string", "null"]}},
            "$defs": {"n": {"type": "integer", "minimum": 0}},
        });
        let is = |value: Value| check(&schema, &schema, &value);
        assert_eq!(is(json!({"a": [1, 2], "b": null})), Ok(()));
        for wrong in [
            json!([]),
            json!({}),
            json!({"a": [-1]}),
            json!({"a": ["x"]}),
            json!({"a": [], "b": 3}),
            json!({"a": [], "c": 1}),
        ] {
            assert!(is(wrong.clone()).is_err(), "{wrong}");
        }
        assert!(check(&schema, &json!({"oneOf": []}), &json!(1)).is_err());
    }
}
