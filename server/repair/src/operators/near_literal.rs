//! A text, key or number that stands near by.

use super::{About, Edit, Edits, Operator, Place, boolean::short};

/// How many others are tried for one.
const MOST: usize = 6;

/// `d['name']` → `d['key']`, where `'key'` stands near by; `' '` → `''`; `',' ` → `', '`.
#[derive(Debug)]
pub struct NearLiteral;

impl Operator for NearLiteral {
    fn about(&self) -> &'static About {
        &About {
            name: "near_literal",
            doc: "A text or number is replaced by another one from near by; a short text gains or loses a space, or becomes empty.",
            example: (
                "def f(user):\n    if 'name' in user:\n        return user['nam']\n    return None\n",
                "def f(user):\n    if 'name' in user:\n        return user['name']\n    return None\n",
            ),
            source: "\"Change string literal\" and \"change numeric literal\" of ManySStuBs4J, Karampatsis and Sutton 2020; plastic \
                     surgery hypothesis, Barr et al. 2014",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        for node in place.nodes() {
            let kind = node.kind();
            let inside = node.parent().is_some_and(|parent| parent.kind() == "concatenated_string");
            if !matches!(kind, "string" | "integer" | "float") || inside {
                continue;
            }
            let old = place.text(node);
            let mut push = |weight: u32, new: &str| {
                let why = format!("`{}` on {} should be `{}`", short(old), place.at(node), short(new));
                edits.push(weight, node.byte_range(), new, why);
            };
            let key = node
                .parent()
                .is_some_and(|parent| matches!(parent.kind(), "subscript" | "pair" | "comparison_operator"));
            let base = match (kind, key) {
                ("string", true) => 430,
                ("string", false) => 330,
                _ => 230,
            };
            let near = place.near(
                |facts| &facts.literals,
                MOST,
                |piece| piece.kind == kind && &*piece.text != old && !piece.text.starts_with(['f', 'b', 'F', 'B']),
            );
            let format = kind == "string" && old.starts_with(['f', 'b', 'F', 'B']);
            for (rank, other) in near.iter().enumerate().filter(|_| !format) {
                // The nearer and the more alike.
                let like = super::variable::likeness(old, &other.text);
                push(base + like - 20 * rank as u32, &other.text);
            }
            if kind == "string" {
                spaces(old).into_iter().for_each(|new| push(300, &new));
            }
        }
        edits.done()
    }
}

/// A short plain text with a space more or less, another case, or nothing in it.
fn spaces(old: &str) -> Vec<String> {
    let quote = match old.chars().next() {
        Some(quote @ ('\'' | '"')) if !old.starts_with("'''") && !old.starts_with("\"\"\"") => quote,
        _ => return Vec::new(),
    };
    let content = &old[1..old.len().saturating_sub(1).max(1)];
    if content.len() > 24 || content.contains('\\') {
        return Vec::new();
    }
    let mut out: Vec<String> = Vec::new();
    let mut add = |new: String| {
        let new = format!("{quote}{new}{quote}");
        if new != old && !out.contains(&new) {
            out.push(new);
        }
    };
    if content.len() <= 3 {
        add(String::new());
        if content.is_empty() {
            add(" ".to_owned());
            add("\\n".to_owned());
        } else {
            add(format!("{content} "));
            add(format!(" {content}"));
        }
    }
    if content.trim() != content && !content.trim().is_empty() {
        add(content.trim().to_owned());
    }
    add(content.to_lowercase());
    if content.chars().all(|c| c.is_lowercase()) && content.chars().count() == 1 {
        add(content.to_uppercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, edits_of};

    #[test]
    fn literals_come_from_near_by() {
        let edits = edits_of(&super::NearLiteral, "A = {'keys': 17}\n$0x = d['key'] + 3\n");
        let new: Vec<&str> = edits.iter().map(|edit| edit.replacement.as_str()).collect();
        assert_eq!(new, ["'keys'", "''", "'key '", "' key'", "17"]);
        check(&super::NearLiteral, "$0x = ' '.join(y)\n", &["x = ''.join(y)", "x = '  '.join(y)"]);
    }
}
