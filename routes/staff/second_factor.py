"""The second factor of staff with a password here, as JSON. Its pages are in routes.pages.console."""

from hub.people.identity import StaffAccounts
from routes.staff.schemas import (
    OwnPasswordAndCode,
    StaffFactorOut,
    StaffFactorSetUp,
    StaffPassword,
    StaffPasswordAndCode,
)
from routes.traveler.security import Enrolled, RecoveryCodes
from routes.web.endpoint_api import ANYONE, STAFF_SELF, Call, get, post

TAGS = ("staff",)


class StaffFactorRoutes:
    def __init__(self, staff: StaffAccounts) -> None:
        self._staff = staff

    @post("/api/v1/auth/second-factor", status=201, permission=ANYONE, rate_limit="auth", tags=TAGS)
    async def begin(self, call: Call, body: StaffPassword) -> Enrolled:
        """Begin with a second factor, by e-mail address and password. No session is needed, because a role may
        need the factor before its first session (`second_factor_setup_required` at the sign-in).

        It is on when a first code has been confirmed; until then this answers with the same key again. Errors:
        `wrong_credentials` (401), `staff_disabled` (403), `second_factor_on` and `use_provider` (409).
        """
        enrollment = await self._staff.begin_second_factor(body.email, body.password)
        return Enrolled(secret=enrollment.secret, uri=enrollment.uri, qr_svg=enrollment.qr_svg)

    @post("/api/v1/auth/second-factor/confirm", permission=ANYONE, rate_limit="auth", tags=TAGS)
    async def confirm(self, call: Call, body: StaffPasswordAndCode) -> StaffFactorSetUp:
        """Turn the second factor on with a first code, and sign in.

        Errors: `wrong_credentials` (401), `wrong_code` and `staff_disabled` (403), `second_factor_not_begun`,
        `second_factor_on` and `use_provider` (409), `too_many_failures` (429).
        """
        session, codes = await self._staff.confirm_second_factor(body.email, body.password, body.code)
        return StaffFactorSetUp.from_domain(session, recovery_codes=codes)

    @get("/api/v1/me/second-factor", permission=STAFF_SELF, tags=TAGS)
    async def status(self, call: Call) -> StaffFactorOut:
        """Whether your second factor is on, and whether your role needs one."""
        member = await self._staff.members.find_member(call.signed_in_caller.id)
        status = await self._staff.second_factors.get_status(member.id)
        return StaffFactorOut(
            enabled=status.on,
            since=status.since,
            recovery_codes_left=status.recovery_codes_left,
            required=self._staff.second_factors.is_required(member),
        )

    @post("/api/v1/me/second-factor/recovery-codes", permission=STAFF_SELF, rate_limit="auth", tags=TAGS)
    async def renew_codes(self, call: Call, body: OwnPasswordAndCode) -> RecoveryCodes:
        """New recovery codes; the old ones are void.

        Errors: `wrong_password` and `wrong_code` (403), `second_factor_off` (409), `too_many_failures` (429).
        """
        codes = await self._staff.renew_recovery_codes(call.signed_in_caller, body.password, body.code)
        return RecoveryCodes(recovery_codes=codes)

    @post("/api/v1/me/second-factor/disable", status=204, permission=STAFF_SELF, rate_limit="auth", tags=TAGS)
    async def turn_off(self, call: Call, body: OwnPasswordAndCode) -> None:
        """Turn your second factor off. A role that needs one keeps it.

        Errors: `wrong_password` and `wrong_code` (403), `second_factor_off` and `second_factor_required` (409),
        `too_many_failures` (429).
        """
        await self._staff.turn_off_second_factor(call.signed_in_caller, body.password, body.code)
