//! Helix in a terminal, with the repository's configuration as it is: all by keys, all seen on the screen.

use std::ffi::OsStr;
use std::fs;

use airlock_program_tests::fetched::Debian;
use airlock_program_tests::repository;

use crate::Desk;
use crate::screen::Screen;
use airlock_program_tests::packages::debian;

const ACCEPT: &str = "Airlock: accept the change that makes test_discount_starts_at_its_threshold pass";

/// Helix with a file of the shop open, and the server that its configuration names.
fn helix<'a>(debian: &'a Debian, desk: &'a Desk, file: &str) -> Screen<'a> {
    let config = desk.home.path().join(".config/helix");
    fs::create_dir_all(&config).expect("made");
    for name in ["languages.toml", "config.toml"] {
        fs::copy(repository().join("editors/helix").join(name), config.join(name)).expect("copied");
    }
    let mut program = debian.program("usr/lib/hx/hx");
    program.push(file.into());
    let runtime = debian.join("usr/lib/hx/runtime");
    let path = desk.path();
    let environment = [("HELIX_RUNTIME", runtime.as_os_str()), ("PATH", OsStr::new(&path))];
    let screen = Screen::start(debian, desk, &program, &environment);
    screen.shows(file);
    screen
}

/// Asks for the actions until the menu has one: the server may not be attached yet.
fn menu(screen: &Screen<'_>, action: &str) {
    screen.press(&["Space", "a"]);
    screen.shows(action);
}

#[test]
fn the_main_job_from_helix() {
    let Some(debian) = debian() else { return };
    let desk = Desk::of_the_shop();
    let screen = helix(&debian, &desk, "tests/test_discounts.py");

    // Keys of the configuration: run the tests.
    screen.press(&["Space", "t", "t"]);
    screen.shows("● 1");
    screen.write("15G");
    screen.shows("15:1");
    menu(&screen, "Airlock: make this test pass");
    screen.press(&["Enter"]);
    let review = screen.shows("verdict  verified");
    assert!(review.contains("-        if pieces > threshold:") && review.contains("reviews/"), "{review}");

    // In the review itself, the first of the menu is to accept.
    menu(&screen, ACCEPT);
    screen.press(&["Enter"]);
    screen.write(":open src/shop/discounts.py");
    screen.press(&["Enter"]);
    screen.wait("the change, not saved", |text| {
        text.contains("if pieces >= threshold:") && text.contains("src/shop/discounts.py [+]")
    });
    screen.write(":open tests/test_discounts.py");
    screen.press(&["Enter"]);
    screen.wait("the end of the finding", |text| {
        text.contains("test_discount_starts_at_its_threshold") && !text.contains('●')
    });
    let saved = fs::read_to_string(desk.project.join("src/shop/discounts.py")).expect("read");
    assert!(saved.contains("if pieces > threshold:"), "what is not saved is not on the disk");

    // Helix takes it back as one edit of the text.
    screen.write(":open src/shop/discounts.py");
    screen.press(&["Enter"]);
    screen.shows("src/shop/discounts.py [+]");
    screen.press(&["u"]);
    screen.shows("if pieces > threshold:");
}
