//! Prints `OPERATORS.md`.

fn main() {
    print!("{}", airlock_repair::operators::table());
}
