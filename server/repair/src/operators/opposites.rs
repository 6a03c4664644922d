//! Names that are easily taken for each other.

/// Words of which one is often written for another: methods and functions of Python's own, and halves of names.
///
/// From the swapped-name pairs that name-based bug detectors are built on (DeepBugs, Pradel and Sen 2018; "wrong
/// function name" of ManySStuBs4J) and the methods of Python's own types that differ in one respect.
const GROUPS: &[&[&str]] = &[
    &["append", "extend", "insert", "add", "appendleft"],
    &["pop", "popleft", "popitem"],
    &["append", "appendleft"],
    &["extend", "extendleft"],
    &["remove", "discard", "pop"],
    &["lower", "upper", "casefold", "title", "capitalize", "swapcase"],
    &["strip", "lstrip", "rstrip"],
    &["removeprefix", "removesuffix"],
    &["split", "rsplit", "splitlines", "partition"],
    &["partition", "rpartition"],
    &["find", "rfind", "index", "rindex"],
    &["startswith", "endswith"],
    &["ljust", "rjust", "center"],
    &["isdigit", "isnumeric", "isdecimal", "isalnum", "isalpha"],
    &["islower", "isupper"],
    &["isalpha", "isspace"],
    &["keys", "values", "items"],
    &["get", "setdefault", "pop"],
    &["match", "search", "fullmatch"],
    &["findall", "finditer"],
    &["union", "intersection", "difference", "symmetric_difference", "update"],
    &["issubset", "issuperset", "isdisjoint"],
    &["read", "readline", "readlines"],
    &["write", "writelines"],
    &["encode", "decode"],
    &["loads", "load"],
    &["dumps", "dump"],
    &["min", "max"],
    &["any", "all"],
    &["sum", "len", "max"],
    &["sorted", "reversed", "list"],
    &["int", "float", "round"],
    &["str", "repr"],
    &["list", "tuple", "set", "sorted"],
    &["floor", "ceil", "trunc", "round"],
    &["sin", "cos", "tan"],
    &["bisect_left", "bisect_right", "bisect"],
    &["heappush", "heappushpop", "heapreplace"],
    &["isinstance", "issubclass"],
    &["getattr", "hasattr"],
    &["left", "right"],
    &["first", "last"],
    &["start", "end", "stop"],
    &["begin", "end"],
    &["low", "high"],
    &["lo", "hi"],
    &["min", "max"],
    &["minimum", "maximum"],
    &["row", "col"],
    &["rows", "cols"],
    &["row", "column"],
    &["rows", "columns"],
    &["x", "y", "z"],
    &["i", "j", "k"],
    &["width", "height"],
    &["prev", "next"],
    &["previous", "next"],
    &["head", "tail"],
    &["old", "new"],
    &["src", "dst"],
    &["source", "target"],
    &["source", "destination"],
    &["up", "down"],
    &["top", "bottom"],
    &["before", "after"],
    &["parent", "child"],
    &["key", "value"],
    &["keys", "values"],
    &["name", "value"],
    &["lower", "upper"],
    &["input", "output"],
    &["in", "out"],
    &["major", "minor"],
    &["day", "days"],
    &["seconds", "minutes", "hours", "days"],
    &["second", "minute", "hour", "day", "month", "year"],
    &["enter", "exit"],
    &["push", "pop"],
    &["open", "close"],
    &["a", "b", "c"],
    &["numerator", "denominator"],
    &["real", "imag"],
    &["total_seconds", "seconds"],
];

/// Names that may have been meant by `name`: it, or one of its words between underscores, replaced by another of its
/// group.
pub fn opposites(name: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let words: Vec<&str> = name.split('_').collect();
    let mut add = |new: String| {
        if new != name && !out.contains(&new) {
            out.push(new);
        }
    };
    for group in GROUPS.iter().filter(|group| group.contains(&name)) {
        group.iter().for_each(|other| add((*other).to_owned()));
    }
    if words.len() > 1 {
        for (at, word) in words.iter().enumerate() {
            for group in GROUPS.iter().filter(|group| group.contains(word)) {
                for other in group.iter().filter(|other| *other != word) {
                    let mut new = words.clone();
                    new[at] = other;
                    add(new.join("_"));
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_and_words_of_them() {
        assert_eq!(opposites("lstrip"), ["strip", "rstrip"]);
        assert_eq!(opposites("left_child"), ["right_child", "left_parent"]);
        assert!(opposites("banana").is_empty());
    }
}
