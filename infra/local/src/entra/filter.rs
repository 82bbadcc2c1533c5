//! The part of OData's `$filter` that Graph offers on directory objects: comparisons with `eq`, `ne`, `in`,
//! `startswith()`, `endswith()` and `collection/any(x:x eq 'value')`, joined by `and`, `or`, `not` and parentheses.
//!
//! Strings compare without regard to case, as the directory does.

use serde_json::Value;

/// Longest accepted filter, in bytes.
const MAX_FILTER_BYTES: usize = 8_192;

/// Deepest accepted nesting of parentheses and `not`.
const MAX_DEPTH: usize = 16;

/// A filter that could not be understood; the text goes into the error answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FilterError(pub(crate) String);

/// A parsed filter.
#[derive(Debug, PartialEq)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    OneOf { property: String, values: Vec<Value> },
    StartsWith { property: String, prefix: String },
    EndsWith { property: String, suffix: String },
    Any { property: String, value: Value },
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Mark(char),
}

impl Filter {
    pub(crate) fn parse(text: &str) -> Result<Self, FilterError> {
        if text.len() > MAX_FILTER_BYTES {
            return Err(FilterError(format!("Filter longer than {MAX_FILTER_BYTES} bytes.")));
        }
        let mut parser = Parser {
            tokens: tokens(text)?,
            at: 0,
        };
        let filter = parser.either(0)?;
        match parser.next() {
            None => Ok(filter),
            Some(token) => Err(FilterError(format!("Invalid filter clause: unexpected {token:?}."))),
        }
    }

    /// Whether the directory serves this only as an advanced query (`ConsistencyLevel: eventual` and `$count=true`).
    pub(crate) fn is_advanced(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::is_advanced),
            Self::Not(_) | Self::EndsWith { .. } => true,
            Self::OneOf { .. } | Self::StartsWith { .. } | Self::Any { .. } => false,
        }
    }

    /// The ids of the only objects that can match, if the filter asks for objects by id.
    pub(crate) fn wanted_ids(&self) -> Option<Vec<&str>> {
        match self {
            Self::OneOf { property, values } if property == "id" => {
                Some(values.iter().filter_map(Value::as_str).collect())
            }
            _ => None,
        }
    }

    /// Every property the filter looks at.
    pub(crate) fn properties(&self) -> Vec<&str> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::properties).collect(),
            Self::Not(inner) => inner.properties(),
            Self::OneOf { property, .. }
            | Self::StartsWith { property, .. }
            | Self::EndsWith { property, .. }
            | Self::Any { property, .. } => vec![property],
        }
    }

    pub(crate) fn matches(&self, property: &dyn Fn(&str) -> Option<Value>) -> bool {
        let text = |name: &str| match property(name) {
            Some(Value::String(text)) => Some(text.to_lowercase()),
            _ => None,
        };
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(property)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(property)),
            Self::Not(inner) => !inner.matches(property),
            Self::OneOf { property: name, values } => {
                let actual = property(name).unwrap_or(Value::Null);
                values.iter().any(|value| same(&actual, value))
            }
            Self::StartsWith { property: name, prefix } => {
                text(name).is_some_and(|text| text.starts_with(&prefix.to_lowercase()))
            }
            Self::EndsWith { property: name, suffix } => {
                text(name).is_some_and(|text| text.ends_with(&suffix.to_lowercase()))
            }
            Self::Any { property: name, value } => match property(name) {
                Some(Value::Array(items)) => items.iter().any(|item| same(item, value)),
                _ => false,
            },
        }
    }
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) => left.to_lowercase() == right.to_lowercase(),
        _ => left == right,
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(next) = chars.next() {
        match next {
            ' ' => {}
            '(' | ')' | ',' | ':' => tokens.push(Token::Mark(next)),
            '\'' => {
                let mut value = String::new();
                loop {
                    match chars.next() {
                        // Two quotes in a row stand for one.
                        Some('\'') if chars.peek() == Some(&'\'') => {
                            chars.next();
                            value.push('\'');
                        }
                        Some('\'') => break,
                        Some(other) => value.push(other),
                        None => return Err(FilterError("There is an unterminated string literal.".to_owned())),
                    }
                }
                tokens.push(Token::Text(value));
            }
            other if other.is_ascii_alphanumeric() || other == '_' || other == '-' => {
                let mut word = String::from(other);
                while let Some(more) =
                    chars.next_if(|more| more.is_ascii_alphanumeric() || matches!(more, '_' | '-' | '/' | '.'))
                {
                    word.push(more);
                }
                tokens.push(Token::Word(word));
            }
            other => {
                return Err(FilterError(format!(
                    "Invalid filter clause: unexpected character '{other}'."
                )));
            }
        }
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(next)) if next.eq_ignore_ascii_case(word));
        if found {
            self.at += 1;
        }
        found
    }

    fn mark(&mut self, mark: char) -> Result<(), FilterError> {
        match self.next() {
            Some(Token::Mark(found)) if found == mark => Ok(()),
            other => Err(FilterError(format!(
                "Invalid filter clause: expected '{mark}', found {other:?}."
            ))),
        }
    }

    fn word(&mut self) -> Result<String, FilterError> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(FilterError(format!(
                "Invalid filter clause: expected a name, found {other:?}."
            ))),
        }
    }

    fn literal(&mut self) -> Result<Value, FilterError> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Value::String(text)),
            Some(Token::Word(word)) => match word.as_str() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                "null" => Ok(Value::Null),
                _ => Err(FilterError(format!(
                    "Invalid filter clause: '{word}' is not a literal."
                ))),
            },
            other => Err(FilterError(format!(
                "Invalid filter clause: expected a value, found {other:?}."
            ))),
        }
    }

    fn text(&mut self) -> Result<String, FilterError> {
        match self.literal()? {
            Value::String(text) => Ok(text),
            other => Err(FilterError(format!("Invalid filter clause: {other} is not a string."))),
        }
    }

    fn either(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut parts = vec![self.both(depth)?];
        while self.takes_word("or") {
            parts.push(self.both(depth)?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Filter::Or(parts)
        })
    }

    fn both(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut parts = vec![self.one(depth)?];
        while self.takes_word("and") {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Filter::And(parts)
        })
    }

    fn one(&mut self, depth: usize) -> Result<Filter, FilterError> {
        if depth >= MAX_DEPTH {
            return Err(FilterError(format!("Filter nested deeper than {MAX_DEPTH}.")));
        }
        if self.takes_word("not") {
            return Ok(Filter::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.peek() == Some(&Token::Mark('(')) {
            self.at += 1;
            let inner = self.either(depth + 1)?;
            self.mark(')')?;
            return Ok(inner);
        }
        let name = self.word()?;
        match name.to_ascii_lowercase().as_str() {
            function @ ("startswith" | "endswith") => {
                self.mark('(')?;
                let property = self.word()?;
                self.mark(',')?;
                let text = self.text()?;
                self.mark(')')?;
                Ok(if function == "startswith" {
                    Filter::StartsWith { property, prefix: text }
                } else {
                    Filter::EndsWith { property, suffix: text }
                })
            }
            lower if lower.ends_with("/any") => {
                let property = name.split('/').next().unwrap_or_default().to_owned();
                self.any(property)
            }
            _ => self.comparison(name),
        }
    }

    fn any(&mut self, property: String) -> Result<Filter, FilterError> {
        self.mark('(')?;
        let variable = self.word()?;
        self.mark(':')?;
        if self.word()? != variable || !self.takes_word("eq") {
            return Err(FilterError(
                "Invalid filter clause: any() takes 'x:x eq value'.".to_owned(),
            ));
        }
        let value = self.literal()?;
        self.mark(')')?;
        Ok(Filter::Any { property, value })
    }

    fn comparison(&mut self, property: String) -> Result<Filter, FilterError> {
        let operator = self.word()?;
        match operator.to_ascii_lowercase().as_str() {
            "eq" => Ok(Filter::OneOf {
                property,
                values: vec![self.literal()?],
            }),
            "ne" => {
                let values = vec![self.literal()?];
                Ok(Filter::Not(Box::new(Filter::OneOf { property, values })))
            }
            "in" => {
                self.mark('(')?;
                let mut values = vec![self.literal()?];
                while self.peek() == Some(&Token::Mark(',')) {
                    self.at += 1;
                    values.push(self.literal()?);
                }
                self.mark(')')?;
                Ok(Filter::OneOf { property, values })
            }
            _ => Err(FilterError(format!(
                "Invalid filter clause: unsupported operator '{operator}'."
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(filter: &str) -> bool {
        let object = json!({
            "id": "6e7b768e-07e2-4810-8459-485f84f8f204",
            "displayName": "Dana O'Neil",
            "mail": null,
            "accountEnabled": true,
            "groupTypes": ["Unified"],
        });
        Filter::parse(filter)
            .unwrap()
            .matches(&|name| object.get(name).cloned())
    }

    #[test]
    fn filters_match_as_the_directory_does() {
        for yes in [
            "id eq '6E7B768E-07e2-4810-8459-485f84f8f204'",
            "displayName eq 'dana o''neil'",
            "startswith(displayName,'dana') and accountEnabled eq true",
            "endswith(displayName, 'neil')",
            "mail eq null",
            "id in ('x', '6e7b768e-07e2-4810-8459-485f84f8f204')",
            "groupTypes/any(c:c eq 'Unified')",
            "not (displayName eq 'x') and (id eq 'x' or accountEnabled ne false)",
            "id eq 'x' or id eq 'y' and id eq 'z' or mail eq null",
        ] {
            assert!(check(yes), "{yes}");
        }
        for no in [
            "id eq 'x'",
            "mail ne null",
            "startswith(mail,'a')",
            "not startswith(displayName,'d')",
            "groupTypes/any(c:c eq 'DynamicMembership')",
            "accountEnabled eq true and id eq 'x'",
        ] {
            assert!(!check(no), "{no}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let deep = format!("{}id eq 'x'{}", "(".repeat(20), ")".repeat(20));
        let long = format!("id eq '{}'", "x".repeat(9_000));
        for bad in [
            "",
            "id",
            "id eq",
            "id eq 'x",
            "id eq x",
            "id gt 'x'",
            "id eq 'x' id",
            "(id eq 'x'",
            "groupTypes/any(c:d eq 'x')",
            "id in ()",
            "startswith(id,true)",
            "id eq 'x' & 1",
            &deep,
            &long,
        ] {
            assert!(Filter::parse(bad).is_err(), "{bad}");
        }
    }
}
