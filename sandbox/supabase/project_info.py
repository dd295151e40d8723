"""What a project says of itself: health, settings, and the keys that its tokens are checked with."""

from aiohttp import web

from sandbox.supabase.users import Record
from sandbox.supabase.wire import SupabaseCall

_PROVIDERS = (
    "anonymous_users apple azure bitbucket discord facebook snapchat figma fly github gitlab google keycloak kakao "
    "linkedin linkedin_oidc notion spotify slack slack_oidc workos twitch twitter email phone zoom"
).split()


async def show_health(_: SupabaseCall) -> Record:
    about = "GoTrue is a user registration and authentication API"
    return {"version": "v2.180.0", "name": "GoTrue", "description": about}


async def show_settings(call: SupabaseCall) -> Record:
    kept = call.project.settings
    return {
        "external": {name: name == "email" for name in _PROVIDERS},
        "disable_signup": kept.disable_signup,
        "mailer_autoconfirm": kept.autoconfirm,
        "phone_autoconfirm": False,
        "sms_provider": "",
        "saml_enabled": False,
        "saml_private_key_next_configured": False,
        "passkeys_enabled": False,
    }


async def show_jwks(call: SupabaseCall) -> web.Response:
    return web.json_response({"keys": call.project.keys.public_jwks}, headers={"Cache-Control": "public, max-age=600"})
