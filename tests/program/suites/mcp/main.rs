//! `airlock mcp` over its standard streams: the work of an agent, what it must never do, and what clients do that a server must
//! survive.

mod clients;
mod hostile;
mod roots;
mod work;

use std::path::Path;

use serde_json::{Value, json};

/// The shop's failing test.
pub const FAILING: &str = "tests/test_discounts.py::test_discount_starts_at_its_threshold";

/// What mends it.
pub const GOOD: &str = "\
--- a/src/shop/discounts.py
+++ b/src/shop/discounts.py
@@ -21,4 +21,4 @@
     for threshold, percent in QUANTITY_DISCOUNTS:
-        if pieces > threshold:
+        if pieces >= threshold:
             discount = percent
     return discount
";

/// What mends it, and breaks others.
pub const BAD: &str = "\
--- a/src/shop/discounts.py
+++ b/src/shop/discounts.py
@@ -21,4 +21,4 @@
     for threshold, percent in QUANTITY_DISCOUNTS:
-        if pieces > threshold:
+        if pieces:
             discount = percent
     return discount
";

/// The sessions of a project, as the command line lists them.
pub fn sessions(folder: &Path) -> Vec<Value> {
    let answer = airlock_program_tests::json(folder, &["sessions", "list"]);
    answer.document["sessions"].as_array().expect("a list").clone()
}

/// Parameters of a call.
pub fn call(tool: &str, arguments: Value) -> Value {
    json!({"name": tool, "arguments": arguments})
}
