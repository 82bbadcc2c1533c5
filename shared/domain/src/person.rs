//! Persons: one human being with one or several linked accounts.
//!
//! Accounts are linked by an admin ([`Link`]) or by a SCIM attribute that the application has chosen
//! ([`LinkAttribute`]); both count, and they chain: where an admin links two accounts and the attribute one of them with
//! a third, all three are one person. Who is who is found out anew whenever it matters ([`Persons`]): what was pinned
//! to a request or a decision says who took part in it, and not whether they are distinct persons today.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::Actor;
use crate::canonical::Digest;
use crate::delegate::Hand;
use crate::directory::{Party, User};
use crate::ids::{ApplicationId, ObjectId, PersonId, TenantId};
use crate::refusal::Rule;
use crate::{Refusal, Timestamp};

/// Most accounts that an admin links to one person.
pub const MOST_LINKED: usize = 8;
/// Most accounts that a shared value of the attribute links. A value that more have is no mark of one human being (`0000`,
/// `n/a`, a department's number): it links nobody, and that is told.
pub const MOST_SHARING: usize = 5;
/// Longest value that links, in bytes.
pub const LONGEST_VALUE: usize = 256;

/// Which SCIM attribute tells that accounts belong to one human being.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkAttribute {
    /// `employeeNumber` of the enterprise extension, to which Entra maps `employeeId` by default.
    EmployeeNumber,
    /// `person` of the extension `urn:ietf:params:scim:schemas:extension:hourglass:2.0:User`, to which any attribute of
    /// the directory can be mapped.
    Person,
}

impl LinkAttribute {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::EmployeeNumber, Self::Person];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EmployeeNumber => "employee_number",
            Self::Person => "person",
        }
    }

    const fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::EmployeeNumber => (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                "employeeNumber",
            ),
            Self::Person => ("urn:ietf:params:scim:schemas:extension:hourglass:2.0:User", "person"),
        }
    }

    /// What a user has there. A blank or overlong value is none.
    #[must_use]
    pub fn of(self, user: &User) -> Option<&str> {
        let (extension, attribute) = self.place();
        let named = |name: &'static str| move |(key, _): &(&String, &Value)| key.eq_ignore_ascii_case(name);
        let extension = user.attributes.iter().find(named(extension))?.1.as_object()?;
        let value = extension.iter().find(named(attribute))?.1.as_str()?;
        (!value.trim().is_empty() && value.len() <= LONGEST_VALUE).then_some(value)
    }

    /// Under which mark the accounts with a value are found.
    #[must_use]
    pub fn mark(self, value: &str) -> Digest {
        Digest::of(format!("{}\n{value}", self.name()).as_bytes())
    }

    /// The person that everybody with this very value is: derived from application, attribute and value (RFC 9562 section
    /// 5.8, a UUID of our own making, after the example of its appendix B.2: the first 16 bytes of a SHA-256).
    #[must_use]
    pub fn person(self, application: &ApplicationId, value: &str) -> PersonId {
        let named = format!(
            "hourglass/person/v1\n{}\n{}\n{value}",
            application.as_str(),
            self.name()
        );
        let digest = Digest::of(named.as_bytes());
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(digest.as_bytes()) {
            *to = *from;
        }
        PersonId::new(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// How accounts of an application are linked. It changes with every link, so that a decision rests on all of them by
/// resting on this.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkSettings {
    /// The application.
    pub application: ApplicationId,
    /// The attribute that links, where one was chosen.
    pub attribute: Option<LinkAttribute>,
    /// How many changes of links there were.
    pub changes: u64,
}

impl LinkSettings {
    /// Of an application that has set nothing.
    #[must_use]
    pub const fn none(application: ApplicationId) -> Self {
        Self {
            application,
            attribute: None,
            changes: 0,
        }
    }

    /// After one more change.
    #[must_use]
    pub fn changed(&self) -> Self {
        Self {
            changes: self.changes.saturating_add(1),
            ..self.clone()
        }
    }
}

/// That an admin says that an account belongs to a person. Each account of the person has one, with all of their
/// accounts in it. By object id, because identity is: an account that is deleted and provisioned again stays linked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Link {
    /// The application.
    pub application: ApplicationId,
    /// The account.
    pub account: ObjectId,
    /// The person, an id that is no user's.
    pub person: PersonId,
    /// All accounts that an admin linked to this person, this one included.
    pub accounts: BTreeSet<ObjectId>,
    /// Who linked it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// All accounts of two that are to be one person, and the person's id.
///
/// # Errors
/// When they are one person already, or would be too many accounts.
pub fn linked(
    fresh: PersonId,
    one: (ObjectId, Option<&Link>),
    other: (ObjectId, Option<&Link>),
) -> Result<(PersonId, BTreeSet<ObjectId>), Refusal> {
    let accounts_of = |(account, link): (ObjectId, Option<&Link>)| {
        let mut accounts = link.map(|link| link.accounts.clone()).unwrap_or_default();
        accounts.insert(account);
        accounts
    };
    let mut accounts = accounts_of(one);
    if accounts.contains(&other.0) {
        return Err(Refusal::AlreadyLinked);
    }
    accounts.extend(accounts_of(other));
    if accounts.len() > MOST_LINKED {
        return Err(Refusal::invalid(
            "users",
            Rule::TooManyLinked {
                accounts: accounts.len(),
                most: MOST_LINKED,
            },
        ));
    }
    let person = one.1.or(other.1).map_or(fresh, |link| link.person);
    Ok((person, accounts))
}

/// Who is who now, of those who take part in something.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Persons(BTreeMap<(TenantId, ObjectId), PersonId>);

impl Persons {
    /// Notes who is behind an account.
    pub fn note(&mut self, tenant: TenantId, account: ObjectId, person: PersonId) {
        self.0.insert((tenant, account), person);
    }

    /// The person behind a party now, or as pinned where nothing is known of the account any more.
    #[must_use]
    pub fn of(&self, party: &Party) -> PersonId {
        self.0
            .get(&(party.tenant, party.object_id))
            .copied()
            .unwrap_or(party.person)
    }

    /// Whether both are one human being: by what was pinned, or as they are now. In doubt they are.
    #[must_use]
    pub fn same(&self, one: &Party, other: &Party) -> bool {
        one.same_person(other) || self.of(one) == self.of(other)
    }

    /// Whether any of `others` is the same human being.
    pub fn is_any<'a>(&self, one: &Party, others: impl IntoIterator<Item = &'a Party>) -> bool {
        others.into_iter().any(|other| self.same(one, other))
    }

    /// Whether two hands have a human being in common: a delegate and who they act for are one.
    #[must_use]
    pub fn same_hand(&self, one: Hand<'_>, other: Hand<'_>) -> bool {
        one.parties().any(|party| self.is_any(party, other.parties()))
    }

    /// How many hands there are that have nobody in common.
    pub fn count<'a>(&self, hands: impl IntoIterator<Item = Hand<'a>>) -> usize {
        let mut distinct: Vec<Hand<'_>> = Vec::new();
        for hand in hands {
            if !distinct.iter().any(|other| self.same_hand(hand, *other)) {
                distinct.push(hand);
            }
        }
        distinct.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserId;
    use crate::request::tests::party;
    use serde_json::json;
    use uuid::Uuid;

    fn application(name: &str) -> ApplicationId {
        name.parse().unwrap()
    }

    fn user(attributes: Value) -> User {
        let id = UserId::new(Uuid::from_u128(1));
        User {
            id,
            application: application("contoso.example"),
            person: id.into(),
            external_id: None,
            user_name: "kim".to_owned(),
            display_name: None,
            active: true,
            attributes: attributes.as_object().unwrap().clone(),
            created_at: Timestamp::EPOCH,
            modified_at: Timestamp::EPOCH,
        }
    }

    fn number(value: Value) -> Option<String> {
        let attributes =
            json!({"URN:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"EmployeeNumber": value}});
        LinkAttribute::EmployeeNumber.of(&user(attributes)).map(str::to_owned)
    }

    #[test]
    fn the_exact_value_links_and_a_blank_one_never() {
        assert_eq!(number(json!("4711")).as_deref(), Some("4711"));
        assert_eq!(number(json!(" 4711")).as_deref(), Some(" 4711"), "exactly as sent");
        for none in [
            json!(""),
            json!("  "),
            json!(null),
            json!(4711),
            json!(["1"]),
            json!("x".repeat(257)),
        ] {
            assert_eq!(number(none.clone()), None, "{none}");
        }
        assert_eq!(
            LinkAttribute::EmployeeNumber.of(&user(json!({"employeeNumber": "1"}))),
            None
        );
        let own = json!({"urn:ietf:params:scim:schemas:extension:hourglass:2.0:User": {"person": "p"}});
        assert_eq!(LinkAttribute::Person.of(&user(own)), Some("p"));
    }

    #[test]
    fn a_person_follows_from_application_attribute_and_value_alone() {
        let (contoso, fabrikam) = (application("contoso.example"), application("fabrikam.example"));
        let one = LinkAttribute::EmployeeNumber.person(&contoso, "4711");
        assert_eq!(one, LinkAttribute::EmployeeNumber.person(&contoso, "4711"));
        let others = [
            LinkAttribute::EmployeeNumber.person(&contoso, "4712"),
            LinkAttribute::EmployeeNumber.person(&contoso, "04711"),
            LinkAttribute::EmployeeNumber.person(&fabrikam, "4711"),
            LinkAttribute::Person.person(&contoso, "4711"),
        ];
        assert!(!others.contains(&one));
        // Stored requests and decisions name it: it must never come out otherwise.
        assert_eq!(one.to_string(), "398dc502-bd0e-8f17-bd6b-3eb9055ce4d0");
    }

    fn object(n: u128) -> ObjectId {
        ObjectId::new(Uuid::from_u128(n))
    }

    fn link(person: u128, accounts: &[u128]) -> Link {
        Link {
            application: application("contoso.example"),
            account: object(accounts[0]),
            person: PersonId::new(Uuid::from_u128(person)),
            accounts: accounts.iter().copied().map(object).collect(),
            by: Actor::system("test"),
            at: Timestamp::EPOCH,
        }
    }

    #[test]
    fn linking_joins_everything_that_was_linked_before() {
        let fresh = PersonId::new(Uuid::from_u128(100));
        let alone = linked(fresh, (object(1), None), (object(2), None)).unwrap();
        assert_eq!(alone, (fresh, [1, 2].map(object).into()));
        let (one, other) = (link(7, &[1, 2]), link(8, &[3, 4]));
        let both = linked(fresh, (object(1), Some(&one)), (object(3), Some(&other))).unwrap();
        assert_eq!(both, (one.person, [1, 2, 3, 4].map(object).into()));
        let again = linked(fresh, (object(1), Some(&one)), (object(2), None)).unwrap_err();
        assert_eq!(again.code(), "already-linked");
        assert_eq!(
            linked(fresh, (object(1), None), (object(1), None)).unwrap_err().code(),
            "already-linked"
        );
        let many = link(9, &[10, 11, 12, 13, 14, 15, 16]);
        let refused = linked(fresh, (object(1), Some(&one)), (object(10), Some(&many))).unwrap_err();
        assert_eq!(refused.code(), "invalid-field");
    }

    #[test]
    fn persons_are_compared_as_they_are_now_and_as_they_were() {
        let (one, two, three, four) = (party(1), party(2), party(3), party(4));
        let mut persons = Persons::default();
        assert!(!persons.same(&one, &two));
        let hand = |approver| Hand {
            approver,
            acting_for: None,
        };
        let hands = [&one, &two, &three, &one].map(hand);
        assert_eq!(persons.count(hands), 3);
        let delegate = Hand {
            approver: &four,
            acting_for: Some(&one),
        };
        assert_eq!(
            persons.count(hands.into_iter().chain([delegate])),
            3,
            "with their principal once"
        );
        let human = PersonId::new(Uuid::from_u128(500));
        persons.note(one.tenant, one.object_id, human);
        assert!(!persons.same(&one, &two));
        persons.note(two.tenant, two.object_id, human);
        assert!(persons.same(&one, &two) && !persons.same(&one, &three));
        assert_eq!(persons.count([&one, &two, &three].map(hand)), 2);
        // Linked with somebody whose account is gone, of whom nothing but the pin is left.
        let mut gone = party(4);
        gone.person = human;
        assert!(persons.same(&gone, &one));
    }
}
