//! How comparable tools lose a revocation or a grant: one row, one test.
//!
//! Three tools are known to lose one in these ways, each of which is a row: E1 to E16, T1 to T13 and G1 to G7; H1 to H12
//! are the checks that follow from all of them. Each row has a test here, named after it, that says what such a
//! tool does wrong and shows what Hourglass does instead, through the API, the simulators and what is stored. Where
//! another test shows exactly that already, the row stands in this table:
//!
//! | row | shown by |
//! |---|---|
//! | E9 | `tests/main_job/life_of_a_grant.rs` `a_standing_member_is_never_removed_and_the_page_says_that_access_remains` |
//! | T4 | `tests/main_job/outside.rs` `whatever_a_target_answers_to_a_removal_it_is_retried_shown_and_finally_proved` |
//! | T10 | `tests/main_job/life_of_a_grant.rs` `access_ends_early_by_check_in_by_revoke_and_with_the_account` |
//! | G3 | `tests/abuse/lifecycle.rs` `case_44_a_removal_that_fails_for_long_is_never_done` |
//! | H1 | `tests/kill/many.rs` `killed_at_many_moments_while_its_neighbours_live_on`, and that no timer acts on what has ended `tests/peers/team.rs` `t06_the_old_timer_of_an_ended_grant_ends_no_other` |
//! | H2 | `tests/peers/elevator.rs` `e12_two_approvers_in_the_same_moment_make_one_grant_with_one_timer` |
//! | H5 | `tests/main_job/outside.rs` `whatever_a_target_answers_to_a_removal_it_is_retried_shown_and_finally_proved`, `tests/main_job/outside.rs` `whatever_a_target_answers_to_an_add_nobody_stays_whose_grant_is_over` |
//! | H6 | `tests/peers/team.rs` `t09_grants_that_an_older_version_stored_end` |
//! | H7 | `tests/timers/sweep.rs` `what_always_fails_hides_nothing_behind_it`, `tests/peers/elevator.rs` `e05_a_sweep_leaves_a_grant_alone_that_is_just_being_made` |
//! | H8 | `tests/main_job/outside.rs` `a_group_deleted_during_a_grant_ends_it_and_names_that_change_do_not`, `tests/abuse/targets.rs` `case_36_a_name_that_somebody_else_has_now` |
//! | H9 | `tests/peers/elevator.rs` `e14_a_reason_with_any_characters_stays_as_it_was_written` |
//! | H10 | `tests/peers/elevator.rs` `e15_nobody_approves_for_themselves_whatever_rules_name_them` |
//! | H11 | `tests/peers/team.rs` `t08_a_record_that_always_fails_is_kept_and_keeps_nobody_waiting` |
//!
//! The table is checked: no row is missing, and what it names is there.

#![cfg(test)]

mod checks;
mod common;
mod elevator;
mod faults;
mod glide;
mod team;

/// The rows that are shown elsewhere stand in a table; every row has its test in one of the two places, and what the
/// table names is really there.
#[test]
fn every_row_has_its_test() {
    let rows: Vec<String> = [("e", 16), ("t", 13), ("g", 7), ("h", 12)]
        .into_iter()
        .flat_map(|(letter, last)| (1..=last).map(move |number| format!("{letter}{number:02}")))
        .collect();
    let sources = [
        include_str!("elevator.rs"),
        include_str!("team.rs"),
        include_str!("glide.rs"),
        include_str!("checks.rs"),
    ];
    let here: Vec<String> = sources.iter().flat_map(|source| tests_in(source)).collect();
    for source in sources {
        let lines = source.lines().zip(source.lines().skip(1));
        let silent = lines.filter(|(before, line)| line.starts_with("#[tokio::test") && !before.starts_with("///"));
        assert_eq!(silent.count(), 0, "a row that does not say what goes wrong elsewhere");
    }
    let table = table(include_str!("main.rs"));
    for row in &rows {
        let own = here.iter().filter(|test| test.starts_with(&format!("{row}_"))).count();
        let named = table.iter().filter(|(named, _)| named == row).count();
        assert_eq!(own + named, 1, "{row}: {own} tests here and {named} lines in the table");
    }
    let known = |test: &String| rows.iter().any(|row| test.starts_with(&format!("{row}_")));
    assert!(here.iter().all(known), "{here:?}");
    for (row, tests) in table {
        assert!(rows.contains(&row) && !tests.is_empty(), "{row}");
        for (file, test) in tests {
            let path = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
            let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{row}: {file}: {error}"));
            assert!(
                tests_in(&source).contains(&test),
                "{row}: there is no test {test} in {file}"
            );
        }
    }
}

/// The lines of the table in the module's documentation: row, and the files and names of its tests.
fn table(source: &str) -> Vec<(String, Vec<(String, String)>)> {
    let lines = source.lines().filter_map(|line| line.strip_prefix("//! | "));
    let mut rows = Vec::new();
    for line in lines {
        let Some((row, tests)) = line.split_once(" | ") else {
            continue;
        };
        let quoted: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if quoted.is_empty() {
            continue;
        }
        let pairs = quoted
            .chunks(2)
            .map(|pair| (pair[0].to_owned(), pair.get(1).copied().unwrap_or_default().to_owned()));
        let (letter, number) = row.split_at(1);
        let number: u32 = number.parse().expect("the number of a row");
        rows.push((format!("{}{number:02}", letter.to_lowercase()), pairs.collect()));
    }
    rows
}

/// The functions of a source file that run as tests: with the attribute, and not ignored.
fn tests_in(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut is_test, mut is_ignored) = (false, false);
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            (is_test, is_ignored) = (true, false);
        } else if line.starts_with("#[ignore") {
            is_ignored = true;
        } else if let Some(rest) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")) {
            if is_test && !is_ignored {
                let name = rest.split(['(', '<']).next().unwrap_or_default();
                found.push(name.to_owned());
            }
            is_test = false;
        }
    }
    found
}

/// What the check itself sees: a missing test, an ignored one, a stale name.
#[test]
fn what_is_no_test_is_not_taken_for_one() {
    let source =
        "#[test]\n#[ignore = \"later\"]\nfn a() {}\nfn b() {}\n#[tokio::test(x)]\n#[expect(y)]\nasync fn c() {}";
    assert_eq!(tests_in(source), ["c"]);
    let lines = "//! | row | shown by |\n//! |---|---|\n//! | E9 | `x.rs` `c`, `y.rs` `d` |\n//! | H12 | nobody |";
    let pair = |file: &str, test: &str| (file.to_owned(), test.to_owned());
    assert_eq!(
        table(lines),
        [("e09".to_owned(), vec![pair("x.rs", "c"), pair("y.rs", "d")])]
    );
}
