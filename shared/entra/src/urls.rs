//! Every call to Microsoft Graph that this crate can make, with its url. Calls are built here and nowhere else.
//!
//! **The trap.** `DELETE /groups/{group}/members/{member}/$ref` takes a member out of a group. Without the last segment
//! the same call deletes the member *itself*, the user object, if the application may do that (Microsoft Graph, "Remove
//! member"). So there is one constructor for removals, its ids are GUIDs by type, nothing else in this crate can make a
//! `DELETE`, and a test looks at what it makes.

use hourglass_domain::ids::ObjectId;
use serde_json::{Value, json};
use url::Url;

/// Members on a page when looking for somebody: the most that Graph gives.
pub(crate) const LARGEST_PAGE: usize = 999;
/// Members on a page when somebody wants to read them.
const LISTED_PAGE: usize = 200;
/// Longest link to a next page, in bytes.
const LONGEST_LINK: usize = 8 * 1024;
/// What `preflight` wants to know of a group.
const GROUP_PROPERTIES: &str = "id,displayName,groupTypes,onPremisesSyncEnabled,isAssignableToRole,\
                                isManagementRestricted,mailEnabled,securityEnabled";

/// The list of Conditional Access policies.
const POLICIES: &str = "/identity/conditionalAccess/policies";

/// The HTTP methods in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Method {
    Get,
    Post,
    Delete,
}

impl Method {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// Which calls Graph sheds first when it throttles (Microsoft Graph, "Throttling limits", identity and access).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Priority {
    /// Reads that can wait: lists and preflights.
    Low,
    /// Adds, and the reads that decide about a membership.
    Normal,
    /// Removals: they take privilege away.
    High,
}

impl Priority {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// The address of Graph v1.0 in one cloud, without a trailing slash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Root(String);

/// A link to a next page that leads away from the list being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the link to the next page does not lead to the list that is being read")]
pub(crate) struct ForeignLink;

impl Root {
    pub(crate) fn new(graph: &str) -> Self {
        Self(format!("{graph}/v1.0"))
    }

    /// The url of a call that goes alone.
    pub(crate) fn url(&self, ask: &Ask) -> String {
        format!("{}{}", self.0, ask.path)
    }

    /// The url of several calls in one.
    pub(crate) fn batch_url(&self) -> String {
        format!("{}/$batch", self.0)
    }

    /// The path of a link to the next page of the group's member list, below this root.
    ///
    /// The link would be called with our token, and may have been through other hands as a cursor: it has to lead to the
    /// same origin and to the same list.
    fn path_of_next(&self, group: ObjectId, link: &str) -> Result<String, ForeignLink> {
        // OData has two spellings of a key.
        let lists = [
            format!("/groups/{group}/members"),
            format!("/groups('{group}')/members"),
        ];
        self.path_below(link, &lists)
    }

    fn path_below(&self, link: &str, lists: &[String]) -> Result<String, ForeignLink> {
        if link.len() > LONGEST_LINK {
            return Err(ForeignLink);
        }
        let root = Url::parse(&self.0).map_err(|_| ForeignLink)?;
        let link = Url::parse(link).map_err(|_| ForeignLink)?;
        let same_origin = link.origin() == root.origin() && root.origin().is_tuple();
        let bare = link.username().is_empty() && link.password().is_none() && link.fragment().is_none();
        let below = link.path().strip_prefix(root.path()).unwrap_or_default();
        let listed = lists.iter().any(|path| path.eq_ignore_ascii_case(below));
        match link.query() {
            Some(query) if same_origin && bare && listed => Ok(format!("{below}?{query}")),
            _ => Err(ForeignLink),
        }
    }
}

/// One call.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    body: Option<Value>,
    priority: Priority,
}

impl Ask {
    fn get(path: String, priority: Priority) -> Self {
        Self {
            method: Method::Get,
            path,
            body: None,
            priority,
        }
    }

    /// Adds one direct member (Microsoft Graph, "Add members").
    pub(crate) fn add(root: &Root, group: ObjectId, member: ObjectId) -> Self {
        Self {
            method: Method::Post,
            path: format!("/groups/{group}/members/$ref"),
            body: Some(json!({ "@odata.id": format!("{}/directoryObjects/{member}", root.0) })),
            priority: Priority::Normal,
        }
    }

    /// Removes one direct member. See the head of this module before touching it.
    pub(crate) fn remove(group: ObjectId, member: ObjectId) -> Self {
        Self {
            method: Method::Delete,
            path: format!("/groups/{group}/members/{member}/$ref"),
            body: None,
            priority: Priority::High,
        }
    }

    /// The first page of the direct members, ids only, to find somebody among them.
    pub(crate) fn members(group: ObjectId) -> Self {
        Self::get(
            format!("/groups/{group}/members?$select=id&$top={LARGEST_PAGE}"),
            Priority::Normal,
        )
    }

    /// The first page of the direct members, with names, for people.
    pub(crate) fn members_with_names(group: ObjectId) -> Self {
        Self::get(
            format!("/groups/{group}/members?$select=id,displayName&$top={LISTED_PAGE}"),
            Priority::Low,
        )
    }

    /// The page that a link of the page before leads to.
    pub(crate) fn next_members(
        root: &Root,
        group: ObjectId,
        link: &str,
        priority: Priority,
    ) -> Result<Self, ForeignLink> {
        root.path_of_next(group, link).map(|path| Self::get(path, priority))
    }

    /// What kind of group it is.
    pub(crate) fn group(group: ObjectId) -> Self {
        Self::get(format!("/groups/{group}?$select={GROUP_PROPERTIES}"), Priority::Low)
    }

    /// Whether the group exists.
    pub(crate) fn group_exists(group: ObjectId) -> Self {
        Self::get(format!("/groups/{group}?$select=id"), Priority::Normal)
    }

    /// Whether the user exists.
    pub(crate) fn user_exists(user: ObjectId) -> Self {
        Self::get(format!("/users/{user}?$select=id"), Priority::Normal)
    }

    /// Whether the user may sign in (Microsoft Graph, "Get a user").
    pub(crate) fn user_enabled(user: ObjectId) -> Self {
        Self::get(format!("/users/{user}?$select=id,accountEnabled"), Priority::Normal)
    }

    /// The first page of the Conditional Access policies (Microsoft Graph, "List policies").
    pub(crate) fn access_policies() -> Self {
        Self::get(POLICIES.to_owned(), Priority::Low)
    }

    /// The page that a link of the page before leads to.
    pub(crate) fn next_access_policies(root: &Root, link: &str) -> Result<Self, ForeignLink> {
        root.path_below(link, &[POLICIES.to_owned()])
            .map(|path| Self::get(path, Priority::Low))
    }

    /// The cheapest call that needs the permission to read groups.
    pub(crate) fn any_group() -> Self {
        Self::get("/groups?$select=id&$top=1".to_owned(), Priority::Low)
    }

    pub(crate) const fn method(&self) -> Method {
        self.method
    }

    pub(crate) const fn body(&self) -> Option<&Value> {
        self.body.as_ref()
    }

    pub(crate) const fn priority(&self) -> Priority {
        self.priority
    }

    /// The path for logs: without the query, which can be long.
    pub(crate) fn bare_path(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// The call as one item of a `$batch` (Microsoft Graph, "Combine multiple HTTP requests using JSON batching").
    pub(crate) fn as_batch_item(&self, id: usize) -> Value {
        let mut headers = json!({ "x-ms-throttle-priority": self.priority.name() });
        let mut item = json!({ "id": id.to_string(), "method": self.method.name(), "url": self.path });
        if let (Some(body), Some(item), Some(headers)) = (&self.body, item.as_object_mut(), headers.as_object_mut()) {
            headers.insert("Content-Type".to_owned(), json!("application/json"));
            item.insert("body".to_owned(), body.clone());
        }
        if let Some(item) = item.as_object_mut() {
            item.insert("headers".to_owned(), headers);
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "11111111-2222-3333-4444-555555555555";
    const MEMBER: &str = "6F9619FF-8B86-D011-B42D-00CF4FC964FF";

    fn id(text: &str) -> ObjectId {
        text.parse().unwrap()
    }

    fn root() -> Root {
        Root::new("https://graph.microsoft.com")
    }

    #[test]
    fn a_removal_removes_the_reference_and_never_the_object() {
        let ask = Ask::remove(id(GROUP), id(MEMBER));
        let path = format!("/groups/{GROUP}/members/6f9619ff-8b86-d011-b42d-00cf4fc964ff/$ref");
        assert_eq!((ask.method(), ask.priority()), (Method::Delete, Priority::High));
        assert!(ask.body().is_none());
        // Alone and in a batch.
        assert_eq!(root().url(&ask), format!("https://graph.microsoft.com/v1.0{path}"));
        assert!(root().url(&ask).ends_with("/$ref"));
        let item = ask.as_batch_item(3);
        assert_eq!(item["method"], "DELETE");
        assert_eq!(item["url"], path);
        assert!(item.get("body").is_none());
        // What the url parser of the client makes of it still ends like that.
        assert!(Url::parse(&root().url(&ask)).unwrap().as_str().ends_with("/$ref"));
    }

    #[test]
    fn only_removals_delete_and_no_id_can_bend_a_path() {
        let (group, member) = (id(GROUP), id(MEMBER));
        let others = [
            Ask::add(&root(), group, member),
            Ask::members(group),
            Ask::members_with_names(group),
            Ask::group(group),
            Ask::group_exists(group),
            Ask::user_exists(member),
            Ask::any_group(),
        ];
        assert!(others.iter().all(|ask| ask.method() != Method::Delete));
        for bad in [
            "x/../../users/y",
            "../users/1",
            "$ref",
            "",
            "11111111-2222-3333-4444-55555555555/",
        ] {
            assert!(bad.parse::<ObjectId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_add_names_the_object_in_the_same_graph() {
        let ask = Ask::add(&root(), id(GROUP), id(MEMBER));
        assert_eq!(
            root().url(&ask),
            format!("https://graph.microsoft.com/v1.0/groups/{GROUP}/members/$ref")
        );
        assert_eq!(
            ask.body().unwrap()["@odata.id"],
            "https://graph.microsoft.com/v1.0/directoryObjects/6f9619ff-8b86-d011-b42d-00cf4fc964ff"
        );
        assert_eq!(ask.as_batch_item(0)["headers"]["Content-Type"], "application/json");
        assert_eq!(ask.priority(), Priority::Normal);
    }

    #[test]
    fn a_next_page_is_read_from_the_same_list_only() {
        let group = id(GROUP);
        let next = |link: &str| Ask::next_members(&root(), group, link, Priority::Low).map(|ask| root().url(&ask));
        let good = format!("https://graph.microsoft.com/v1.0/groups/{GROUP}/members?$select=id&$skiptoken=RFN");
        assert_eq!(next(&good), Ok(good.clone()));
        let keyed = format!("https://graph.microsoft.com/v1.0/groups('{GROUP}')/members?$skiptoken=RFN");
        assert_eq!(next(&keyed), Ok(keyed.clone()));
        for bad in [
            format!("https://graph.contoso.example/v1.0/groups/{GROUP}/members?$skiptoken=1"),
            format!("http://graph.microsoft.com/v1.0/groups/{GROUP}/members?$skiptoken=1"),
            format!("https://graph.microsoft.com:8443/v1.0/groups/{GROUP}/members?$skiptoken=1"),
            format!("https://graph.microsoft.com@contoso.example/v1.0/groups/{GROUP}/members?$skiptoken=1"),
            format!("https://someone@graph.microsoft.com/v1.0/groups/{GROUP}/members?$skiptoken=1"),
            format!("https://graph.microsoft.com/beta/groups/{GROUP}/members?$skiptoken=1"),
            format!("https://graph.microsoft.com/v1.0/groups/{GROUP}/members/../../../users?$skiptoken=1"),
            format!("https://graph.microsoft.com/v1.0/groups/{GROUP}/transitiveMembers?$skiptoken=1"),
            format!("https://graph.microsoft.com/v1.0/groups/{GROUP}/members"),
            format!("https://graph.microsoft.com/v1.0/groups/{GROUP}/members?$skiptoken=1#x"),
            "https://graph.microsoft.com/v1.0/groups/99999999-2222-3333-4444-555555555555/members?$skiptoken=1"
                .to_owned(),
            format!("/v1.0/groups/{GROUP}/members?$skiptoken=1"),
            format!(
                "https://graph.microsoft.com/v1.0/groups/{GROUP}/members?$skiptoken={}",
                "x".repeat(LONGEST_LINK)
            ),
            String::new(),
        ] {
            assert_eq!(next(&bad), Err(ForeignLink), "{bad}");
        }
    }
}
