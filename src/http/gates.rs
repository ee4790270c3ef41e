//! Who is calling, and what they may do (contract 00 §6, closed as design §7 says).
//!
//! The middleware finds out who calls, once. Gates decide. A bearer that is wrong never falls
//! through to a session or to development mode; `Referer` and `Origin` never count.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::token::{OrgScope, Owner, TokenHash};
use isomer_actors::tokens::KnownToken;

use super::error::ApiError;
use super::session::same_secret;
use super::state::App;
use super::token;

const MISSING: &str = "missing workspace auth token";
const INVALID: &str = "invalid workspace auth token";
const ADMIN_REQUIRED: &str = "admin auth required";
const ADMIN_INVALID: &str = "invalid admin auth token";

/// What the `Authorization` header holds.
#[derive(Clone, Debug)]
pub enum Bearer {
    /// Nothing that begins with exactly `Bearer `.
    None,
    /// The administrator token.
    Admin,
    /// A live token, found in memory.
    Known(KnownToken),
    /// Could be a token that another node issued.
    Unknown(TokenHash),
    /// Cannot be a token.
    Wrong,
}

/// Who is calling.
#[derive(Clone, Debug)]
pub struct Caller {
    pub peer: IpAddr,
    pub bearer: Bearer,
    /// A valid session cookie came along.
    pub session: bool,
    /// Any cookie came along.
    pub has_cookie: bool,
    /// Development mode: open on loopback.
    pub dev: bool,
}

/// Somebody who may administrate.
#[derive(Clone, Debug)]
pub enum Admin {
    Token,
    Session,
    Dev,
    Org(KnownToken),
}

impl Admin {
    /// Returns who it is, for audit rows and `created_by`.
    pub fn name(&self) -> String {
        match self {
            Self::Token => "admin-token".to_owned(),
            Self::Session => "session".to_owned(),
            Self::Dev => "development".to_owned(),
            Self::Org(token) => format!("org-token:{}", prefix(token)),
        }
    }
}

/// Somebody who may act for one workspace.
#[derive(Clone, Debug)]
pub enum Actor {
    /// The workspace's own token.
    Own(KnownToken),
    /// Somebody who may administrate.
    Admin(Admin),
}

impl Actor {
    /// Returns who it is, for audit rows.
    pub fn name(&self) -> String {
        match self {
            Self::Own(token) => format!("workspace-token:{}", prefix(token)),
            Self::Admin(admin) => admin.name(),
        }
    }
}

fn prefix(token: &KnownToken) -> String {
    String::from_utf8_lossy(&token.prefix).into_owned()
}

impl Caller {
    /// Finds out who calls. Memory only.
    pub fn identify(app: &App, headers: &HeaderMap, peer: IpAddr) -> Self {
        let has_cookie = headers.contains_key(header::COOKIE);
        let session = has_cookie && app.sessions.is_valid(headers, app.clock.now().timestamp());
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .map_or(Bearer::None, |text| bearer(app, text.trim()));
        Self { peer, bearer, session, has_cookie, dev: app.config.auth.dev_mode }
    }

    /// Looks a token up in the store that memory does not know.
    ///
    /// # Errors
    /// 503 when the store cannot be asked: then nobody is let in and nobody called wrong.
    pub(super) async fn known(&self, app: &App) -> Result<Bearer, ApiError> {
        match &self.bearer {
            Bearer::Unknown(hash) => Ok(app
                .tokens
                .authenticate(hash)
                .await
                .map_err(|_| ApiError::unavailable())?
                .map_or(Bearer::Wrong, Bearer::Known)),
            other => Ok(other.clone()),
        }
    }

    /// The ADMIN gate (contract 00 §6.3).
    ///
    /// # Errors
    /// 401, or 503 when that cannot be told.
    pub async fn admin(&self, app: &App) -> Result<Admin, ApiError> {
        if self.dev {
            return Ok(Admin::Dev);
        }
        match self.known(app).await? {
            Bearer::Admin => Ok(Admin::Token),
            Bearer::Known(token) if is_org_admin(&token) => Ok(Admin::Org(token)),
            Bearer::None if self.session => Ok(Admin::Session),
            Bearer::None => Err(ApiError::unauthorized(ADMIN_REQUIRED)),
            _ => Err(ApiError::unauthorized(ADMIN_INVALID)),
        }
    }

    /// The WS gate (contract 00 §6.2). The path id is compared as text: an upper-case one never
    /// matches a token.
    ///
    /// # Errors
    /// 401, or 503 when that cannot be told.
    pub async fn workspace(&self, app: &App, id: &str) -> Result<Actor, ApiError> {
        match self.known(app).await? {
            Bearer::Admin => Ok(Actor::Admin(Admin::Token)),
            Bearer::Known(token) if is_org_admin(&token) => Ok(Actor::Admin(Admin::Org(token))),
            Bearer::Known(token) if speaks_for(&token, id) => Ok(Actor::Own(token)),
            Bearer::None if self.session => Ok(Actor::Admin(Admin::Session)),
            Bearer::None if self.dev => Ok(Actor::Admin(Admin::Dev)),
            Bearer::None => Err(ApiError::unauthorized(MISSING)),
            _ => Err(ApiError::unauthorized(INVALID)),
        }
    }

    /// The COB gate (contract 00 §6.4), without its holes: the administrator, any workspace's
    /// token, or a session.
    ///
    /// # Errors
    /// 401, or 503 when that cannot be told.
    pub async fn canvas_or_bearer(&self, app: &App) -> Result<(), ApiError> {
        match self.known(app).await? {
            Bearer::Admin => Ok(()),
            Bearer::Known(token) if matches!(token.owner, Owner::Workspace(_)) => Ok(()),
            Bearer::None if self.session || self.dev => Ok(()),
            Bearer::None => Err(ApiError::unauthorized(ADMIN_REQUIRED)),
            _ => Err(ApiError::unauthorized(ADMIN_INVALID)),
        }
    }

    /// The workspace's own token, once it has one (contract 00 §6.7). A workspace that had tokens
    /// and has none that lives is closed, not open.
    ///
    /// # Errors
    /// 401, or 503 when that cannot be told.
    pub async fn own_token(&self, app: &App, id: WorkspaceId) -> Result<(), ApiError> {
        let text = id.to_string();
        match self.known(app).await? {
            Bearer::Known(token) if speaks_for(&token, &text) => return Ok(()),
            Bearer::None => {}
            _ if never_had_tokens(app, id) => {}
            _ => return Err(ApiError::unauthorized(INVALID)),
        }
        if never_had_tokens(app, id) { Ok(()) } else { Err(ApiError::unauthorized(MISSING)) }
    }

    /// The same for reading who is around, which sessions and development mode may too.
    ///
    /// # Errors
    /// 401, or 503 when that cannot be told.
    pub async fn own_token_or_canvas(&self, app: &App, id: WorkspaceId) -> Result<(), ApiError> {
        if matches!(self.bearer, Bearer::None) && (self.dev || self.session) {
            return Ok(());
        }
        self.own_token(app, id).await
    }

    /// Returns whether somebody with authority over all workspaces calls, and whether they may
    /// also reclaim a workspace whose tokens were revoked.
    ///
    /// # Errors
    /// 503 when that cannot be told.
    pub async fn registrar(&self, app: &App) -> Result<Registrar, ApiError> {
        Ok(match self.known(app).await? {
            Bearer::Admin => Registrar::Admin,
            Bearer::Known(token) => match token.owner {
                Owner::Org { scope: OrgScope::Admin, .. } => Registrar::Admin,
                Owner::Org { scope: OrgScope::Join, .. } => Registrar::Join,
                Owner::Workspace(id) => Registrar::Workspace(id),
            },
            _ if self.dev => Registrar::Join,
            Bearer::None => Registrar::Nobody,
            _ => Registrar::Wrong,
        })
    }

    /// Any valid credential at all: for questions about the organisation.
    ///
    /// # Errors
    /// 401, or 503 when that cannot be told.
    pub async fn anybody(&self, app: &App) -> Result<Option<WorkspaceId>, ApiError> {
        match self.known(app).await? {
            Bearer::Known(token) => match token.owner {
                Owner::Workspace(id) => Ok(Some(id)),
                Owner::Org { scope: OrgScope::Admin, .. } => Ok(None),
                Owner::Org { .. } => Err(ApiError::unauthorized(INVALID)),
            },
            Bearer::Admin => Ok(None),
            Bearer::None if self.session || self.dev => Ok(None),
            Bearer::None => Err(ApiError::unauthorized(MISSING)),
            _ => Err(ApiError::unauthorized(INVALID)),
        }
    }
}

/// Who asks to register a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registrar {
    /// Administrator or organisation: any workspace.
    Admin,
    /// Join token or development mode: new ones, and known ones without a live token.
    Join,
    /// The agent of this workspace.
    Workspace(WorkspaceId),
    /// No bearer.
    Nobody,
    /// A bearer that is not live.
    Wrong,
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    /// The middleware has found out already.
    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(ApiError::unavailable)
    }
}

fn bearer(app: &App, text: &str) -> Bearer {
    if text.is_empty() {
        return Bearer::None;
    }
    if token::is_plausible(text) {
        let hash = token::hash(text);
        if let Some(known) = app.tokens.find(&hash) {
            return Bearer::Known(known);
        }
        if same_secret(text, &app.admin_token) {
            return Bearer::Admin;
        }
        return Bearer::Unknown(hash);
    }
    if same_secret(text, &app.admin_token) { Bearer::Admin } else { Bearer::Wrong }
}

pub(super) fn is_org_admin(token: &KnownToken) -> bool {
    matches!(token.owner, Owner::Org { scope: OrgScope::Admin, .. })
}

fn speaks_for(token: &KnownToken, id: &str) -> bool {
    matches!(token.owner, Owner::Workspace(own) if own.to_string() == id)
}

pub(super) fn never_had_tokens(app: &App, id: WorkspaceId) -> bool {
    app.directory.glimpse(id).is_none_or(|glimpse| !glimpse.had_tokens)
}

/// Parses a path id in any written form (contract 00 §2).
///
/// # Errors
/// 400 `invalid workspace ID`.
pub fn workspace_id(text: &str) -> Result<WorkspaceId, ApiError> {
    WorkspaceId::parse_loose(text)
        .ok_or_else(|| ApiError::bad_request("invalid workspace ID").field("id", "not a UUID"))
}
