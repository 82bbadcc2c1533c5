//! The company that the laptop program is seeded with: `contoso.example`, with people in departments, groups of every kind
//! that a real tenant has, and app roles. All of it is made up.
//!
//! Object ids are derived from the names, so that they are the same on every machine.

use jiff::Timestamp;
use uuid::Uuid;

use crate::entra::objects::{Group, User};
use crate::entra::tenant::{Tenant, TenantError};
use crate::sim::stable_id;

/// Domain of the company, which is also the name of its application in Hourglass.
pub const DOMAIN: &str = "contoso.example";

/// Given name, family name, department, job title.
type PersonRow = (&'static str, &'static str, &'static str, &'static str);

const PEOPLE: &[PersonRow] = &[
    ("Dana", "Reyes", "Site Reliability", "Site reliability engineer"),
    ("Kim", "Osei", "Platform", "Platform lead"),
    ("Ola", "Berg", "Identity", "Identity engineer"),
    ("Noor", "Haddad", "Identity", "Head of identity"),
    ("Ines", "Moreau", "Internal Audit", "IT auditor"),
    ("Tomasz", "Wieczorek", "Security", "Security engineer"),
    ("Aroha", "Ngata", "Security", "Security operations lead"),
    ("Priya", "Raman", "Security", "Security architect"),
    ("Mateus", "Oliveira", "Platform", "Platform engineer"),
    ("Yuki", "Tanabe", "Platform", "Platform engineer"),
    ("Sanna", "Lehtinen", "Platform", "Staff engineer"),
    ("Kwame", "Boateng", "Site Reliability", "Site reliability lead"),
    ("Freya", "Lindqvist", "Site Reliability", "Site reliability engineer"),
    ("Bao", "Tran", "Site Reliability", "Site reliability engineer"),
    ("Lucia", "Ferrante", "Site Reliability", "Site reliability engineer"),
    ("Amir", "Farahani", "Data", "Database administrator"),
    ("Zanele", "Khumalo", "Data", "Data engineer"),
    ("Henrik", "Solberg", "Data", "Data platform lead"),
    ("Mei", "Chua", "Data", "Analyst"),
    ("Oksana", "Hrytsenko", "Network", "Network engineer"),
    ("Diego", "Paredes", "Network", "Network lead"),
    ("Siobhan", "Gallagher", "Network", "Network engineer"),
    ("Rafael", "Iglesias", "Payments", "Backend engineer"),
    ("Nadia", "Benali", "Payments", "Payments lead"),
    ("Callum", "Fraser", "Payments", "Backend engineer"),
    ("Hye-jin", "Seo", "Payments", "Quality engineer"),
    ("Leila", "Mansour", "Web", "Frontend engineer"),
    ("Gustav", "Ekdahl", "Web", "Frontend engineer"),
    ("Chiara", "Bellini", "Web", "Design lead"),
    ("Tariq", "Aziz", "Web", "Accessibility engineer"),
    ("Marta", "Kovalenko", "Finance", "Controller"),
    ("Eduardo", "Santana", "Finance", "Billing specialist"),
    ("Ritva", "Salonen", "Finance", "Head of finance"),
    ("Johanna", "Weiss", "Finance", "Payroll specialist"),
    ("Samuel", "Adeyemi", "Support", "Support engineer"),
    ("Anouk", "Devries", "Support", "Support engineer"),
    ("Ravi", "Menon", "Support", "Support lead"),
    ("Paloma", "Quintana", "Support", "Support engineer"),
    ("Ewan", "Mackay", "People", "Recruiter"),
    ("Thandiwe", "Dube", "People", "Head of people"),
    ("Viktor", "Anghel", "Legal", "Counsel"),
    ("Grace", "Whitfield", "Legal", "Privacy officer"),
    ("Isamu", "Hoshino", "Executive", "Chief technology officer"),
    ("Beatriz", "Carvalho", "Executive", "Chief executive officer"),
];

/// What kind of group a row describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Dynamic,
    Synced,
    MailEnabled,
    RoleAssignable,
}

/// Name, description, kind, members.
type GroupRow = (&'static str, &'static str, Kind, &'static [&'static str]);

const GROUPS: &[GroupRow] = &[
    (
        "prod-admins",
        "Administrators of the production subscriptions",
        Kind::Plain,
        &[],
    ),
    ("prod-readers", "Read access to production", Kind::Plain, &[]),
    (
        "db-breakglass",
        "Superusers of the production databases",
        Kind::Plain,
        &[],
    ),
    (
        "billing-admins",
        "Can change invoices and payment methods",
        Kind::Plain,
        &[],
    ),
    (
        "k8s-operators",
        "Operators of the production clusters",
        Kind::Plain,
        &[],
    ),
    ("network-operators", "Can change firewalls and routes", Kind::Plain, &[]),
    ("payroll-operators", "Can release payroll runs", Kind::Plain, &[]),
    (
        "ci-maintainers",
        "Can change build pipelines and their secrets",
        Kind::Plain,
        &[],
    ),
    (
        "customer-data-readers",
        "Read access to customer records",
        Kind::Plain,
        &["mei.chua"],
    ),
    (
        "sre",
        "Site reliability engineers",
        Kind::Plain,
        &[
            "dana.reyes",
            "kwame.boateng",
            "freya.lindqvist",
            "bao.tran",
            "lucia.ferrante",
        ],
    ),
    (
        "security-approvers",
        "May approve privileged access",
        Kind::Plain,
        &["kim.osei", "tomasz.wieczorek", "aroha.ngata", "priya.raman"],
    ),
    (
        "platform-leads",
        "Leads of the platform and data teams",
        Kind::Plain,
        &["kim.osei", "kwame.boateng", "henrik.solberg", "diego.paredes"],
    ),
    (
        "finance-approvers",
        "May approve access to billing",
        Kind::Plain,
        &["ritva.salonen", "marta.kovalenko"],
    ),
    (
        "hourglass-admins",
        "Administrators of Hourglass",
        Kind::Plain,
        &["ola.berg", "noor.haddad"],
    ),
    (
        "support",
        "Customer support",
        Kind::Plain,
        &["samuel.adeyemi", "anouk.devries", "ravi.menon", "paloma.quintana"],
    ),
    (
        "all-data",
        "Everybody in the data department",
        Kind::Dynamic,
        &["amir.farahani", "zanele.khumalo", "henrik.solberg", "mei.chua"],
    ),
    (
        "fileserver-admins",
        "Administrators of the file servers",
        Kind::Synced,
        &["ravi.menon"],
    ),
    (
        "security-alerts",
        "Receives alerts of the security tools",
        Kind::MailEnabled,
        &["aroha.ngata", "tomasz.wieczorek"],
    ),
    (
        "directory-operators",
        "Holds directory roles",
        Kind::RoleAssignable,
        &[],
    ),
];

/// Somebody in the company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Object id.
    pub id: Uuid,
    /// Sign-in name, for example `dana.reyes@contoso.example`.
    pub user_name: String,
    /// Full name.
    pub display_name: String,
}

/// A group of the company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedGroup {
    /// Object id.
    pub id: Uuid,
    /// Display name.
    pub name: &'static str,
}

/// The people and groups that the demonstration and the tests speak of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    /// Asks for access.
    pub requester: Person,
    /// Approves it; member of `security-approvers`.
    pub approver: Person,
    /// The other members of `security-approvers`.
    pub other_approvers: Vec<Person>,
    /// Administers Hourglass.
    pub admin: Person,
    /// The second administrator, for changes that take two.
    pub second_admin: Person,
    /// Reads everything.
    pub auditor: Person,
    /// Cloud security groups without members that people may ask for.
    pub requestable: Vec<NamedGroup>,
    /// The first of them, which the demonstration uses.
    pub prod_admins: NamedGroup,
    /// Read access to production.
    pub prod_readers: NamedGroup,
    /// Superusers of the databases.
    pub db_breakglass: NamedGroup,
    /// Administrators of billing.
    pub billing_admins: NamedGroup,
    /// The requester's team.
    pub sre: NamedGroup,
    /// Who may approve.
    pub security_approvers: NamedGroup,
    /// Leads, another source of approvers.
    pub platform_leads: NamedGroup,
    /// A group with a standing member ([`Company::standing_member`]).
    pub standing: NamedGroup,
    /// Member of [`Company::standing`] without any grant.
    pub standing_member: Person,
    /// Its members follow a rule; nobody else can change them.
    pub dynamic: NamedGroup,
    /// Mastered on premises.
    pub synced: NamedGroup,
    /// A mail-enabled security group, which Graph can't change.
    pub mail_enabled: NamedGroup,
    /// Needs `RoleManagement.ReadWrite.Directory`.
    pub role_assignable: NamedGroup,
}

impl Company {
    /// The company's key people and groups; nothing is written.
    #[must_use]
    pub fn new() -> Self {
        let row = |kind: Kind| GROUPS.iter().find(|row| row.2 == kind).map_or("", |row| row.0);
        Self {
            requester: person("Dana", "Reyes"),
            approver: person("Kim", "Osei"),
            other_approvers: vec![
                person("Tomasz", "Wieczorek"),
                person("Aroha", "Ngata"),
                person("Priya", "Raman"),
            ],
            admin: person("Ola", "Berg"),
            second_admin: person("Noor", "Haddad"),
            auditor: person("Ines", "Moreau"),
            requestable: GROUPS
                .iter()
                .filter(|row| row.2 == Kind::Plain && row.3.is_empty())
                .map(|row| named(row.0))
                .collect(),
            prod_admins: named("prod-admins"),
            prod_readers: named("prod-readers"),
            db_breakglass: named("db-breakglass"),
            billing_admins: named("billing-admins"),
            sre: named("sre"),
            security_approvers: named("security-approvers"),
            platform_leads: named("platform-leads"),
            standing: named("customer-data-readers"),
            standing_member: person("Mei", "Chua"),
            dynamic: named(row(Kind::Dynamic)),
            synced: named(row(Kind::Synced)),
            mail_enabled: named(row(Kind::MailEnabled)),
            role_assignable: named(row(Kind::RoleAssignable)),
        }
    }

    /// The group with this display name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<NamedGroup> {
        GROUPS.iter().find(|row| row.0 == name).map(|row| named(row.0))
    }

    /// The person with this sign-in name.
    #[must_use]
    pub fn person(&self, user_name: &str) -> Option<Person> {
        PEOPLE
            .iter()
            .map(|row| person(row.0, row.1))
            .find(|person| person.user_name == user_name)
    }

    /// Everybody.
    #[must_use]
    pub fn people(&self) -> Vec<Person> {
        PEOPLE.iter().map(|row| person(row.0, row.1)).collect()
    }

    /// Writes the whole company into the tenant if that is empty, and says who is who. On a tenant that has anything in it,
    /// nothing is changed.
    ///
    /// # Errors
    /// When the tenant's database fails.
    pub fn seed(tenant: &Tenant) -> Result<Self, TenantError> {
        if tenant.is_empty()? {
            let founded = tenant.now();
            tenant.create_all(
                PEOPLE
                    .iter()
                    .zip(1_u32..)
                    .map(|(row, number)| user(row, number, founded))
                    .collect(),
                GROUPS.iter().map(|row| group(row, founded)).collect(),
                GROUPS.iter().flat_map(memberships).collect(),
            )?;
        }
        Ok(Self::new())
    }

    /// Writes only the administrator into the tenant if that is empty.
    ///
    /// # Errors
    /// When the tenant's database fails.
    pub fn seed_admin_only(tenant: &Tenant) -> Result<Person, TenantError> {
        let company = Self::new();
        if tenant.is_empty()? {
            let founded = tenant.now();
            let admin = PEOPLE.iter().find(|row| person(row.0, row.1) == company.admin);
            tenant.create_all(
                admin.map(|row| user(row, 1, founded)).into_iter().collect(),
                Vec::new(),
                Vec::new(),
            )?;
        }
        Ok(company.admin)
    }
}

impl Default for Company {
    fn default() -> Self {
        Self::new()
    }
}

fn local_part(given: &str, family: &str) -> String {
    format!("{}.{}", given.to_lowercase().replace('-', ""), family.to_lowercase())
}

fn person(given: &str, family: &str) -> Person {
    let name = local_part(given, family);
    Person {
        id: stable_id(&format!("user/{name}")),
        user_name: format!("{name}@{DOMAIN}"),
        display_name: format!("{given} {family}"),
    }
}

fn named(name: &'static str) -> NamedGroup {
    NamedGroup {
        id: stable_id(&format!("group/{name}")),
        name,
    }
}

fn user(row: &PersonRow, number: u32, founded: Timestamp) -> User {
    let (given, family, department, title) = *row;
    let person = person(given, family);
    let company = Company::new();
    let mut user = User::new(person.id, &person.user_name, &person.display_name, founded);
    user.given_name = Some(given.to_owned());
    user.surname = Some(family.to_owned());
    user.mail = Some(person.user_name.clone());
    // Numbers that are reserved for fiction; not everybody has a telephone.
    user.business_phone = (!number.is_multiple_of(5)).then(|| format!("+1 (425) 555-01{number:02}"));
    user.department = Some(department.to_owned());
    user.job_title = Some(title.to_owned());
    user.employee_id = Some(format!("C{number:05}"));
    user.app_roles.insert("Requester".to_owned());
    if person == company.approver || company.other_approvers.contains(&person) {
        user.app_roles.insert("Approver".to_owned());
    }
    if person == company.admin || person == company.second_admin {
        user.app_roles.insert("Admin".to_owned());
    }
    if person == company.auditor {
        user.app_roles.insert("Auditor".to_owned());
    }
    user
}

fn group(row: &GroupRow, founded: Timestamp) -> Group {
    let (name, description, kind, _) = *row;
    let mut group = Group::new(named(name).id, name, founded);
    group.description = Some(description.to_owned());
    group.mail_nickname = Some(name.to_owned());
    match kind {
        Kind::Plain => {}
        Kind::Dynamic => {
            group.group_types = vec!["DynamicMembership".to_owned()];
            group.membership_rule = Some("user.department -eq \"Data\"".to_owned());
        }
        Kind::Synced => group.on_premises_sync_enabled = Some(true),
        Kind::MailEnabled => group.mail_enabled = true,
        Kind::RoleAssignable => group.is_assignable_to_role = true,
    }
    group
}

fn memberships(row: &GroupRow) -> Vec<(Uuid, Uuid)> {
    row.3
        .iter()
        .map(|member| (named(row.0).id, stable_id(&format!("user/{member}"))))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::entra::tenant::tests::scratch;

    #[test]
    fn the_company_is_complete_and_consistent() {
        let (_directory, _time, tenant) = scratch();
        let company = Company::seed(&tenant).unwrap();
        let users = tenant.users().unwrap();
        let groups = tenant.groups().unwrap();
        assert!(users.len() >= 40 && groups.len() >= 12);
        let names: BTreeSet<&str> = users.iter().map(|user| user.display_name.as_str()).collect();
        assert_eq!(names.len(), users.len());
        let ids: BTreeSet<Uuid> = users.iter().map(|user| user.id).collect();
        for (group, members) in tenant.state().unwrap() {
            let row = GROUPS.iter().find(|row| named(row.0).id == group).unwrap();
            assert_eq!(members.len(), row.3.len(), "{}", row.0);
            assert!(members.iter().all(|member| ids.contains(member)), "{}", row.0);
        }
        let roles = |person: &Person| tenant.user(person.id).unwrap().unwrap().app_roles;
        assert!(roles(&company.admin).contains("Admin") && roles(&company.second_admin).contains("Admin"));
        assert!(roles(&company.auditor).contains("Auditor"));
        assert_eq!(roles(&company.requester).iter().collect::<Vec<_>>(), ["Requester"]);
        let approvers = tenant.members(company.security_approvers.id).unwrap();
        assert_eq!(approvers.len(), 1 + company.other_approvers.len());
        assert!(approvers.contains(&company.approver.id) && roles(&company.approver).contains("Approver"));
        assert_eq!(
            tenant.members(company.standing.id).unwrap(),
            [company.standing_member.id]
        );
    }

    #[test]
    fn every_kind_of_group_is_there() {
        let (_directory, _time, tenant) = scratch();
        let company = Company::seed(&tenant).unwrap();
        let group = |named: &NamedGroup| tenant.group(named.id).unwrap().unwrap();
        assert!(group(&company.dynamic).is_dynamic());
        assert_eq!(group(&company.synced).on_premises_sync_enabled, Some(true));
        assert!(group(&company.mail_enabled).mail_enabled && group(&company.mail_enabled).security_enabled);
        assert!(group(&company.role_assignable).is_assignable_to_role);
        assert!(company.requestable.contains(&company.prod_admins) && company.requestable.len() >= 8);
    }

    #[test]
    fn a_tenant_in_use_is_left_alone() {
        let (_directory, _time, tenant) = scratch();
        let company = Company::seed(&tenant).unwrap();
        tenant.delete(company.requester.id).unwrap();
        assert_eq!(Company::seed(&tenant).unwrap(), company);
        assert!(tenant.user(company.requester.id).unwrap().is_none());
    }

    #[test]
    fn the_empty_tenant_has_one_administrator() {
        let (_directory, _time, tenant) = scratch();
        let admin = Company::seed_admin_only(&tenant).unwrap();
        assert_eq!(admin.user_name, "ola.berg@contoso.example");
        assert_eq!(tenant.users().unwrap().len(), 1);
        assert!(tenant.groups().unwrap().is_empty());
    }

    #[test]
    fn ids_never_change() {
        // Written down once: forms, scripts and recorded data may name them.
        assert_eq!(
            person("Dana", "Reyes").id.to_string(),
            "d1498cfc-3140-8dfa-9a2e-401e5b5870d7"
        );
        assert_eq!(person("Hye-jin", "Seo").user_name, "hyejin.seo@contoso.example");
    }
}
