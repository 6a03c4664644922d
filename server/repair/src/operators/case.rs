//! A case that a condition forgets, or one that it should not let through.

use tree_sitter::Node;

use super::{
    About, Edit, Edits, Operator, Place,
    boolean::short,
    place::{names_read, wrapped},
};

/// Conditions taken from near by that are tried.
const MAX_DONORS: usize = 8;
/// Literals that are tried on one compared value.
const MAX_LITERALS: usize = 5;

/// `if a:` → `if a or b:`, `if a and b:`, with conditions and literals from near by.
#[derive(Debug)]
pub struct Case;

impl Operator for Case {
    fn about(&self) -> &'static About {
        &About {
            name: "missing_case",
            doc: "A condition is given another case, `or …`, or another demand, `and …`: a condition from near by, a \
                  comparison with another value, or whether a variable is there at all.",
            example: (
                "def f(text, strict):\n    if text == 'y':\n        return True\n    return text == 'yes'\n",
                "def f(text, strict):\n    if text == 'y' or text == 'yes':\n        return True\n    return text == 'yes'\n",
            ),
            source: "Condition expression adder and remover of PAR, Kim et al. 2013; condition templates of TBar, Liu et \
                     al. 2019; \"more, less specific if\" of ManySStuBs4J; ACS, Xiong et al. 2017",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        for node in place.nodes() {
            if let Some(weight) = decides(node) {
                extend(place, node, weight, &mut edits);
            }
        }
        edits.done()
    }
}

/// How likely it is that a whole condition at `node` lacks a case.
fn decides(node: Node<'_>) -> Option<u32> {
    if !node.is_named() || matches!(node.kind(), "true" | "false" | "none" | "integer" | "named_expression") {
        return None;
    }
    let parent = node.parent()?;
    let field = |name: &str| parent.child_by_field_name(name).is_some_and(|found| found.id() == node.id());
    match parent.kind() {
        "if_statement" | "elif_clause" if field("condition") => Some(380),
        "while_statement" if field("condition") => Some(360),
        "if_clause" => Some(330),
        "conditional_expression" if parent.named_child(1)?.id() == node.id() => Some(300),
        "return_statement" if matches!(node.kind(), "comparison_operator" | "boolean_operator" | "not_operator") => {
            Some(330)
        }
        _ => None,
    }
}

fn extend(place: &Place<'_>, node: Node<'_>, weight: u32, edits: &mut Edits) {
    let text = place.text(node);
    if text.contains('\n') {
        return;
    }
    let at = place.at(node);
    let grouped = |sign: &str| match node.kind() {
        // `and` binds more tightly than `or`.
        "boolean_operator" => {
            let same = node.child_by_field_name("operator").is_some_and(|own| own.kind() == sign);
            if same || sign == "or" { text.to_owned() } else { format!("({text})") }
        }
        "conditional_expression" | "lambda" => wrapped(node, text),
        _ => text.to_owned(),
    };
    let (both, either) = (grouped("and"), grouped("or"));
    let mut push = |weight: u32, sign: &str, first: bool, other: &str| {
        let old = if sign == "and" { &both } else { &either };
        let new = if first { format!("{other} {sign} {old}") } else { format!("{old} {sign} {other}") };
        let why = match sign {
            "or" => format!("the condition on {at} forgets the case `{}`", short(other)),
            _ => format!("the condition on {at} should also ask for `{}`", short(other)),
        };
        edits.push(weight, node.byte_range(), new, why);
    };
    // Another value for what is compared already.
    for comparison in comparisons(node) {
        let (Some(left), Some(sign), Some(right)) = (comparison.child(0), comparison.child(1), comparison.child(2))
        else {
            continue;
        };
        if !matches!(sign.kind(), "==" | "!=") || comparison.child_count() != 3 {
            continue;
        }
        let kind = right.kind();
        let values = place.near(
            |facts| &facts.literals,
            MAX_LITERALS,
            |piece| piece.kind == kind && &*piece.text != place.text(right),
        );
        let joint = if sign.kind() == "==" { "or" } else { "and" };
        for (rank, value) in values.iter().enumerate() {
            let new = format!("{} {} {}", place.text(left), sign.kind(), value.text);
            push(weight - 10 * rank as u32, joint, false, &new);
        }
    }
    // Conditions from near by.
    let donors = place.near(|facts| &facts.conditions, MAX_DONORS, |piece| !text.contains(&*piece.text));
    for (rank, donor) in donors.iter().enumerate() {
        let weight = weight - 60 - 10 * rank as u32;
        let other = if donor.kind == "conditional_expression" || donor.kind == "lambda" {
            format!("({})", donor.text)
        } else {
            donor.text.to_string()
        };
        push(weight, "or", false, &other);
        push(weight, "and", false, &other);
        push(weight - 30, "and", true, &other);
    }
    // Whether what it looks at is there, is empty, is negative.
    for name in names_read(node, place.source().text()).into_iter().take(3) {
        push(weight - 40, "or", true, &format!("not {name}"));
        push(weight - 50, "and", true, name);
        push(weight - 60, "or", false, &format!("{name} == 0"));
        push(weight - 70, "or", true, &format!("{name} < 0"));
        push(weight - 80, "and", false, &format!("{name} > 0"));
    }
    // Variables that it does not look at.
    for value in place.values_at(node).iter().filter(|value| !text.contains(value.text.as_str())).take(4) {
        push(weight - 150, "and", false, &value.text);
        push(weight - 160, "or", false, &value.text);
        push(weight - 170, "and", false, &format!("not {}", value.text));
        push(weight - 180, "or", false, &format!("not {}", value.text));
    }
}

fn comparisons(node: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    crate::source::preorder(node, |child| {
        if child.kind() == "comparison_operator" {
            found.push(child);
        }
        matches!(child.kind(), "boolean_operator" | "parenthesized_expression" | "not_operator")
    });
    found
}

#[cfg(test)]
mod tests {
    use super::super::check::edits_of;

    #[test]
    fn cases_are_added() {
        let edits = edits_of(&super::Case, "if y > 3: pass\n$0if a == 'x' and b: c = 'z'\n");
        let new: Vec<&str> = edits.iter().map(|edit| edit.replacement.as_str()).collect();
        assert_eq!(new[0], "a == 'x' and b or a == 'z'");
        for expected in ["a == 'x' and b or y > 3", "a == 'x' and b and y > 3", "not a or a == 'x' and b"] {
            assert!(new.contains(&expected), "{expected} in {new:?}");
        }
    }
}
