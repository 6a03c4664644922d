use super::*;

fn source(text: &str) -> Source {
    Source::parse("pkg/mod.py", text.as_bytes()).unwrap()
}

fn headers(source: &Source) -> Vec<(&str, u32, u32, String)> {
    source
        .statements()
        .iter()
        .map(|s| {
            let scope = source.scopes()[s.scope].qualname.clone();
            (&source.text()[s.range.clone()], *s.lines.start(), *s.lines.end(), scope)
        })
        .collect()
}

#[test]
fn statements_have_lines_and_scopes() {
    let source = source(concat!(
        "import os\n",
        "class Stack:\n",
        "    \"\"\"Not a place.\"\"\"\n",
        "    limit = 3\n",
        "    def pop(self, n=1):\n",
        "        if n > 1 and (\n",
        "                self.limit):  # why\n",
        "            return [self.pop() for _ in range(n)]\n",
        "        elif n: return 1\n",
        "        else:\n",
        "            def inner(): x = 1\n",
        "        try:\n",
        "            pass\n",
        "        except ValueError as error:\n",
        "            raise\n",
    ));
    let found = headers(&source);
    let expected: &[(&str, u32, u32, &str)] = &[
        ("import os", 1, 1, ""),
        ("class Stack:", 2, 2, ""),
        ("limit = 3", 4, 4, "Stack"),
        ("def pop(self, n=1):", 5, 5, "Stack"),
        ("if n > 1 and (\n                self.limit):", 6, 7, "Stack.pop"),
        ("return [self.pop() for _ in range(n)]", 8, 8, "Stack.pop"),
        ("elif n:", 9, 9, "Stack.pop"),
        ("return 1", 9, 9, "Stack.pop"),
        ("def inner():", 11, 11, "Stack.pop"),
        ("x = 1", 11, 11, "Stack.pop.<locals>.inner"),
        ("pass", 13, 13, "Stack.pop"),
        ("except ValueError as error:", 14, 14, "Stack.pop"),
        ("raise", 15, 15, "Stack.pop"),
    ];
    let found: Vec<_> = found.iter().map(|(a, b, c, d)| (*a, *b, *c, d.as_str())).collect();
    assert_eq!(found, expected);
    let at_import: Vec<bool> = source.statements().iter().map(|s| s.at_import).collect();
    assert_eq!(at_import.iter().filter(|b| **b).count(), 4);
    assert!(at_import[..4].iter().all(|b| *b));
    let at = source.statement_at(7).unwrap();
    assert_eq!(source.statements()[at].kind, "if_statement");
    assert_eq!(source.statement_at(99), None);
}

#[test]
fn scopes_know_their_names() {
    let source = source(concat!(
        "import a.b, c as d\n",
        "from e import f, g as h\n",
        "LIMIT: int = 3\n",
        "def run(x, *rest, y: int = 1, **more):\n",
        "    first, (second, *third) = x\n",
        "    self.no[also_no] = 1\n",
        "    for i, j in rest: pass\n",
        "    with open(x) as stream: pass\n",
        "    if (walrus := y): pass\n",
        "    try: pass\n",
        "    except OSError as error: pass\n",
        "    return [lambda k: k]\n",
    ));
    let names = |scope: usize| -> Vec<(&str, NameKind)> {
        source.scopes()[scope].names.iter().map(|n| (n.text.as_str(), n.kind)).collect()
    };
    use NameKind::{Function, Global, Import, Local, Parameter};
    assert_eq!(
        names(0),
        [("a", Import), ("d", Import), ("f", Import), ("h", Import), ("LIMIT", Global), ("run", Function)]
    );
    let run = names(1);
    assert_eq!(run[..4], [("x", Parameter), ("rest", Parameter), ("y", Parameter), ("more", Parameter)]);
    let locals: Vec<&str> = run[4..].iter().map(|n| n.0).collect();
    assert_eq!(locals, ["first", "second", "third", "i", "j", "stream", "walrus", "error"]);
    assert!(run[4..].iter().all(|n| n.1 == Local));
}

#[test]
fn equal_trees_have_equal_hashes() {
    let hash = |text: &str| {
        let source = source(text);
        tree_hash(source.root(), text, &(0..text.len()))
    };
    assert_eq!(hash("x = (a) + b\n"), hash("x  =  a + (b)  # why\n"));
    assert_ne!(hash("x = (a + b) * c\n"), hash("x = a + b * c\n"));
    assert_ne!(hash("x = a - b\n"), hash("x = a + b\n"));
    assert_ne!(hash("x = (a,)\n"), hash("x = (a)\n"));
    assert_ne!(hash("f(a)(b)\n"), hash("f(a, b)\n"));
}

#[test]
fn edits_that_break_the_grammar_are_refused() {
    let source = source("def f(a):\n    return a + 1\n\nclass = 3\n");
    assert!(source.edited(&(23..24), "<").is_some_and(|text| text.contains("a < 1")));
    assert!(source.edited(&(23..24), ") (").is_none());
    // The broken last line is no place, the rest is.
    assert!(source.statements().iter().all(|s| s.kind != "class_definition"));
}

#[test]
fn a_statement_is_judged_by_itself_as_within_its_file() {
    let source = source(concat!(
        "match a:\n    case [b] if b > 1: pass\n",
        "async def f(x, y=1):\n",
        "    if x: pass\n    elif y: pass\n",
        "    try: pass\n    except (A, B) as e: pass\n",
        "    async with x as z: pass\n    for i in x: pass\n    while x: pass\n",
        "    @d\n    class C(x): pass\n",
        "    return (x,\n  y)\n",
    ));
    assert_eq!(source.statements().len(), 20);
    for statement in source.statements() {
        let text = &source.text()[statement.range.clone()];
        assert!(Fragment::parse(statement, text).is_some(), "{text}");
        assert!(Fragment::parse(statement, &format!("{text} ) (")).is_none(), "{text}");
    }
}

#[test]
fn files_that_cannot_be_read_say_why() {
    assert_eq!(Source::parse("a.py", b"\xff").unwrap_err(), SourceError::NotUtf8);
    let large = vec![b'#'; MAX_SOURCE_BYTES + 1];
    assert_eq!(Source::parse("a.py", &large).unwrap_err(), SourceError::TooLarge);
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let text = format!("x = {}1{}\n", "(".repeat(20_000), ")".repeat(20_000));
    let source = source(&text);
    assert_ne!(tree_hash(source.root(), &text, &(0..text.len())), [0; 16]);
}

#[test]
fn size_counts_tokens() {
    assert_eq!(tokens_changed("a < b", "a <= b"), 1);
    assert_eq!(tokens_changed("a", "not a"), 1);
    assert_eq!(tokens_changed("f(a, b)", "f(b, a)"), 2);
    assert_eq!(tokens_changed("def f(x=[]):\n  g(x)", "def f(x=None):\n  y()\n  g(x)"), 4);
    assert_eq!(tokens_changed("x = (A, B)", "x = (A, C, B)"), 1);
    assert_eq!(tokens_changed("x", "x"), 0);
}
