//! Reading filters and attribute paths (RFC 7644 sections 3.4.2.2 and 3.5.2).
//!
//! A recursive-descent parser for the whole grammar, with limits on length and depth, so that no text from outside can
//! exhaust the stack or the time. Beyond the RFC it takes what Entra sends: a value path followed by a sub-attribute
//! in a comparison (`emails[type eq "work"].value eq "a@x"`), unquoted values, and quoted booleans.
//!
//! Names are kept as written; what they mean is the business of the schema module.

/// Longest filter or path, in bytes.
pub const LONGEST_FILTER: usize = 4_096;
/// Deepest nesting of parentheses, `not` and brackets.
pub const DEEPEST_FILTER: usize = 16;

/// A filter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Filter {
    /// All hold; at least two of them in what was read. Of none, everything fits.
    And(Vec<Self>),
    /// One holds; at least two of them in what was read. Of none, nothing fits.
    Or(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// The attribute has a value.
    Present(Path),
    /// The attribute compares so with the value.
    Compare {
        /// The attribute.
        path: Path,
        /// How.
        operator: Operator,
        /// With what.
        value: Literal,
    },
    /// An element of the multi-valued attribute fits the path's own filter.
    Element(Path),
}

/// An attribute's place: `[schema:]attribute[filter].sub`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Path {
    /// The schema's URN.
    pub schema: Option<String>,
    /// The attribute; `None` stands for the schema's attributes as a whole, and then there is nothing else.
    pub attribute: Option<String>,
    /// Which elements of a multi-valued attribute.
    pub filter: Option<Box<Filter>>,
    /// The sub-attribute.
    pub sub: Option<String>,
}

/// How a comparison compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `co`
    Contains,
    /// `sw`
    StartsWith,
    /// `ew`
    EndsWith,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

impl Operator {
    fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "eq" => Self::Equal,
            "ne" => Self::NotEqual,
            "co" => Self::Contains,
            "sw" => Self::StartsWith,
            "ew" => Self::EndsWith,
            "gt" => Self::Greater,
            "ge" => Self::GreaterOrEqual,
            "lt" => Self::Less,
            "le" => Self::LessOrEqual,
            _ => return None,
        })
    }
}

/// The value of a comparison. Which type it has follows from the attribute, because clients quote booleans and leave
/// strings unquoted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Literal {
    /// The value's text, without quotes and escapes.
    pub text: String,
    /// Whether it stood in quotes: only an unquoted `null` is no value.
    pub quoted: bool,
}

impl Literal {
    /// Whether it stands for "no value".
    #[must_use]
    pub fn is_null(&self) -> bool {
        !self.quoted && self.text == "null"
    }

    /// The truth value it names, in any letter case, quoted or not.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if self.text.eq_ignore_ascii_case("true") {
            Some(true)
        } else if self.text.eq_ignore_ascii_case("false") {
            Some(false)
        } else {
            None
        }
    }
}

/// The text is no filter or no path.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what} at character {at}")]
pub struct FilterError {
    /// What is wrong, for people.
    pub what: &'static str,
    /// Where, counted from 1.
    pub at: usize,
}

/// Reads a filter.
///
/// # Errors
/// When the text is none, or breaks a limit.
pub fn parse_filter(text: &str) -> Result<Filter, FilterError> {
    let mut parser = Parser::new(text)?;
    let filter = parser.any_of()?;
    parser.end()?;
    Ok(filter)
}

/// Reads the path of a PATCH operation, or a name in `attributes` and the like.
///
/// # Errors
/// When the text is none, or breaks a limit.
pub fn parse_path(text: &str) -> Result<Path, FilterError> {
    let mut parser = Parser::new(text)?;
    let path = parser.path()?;
    parser.end()?;
    Ok(path)
}

struct Parser<'a> {
    text: &'a str,
    /// Byte offset, always at a character's beginning.
    at: usize,
    depth: usize,
    in_brackets: bool,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self, FilterError> {
        if text.len() > LONGEST_FILTER {
            return Err(FilterError {
                what: "the text is longer than 4,096 bytes",
                at: LONGEST_FILTER,
            });
        }
        Ok(Self {
            text,
            at: 0,
            depth: 0,
            in_brackets: false,
        })
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self, what: &'static str) -> FilterError {
        let before = self.text.get(..self.at).unwrap_or_default();
        FilterError {
            what,
            at: before.chars().count().saturating_add(1),
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.skip(rest.len() - rest.trim_start_matches([' ', '\t']).len());
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.rest().starts_with(c);
        if found {
            self.skip(c.len_utf8());
        }
        found
    }

    fn end(&mut self) -> Result<(), FilterError> {
        self.space();
        if self.rest().is_empty() {
            Ok(())
        } else {
            Err(self.error("something follows that does not belong here"))
        }
    }

    /// Runs `inner` one level deeper.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, FilterError>) -> Result<T, FilterError> {
        if self.depth >= DEEPEST_FILTER {
            return Err(self.error("the filter is nested deeper than 16 levels"));
        }
        self.depth = self.depth.saturating_add(1);
        let result = inner(self);
        self.depth = self.depth.saturating_sub(1);
        result
    }

    /// The longest run of characters that names and operators are made of.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '$')))
            .unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    /// Takes the keyword when it comes next.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.space();
        let found = self.word().eq_ignore_ascii_case(keyword);
        if found {
            self.skip(keyword.len());
        }
        found
    }

    fn any_of(&mut self) -> Result<Filter, FilterError> {
        let first = self.all_of()?;
        let mut terms = vec![first];
        while self.keyword("or") {
            terms.push(self.all_of()?);
        }
        Ok(one_or(terms, Filter::Or))
    }

    fn all_of(&mut self) -> Result<Filter, FilterError> {
        let first = self.term()?;
        let mut terms = vec![first];
        while self.keyword("and") {
            terms.push(self.term()?);
        }
        Ok(one_or(terms, Filter::And))
    }

    fn term(&mut self) -> Result<Filter, FilterError> {
        self.space();
        if self.take('(') {
            return self.group();
        }
        if self.word().eq_ignore_ascii_case("not") {
            let before = self.at;
            self.skip("not".len());
            self.space();
            if self.take('(') {
                return Ok(Filter::Not(Box::new(self.group()?)));
            }
            self.at = before;
        }
        self.comparison()
    }

    /// After the opening parenthesis.
    fn group(&mut self) -> Result<Filter, FilterError> {
        let filter = self.nested(Self::any_of)?;
        self.space();
        if self.take(')') {
            Ok(filter)
        } else {
            Err(self.error("a closing parenthesis is missing"))
        }
    }

    fn comparison(&mut self) -> Result<Filter, FilterError> {
        let path = self.path()?;
        if path.attribute.is_none() {
            return Err(self.error("a schema as a whole cannot be compared"));
        }
        self.space();
        let word = self.word();
        if word.eq_ignore_ascii_case("pr") {
            self.skip(word.len());
            return Ok(Filter::Present(path));
        }
        let Some(operator) = Operator::parse(word) else {
            // `emails[type eq "work"]` alone asks whether there is such an element.
            return if path.filter.is_some() && path.sub.is_none() && !is_operator_like(word) {
                Ok(Filter::Element(path))
            } else {
                Err(self.error("an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr) is expected"))
            };
        };
        self.skip(word.len());
        self.space();
        let value = self.literal()?;
        Ok(Filter::Compare { path, operator, value })
    }

    fn path(&mut self) -> Result<Path, FilterError> {
        self.space();
        let word = self.word();
        let mut path = split_name(word).ok_or_else(|| self.error("an attribute is expected"))?;
        self.skip(word.len());
        if self.take('[') {
            if self.in_brackets || path.attribute.is_none() || path.sub.is_some() {
                return Err(self.error("brackets do not belong here"));
            }
            self.in_brackets = true;
            let filter = self.nested(Self::any_of)?;
            self.in_brackets = false;
            self.space();
            if !self.take(']') {
                return Err(self.error("a closing bracket is missing"));
            }
            path.filter = Some(Box::new(filter));
            if self.take('.') {
                let sub = self.word();
                if !is_name(sub) {
                    return Err(self.error("a sub-attribute is expected"));
                }
                self.skip(sub.len());
                path.sub = Some(sub.to_owned());
            }
        }
        Ok(path)
    }

    fn literal(&mut self) -> Result<Literal, FilterError> {
        let rest = self.rest();
        if rest.starts_with('"') {
            let length = quoted_length(rest).ok_or_else(|| self.error("a closing quote is missing"))?;
            let quoted = rest.get(..length).unwrap_or_default();
            let text = serde_json::from_str(quoted).map_err(|_| self.error("this is no JSON string"))?;
            self.skip(length);
            return Ok(Literal { text, quoted: true });
        }
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, ')' | ']' | '('))
            .unwrap_or(rest.len());
        let text = rest.get(..end).unwrap_or_default();
        if text.is_empty() || text.contains('"') {
            return Err(self.error("a value is expected"));
        }
        self.skip(end);
        Ok(Literal {
            text: text.to_owned(),
            quoted: false,
        })
    }
}

fn one_or(mut terms: Vec<Filter>, many: impl FnOnce(Vec<Filter>) -> Filter) -> Filter {
    match terms.pop() {
        Some(only) if terms.is_empty() => only,
        Some(last) => {
            terms.push(last);
            many(terms)
        }
        None => many(terms),
    }
}

/// A word that was probably meant as an operator, so that a misspelt one is an error and not silently the end.
fn is_operator_like(word: &str) -> bool {
    !word.is_empty() && !word.eq_ignore_ascii_case("and") && !word.eq_ignore_ascii_case("or")
}

/// Bytes of the JSON string at the beginning of `text`, quotes included.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(index.saturating_add(1)),
            _ => {}
        }
    }
    None
}

/// Splits `urn:…:User:name.sub` and `name.sub`.
fn split_name(word: &str) -> Option<Path> {
    let is_urn = word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"));
    if !is_urn {
        return with_sub(None, word);
    }
    let (before, last) = word.rsplit_once(':')?;
    let (_, version) = before.rsplit_once(':')?;
    let is_version = version.starts_with(|c: char| c.is_ascii_digit());
    if is_version && (last.eq_ignore_ascii_case("user") || last.eq_ignore_ascii_case("group")) {
        return Some(Path {
            schema: Some(word.to_owned()),
            ..Path::default()
        });
    }
    with_sub(Some(before.to_owned()), last)
}

fn with_sub(schema: Option<String>, name: &str) -> Option<Path> {
    let (attribute, sub) = match name.split_once('.') {
        Some((attribute, sub)) => (attribute, Some(sub)),
        None => (name, None),
    };
    (is_name(attribute) && sub.is_none_or(is_name)).then(|| Path {
        schema,
        attribute: Some(attribute.to_owned()),
        filter: None,
        sub: sub.map(str::to_owned),
    })
}

/// `ATTRNAME` of RFC 7643 section 2.1, and `$ref`.
fn is_name(text: &str) -> bool {
    let name = text.strip_prefix('$').unwrap_or(text);
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(attribute: &str) -> Path {
        Path {
            attribute: Some(attribute.to_owned()),
            ..Path::default()
        }
    }

    fn equal(path: Path, text: &str) -> Filter {
        Filter::Compare {
            path,
            operator: Operator::Equal,
            value: Literal {
                text: text.to_owned(),
                quoted: true,
            },
        }
    }

    #[test]
    fn what_entra_sends() {
        assert_eq!(parse_filter(r#"userName eq "a@x""#), Ok(equal(path("userName"), "a@x")));
        assert_eq!(
            parse_filter("externalId eq jyoung"),
            Ok(Filter::Compare {
                path: path("externalId"),
                operator: Operator::Equal,
                value: Literal {
                    text: "jyoung".to_owned(),
                    quoted: false
                },
            })
        );
        let work = Path {
            filter: Some(Box::new(equal(path("type"), "work"))),
            sub: Some("value".to_owned()),
            ..path("emails")
        };
        assert_eq!(
            parse_filter(r#"emails[type eq "work"].value eq "a@x""#),
            Ok(equal(work, "a@x"))
        );
        assert_eq!(
            parse_filter(r#"id eq "g" and members eq "u""#),
            Ok(Filter::And(vec![equal(path("id"), "g"), equal(path("members"), "u")]))
        );
        assert_eq!(
            parse_filter(r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value EQ "m""#),
            Ok(equal(
                Path {
                    schema: Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User".to_owned()),
                    sub: Some("value".to_owned()),
                    ..path("manager")
                },
                "m"
            ))
        );
    }

    #[test]
    fn not_binds_tighter_than_and_tighter_than_or() {
        let [a, b, c] = ["a", "b", "c"].map(|name| Filter::Present(path(name)));
        assert_eq!(
            parse_filter("a pr or b pr and c pr"),
            Ok(Filter::Or(vec![a.clone(), Filter::And(vec![b.clone(), c.clone()])]))
        );
        assert_eq!(
            parse_filter("(a pr or b pr) AND c pr"),
            Ok(Filter::And(vec![Filter::Or(vec![a.clone(), b.clone()]), c.clone()]))
        );
        assert_eq!(
            parse_filter("not (a pr) and NOT(b pr or c pr)"),
            Ok(Filter::And(vec![
                Filter::Not(Box::new(a)),
                Filter::Not(Box::new(Filter::Or(vec![b, c]))),
            ]))
        );
    }

    #[test]
    fn every_operator_and_every_kind_of_value() {
        for word in ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"] {
            for value in [
                r#""t""#,
                r#""""#,
                "true",
                "False",
                "null",
                "-1.5e3",
                "2011-05-13T04:42:34Z",
            ] {
                let text = format!("meta.lastModified {word} {value}");
                assert!(matches!(parse_filter(&text), Ok(Filter::Compare { .. })), "{text}");
            }
        }
        assert_eq!(
            parse_filter(r#"a eq "\"\\\u00e9)""#),
            Ok(equal(path("a"), "\"\\\u{e9})"))
        );
    }

    #[test]
    fn an_element_can_be_asked_for_alone() {
        let element = |text: &str| match parse_filter(text) {
            Ok(Filter::Element(path)) => path.attribute,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            element(r#"emails[type eq "work" and value co "@x"]"#).as_deref(),
            Some("emails")
        );
        assert!(matches!(
            parse_filter(r#"emails[type eq "work"] and a pr"#),
            Ok(Filter::And(terms)) if matches!(terms[0], Filter::Element(_))
        ));
    }

    #[test]
    fn a_schema_alone_is_a_path_and_no_term() {
        let urn = "urn:ietf:params:scim:schemas:extension:Hourglass:2.0:User";
        let path = parse_path(urn).unwrap();
        assert_eq!((path.schema.as_deref(), path.attribute), (Some(urn), None));
        assert!(parse_filter(&format!("{urn} pr")).is_err());
        let inside = parse_path(&format!("{urn}:application")).unwrap();
        assert_eq!(inside.schema.as_deref(), Some(urn));
        assert_eq!(inside.attribute.as_deref(), Some("application"));
    }

    #[test]
    fn what_is_no_filter() {
        for text in [
            "",
            " ",
            "userName",
            "userName eq",
            "userName equals \"a\"",
            "userName eq \"a",
            "userName eq \"a\" and",
            "userName eq \"a\" userName eq \"b\"",
            "(userName pr",
            "userName pr)",
            "not userName pr",
            "emails[type eq \"work\"",
            "emails[type eq \"work\"].",
            "emails[type eq \"work\"].value",
            "emails[type eq \"work\"] foo \"x\"",
            "emails[a[b pr] pr]",
            "emails[]",
            "[type eq \"work\"]",
            "a.b.c pr",
            "1a pr",
            "urn: pr",
            "userName eq \"\\x\"",
            "userName eq a\"b",
            "../users eq \"a\"",
            "userName eq \"a\" or 1=1",
        ] {
            assert!(parse_filter(text).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_and_length_are_limited() {
        let nest = |levels: usize| format!("{}a pr{}", "(".repeat(levels), ")".repeat(levels));
        assert!(parse_filter(&nest(DEEPEST_FILTER)).is_ok());
        assert!(parse_filter(&nest(DEEPEST_FILTER + 1)).is_err());
        assert!(parse_filter(&nest(2_000)).is_err());
        assert!(parse_filter(&"not(".repeat(1_000)).is_err());
        let long = |bytes: usize| format!("a eq \"{}\"", "x".repeat(bytes - 7));
        assert!(parse_filter(&long(LONGEST_FILTER)).is_ok());
        assert!(parse_filter(&long(LONGEST_FILTER + 1)).is_err());
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics(text in any::<String>()) {
            let _ = parse_filter(&text);
            let _ = parse_path(&text);
        }

        #[test]
        fn hostile_pieces_never_panic(pieces in proptest::collection::vec(proptest::sample::select(vec![
            "(", ")", "[", "]", "not", "and", "or", "pr", "eq", "co", " ", ".", ":", "urn:", "urn:x:2.0:User",
            "emails", "type", "$ref", "\"", "\"a\"", "\\", "\"\\u12\"", "é", "null", "true", "\u{0}", "[type eq \"",
        ]), 0..60)) {
            let text: String = pieces.concat();
            let _ = parse_filter(&text);
            let _ = parse_path(&text);
            let _ = parse_filter(&pieces.join(" "));
        }
    }
}
