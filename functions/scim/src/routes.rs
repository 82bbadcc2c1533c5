//! The endpoints. A handler reads the call, hands it to the use case, and turns the outcome into a status.

use axum::response::{IntoResponse as _, Response};
use hourglass_app::scim::{Kind, ListParams, Projection, ScimError, discovery};
use http::{HeaderMap, StatusCode};

use crate::answer::{Failure, changed, document, resource, unless_known};
use crate::input::{Body, Endpoint, Id, Params, if_match};

type Answer = Result<Response, Failure>;

pub(crate) async fn create_user(Endpoint(scim): Endpoint, params: Params, Body(body): Body) -> Answer {
    let user = scim.create_user(body).await?;
    Ok(resource(StatusCode::CREATED, user, Kind::User, params.projection()))
}

pub(crate) async fn get_user(Endpoint(scim): Endpoint, Id(id): Id, params: Params, headers: HeaderMap) -> Answer {
    let user = scim.user(&id).await?;
    Ok(unless_known(&headers, user, Kind::User, params.projection()))
}

pub(crate) async fn replace_user(
    Endpoint(scim): Endpoint,
    Id(id): Id,
    params: Params,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer {
    let user = scim.replace_user(&id, body, if_match(&headers)).await?;
    Ok(resource(StatusCode::OK, user, Kind::User, params.projection()))
}

pub(crate) async fn patch_user(
    Endpoint(scim): Endpoint,
    Id(id): Id,
    params: Params,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer {
    let user = scim.patch_user(&id, body, if_match(&headers)).await?;
    Ok(resource(StatusCode::OK, user, Kind::User, params.projection()))
}

pub(crate) async fn delete_user(Endpoint(scim): Endpoint, Id(id): Id, headers: HeaderMap) -> Answer {
    scim.delete_user(&id, if_match(&headers)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn list_users(Endpoint(scim): Endpoint, Params(params): Params) -> Answer {
    Ok(document(&scim.list(Kind::User, &params).await?))
}

pub(crate) async fn search_users(Endpoint(scim): Endpoint, Body(body): Body) -> Answer {
    let params = ListParams::from_search(&body)?;
    Ok(document(&scim.list(Kind::User, &params).await?))
}

pub(crate) async fn create_group(Endpoint(scim): Endpoint, params: Params, Body(body): Body) -> Answer {
    let group = scim.create_group(body).await?;
    Ok(resource(StatusCode::CREATED, group, Kind::Group, params.projection()))
}

pub(crate) async fn get_group(Endpoint(scim): Endpoint, Id(id): Id, params: Params, headers: HeaderMap) -> Answer {
    let group = scim.group(&id, params.projection()).await?;
    if params.projection().wants_members() {
        // Members whose accounts were deleted are none any more, and the group's version does not move with that.
        return Ok(resource(StatusCode::OK, group, Kind::Group, params.projection()));
    }
    Ok(unless_known(&headers, group, Kind::Group, params.projection()))
}

pub(crate) async fn replace_group(
    Endpoint(scim): Endpoint,
    Id(id): Id,
    params: Params,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer {
    let group = scim
        .replace_group(&id, body, if_match(&headers), params.projection())
        .await?;
    Ok(resource(StatusCode::OK, group, Kind::Group, params.projection()))
}

/// 204, because showing a group means reading its members; a client that names `attributes` gets them (RFC 7644
/// section 3.5.2).
pub(crate) async fn patch_group(
    Endpoint(scim): Endpoint,
    Id(id): Id,
    params: Params,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer {
    let group = scim.patch_group(&id, body, if_match(&headers)).await?;
    if !matches!(params.projection(), Projection::Only(_)) {
        return Ok(changed(StatusCode::NO_CONTENT, group.version));
    }
    let group = scim.patched_group(&group, params.projection()).await?;
    Ok(resource(StatusCode::OK, group, Kind::Group, params.projection()))
}

pub(crate) async fn delete_group(Endpoint(scim): Endpoint, Id(id): Id, headers: HeaderMap) -> Answer {
    scim.delete_group(&id, if_match(&headers)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn list_groups(Endpoint(scim): Endpoint, Params(params): Params) -> Answer {
    Ok(document(&scim.list(Kind::Group, &params).await?))
}

pub(crate) async fn search_groups(Endpoint(scim): Endpoint, Body(body): Body) -> Answer {
    let params = ListParams::from_search(&body)?;
    Ok(document(&scim.list(Kind::Group, &params).await?))
}

/// Users and groups together (RFC 7644 section 3.4.3).
pub(crate) async fn search_everything(Endpoint(scim): Endpoint, Body(body): Body) -> Answer {
    let params = ListParams::from_search(&body)?;
    Ok(document(&scim.list_everything(&params).await?))
}

fn without_filter(Params(params): Params) -> Result<(), Failure> {
    match params.filter {
        Some(_) => Err(ScimError::NoFilterHere.into()),
        None => Ok(()),
    }
}

pub(crate) async fn service_provider_config(Endpoint(scim): Endpoint, params: Params) -> Answer {
    without_filter(params)?;
    Ok(document(&discovery::service_provider_config(&scim.base())))
}

pub(crate) async fn schemas(Endpoint(scim): Endpoint, params: Params) -> Answer {
    without_filter(params)?;
    Ok(document(&discovery::schemas(&scim.base())))
}

pub(crate) async fn schema(Endpoint(scim): Endpoint, Id(urn): Id, params: Params) -> Answer {
    without_filter(params)?;
    Ok(document(&discovery::schema(&scim.base(), &urn)?))
}

pub(crate) async fn resource_types(Endpoint(scim): Endpoint, params: Params) -> Answer {
    without_filter(params)?;
    Ok(document(&discovery::resource_types(&scim.base())))
}

pub(crate) async fn resource_type(Endpoint(scim): Endpoint, Id(name): Id, params: Params) -> Answer {
    without_filter(params)?;
    Ok(document(&discovery::resource_type(&scim.base(), &name)?))
}
