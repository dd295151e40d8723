"""Staff sign-in at an OpenID provider (Keycloak, Auth0, any): authorization code with PKCE, and bearer tokens."""

from adapters.oidc.provider import OidcProvider

__all__ = ["OidcProvider"]
