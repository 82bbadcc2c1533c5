//! The fields of a form, read one by one: for forms that are shown again with what was typed and with what is wrong beside
//! each field. A field that nobody reads is refused, as everywhere.

use std::collections::BTreeMap;

use hourglass_app::AppError;
use hourglass_domain::Refusal;
use hourglass_domain::refusal::{RefusalKind, Rule};
use serde::Deserialize;

use crate::words::{Html, Words};

/// What a form sent, in its order.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// The value of a field that stands once, without white space around it; empty when it is not there.
    ///
    /// # Errors
    /// When it stands twice: which one counts cannot be told.
    pub fn take(&mut self, name: &'static str) -> Result<String, Refusal> {
        let mut all = self.all(name);
        match all.len() {
            0 => Ok(String::new()),
            1 => Ok(all.swap_remove(0).trim().to_owned()),
            _ => Err(Refusal::invalid(name, Rule::Repeated)),
        }
    }

    /// All values of a field: of checkboxes that share a name.
    pub fn all(&mut self, name: &str) -> Vec<String> {
        let (found, rest) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(field, _)| field == name);
        self.0 = rest;
        found.into_iter().map(|(_, value): (String, String)| value).collect()
    }

    /// Whether a checkbox is set.
    ///
    /// # Errors
    /// As [`Fields::take`].
    pub fn checked(&mut self, name: &'static str) -> Result<bool, Refusal> {
        self.take(name).map(|value| !value.is_empty())
    }

    /// # Errors
    /// When there is a field that nobody read.
    pub fn done(self) -> Result<(), Refusal> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(Refusal::FormField { name }),
        }
    }
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    /// Where the field stands beside it.
    beside: Html,
    /// Where it does not.
    alone: Html,
}

/// What is wrong with a form: a sentence for each field at fault, and those about the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrong {
    fields: BTreeMap<String, Said>,
    whole: Vec<Html>,
    first: Option<Box<Refusal>>,
}

impl Wrong {
    /// What a refusal says.
    #[must_use]
    pub fn of(words: Words, refusal: &Refusal) -> Self {
        let mut wrong = Self::default();
        wrong.add(words, refusal);
        wrong
    }

    /// Adds what a refusal says.
    pub fn add(&mut self, words: Words, refusal: &Refusal) {
        self.first.get_or_insert_with(|| Box::new(refusal.clone()));
        let alone = words.refused(refusal);
        match refusal.field() {
            Some(field) => {
                let beside = words.refused_beside(refusal);
                self.fields.entry(field.to_owned()).or_insert(Said { beside, alone });
            }
            None => self.whole.push(alone),
        }
    }

    /// Adds a sentence about the whole.
    pub fn say(&mut self, sentence: Html) {
        self.whole.push(sentence);
    }

    /// Adds a sentence about a field; the first about it stays.
    pub fn say_at(&mut self, field: &str, sentence: impl Into<Html>) {
        let sentence = sentence.into();
        let said = Said {
            beside: sentence.clone(),
            alone: sentence,
        };
        self.fields.entry(field.to_owned()).or_insert(said);
    }

    /// Takes the value, or keeps why there is none.
    pub fn keep<T>(&mut self, words: Words, value: Result<T, Refusal>) -> Option<T> {
        value.map_err(|refusal| self.add(words, &refusal)).ok()
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.whole.is_empty()
    }

    /// The first refusal, for answers that are no form.
    #[must_use]
    pub fn first(&self) -> Option<&Refusal> {
        self.first.as_deref()
    }

    /// What is wrong with a field, to stand beside it.
    #[must_use]
    pub fn at(&self, field: &str) -> Option<&Html> {
        self.fields.get(field).map(|said| &said.beside)
    }

    /// Everything, for the summary above the form: the field to go to, where there is one, and the sentence.
    pub fn all(&self) -> impl Iterator<Item = (Option<&str>, &Html)> {
        let fields = self
            .fields
            .iter()
            .map(|(field, said)| (Some(field.as_str()), &said.alone));
        self.whole.iter().map(|why| (None, why)).chain(fields)
    }

    /// The refusal in an error of a use case, if it is one that belongs beside a form rather than on a page of its own.
    ///
    /// # Errors
    /// The error itself otherwise.
    pub fn from_error(words: Words, error: AppError) -> Result<Self, AppError> {
        match error {
            AppError::Refused(refusal)
                if matches!(
                    refusal.kind(),
                    RefusalKind::Invalid | RefusalKind::Conflict | RefusalKind::TooMany
                ) =>
            {
                Ok(Self::of(words, &refusal))
            }
            other => Err(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        serde_urlencoded::from_str(text).unwrap()
    }

    #[test]
    fn a_field_is_read_once_and_what_nobody_reads_is_refused() {
        let mut sent = fields("name=%20a+b%20&group=1&group=2&on=1&more=x");
        assert_eq!(sent.take("name").unwrap(), "a b");
        assert_eq!(sent.take("name").unwrap(), "");
        assert_eq!(sent.all("group"), ["1", "2"]);
        assert_eq!((sent.checked("on"), sent.checked("off")), (Ok(true), Ok(false)));
        assert!(sent.clone().done().unwrap_err().to_string().contains("`more`"));
        assert_eq!(sent.take("more").unwrap(), "x");
        assert_eq!(sent.done(), Ok(()));
        assert_eq!(fields("a=1&a=2").take("a").unwrap_err().field(), Some("a"));
    }

    #[test]
    fn what_is_wrong_stands_beside_its_field_and_in_the_summary() {
        let words = Words::default();
        let mut wrong = Wrong::default();
        assert!(wrong.is_empty());
        let kept: Option<u8> = wrong.keep(
            words,
            Err(Refusal::invalid("quorum", Rule::Range { least: 1, most: 5 })),
        );
        assert_eq!(kept, None);
        wrong.add(words, &Refusal::Changed);
        assert_eq!(wrong.at("quorum"), Some(&Html::text("Must be from 1 to 5")));
        assert_eq!(wrong.at("name"), None);
        let all: Vec<_> = wrong.all().map(|(field, _)| field).collect();
        assert_eq!(all, [None, Some("quorum")]);
        assert!(
            wrong
                .all()
                .any(|(_, why)| *why == Html::text("How many approve: must be from 1 to 5"))
        );
    }
}
