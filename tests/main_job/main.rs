//! The main job, end to end: provision, request, approve, grant, expire, on the whole system in this process.

#![cfg(test)]

mod bad_input;
mod drift;
mod entra_trouble;
mod extension;
mod life_of_a_grant;
mod lifecycle;
mod outside;
mod restart;
mod scim_secrets;
