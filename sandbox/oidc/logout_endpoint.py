"""RP-initiated logout: ends the session, and sends the browser back where it may be sent."""

from urllib.parse import urlencode

from aiohttp import web

from sandbox.oidc.html_pages import HtmlPages, redirect_to
from sandbox.oidc.state import get_clients, get_oidc_state, is_registered, read_token
from sandbox.state import SandboxState


class LogoutEndpoint:
    def __init__(self, world: SandboxState) -> None:
        self._world = world
        self._pages = HtmlPages()

    async def handle_request(self, request: web.Request) -> web.Response:
        """An expired hint is a good hint: it names the session, no more. A forged or foreign one is refused."""
        form = await request.post() if request.method == "POST" else {}
        given = {**request.query, **{name: str(value) for name, value in form.items()}}
        hint, back = given.get("id_token_hint", ""), given.get("post_logout_redirect_uri", "")
        state = get_oidc_state(self._world)
        claims = read_token(state, hint) if hint else None
        client_id = given.get("client_id") or (claims or {}).get("aud")
        if (hint and claims is None) or (claims and claims["aud"] != client_id):
            return self._pages.render_refusal("The id_token_hint is not one of ours for this client.")
        if back and (client_id not in get_clients(self._world) or not is_registered(self._world, back, "")):
            return self._pages.render_refusal("The post_logout_redirect_uri is not registered for this client.")
        if claims and (session := state.sessions.get(str(claims.get("sid")))):
            session.has_ended = True
        if not back:
            return self._pages.render_page("message.html", title="Signed out", message="You can close this page.")
        more = urlencode({"state": given["state"]}) if given.get("state") else ""
        return redirect_to(back + ("&" if "?" in back else "?") + more if more else back)
