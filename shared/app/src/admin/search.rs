//! Looking through the directory by a part of a name, to read and to choose from. What is typed into a field that decides
//! something is matched exactly instead: see [`super::lookup`].

use hourglass_domain::directory::{Group, User};

use super::{lookup, require_admin};
use crate::caller::Who;
use crate::catalogue::search::fold;
use crate::directory;
use crate::error::{AppError, Result};
use crate::ports::Core;
use crate::ports::store::Page;

/// Most users or groups that one call looks at; where there are more, it says where the next one goes on. As many as a page
/// can look at within 100 ms also where nothing is optimised: each is read and its names folded.
pub const MOST_LOOKED_AT: usize = 200;
/// Longest text that is looked for, in characters.
const LONGEST_TEXT: usize = 200;

/// Users whom `text` names (by id or user name), or else those with all of its words in their name or user name, in the
/// order in which they were provisioned; fewer than twice `most`. A page may hold none although more follow.
///
/// # Errors
/// When the caller is no admin, or `after` is not one that a page gave.
pub async fn users(core: &Core, who: &Who, text: &str, after: Option<String>, most: usize) -> Result<Page<User>> {
    require_admin(who)?;
    if after.is_none()
        && let Some(named) = named(lookup::user(core, who, "q", text).await)?
    {
        return Ok(Page {
            items: vec![named],
            next: None,
        });
    }
    let words = words(text);
    let application = &who.application.value.id;
    let (mut found, mut looked_at, mut next) = (Vec::new(), 0, after);
    loop {
        let page = directory::provisioned_users_page(&*core.store, application, next, most).await?;
        looked_at += most;
        let users = page.items.into_iter().map(|stored| stored.value);
        found.extend(users.filter(|user| fits(&words, &[&user.name(), &user.user_name])));
        next = page.next;
        if next.is_none() || found.len() >= most || looked_at >= MOST_LOOKED_AT {
            return Ok(Page { items: found, next });
        }
    }
}

/// The group that `text` names (by id or name), and those with all of its words in their name; as [`users`].
///
/// # Errors
/// As [`users`].
pub async fn groups(core: &Core, who: &Who, text: &str, after: Option<String>, most: usize) -> Result<Page<Group>> {
    require_admin(who)?;
    let words = words(text);
    let application = &who.application.value.id;
    let (mut found, mut looked_at, mut next) = (Vec::new(), 0, after);
    // It may be called like the beginning of others.
    let mut first = None;
    if next.is_none()
        && let Some(named) = named(lookup::group(core, who, "q", text).await)?
    {
        first = Some(named.id);
        found.push(named);
    }
    loop {
        let page = directory::groups_page(&*core.store, application, next, most).await?;
        looked_at += most;
        let groups = page.items.into_iter().map(|stored| stored.value);
        let others = groups.filter(|group| Some(group.id) != first && fits(&words, &[&group.display_name]));
        found.extend(others);
        next = page.next;
        if next.is_none() || found.len() >= most || looked_at >= MOST_LOOKED_AT {
            return Ok(Page { items: found, next });
        }
    }
}

/// What was named, if anything was; that it was not, or that several were, is no error to somebody who looks around.
fn named<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(AppError::Refused(refusal)) if refusal.field() == Some("q") => Ok(None),
        Err(error) => Err(error),
    }
}

fn words(text: &str) -> Vec<String> {
    let text: String = text.chars().take(LONGEST_TEXT).collect();
    fold(&text).split_whitespace().map(str::to_owned).collect()
}

fn fits(words: &[String], names: &[&str]) -> bool {
    let names: Vec<String> = names.iter().map(|name| fold(name)).collect();
    words.iter().all(|word| names.iter().any(|name| name.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_have_to_be_somewhere_in_the_names() {
        let names = ["Zoë Reyes", "zoe.reyes@contoso.example"];
        for text in ["zoe", "REYES zoë", "contoso reyes", ""] {
            assert!(fits(&words(text), &names), "{text}");
        }
        assert!(!fits(&words("zoe smith"), &names));
    }
}
